"""How fast a telemetry log is decoded, and in how much memory: `measure` is called by `python -m bench`.

As drives write them, a log's areas 1 and 2 are a few MiB and the rest is nobody's business; the other log here is all
events, of which Python makes an object each.
"""

from __future__ import annotations

import mmap
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from nvmedctl import ocp
from nvmedctl.ocp.document import lines

from bench.memory import peak_bytes
from nvmed.nvme.ocp_telemetry import DWORD_BYTES, AreaHeader, FifoPlace, build_event
from nvmed.nvme.telemetry import BLOCK_BYTES, TelemetryHeader

MIB = 1 << 20
LOG_BYTES = 64 * MIB
EVENT = build_event(0x03, 7, bytes((6, 2, 0, 5, 0, 1, 0, 0)) + b"\x07\x80what a vendor adds")
LOGS = {"2 MiB of events, 62 MiB of the vendor's": 2 * MIB, "30 MiB of events, the rest the vendor's": 30 * MIB}
"""How many bytes of events are in data area 1, which has at most 32 MiB."""


def build(event_bytes: int) -> bytes:
    """A host's log of `LOG_BYTES`."""
    events = EVENT * (event_bytes // len(EVENT))
    start = AreaHeader.SIZE // DWORD_BYTES
    area = AreaHeader(fifo_areas=(1,), fifos=(FifoPlace(start, len(events) // DWORD_BYTES),)).build() + events
    blocks = -(-len(area) // BLOCK_BYTES)
    header = TelemetryHeader(dalb1=blocks, dalb2=blocks, dalb3=blocks, dalb4=LOG_BYTES // BLOCK_BYTES - 1)
    return (header.build() + area).ljust(LOG_BYTES, b"\0")


def decode(file: Path) -> None:
    """Decode all of a log, and print how long that took and how much memory it took beside the mapped file."""
    with file.open("rb") as opened:
        data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    before = peak_bytes(os.getpid())
    started = time.perf_counter()
    found = sum(1 for _ in lines(ocp.decode(data)))
    print(time.perf_counter() - started, peak_bytes(os.getpid()) - before, found)


def measure(scratch: Path, rounds: int = 3) -> None:
    """Each kind of log, in a process of its own."""
    for kind, event_bytes in LOGS.items():
        file = scratch / "log"
        file.write_bytes(build(event_bytes))
        taken, found = [], ""
        for _ in range(rounds):
            command = [sys.executable, "-m", "bench.decode", str(file)]
            took, memory, found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            taken.append((float(took), int(memory)))
        seconds, memory_bytes = (statistics.median(column) for column in zip(*taken, strict=True))
        print(
            f"decoding 64 MiB of telemetry, {kind}: {LOG_BYTES / seconds / MIB:.0f} MiB/s, {found} lines, "
            f"{memory_bytes / LOG_BYTES:.2f} times the file in memory, the mapped file included"
        )


if __name__ == "__main__":
    decode(Path(sys.argv[1]))
