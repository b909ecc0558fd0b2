"""grpc.health.v1: the server and its services, and each controller by its resource name.

A drive that hangs takes nothing down but itself: its controller is NOT_SERVING, the server still SERVING. The server is
not once one of the daemon's own lanes no longer answers, which is when systemd's watchdog starves, too. A service is
not while what the configuration names to govern it is missing or wrong: it then refuses what that would have decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from grpc_health.v1.health import aio
from grpc_health.v1.health_pb2 import HealthCheckResponse, HealthListRequest, HealthListResponse

from nvmed.devices.watchdog import unsound
from nvmed.rpc.services import Components

LOOK_S: Final = 1.0

Status = int
"""A `HealthCheckResponse.ServingStatus`."""


class Health(aio.HealthServicer):  # type: ignore[misc]  # the library has no types
    """The servicer of grpcio-health-checking, with List, which it lacks."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, Status] = {}

    async def tell(self, now: Mapping[str, Status]) -> None:
        """Set what changed. The library forgets no name, so of a controller that went away it says SERVICE_UNKNOWN."""
        gone = dict.fromkeys(self._told.keys() - now.keys(), HealthCheckResponse.SERVICE_UNKNOWN)
        for name, status in {**now, **gone}.items():
            if self._told.get(name) != status:
                self._told[name] = status
                await self.set(name, status)

    async def List(self, request: HealthListRequest, context: Any) -> HealthListResponse:  # noqa: N802  # as in the contract
        answers = {name: HealthCheckResponse(status=status) for name, status in self._told.items()}
        return HealthListResponse(statuses=answers)


def statuses(on: Components, names: Sequence[str]) -> Mapping[str, Status]:
    """How everything is now: the server (""), its services `names`, and every controller there is."""
    devices = on.inventory.known
    server = _status(serves=not unsound(on.own_lanes, [device.lane for device in devices]))
    controllers = {device.resource_name: _status(serves=not device.lane.stalled) for device in devices}
    refused = dict.fromkeys(set(names) & on.governed.refused.keys(), _status(serves=False))
    return {**dict.fromkeys(("", *names), server), **refused, **controllers}


@asynccontextmanager
async def checked(servicer: Health, on: Components, names: Sequence[str]) -> AsyncIterator[None]:
    """Keep `servicer` true inside, and let it say NOT_SERVING from then on."""
    await servicer.tell(statuses(on, names))

    async def follow() -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await servicer.tell(statuses(on, names))

    following = asyncio.create_task(follow(), name="health")
    try:
        yield
    finally:
        following.cancel()
        await asyncio.wait([following])
        await servicer.enter_graceful_shutdown()


def _status(*, serves: bool) -> Status:
    status: Status = HealthCheckResponse.SERVING if serves else HealthCheckResponse.NOT_SERVING
    return status
