"""A piece of a log, in as many commands as the controller's transfers make necessary.

How much a controller takes in one command is not only what MDTS and the kernel's queue say. Some take less, some
bridges nothing but 4 KiB, and they refuse the rest with one of several statuses (nvme-cli#3507, nvme-cli#2526,
smartmontools#256). Which it is, is found out with a few commands: if neither 4 KiB nor 512 bytes can be read where
another size was refused, then the size is not the reason. What was found is remembered once all that was refused was
read, for a refusal may also mean that the log ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nvmed import limits
from nvmed.devices.controller import Session
from nvmed.devices.transfers import TransferLimit, smaller
from nvmed.errors import NvmedError
from nvmed.nvme import memory
from nvmed.nvme.logpage import PLAIN_BYTES_MAX
from nvmed.nvme.status import CODE_MASK
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error

PROBED: Final = (4096, 512)
"""Sizes that show whether another one was refused for its size: what such controllers take."""

SIZE_STATUSES: Final = frozenset({0x002, 0x004, 0x006, 0x00D, 0x00F, 0x013})
"""Invalid Field, Data Transfer Error, Internal Error, and what is wrong with a list of pages: answers to a transfer of
another size than the controller takes."""

SIZE_ERRNOS: Final = frozenset({"EINVAL", "ENOMEM", "EMSGSIZE", "E2BIG"})
"""What the kernel fails a transfer with that its queue does not take."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What to read: `command` makes the Get Log Page of (offset, length); `offset` is where the piece begins.

    A controller that reads no log in parts gets one command (`in_parts` false). `is_stopped` is asked before each.
    """

    command: Callable[[int, int], Command]
    offset: int
    transfer_bytes: int = 1 << 32
    in_parts: bool = True
    is_stopped: Callable[[], bool] = lambda: False


def read_piece(session: Session, what: Piece, into: memoryview, limit: TransferLimit) -> None:
    """Fill `into`; blocks, in a lane's thread. Raises what the first command raised whose size is not the reason."""
    done, transfer = 0, min(limit.bytes, what.transfer_bytes)
    refused_end = accepted = 0
    while done < len(into):
        if what.is_stopped():
            raise error(Reason.CALL_CANCELLED, "the reader went away")
        size = min(transfer, len(into) - done)
        part = into[done : done + size]
        try:
            _read(session, what, done, part, limit.least)
        except NvmedError as exc:
            if not is_about_size(exc) or 0 < size <= accepted:
                raise
            if refused_end:
                transfer = max(smaller(size), accepted)
                continue
            taken = _probe(session, what, done, part, limit)
            if not taken:
                raise
            if taken < size:
                refused_end, accepted = done + size, taken
                # 4 KiB is asked for first: if it was 512 bytes that were taken, more than 4 KiB never is.
                transfer = max(taken, smaller(size if taken == PROBED[0] else min(size, PROBED[0])))
            size = min(taken, size)
        else:
            accepted = max(accepted, size) if refused_end else 0
        done += size
        if refused_end and done >= refused_end:
            limit.learn(accepted)
            refused_end = 0


def _read(session: Session, what: Piece, done: int, into: memoryview, least: int) -> None:
    """One command; where the controller takes no less than `least`, more than is wanted."""
    if len(into) >= least:
        session.submit(what.command(what.offset + done, len(into)), into)
        return
    room = memory.pages(least)[:least]
    session.submit(what.command(what.offset + done, least), room)
    into[:] = room[: len(into)]


def _probe(session: Session, what: Piece, done: int, part: memoryview, limit: TransferLimit) -> int:
    """The first of PROBED that can be read where `part` was refused, which then holds as much; 0 if none can."""
    for size in PROBED:
        if size == len(part) or (size < len(part) and not what.in_parts) or size < limit.least:
            continue
        try:
            _read(session, what, done, part[:size], size)
        except NvmedError as exc:
            if not is_about_size(exc):
                raise
            continue
        if size > len(part):
            limit.learn_least(size)
        return size
    return 0


def is_about_size(exc: NvmedError) -> bool:
    """Whether a transfer of another size may succeed."""
    if exc.nvme is not None:
        return exc.nvme.raw & CODE_MASK in SIZE_STATUSES
    return exc.os is not None and exc.os.symbol in SIZE_ERRNOS


async def reads_in_parts(session: Session, start: int, end: int, transfer_bytes: int = 0) -> bool:
    """Whether a log can be read in parts (LPA bit 2); NVME_UNSUPPORTED if it cannot, and would have to be.

    Such a controller gives the log's beginning, whatever offset it is asked for."""
    reach = await one_command_bytes(session)
    if reach is None:
        return True
    if start or end > min(reach, transfer_bytes or reach):
        (await session.device.capabilities(session)).require("log_page_offset")
    return False


async def at_least(session: Session, size: int) -> int:
    """`size` bytes of a log, or what the controller takes at least."""
    return max(size, (await session.device.transfer_limit(session)).least)


async def one_command_bytes(session: Session) -> int | None:
    """How much of a log can be read at all of a controller that reads none in parts; None of one that does."""
    if (await session.device.capabilities(session)).has("log_page_offset"):
        return None
    return min((await session.device.transfer_limit(session)).bytes, PLAIN_BYTES_MAX)


async def read_log(session: Session, command: Callable[[int, int], Command], start: int, end: int) -> bytes:
    """`start` to `end` of a log. Raises NVME_UNSUPPORTED as `reads_in_parts`."""
    piece = Piece(command, start, in_parts=await reads_in_parts(session, start, end))
    limit = await session.device.transfer_limit(session)
    data = bytearray(end - start)
    await session.run(lambda: read_piece(session, piece, memoryview(data), limit))
    return bytes(data)


def require_room(size: int, lid: int) -> None:
    """Raise LIMIT_EXCEEDED for a log that is too long to be decoded into one message."""
    if size > limits.LOG_BYTES_MAX:
        raise error(
            Reason.LIMIT_EXCEEDED,
            f"the log has {size} bytes, and at most {limits.LOG_BYTES_MAX} are decoded into one message; "
            f"ReadLogPage streams log page {lid:02X}h",
            size_bytes=size,
            limit=limits.LOG_BYTES_MAX,
        )
