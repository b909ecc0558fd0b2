"""Drives that always transfer multiples of 4 KiB: no command of the daemon lets one write beside its own memory."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from nvmed.nvme.memory import PAGE_BYTES
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import telemetry_pb2
from tests.rpc.devices.test_lying_drives import CALLS, outcome
from tests.rpc.devices.test_telemetry import AREA_BYTES, on_drive, stream
from tests.rpc.harness import StartDaemon, small_drive
from tests.rpc.log_calls import read_page
from tests.support.overrunning import OVERRUN, OverrunningHost, over


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> OverrunningHost:
    return OverrunningHost([Subsystem(small_drive())]).guard(monkeypatch)


@pytest.mark.parametrize(("service", "method", "request_"), CALLS, ids=[method for _, method, _ in CALLS])
async def test_no_call_lets_a_drive_write_elsewhere(
    start_daemon: StartDaemon, host: OverrunningHost, service: Any, method: str, request_: Any
) -> None:
    daemon = await start_daemon(host=host)
    await outcome(daemon, getattr(service(daemon.channel), method)(request_))
    assert host.guarded.given
    assert host.escaped == []


@pytest.mark.parametrize("area", [1, 2, 3, 4])
@pytest.mark.parametrize("transfer", [512, 1536, 4096, 6144, 0])
async def test_telemetry_is_what_the_drive_has(
    start_daemon: StartDaemon, host: OverrunningHost, area: int, transfer: int
) -> None:
    daemon = await start_daemon(host=host)
    received = await stream(daemon, data_area=area, max_transfer_bytes=transfer, chunk_bytes=12288)
    assert host.escaped == []
    if area < 4:
        assert received.data == on_drive(daemon.drive(), telemetry_pb2.TELEMETRY_SOURCE_HOST, AREA_BYTES[area])


@pytest.mark.parametrize("length", [4, 512, 4096, 4100, 8196])
async def test_raw_pages_are_what_the_drive_has(start_daemon: StartDaemon, host: OverrunningHost, length: int) -> None:
    daemon = await start_daemon(host=host)
    data = await read_page(daemon, log_page=LogPage.COMMANDS_SUPPORTED_AND_EFFECTS, length_bytes=length)
    assert len(data) == length
    assert bytes([OVERRUN]) * 64 not in data
    assert host.escaped == []


async def test_whole_pages_are_read_in_place(start_daemon: StartDaemon, host: OverrunningHost) -> None:
    """What streams is not copied once more: the drive fills the memory that messages are made from."""
    daemon = await start_daemon(host=host)
    await stream(daemon, data_area=3, chunk_bytes=8192, window=1)
    header_reads = [size for _, size in host.guarded.given if size == PAGE_BYTES]
    chunk_buffers = [size for _, size in host.guarded.given if size > PAGE_BYTES]
    assert len(chunk_buffers) <= -(-AREA_BYTES[3] // 8192)  # what messages are made from, and nothing beside it
    assert len(header_reads) <= 8


@pytest.mark.parametrize("size", [1, 4, 512, 4095, 4096, 4097, 8192])
@pytest.mark.parametrize("crooked", [0, 4])
def test_only_what_was_asked_for_reaches_the_caller(host: OverrunningHost, size: int, crooked: int) -> None:
    handle = host.open(host.scan()[0])._handle  # type: ignore[attr-defined]
    around = bytearray(b"\x11" * (size + 128))
    over(handle).admin(
        Command(0x02, cdw10=2 | (max(size, 4) // 4 - 1) << 16), memoryview(around)[crooked : crooked + size]
    )
    assert around[:crooked] == b"\x11" * crooked
    assert around[crooked + size :] == b"\x11" * (128 - crooked)
    assert handle.escaped == []


def test_a_write_shows_the_drive_nothing_but_what_is_sent(host: OverrunningHost) -> None:
    seen = bytearray()

    class Watching:
        path = "nvme0"

        def ioctl(self, request: int, structure: Any = None) -> int:
            seen.extend(ctypes.string_at(structure.addr, PAGE_BYTES))
            return 0

    over(Watching()).admin(Command(0x11), memoryview(b"x" * 100 + b"secret")[:100])  # type: ignore[arg-type]
    assert seen == b"x" * 100 + bytes(PAGE_BYTES - 100)
