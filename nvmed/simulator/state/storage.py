"""Bytes of a namespace that exist only where something was written."""

from __future__ import annotations

CHUNK_BYTES = 64 * 1024


class SparseBytes:
    """Bytes that are zero until written, held in chunks of 64 KiB.

    Offsets and lengths are the caller's to check. Not locked: the subsystem's lock is held around every call.
    """

    __slots__ = ("_chunks",)

    def __init__(self) -> None:
        self._chunks: dict[int, bytearray] = {}

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
            into[done : done + length] = bytes(length) if chunk is None else memoryview(chunk)[start : start + length]
            done += length

    def write(self, offset: int, data: memoryview) -> None:
        """Store all of `data` at `offset`."""
        done = 0
        while done < len(data):
            index, start = divmod(offset + done, CHUNK_BYTES)
            length = min(CHUNK_BYTES - start, len(data) - done)
            chunk = self._chunks.get(index)
            if chunk is None:
                chunk = self._chunks[index] = bytearray(CHUNK_BYTES)
            chunk[start : start + length] = data[done : done + length]
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
        edges = [(offset, min(first * CHUNK_BYTES, offset + length))]
        if last >= first:
            edges.append((last * CHUNK_BYTES, offset + length))
        for start, end in edges:
            index, inside = divmod(start, CHUNK_BYTES)
            chunk = self._chunks.get(index)
            if chunk is not None and end > start:
                chunk[inside : inside + end - start] = bytes(end - start)

    def clear(self) -> None:
        """Forget everything: all bytes are zero again."""
        self._chunks.clear()
