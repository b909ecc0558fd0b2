"""Uploads a firmware image: each byte sent once, and resumed after a disconnection from what the daemon committed.

The file is hashed first, because the hash is the image's name: a daemon that has it already answers at once. Reading
the file happens in one worker thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isal import isal_zlib

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error, invalid_field
from nvmed.v1.common_pb2 import Chunk
from nvmed.v1.firmware_pb2 import (
    DownloadFirmwareRequest,
    DownloadFirmwareResponse,
    DownloadHeader,
    Image,
    UploadFinish,
    UploadHeader,
    UploadImageRequest,
    UploadImageResponse,
)
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy, is_transient
from nvmedctl.telemetry import Progress

if TYPE_CHECKING:
    from nvmed.v1.firmware_pb2_grpc import FirmwareServiceAsyncStub

CHUNK_BYTES = 512 << 10
"""Size of a chunk, unless the daemon takes less."""

_AGAIN = {Reason.UPLOAD_BUSY.name, Reason.TRANSFER_CORRUPTED.name}
"""Beside what is transient: the daemon has not noticed yet that the call before is gone, or a chunk was damaged."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An image that is in the spool. `sent_bytes` were sent for it, in `attempts` calls; 0 if it was there already."""

    image: Image
    sent_bytes: int
    attempts: int


@dataclass(slots=True)
class _Sending:
    """One upload over all of its attempts. `committed` is what the daemon last said to have on disk."""

    descriptor: int
    header: UploadHeader
    run: Callable[..., asyncio.Future[Any]]
    progress: Progress | None
    committed: int = 0
    sent: int = 0

    async def attempt(self, call: Any) -> Image:
        """One call: what it raises may be tried again if it is transient."""
        await _write(call, UploadImageRequest(header=self.header))
        first = await _read(call)
        if first.HasField("image"):
            return first.image
        if not first.HasField("ready"):
            raise error(Reason.TRANSFER_CORRUPTED, "The daemon did not say where the upload goes on.")
        self._committed(first.ready.committed_bytes)
        answers = asyncio.create_task(self._answers(call))
        try:
            await self._send(call, min(CHUNK_BYTES, first.ready.chunk_bytes_max or CHUNK_BYTES))
            return await answers
        finally:
            answers.cancel()
            with suppress(asyncio.CancelledError, NvmedError):
                await answers

    async def _send(self, call: Any, chunk_bytes: int) -> None:
        """Send what is not committed, and finish; ends quietly if the call does: `_answers` has the reason."""
        offset = self.committed
        while offset < self.header.size_bytes:
            data = await self.run(os.pread, self.descriptor, chunk_bytes, offset)
            if not data:
                raise invalid_field("path", f"the file became shorter while it was sent: it ends at {offset} now.")
            chunk = Chunk(offset=offset, crc32=isal_zlib.crc32(data), data=data)
            if not await _write(call, UploadImageRequest(chunk=chunk)):
                return
            offset += len(data)
            self.sent += len(data)
        await _write(call, UploadImageRequest(finish=UploadFinish()))

    async def _answers(self, call: Any) -> Image:
        while True:
            answer = await _read(call)
            if answer.HasField("image"):
                return answer.image
            self._committed(answer.progress.committed_bytes)

    def _committed(self, done: int) -> None:
        self.committed = done
        if self.progress:
            self.progress(done, self.header.size_bytes)


async def _write(call: Any, message: UploadImageRequest) -> bool:
    """Write a message; False if the call is over, whose status reading tells."""
    try:
        await call.write(message)
    except (asyncio.InvalidStateError, NvmedError):
        return False
    return True


async def _read(call: Any) -> UploadImageResponse:
    """The next answer; raises what the call ended with."""
    answer = await call.read()
    if not isinstance(answer, UploadImageResponse):  # grpc.aio.EOF
        raise error(Reason.TRANSFER_CORRUPTED, "The daemon ended the upload without an answer.")
    return answer


async def upload_image(
    stub: FirmwareServiceAsyncStub,
    path: str | os.PathLike[str],
    *,
    firmware_revision: str = "",
    model_number: str = "",
    labels: Mapping[str, str] | None = None,
    sha256: bytes | None = None,
    retry: RetryPolicy = DEFAULT_RETRY,
    progress: Progress | None = None,
) -> Uploaded:
    """Put the firmware image in the file `path` into the daemon's spool.

    `firmware_revision` and `model_number` say what is in it: staging then checks both. Who gives `sha256`, as of a file
    that goes to many hosts, saves reading the file only to hash it; the daemon checks it anyway. A call that breaks is
    taken up again where the daemon has committed it, as `retry` says; `progress` is told what is committed. Raises
    `OSError` for the file, IMAGE_REJECTED if it is not what was said, and what the daemon answers.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "nvmedctl-image") as executor:
        run = partial(loop.run_in_executor, executor)
        descriptor = await run(os.open, Path(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            header = UploadHeader(
                sha256=sha256 or await run(_hash, descriptor),
                size_bytes=os.fstat(descriptor).st_size,
                firmware_revision=firmware_revision,
                model_number=model_number,
                labels=labels,
            )
            return await _until_done(stub, _Sending(descriptor, header, run, progress), retry)
        finally:
            os.close(descriptor)


async def _until_done(stub: FirmwareServiceAsyncStub, sending: _Sending, retry: RetryPolicy) -> Uploaded:
    attempts = failures = 0
    while True:
        before = sending.committed
        call = stub.UploadImage()
        attempts += 1
        try:
            image = await sending.attempt(call)
            await call.read()  # up to the end, or the daemon would call it cancelled
            return Uploaded(image, sending.sent, attempts)
        except NvmedError as failure:
            if not is_transient(failure) and failure.reason not in _AGAIN:
                raise
            failures = 1 if sending.committed > before else failures + 1
            if failures >= retry.attempts:
                raise
            await asyncio.sleep(retry.delay(failures, failure))
        finally:
            call.cancel()


def _hash(descriptor: int) -> bytes:
    digest, done = hashlib.sha256(), 0
    while data := os.pread(descriptor, 1 << 20, done):
        digest.update(data)
        done += len(data)
    return digest.digest()


async def download_firmware(
    stub: FirmwareServiceAsyncStub,
    path: str | os.PathLike[str],
    header: DownloadHeader,
    *,
    progress: Progress | None = None,
) -> DownloadFirmwareResponse:
    """Stream the file `path` straight to the download buffer of `header.controller`; nothing is committed.

    `header.size_bytes` is filled in. Never repeated: nobody can say what the drive has when it breaks.
    """
    descriptor = os.open(Path(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        with ThreadPoolExecutor(1, "nvmedctl-image") as executor:
            header.size_bytes = os.fstat(descriptor).st_size
            return await stub.DownloadFirmware(_download_requests(descriptor, header, executor, progress))
    finally:
        os.close(descriptor)


async def _download_requests(
    descriptor: int, header: DownloadHeader, executor: Executor, progress: Progress | None
) -> AsyncIterator[DownloadFirmwareRequest]:
    yield DownloadFirmwareRequest(header=header)
    run = partial(asyncio.get_running_loop().run_in_executor, executor)
    offset = 0
    while not header.validate_only and (data := await run(os.pread, descriptor, CHUNK_BYTES, offset)):
        yield DownloadFirmwareRequest(chunk=Chunk(offset=offset, crc32=isal_zlib.crc32(data), data=data))
        offset += len(data)
        if progress:
            progress(offset, header.size_bytes)
