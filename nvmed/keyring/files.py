"""Files of keys that a host needs after every boot: which there are, and whether nobody else could read them.

They are in nvme-cli's format (`nvmed.keys.keyfile`), in a directory of root's alone or among the credentials that
systemd hands over. A file that is not safe is refused before anything of it is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from nvmed import limits
from nvmed.config import invalid
from nvmed.errors import NvmedError
from nvmed.files import open_descriptor
from nvmed.keys.keyfile import KeyFileLine, parse_file
from nvmed.keys.secret import Secret, wipe
from nvmed.reasons import Reason, error

_OTHERS: Final = 0o077
_OTHERS_OF_CREDENTIALS: Final = 0o027
"""systemd may let a service read its credentials by an ACL, whose mask looks like the group's permissions."""

_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""No links, which could lead to any file; and no waiting for whoever might write to a pipe."""


@dataclass(frozen=True, slots=True)
class KeySources:
    """Where key files are: all of `directory`, and those of `credentials` that one of `patterns` matches."""

    directory: Path | None = None
    credentials: Path | None = None
    patterns: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.directory is not None or (self.credentials is not None and bool(self.patterns))


@dataclass(frozen=True, slots=True, eq=False)
class KeyFile:
    """A file, or a directory that is refused as a whole: its lines, or the CONFIG_INVALID that says what is wrong."""

    path: Path
    lines: tuple[KeyFileLine, ...] = ()
    problem: NvmedError | None = None


def read(sources: KeySources) -> tuple[KeyFile, ...]:
    """Every key file, in the order of its name. Blocks; a bad file, directory or line spoils no other."""
    found: list[KeyFile] = []
    if sources.directory is not None:
        found += _read_directory(sources.directory, ("*",), _OTHERS)
    if sources.credentials is not None:
        found += _read_directory(sources.credentials, sources.patterns, _OTHERS_OF_CREDENTIALS)
    return tuple(found)


def check(sources: KeySources) -> None:
    """Raise CONFIG_INVALID if anything is wrong with any of them: all of it, by file and line."""
    wrong = [
        f"{file.path}:{number}: {problem.message}" if number else problem.message
        for file in read(sources)
        for number, problem in ((0, file.problem), *((line.number, line.problem) for line in file.lines))
        if problem is not None
    ]
    if wrong:
        raise error(Reason.CONFIG_INVALID, "\n".join(wrong))


def _read_directory(directory: Path, patterns: Sequence[str], forbidden: int) -> list[KeyFile]:
    try:
        with _opened(directory, None, os.O_DIRECTORY) as descriptor:
            _check_safe(directory, os.fstat(descriptor), forbidden)
            names = sorted(
                name
                for name in os.listdir(descriptor)  # noqa: PTH208  # of what was checked, not of its name
                if not name.startswith(".") and any(fnmatchcase(name, pattern) for pattern in patterns)
            )
            return [_read_file(directory / name, descriptor, forbidden) for name in names]
    except NvmedError as problem:
        return [KeyFile(directory, problem=problem)]
    except OSError as failure:
        return [KeyFile(directory, problem=_unreadable(directory, failure))]


def _read_file(path: Path, directory: int, forbidden: int) -> KeyFile:
    try:
        with _opened(path, directory) as descriptor:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise invalid(str(path), "", "is no regular file; key files are neither links, pipes nor directories")
            _check_safe(path, about, forbidden)
            if about.st_size > limits.KEY_FILE_BYTES_MAX:
                raise invalid(str(path), "", f"is larger than {limits.KEY_FILE_BYTES_MAX} bytes")
            with _content(descriptor, about.st_size) as content:
                return KeyFile(path, parse_file(content))
    except NvmedError as problem:
        return KeyFile(path, problem=problem)
    except OSError as failure:
        return KeyFile(path, problem=_unreadable(path, failure))


@contextmanager
def _opened(path: Path, directory: int | None, flags: int = 0) -> Iterator[int]:
    descriptor = open_descriptor(path if directory is None else path.name, _OPEN_FLAGS | flags, directory=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _unreadable(path: Path, failure: OSError) -> NvmedError:
    return invalid(str(path), "", f"cannot be read: {failure.strerror}")


def _check_safe(path: Path, about: os.stat_result, forbidden: int) -> None:
    """Raise CONFIG_INVALID unless it is root's or the daemon's own, and shut to everybody else."""
    if about.st_uid not in (0, os.geteuid()):
        raise invalid(str(path), "", f"belongs to uid {about.st_uid}; chown root")
    if stat.S_IMODE(about.st_mode) & forbidden:
        raise invalid(str(path), "", f"is open to others (mode {stat.S_IMODE(about.st_mode):04o}); chmod go-rwx")


@contextmanager
def _content(descriptor: int, size: int) -> Iterator[Secret]:
    """What a file holds, in one copy that is wiped."""
    data = bytearray(size)
    try:
        done = 0
        while done < size and (count := os.readv(descriptor, [memoryview(data)[done:]])):
            done += count
        with Secret(memoryview(data)[:done]) as content:
            yield content
    finally:
        wipe(data)
