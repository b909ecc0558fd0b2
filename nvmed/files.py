"""Opening files by os.open: never as the process's terminal, never inherited, never where another user leads.

Every descriptor that the daemon opens by itself comes from here; a test holds that.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, Final, TextIO

LINKS_MAX: Final = 40
"""Symbolic links on one path, as the kernel counts them."""

_ALWAYS: Final = os.O_CLOEXEC | os.O_NOCTTY
"""A leader of a session without a terminal is given the first that it opens, and dies of SIGHUP with that."""

Stamp = tuple[int, ...]
"""What shows that a file was replaced, rewritten, or given to somebody else."""


def open_descriptor(path: str | Path, flags: int, mode: int = 0o600, *, directory: int | None = None) -> int:
    """A descriptor of `path`, in `directory` if given, which no child inherits and no terminal comes with."""
    return os.open(path, flags | _ALWAYS, mode, dir_fd=directory)


def open_binary(path: str | Path) -> BinaryIO:
    """A file opened to be read, as bytes."""
    return open(path, "rb", opener=open_descriptor)  # pathlib takes no opener


def read_bytes(path: str | Path) -> bytes:
    """All that a file holds; for files whose size is known to be small."""
    with open_binary(path) as file:
        return file.read()


def open_text(path: str | Path, errors: str) -> TextIO:
    """A file opened to be read, as UTF-8, whose lines end with a newline alone."""
    return open(path, encoding="utf-8", errors=errors, newline="\n", opener=open_descriptor)


def write_existing(path: str | Path, data: bytes) -> None:
    """Write into a file that is there, such as an attribute of sysfs, in one write."""
    descriptor = open_descriptor(path, os.O_WRONLY)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def read_regular(path: Path, bytes_max: int) -> bytes:
    """At most `bytes_max` + 1 bytes of a regular file. `OSError` if it cannot be read, `ValueError` if it is none.

    A pipe is not waited for, a device not read.
    """
    descriptor = open_descriptor(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("is no regular file")
        data = bytearray()
        while len(data) <= bytes_max and (more := os.read(descriptor, bytes_max + 1 - len(data))):
            data += more
        return bytes(data)
    finally:
        os.close(descriptor)


def stamp(path: Path) -> Stamp:
    """The stamp of a file, links followed; `OSError` if it is not there."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def distrust(path: Path) -> str:
    """Why somebody else decides what `path` is, "" if nobody but root and this user does.

    Every directory, link and file on the way must be theirs, and none writable by others; in a directory that is
    sticky, as /tmp, only what belongs to others is. What is not there is nobody's.
    """
    at, links = Path("/"), 0
    ahead = list(reversed(path.absolute().parts[1:]))
    while ahead:
        name = ahead.pop()
        if name == "..":
            at = at.parent
            continue
        here = at / name
        try:
            found = here.lstat()
        except OSError:
            return ""  # whoever opens it hears why
        if found.st_uid not in (0, os.geteuid()):
            return f"{here} belongs to uid {found.st_uid}; chown root"
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > LINKS_MAX:
                return f"{here} is one symbolic link too many"
            target = here.readlink()
            at = Path("/") if target.is_absolute() else at
            ahead += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            continue
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not _is_sticky(found):
            return f"others may write {here}; chmod go-w"
        at = here
    return ""


def distrust_directory(path: Path) -> str:
    """As `distrust`, of a directory in which nobody else may make anything either, and which is one if it is there."""
    if why := distrust(path):
        return why
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    except OSError as exc:
        return f"{path} cannot be used: {exc.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return f"{path} is no directory"
    return f"others may write {path}; chmod go-w" if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


def make_private(path: Path) -> None:
    """Make a file that only its owner may read and write, whatever the umask; one that is there becomes that.

    `OSError` for a link and for what is no regular file.
    """
    descriptor = open_descriptor(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no regular file")
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Return once the names in a directory would survive a power cut."""
    descriptor = open_descriptor(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory of its owner's alone, with those above it, unless it is there; on disk when this returns."""
    for missing in [above for above in (path, *path.parents) if not above.exists()][::-1]:
        missing.mkdir(mode=0o700, exist_ok=True)
        sync_directory(missing.parent)
    sync_directory(path.parent)  # it may have been made just before the daemon was killed


def write_whole(path: Path, data: bytes) -> None:
    """Make or replace a file that only its owner may read: whole or not at all, and on disk when this returns."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = open_descriptor(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def _is_sticky(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX)
