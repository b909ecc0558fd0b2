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
from nvmed.devices.log_pieces import at_least, one_command_bytes
from nvmed.devices.logs import Page, read_bytes
from nvmed.devices.omission import Omission, unless_refused
from nvmed.devices.telemetry import Journalled
from nvmed.errors import NvmedError
from nvmed.nvme.layout import collected, malformed
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
    """The log's header and its first, newest events; `is_complete` if they are all that there are."""

    header: PersistentEventLogHeader
    events: tuple[PersistentEvent, ...]
    is_complete: bool
    omissions: tuple[Omission, ...] = ()


class PersistentEventReader:
    """Reads persistent event logs; one for the whole daemon, as it keeps its own readers from each other's context."""

    def __init__(self) -> None:
        self._turns: WeakKeyDictionary[Device, asyncio.Lock] = WeakKeyDictionary()

    @asynccontextmanager
    async def context(
        self, session: Session, omissions: list[Omission], take_over: Journalled | None = None
    ) -> AsyncIterator[PersistentEventLogHeader]:
        """A context inside, released at the end, or that it was not is added to `omissions`: what was read is read.

        With `take_over`, one that is there already is released before.

        Raises NVME_UNSUPPORTED, LOG_CONTEXT_TAKEN.
        """
        (await session.device.capabilities(session)).require("persistent_event_log")
        async with self._turns.setdefault(session.device, asyncio.Lock()):
            header = await _establish(session, take_over)
            try:
                yield header
            finally:
                await to_the_end(unless_refused("", _release(session), None, omissions))

    async def read(self, device: Device, events_max: int, take_over: Journalled | None) -> Events:
        """The newest `events_max` events, or as many as LOG_BYTES_MAX holds."""
        omissions: list[Omission] = []
        async with device.open() as session, self.context(session, omissions, take_over) as header:
            events = await _read_newest(session, header, min(events_max, header.tnev), omissions)
        return Events(header, events, len(events) == header.tnev, tuple(omissions))


async def _read_newest(
    session: Session, header: PersistentEventLogHeader, wanted: int, omissions: list[Omission]
) -> tuple[PersistentEvent, ...]:
    """The first `wanted` events, or as many as LOG_BYTES_MAX holds, or as can be read at all."""
    start = header.header_bytes
    if start % 4:
        raise malformed(f"The persistent event log's header has {start} bytes, which is no multiple of 4")
    reach = await one_command_bytes(session)
    if reach is not None:
        return await _read_first_command(session, header, wanted, min(reach, _dwords(header.tll)), omissions)
    data = b""
    while True:
        room = min(max(FIRST_BYTES, 2 * len(data)), limits.LOG_BYTES_MAX)
        end = max(start, min(_dwords(header.tll), start + room))
        if end > start + len(data):
            part = read_bytes(session, _PAGE, start + len(data), end)
            data += await unless_refused("events", part, b"", omissions)
        is_last = bool(omissions) or end >= header.tll or room == limits.LOG_BYTES_MAX
        events, why = collected(parse_events(data, wanted))
        if len(events) == wanted or is_last:
            if why is not None and end >= header.tll:  # the log itself ends too early, or makes no sense from there on
                omissions.append(Omission.of("events", why))
            return events


async def _read_first_command(
    session: Session, header: PersistentEventLogHeader, wanted: int, end: int, omissions: list[Omission]
) -> tuple[PersistentEvent, ...]:
    """The events that one command brings, of a controller that reads no log in parts."""
    data = await unless_refused("events", read_bytes(session, _PAGE, 0, end), b"", omissions)
    events, why = collected(parse_events(data[header.header_bytes :], wanted))
    if why is not None and not omissions:
        missing = (await session.device.capabilities(session)).missing("log_page_offset")
        omissions.append(Omission.of("events", missing or why if end < header.tll else why))
    return events


def _dwords(size: int) -> int:
    """`size`, rounded up to whole dwords: controllers give no less."""
    return size + -size % 4


async def _establish(session: Session, take_over: Journalled | None) -> PersistentEventLogHeader:
    data = bytearray(await at_least(session, PersistentEventLogHeader.SIZE))
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
    data = bytearray(await at_least(session, PersistentEventLogHeader.SIZE))
    await session.admin(read_persistent_events(len(data), action=EventAction.RELEASE_CONTEXT), data)
