"""`nvmed health`: what probes of containers run beside the daemon, through its socket: no certificate is asked for."""

from __future__ import annotations

from typing import Final

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from nvmed.reasons import Reason, error

SERVING: Final = "SERVING"


def ask(address: str, service: str, timeout_s: float) -> str:
    """The ServingStatus of `service` ("" for the whole server) at `unix:/path`, by name.

    Raises CONNECTION_FAILED if nobody answers in time.
    """
    with grpc.insecure_channel(address) as channel:
        try:
            answer = HealthStub(channel).Check(HealthCheckRequest(service=service), timeout=timeout_s)
        except grpc.RpcError as exc:
            if exc.code() is grpc.StatusCode.NOT_FOUND:
                return "SERVICE_UNKNOWN"
            raise error(Reason.CONNECTION_FAILED, f"{address}: {exc.details()}") from None
    return str(HealthCheckResponse.ServingStatus.Name(answer.status))
