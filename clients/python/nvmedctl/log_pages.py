"""A log page received whole: every byte checked, begun anew after a disconnection.

A page has no generation that tells whether it changed meanwhile, so what arrived before a disconnection is not kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from isal import isal_zlib

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.v1.log_pb2 import LogPageHeader, LogPageTrailer, ReadLogPageRequest
from nvmedctl.files import saving
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy, is_transient
from nvmedctl.telemetry import Progress, Sink, is_proven

if TYPE_CHECKING:
    from nvmed.v1.common_pb2 import Chunk, StreamDigest
    from nvmed.v1.log_pb2_grpc import LogServiceAsyncStub

_corrupted = partial(error, Reason.TRANSFER_CORRUPTED)


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page that was received completely, `sha256` as in `TelemetryLog`. `attempts` are calls made."""

    header: LogPageHeader
    size_bytes: int
    sha256: bytes
    async_event_retained: bool
    attempts: int


class _Receiver:
    """One stream as it grows, and what proves it."""

    def __init__(self, sink: Sink, digest: StreamDigest) -> None:
        self.sink = sink
        self._digest = digest
        self.header: LogPageHeader | None = None
        self.received = 0
        self._hash = hashlib.sha256()

    def accept_chunk(self, chunk: Chunk) -> None:
        """Check and pass on the next bytes; blocks."""
        if self.header is None:
            raise _corrupted("The stream has a chunk before its header.")
        due = self.header.offset_bytes + self.received
        if chunk.offset != due:
            raise _corrupted(f"A chunk starts at {chunk.offset}, {due} was due.", offset=chunk.offset)
        if isal_zlib.crc32(chunk.data) != chunk.crc32:
            raise _corrupted(f"The chunk at {chunk.offset} does not match its CRC-32.", offset=chunk.offset)
        if self.received + len(chunk.data) > self.header.length_bytes:
            raise _corrupted(f"The stream is longer than the {self.header.length_bytes} bytes announced.")
        self._hash.update(chunk.data)
        self.sink.write(chunk.data)
        self.received += len(chunk.data)

    def finish(self, trailer: LogPageTrailer | None, attempts: int) -> LogPage:
        """What was received, if `trailer` proves it complete."""
        if trailer is None or self.header is None:
            raise _corrupted(f"The stream ended without a {'trailer' if self.header else 'header'}.")
        if not self.received == trailer.length_bytes == self.header.length_bytes:
            raise _corrupted(
                f"The page has {self.header.length_bytes} bytes by its header and {trailer.length_bytes} by its "
                f"trailer, {self.received} arrived."
            )
        sha256 = self._hash.digest()
        if not is_proven(self._digest, trailer, sha256):
            raise _corrupted("The bytes do not match their SHA-256.")
        return LogPage(self.header, self.received, sha256, trailer.async_event_retained, attempts)


async def receive_log_page(
    stub: LogServiceAsyncStub,
    request: ReadLogPageRequest,
    sink: Sink,
    *,
    executor: Executor,
    retry: RetryPolicy = DEFAULT_RETRY,
    progress: Progress | None = None,
) -> LogPage:
    """Stream the page that `request` names into `sink`, which has every byte once this returns, and proven ones only.

    A stream that breaks with a transient error (`is_transient`) is begun again at most `retry.restarts` times; one that
    clears the event only with a `request_id`, by which it is cleared once. `executor` has one thread; it calls `sink`.
    Raises TRANSFER_CORRUPTED if a CRC-32, the SHA-256 or the order of the bytes is wrong, else what the last attempt
    raised.
    """
    clears = request.HasField("retain_async_event") and not request.retain_async_event
    restarts = retry.restarts if request.request_id or not clears else 0
    attempts = 0
    while True:
        attempts += 1
        receiver = _Receiver(sink, request.digest)
        try:
            return await _receive(stub, request, receiver, executor, progress, attempts)
        except NvmedError as failure:
            if not is_transient(failure) or receiver.header is None or attempts > restarts:
                raise
            await asyncio.get_running_loop().run_in_executor(executor, sink.restart)
            await asyncio.sleep(retry.delay(attempts, failure))


async def _receive(
    stub: LogServiceAsyncStub,
    request: ReadLogPageRequest,
    receiver: _Receiver,
    executor: Executor,
    progress: Progress | None,
    attempts: int,
) -> LogPage:
    """One stream, up to its status, so that the daemon can clear the event if it was told to."""
    loop = asyncio.get_running_loop()
    trailer = None
    call = stub.ReadLogPage(request)
    try:
        async for part in call:
            if part.HasField("header"):
                receiver.header = part.header
            elif part.HasField("chunk"):
                await loop.run_in_executor(executor, receiver.accept_chunk, part.chunk)
            elif part.HasField("trailer"):
                trailer = part.trailer
            if progress and receiver.header:
                progress(receiver.received, receiver.header.length_bytes)
        return receiver.finish(trailer, attempts)
    finally:
        call.cancel()


async def save_log_page(
    stub: LogServiceAsyncStub,
    request: ReadLogPageRequest,
    path: str | os.PathLike[str],
    *,
    retry: RetryPolicy = DEFAULT_RETRY,
    progress: Progress | None = None,
) -> LogPage:
    """As `receive_log_page`, into the file `path`, which appears or changes only when the page is complete and on disk.

    Raises `OSError` too, if the file cannot be written.
    """
    async with saving(path) as (file, executor):
        return await receive_log_page(stub, request, file, executor=executor, retry=retry, progress=progress)
