"""Where the lab keeps what it builds: one folder per artifact, named by the hash of everything it is made from.

An artifact is built in a folder of another name and renamed when complete, so a folder that has the right name is
always whole. What no run used for two weeks is removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

KEEP_UNUSED_S = 14 * 24 * 3600
START = time.monotonic()


def directory() -> Path:
    """The cache: `NVMED_VM_CACHE`, or `nvmed-vm` in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nvmed-vm"
    path = Path(os.environ.get("NVMED_VM_CACHE") or default).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def report(text: str) -> None:
    """Say on stderr what was reached, and how long after the start."""
    print(f"[{time.monotonic() - START:6.1f} s] {text}", file=sys.stderr, flush=True)  # noqa: T201


def digest(*parts: str | bytes | Path) -> str:
    """Hash of texts, files and whole folders (names, modes and contents; no times, no bytecode)."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
                if path.is_file() and path.suffix != ".pyc":
                    mode = path.stat().st_mode & 0o111
                    total.update(f"{path.relative_to(part)} {mode} {path.stat().st_size}\0".encode())
                    total.update(path.read_bytes())
        else:
            data = part.encode() if isinstance(part, str) else part
            total.update(b"%d\0" % len(data) + data)
    return total.hexdigest()[:16]


def artifact(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder `name-key`, made by `build(folder)` unless it is there already."""
    cache = directory()
    final = cache / f"{name}-{key}"
    if not final.is_dir():
        partial = cache / f"{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        build(partial)
        partial.rename(final)
        report(f"built {final.name}")
    os.utime(final)
    for other in cache.glob(f"{name}-*"):
        if other != final and time.time() - other.stat().st_mtime > KEEP_UNUSED_S:
            shutil.rmtree(other, ignore_errors=True)
    return final


@contextmanager
def lock(name: str) -> Iterator[IO[str]]:
    """Hold the lock `name` of this cache: for "build" one process, for "guest" one guest at a time."""
    with (directory() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another run, which holds {file.name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def run(
    argv: Sequence[str | Path], *, stdin: bytes = b"", env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> bytes:
    """Run a command of the host and return its output; its errors go into the exception."""
    words = [str(word) for word in argv]
    done = subprocess.run(
        words, input=stdin, capture_output=True, check=False, env={**os.environ, **(env or {})}, cwd=cwd
    )
    if done.returncode:
        tail = (done.stdout + done.stderr).decode(errors="replace")[-4000:]
        raise RuntimeError(f"{' '.join(words)} failed with {done.returncode}:\n{tail}")
    return done.stdout
