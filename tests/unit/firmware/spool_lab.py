"""A spool of its own for a test, and what to put into it."""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.firmware.spool import Spool, SpoolLimits, Writer
from nvmed.firmware.spool_files import Image
from nvmed.reasons import Reason

KIB, MIB = 1024, 1024 * 1024
ALICE, BOB = "socket:alice", "socket:bob"


def content(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def promise(data: bytes, **more: Any) -> Image:
    return Image(hashlib.sha256(data).hexdigest(), len(data), **more)


class Clock:
    """Seconds since the epoch, as a test says."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def spool(path: Path, allowed: SpoolLimits | None = None, **more: Any) -> AsyncIterator[Spool]:
    async with Spool(path / "images", allowed, **more).serving() as made:
        yield made


async def put(writer: Writer, data: bytes, chunk: int = 64 * KIB, start: int = 0) -> None:
    for offset in range(start, len(data), chunk):
        piece = data[offset : offset + chunk]
        await writer.write(offset, zlib.crc32(piece), piece)


async def upload(into: Spool, data: bytes, principal: str = ALICE, chunk: int = 64 * KIB, **more: Any) -> Image:
    async with into.receive(promise(data, **more), principal) as writer:
        await put(writer, data, chunk, writer.committed_bytes)
        return await writer.finish()


async def stored(into: Spool, image: Image) -> bytes:
    with into.pin(image.sha256, "a test") as pinned:
        return b"".join([block async for block in pinned.blocks()])


async def raises(reason: Reason, work: Awaitable[Any]) -> NvmedError:
    with pytest.raises(NvmedError) as caught:
        await work
    assert caught.value.reason == reason.name, caught.value
    return caught.value


def files(path: Path) -> set[str]:
    return {entry.name for entry in (path / "images").iterdir()}
