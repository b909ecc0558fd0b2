"""What tests over the wire use: a running server, its drives, and the reason of an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from nvmed.simulator.controller import Controller
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec, TelemetrySpec
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from nvmed.v1.inventory_pb2_grpc import InventoryServiceStub
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub

if TYPE_CHECKING:  # names that the generated code has for type checkers alone
    from nvmed.v1.admin_pb2_grpc import AdminServiceAsyncStub
    from nvmed.v1.inventory_pb2_grpc import InventoryServiceAsyncStub
    from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceAsyncStub

KIB = 1024


async def already_stopped() -> None:
    """For a server that something else stops."""


@dataclass
class Daemon:
    """A running server: its host, its channel, its stubs."""

    host: SimulatedHost
    address: str
    state_dir: Path
    channel: grpc.aio.Channel
    stop: Callable[[], Awaitable[None]] = already_stopped
    """Stops it before the test ends."""
    inventory: InventoryServiceAsyncStub = field(init=False)
    telemetry: TelemetryServiceAsyncStub = field(init=False)
    admin: AdminServiceAsyncStub = field(init=False)

    def __post_init__(self) -> None:
        self.inventory = InventoryServiceStub(self.channel)
        self.telemetry = TelemetryServiceStub(self.channel)
        self.admin = AdminServiceStub(self.channel)

    def drive(self, node: str = "nvme0") -> Controller:
        """The simulated controller behind a node."""
        return self.host.controller(node)


def small_drive(serial: str = "NVMED1", **changes: Any) -> DriveSpec:
    """A drive whose telemetry areas end after 8, 24, 64 and 128 KiB, header not counted."""
    telemetry = TelemetrySpec.of_sizes(8 * KIB, 16 * KIB, 40 * KIB, 64 * KIB)
    return DriveSpec(**{"serial": serial, "telemetry": telemetry, **changes})


class StartDaemon(Protocol):
    """Starts a server in front of drives; `state_dir` carries state from one to the next, `host` the drives.

    `principal` and `roles` are of its socket, admin without them; the rest is configuration.
    """

    async def __call__(
        self, *specs: DriveSpec, state_dir: Path | None = None, host: SimulatedHost | None = None, **configured: Any
    ) -> Daemon: ...


def reason_of(call_error: grpc.aio.AioRpcError) -> str:
    """The reason in the one ErrorInfo that every error has."""
    status = rpc_status.from_call(call_error)
    assert status is not None, call_error
    found = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    assert len(found) == 1
    info = error_details_pb2.ErrorInfo()
    found[0].Unpack(info)
    assert info.domain == "nvmed.dev"
    return str(info.reason)
