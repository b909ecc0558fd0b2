"""grpc.health.v1 as probes and load balancers ask it: the server, its services, each controller."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest
from structlog.testing import capture_logs

from nvmed.config import Firmware, Policy
from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.rpc import health_probe
from nvmed.rpc.health import Health
from nvmed.simulator.faults import Fault, Hang
from nvmed.simulator.host import SimulatedHost
from nvmed.v1.inventory_pb2 import GetControllerCapabilitiesRequest, ListControllersRequest
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.support import waiting

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN
HUNG, OTHER = "controllers/nvmed1-1", "controllers/other-1"


def health_of(daemon: Daemon) -> Any:
    return health_pb2_grpc.HealthStub(daemon.channel)


async def until(daemon: Daemon, service: str, status: int) -> None:
    """Wait until a watcher of `service` is told `status`."""
    async for answer in health_of(daemon).Watch(HealthCheckRequest(service=service)):
        if answer.status == status:
            return


async def test_a_hung_drive_is_not_serving_alone(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.devices.lane.KERNEL_ADMIN_TIMEOUT_MS", 50)
    monkeypatch.setattr("nvmed.devices.inventory.LANE_GRACE_MS", 50)
    daemon = await start_daemon(small_drive(), small_drive("OTHER"))
    await until(daemon, HUNG, SERVING)
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.IDENTIFY))
    with pytest.raises(grpc.aio.AioRpcError):
        await daemon.inventory.GetControllerCapabilities(GetControllerCapabilitiesRequest(name=HUNG))
    await until(daemon, HUNG, NOT_SERVING)
    told = (await health_of(daemon).List(HealthListRequest())).statuses
    assert {name: told[name].status for name in ("", "nvmed.v1.InventoryService", HUNG, OTHER)} == {
        "": SERVING, "nvmed.v1.InventoryService": SERVING, HUNG: NOT_SERVING, OTHER: SERVING,
    }  # fmt: skip
    hang.release()
    await until(daemon, HUNG, SERVING)


async def test_a_drive_that_was_pulled_is_unknown(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(), small_drive("OTHER"))
    await until(daemon, HUNG, SERVING)
    daemon.host.unplug("nvme0")
    await daemon.inventory.ListControllers(ListControllersRequest())
    await until(daemon, HUNG, UNKNOWN)
    await until(daemon, OTHER, SERVING)


async def test_a_scan_that_hangs_takes_the_server_down(
    start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing works without the scan; systemd's watchdog starves then, too."""
    monkeypatch.setattr("nvmed.devices.lane.KERNEL_ADMIN_TIMEOUT_MS", 50)
    defaults = Lane.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "grace_ms", 50)
    daemon = await start_daemon(small_drive())
    await until(daemon, "", SERVING)
    returns, scan = threading.Event(), SimulatedHost.scan

    def hangs(host: SimulatedHost) -> Any:
        returns.wait()
        return scan(host)

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedHost, "scan", hangs)
        with pytest.raises(grpc.aio.AioRpcError):
            await daemon.inventory.ListControllers(ListControllersRequest())
        await until(daemon, "", NOT_SERVING)
        await until(daemon, "nvmed.v1.TelemetryService", NOT_SERVING)
        returns.set()
    await until(daemon, "", SERVING)


async def test_a_service_is_not_serving_while_what_governs_it_is_missing(
    start_daemon: StartDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvmed.rpc.governed.LOOK_S", 0.05)
    monkeypatch.setattr("nvmed.rpc.health.LOOK_S", 0.05)
    rules = {
        "nvmed.v1.PassthruService": tmp_path / "passthru.toml",
        "nvmed.v1.FirmwareService": tmp_path / "steps.toml",
    }
    passthru, steps = rules.values()
    for file in rules.values():
        file.write_text("")
    daemon = await start_daemon(policy=Policy(passthru_rules=str(passthru)), firmware=Firmware(rules=str(steps)))
    for service, file in rules.items():
        await until(daemon, service, SERVING)
        file.rename(tmp_path / "away")
        await until(daemon, service, NOT_SERVING)
        told = (await health_of(daemon).List(HealthListRequest())).statuses
        assert told[""].status == told["nvmed.v1.InventoryService"].status == SERVING
        (tmp_path / "away").rename(file)
        await until(daemon, service, SERVING)
        file.chmod(0o666)
        await until(daemon, service, NOT_SERVING)
        file.chmod(0o600)
        await until(daemon, service, SERVING)


async def test_who_is_gone_when_it_is_answered_is_no_bug(
    start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC says so to whoever answers before the daemon's loop has heard that the call is over."""

    async def check(*_: object) -> None:
        raise grpc.aio.InternalError('Failed "execute_batch"')

    monkeypatch.setattr(Health, "Check", check)
    daemon = await start_daemon(small_drive())
    with capture_logs() as logged:
        call = health_of(daemon).Check(HealthCheckRequest())
        await waiting.until(lambda: any(one["event"] == "call" for one in logged))
        call.cancel()
    assert [one["code"] for one in logged if one["event"] == "call"] == ["CANCELLED"]
    assert not [one for one in logged if one["event"] == "bug"]


async def test_a_probe_of_a_container_hears_it_through_the_socket(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    await until(daemon, HUNG, SERVING)

    async def ask(address: str, service: str) -> str:
        return await asyncio.to_thread(health_probe.ask, address, service, 15)

    assert await ask(daemon.address, "") == await ask(daemon.address, HUNG) == "SERVING"
    assert await ask(daemon.address, "controllers/nobody") == "SERVICE_UNKNOWN"
    with pytest.raises(NvmedError, match="onnect"):
        await ask(f"{daemon.address}.not", "")
