"""A cluster on the loopback: ``python small_cluster.py [SHADOW]``; prints its address, ends with its standard input.

Its head trains nothing and one machine trains. Another one finds in SHADOW a project that cannot be imported.
"""

import sys

from ray.cluster_utils import Cluster


def main(*shadows: str) -> None:
    alike = {"include_dashboard": False, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args={**alike, "num_cpus": 0})
    try:
        for shadow in shadows:
            cluster.add_node(**alike, num_cpus=2, env_vars={"PYTHONPATH": shadow})
        cluster.add_node(**alike, num_cpus=1)
        sys.stdout.write(f"{cluster.address}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
