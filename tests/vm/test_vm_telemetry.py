"""Telemetry out of a real kernel: byte for byte what nvme-cli saves from the same controller."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from nvmedctl import Client, RetryPolicy, receive_telemetry

from nvmed.errors import Aborted, DeadlineExceeded, FailedPrecondition, Unavailable, Unimplemented
from nvmed.nvme.features import HostBehavior, set_host_behavior
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1.telemetry_pb2 import (
    TELEMETRY_DATA_AREA_4,
    TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED,
    TELEMETRY_SOURCE_CONTROLLER,
    TELEMETRY_SOURCE_HOST,
    AcknowledgeTelemetryRequest,
    GetTelemetryCapabilitiesRequest,
    StreamTelemetryRequest,
    TelemetryDataArea,
    TelemetrySource,
)
from tests.vm import qemu, simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest

LARGE = (64 * 1024, 2 * MIB, 6 * MIB, 8 * MIB)
"""Sizes of the four areas: 16 MiB and a header in all."""

SMALL = (4096, 65536, 512 * 1024, 512 * 1024)


def drive(areas: tuple[int, ...] = SMALL) -> Subsystem:
    telemetry = TelemetrySpec.of_sizes(*areas, seed=11)
    spec = DriveSpec(serial="NVMED-TELEMETRY", namespaces=(NamespaceSpec(size_bytes=MIB),), telemetry=telemetry)
    subsystem = Subsystem(spec)
    subsystem.controller.capture_controller_telemetry(b"a reason of its own")
    return subsystem


class Received(io.BytesIO):
    """A sink in memory."""

    def restart(self) -> None:
        self.seek(0)
        self.truncate()


async def receive(client: Client, request: StreamTelemetryRequest) -> bytes:
    """The whole log, verified; a cut is an error, as nothing is tried again."""
    sink = Received()
    with ThreadPoolExecutor(1) as executor:
        await receive_telemetry(client.telemetry, request, sink, executor=executor, retry=RetryPolicy(attempts=1))
    return sink.getvalue()


async def follow(
    client: Client, request: StreamTelemetryRequest, received: bytearray, on_first_chunk: Callable[[], object]
) -> None:
    """Receive part by part, so that something can happen after the first chunk; leaves the token in `request`."""
    async for part in client.telemetry.StreamTelemetry(request):
        if part.HasField("header"):
            request.resume_token = part.header.resume_token
        elif part.HasField("chunk"):
            received += part.chunk.data
            if not part.chunk.offset:
                on_first_chunk()


def saved_by_nvme_cli(guest: Guest, node: str, source: TelemetrySource) -> bytes:
    """All four areas. nvme-cli 2.3 saves 1 to 3 whichever of them is asked for, and sets no ETDAS, which 4 needs."""
    options = "--controller-init" if source == TELEMETRY_SOURCE_CONTROLLER else "--host-generate=0"
    guest.sh(f"nvme telemetry-log /dev/{node} {options} --data-area=4 --output-file=/tmp/log")
    return guest.get("/tmp/log")


def show_area_4(subsystem: Subsystem, shown: bool = True) -> None:
    """Set ETDAS behind the kernel's back: 6.12.117 lets no program do so, not even nvme-cli."""
    behavior = bytearray(HostBehavior(etdas=int(shown)).build())
    assert subsystem.controller.admin(set_host_behavior(), behavior).status == 0


@pytest.mark.parametrize("source", [TELEMETRY_SOURCE_HOST, TELEMETRY_SOURCE_CONTROLLER])
async def test_every_area_is_what_nvme_cli_saves(guest: Guest, daemon: Daemon, source: TelemetrySource) -> None:
    subsystem = drive(LARGE)
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        show_area_4(subsystem)
        expected = saved_by_nvme_cli(guest, node, source)
        assert len(expected) == sum(LARGE) + 512
        async with daemon.client() as client:
            for area in range(1, 5):
                request = StreamTelemetryRequest(controller=node, source=source, data_area=TelemetryDataArea.Name(area))
                received = await receive(client, request)
                assert len(received) == sum(LARGE[:area]) + 512
                assert received == expected[: len(received)]


async def test_area_4_of_a_drive_that_does_not_show_it(guest: Guest, daemon: Daemon) -> None:
    """It is shown and hidden again where the kernel allows that, and what the kernel refuses is said where not."""
    subsystem = drive()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        show_area_4(subsystem)
        whole = saved_by_nvme_cli(guest, node, TELEMETRY_SOURCE_HOST)
        show_area_4(subsystem, shown=False)
        guest.sh("head -c 512 /dev/zero > /tmp/clear")
        allowed = not guest.run("nvme", "set-feature", f"/dev/{node}", "-f22", "-l512", "-d/tmp/clear").returncode
        async with daemon.client() as client:
            request = StreamTelemetryRequest(controller=node, source=TELEMETRY_SOURCE_HOST)
            request.data_area = TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED
            determined = await receive(client, request)
            request.data_area = TELEMETRY_DATA_AREA_4
            if allowed:
                assert determined == await receive(client, request) == whole
            else:
                assert len(determined) == sum(SMALL[:3]) + 512
                with pytest.raises(FailedPrecondition) as failure:
                    await receive(client, request)
                assert failure.value.reason == "KERNEL_REFUSED"
                assert "Host Behavior Support" in failure.value.message
        assert not subsystem.controller.features.etdas


async def test_a_new_log_and_its_generation(guest: Guest, daemon: Daemon) -> None:
    subsystem = drive()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        async with daemon.client() as client:
            request = GetTelemetryCapabilitiesRequest(controller=node)
            before = await client.telemetry.GetTelemetryCapabilities(request)
            log = await receive(
                client, StreamTelemetryRequest(controller=node, source=TELEMETRY_SOURCE_HOST, create=True)
            )
            after = await client.telemetry.GetTelemetryCapabilities(request)
        assert after.host_log.generation_number == before.host_log.generation_number + 1
        guest.sh(f"nvme telemetry-log /dev/{node} --host-generate=0 --output-file=/tmp/log")
        assert guest.get("/tmp/log") == log


async def test_acknowledged_by_generation(guest: Guest, daemon: Daemon) -> None:
    subsystem = drive()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        async with daemon.client() as client:
            request = GetTelemetryCapabilitiesRequest(controller=node)
            log = (await client.telemetry.GetTelemetryCapabilities(request)).controller_log
            assert log.available
            await receive(client, StreamTelemetryRequest(controller=node, source=TELEMETRY_SOURCE_CONTROLLER))
            assert subsystem.controller.telemetry.controller_data_available, "reading acknowledged the event"
            acknowledgement = AcknowledgeTelemetryRequest(controller=node, generation_number=log.generation_number)
            await client.telemetry.AcknowledgeTelemetry(acknowledgement)
        assert "Not Available" in guest.sh(f"nvme telemetry-log /dev/{node} -c --output-file=/tmp/log")


async def test_a_target_that_goes_away_in_mid_stream(guest: Guest, daemon: Daemon) -> None:
    """The stream fails with a typed error; once the target is back, the rest comes by the token."""
    subsystem = drive(LARGE)
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        request = StreamTelemetryRequest(controller=node, source=TELEMETRY_SOURCE_HOST, window=1)
        received = bytearray()
        async with daemon.client() as client:
            whole = await receive(client, request)
            with pytest.raises((Unavailable, DeadlineExceeded)) as failure:
                await follow(client, request, received, target.stop)
            # A command under way ends with EINTR, or with a path error's status; a later one is refused by the kernel.
            assert failure.value.reason in ("COMMAND_TIMEOUT", "NVME_PATH", "DEVICE_GONE")
            assert 0 < len(received) < len(whole)
            target.start()
            guest.wait(f"grep -q live /sys/class/nvme/{node}/state")
            request.offset = len(received)
            await follow(client, request, received, bool)
        assert received == whole


async def test_a_log_that_changes_is_never_spliced(guest: Guest, daemon: Daemon) -> None:
    subsystem = drive(LARGE)
    controller = subsystem.controller
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        request = StreamTelemetryRequest(controller=node, source=TELEMETRY_SOURCE_HOST, window=1)
        async with daemon.client() as client:
            with pytest.raises(Aborted) as failure:
                await follow(client, request, bytearray(), controller.create_host_telemetry)
        assert failure.value.reason == "TELEMETRY_GENERATION_CHANGED"


async def test_drives_without_telemetry_say_so(guest: Guest, daemon: Daemon) -> None:
    node = guest.node(qemu.SOLO)
    async with daemon.client() as client:
        answer = await client.telemetry.GetTelemetryCapabilities(GetTelemetryCapabilitiesRequest(controller=node))
        assert not answer.supported
        for source in (TELEMETRY_SOURCE_HOST, TELEMETRY_SOURCE_CONTROLLER):
            with pytest.raises(Unimplemented) as failure:
                await receive(client, StreamTelemetryRequest(controller=node, source=source))
            assert failure.value.reason == "TELEMETRY_UNSUPPORTED"


async def test_nothing_captured_is_said(guest: Guest, daemon: Daemon) -> None:
    subsystem = drive()
    subsystem.controller.telemetry.acknowledge()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        async with daemon.client() as client:
            with pytest.raises(FailedPrecondition) as failure:
                await receive(client, StreamTelemetryRequest(controller=node, source=TELEMETRY_SOURCE_CONTROLLER))
        assert failure.value.reason == "TELEMETRY_NOT_AVAILABLE"
