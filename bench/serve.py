"""How long the daemon takes until it serves, against a server of gRPC that serves nothing; and what it costs idle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, in_turns
from bench.processes import MIB, cpu_s, program, rss_bytes

DRIVES = 64
WAIT_S = 60.0
"""An interval, in which events and metrics each ask every drive once."""

SETTLED_S = 5.0
"""After it serves, a daemon asks its drives for the first time."""


def _until(said: str, module: str, *arguments: str) -> float:
    with program(said, module, *arguments) as (_, took_s):
        return took_s * 1000


def idle(drives: int) -> tuple[float, float]:
    """Percent of a core and MiB of a daemon that nobody asks for anything."""
    with program("serving on", "nvmed", "--simulate", str(drives)) as (pid, _):
        return idling(pid)


def idling(pid: int) -> tuple[float, float]:
    """The same of one that runs."""
    time.sleep(SETTLED_S)
    before = cpu_s(pid)
    time.sleep(WAIT_S)
    return (cpu_s(pid) - before) / WAIT_S * 100, rss_bytes(pid) / MIB


def measure(scratch: Path, rounds: int = 7) -> Iterator[Figure]:
    """Both, in turns; then the daemon with 64 drives."""
    ours, bare = in_turns(
        rounds,
        lambda: _until("serving on", "nvmed", "--simulate", "1"),
        lambda: _until("ready", "bench.bare", str(scratch / "bare.sock")),
    )
    yield Figure("start", "daemon until it serves", "ms", ours, "a bare grpc.aio server", bare)
    core, memory = zip(*(idle(DRIVES) for _ in range(3)), strict=True)
    yield Figure("idle", f"idle with {DRIVES} drives", "% of a core", core)
    yield Figure("idle-memory", f"memory with {DRIVES} drives", "MiB", memory)
