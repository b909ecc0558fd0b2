"""The end of the audit's chain on disk: appended to, synced, continued in a new file, looked over when it is opened.

Everything blocks. Nothing is ever written after what is damaged: that would bury the evidence.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from nvmed.audit_chain import (
    HEAD,
    REMOVED,
    START,
    Position,
    decode,
    encode,
    encode_head,
    file_name,
    files,
    read_head,
    stamp,
)  # fmt: skip
from nvmed.files import make_directory, open_binary, open_descriptor, sync_directory, write_whole

LOCK: Final = "lock"
RECOVERED: Final = "recovered"
"""The event of a record that says that what a crash or a full disk left of a line was cut off."""


class Damaged(Exception):
    """The files are not what was written; the text says where and what is wrong."""


@dataclass(slots=True)
class _End:
    """The file that is written: `size` bytes of it are on disk."""

    path: Path
    fd: int
    size: int


class AuditFile:
    """Writes the chain in `directory`. Opened by the first `append`; after an `OSError` by the next. One thread's."""

    def __init__(self, directory: Path, file_bytes_max: int, files_max: int) -> None:
        self._directory = directory
        self._file_bytes_max = file_bytes_max
        self._files_max = files_max
        self._position = START
        self._end: _End | None = None
        self._head = -1
        self._lock = -1

    def append(self, records: Sequence[Mapping[str, Any]]) -> Sequence[Position]:
        """Write `records`; returns where they are on disk. Raises `OSError` or `Damaged`, and none of them counts."""
        end = self._opened()
        if end.size >= self._file_bytes_max:
            try:
                end = self._continue()
            except BaseException:
                self._forget()  # what was not begun whole must not be written to
                raise
        if wrong := _changed(end):
            self.close()
            raise Damaged(f"{end.path} {wrong} while the daemon wrote it")
        position = self._position
        lines, positions = [], []
        for fields in records:
            line, position = encode(fields, position)
            lines.append(line)
            positions.append(position)
        self._write(end, b"".join(lines), position)
        return positions

    def close(self) -> None:
        """Let go of the files."""
        self._forget()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _write(self, end: _End, data: bytes, position: Position) -> None:
        try:
            _write_all(end.fd, data)
            os.fdatasync(end.fd)
        except OSError:
            self._undo(end)
            raise
        end.size += len(data)
        self._position = position
        os.pwrite(self._head, encode_head(position), 0)  # not synced: it may stay behind, never be ahead

    def _undo(self, end: _End) -> None:
        """Take back what was half written; what is left of it then is seen when the file is opened again."""
        with suppress(OSError):
            os.ftruncate(end.fd, end.size)
        self._forget()

    def _forget(self) -> None:
        if self._end is not None:
            os.close(self._end.fd)
            self._end = None
        if self._head >= 0:
            os.close(self._head)
            self._head = -1

    # -- opening

    def _opened(self) -> _End:
        if self._end is not None:
            return self._end
        make_directory(self._directory)
        self._take_lock()
        try:
            return self._open()
        except BaseException:
            self._forget()
            raise

    def _take_lock(self) -> None:
        if self._lock >= 0:
            return
        fd = open_descriptor(self._directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(fd)
            raise
        self._lock = fd

    def _open(self) -> _End:
        try:
            head = read_head(self._directory)
        except ValueError as exc:
            raise Damaged(f"{self._directory / HEAD} {exc}") from None
        found = files(self._directory)
        position, torn = START, b""
        for first, path in reversed(found):
            position, left = _look_over(path, first, head)
            torn = torn or left
            if position.digest:
                break
        for known in (head or START, self._position):
            if known.sequence > position.sequence:
                raise Damaged(f"records {position.sequence + 1} to {known.sequence} are missing at the end")
        if head is None and position != START:
            raise Damaged(f"{self._directory / HEAD} is missing, so that nobody can tell whether the end was cut off")
        if not position.digest:
            raise Damaged(f"{found[0][1]} is empty, and the record before it is missing")
        self._position = position
        if head is None:  # made whole: half of one would be damage
            write_whole(self._directory / HEAD, encode_head(position))
        self._head = open_descriptor(self._directory / HEAD, os.O_RDWR | os.O_NOFOLLOW)
        if not found:
            return self._begin_file()
        end = self._end = _open_end(found[-1][1])
        if torn:
            end.size -= len(torn)
            os.ftruncate(end.fd, end.size)
        os.fsync(end.fd)
        sync_directory(self._directory)  # whoever made the file may have been killed, or have failed, before that
        os.pwrite(self._head, encode_head(self._position), 0)
        os.fsync(self._head)
        if torn:
            cut = f"{len(torn)} bytes were cut off, of SHA-256 {sha256(torn).hexdigest()}"
            self._write(end, *encode(_own(RECOVERED, cut), self._position))
        return end

    def _begin_file(self) -> _End:
        end = self._end = _open_end(self._directory / file_name(self._position.sequence + 1))
        os.pwrite(self._head, encode_head(self._position), 0)
        os.fsync(self._head)  # before there is a record: one without a head is damage
        sync_directory(self._directory)
        return end

    # -- going on

    def _continue(self) -> _End:
        """Begin the next file; delete the oldest if there are more than wanted, and say so first."""
        if self._end is not None:
            os.close(self._end.fd)
            self._end = None
        end = self._begin_file()
        found = files(self._directory)
        surplus = found[: max(0, len(found) - self._files_max)] if self._files_max else ()
        if surplus:
            through = found[len(surplus)][0] - 1
            gone = _own(
                REMOVED, f"records up to {through} were deleted: more than {self._files_max} files", through=through
            )
            self._write(end, *encode(gone, self._position))
            for _, path in surplus:
                path.unlink(missing_ok=True)
        return end


def _own(event: str, message: str, **more: int) -> dict[str, Any]:
    """A record of the files themselves."""
    return {"time": stamp(datetime.now(UTC)), "event": event, "message": message, **more}


def _open_end(path: Path) -> _End:
    fd = open_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    return _End(path, fd, os.fstat(fd).st_size)


def _changed(end: _End) -> str:
    """What somebody else did to the file that is written, "" for nothing."""
    found = os.fstat(end.fd)
    if found.st_nlink == 0:
        return "was deleted"
    if found.st_size != end.size:
        return f"was cut off or added to, from {end.size} to {found.st_size} bytes,"
    try:
        named = end.path.lstat()
    except FileNotFoundError:
        return "was moved away"
    return "" if os.path.samestat(found, named) else "was replaced"


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _look_over(path: Path, first: int, head: Position | None) -> tuple[Position, bytes]:
    """Where the chain is at the end of a file that begins with record `first`, and what follows its last whole line.

    Without a record in it, the hash is not known.
    """
    position = START if first == 1 else Position(first - 1, "")
    with open_binary(path) as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return position, line
            try:
                record = decode(line)
            except ValueError as exc:
                raise Damaged(f"{path}:{number} {exc}") from None
            if record.position.sequence != position.sequence + 1 or (
                position.digest and record.previous != position.digest
            ):
                raise Damaged(f"{path}:{number} does not follow the record before it")
            position = record.position
            if head is not None and head.sequence == position.sequence and head != position:
                raise Damaged(f"{path}:{number} is another record than the one that was written")
    return position, b""
