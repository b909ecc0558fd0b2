"""The bundles there are: their quota, their end, and reading and writing them.

Nothing gives way to a new bundle: what is full says so. All file I/O runs in threads of the store's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from nvmed import limits
from nvmed.disk.files import Disk, Stored, disk_error
from nvmed.disk.room import Room, Words
from nvmed.disk.shelf import Shelf
from nvmed.disk.threads import DiskThreads
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.support.archive import GROWTH_BYTES, Archive
from nvmed.support.files import Bundle, BundleFolder

T = TypeVar("T")


log: Final = structlog.get_logger("nvmed.support")


@dataclass(frozen=True, slots=True)
class BundleLimits:
    """What bundles take in all, half of it one principal's, and how long one is kept."""

    quota_bytes: int = limits.SUPPORT_BYTES_MAX
    ttl_s: int = limits.SUPPORT_TTL_S
    bundles_max: int = limits.SUPPORT_BUNDLES_MAX


class Scratch:
    """One member while it is read; one call at a time."""

    def __init__(self, writer: Writer, descriptor: int) -> None:
        self.descriptor = descriptor
        self.digest = hashlib.sha256()
        self.size_bytes = 0
        self._writer = writer

    async def write(self, data: bytes) -> None:
        """Append; raises SUPPORT_BUNDLES_FULL, STATE_NOT_WRITABLE, and then the bundle is of no use."""
        self._writer.reserve(len(data))
        store, at = self._writer.store, self.size_bytes
        await store.in_thread(lambda: store.folder.disk.write(self.descriptor, data, at))
        self.digest.update(data)
        self.size_bytes += len(data)


class Writer:
    """A bundle while it is being made. Several scratch files may be written at once; members are added in turn."""

    def __init__(self, store: Bundles, draft: Bundle, descriptor: int) -> None:
        self.store = store
        self.bundle: Bundle | None = None
        self._draft = draft
        self._descriptor = descriptor
        self._archive = Archive(store.folder.disk, descriptor)
        self._adding = asyncio.Lock()
        self._scratches = 0

    def reserve(self, more_bytes: int) -> None:
        """Take so much more of the quota; raises SUPPORT_BUNDLES_FULL."""
        room, draft = self.store.room, self._draft
        if (full := room.refusal(draft.principal, more_bytes)) is not None:
            raise full
        room.put(draft.id, draft.principal, room.held(draft.id) + more_bytes)

    def let_go(self) -> None:
        """Write nothing any more."""
        self._archive.let_go()

    def release(self, bytes_less: int) -> None:
        """Give so much back."""
        room, draft = self.store.room, self._draft
        room.put(draft.id, draft.principal, room.held(draft.id) - bytes_less)

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Scratch]:
        """A file for one member, deleted afterwards."""
        self._scratches += 1
        folder = self.store.folder
        path = folder.scratch(self._draft.id, self._scratches)
        opened: list[int] = []  # as a caller that is cancelled learns of what its thread did
        scratch: Scratch | None = None
        try:
            await self.store.in_thread(lambda: opened.append(folder.begin(path)))
            scratch = Scratch(self, opened[0])
            yield scratch
        finally:
            for descriptor in opened:
                os.close(descriptor)
            with suppress(NvmedError):  # the end of the bundle, or the next start, deletes it
                await self.store.in_thread(lambda: folder.remove(path))
            if scratch is not None:
                self.release(scratch.size_bytes)

    async def add(self, name: str, scratch: Scratch) -> None:
        """Make a member of what was written; raises as `Scratch.write`."""
        mtime_s, size = self.store.now_ms() // 1000, scratch.size_bytes
        await self._add(size, lambda: self._archive.add(name, scratch.descriptor, size, mtime_s))

    async def finish(self, manifest: bytes, complete: int, missing: int) -> Bundle:
        """Add the manifest and make the bundle: it is on disk, whole, when this returns, or nothing of it is there."""
        now_ms = self.store.now_ms()
        await self._add(len(manifest), lambda: self._archive.add_bytes("manifest.json", manifest, now_ms // 1000))
        size_bytes, sha256 = await self.store.in_thread(self._archive.finish)
        bundle = replace(
            self._draft,
            size_bytes=size_bytes,
            sha256=sha256,
            parts_complete=complete,
            parts_missing=missing,
            created_ms=now_ms,
            expires_ms=now_ms + self.store.limits.ttl_s * 1000,
        )
        await self.store.in_thread(partial(self.store.folder.publish, bundle, self._descriptor))
        self.bundle = bundle
        return bundle

    async def _add(self, size: int, add: Callable[[], None]) -> None:
        async with self._adding:
            before, most = self._archive.size_bytes, size + size // 64 + GROWTH_BYTES
            self.reserve(most)
            try:
                await self.store.in_thread(add)
            finally:
                self.release(most - min(self._archive.size_bytes - before, most))


class Bundles(Shelf[Bundle]):
    """The bundles in `directory`. Made, then used inside `async with bundles.serving()`, on one event loop.

    `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        directory: Path,
        allowed: BundleLimits | None = None,
        *,
        clock: Callable[[], float] = time.time,
        disk: Disk | None = None,
    ) -> None:
        self.folder = BundleFolder(directory, disk or Disk())
        self.limits = allowed or BundleLimits()
        quota = self.limits.quota_bytes
        self.room = Room(quota, quota // 2, Words(Reason.SUPPORT_BUNDLES_FULL, "support bundles", self._remedy))
        super().__init__(DiskThreads("support", self._failed, threads=4), clock)
        self._writing: set[str] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Bundles]:
        """Find what there is, and delete what has expired from time to time."""
        content = await self.in_thread(self.folder.scan)
        if content.removed:
            log.warning("leftovers_removed", files=content.removed)
        async with self.holding(content.bundles):
            yield self

    # -- what there is

    def bundle(self, bundle: str) -> Bundle:
        """The bundle of that id; raises SUPPORT_BUNDLE_NOT_FOUND."""
        if (found := self.find(bundle)) is None:
            raise error(
                Reason.SUPPORT_BUNDLE_NOT_FOUND,
                f"no support bundle {bundle!r}; it was deleted or has expired, see ListSupportBundles",
                support_bundle=f"supportBundles/{bundle}",
            )
        return found

    # -- writing

    def require_room(self, principal: str) -> None:
        """Raise LIMIT_EXCEEDED or SUPPORT_BUNDLES_FULL where there is no room for even an empty one."""
        if self.count + len(self._writing) >= self.limits.bundles_max:
            raise error(
                Reason.LIMIT_EXCEEDED,
                f"there are {self.limits.bundles_max} support bundles, the most there may be; delete some",
                limit=self.limits.bundles_max,
            )
        if (full := self.room.refusal(principal, GROWTH_BYTES)) is not None:
            raise full

    @asynccontextmanager
    async def writing(self, draft: Bundle) -> AsyncIterator[Writer]:
        """Make a bundle inside; unless it is finished, nothing of it is there afterwards.

        Raises SUPPORT_BUNDLES_FULL, LIMIT_EXCEEDED, STATE_NOT_WRITABLE.
        """
        await self.reap()
        self.require_room(draft.principal)
        self._writing.add(draft.id)
        opened: list[int] = []
        writer: Writer | None = None
        try:
            await self.in_thread(lambda: opened.append(self.folder.begin(self.folder.part(draft.id))))
            writer = Writer(self, draft, opened[0])
            yield writer
        finally:
            self._writing.discard(draft.id)
            if writer is not None:
                writer.let_go()
            if writer is not None and writer.bundle is not None:
                self.put(writer.bundle)
            else:
                self.room.free(draft.id)
                await self._discard(draft.id)
            for descriptor in opened:
                os.close(descriptor)

    # -- reading

    async def read(
        self, bundle: Bundle, offset: int, chunk_bytes: int, headroom: int, encode: Callable[[Any, int, int], T]
    ) -> AsyncGenerator[T, None]:
        """What `encode` makes of each chunk from `offset` on, given (buffer, size, offset) with the data behind
        `headroom` free bytes.

        Raises SUPPORT_BUNDLE_DAMAGED where bytes are missing, and at the end where all were read and are not what they
        were. A bundle that is deleted meanwhile is read to its end.
        """
        digest = hashlib.sha256() if offset == 0 else None
        async with self._threads.opened(self.folder.archive(bundle.id)) as descriptor:
            stored = Stored(
                descriptor, bundle.size_bytes, chunk_bytes, headroom, encode, partial(_damaged, bundle), digest
            )
            for at in range(offset, bundle.size_bytes, chunk_bytes):
                yield await self.in_thread(partial(stored.chunk, at))
            stored.check(bundle.sha256)

    # -- the end

    async def delete(self, bundle: str) -> None:
        """Delete a bundle; raises SUPPORT_BUNDLE_NOT_FOUND, STATE_NOT_WRITABLE."""
        await self.drop(self.bundle(bundle))

    # -- inside

    def _forget(self, key: str) -> None:
        self.folder.forget(key)

    def _place(self, thing: Bundle) -> tuple[Room, str]:
        return self.room, thing.principal

    def _tell_expired(self, thing: Bundle) -> None:
        log.info("bundle_expired", support_bundle=thing.id)

    async def _discard(self, bundle: str) -> None:
        try:
            await self.in_thread(partial(self.folder.forget, bundle))
        except NvmedError as exc:  # the next start deletes it
            log.warning("part_stays", support_bundle=bundle, reason=exc.reason, message=exc.message)

    def _failed(self, exc: OSError) -> NvmedError:
        remedy = "make room and create the bundle again: nothing of it is kept"
        return disk_error(exc, self.folder.path, Reason.SUPPORT_BUNDLES_FULL, remedy)

    def _remedy(self) -> str:
        if (first := self.first_to_expire()) is None:
            return "wait until those that are being made have ended"
        when = datetime.fromtimestamp(first.expires_ms / 1000, UTC).isoformat(timespec="seconds")
        return f"{first.name} ({first.size_bytes} bytes) expires next, at {when}; delete bundles"


def _damaged(bundle: Bundle, why: str) -> NvmedError:
    return error(
        Reason.SUPPORT_BUNDLE_DAMAGED,
        f"{bundle.name}: {why}; discard what was received",
        support_bundle=bundle.name,
        sha256=bundle.sha256.hex(),
    )
