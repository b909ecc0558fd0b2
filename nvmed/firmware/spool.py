"""Firmware images on their way to drives: uploaded once, checked, kept on disk until nobody needs them.

An image is known by its SHA-256 and so is its upload: whoever says the same header again goes on where it broke off,
also after the daemon was restarted or killed. What is *committed* is on disk; the rest of an upload that breaks is cut
off. An upload that is complete becomes an image only if its bytes have the hash that was promised, and by a rename, so
an image is there whole or not at all.

All file I/O runs in a few threads of the spool's own. An upload holds one chunk in memory: the next is read from its
client when that one is written.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog

from nvmed import limits
from nvmed.devices.lane import Lane
from nvmed.disk.files import READ_BYTES, Disk, digest_of, disk_error
from nvmed.disk.reaping import reaped
from nvmed.disk.room import Room, Words
from nvmed.disk.threads import DiskThreads
from nvmed.errors import NvmedError
from nvmed.files import open_binary
from nvmed.firmware.spool_files import SHA256_HEX, Image, SpoolFolder, Upload
from nvmed.firmware.spool_part import PartFile
from nvmed.reasons import Reason, error, invalid_field

T = TypeVar("T")

COMMIT_BYTES: Final = 4 * limits.MIB
COMMIT_S: Final = 1.0
"""How much, and how old, what is not on disk becomes before it is put there and the client is told."""

_FULL: Final = Words(Reason.SPOOL_FULL, "images and uploads", lambda: "delete an image or abort an upload")

log: Final = structlog.get_logger("nvmed.spool")


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """`quota_bytes` is for images and for what has arrived of uploads, `principal_bytes` for one principal's.

    An image expires unused, an upload untouched: after `idle_s` where others need the room, else after `upload_ttl_s`.
    """

    quota_bytes: int = limits.SPOOL_BYTES_MAX
    principal_bytes: int = limits.SPOOL_BYTES_PER_PRINCIPAL_MAX
    uploads_per_principal: int = limits.UPLOADS_PER_PRINCIPAL_MAX
    image_ttl_s: int = limits.IMAGE_TTL_S
    upload_ttl_s: int = limits.UPLOAD_TTL_S
    idle_s: int = limits.UPLOAD_IDLE_S


class Writer:
    """An upload while a client sends it; one call at a time."""

    def __init__(self, spool: Spool, upload: Upload, file: PartFile) -> None:
        self.id = upload.id
        self._spool = spool
        self._upload = upload
        self._file = file
        self._committed_at = time.monotonic()

    @property
    def committed_bytes(self) -> int:
        """Bytes that are on disk."""
        return self._file.committed_bytes

    @property
    def received_bytes(self) -> int:
        """Bytes that were written: where the next chunk begins."""
        return self._file.received_bytes

    async def write(self, offset: int, crc32: int, data: bytes | memoryview) -> bool:
        """Take the next chunk, and return whether more is committed than before.

        Raises OFFSET_OUT_OF_RANGE, INVALID_FIELD, TRANSFER_CORRUPTED, SPOOL_FULL, STATE_NOT_WRITABLE; nothing but
        leaving may follow then.
        """
        due, size = self._file.received_bytes, self._upload.image.size_bytes
        if offset != due or offset + len(data) > size:
            raise error(
                Reason.OFFSET_OUT_OF_RANGE,
                f"chunk.offset: {offset} to {offset + len(data)}; the next chunk begins at {due} and the image ends at "
                f"{size}",
                offset=offset,
                expected=due,
                size_bytes=size,
            )
        if not 0 < len(data) <= limits.CHUNK_BYTES_MAX:
            raise invalid_field("chunk.data", f"has {len(data)} bytes; send 1 to {limits.CHUNK_BYTES_MAX}")
        received = due + len(data)
        commit = received - self.committed_bytes >= COMMIT_BYTES or time.monotonic() - self._committed_at >= COMMIT_S

        await self._spool.take(self._upload, received)

        def put() -> None:
            self._file.append(data, crc32)
            if commit:
                self._file.commit()

        await self._spool.in_thread(put)
        if commit:
            self._committed_at = time.monotonic()
        return commit

    async def commit(self) -> None:
        """Put everything received on disk."""
        await self._spool.in_thread(self._file.commit)

    async def finish(self) -> Image:
        """Make the image; raises INVALID_FIELD if bytes are missing, IMAGE_REJECTED, SPOOL_FULL."""
        received, size = self._file.received_bytes, self._upload.image.size_bytes
        if received != size:
            raise invalid_field("finish", f"{received} of {size} bytes have arrived; send the rest first")
        await self.commit()
        return await self._spool.publish(self._upload, self._file)


@dataclass(frozen=True, slots=True)
class Pinned:
    """An image that stays while it is used."""

    image: Image
    _spool: Spool

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Its bytes, a mebibyte at a time."""
        async with self._spool.opened(self.image) as descriptor:
            done = 0
            while block := await self._spool.in_thread(partial(os.pread, descriptor, READ_BYTES, done)):
                yield block
                done += len(block)

    async def verify(self) -> None:
        """Read it all and raise IMAGE_DAMAGED unless it still has its hash."""
        path = self._spool.path_of(self.image)

        def found() -> str:
            with open_binary(path) as file:
                size = os.fstat(file.fileno()).st_size
                return str(digest_of(file.fileno(), size).hexdigest())

        if (now := await self._spool.in_thread(found)) != self.image.sha256:
            raise error(
                Reason.IMAGE_DAMAGED,
                f"images/{self.image.sha256}: the file now has the SHA-256 {now}; delete the image and upload it again",
                image=f"images/{self.image.sha256}",
                found=now,
            )


class Spool:
    """The images in `directory`. Made, then used inside `async with spool.serving()`, on one event loop.

    `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        directory: Path,
        spool_limits: SpoolLimits | None = None,
        *,
        clock: Callable[[], float] = time.time,
        disk: Disk | None = None,
    ) -> None:
        self._folder = SpoolFolder(directory, disk or Disk())
        self._limits = spool_limits or SpoolLimits()
        self._clock = clock
        self._threads = DiskThreads("spool", self._failed)
        self._naming = asyncio.Lock()
        self._images: dict[str, Image] = {}
        self._uploads: dict[str, Upload] = {}
        self._writing: set[str] = set()
        self._pins: dict[str, list[str]] = {}
        self.room = Room(self._limits.quota_bytes, self._limits.principal_bytes, _FULL)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Spool]:
        """Find what there is, and remove what has expired from time to time."""
        content = await self.in_thread(self._folder.scan)
        if content.removed:
            log.warning("leftovers_removed", files=content.removed)
        self._images = {image.sha256: image for image in content.images}
        self._uploads = {upload.id: upload for upload in content.uploads}
        for image in content.images:
            self.room.put(image.sha256, image.principal, image.size_bytes)
        for upload in content.uploads:
            self.room.put(upload.id, upload.principal, upload.committed_bytes)
        try:
            async with reaped(self.reap):
                yield self
        finally:
            self._threads.close()

    # -- what there is

    @property
    def lane(self) -> Lane:
        """The threads that write to disk."""
        return self._threads.lane

    def images(self) -> Sequence[Image]:
        """Every image, ordered by hash."""
        return tuple(self._images[key] for key in sorted(self._images))

    def image(self, sha256: str) -> Image:
        """The image of that hash in hexadecimal; raises IMAGE_NOT_FOUND."""
        if (image := self._images.get(sha256)) is None:
            raise error(
                Reason.IMAGE_NOT_FOUND,
                f"no image {sha256!r} in the spool; upload it, or see ListImages",
                image=f"images/{sha256}",
            )
        return image

    def find_image(self, sha256: str) -> Image | None:
        """The image of that hash, if there is one."""
        return self._images.get(sha256)

    def uploads(self) -> Sequence[Upload]:
        """Every upload that is not finished, ordered by id."""
        return tuple(self._uploads[key] for key in sorted(self._uploads))

    def upload(self, upload: str) -> Upload:
        """The upload of that id; raises UPLOAD_NOT_FOUND."""
        if (found := self._uploads.get(upload)) is None:
            raise error(
                Reason.UPLOAD_NOT_FOUND,
                f"no upload {upload!r}; it was finished or aborted, or has expired",
                upload=f"uploads/{upload}",
            )
        return found

    def expires_ms(self, what: Image | Upload) -> int:
        """When an image or an upload will be removed, unless it is used until then."""
        if isinstance(what, Image):
            return what.used_ms + self._limits.image_ttl_s * 1000
        return what.updated_ms + self._limits.upload_ttl_s * 1000

    def received_bytes(self, upload: Upload) -> int:
        """What has arrived of an upload, on disk or not yet."""
        return max(upload.committed_bytes, self.room.held(upload.id))

    def is_receiving(self, upload: Upload) -> bool:
        """Whether a call sends it now."""
        return upload.id in self._writing

    def path_of(self, image: Image) -> Path:
        """The file of an image."""
        return self._folder.image(image.sha256)

    # -- uploads

    def expect(self, image: Image, principal: str) -> Upload:
        """The upload that `principal` would begin or continue; begins nothing.

        Raises INVALID_FIELD, UPLOAD_BUSY, SPOOL_FULL, LIMIT_EXCEEDED.
        """
        if not SHA256_HEX.fullmatch(image.sha256):
            raise invalid_field("sha256", "must be 32 bytes")
        if not 0 < image.size_bytes <= limits.IMAGE_BYTES_MAX or image.size_bytes % 4:
            raise invalid_field(
                "size_bytes", f"is {image.size_bytes}; an image is a multiple of 4 bytes, to {limits.IMAGE_BYTES_MAX}"
            )
        upload = upload_id(image, principal)
        if upload in self._writing:
            raise error(
                Reason.UPLOAD_BUSY,
                f"uploads/{upload} is being written by another call; wait until that has ended",
                upload=f"uploads/{upload}",
            )
        if (begun := self._uploads.get(upload)) is not None:
            return replace(begun, image=replace(image, created_ms=begun.image.created_ms))
        if (full := self.room.refusal(principal, image.size_bytes, self._idle())) is not None:
            raise full
        count = sum(other.principal == principal for other in self._uploads.values())
        if count >= self._limits.uploads_per_principal:
            raise error(
                Reason.LIMIT_EXCEEDED,
                f"{principal} has {count} uploads that are not finished, the most there may be; finish or abort one",
                limit=self._limits.uploads_per_principal,
            )
        now = self._now_ms()
        return Upload(upload, principal, replace(image, created_ms=now, principal=principal), updated_ms=now)

    async def take(self, upload: Upload, received_bytes: int) -> None:
        """Take the room for what has arrived of an upload; raises SPOOL_FULL. For `Writer`.

        If there is none, uploads that nobody goes on with give way, those that were left longest ago first.
        """
        more = received_bytes - self.room.held(upload.id)
        while (full := self.room.refusal(upload.principal, more)) is not None:
            idle = sorted(self._idle(), key=lambda name: self.room.owner(name) != upload.principal)  # its own first
            if self.room.refusal(upload.principal, more, idle) is not None:
                raise full
            log.info("upload_gave_way", upload=idle[0], to=upload.id)
            await self._drop_upload(self._uploads[idle[0]])
        self.room.put(upload.id, upload.principal, received_bytes)

    def _idle(self) -> Sequence[str]:
        """Uploads that nobody has gone on with for a while, those that were left longest ago first."""
        before = self._now_ms() - self._limits.idle_s * 1000
        left = [one for one in self._uploads.values() if one.id not in self._writing and one.updated_ms <= before]
        return [one.id for one in sorted(left, key=lambda one: one.updated_ms)]

    @asynccontextmanager
    async def receive(self, image: Image, principal: str) -> AsyncIterator[Writer]:
        """Begin or continue an upload; what arrived is committed on leaving, however that happens.

        Raises what `expect` does, and SPOOL_FULL or STATE_NOT_WRITABLE if the disk refuses.
        """
        await self.reap()
        upload = self.expect(image, principal)
        fresh = upload.id not in self._uploads
        self._uploads[upload.id] = upload
        self._writing.add(upload.id)
        opened: list[PartFile] = []  # as a caller that is cancelled learns of what its thread did
        try:
            await self.in_thread(lambda: opened.append(PartFile(self._folder, upload, fresh=fresh)))
            yield Writer(self, upload, opened[0])
        finally:
            try:
                if opened:
                    await self._leave(upload, opened[0])
                elif fresh:
                    del self._uploads[upload.id]
            finally:
                self._writing.discard(upload.id)

    async def _leave(self, upload: Upload, file: PartFile) -> None:
        """Commit what can be committed, and remember it unless the upload is over."""
        over = upload.id not in self._uploads

        def close() -> None:
            try:
                if not over:
                    file.commit()
            finally:
                file.close()

        try:
            await self.in_thread(close)
        except NvmedError as exc:
            log.warning("upload_cut", upload=upload.id, reason=exc.reason, message=exc.message)
        finally:
            if not over:
                committed = file.committed_bytes
                self.room.put(upload.id, upload.principal, committed)
                self._uploads[upload.id] = replace(upload, committed_bytes=committed, updated_ms=self._now_ms())

    async def publish(self, upload: Upload, file: PartFile) -> Image:
        """Make the image of a complete upload; for `Writer`."""
        async with self._naming:
            try:
                image = await self.in_thread(partial(file.publish, self._now_ms()))
            except NvmedError as exc:
                if exc.reason == Reason.IMAGE_REJECTED.name:
                    self._uploads.pop(upload.id, None)
                    self.room.free(upload.id)
                raise
            self._images[image.sha256] = image
            self._uploads.pop(upload.id, None)
            self.room.free(upload.id)
            self.room.put(image.sha256, image.principal, image.size_bytes)
            return image

    async def abort(self, upload: str, *, validate_only: bool = False) -> None:
        """Forget an upload and its bytes; raises UPLOAD_NOT_FOUND, UPLOAD_BUSY."""
        found = self.upload(upload)
        if upload in self._writing:
            raise error(
                Reason.UPLOAD_BUSY,
                f"uploads/{upload} is being written; cancel the call that does so first",
                upload=f"uploads/{upload}",
            )
        if not validate_only:
            await self._drop_upload(found)

    # -- images

    @contextmanager
    def pin(self, sha256: str, holder: str) -> Iterator[Pinned]:
        """Use an image: it is not deleted meanwhile. `holder` says who; raises IMAGE_NOT_FOUND."""
        image = replace(self.image(sha256), used_ms=self._now_ms())
        self._images[sha256] = image
        with suppress(OSError):  # then it expires a little earlier after a restart
            self._folder.touch(image)
        self._pins.setdefault(sha256, []).append(holder)
        try:
            yield Pinned(image, self)
        finally:
            self._pins[sha256].remove(holder)
            if not self._pins[sha256]:
                del self._pins[sha256]

    async def delete(self, sha256: str, *, validate_only: bool = False) -> None:
        """Delete an image; raises IMAGE_NOT_FOUND, IMAGE_IN_USE."""
        image = self.image(sha256)
        if holders := self._pins.get(sha256):
            raise error(
                Reason.IMAGE_IN_USE,
                f"images/{sha256} is used by {holders[0]}; wait for it",
                image=f"images/{sha256}",
                holder=holders[0],
            )
        if not validate_only:
            await self._drop_image(image)

    async def reap(self) -> None:
        """Remove images that nobody used and uploads that nobody went on with for too long."""
        now = self._now_ms()
        for key in [*self._images]:  # each is looked at when its turn has come: meanwhile others use and abort them
            image = self._images.get(key)
            if image is not None and self.expires_ms(image) <= now and key not in self._pins:
                log.info("image_expired", image=key)
                await self._drop_image(image)
        for key in [*self._uploads]:
            upload = self._uploads.get(key)
            if upload is not None and self.expires_ms(upload) <= now and key not in self._writing:
                log.info("upload_expired", upload=key)
                await self._drop_upload(upload)

    # -- inside

    def opened(self, image: Image) -> AbstractAsyncContextManager[int]:
        """A descriptor to read an image by. For `Pinned`."""
        return self._threads.opened(self.path_of(image))

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Call a blocking function of the file system; a caller that is cancelled leaves when it has returned."""
        return await self._threads.run(function)

    def _failed(self, exc: OSError) -> NvmedError:
        remedy = "make room and continue the upload: what was committed is kept"
        return disk_error(exc, self._folder.path, Reason.SPOOL_FULL, remedy)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def _drop_image(self, image: Image) -> None:
        async with self._naming:
            if self._images.get(image.sha256) != image or image.sha256 in self._pins:
                return
            del self._images[image.sha256]
            folder = self._folder
            remove = partial(folder.remove, folder.image(image.sha256), folder.sidecar(image.sha256))
            try:
                await self.in_thread(remove)
            except NvmedError:
                self._images[image.sha256] = image
                raise
            self.room.free(image.sha256)

    async def _drop_upload(self, upload: Upload) -> None:
        del self._uploads[upload.id]
        self._writing.add(upload.id)  # nobody begins it again before its files are gone
        folder = self._folder
        try:
            await self.in_thread(partial(folder.remove, folder.sidecar(upload.id), folder.part(upload.id)))
        except NvmedError:
            self._uploads[upload.id] = upload
            raise
        else:
            self.room.free(upload.id)
        finally:
            self._writing.discard(upload.id)


def upload_id(image: Image, principal: str) -> str:
    """The id of an upload: one for each image of each principal, so that nobody can spoil what another uploads."""
    return hashlib.sha256(f"{principal}\0{image.sha256}\0{image.size_bytes}".encode()).hexdigest()[:32]
