"""The captures there are: their quotas, their end, and reading and writing them.

Two quotas stand side by side, of captures that callers asked for and of automatic ones, so that neither can push out
the other. Nothing that a caller asked for gives way to anything; of a controller's automatic captures the oldest give
way to the newest, once that is on disk. All file I/O runs in threads of the store's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from nvmed import limits
from nvmed.captures.files import Capture, CaptureFolder
from nvmed.disk.files import Disk, Stored, disk_error
from nvmed.disk.room import Room, Words
from nvmed.disk.shelf import Shelf
from nvmed.disk.threads import DiskThreads
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.settle import settled

T = TypeVar("T")

SYNC_BYTES: Final = 64 * limits.MIB
"""How much is written before it is put on disk: or the last sync of a large log would take minutes."""

_SHARES: Final = {False: 2, True: 4}
"""One principal's captures are at most half of their quota, one controller's automatic ones a quarter of theirs."""

log: Final = structlog.get_logger("nvmed.captures")


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """Of captures that callers asked for, and of automatic ones; `ttl_s` is the longest that one is kept."""

    quota_bytes: int = limits.CAPTURE_BYTES_MAX
    automatic_quota_bytes: int = limits.CAPTURE_AUTOMATIC_BYTES_MAX
    ttl_s: int = limits.CAPTURE_TTL_S
    captures_max: int = limits.CAPTURES_MAX


class Writer:
    """A capture while it is being made; one call at a time."""

    def __init__(self, store: Captures, draft: Capture, descriptor: int) -> None:
        self._store = store
        self._draft = draft
        self._descriptor = descriptor
        self._synced = 0
        self.written_bytes = 0
        self.capture: Capture | None = None

    async def write(self, data: bytes) -> None:
        """Append; raises CAPTURES_FULL, STATE_NOT_WRITABLE, and then nothing but leaving may follow."""
        disk, at = self._store.folder.disk, self.written_bytes
        sync = at + len(data) - self._synced >= SYNC_BYTES

        def put() -> None:
            disk.write(self._descriptor, data, at)
            if sync:
                disk.sync(self._descriptor)

        await self._store.in_thread(put)
        self.written_bytes += len(data)
        self._synced = self.written_bytes if sync else self._synced

    async def finish(self, sha256: bytes) -> Capture:
        """Make the capture: it is on disk, whole, when this returns; if it raises nothing of it is there."""
        capture = replace(self._draft, sha256=sha256, created_ms=self._store.now_ms())
        await self._store.in_thread(partial(self._store.folder.publish, capture, self._descriptor))
        self.capture = capture
        return capture


class Captures(Shelf[Capture]):
    """The captures in `directory`. Made, then used inside `async with captures.serving()`, on one event loop.

    `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        directory: Path,
        allowed: CaptureLimits | None = None,
        *,
        clock: Callable[[], float] = time.time,
        disk: Disk | None = None,
    ) -> None:
        self.folder = CaptureFolder(directory, disk or Disk())
        self.limits = allowed or CaptureLimits()
        super().__init__(DiskThreads("captures", self._failed, threads=4), clock)
        self._writing: set[str] = set()
        quotas = {False: self.limits.quota_bytes, True: self.limits.automatic_quota_bytes}
        self.rooms = {
            automatic: Room(
                quota,
                quota // _SHARES[automatic],
                Words(
                    Reason.CAPTURES_FULL,
                    "automatic captures" if automatic else "captures",
                    partial(self._remedy, automatic),
                ),
            )
            for automatic, quota in quotas.items()
        }

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Captures]:
        """Find what there is, and delete what has expired from time to time."""
        content = await self.in_thread(self.folder.scan)
        if content.removed:
            log.warning("leftovers_removed", files=content.removed)
        async with self.holding(content.captures):
            for owner in {one.owner for one in content.captures if one.automatic}:  # killed before the oldest gave way
                await self._give_way(self._victims(owner, 0) or ())
            yield self

    # -- what there is

    def capture(self, capture: str) -> Capture:
        """The capture of that id; raises CAPTURE_NOT_FOUND."""
        if (found := self.find(capture)) is None:
            raise error(
                Reason.CAPTURE_NOT_FOUND,
                f"no capture {capture!r}; it was deleted or has expired, see ListCaptures",
                capture=f"captures/{capture}",
            )
        return found

    # -- writing

    def require_room(self, draft: Capture) -> Sequence[Capture]:
        """Raise CAPTURES_FULL or LIMIT_EXCEEDED unless it fits; the automatic captures that give way to it then."""
        if self.count + len(self._writing) >= self.limits.captures_max:
            raise error(
                Reason.LIMIT_EXCEEDED,
                f"there are {self.limits.captures_max} captures, the most there may be; delete some",
                limit=self.limits.captures_max,
            )
        full = self.rooms[draft.automatic].refusal(draft.owner, draft.size_bytes)
        if full is None:
            return ()
        if draft.automatic and (victims := self._victims(draft.owner, draft.size_bytes)) is not None:
            return victims
        raise full

    @asynccontextmanager
    async def writing(self, draft: Capture) -> AsyncIterator[Writer]:
        """Make a capture of `size_bytes` inside; unless it is finished, nothing of it is there afterwards.

        Raises CAPTURES_FULL, LIMIT_EXCEEDED, STATE_NOT_WRITABLE.
        """
        await self.reap()
        victims = self.require_room(draft)
        room = self.rooms[draft.automatic]
        room.put(draft.id, draft.owner, draft.size_bytes)
        self._writing.add(draft.id)
        opened: list[int] = []  # as a caller that is cancelled learns of what its thread did
        writer: Writer | None = None
        try:
            await self.in_thread(lambda: opened.append(self.folder.begin(draft.id)))
            writer = Writer(self, draft, opened[0])
            yield writer
        finally:
            self._writing.discard(draft.id)
            if writer is not None and writer.capture is not None:
                self.put(writer.capture)
            else:
                room.free(draft.id)
                await self._discard(draft.id)
            for descriptor in opened:
                os.close(descriptor)
        await self._give_way(victims)

    # -- reading

    async def read(
        self, capture: Capture, offset: int, chunk_bytes: int, headroom: int, encode: Callable[[Any, int, int], T]
    ) -> AsyncGenerator[T, None]:
        """What `encode` makes of each chunk from `offset` on, given (buffer, size, offset) with the data behind
        `headroom` free bytes; one is read ahead.

        Raises CAPTURE_DAMAGED where bytes are missing, and at the end where all were read and are not what they were.
        A capture that is deleted meanwhile is read to its end.
        """
        digest = hashlib.sha256() if offset == 0 else None
        async with self._threads.opened(self.folder.log(capture.id)) as descriptor:
            stored = Stored(
                descriptor, capture.size_bytes, chunk_bytes, headroom, encode, partial(_damaged, capture), digest
            )
            ahead: asyncio.Task[T] | None = None
            try:
                for at in range(offset, capture.size_bytes, chunk_bytes):
                    now = await (ahead or self.in_thread(partial(stored.chunk, at)))
                    after = at + chunk_bytes
                    more = after < capture.size_bytes
                    ahead = asyncio.create_task(self.in_thread(partial(stored.chunk, after))) if more else None
                    yield now
            finally:
                if ahead is not None:
                    await settled(ahead)
            stored.check(capture.sha256)

    # -- the end

    async def delete(self, capture: str) -> None:
        """Delete a capture; raises CAPTURE_NOT_FOUND, STATE_NOT_WRITABLE."""
        await self.drop(self.capture(capture))

    # -- inside

    def _forget(self, key: str) -> None:
        self.folder.forget(key)

    def _place(self, thing: Capture) -> tuple[Room, str]:
        return self.rooms[thing.automatic], thing.owner

    def _tell_expired(self, thing: Capture) -> None:
        log.info("capture_expired", capture=thing.id, controller=thing.controller)

    def _victims(self, owner: str, more_bytes: int) -> Sequence[Capture] | None:
        """The oldest automatic captures of `owner` that must go for `more_bytes` to fit; None if that is not enough."""
        room, victims = self.rooms[True], list[Capture]()
        own = (one for one in self.all() if one.automatic and one.owner == owner)
        oldest = iter(sorted(own, key=lambda one: one.created_ms))
        while room.refusal(owner, more_bytes, [one.id for one in victims]) is not None:
            if (older := next(oldest, None)) is None:
                return None
            victims.append(older)
        return victims

    async def _give_way(self, victims: Sequence[Capture]) -> None:
        for capture in victims:
            log.info("capture_gave_way", capture=capture.id, controller=capture.controller)
            try:
                await self.drop(capture)
            except NvmedError as exc:
                log.warning("not_given_way", capture=capture.id, reason=exc.reason, message=exc.message)

    async def _discard(self, capture: str) -> None:
        try:
            await self.in_thread(partial(self.folder.forget, capture))
        except NvmedError as exc:  # the next start deletes it
            log.warning("part_stays", capture=capture, reason=exc.reason, message=exc.message)

    def _failed(self, exc: OSError) -> NvmedError:
        return disk_error(exc, self.folder.path, Reason.CAPTURES_FULL, "make room and capture again: nothing is kept")

    def _remedy(self, automatic: bool) -> str:  # by partial
        field = "captures.automatic_quota_bytes" if automatic else "captures.quota_bytes"
        kept = [one for one in self.all() if one.automatic is automatic]
        if not kept:
            return f"raise {field}"
        first = min(kept, key=lambda one: one.expires_ms)
        when = datetime.fromtimestamp(first.expires_ms / 1000, UTC).isoformat(timespec="seconds")
        return (
            f"{first.name} of {first.controller} ({first.size_bytes} bytes) expires next, at {when}; delete captures, "
            f"or raise {field}"
        )


def _damaged(capture: Capture, why: str) -> NvmedError:
    return error(
        Reason.CAPTURE_DAMAGED,
        f"{capture.name}: {why}; discard what was received",
        capture=capture.name,
        sha256=capture.sha256.hex(),
    )
