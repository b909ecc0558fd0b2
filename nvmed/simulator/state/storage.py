"""Bytes of a namespace that exist only where something was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

CHUNK_BYTES = 64 * 1024

Background = Callable[[int], bytes]
"""The 64 KiB of a chunk, by its index, where nothing was written."""


def zeros(index: int) -> bytes:
    """Nothing was written, or it was deallocated."""
    return bytes(CHUNK_BYTES)


def repeated(pattern: bytes) -> Background:
    """A pattern of 4 bytes all over."""
    chunk = pattern * (CHUNK_BYTES // len(pattern))
    return lambda index: chunk


def scrambled(seed: bytes) -> Background:
    """What nobody can tell from noise: data under a key that is no more."""
    return lambda index: hashlib.shake_128(seed + index.to_bytes(8, "little")).digest(CHUNK_BYTES)


class SparseBytes:
    """Bytes that are the background's until written, held in chunks of 64 KiB; that is zeros at first.

    Offsets and lengths are the caller's to check. Not locked: the subsystem's lock is held around every call.
    """

    __slots__ = ("_background", "_chunks", "_zeroed")

    def __init__(self) -> None:
        self._chunks: dict[int, bytearray] = {}
        self._background: Background = zeros
        self._zeroed: list[range] = []

    @property
    def allocated_bytes(self) -> int:
        """What is really held in memory."""
        return len(self._chunks) * CHUNK_BYTES

    def read(self, offset: int, into: memoryview) -> None:
        """Fill `into` with the bytes from `offset`."""
        done = 0
        while done < len(into):
            index, start = divmod(offset + done, CHUNK_BYTES)
            length = min(CHUNK_BYTES - start, len(into) - done)
            chunk = self._chunks.get(index)
            into[done : done + length] = (self._unwritten(index) if chunk is None else chunk)[start : start + length]
            done += length

    def write(self, offset: int, data: memoryview) -> None:
        """Store all of `data` at `offset`."""
        done = 0
        while done < len(data):
            index, start = divmod(offset + done, CHUNK_BYTES)
            length = min(CHUNK_BYTES - start, len(data) - done)
            self._chunk(index)[start : start + length] = data[done : done + length]
            done += length

    def zero(self, offset: int, length: int) -> None:
        """Make `length` bytes from `offset` zero, giving whole chunks back."""
        first, last = -(-offset // CHUNK_BYTES), (offset + length) // CHUNK_BYTES
        if last - first >= len(self._chunks):
            for index in [index for index in self._chunks if first <= index < last]:
                del self._chunks[index]
        else:
            for index in range(first, last):
                self._chunks.pop(index, None)
        if last > first and self._background is not zeros:
            self._zeroed.append(range(first, last))
        edges = [(offset, min(first * CHUNK_BYTES, offset + length))]
        if last >= first:
            edges.append((last * CHUNK_BYTES, offset + length))
        for start, end in edges:
            index, inside = divmod(start, CHUNK_BYTES)
            if end > start and (index in self._chunks or self._background is not zeros):
                self._chunk(index)[inside : inside + end - start] = bytes(end - start)

    def clear(self, background: Background = zeros) -> None:
        """Forget everything: all bytes are the background's."""
        self._chunks.clear()
        self._zeroed.clear()
        self._background = background

    def _chunk(self, index: int) -> bytearray:
        chunk = self._chunks.get(index)
        if chunk is None:
            chunk = self._chunks[index] = bytearray(self._unwritten(index))
        return chunk

    def _unwritten(self, index: int) -> bytes:
        return zeros(index) if any(index in zeroed for zeroed in self._zeroed) else self._background(index)
