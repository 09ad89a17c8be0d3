"""A driver that joins a cluster whose machines do not have its data: ``python cluster_driver.py FOLDER``."""

import sys
from dataclasses import dataclass
from pathlib import Path

from ray.cluster_utils import Cluster
from search_doubles import make_params, pretend_to_train

from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.working.engine import Trained
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.genotype import Genotype


@dataclass(frozen=True)
class Reader:
    """A trainer that gives the annotations it finds for weights."""

    def __call__(self, spec, params, parent_weights):
        result, _ = pretend_to_train(spec, params, parent_weights)
        return result, Path(params.dataset.root, "annotations/person_keypoints_val2017.json").read_bytes()


def main(folder: Path) -> None:
    make_params(folder / "disk")
    mounted = folder / "mounted"
    mounted.symlink_to(folder / "disk")
    head = {"num_cpus": 1, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        params = make_params(mounted, f"evolve.ray_address='{cluster.address}'")
        spec = IndividualSpec(0, 0, None, "", Genotype.from_lists(params.evolve.ancestor), None, epochs=1, seed=0)
        with ray_workers(params, Reader()) as engine:
            while not engine.slots:  # until the machine has told what it has installed
                assert engine.wait(0.2) == []
            sys.stdout.write(f"{engine.slots} slots\n")
            mounted.unlink()
            engine.submit(spec, None)
            (outcome,) = engine.wait(60)
        assert isinstance(outcome, Trained), outcome
        sys.stdout.write(f"fetched {outcome.weights.decode()}\n")
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
