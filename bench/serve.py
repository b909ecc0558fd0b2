"""How long the daemon takes until it serves, against a server of gRPC that serves nothing; and what it costs idle."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.events import cpu_s
from bench.memory import rss_bytes

DRIVES = 64
BARE = """
import asyncio, sys
import grpc

async def serve():
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{sys.argv[1]}")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()

asyncio.run(serve())
"""
MIB = 1 << 20


COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment, in which Python keeps what it compiled: an installed nvmed is compiled."""


@contextmanager
def process(said: str, *command: str) -> Iterator[tuple[int, float]]:
    """A Python process that has said so: its pid, and the seconds until it did."""
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(
            [sys.executable, *command],
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
            started.terminate()
            started.stdout.read()


def measure(scratch: Path, rounds: int = 7, wait_s: float = 40.0) -> None:
    """Both, in turns; then the daemon with 64 drives that nobody asks for anything."""
    taken = []
    for _ in range(rounds):
        with process("serving on", "-m", "nvmed", "--simulate", "1") as (_, ours_s):
            pass
        with process("ready", "-c", BARE, str(scratch / "bare.sock")) as (_, bare_s):
            pass
        taken.append((ours_s, bare_s))
    ratio = statistics.median(ours / bare for ours, bare in taken)
    ours_ms = statistics.median(ours for ours, _ in taken) * 1000
    print(f"daemon until it serves / a bare grpc.aio server: {ratio:.1f}  ({ours_ms:.0f} ms here)")
    with process("serving on", "-m", "nvmed", "--simulate", str(DRIVES)) as (pid, _):
        time.sleep(5)
        before = cpu_s(pid)
        time.sleep(wait_s)
        used = cpu_s(pid) - before
        print(f"idle with {DRIVES} drives: {used / wait_s * 100:.2f} % of a core, {rss_bytes(pid) / MIB:.0f} MiB")
