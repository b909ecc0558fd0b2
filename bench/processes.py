"""Processes that are measured: how they are started, and what the kernel says that they took."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import child

MIB = 1 << 20

COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment, in which Python keeps what it compiled: an installed nvmed is compiled."""


@contextmanager
def server(module: str, kind: str, socket: Path, *arguments: str, state: Path | None = None) -> Iterator[int]:
    """A server process that is ready, its temporary state under `state` if that matters; gives its pid."""
    environ = {**os.environ, **({"TMPDIR": str(state)} if state else {})}
    command = [*child.COMMAND, module, kind, str(socket), *arguments]
    log = socket.with_suffix(".log")  # the daemon's: an audit event for each operation
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environ
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", log.read_text()
        try:
            yield process.pid
        finally:
            _end(process)


@contextmanager
def program(said: str, module: str, *arguments: str) -> Iterator[tuple[int, float]]:
    """A program in a home of its own that has said so: its pid, and the seconds until it did."""
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(
            [*child.COMMAND, module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**COMPILED, "HOME": home, "XDG_RUNTIME_DIR": home, "TMPDIR": home},
        ) as started,
    ):
        assert started.stdout is not None
        try:
            heard = next((line for line in started.stdout if said in line), "")
            assert heard, f"it ended without {said!r}"
            yield started.pid, time.perf_counter() - began
        finally:
            _end(started)


def _end(process: subprocess.Popen[str]) -> None:
    """End it; raises `RuntimeError` of what does not within `child.GRACE_S`, and is killed."""
    process.terminate()
    process.communicate()  # closes its standard input, too
    if process.returncode == -signal.SIGKILL:
        raise RuntimeError(f"{process.args!r} did not end within {child.GRACE_S} s")


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes(pid: int) -> int:
    """The most resident memory that a process ever had."""
    line = next(text for text in Path(f"/proc/{pid}/status").read_text().splitlines() if text.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, in ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
