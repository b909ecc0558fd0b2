"""Names over the wire: what arrives, goes, is reset or comes back changes nothing for what is called something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from nvmed.config import Binding, Policy
from nvmed.linux.sysfs import LinuxHost
from nvmed.nvme.opcodes import AdminOpcode, IdentifyCns, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.faults import Answer, Call, Disappear, Fault, Patch
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import Connection, DriveSpec, FirmwareSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import firmware_pb2, inventory_pb2, namespace_pb2, telemetry_pb2
from tests.rpc.firmware_calls import activate, put, stage
from tests.rpc.harness import Daemon, StartDaemon, reason_of, small_drive
from tests.rpc.namespace_calls import stub as namespaces
from tests.rpc.operation_calls import ask, metadata, succeeded

Response = inventory_pb2.ResetControllerResponse
TWINS: dict[str, Callable[[DriveSpec], DriveSpec]] = {
    "same serial and id": lambda spec: replace(spec, nqn="nqn.2016-06.io.spdk:b"),
    "equal as slugs": lambda spec: replace(spec, serial="0 0-0", nqn="nqn.2016-06.io.spdk:b"),
    "equal": lambda spec: spec,
}


def soft_target() -> DriveSpec:
    return small_drive("0-0 0", nqn="nqn.2016-06.io.spdk:a", model="SPDK bdev Controller")


async def names(daemon: Daemon) -> list[str]:
    listed = await daemon.inventory.ListControllers(inventory_pb2.ListControllersRequest())
    return [controller.name for controller in listed.controllers]


async def get(daemon: Daemon, name: str) -> Any:
    return await daemon.inventory.GetController(inventory_pb2.GetControllerRequest(name=name))


class Stream:
    """A stream of telemetry, read part by part."""

    def __init__(self, daemon: Daemon, **fields: Any) -> None:
        defaults = {"source": telemetry_pb2.TELEMETRY_SOURCE_HOST, "data_area": 3, "chunk_bytes": 4096, "window": 1}
        request = telemetry_pb2.StreamTelemetryRequest(**{**defaults, **fields})
        self._call = daemon.telemetry.StreamTelemetry(request)
        self.header = telemetry_pb2.TelemetryHeader()
        self.trailer: telemetry_pb2.TelemetryTrailer | None = None
        self.data = bytearray()

    async def read(self, at_least: int = 1 << 30) -> bytes:
        async for part in self._call:
            self.header = part.header if part.HasField("header") else self.header
            self.trailer = part.trailer if part.HasField("trailer") else None
            self.data += part.chunk.data
            if len(self.data) >= at_least:
                break
        return bytes(self.data)


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
async def test_a_twin_gets_neither_name_nor_orders_of_the_first(
    start_daemon: StartDaemon, twin: Callable[[DriveSpec], DriveSpec]
) -> None:
    first, second = Subsystem(soft_target()), Subsystem(twin(soft_target()))
    daemon = await start_daemon(host=SimulatedHost([first]))
    (name,) = await names(daemon)
    daemon.host.add(second)
    both = await names(daemon)
    assert both[0] == name == (await get(daemon, name)).name
    assert (await get(daemon, name)).device_node == "nvme0"
    restarted = await start_daemon(host=daemon.host, state_dir=daemon.state_dir)
    assert await names(restarted) == both
    first.controller.disappear()
    assert await names(restarted) == both[1:]
    delete = namespace_pb2.DeleteNamespaceRequest(
        controller=name, nsid=1, acknowledge_data_loss=True, request_id="4f0c1f3e-5a0e-4b52-a3b3-0c8f3f7a9a51"
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await namespaces(restarted).DeleteNamespace(delete)
    assert reason_of(refused.value) == "CONTROLLER_NOT_FOUND"
    assert second.namespaces.get(1) is not None
    first.controller.reappear()
    assert await names(restarted) == both


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
async def test_what_runs_on_one_goes_on_when_its_twin_comes_and_goes(
    start_daemon: StartDaemon, twin: Callable[[DriveSpec], DriveSpec]
) -> None:
    host = SimulatedHost([Subsystem(replace(soft_target(), firmware=FirmwareSpec()))])
    daemon = await start_daemon(host=host)
    (name,) = await names(daemon)
    host.controller("nvme0").create_host_telemetry()
    image = await put(daemon)
    stream = Stream(daemon, controller=name)
    await stream.read(4096)

    def plug(*_: object) -> None:
        host.add(Subsystem(twin(soft_target())))

    host.controller("nvme0").faults.add(Fault(Call(plug), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD))
    staged = await succeeded(daemon, await stage(daemon, name, image=image), firmware_pb2.StageFirmwareResponse)
    assert staged.drives[0].controller == name
    both = await names(daemon)
    assert len(both) == 2
    host.unplug("nvme1")
    assert await names(daemon) == [name]
    await stream.read()
    assert stream.trailer is not None
    assert len(stream.data) == stream.header.total_bytes


def connected(**changes: Any) -> SimulatedHost:
    """A host with a connection to a target that gives each association another controller identifier."""
    host = SimulatedHost()
    host.add(Subsystem(small_drive("CEPH", dynamic_controllers=True, **changes)), Connection())
    return host


async def test_a_connection_that_is_reset_is_the_same_controller(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(host=connected(firmware=FirmwareSpec(slots=("1.0.0", "2.0.0", ""))))
    (name,) = await names(daemon)
    before = await get(daemon, name)
    request = inventory_pb2.ResetControllerRequest(name=name, acknowledge_disruption=True)
    request.request_id = "4f0c1f3e-5a0e-4b52-a3b3-0c8f3f7a9a51"
    reset = await succeeded(daemon, await daemon.inventory.ResetController(request), Response)
    assert reset.controller == name
    operation = await activate(daemon, 2, "CONTROLLER_RESET", controller=name)
    activated = await succeeded(daemon, operation, firmware_pb2.ActivateFirmwareResponse)
    assert (activated.controller, activated.running_revision) == (name, "2.0.0")
    after = await get(daemon, name)
    assert (after.name, after.firmware_revision, after.subsystem) == (name, "2.0.0", before.subsystem)
    assert len({before.controller_id, reset.controller and after.controller_id}) == 2
    assert metadata(await ask(daemon, "GetOperation", name=operation.name)).target == name


async def test_a_stream_that_was_cut_is_resumed_though_the_controller_has_another_number(
    start_daemon: StartDaemon,
) -> None:
    daemon = await start_daemon(host=connected())
    host, (name,) = daemon.host, await names(daemon)
    host.controller("nvme0").create_host_telemetry()
    number = (await get(daemon, name)).controller_id
    host.controller("nvme0").faults.add(
        Fault(Call(lambda *_: host.cut("nvme0")), log_id=LogPage.TELEMETRY_HOST_INITIATED, skip=4)
    )
    stream = Stream(daemon, controller=name)
    with pytest.raises(grpc.aio.AioRpcError):
        await stream.read()
    assert stream.data
    assert stream.trailer is None
    with pytest.raises(grpc.aio.AioRpcError):
        await Stream(daemon, controller=name).read()
    host.reconnect("nvme0")
    rest = Stream(daemon, controller=name, resume_token=stream.header.resume_token, offset=len(stream.data))
    await rest.read()
    assert rest.trailer is not None
    assert len(stream.data) + len(rest.data) == stream.header.total_bytes
    after = await get(daemon, name)
    assert after.controller_id != number
    restarted = await start_daemon(host=host, state_dir=daemon.state_dir)
    assert (await names(restarted), (await get(restarted, name)).controller_id) == ([name], after.controller_id)


def show(root: Path, node: str, **attributes: str) -> None:
    """What the kernel shows of a connection that it has not identified yet, or what is given."""
    shown = {
        "dev": "241:0", "serial": "(efault)", "model": "(efault)", "firmware_rev": "(efault)", "cntlid": "0",
        "subsysnqn": "(efault)", "transport": "tcp", "state": "connecting", "hostnqn": f"nqn.{node}",
        "address": "traddr=192.0.2.1,trsvcid=4420",
    }  # fmt: skip
    for name, value in {**shown, **attributes}.items():
        path = root / "class/nvme" / node / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")


async def test_connections_that_are_not_identified_yet_are_listed_and_get_their_names_then(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    for node in ("nvme0", "nvme1"):
        show(tmp_path, node)
    host: Any = LinuxHost(tmp_path, tmp_path)
    seen = ("host", "controllers/unidentified-*", "controllers/s-*")
    may_see = Binding(principals=("unix:viewer",), roles=("viewer",), resources=seen)
    daemon = await start_daemon(host=host, roles=(), principal="viewer", policy=Policy(bindings=(may_see,)))
    first, second = await names(daemon)
    shown = [(await get(daemon, name)).device_node for name in (first, second)]
    assert sorted(shown) == ["nvme0", "nvme1"]
    known = {"model": "M", "firmware_rev": "1", "cntlid": "7", "state": "live"}
    show(tmp_path, shown[0], serial="S", subsysnqn="nqn.s", **known)
    show(tmp_path, shown[1], serial="T", subsysnqn="nqn.t", **known)
    await names(daemon)
    assert (await get(daemon, first)).name == "controllers/s-7"
    with pytest.raises(grpc.aio.AioRpcError) as refused:  # what it is called now decides, not what it was called
        await get(daemon, second)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


# -- what was identified


def of_controller(command: Command) -> bool:
    return command.cdw10 & 0xFF == IdentifyCns.CONTROLLER


async def areas(daemon: Daemon) -> int:
    request = telemetry_pb2.GetTelemetryCapabilitiesRequest(controller="nvme0")
    return (await daemon.telemetry.GetTelemetryCapabilities(request)).max_data_area


@pytest.mark.parametrize("garbage", [b"", bytes([7]) * 4096])
async def test_garbage_instead_of_an_identity_is_not_believed_for_long(daemon: Daemon, garbage: bytes) -> None:
    daemon.drive().faults.add(Fault(Answer(garbage), opcode=AdminOpcode.IDENTIFY, where=of_controller))
    await areas(daemon)
    assert await areas(daemon) == 4


async def test_a_drive_that_identifies_itself_with_zeros_is_an_error(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Answer(b""), opcode=AdminOpcode.IDENTIFY, where=of_controller, times=None))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await areas(daemon)
    assert reason_of(refused.value) == "NVME_DATA_INVALID"
    daemon.drive().faults.clear()
    assert await areas(daemon) == 4


async def test_a_reset_by_another_program_makes_the_daemon_ask_again(daemon: Daemon) -> None:
    without = Fault(Patch(261, b"\2"), opcode=AdminOpcode.IDENTIFY, where=of_controller, times=None)
    daemon.drive().faults.add(without)
    assert await areas(daemon) == 0
    daemon.drive().faults.clear()
    assert await areas(daemon) == 0  # optional questions fill error logs, so they are not repeated without a reason
    daemon.drive().reset()
    while await areas(daemon) != 4:
        await names(daemon)


async def test_an_event_that_another_program_cleared_says_so(daemon: Daemon) -> None:
    drive = daemon.drive()
    drive.capture_controller_telemetry()
    clear = Fault(Call(lambda *_: drive.telemetry.acknowledge()), log_id=LogPage.TELEMETRY_CONTROLLER_INITIATED, skip=4)
    drive.faults.add(clear)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await Stream(daemon, controller="nvme0", source=telemetry_pb2.TELEMETRY_SOURCE_CONTROLLER).read()
    assert reason_of(refused.value) == "TELEMETRY_GENERATION_CHANGED"
    assert "another program cleared the controller's event" in (refused.value.details() or "")


# -- checked again before each change


async def test_a_mutation_is_not_sent_to_who_took_the_place(start_daemon: StartDaemon) -> None:
    first, second = Subsystem(soft_target()), Subsystem(soft_target())
    host = SimulatedHost([first])
    daemon = await start_daemon(host=host)
    (name,) = await names(daemon)

    def swap(*_: object) -> None:
        host.unplug("nvme0")
        host.add(second)

    first.controller.faults.add(Fault(Call(swap), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD))
    image = await put(daemon)
    operation = await stage(daemon, name, image=image)
    done = await ask(daemon, "WaitOperation", name=operation.name)
    assert done.HasField("error")
    assert not second.controller.journal.commands(opcode=AdminOpcode.FIRMWARE_COMMIT)


async def test_a_drive_that_goes_in_mid_stream_costs_its_twin_nothing(start_daemon: StartDaemon) -> None:
    host = SimulatedHost([Subsystem(soft_target()), Subsystem(soft_target())])
    daemon = await start_daemon(host=host)
    both = await names(daemon)
    for node in ("nvme0", "nvme1"):
        host.controller(node).create_host_telemetry()
    host.controller("nvme0").faults.add(Fault(Disappear(), opcode=AdminOpcode.GET_LOG_PAGE, skip=2))
    going, staying = Stream(daemon, controller="nvme0"), Stream(daemon, controller="nvme1")
    await staying.read(4096)
    with pytest.raises(grpc.aio.AioRpcError):
        await going.read()
    assert len(await names(daemon)) == 1 < len(both)
    await staying.read()
    assert staying.trailer is not None
