"""A telemetry log received whole: every byte checked, resumed after a disconnection, begun anew if the log changed.

What arrives goes through one worker thread in order: while it hashes and writes one chunk, the next is received.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from isal import isal_zlib

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error, invalid_field
from nvmed.v1.common_pb2 import STREAM_DIGEST_NONE, StreamDigest
from nvmed.v1.telemetry_pb2 import StreamTelemetryRequest, StreamTelemetryResponse, TelemetryHeader, TelemetryTrailer
from nvmedctl.files import saving
from nvmedctl.parts import Part
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy, is_cut_short, is_transient

if TYPE_CHECKING:
    from nvmed.v1.common_pb2 import Chunk
    from nvmed.v1.log_pb2 import LogPageTrailer
    from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceAsyncStub

_BEGIN_AGAIN = {Reason.TELEMETRY_GENERATION_CHANGED.name, Reason.RESUME_TOKEN_INVALID.name}
"""What received bytes cannot survive. A token becomes invalid when a daemon starts with another key."""

Progress = Callable[[int, int], None]
"""Called in the event loop with (bytes received, bytes in all); the first goes back when a transfer begins again."""


class Sink(Protocol):
    """Where verified bytes go; called in a worker thread, never twice at once."""

    def write(self, data: bytes) -> object:
        """Append `data`."""
        ...

    def restart(self) -> object:
        """Forget everything written: the log begins again."""
        ...


@dataclass(frozen=True, slots=True)
class TelemetryLog:
    """A log that was received completely. `attempts` are calls made, `restarts` those that began again at 0.

    `sha256` is taken here of what was received; the daemon's own was the same, unless the request asked for none.
    """

    header: TelemetryHeader
    size_bytes: int
    sha256: bytes
    generation_number: int
    async_event_retained: bool
    attempts: int
    restarts: int


_corrupted = partial(error, Reason.TRANSFER_CORRUPTED)


def is_proven(asked: StreamDigest, trailer: TelemetryTrailer | LogPageTrailer, sha256: bytes) -> bool:
    """Whether `trailer` has the digest that was asked for, and it is that of what was received."""
    if trailer.digest == STREAM_DIGEST_NONE:
        return asked == STREAM_DIGEST_NONE
    return trailer.sha256 == sha256


class _Receiver:
    """One log as it grows: what was received, and what proves it. The first header binds all that follow."""

    def __init__(self, sink: Sink, digest: StreamDigest) -> None:
        self.sink = sink
        self._digest = digest
        self.begin()

    def begin(self) -> None:
        """Expect a log from its first byte."""
        self.header: TelemetryHeader | None = None
        self.received = 0
        self._whole = hashlib.sha256()
        self._stream = self._whole
        self._stream_start = 0

    def go_on(self, header: TelemetryHeader, content: Path) -> None:
        """Expect the rest of a log, of which the sink has `content` already; blocks."""
        self.header = header
        with content.open("rb") as file:
            while data := file.read(1 << 20):
                self._whole.update(data)
                self.received += len(data)

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was received."""
        return self._whole.digest()

    def restart(self) -> None:
        """As `begin`, and make the sink forget; blocks."""
        self.begin()
        self.sink.restart()

    def accept_header(self, header: TelemetryHeader) -> None:
        """Start a stream where the one before ended."""
        if header.start_offset != self.received:
            raise _corrupted(f"The stream starts at {header.start_offset}, {self.received} was asked for.")
        first = self.header
        if first is None:
            self.header = header
            return
        for field in ("controller", "source", "data_area", "total_bytes", "generation_number"):
            if getattr(first, field) != getattr(header, field):
                raise _corrupted(f"The resumed stream is of another log: its {field} differs.", field=field)
        self._stream = hashlib.sha256()
        self._stream_start = self.received

    def accept_chunk(self, chunk: Chunk) -> None:
        """Check and pass on the next bytes; blocks."""
        if self.header is None:
            raise _corrupted("The stream has a chunk before its header.")
        if chunk.offset != self.received:
            raise _corrupted(f"A chunk starts at {chunk.offset}, {self.received} was due.", offset=chunk.offset)
        data = chunk.data
        if isal_zlib.crc32(data) != chunk.crc32:
            raise _corrupted(f"The chunk at {chunk.offset} does not match its CRC-32.", offset=chunk.offset)
        if self.received + len(data) > self.header.total_bytes:
            raise _corrupted(f"The stream is longer than the {self.header.total_bytes} bytes announced.")
        self._whole.update(data)
        if self._stream is not self._whole:
            self._stream.update(data)
        self.sink.write(data)
        self.received += len(data)

    def finish(self, trailer: TelemetryTrailer, attempts: int, restarts: int) -> TelemetryLog:
        """What was received, if `trailer` proves it complete."""
        header = self.header
        if header is None:
            raise _corrupted("The stream has a trailer before its header.")
        if not self.received == trailer.total_bytes == header.total_bytes:
            raise _corrupted(
                f"The log has {header.total_bytes} bytes by its header and {trailer.total_bytes} by its trailer, "
                f"{self.received} arrived."
            )
        if trailer.generation_number != header.generation_number:
            raise _corrupted(f"The trailer is of generation {trailer.generation_number}.")
        hashes = {0: self._whole, self._stream_start: self._stream}
        covering = hashes.get(trailer.hash_covers_from_offset)
        if covering is None or not is_proven(self._digest, trailer, covering.digest()):
            raise _corrupted(f"The bytes from {trailer.hash_covers_from_offset} on do not match their SHA-256.")
        return TelemetryLog(
            header=header,
            size_bytes=self.received,
            sha256=self._whole.digest(),
            generation_number=trailer.generation_number,
            async_event_retained=trailer.async_event_retained,
            attempts=attempts,
            restarts=restarts,
        )


Run = Callable[..., "asyncio.Future[object]"]
"""Puts a blocking call behind those before it in the one worker thread."""


async def _receive_stream(
    parts: AsyncIterable[StreamTelemetryResponse],
    receiver: _Receiver,
    run: Run,
    progress: Progress | None,
) -> TelemetryTrailer:
    """Feed one stream to `receiver` up to its status, so that the daemon can acknowledge if it was told to."""
    trailer = None
    writing: asyncio.Future[object] | None = None
    try:
        async for part in parts:
            if writing is not None:
                await writing
                writing = None
            if part.HasField("header"):
                receiver.accept_header(part.header)
            elif part.HasField("chunk"):
                writing = run(receiver.accept_chunk, part.chunk)
            elif part.HasField("trailer"):
                trailer = part.trailer
            if progress and receiver.header:
                progress(receiver.received, receiver.header.total_bytes)
    finally:
        if writing is not None:
            await writing  # what came before the cut is not asked for again
    if trailer is None:
        raise _corrupted("The stream ended without a trailer.")
    return trailer


def _next_request(request: StreamTelemetryRequest, receiver: _Receiver, attempts: int) -> StreamTelemetryRequest:
    """The request of the next attempt: captures only at first, resumes where bytes are there already."""
    following = StreamTelemetryRequest()
    following.CopyFrom(request)
    if attempts or receiver.header is not None:
        following.create = False
        following.request_id = ""
    if receiver.header is not None:
        following.resume_token = receiver.header.resume_token
        following.offset = receiver.received
    return following


async def receive_telemetry(
    stub: TelemetryServiceAsyncStub,
    request: StreamTelemetryRequest,
    sink: Sink,
    *,
    executor: Executor,
    retry: RetryPolicy = DEFAULT_RETRY,
    progress: Progress | None = None,
) -> TelemetryLog:
    """Stream the log that `request` names into `sink`, which has every byte once this returns, and proven ones only.

    A stream that breaks with a transient error (`is_transient`) is resumed by its token. A log that changed is begun
    again, but not captured again: `create` is sent once. What fails before the first header is not repeated, since
    nobody can say whether it captured. `executor` has one thread; it calls `sink`. Raises TRANSFER_CORRUPTED if a
    CRC-32, the SHA-256 or the order of the bytes is wrong, else what the last attempt raised.
    """
    return await _receive(stub, request, _Receiver(sink, request.digest), executor, retry, progress)


async def _receive(
    stub: TelemetryServiceAsyncStub,
    request: StreamTelemetryRequest,
    receiver: _Receiver,
    executor: Executor,
    retry: RetryPolicy,
    progress: Progress | None,
) -> TelemetryLog:
    """As `receive_telemetry`, from where `receiver` is."""
    if request.resume_token or request.offset:
        raise invalid_field("resume_token", "a log is received from its beginning; leave resume_token and offset out.")
    run = partial(asyncio.get_running_loop().run_in_executor, executor)
    attempts = restarts = failures = 0
    while True:
        call = stub.StreamTelemetry(_next_request(request, receiver, attempts))
        attempts += 1
        before = receiver.received
        try:
            trailer = await _receive_stream(call, receiver, run, progress)
            return receiver.finish(trailer, attempts, restarts)
        except NvmedError as failure:
            if failure.reason in _BEGIN_AGAIN and restarts < retry.restarts:
                restarts, failures = restarts + 1, 1
                await run(receiver.restart)
            elif is_transient(failure) and (restarts or receiver.header):
                failures = 1 if receiver.received > before else failures + 1
            else:
                raise
            if failures >= retry.attempts:
                raise
            await asyncio.sleep(retry.delay(failures, failure))
        finally:
            call.cancel()


async def save_telemetry(
    stub: TelemetryServiceAsyncStub,
    request: StreamTelemetryRequest,
    path: str | os.PathLike[str],
    *,
    retry: RetryPolicy = DEFAULT_RETRY,
    progress: Progress | None = None,
    keep: bool = False,
) -> TelemetryLog:
    """As `receive_telemetry`, into the file `path`, which appears or changes only when the log is complete and on disk.

    With `keep`, what has arrived of a log that is cut short stays in `part_of(path)`, and the next call goes on from
    there if it is of the same log; one that captures begins anew. Raises `OSError` too, if the file cannot be written.
    """
    async with saving(path) as (file, executor):
        run = partial(asyncio.get_running_loop().run_in_executor, executor)
        receiver, part = _Receiver(file, request.digest), Part(Path(path))
        if keep and not request.create and (kept := await run(part.take, file)):
            await run(receiver.go_on, *kept)
        try:
            log = await _receive(stub, request, receiver, executor, retry, progress)
        except BaseException as failure:
            if keep and is_cut_short(failure) and receiver.header is not None and receiver.received:
                await run(part.keep, file, receiver.header, receiver.received, receiver.digest)
            raise
        if keep:
            await run(part.forget)
        return log
