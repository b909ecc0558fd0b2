"""A directory of files that each have a sidecar, and every way in which it is changed.

Everything here blocks and raises `OSError`; `Disk` is all that writes, so that a test can fill it up, or kill the
daemon, at every single write.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from nvmed.errors import NvmedError, OsFailure
from nvmed.files import make_directory, open_binary, open_descriptor, sync_directory
from nvmed.reasons import Reason, error

T = TypeVar("T")

READ_BYTES: Final = 1 << 20
"""How much of a file is in memory at a time where it is read."""

SIDECAR_BYTES_MAX: Final = 64 << 10
"""No sidecar that nvmed wrote is larger."""

TIME_MS_MAX: Final = 253_402_300_799_999
"""The end of the year 9999: the latest moment that can be shown."""

DAMAGED: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a sidecar that is no such thing ends in."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room: on the device, in a quota, in the largest file that the file system or RLIMIT_FSIZE allows."""


class Disk:
    """Every way in which a folder's files are changed. A full disk shows as `OSError` of any of them."""

    def create(self, path: Path, flags: int = 0) -> int:
        """Open a file of the folder for writing, made if it is not there."""
        return open_descriptor(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written

    def sync(self, descriptor: int) -> None:
        """Return once the file's bytes and size would survive a power cut."""
        os.fdatasync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, whatever had it."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Delete a file, if it is there."""
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """Return once the names in a directory would survive a power cut."""
        sync_directory(path)


class Folder:
    """A directory of such files. `{name}.json` is the sidecar of what has that name, `{name}.new` one being written."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.disk = disk

    def sidecar(self, name: str) -> Path:
        """The sidecar of a name."""
        return self.path / f"{name}.json"

    def make(self) -> None:
        """Make the directory, its owner's alone, if it is not there."""
        make_directory(self.path)

    def write_sidecar(self, name: str, text: bytes) -> None:
        """Put a sidecar on disk, whole or not at all."""
        target = self.sidecar(name)
        fresh = target.with_suffix(".new")
        try:
            descriptor = self.disk.create(fresh, os.O_TRUNC)
            try:
                self.disk.write(descriptor, text, 0)
                self.disk.sync(descriptor)
            finally:
                os.close(descriptor)
            self.disk.rename(fresh, target)
        except OSError:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        self.disk.sync_directory(self.path)

    def remove(self, *paths: Path) -> None:
        """Delete files, those that are there, in this order."""
        for path in paths:
            self.disk.remove(path)


def modified_ms(found: os.stat_result) -> int:
    """When a file was written last, as a moment that can be shown: a clock may have been anywhere."""
    return min(max(found.st_mtime_ns // 10**6, 0), TIME_MS_MAX)


def is_file(entry: Path) -> bool:
    """Whether it is a file of its own: nvmed makes no links and no directories there."""
    return entry.is_file() and not entry.is_symlink()


def read_start(path: Path) -> bytes:
    """What a sidecar holds."""
    with open_binary(path) as file:
        return file.read(SIDECAR_BYTES_MAX)


def digest_of(descriptor: int, size: int) -> Any:
    """The SHA-256 state of the first `size` bytes of a file; fewer if it is shorter."""
    digest = hashlib.sha256()
    done = 0
    while done < size and (data := os.pread(descriptor, min(READ_BYTES, size - done), done)):
        digest.update(data)
        done += len(data)
    return digest


@dataclass(slots=True)
class Stored(Generic[T]):
    """A file read in chunks, each encoded from (buffer, size, offset) with its data behind `headroom` free bytes.

    `damaged` makes the error of what is wrong with it; `digest` is None where not all of it is read.
    """

    descriptor: int
    size_bytes: int
    chunk_bytes: int
    headroom: int
    encode: Callable[[Any, int, int], T]
    damaged: Callable[[str], NvmedError]
    digest: Any

    def chunk(self, at: int) -> T:
        """The chunk that begins there; blocks. Raises what `damaged` makes where bytes are missing."""
        buffer = memoryview(bytearray(self.headroom + min(self.chunk_bytes, self.size_bytes - at)))
        payload = buffer[self.headroom :]
        if os.preadv(self.descriptor, [payload], at) != len(payload):
            raise self.damaged(f"it ends before byte {at + len(payload)}")
        if self.digest is not None:
            self.digest.update(payload)
        return self.encode(buffer, len(payload), at)

    def check(self, sha256: bytes) -> None:
        """Raise what `damaged` makes if all was read, and is not what it was."""
        if self.digest is not None and self.digest.digest() != sha256:
            raise self.damaged(f"it now has the SHA-256 {self.digest.hexdigest()}")


def disk_error(exc: OSError, path: Path, full: Reason, remedy: str) -> NvmedError:
    """The error of a system call that failed in the directory `path`: `full`, with its remedy, where there is no room;
    else STATE_NOT_WRITABLE.
    """
    symbol = errno.errorcode.get(exc.errno or 0, str(exc.errno))
    reason = full
    if exc.errno not in _FULL:
        reason, remedy = Reason.STATE_NOT_WRITABLE, "repair the file system of the state directory"
    failure = OsFailure(exc.errno or 0, symbol, "write", str(path))
    return error(reason, f"{path}: {symbol}; {remedy}", os=failure, path=path, errno=symbol)
