"""Whole files that are kept for a time and for their owners, as captures and support bundles are.

They are found when a daemon starts, take room, and go when they expire or are dropped. All file I/O runs in threads of
the shelf's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Generic, Protocol, TypeVar

from nvmed.devices.lane import Lane
from nvmed.disk.reaping import reaped
from nvmed.disk.room import Room
from nvmed.disk.threads import DiskThreads
from nvmed.errors import NvmedError

T = TypeVar("T")


class Thing(Protocol):
    """What is kept: one file, or a few that belong together."""

    @property
    def id(self) -> str: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def expires_ms(self) -> int: ...


K = TypeVar("K", bound=Thing)


class Shelf(ABC, Generic[K]):
    """Things by id, on one event loop. `clock` gives seconds since the epoch."""

    def __init__(self, threads: DiskThreads, clock: Callable[[], float]) -> None:
        self._threads = threads
        self._clock = clock
        self._things: dict[str, K] = {}

    @abstractmethod
    def _forget(self, key: str) -> None:
        """Delete the files of an id, those that are there; blocks."""

    @abstractmethod
    def _place(self, thing: K) -> tuple[Room, str]:
        """In which room a thing is, and whose it is there."""

    @abstractmethod
    def _tell_expired(self, thing: K) -> None:
        """Log that the time of a thing has come."""

    @asynccontextmanager
    async def holding(self, found: Iterable[K]) -> AsyncIterator[None]:
        """Hold what was found, and drop what has expired from time to time; the threads end with it."""
        for thing in found:
            self.put(thing)
        try:
            async with reaped(self.reap):
                yield
        finally:
            self._threads.close()

    @property
    def lane(self) -> Lane:
        """The threads that read and write."""
        return self._threads.lane

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._things)

    def all(self) -> Sequence[K]:
        """Everything, ordered by id."""
        return tuple(self._things[key] for key in sorted(self._things))

    def find(self, key: str) -> K | None:
        """The one of that id, if there is one."""
        return self._things.get(key)

    def first_to_expire(self) -> K | None:
        """What goes next by itself."""
        return min(self._things.values(), key=lambda one: one.expires_ms, default=None)

    def put(self, thing: K) -> None:
        """Hold a thing that is on disk."""
        self._things[thing.id] = thing
        room, owner = self._place(thing)
        room.put(thing.id, owner, thing.size_bytes)

    async def drop(self, thing: K) -> None:
        """Delete a thing, unless it has gone already; raises STATE_NOT_WRITABLE, and then it is there still."""
        if self._things.pop(thing.id, None) is None:
            return
        try:
            await self.in_thread(partial(self._forget, thing.id))
        except NvmedError:
            self._things[thing.id] = thing
            raise
        self._place(thing)[0].free(thing.id)

    async def reap(self) -> None:
        """Drop what has expired."""
        now = self.now_ms()
        for thing in [one for one in self._things.values() if one.expires_ms <= now]:
            self._tell_expired(thing)
            await self.drop(thing)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Call a blocking function of the file system; a caller that is cancelled leaves when it has returned."""
        return await self._threads.run(function)

    def now_ms(self) -> int:
        """The time now."""
        return int(self._clock() * 1000)
