"""Targets that give out another controller identifier at each association: all under one name, also after a restart.

The kernel's own target is such a one. It has neither firmware nor telemetry, so what is activated and what is streamed
comes from the simulator's target, with the dynamic controller model.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from nvmedctl import Client
from nvmedctl.operations import metadata, unpack, wait

from nvmed.errors import NvmedError
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.spec import KIB, MIB, DriveSpec, NamespaceSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import firmware_pb2
from nvmed.v1.inventory_pb2 import GetControllerRequest, ResetControllerRequest, ResetControllerResponse
from nvmed.v1.resources_pb2 import Controller
from nvmed.v1.telemetry_pb2 import TELEMETRY_DATA_AREA_3, TELEMETRY_SOURCE_CONTROLLER, StreamTelemetryRequest
from tests.vm import nvmet, simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest
from tests.vm.nvmet import Port, Target

NEW = "2.0.0"
PORT = Port(service=4437)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with daemon.client() as connected:
        yield connected


async def get(client: Client, name: str) -> Controller:
    return await client.inventory.GetController(GetControllerRequest(name=name))


async def reset(client: Client, name: str) -> str:
    """Reset; whose name the operation and its answer have."""
    request = ResetControllerRequest(name=name, acknowledge_disruption=True)
    done = await wait(client.operations, await client.inventory.ResetController(request))
    assert metadata(done).target == name
    return unpack(done, ResetControllerResponse).controller


def first_number(guest: Guest, target: Target, number: int) -> None:
    """The least controller identifier that the next association gets."""
    guest.sh(nvmet.write(f"{target.path}/attr_cntlid_min", number))


def wait_state(guest: Guest, node: str, state: str) -> None:
    guest.wait(f"grep -qx {state} /sys/class/nvme/{node}/state")


async def test_the_kernels_target(guest: Guest, daemon: Daemon, client: Client) -> None:
    target = Target("nqn.2026-01.dev.nvmed:names", serial="NVMED-NAMES", ports=[PORT])
    listening = f"{target.port_path(PORT)}/subsystems/{target.nqn}"
    with (
        nvmet.serving(guest, target),
        nvmet.connected(guest, target, PORT, **simulated.RECONNECT) as node,
        nvmet.connected(guest, target, PORT, duplicate_connect=True, **simulated.RECONNECT) as other,
    ):
        name, twin = [(await get(client, one)).name for one in (node, other)]
        assert name != twin
        first_number(guest, target, 100)
        assert await reset(client, name) == name
        after = await get(client, name)
        assert (after.name, after.device_node) == (name, node)
        assert after.controller_id >= 100
        guest.sh(f"rm {shlex.quote(listening)}")  # both connections are cut
        for one in (node, other):
            wait_state(guest, one, "connecting")
        assert [(await get(client, one)).state for one in (name, twin)] == [Controller.STATE_CONNECTING] * 2
        first_number(guest, target, 200)
        guest.sh(f"ln -s {target.path} {shlex.quote(str(Path(listening).parent))}/")
        for one in (node, other):
            wait_state(guest, one, "live")
        back = [await get(client, one) for one in (name, twin)]
        assert [one.device_node for one in back] == [node, other]
        assert all(one.controller_id >= 200 for one in back)
        assert await reset(client, twin) == twin
        guest.sh("systemctl restart nvmed")
        async with daemon.client() as again:
            assert [(await get(again, one)).name for one in (node, other)] == [name, twin]


@pytest.fixture
def drive(guest: Guest) -> Iterator[tuple[Subsystem, simulated.Target, str]]:
    """A drive of the dynamic model, its target and its node."""
    spec = DriveSpec(
        serial="NVMED-DYNAMIC", dynamic_controllers=True, namespaces=(NamespaceSpec(size_bytes=MIB),),
        telemetry=TelemetrySpec.of_sizes(64 * KIB, 512 * KIB, 2 * MIB, seed=11),
    )  # fmt: skip
    subsystem = Subsystem(spec)
    subsystem.controller.capture_controller_telemetry()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        yield subsystem, target, node


async def test_activation_by_reset(
    drive: tuple[Subsystem, simulated.Target, str], client: Client, tmp_path: Path
) -> None:
    subsystem, _, node = drive
    before = await get(client, node)
    file = tmp_path / "image"
    file.write_bytes(build_image(NEW, 64 * KIB))
    image = (await client.upload_image(file, firmware_revision=NEW)).image.name
    stage = firmware_pb2.StageFirmwareRequest(controllers=[before.name], image=image, slot=2)
    staged = unpack(
        await wait(client.operations, await client.firmware.StageFirmware(stage)), firmware_pb2.StageFirmwareResponse
    )
    assert [one.controller for one in staged.drives] == [before.name]
    activate = firmware_pb2.ActivateFirmwareRequest(
        controller=before.name, slot=2, slot_revision=NEW, acknowledge_disruption=True,
        activation_mode=firmware_pb2.ACTIVATION_MODE_CONTROLLER_RESET,
    )  # fmt: skip
    done = await wait(client.operations, await client.firmware.ActivateFirmware(activate))
    answer = unpack(done, firmware_pb2.ActivateFirmwareResponse)
    assert (answer.controller, answer.outcome, answer.running_revision) == (
        before.name, firmware_pb2.FIRMWARE_OUTCOME_ACTIVATED, NEW,
    )  # fmt: skip
    after = await get(client, before.name)
    assert (after.device_node, after.controller_id) == (node, subsystem.controller.controller_id)
    assert after.controller_id != before.controller_id
    history = firmware_pb2.ListFirmwareHistoryRequest(parent=before.name)
    assert len((await client.firmware.ListFirmwareHistory(history)).records) >= 2


async def test_a_network_that_is_cut_in_mid_stream(
    guest: Guest, drive: tuple[Subsystem, simulated.Target, str], client: Client
) -> None:
    subsystem, target, node = drive
    before = await get(client, node)
    request = StreamTelemetryRequest(
        controller=before.name,
        source=TELEMETRY_SOURCE_CONTROLLER,
        data_area=TELEMETRY_DATA_AREA_3,
        chunk_bytes=64 * KIB,
        window=1,
    )
    received, size = bytearray(), 0

    async def follow() -> None:
        nonlocal size
        async for part in client.telemetry.StreamTelemetry(request):
            received.extend(part.chunk.data)
            if part.HasField("header"):
                request.resume_token, size = part.header.resume_token, part.header.total_bytes
            elif len(received) == 64 * KIB:
                await asyncio.to_thread(target.stop)

    with pytest.raises(NvmedError):
        await follow()
    assert 0 < len(received) < size
    wait_state(guest, node, "connecting")
    target.start()
    wait_state(guest, node, "live")
    after = await get(client, before.name)
    assert (after.name, after.device_node) == (before.name, node)
    assert after.controller_id == subsystem.controller.controller_id != before.controller_id
    request.offset = len(received)
    async for part in client.telemetry.StreamTelemetry(request):
        received += part.chunk.data
    assert len(received) == size
