"""What happened to the drives of this host: the last few thousand events, and those who watch for more.

Every event has the number after the one before. A watcher is a position among them; the ring forgets, whoever is too
slow learns how many are missing, and nothing ever waits for anyone. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import struct
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from nvmed import limits
from nvmed.errors import NvmedError
from nvmed.events.kinds import Event, Kind
from nvmed.operations.records import now_ms
from nvmed.reasons import Reason, error

BATCH: Final = 64
"""Events that a watcher is handed at a time, and so the most that it holds beside the ring."""

_TOKEN: Final = struct.Struct("<B16sQ")  # version, run, sequence; a CRC-32 of these follows
_TOKEN_VERSION: Final = 1
_CRC_BYTES: Final = 4

MaySee = Callable[[Event], bool]


@dataclass(frozen=True, slots=True)
class Read:
    """What a watcher gets: how many events are missing before `events`, which are those it wants, oldest first."""

    missing: int
    events: Sequence[Event]


NOTHING: Final = Read(0, ())


@dataclass(frozen=True, slots=True)
class Topic:
    """What one asks for: events of `kinds`, of all if empty, and about `controller`, if any."""

    kinds: frozenset[Kind] = frozenset()
    controller: str = ""

    def covers(self, event: Event) -> bool:
        """Whether an event is asked for."""
        return (not self.kinds or event.kind in self.kinds) and (not self.controller or event.is_about(self.controller))


EVERYTHING: Final = Topic()


class Events:
    """The events of this run of the daemon; `run` names it. `kept` are remembered, `watchers_max` may watch."""

    def __init__(self, kept: int = limits.EVENTS_KEPT, watchers_max: int = limits.WATCHERS_MAX) -> None:
        self._run = uuid.uuid4()
        self._kept = kept
        self._ring: list[Event] = []
        self._last = 0
        self._watchers_max = watchers_max
        self._watchers = 0
        self._audiences: dict[Topic, dict[Watcher, None]] = {}
        self._closed: NvmedError | None = None

    @property
    def run(self) -> str:
        """The daemon's run: another one for each start."""
        return self._run.hex

    @property
    def last(self) -> int:
        """Number of the last event, 0 before the first."""
        return self._last

    def publish(self, event: Event) -> Event:
        """Number and keep an event, and hand it to those who wait for it; it comes back with its number and time.

        Those who watch for the same are asked together: ten thousand who watch for something else cost nothing.
        """
        self._last += 1
        event = replace(event, sequence=self._last, created_ms=now_ms())
        if len(self._ring) < self._kept:
            self._ring.append(event)
        else:
            self._ring[(self._last - 1) % self._kept] = event
        read = Read(0, (event,))  # one for all
        for topic, watchers in self._audiences.items():
            if topic.covers(event):
                for watcher in watchers:
                    if watcher.handed is not None and watcher.may_see(event):
                        watcher.hand(read)
        return event

    def since(self, sequence: int, at_most: int = BATCH) -> Read:
        """The events after number `sequence` that are still there, and how many between are not."""
        first = max(sequence, self._last - len(self._ring))
        numbers = range(first, min(first + at_most, self._last))
        return Read(first - sequence, [self._ring[number % self._kept] for number in numbers])

    @contextmanager
    def watch(self, may_see: MaySee, position: int, topic: Topic = EVERYTHING) -> Iterator[Watcher]:
        """A watcher of what is asked for, and may be seen, after number `position`.

        Raises LIMIT_EXCEEDED if too many watch.
        """
        if self._watchers >= self._watchers_max:
            raise error(
                Reason.LIMIT_EXCEEDED,
                f"{self._watchers_max} streams watch for events already; end one, or read ListEvents",
                limit=self._watchers_max,
            )
        watcher = Watcher(self, may_see, position, topic)
        self._watchers += 1
        self._audiences.setdefault(topic, {})[watcher] = None
        try:
            yield watcher
        finally:
            self._watchers -= 1
            self._forget(watcher)

    def close(self) -> None:
        """End every watcher's waiting with SHUTTING_DOWN."""
        self._closed = error(Reason.SHUTTING_DOWN, "the daemon is stopping; watch again when it is back")
        for watchers in self._audiences.values():
            for watcher in watchers:
                watcher.hand(None)

    # -- tokens

    def token(self, sequence: int) -> str:
        """Where a stream is that has had all events up to number `sequence`."""
        body = _TOKEN.pack(_TOKEN_VERSION, self._run.bytes, sequence)
        return base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(_CRC_BYTES, "little")).decode()

    def position(self, token: str) -> int | None:
        """The number that `token` was given; None if that was in another run. Raises RESUME_TOKEN_INVALID."""
        version, run, sequence = _unpacked(token)
        if version != _TOKEN_VERSION or (run == self._run.bytes and sequence > self._last):
            raise _bad_token()
        return int(sequence) if run == self._run.bytes else None

    # -- for watchers

    def check_open(self) -> None:
        """Raise SHUTTING_DOWN once it is closed."""
        if self._closed is not None:
            raise self._closed.copy()

    def _forget(self, watcher: Watcher) -> None:
        watcher.stop()
        audience = self._audiences[watcher.topic]
        del audience[watcher]
        if not audience:
            del self._audiences[watcher.topic]


class Watcher:
    """A position among the events. One task reads."""

    def __init__(self, events: Events, may_see: MaySee, position: int, topic: Topic) -> None:
        self.position = position
        """Number of the last event that was read, or passed over because it is not wanted."""
        self.may_see = may_see
        self.topic = topic
        self._events = events
        self.handed: asyncio.Future[Read | None] | None = None
        """What it waits for, once it has read everything."""
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0

    async def read(self, timeout_s: float) -> Read:
        """What there is after `position`, which moves on; waits for it, and comes back with nothing after `timeout_s`.

        Events that are not wanted wake nobody: of ten thousand who watch for other things, none gets a turn. One that
        is wanted is handed to who waits for it, who was asked then whether it may see it, and looks nothing up.
        """
        while True:
            self._events.check_open()
            found = self._events.since(self.position) if self.position != self._events.last else NOTHING
            if found.missing:
                self.position += found.missing
                return Read(found.missing, ())
            if not found.events:
                handed = await self._wait(timeout_s)
                self._events.check_open()
                self.position = handed.events[-1].sequence if handed else self._events.last
                return handed or NOTHING
            self.position = found.events[-1].sequence
            if wanted := [event for event in found.events if self.topic.covers(event) and self.may_see(event)]:
                return Read(0, wanted)

    def hand(self, read: Read | None) -> None:
        """End its waiting, if it waits: with what it reads, or with nothing."""
        if self.handed is not None and not self.handed.done():
            self.handed.set_result(read)
        self.handed = None

    def stop(self) -> None:
        """It reads no more."""
        if self._timer is not None:
            self._timer.cancel()

    async def _wait(self, timeout_s: float) -> Read | None:
        """What it is handed; None if that is nothing for so long.

        The timer is left running when there is something: where many are told much, making one for each cost more than
        telling.
        """
        loop = asyncio.get_running_loop()
        self._until = loop.time() + timeout_s
        if self._timer is not None and self._timer.when() > self._until:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = loop.call_at(self._until, self._time_is_up)
        self.handed = loop.create_future()
        try:
            return await self.handed
        finally:
            self.handed = None

    def _time_is_up(self) -> None:
        """The timer's time has come: if it waits, perhaps for longer, as it began later."""
        loop = asyncio.get_running_loop()
        self._timer = None
        if self.handed is None:
            return
        if loop.time() >= self._until:
            self.hand(None)
        else:
            self._timer = loop.call_at(self._until, self._time_is_up)


def _unpacked(token: str) -> tuple[int, bytes, int]:
    try:
        data = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        body, crc = data[:-_CRC_BYTES], int.from_bytes(data[-_CRC_BYTES:], "little")
        if zlib.crc32(body) != crc:
            raise _bad_token()
        version, run, sequence = _TOKEN.unpack(body)
    except (binascii.Error, ValueError, struct.error):
        raise _bad_token() from None
    return version, run, sequence


def _bad_token() -> NvmedError:
    return error(Reason.RESUME_TOKEN_INVALID, "resume_token is damaged, or of no event so far; watch without it")
