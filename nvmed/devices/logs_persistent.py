"""The persistent event log: a snapshot, the context, that a host establishes, reads and must release.

A controller has one context at a time. nvmed's own readers of a controller take turns; a context that another program
left is an error, or taken over where the caller asks for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from nvmed import limits
from nvmed.devices.controller import Device, Session
from nvmed.devices.logs import Page, read_bytes
from nvmed.devices.telemetry import Journalled
from nvmed.errors import NvmedError
from nvmed.nvme.layout import malformed
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.persistent_event import (
    EventAction,
    PersistentEvent,
    PersistentEventLogHeader,
    parse_events,
    read_persistent_events,
)
from nvmed.nvme.status import CODE_MASK
from nvmed.reasons import Reason, error
from nvmed.settle import to_the_end

COMMAND_SEQUENCE_ERROR: Final = 0x00C
"""What establishing a context answers where there is one already."""

FIRST_BYTES: Final = 64 * 1024
"""Read at first; doubled until enough events are there."""

_PAGE: Final[Page] = partial(get_log_page, LogPage.PERSISTENT_EVENT)


@dataclass(frozen=True, slots=True)
class Events:
    """The log's header and its first, newest events; `is_complete` if they are all."""

    header: PersistentEventLogHeader
    events: tuple[PersistentEvent, ...]
    is_complete: bool


class PersistentEventReader:
    """Reads persistent event logs; one for the whole daemon, as it keeps its own readers from each other's context."""

    def __init__(self) -> None:
        self._turns: WeakKeyDictionary[Device, asyncio.Lock] = WeakKeyDictionary()

    @asynccontextmanager
    async def context(
        self, session: Session, take_over: Journalled | None = None
    ) -> AsyncIterator[PersistentEventLogHeader]:
        """A context inside, released at the end; with `take_over`, one that is there already is released before.

        Raises NVME_UNSUPPORTED, LOG_CONTEXT_TAKEN.
        """
        (await session.device.capabilities(session)).require("persistent_event_log")
        async with self._turns.setdefault(session.device, asyncio.Lock()):
            header = await _establish(session, take_over)
            try:
                yield header
            finally:
                await to_the_end(_release(session))

    async def read(self, device: Device, events_max: int, take_over: Journalled | None) -> Events:
        """The newest `events_max` events, or as many as LOG_BYTES_MAX holds."""
        async with device.open() as session, self.context(session, take_over) as header:
            start = header.header_bytes
            if start % 4:
                raise malformed(f"The persistent event log's header has {start} bytes, which is no multiple of 4")
            wanted = min(events_max, header.tnev)
            data = b""
            while True:
                room = min(max(FIRST_BYTES, 2 * len(data)), limits.LOG_BYTES_MAX)
                end = max(start, min(_dwords(header.tll), start + room))
                if end > start + len(data):
                    data += await read_bytes(session, _PAGE, start + len(data), end)
                is_whole = end >= header.tll
                events = _newest(data, wanted, is_whole=is_whole)
                if len(events) == wanted or room == limits.LOG_BYTES_MAX:
                    return Events(header, events, len(events) == header.tnev)


def _dwords(size: int) -> int:
    """`size`, rounded up to whole dwords: controllers give no less."""
    return size + -size % 4


async def _establish(session: Session, take_over: Journalled | None) -> PersistentEventLogHeader:
    data = bytearray(PersistentEventLogHeader.SIZE)
    command = read_persistent_events(len(data), action=EventAction.ESTABLISH_CONTEXT_AND_READ)
    try:
        await session.admin(command, data)
    except NvmedError as exc:
        if exc.nvme is None or exc.nvme.raw & CODE_MASK != COMMAND_SEQUENCE_ERROR:
            raise
        if take_over is None:
            raise error(
                Reason.LOG_CONTEXT_TAKEN,
                "another program is reading the persistent event log, or left its context; "
                "set take_over_context to end its reading",
                nvme=exc.nvme,
            ) from exc
        await take_over("release_context", partial(_release, session))
        await session.admin(command, data)
    return PersistentEventLogHeader.parse(data)


async def _release(session: Session) -> None:
    """nvme-cli reads a header with it as well: Get Log Page has no length of 0."""
    data = bytearray(PersistentEventLogHeader.SIZE)
    await session.admin(read_persistent_events(len(data), action=EventAction.RELEASE_CONTEXT), data)


def _newest(data: bytes, count: int, *, is_whole: bool) -> tuple[PersistentEvent, ...]:
    """The first `count` events of `data`; where not all of the log is there, those that are."""
    events: list[PersistentEvent] = []
    try:
        for event in parse_events(data, count):
            events.append(event)  # noqa: PERF402  # those before one that is cut are wanted
    except NvmedError:
        if is_whole:
            raise
    return tuple(events)
