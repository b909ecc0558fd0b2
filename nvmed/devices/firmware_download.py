"""Firmware Image Download: bytes from anywhere into a controller's download buffer, command by command.

What `nvme_fw_download_seq` does, without its bugs: what can be wrong with size, offset and transfer is refused before
the first command, and nothing is sent that was not given. A command that failed is repeated as nvme-cli does it, but
only where the drive answered and allows it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from nvmed.devices.controller import Session
from nvmed.errors import NvmedError
from nvmed.nvme import firmware
from nvmed.nvme.status import CODE_MASK
from nvmed.reasons import invalid_field

TRIES: Final = 3
"""How often a command is sent before its failure is the download's (nvme-cli: fw-download)."""

OVERLAPPING_RANGE: Final = 0x114
"""The drive has some of these bytes already (SCT 1, SC 14h): sending them again does not help."""

BATCH_S: Final = 0.1
"""How long a thread goes from command to command before it reports: a hop per command would be slower than the drives,
and a longer one would look to the lane as if a command hung."""


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """`size_bytes` of an image, from `offset_bytes` of it on, in commands of `transfer_bytes`; the last may be shorter.

    `ignore_overlap` goes on where the drive says that it has a range already.
    """

    size_bytes: int
    transfer_bytes: int
    offset_bytes: int = 0
    ignore_overlap: bool = False


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was sent: its hash, the commands that the drive completed, how many of them only when repeated, and how
    many ranges it said to have already."""

    size_bytes: int
    sha256: bytes
    commands: int
    repeated: int
    overlaps: int


async def plan_download(
    session: Session,
    size_bytes: int,
    *,
    offset_bytes: int = 0,
    transfer_bytes: int = 0,
    ignore_granularity: bool = False,
    ignore_overlap: bool = False,
) -> DownloadPlan:
    """The plan for this drive; `transfer_bytes` 0 is what suits it.

    `ignore_granularity` is for drives that report one that they do not mean. Raises INVALID_FIELD naming `size_bytes`,
    `offset_bytes` or `transfer_bytes`.
    """
    fwug = (await session.device.identify(session)).fwug
    limit = (await session.device.transfer_limit(session)).firmware_bytes
    unit = 4 if ignore_granularity or fwug == firmware.FWUG_NOT_REPORTED else firmware.granularity_bytes(fwug)
    if not transfer_bytes:
        whole = firmware.GRANULARITY_BYTES if ignore_granularity else firmware.transfer_bytes(fwug, limit)
        transfer_bytes = min(whole, limit)
    if size_bytes <= 0 or size_bytes % 4:
        raise invalid_field("size_bytes", f"{size_bytes}; firmware is a multiple of 4 bytes and not empty.")
    firmware.plan_download(size_bytes, transfer_bytes, offset_bytes, granularity=unit, max_transfer_bytes=limit)
    return DownloadPlan(size_bytes, transfer_bytes, offset_bytes, ignore_overlap)


async def download(
    session: Session,
    source: AsyncIterable[bytes],
    plan: DownloadPlan,
    *,
    checkpoint: Callable[[], None] = lambda: None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Downloaded:
    """Send what `source` gives, in blocks of any size, which together have `plan.size_bytes`.

    `checkpoint` is called in a thread before each command and stops the download by raising; `advance` is called on
    the loop with (bytes done, bytes in all). In memory there are one block and less than a transfer. Raises
    INVALID_FIELD if the source has more or less than planned (what is beyond is not sent, nor is a rest that is
    shorter than planned), and what the drive answers, with `offset_bytes` and `tries` in its metadata.
    """
    sending = _Sending(session, plan, checkpoint, advance)
    waiting = bytearray()
    received = 0
    try:
        async for block in source:
            received += len(block)
            if received > plan.size_bytes:
                raise invalid_field("size_bytes", f"is {plan.size_bytes}, but there are {received} bytes and more")
            waiting = waiting + block  # never resized: a thread that failed may still hold a view of it
            rest = 0 if received == plan.size_bytes else len(waiting) % plan.transfer_bytes
            ready = len(waiting) - rest
            await sending.send(memoryview(waiting)[:ready])
            waiting = waiting[ready:]
    finally:
        sending.stopped = True
    if received != plan.size_bytes:
        raise invalid_field(
            "size_bytes", f"is {plan.size_bytes}, but the data ended after {received}; nothing was committed"
        )
    return sending.result()


class _Sending:
    """The state of one download, shared by the loop and, one at a time, the lane's threads."""

    def __init__(
        self,
        session: Session,
        plan: DownloadPlan,
        checkpoint: Callable[[], None],
        advance: Callable[[int, int], None],
    ) -> None:
        self.stopped = False
        self._session = session
        self._plan = plan
        self._checkpoint = checkpoint
        self._advance = advance
        self._digest = hashlib.sha256()
        self._sent = self._commands = self._repeated = self._overlaps = 0
        self._at = self._tries = 0

    def result(self) -> Downloaded:
        """What was done."""
        return Downloaded(self._sent, self._digest.digest(), self._commands, self._repeated, self._overlaps)

    async def send(self, data: memoryview) -> None:
        """Send `data` in commands of the planned size, and what remains in one more."""
        self._at = 0
        while self._at < len(data):
            try:
                await self._session.device.lane.mutate(partial(self._batch, data))
            except NvmedError as exc:
                self._tries += 1
                if not _may_repeat(exc) or self._tries >= TRIES:
                    self._locate(exc)
                    raise
                await asyncio.sleep((exc.retry_delay_ms or 0) / 1000)
            self._advance(self._sent, self._plan.size_bytes)

    def _locate(self, exc: NvmedError) -> None:
        """Say in `exc` where in the image a command failed, and how often it was tried."""
        if exc.nvme is not None or exc.os is not None:
            exc.metadata["offset_bytes"] = str(self._plan.offset_bytes + self._sent)
            exc.metadata["tries"] = str(self._tries)

    def _batch(self, data: memoryview) -> None:
        """Send command after command for a while; runs in a lane's thread."""
        self._session.require_same()
        start, until = self._at, time.monotonic() + BATCH_S
        try:
            while self._at < len(data) and not self.stopped and time.monotonic() < until:
                self._checkpoint()
                piece = data[self._at : self._at + self._plan.transfer_bytes]
                self._submit(piece)
                self._at += len(piece)
                self._sent += len(piece)
                self._commands += 1
                self._repeated += self._tries > 0
                self._tries = 0
        finally:
            # All at once: with many drives at work, letting go of the GIL and waiting for it costs more than hashing.
            self._digest.update(data[start : self._at])

    def _submit(self, piece: memoryview) -> None:
        command = firmware.download(self._plan.offset_bytes + self._sent, len(piece))
        try:
            self._session.submit(command, piece)
        except NvmedError as exc:
            if not (self._plan.ignore_overlap and _overlaps(exc)):
                raise
            self._overlaps += 1


def _overlaps(exc: NvmedError) -> bool:
    return exc.nvme is not None and exc.nvme.raw & CODE_MASK == OVERLAPPING_RANGE


def _may_repeat(exc: NvmedError) -> bool:
    """Whether the drive refused the command in a way that may pass: one that never returned may have been executed."""
    return exc.nvme is not None and not exc.nvme.do_not_retry and not _overlaps(exc)
