"""Collects parts within deadlines: what does not answer, or refuses, leaves an entry that says so.

A part is asked once. One that is silent is given up and never waited for again, whatever its thread does: the lane of
its drive keeps the token until the command returns. A drive that was silent twice in a row is asked nothing more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from nvmed import limits
from nvmed.devices.omission import Omission
from nvmed.errors import NvmedError
from nvmed.reasons import Reason
from nvmed.support.scrub import scrubbed
from nvmed.support.store import Scratch, Writer

SILENT_MAX: Final = 2
"""Parts in a row that a drive may leave unanswered: one may be a log that hangs it, two are the drive."""

GROUPS_AT_ONCE: Final = 4
"""Drives that are read at the same time."""

FORMAT: Final = "nvmed.support/1"

log: Final = structlog.get_logger("nvmed.support")


@dataclass(frozen=True, slots=True)
class Part:
    """One member: its path in the archive, and what gives its bytes in pieces. Text is scrubbed, and so one piece."""

    path: str
    read: Callable[[], AsyncIterator[bytes]]
    is_text: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """The parts of one drive, asked in their order, or of the daemon ("" as `subject`).

    `refused` keeps what a drive refused as long as it stays the same drive: that is not asked again.
    """

    subject: str
    parts: Sequence[Part]
    refused: MutableMapping[str, Omission] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """What the manifest says of a part. `file` is "" where nothing of it is in the archive."""

    part: str
    subject: str
    begin_time: str
    complete: bool = False
    file: str = ""
    size_bytes: int = 0
    sha256: str = ""
    duration_ms: int = 0
    reason: str = ""
    message: str = ""

    def fail(self, reason: str, message: str) -> None:
        """Say why it is missing, or not whole."""
        self.reason, self.message = reason, message


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a part may be silent, and when all must be over, by the event loop's clock."""

    part_s: float
    end: float


class Collector:
    """Collects groups into one archive. Used once."""

    def __init__(self, writer: Writer, deadlines: Deadlines, advance: Callable[[int], None]) -> None:
        self.entries: list[Entry] = []
        self._writer = writer
        self._deadlines = deadlines
        self._advance = advance
        self._turns = asyncio.Semaphore(GROUPS_AT_ONCE)

    async def collect(self, groups: Sequence[Group]) -> None:
        """Ask for every part; raises only what makes the bundle impossible, as a disk that is full."""
        tasks = [asyncio.ensure_future(self._collect_group(group)) for group in groups]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _collect_group(self, group: Group) -> None:
        async with self._turns:
            silent = 0
            for part in group.parts:
                entry = Entry(part.path, group.subject, _now())
                self.entries.append(entry)
                began = self._time()
                if silent >= SILENT_MAX:
                    entry.fail(Reason.DEVICE_STALLED.name, f"not asked: {silent} parts in a row had no answer")
                elif (known := group.refused.get(part.path)) is not None:
                    entry.fail(known.reason, f"not asked again: {known.message}")
                elif await self._collect_part(part, entry, group.refused):
                    silent += 1
                else:
                    silent = 0
                entry.duration_ms = int((self._time() - began) * 1000)
                self._advance(len(self.entries))

    async def _collect_part(self, part: Part, entry: Entry, refused: MutableMapping[str, Omission]) -> bool:
        """Collect one part; whether it was silent."""
        async with self._writer.scratch() as scratch:
            silent = await self._fill(part, entry, scratch, refused)
            if scratch.size_bytes or entry.complete:
                entry.file = part.path if entry.complete else f"{part.path}.incomplete"
                entry.size_bytes, entry.sha256 = scratch.size_bytes, scratch.digest.hexdigest()
                await self._writer.add(entry.file, scratch)
        return silent

    async def _fill(self, part: Part, entry: Entry, scratch: Scratch, refused: MutableMapping[str, Omission]) -> bool:
        pieces = part.read()
        while True:
            left_s = self._deadlines.end - self._time()
            if left_s <= 0:
                entry.fail(Reason.LIMIT_EXCEEDED.name, "the time for the whole bundle (timeout_ms) was over")
                return False
            asked: asyncio.Future[bytes] = asyncio.ensure_future(_next(pieces))
            try:
                await asyncio.wait({asked}, timeout=min(self._deadlines.part_s, left_s))
            finally:
                if not asked.done():
                    _abandon(asked)
            if not asked.done():
                entry.fail(Reason.COMMAND_TIMEOUT.name, f"no answer within {self._deadlines.part_s:g} s")
                return True
            try:
                piece = asked.result()
            except StopAsyncIteration:
                raise AssertionError("_next ends with b''") from None
            except NvmedError as exc:
                entry.fail(exc.reason, exc.message)
                if exc.nvme is not None and exc.nvme.do_not_retry:
                    refused[part.path] = Omission.of(part.path, exc)
                return exc.reason in _SILENT
            except Exception as exc:  # one part's bug is not the bundle's end
                log.exception("bug", part=part.path)
                entry.fail(Reason.BUG.name, f"{type(exc).__name__} while it was read")
                return False
            if not piece:
                entry.complete = True
                return False
            if scratch.size_bytes + len(piece) > limits.SUPPORT_PART_BYTES_MAX:
                entry.fail(Reason.LIMIT_EXCEEDED.name, f"is longer than {limits.SUPPORT_PART_BYTES_MAX} bytes")
                _abandon(asyncio.ensure_future(_close(pieces)))
                return False
            await scratch.write(scrubbed(piece) if part.is_text else piece)

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def manifest(entries: Sequence[Entry], facts: dict[str, Any]) -> bytes:
    """The manifest: `facts`, then each part with its size, SHA-256, time and what went wrong."""
    parts = [
        {name: value for name in Entry.__slots__ if (value := getattr(entry, name)) not in ("", None)}
        for entry in sorted(entries, key=lambda one: one.part)
    ]
    return scrubbed(json.dumps({"format": FORMAT, **facts, "parts": parts}, indent=1).encode())


_SILENT: Final = frozenset({Reason.COMMAND_TIMEOUT.name, Reason.DEVICE_STALLED.name})


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    """The next piece, b"" at the end."""
    async for piece in pieces:
        if piece:
            return piece
    return b""


async def _close(pieces: AsyncIterator[bytes]) -> None:
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


def _abandon(task: asyncio.Future[Any]) -> None:
    """Give up a task without waiting for it: it may be held by a thread that a drive holds."""
    task.cancel()
    _STRAYS.add(task)
    task.add_done_callback(_forget)


_STRAYS: Final[set[asyncio.Future[Any]]] = set()
"""Tasks that were given up and have not ended: the event loop itself holds them only weakly."""


def _forget(task: asyncio.Future[Any]) -> None:
    _STRAYS.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved, or the loop complains that nobody did


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
