"""A capture received whole: every byte checked, resumed after a disconnection, as a capture never changes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from isal import isal_zlib

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.v1.telemetry_pb2 import Capture, CaptureTrailer, ReadCaptureRequest
from nvmedctl.files import saving
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy, is_transient
from nvmedctl.telemetry import Progress, Sink

if TYPE_CHECKING:
    from nvmed.v1.common_pb2 import Chunk
    from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceAsyncStub

_corrupted = partial(error, Reason.TRANSFER_CORRUPTED)


@dataclass(frozen=True, slots=True)
class SavedCapture:
    """A capture that was received completely. `attempts` are calls made."""

    capture: Capture
    attempts: int


class _Receiver:
    """A capture as it grows, over one stream or several."""

    def __init__(self, sink: Sink) -> None:
        self.capture: Capture | None = None
        self.received = 0
        self._sink = sink
        self._hash = hashlib.sha256()

    def accept_chunk(self, chunk: Chunk) -> None:
        """Check and pass on the next bytes; blocks."""
        if chunk.offset != self.received:
            raise _corrupted(f"A chunk starts at {chunk.offset}, {self.received} was due.", offset=chunk.offset)
        if isal_zlib.crc32(chunk.data) != chunk.crc32:
            raise _corrupted(f"The chunk at {chunk.offset} does not match its CRC-32.", offset=chunk.offset)
        self._hash.update(chunk.data)
        self._sink.write(chunk.data)
        self.received += len(chunk.data)

    def finish(self, trailer: CaptureTrailer | None, attempts: int) -> SavedCapture:
        """What was received, if `trailer` proves it complete."""
        if trailer is None or self.capture is None:
            raise _corrupted(f"The stream ended without a {'trailer' if self.capture else 'header'}.")
        if self.received != trailer.total_bytes:
            raise _corrupted(f"The capture has {trailer.total_bytes} bytes, {self.received} arrived.")
        if self._hash.digest() != trailer.sha256:
            raise _corrupted("The bytes do not match their SHA-256.")
        return SavedCapture(self.capture, attempts)


async def save_capture(
    stub: TelemetryServiceAsyncStub,
    name: str,
    path: str | os.PathLike[str],
    *,
    retry: RetryPolicy = DEFAULT_RETRY,
    progress: Progress | None = None,
) -> SavedCapture:
    """The capture `name` in the file `path`, which appears or changes only when all of it is there and on disk.

    A stream that breaks with a transient error is gone on from where it was. Raises TRANSFER_CORRUPTED if a CRC-32, the
    SHA-256 or the order of the bytes is wrong, else what the last attempt raised; `OSError` too, of the file.
    """
    async with saving(path) as (file, executor):
        run = partial(asyncio.get_running_loop().run_in_executor, executor)
        receiver, attempts, failures = _Receiver(file), 0, 0
        while True:
            attempts += 1
            before = receiver.received
            trailer = None
            call = stub.ReadCapture(ReadCaptureRequest(name=name, offset=receiver.received))
            try:
                async for part in call:
                    if part.HasField("header"):
                        receiver.capture = part.header.capture
                    elif part.HasField("chunk"):
                        await run(receiver.accept_chunk, part.chunk)
                    elif part.HasField("trailer"):
                        trailer = part.trailer
                    if progress and receiver.capture:
                        progress(receiver.received, receiver.capture.size_bytes)
                return receiver.finish(trailer, attempts)
            except NvmedError as failure:
                failures = 1 if receiver.received > before else failures + 1
                if not is_transient(failure) or failures >= retry.attempts:
                    raise
                await asyncio.sleep(retry.delay(failures, failure))
            finally:
                call.cancel()
