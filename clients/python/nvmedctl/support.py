"""A support bundle received whole: every byte checked, and gone on with from where a connection broke."""

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
from nvmed.v1.support_pb2 import ReadSupportBundleRequest, SupportBundle
from nvmedctl.files import AtomicFile, saving
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy, is_transient

if TYPE_CHECKING:
    from nvmed.v1.common_pb2 import Chunk
    from nvmed.v1.support_pb2 import SupportBundleTrailer
    from nvmed.v1.support_pb2_grpc import SupportServiceAsyncStub
    from nvmedctl.telemetry import Progress, Run

_corrupted = partial(error, Reason.TRANSFER_CORRUPTED)


@dataclass(frozen=True, slots=True)
class SavedBundle:
    """A bundle that was received completely, in so many calls."""

    bundle: SupportBundle
    size_bytes: int
    sha256: bytes
    attempts: int


class _Receiver:
    """A bundle as it grows in `file`."""

    def __init__(self, file: AtomicFile) -> None:
        self.bundle = SupportBundle()
        self.received = 0
        self.digest = hashlib.sha256()
        self._file = file

    def accept(self, chunk: Chunk) -> None:
        """Check and write the next bytes; blocks."""
        if chunk.offset != self.received or isal_zlib.crc32(chunk.data) != chunk.crc32:
            raise _corrupted(f"The chunk at {chunk.offset} is not the one that was due, or does not match its CRC-32.")
        self._file.write(chunk.data)
        self.digest.update(chunk.data)
        self.received += len(chunk.data)

    def finish(self, trailer: SupportBundleTrailer, attempts: int) -> SavedBundle:
        """What was received, if `trailer` proves it complete."""
        if trailer.total_bytes != self.received or trailer.sha256 != self.digest.digest():
            raise _corrupted("What arrived does not have the size and the SHA-256 of the bundle.")
        return SavedBundle(self.bundle, self.received, self.digest.digest(), attempts)


async def save_support_bundle(
    stub: SupportServiceAsyncStub,
    name: str,
    path: str | os.PathLike[str],
    *,
    retry: RetryPolicy = DEFAULT_RETRY,
    progress: Progress | None = None,
) -> SavedBundle:
    """Read `supportBundles/...` into the file `path`, which appears or changes only when it is complete and on disk.

    A stream that breaks with a transient error is gone on from. Raises TRANSFER_CORRUPTED, SUPPORT_BUNDLE_NOT_FOUND,
    SUPPORT_BUNDLE_DAMAGED, what the last attempt raised, and `OSError` if the file cannot be written.
    """
    async with saving(path) as (file, executor):
        run: Run = partial(asyncio.get_running_loop().run_in_executor, executor)
        receiver = _Receiver(file)
        attempts = failures = 0
        while True:
            attempts += 1
            before = receiver.received
            try:
                trailer = await _receive(stub, name, receiver, run, progress)
                return receiver.finish(trailer, attempts)
            except NvmedError as failure:
                if not is_transient(failure):
                    raise
                failures = 1 if receiver.received > before else failures + 1
                if failures >= retry.attempts:
                    raise
                await asyncio.sleep(retry.delay(failures, failure))


async def _receive(
    stub: SupportServiceAsyncStub, name: str, receiver: _Receiver, run: Run, progress: Progress | None
) -> SupportBundleTrailer:
    """One stream, from where `receiver` is, up to its status."""
    call = stub.ReadSupportBundle(ReadSupportBundleRequest(name=name, offset=receiver.received))
    trailer = None
    try:
        async for part in call:
            if part.HasField("header"):
                receiver.bundle = part.header.support_bundle
            elif part.HasField("chunk"):
                await run(receiver.accept, part.chunk)
            else:
                trailer = part.trailer
            if progress:
                progress(receiver.received, receiver.bundle.size_bytes)
    finally:
        call.cancel()
    if trailer is None:
        raise _corrupted("The stream ended without a trailer.")
    return trailer
