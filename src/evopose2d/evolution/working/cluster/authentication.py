"""Whether a cluster asks for a token, and takes the one that this process has.

Asked of its control service (GCS) itself: Ray's own client says nothing of a token that is refused but a warning a
second, and that it failed to connect.
"""

import contextlib

import grpc
from ray._private.grpc_utils import init_grpc_channel
from ray.core.generated.gcs_service_pb2 import GetClusterIdRequest
from ray.core.generated.gcs_service_pb2_grpc import NodeInfoGcsServiceStub

_SECONDS = 10.0


def refuses_us(address: str) -> bool:
    """Return whether the cluster does not take this process's token, or asks for one where there is none.

    Args:
        address: host and port of its GCS.

    Raises:
        AuthenticationError: ``RAY_AUTH_MODE`` asks for a token that this machine does not have.
    """
    return _answer(init_grpc_channel(address)) is grpc.StatusCode.UNAUTHENTICATED


def is_open(address: str) -> bool:
    """Return whether the cluster answers whoever reaches it, without a token or a certificate."""
    return _answer(grpc.insecure_channel(address)) is grpc.StatusCode.OK


def _answer(channel: grpc.Channel) -> grpc.StatusCode:
    with contextlib.closing(channel):
        try:
            NodeInfoGcsServiceStub(channel).GetClusterId(GetClusterIdRequest(), timeout=_SECONDS)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK
