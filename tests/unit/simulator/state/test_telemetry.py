"""The simulated telemetry logs: areas, generations, availability, and data of any size."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme import features, logpage, telemetry
from nvmed.nvme.features import HostBehavior
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.status import DO_NOT_RETRY, check
from nvmed.nvme.telemetry import BLOCK_BYTES, TelemetryHeader, TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Fault, NewGeneration
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import GIB, MIB, DriveSpec, TelemetrySpec
from nvmed.simulator.state.telemetry import WINDOW_BYTES, fill
from nvmed.simulator.subsystem import Subsystem

HOST, CONTROLLER = TelemetryLog.HOST_INITIATED, TelemetryLog.CONTROLLER_INITIATED
AREAS = (3, 9, 17, 400)


def make(*, log_attributes: int = 0x7E, mdts: int = 5, **changes: object) -> Controller:
    spec = TelemetrySpec(**{"last_blocks": AREAS, "host_log_present": True, **changes})  # type: ignore[arg-type]
    return Subsystem(DriveSpec(telemetry=spec, log_attributes=log_attributes, mdts=mdts)).controller


def read(controller: Controller, command: Command, size: int = 512) -> bytes:
    data = bytearray(size)
    check(command, controller.admin(command, data))
    return bytes(data)


def header(controller: Controller, log: TelemetryLog = HOST) -> TelemetryHeader:
    return TelemetryHeader.parse(read(controller, telemetry.read_header(log)))


def whole(controller: Controller, log: TelemetryLog, size: int, chunk: int = 4096) -> bytes:
    return b"".join(
        read(controller, telemetry.read_data(log, length, offset), length)
        for offset, length in logpage.plan_reads(size, chunk)
    )


def create(controller: Controller, area: int = 0) -> TelemetryHeader:
    return TelemetryHeader.parse(read(controller, telemetry.create_host_log(area)))


def know_area_4(controller: Controller) -> None:
    controller.admin(features.set_host_behavior(), bytearray(HostBehavior(etdas=1).build()))


def test_a_log_that_was_never_created_is_empty() -> None:
    controller = make(host_log_present=False)
    assert header(controller).last_blocks == (0, 0, 0, 0)
    assert (header(controller).generation, header(controller).is_available) == (0, False)
    assert header(controller, CONTROLLER).last_blocks == (0, 0, 0, 0)


def test_creating_replaces_the_host_log() -> None:
    controller = make()
    before, data = header(controller), whole(controller, HOST, 18 * 512)
    created = create(controller)
    assert created == header(controller)
    assert created.generation == before.generation + 1
    assert created.scope == 1
    assert created.reason_identifier.rstrip(b"\0") == b"simulated capture"
    assert whole(controller, HOST, 18 * 512)[512:] != data[512:]


@pytest.mark.parametrize(
    ("area", "last_blocks"),
    [(0, (3, 9, 17, 0)), (1, (3, 3, 3, 0)), (2, (3, 9, 9, 0)), (3, (3, 9, 17, 0)), (4, (3, 9, 17, 0))],
)
def test_the_host_says_how_much_to_capture(area: int, last_blocks: tuple[int, ...]) -> None:
    assert create(make(), area).last_blocks == last_blocks


def test_area_4_is_for_hosts_that_know_it() -> None:
    controller = make()
    assert header(controller).last_blocks == (3, 9, 17, 0)
    know_area_4(controller)
    assert header(controller).last_blocks == AREAS
    controller.reset()
    create(controller)
    know_area_4(controller)
    assert header(controller).last_blocks == (3, 9, 17, 17)
    assert create(controller, 4).last_blocks == AREAS
    assert create(controller, 2).last_blocks == (3, 9, 9, 9)


def test_a_drive_without_area_4() -> None:
    controller = make(log_attributes=0x3E)
    know_area_4(controller)
    assert header(controller).last_blocks == (3, 9, 17, 0)


@pytest.mark.parametrize("log", TelemetryLog)
def test_a_drive_without_telemetry(log: TelemetryLog) -> None:
    command = telemetry.read_header(log)
    assert make(log_attributes=0x06).admin(command, bytearray(512)).status == Sc.INVALID_LOG_PAGE | DO_NOT_RETRY


def test_controller_data_stay_available_until_the_event_is_acknowledged() -> None:
    controller = make()
    assert controller.capture_controller_telemetry(b"overheated") == 1
    first = header(controller, CONTROLLER)
    assert (first.is_available, first.generation, first.last_blocks) == (True, 1, (3, 9, 17, 0))
    assert first.reason_identifier.rstrip(b"\0") == b"overheated"
    assert header(controller).is_available
    whole(controller, CONTROLLER, 512 * 18)
    assert header(controller, CONTROLLER).is_available
    read(controller, telemetry.read_header(CONTROLLER, retain_async_event=False))
    last = header(controller, CONTROLLER)
    assert (last.is_available, last.generation) == (False, 1)


def test_generations_wrap() -> None:
    controller = make()
    for _ in range(255):
        controller.capture_controller_telemetry()
    assert header(controller, CONTROLLER).generation == 255
    assert controller.capture_controller_telemetry() == 0


def test_data_differ_by_drive_log_and_generation() -> None:
    seen = set()
    for seed in (0, 1):
        controller = make(seed=seed)
        controller.capture_controller_telemetry()
        for log in TelemetryLog:
            seen.add(whole(controller, log, 18 * 512)[512:])
        create(controller)
        seen.add(whole(controller, HOST, 18 * 512)[512:])
    assert len(seen) == 6
    assert whole(make(), HOST, 18 * 512) == whole(make(), HOST, 18 * 512)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_any_pieces_make_the_same_log(pieces: list[int]) -> None:
    controller = make(mdts=6)
    expected = whole(controller, HOST, 18 * 512, 18 * 512)
    joined = b""
    for piece in pieces:
        if len(joined) <= 18 * 512:
            joined += read(controller, telemetry.read_data(HOST, piece * 512, len(joined)), piece * 512)
    size = min(len(joined), len(expected))
    assert joined[:size] == expected[:size]
    assert not any(joined[size:])


@given(st.integers(0, 1 << 40), st.integers(1, 3 * WINDOW_BYTES), st.integers(0, (1 << 64) - 1))
def test_data_are_a_function_of_their_place(offset: int, size: int, key: int) -> None:
    data, again = bytearray(size), bytearray(size)
    fill(memoryview(data), offset, key)
    half = size // 2
    fill(memoryview(again)[:half], offset, key)
    fill(memoryview(again)[half:], offset + half, key)
    assert data == again


def test_no_two_blocks_are_equal() -> None:
    data = bytearray(8 * MIB)
    fill(memoryview(data), 0, 1)
    blocks = {bytes(data[at : at + BLOCK_BYTES]) for at in range(0, len(data), BLOCK_BYTES)}
    assert len(blocks) == len(data) // BLOCK_BYTES


@pytest.mark.parametrize(("offset", "length"), [(256, 512), (512, 256), (19 * 512, 512), (1 << 40, 512)])
def test_what_cannot_be_read(offset: int, length: int) -> None:
    command = logpage.get_log_page(LogPage.TELEMETRY_HOST_INITIATED, length, offset)
    assert make().admin(command, bytearray(length)).status == Sc.INVALID_FIELD | DO_NOT_RETRY


def test_the_end_is_zeros() -> None:
    assert read(make(), telemetry.read_data(HOST, 1024, 17 * 512), 1024)[512:] == bytes(512)
    assert read(make(), telemetry.read_data(HOST, 512, 18 * 512)) == bytes(512)


def test_areas_that_contradict_each_other_are_reported_as_they_are() -> None:
    controller = make(last_blocks=(30, 20, 10, 0))
    assert header(controller).last_blocks == (30, 20, 10, 0)
    assert len(whole(controller, HOST, 31 * 512)) == 31 * 512


def test_areas_by_size() -> None:
    assert TelemetrySpec.of_sizes(1, 512, 513).last_blocks == (1, 2, 4, 4)
    with pytest.raises(ValueError, match="65535"):
        TelemetrySpec(last_blocks=(1, 2, 65536, 0))


def test_a_gibibyte_is_not_held() -> None:
    controller = make(last_blocks=(1, 2, 3, GIB // 512 - 1), mdts=8)
    know_area_4(controller)
    buffer = bytearray(MIB)
    controller.admin(telemetry.read_data(HOST, MIB, 0), buffer)
    tracemalloc.start()
    try:
        for offset in range(0, GIB, 64 * MIB):
            assert not controller.admin(telemetry.read_data(HOST, MIB, offset), buffer).status
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_a_fault_changes_the_generation_in_the_middle() -> None:
    controller = make()
    controller.capture_controller_telemetry()
    controller.faults.add(Fault(NewGeneration(), log_id=8, skip=1))
    assert header(controller, CONTROLLER).generation == 1
    assert header(controller, CONTROLLER).generation == 2
    controller.faults.add(Fault(NewGeneration(host=True), log_id=7))
    assert header(controller).generation == 2
