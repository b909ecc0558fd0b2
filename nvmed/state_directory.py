"""The state directory: one daemon's at a time, and locked before anything in it is read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nvmed.files import make_directory, open_descriptor
from nvmed.reasons import Reason, error

LOCK: Final = "lock"
"""The file that the daemon holds locked. It stays: whoever deleted it would let a second daemon in."""

_PID_BYTES_MAX: Final = 20


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold `directory`, made with mode 0700 if it is not there, for this process alone.

    Raises STATE_IN_USE, which says who holds it, and STATE_NOT_WRITABLE.
    """
    path = directory / LOCK
    try:
        make_directory(directory)
        descriptor = open_descriptor(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise _not_writable(path, exc) from exc
    try:
        _take(descriptor, path)
        yield
    finally:
        os.close(descriptor)  # and with it the lock: nobody else ever has this descriptor


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except BlockingIOError:
        holder = os.pread(descriptor, _PID_BYTES_MAX, 0).decode("ascii", "replace").strip()
        who = f"process {holder}" if holder.isdecimal() else "another process"
        raise error(
            Reason.STATE_IN_USE,
            f"{path.parent} is the state of a daemon that runs as {who}; stop it, or give this one another state_dir",
            path=path.parent,
            pid=holder,
        ) from None
    except OSError as exc:
        raise _not_writable(path, exc) from exc


def _not_writable(path: Path, exc: OSError) -> Exception:
    return error(Reason.STATE_NOT_WRITABLE, f"{path} cannot be made or locked: {exc.strerror}", path=path)
