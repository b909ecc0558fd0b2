"""A bundle's bytes while they are made: members of a tar archive, compressed with Zstandard and hashed on their way.

The memory that it takes is the compressor's, whatever the members' sizes are. Everything here blocks.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from typing import BinaryIO, Final, cast

import zstandard

from nvmed.disk.files import READ_BYTES, Disk

GROWTH_BYTES: Final = 128 * 1024
"""More than what a member's headers, the archive's end and the compressor's frames can take."""

LEVEL: Final = 3
"""Of Zstandard: what is above costs time on the host and saves a few percent of logs."""


class _Output(io.RawIOBase):
    """The file, written through `Disk`, until it is let go of: what comes then, as of a finalizer, goes nowhere."""

    def __init__(self, disk: Disk, descriptor: int) -> None:
        super().__init__()
        self.digest = hashlib.sha256()
        self.size_bytes = 0
        self._disk = disk
        self._descriptor: int | None = descriptor

    def let_go(self) -> None:
        """Write no more: the descriptor is closed next, and its number another file's then."""
        self._descriptor = None

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        size = len(data)
        if self._descriptor is None:
            return size
        self._disk.write(self._descriptor, data, self.size_bytes)
        self.digest.update(data)
        self.size_bytes += size
        return size


class Archive:
    """An archive that is written to `descriptor`. Raises `OSError`; then it is of no use."""

    def __init__(self, disk: Disk, descriptor: int) -> None:
        self._output = _Output(disk, descriptor)
        self._compressed = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(
            cast("BinaryIO", self._output), closefd=False
        )
        self._tar = tarfile.open(fileobj=self._compressed, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    @property
    def size_bytes(self) -> int:
        """What is written; the compressor holds some more."""
        return self._output.size_bytes

    def add(self, name: str, descriptor: int, size: int, mtime_s: int) -> None:
        """Add what the file of `descriptor` holds from its beginning."""
        with os.fdopen(os.dup(descriptor), "rb", buffering=READ_BYTES) as file:
            file.seek(0)
            self._tar.addfile(_member(name, size, mtime_s), file)

    def add_bytes(self, name: str, data: bytes, mtime_s: int) -> None:
        """Add a small member."""
        self._tar.addfile(_member(name, len(data), mtime_s), io.BytesIO(data))

    def finish(self) -> tuple[int, bytes]:
        """End the archive; its size and its SHA-256."""
        self._tar.close()
        self._compressed.close()  # type: ignore[no-untyped-call]
        return self._output.size_bytes, self._output.digest.digest()

    def let_go(self) -> None:
        """Finished or not, write nothing to `descriptor` any more, which may be closed then.

        A tar stream that was not finished ends itself when it is collected, whenever that is.
        """
        self._output.let_go()


def _member(name: str, size: int, mtime_s: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, mtime_s, 0o600
    return member
