"""DownloadFirmware over the wire: a client's bytes straight to a drive, and nothing but them."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from nvmed import limits
from nvmed.firmware.stream import Feed
from nvmed.nvme import firmware
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.status import DO_NOT_RETRY
from nvmed.simulator.faults import Call, Fault, Hang, Refuse
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.spec import FirmwareSpec
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.operations_pb2 import GATE_GRANULARITY
from tests.rpc.firmware_calls import CODE, MIB, chunk, content, eventually, refused, stub
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive

DRIVE = "controllers/nvmed1-1"
GOOD = content(64 * KIB)
PIECE = chunk(GOOD)


def download(data: bytes, size: int = 64 * KIB, **changes: Any) -> list[pb.DownloadFirmwareRequest]:
    first = pb.DownloadHeader(**{"controller": DRIVE, "size_bytes": len(data), **changes})
    pieces = [chunk(data[at : at + size], at) for at in range(0, len(data), size)]
    return [pb.DownloadFirmwareRequest(header=first), *(pb.DownloadFirmwareRequest(chunk=piece) for piece in pieces)]


def sent(daemon: Daemon) -> list[tuple[int, int]]:
    commands = daemon.drive().journal.commands(opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD)
    return [firmware.decode_download(command) for command in commands]


async def test_a_download(daemon: Daemon) -> None:
    image = build_image("2.0.0", 200 * KIB)
    done = await stub(daemon).DownloadFirmware(iter(download(image)))
    assert (done.controller, done.size_bytes, done.commands) == (DRIVE, len(image), 50)
    assert (done.transfer_bytes, done.sha256) == (4096, hashlib.sha256(image).digest())
    assert daemon.drive().subsystem.firmware.download.image() == image
    assert not daemon.drive().journal.commands(opcode=AdminOpcode.FIRMWARE_COMMIT)


async def test_a_download_with_offset_and_transfer_size(daemon: Daemon) -> None:
    done = await stub(daemon).DownloadFirmware(
        iter(download(bytes(40 * KIB), offset_bytes=64 * KIB, transfer_bytes=16 * KIB))
    )
    assert done.commands == 3
    assert sent(daemon) == [(64 * KIB, 16 * KIB), (80 * KIB, 16 * KIB), (96 * KIB, 8 * KIB)]


@pytest.mark.parametrize(
    ("code", "reason", "requests"),
    [
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", []),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [pb.DownloadFirmwareRequest(chunk=PIECE)]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(b"", size_bytes=0)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(b"", size_bytes=4094)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(b"", size_bytes=limits.IMAGE_BYTES_MAX + 4)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, offset_bytes=2)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, offset_bytes=4)),  # not of the drive's granularity
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, offset_bytes=2**34)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, transfer_bytes=4095)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, transfer_bytes=2048)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, transfer_bytes=MIB)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, override_gates=["GATE_SLOT_WRITABLE"])),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, override_gates=[99])),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, size_bytes=128 * KIB)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", download(GOOD, size_bytes=32 * KIB)),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [*download(GOOD[: 32 * KIB], size_bytes=64 * KIB), *download(GOOD)]),
        (CODE.FAILED_PRECONDITION, "GATE_FAILED", download(GOOD[:8188])),
        (CODE.NOT_FOUND, "CONTROLLER_NOT_FOUND", download(GOOD, controller="controllers/none")),
        (
            CODE.OUT_OF_RANGE,
            "OFFSET_OUT_OF_RANGE",
            [*download(b"", size_bytes=64 * KIB), pb.DownloadFirmwareRequest(chunk=chunk(GOOD, 4))],
        ),
        (
            CODE.DATA_LOSS,
            "TRANSFER_CORRUPTED",
            [*download(b"", size_bytes=64 * KIB), pb.DownloadFirmwareRequest(chunk=chunk(GOOD, crc32=7))],
        ),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value),
)
async def test_bad_downloads(daemon: Daemon, code: grpc.StatusCode, reason: str, requests: list[Any]) -> None:
    await refused(code, reason, stub(daemon).DownloadFirmware(iter(requests)))
    assert len(sent(daemon)) <= 16
    assert not daemon.drive().journal.commands(opcode=AdminOpcode.FIRMWARE_COMMIT)
    done = await stub(daemon).DownloadFirmware(iter(download(build_image("2.0.0"))))
    assert done.commands == 16


async def test_a_granularity_that_is_not_meant(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(granularity_enforced=False)))
    await refused(CODE.FAILED_PRECONDITION, "GATE_FAILED", stub(daemon).DownloadFirmware(iter(download(bytes(8188)))))
    done = await stub(daemon).DownloadFirmware(iter(download(bytes(8188), override_gates=[GATE_GRANULARITY])))
    assert sent(daemon) == [(0, 4096), (4096, 4092)]
    assert done.size_bytes == 8188


async def test_a_download_is_only_evaluated(daemon: Daemon) -> None:
    done = await stub(daemon).DownloadFirmware(iter(download(GOOD, validate_only=True)))
    assert done == pb.DownloadFirmwareResponse(controller=DRIVE, transfer_bytes=4096)
    assert sent(daemon) == []


async def test_a_download_is_done_once(daemon: Daemon) -> None:
    requests = download(GOOD, request_id=str(uuid.uuid4()))
    done = await stub(daemon).DownloadFirmware(iter(requests))
    assert await stub(daemon).DownloadFirmware(iter(requests)) == done
    assert len(sent(daemon)) == 16


async def test_what_the_drive_refuses(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Refuse(0x002 | DO_NOT_RETRY), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=3))
    await refused(CODE.INVALID_ARGUMENT, "NVME_INVALID_FIELD", stub(daemon).DownloadFirmware(iter(download(GOOD))))
    assert len(sent(daemon)) == 4


async def test_overlap(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(restart_at_zero=False)))
    await stub(daemon).DownloadFirmware(iter(download(GOOD)))
    await refused(CODE.ABORTED, "NVME_CONFLICT", stub(daemon).DownloadFirmware(iter(download(GOOD))))
    done = await stub(daemon).DownloadFirmware(iter(download(GOOD, ignore_overlap=True)))
    assert done.commands == 16


async def test_a_client_that_goes_away_stops_the_download(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    hang, noticed, cut = Hang(), asyncio.Event(), Feed.cut

    def notice(feed: Feed) -> None:
        cut(feed)
        noticed.set()

    monkeypatch.setattr(Feed, "cut", notice)
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=2))
    call = stub(daemon).DownloadFirmware(iter(download(GOOD)))
    await asyncio.to_thread(hang.reached.wait)
    busy = stub(daemon).DownloadFirmware(iter(download(GOOD)))
    await refused(CODE.UNAVAILABLE, "SUBSYSTEM_BUSY", busy)  # the subsystem is held
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await noticed.wait()
    hang.release()
    again = download(GOOD, validate_only=True)
    await eventually(lambda: stub(daemon).DownloadFirmware(iter(again)), "SUBSYSTEM_BUSY")  # while the command runs
    assert sent(daemon) == [(0, 4096), (4096, 4096), (8192, 4096)]
    assert not daemon.drive().journal.commands(opcode=AdminOpcode.FIRMWARE_COMMIT)


async def test_a_client_that_stops_sending_and_goes(daemon: Daemon) -> None:
    reached = threading.Event()
    daemon.drive().faults.add(Fault(Call(lambda *_: reached.set()), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=7))

    async def requests() -> AsyncIterator[pb.DownloadFirmwareRequest]:
        for request in download(GOOD, size=32 * KIB)[:2]:
            yield request
        await asyncio.Event().wait()

    call = stub(daemon).DownloadFirmware(requests())
    await asyncio.to_thread(reached.wait)
    call.cancel()
    done = await eventually(lambda: stub(daemon).DownloadFirmware(iter(download(GOOD))), "SUBSYSTEM_BUSY")
    assert done.commands == 16
