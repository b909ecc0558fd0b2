"""Firmware Image Download against the simulator: what is sent, what is repeated, what stops it.

libnvme's `nvme_fw_download_seq` was observed; nvmed sends the same commands but for these deviations, each named in
DEVIATIONS:

- TAIL: when the size is no multiple of the transfer, libnvme 1.x goes on from beyond its buffer (libnvme#1120); nvmed
  sends what there is and stops.
- SIZE: a size that is no multiple of 4 is refused, where libnvme sends commands whose lengths do not match.
- OFFSET: an offset that is no multiple of 4 is refused, where libnvme drops its low bits.
- TRANSFER: a transfer that is no multiple of 4, or more than one command carries, is refused before the drive is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.devices.controller import Session
from nvmed.devices.firmware_download import Downloaded, DownloadPlan, download, plan_download
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.nvme import firmware
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.status import DO_NOT_RETRY
from nvmed.reasons import Reason, error
from nvmed.simulator.faults import Call, Fail, Fault, Hang, Refuse
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec, FirmwareSpec
from nvmed.simulator.subsystem import Subsystem

CASES: list[dict[str, Any]] = [
    case
    for case in json.loads((Path(__file__).parents[2] / "vectors" / "commands.json").read_text())
    if case["function"] == "nvme_fw_download_seq"
]
DEVIATIONS = {
    "fw size=4112 xfer=4096 off=0x0": "TAIL",
    "fw size=10000 xfer=4096 off=0x0": "TAIL",
    "fw size=100 xfer=4096 off=0x0": "TAIL",
    "fw size=8190 xfer=4096 off=0x0": "SIZE",
    "fw size=3 xfer=4096 off=0x0": "SIZE",
    "fw size=8192 xfer=4096 off=0x1002": "OFFSET",
    "fw size=8192 xfer=4095 off=0x0": "TRANSFER",
    "fw size=8192 xfer=2147483648 off=0x0": "TRANSFER",
}
FIELDS = {"SIZE": "size_bytes", "OFFSET": "offset_bytes", "TRANSFER": "transfer_bytes"}
KIB = 1024
INVALID_FIELD, OVERLAP = 0x002, 0x114


def unrestricted(**changes: Any) -> DriveSpec:
    """A drive that takes pieces of any size anywhere."""
    rules = FirmwareSpec(granularity_pages=255, maximum_image_bytes=firmware.IMAGE_END_MAX)
    return DriveSpec(**{"firmware": rules, **changes})


@asynccontextmanager
async def opened(subsystem: Subsystem) -> AsyncIterator[Session]:
    inventory = Inventory(SimulatedHost([subsystem]))
    (device,) = await inventory.controllers()
    try:
        async with device.open() as session:
            await device.identify(session)
            subsystem.controller.journal.clear()
            yield session
    finally:
        inventory.close()


async def blocks(data: bytes, size: int = 1 << 20) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def pieces(subsystem: Subsystem) -> list[tuple[int, int]]:
    """(offset, length) of every download command that was answered."""
    commands = subsystem.controller.journal.commands(opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD)
    return [firmware.decode_download(command) for command in commands]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
async def test_the_commands_are_those_of_libnvme(case: dict[str, Any]) -> None:
    wanted, deviation = case["params"], DEVIATIONS.get(case["case"])
    drive = Subsystem(unrestricted(mdts=case["device"]["mdts"]))
    for index, status in case["device"]["fail"].items():
        drive.controller.faults.add(Fault(Refuse(status), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=int(index)))
    data = bytes(wanted["size"])
    failure = None
    async with opened(drive) as session:
        try:
            plan = await plan_download(session, len(data), offset_bytes=wanted["offset"], transfer_bytes=wanted["xfer"])
            await download(session, blocks(data), plan)
        except NvmedError as exc:
            failure = exc
    theirs = [
        (command["opcode"], command["nsid"], command["cdw10"], command["cdw11"], command["data_len"])
        for command in case["commands"]
    ]
    ours = [
        (record.command.opcode, record.command.nsid, record.command.cdw10, record.command.cdw11, record.data_bytes)
        for record in drive.controller.journal.records
    ]
    if deviation == "TAIL":
        assert failure is None
        assert ours == theirs[: len(ours)] != theirs
        assert sum(length for *_, length in ours) == wanted["size"]
    elif deviation:
        assert failure is not None
        assert (failure.reason, [field.field for field in failure.fields]) == ("INVALID_FIELD", [FIELDS[deviation]])
        assert ours == []
    else:
        assert ours == theirs
        assert (failure.nvme.raw if failure and failure.nvme else 0) == case["ret"]


def test_every_deviation_is_about_a_case() -> None:
    assert DEVIATIONS.keys() <= {case["case"] for case in CASES}


@given(
    words=st.integers(1, 100),
    transfer=st.integers(1, 50),
    block=st.integers(1, 300),
    offset=st.integers(0, 1000),
)
async def test_whatever_the_blocks_are_the_drive_gets_the_bytes(
    words: int, transfer: int, block: int, offset: int
) -> None:
    drive = Subsystem(unrestricted(mdts=0))
    data = bytes(index * 7 & 0xFF for index in range(words * 4))
    async with opened(drive) as session:
        plan = DownloadPlan(len(data), transfer * 4, offset * 4)
        done = await download(session, blocks(data, block), plan)
    assert done.sha256 == hashlib.sha256(data).digest()
    assert pieces(drive) == list(firmware.plan_download(len(data), transfer * 4, offset * 4))
    assert done.commands == len(pieces(drive))
    assert b"".join(drive.firmware.download.portions[at] for at in drive.firmware.download.offsets) == data


async def test_the_piece_is_what_suits_the_drive() -> None:
    for fwug, override, expected in ((0, False, 4096), (1, False, 4096), (8, False, 32768), (255, False, 4096),
                                     (8, True, 4096)):  # fmt: skip
        drive = Subsystem(DriveSpec(mdts=5, firmware=FirmwareSpec(granularity_pages=fwug)))
        async with opened(drive) as session:
            plan = await plan_download(session, 64 * KIB, ignore_granularity=override)
            assert plan.transfer_bytes == expected, fwug


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("size_bytes", {"size_bytes": 0}),
        ("size_bytes", {"size_bytes": 8191}),
        ("size_bytes", {"size_bytes": -4}),
        ("offset_bytes", {"offset_bytes": 2048}),
        ("offset_bytes", {"offset_bytes": 1 << 34}),
        ("transfer_bytes", {"transfer_bytes": 2048}),
        ("transfer_bytes", {"transfer_bytes": 256 * KIB}),
    ],
    ids=str,
)
async def test_a_plan_that_cannot_be_right_is_refused(field: str, arguments: dict[str, Any]) -> None:
    drive = Subsystem(DriveSpec(mdts=5))
    async with opened(drive) as session:
        with pytest.raises(NvmedError) as caught:
            await plan_download(session, **{"size_bytes": 8192, **arguments})
    assert (caught.value.reason, caught.value.fields[0].field) == ("INVALID_FIELD", field)


async def test_a_granularity_beyond_a_command_is_refused() -> None:
    drive = Subsystem(DriveSpec(mdts=1, firmware=FirmwareSpec(granularity_pages=4)))
    async with opened(drive) as session:
        with pytest.raises(NvmedError) as caught:
            await plan_download(session, 64 * KIB)
        assert caught.value.fields[0].field == "transfer_bytes"
        assert (await plan_download(session, 64 * KIB, ignore_granularity=True)).transfer_bytes == 4096


async def sent(
    drive: Subsystem, data: bytes, *, checkpoint: Callable[[], None] = lambda: None, **plan: Any
) -> Downloaded:
    async with opened(drive) as session:
        wanted = DownloadPlan(**{"size_bytes": len(data), "transfer_bytes": 4096, **plan})
        return await download(session, blocks(data), wanted, checkpoint=checkpoint)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_command_is_tried_three_times(times: int) -> None:
    drive, image = Subsystem(DriveSpec()), build_image("2.0.0")
    fault = Fault(Refuse(INVALID_FIELD), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=3, times=times)
    drive.controller.faults.add(fault)
    done = await sent(drive, image)
    assert (done.commands, done.repeated) == (16, 1)
    assert pieces(drive)[3 : 4 + times] == [(3 * 4096, 4096)] * (times + 1)
    assert drive.firmware.download.image() == image


@pytest.mark.parametrize(
    ("action", "reason", "tries"),
    [
        (Refuse(INVALID_FIELD), Reason.NVME_INVALID_FIELD, 3),
        (Refuse(INVALID_FIELD | DO_NOT_RETRY), Reason.NVME_INVALID_FIELD, 1),
        (Refuse(OVERLAP), Reason.NVME_CONFLICT, 1),
        (Fail(4), Reason.COMMAND_TIMEOUT, 1),
        (Fail(19), Reason.DEVICE_GONE, 1),
    ],
    ids=["refused", "do not retry", "overlap", "lost", "gone"],
)
async def test_what_is_not_repeated_or_no_more_is_an_error(action: Any, reason: Reason, tries: int) -> None:
    drive = Subsystem(DriveSpec())
    drive.controller.faults.add(Fault(action, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=2, times=None))
    with pytest.raises(NvmedError) as caught:
        await sent(drive, build_image("2.0.0"))
    assert caught.value.reason == reason.name
    assert (caught.value.metadata["offset_bytes"], caught.value.metadata["tries"]) == ("8192", str(tries))
    assert len(drive.controller.journal.records) == 2 + tries


async def test_overlap_can_be_ignored() -> None:
    drive, image = Subsystem(DriveSpec(firmware=FirmwareSpec(restart_at_zero=False))), build_image("2.0.0")
    await sent(drive, image)
    done = await sent(drive, image, ignore_overlap=True)
    assert (done.commands, done.overlaps) == (16, 16)
    assert drive.firmware.download.image() == image


async def test_a_checkpoint_stops_after_the_running_command() -> None:
    drive = Subsystem(DriveSpec())
    asked = threading.Event()
    drive.controller.faults.add(Fault(Call(lambda *_: asked.set()), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=4))

    def checkpoint() -> None:
        if asked.is_set():
            raise error(Reason.OPERATION_CANCELLED, "stop")

    with pytest.raises(NvmedError, match="stop"):
        await sent(drive, build_image("2.0.0"), checkpoint=checkpoint)
    assert len(pieces(drive)) == 5


async def test_a_cancelled_download_sends_no_further_command() -> None:
    drive, hang = Subsystem(DriveSpec()), Hang()
    drive.controller.faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=2))
    async with opened(drive) as session:
        plan = DownloadPlan(64 * KIB, 4096)
        task = asyncio.create_task(download(session, blocks(build_image("2.0.0")), plan))
        await asyncio.to_thread(hang.reached.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        hang.release()
        await session.device.lane.mutate(lambda: None)  # behind the one that was cancelled
        assert len(pieces(drive)) == 3


@pytest.mark.parametrize(("given", "reached"), [(60 * KIB, 15), (68 * KIB, 0)])
async def test_data_that_are_not_what_was_planned(given: int, reached: int) -> None:
    drive = Subsystem(DriveSpec())
    with pytest.raises(NvmedError, match="size_bytes"):
        await sent(drive, bytes(given), size_bytes=64 * KIB)
    assert len(pieces(drive)) == reached


async def test_progress_ends_with_all() -> None:
    drive, seen = Subsystem(DriveSpec()), list[tuple[int, int]]()
    async with opened(drive) as session:
        image = build_image("2.0.0")
        await download(
            session, blocks(image, 10_000), DownloadPlan(len(image), 4096), advance=lambda *at: seen.append(at)
        )
    assert seen == sorted(seen)
    assert seen[-1] == (len(image), len(image))
