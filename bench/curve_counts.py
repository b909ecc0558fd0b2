"""What drives, watchers and hosts cost by their number."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import events, serve
from bench.curve import Measured
from bench.processes import MIB, program, server
from nvmed import farm, limits

DRIVES = (1, 4, 16, 64, 128, 256)
WATCHERS = (1, 10, 100, 1000, limits.WATCHERS_MAX)
HOSTS = (1, 2, 5, 10, 20, 50, 100, 200)


def by_drives(scratch: Path) -> Iterator[Measured]:
    """Percent of a core and MiB of a daemon that nobody asks for anything, with so many drives."""
    socket = scratch / "drives.sock"
    for count in DRIVES:
        with server("bench.servers", "nvmed", socket, "--sizes", *[str(MIB)] * count) as pid:
            core, memory = serve.idling(pid)
            yield Measured("drives", "nvmed", count, [core])
            yield Measured("drives-memory", "nvmed", count, [memory])


def by_watchers(scratch: Path) -> Iterator[Measured]:
    """Milliseconds until all watchers have an event, and bare streams a message."""
    for count in WATCHERS:
        ours, bare = asyncio.run(events.latencies(scratch, count, 5 if count > 1000 else 15))
        yield Measured("watchers", "nvmed", count, ours)
        yield Measured("watchers", "bare gRPC server", count, bare)


def by_hosts(scratch: Path) -> Iterator[Measured]:
    """Seconds that nvmedctl takes to list the drives of so many hosts, all of them in one process beside it."""
    nvmedctl = Path(sys.executable).with_name("nvmedctl")
    folder = scratch / "farm"
    command = ("simulator", "farm", "--hosts", str(HOSTS[-1]), "--state", str(folder))
    with program(f"{HOSTS[-1]} addresses", "nvmed", *command) as _:
        for count in HOSTS:
            hosts = scratch / "hosts.toml"
            hosts.write_text(farm.inventory(farm.Farm(folder, count)))
            taken = []
            for _ in range(3):
                started = time.perf_counter()
                asked = (str(nvmedctl), "--hosts", str(hosts), "--output", "jsonl", "controllers", "list")
                told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
                taken.append(time.perf_counter() - started)
                assert len(told.splitlines()) >= count, told
            yield Measured("hosts", "nvmedctl controllers list", count, taken)
