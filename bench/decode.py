"""How fast a telemetry log is decoded by a processor, and in how much memory: `measure` is called by `python -m bench`.

As drives write them, a log's areas 1 and 2 are a few MiB and the rest is nobody's business; the other log here is all
events, of which Python makes an object each.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nvmedctl import ocp
from nvmedctl.ocp.document import lines

from bench.figures import Figure
from bench.processes import MIB, peak_bytes
from nvmed.nvme.ocp_telemetry import DWORD_BYTES, AreaHeader, FifoPlace, build_event
from nvmed.nvme.telemetry import BLOCK_BYTES, TelemetryHeader

LOG_BYTES = 64 * MIB
EVENT = build_event(0x03, 7, bytes((6, 2, 0, 5, 0, 1, 0, 0)) + b"\x07\x80what a vendor adds")
EVENTS_MIB = {"decode": 2, "decode-events": 30}
"""How many MiB of events are in data area 1, which has at most 32; the rest is the vendor's."""


def build(event_bytes: int) -> bytes:
    """A host's log of `LOG_BYTES`."""
    events = EVENT * (event_bytes // len(EVENT))
    start = AreaHeader.SIZE // DWORD_BYTES
    area = AreaHeader(fifo_areas=(1,), fifos=(FifoPlace(start, len(events) // DWORD_BYTES),)).build() + events
    blocks = -(-len(area) // BLOCK_BYTES)
    header = TelemetryHeader(dalb1=blocks, dalb2=blocks, dalb3=blocks, dalb4=LOG_BYTES // BLOCK_BYTES - 1)
    return (header.build() + area).ljust(LOG_BYTES, b"\0")


def decode(file: Path) -> None:
    """Decode all of a log, and print the processor time and the memory that it took, the mapped file included."""
    with file.open("rb") as opened:
        data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    before = peak_bytes(os.getpid())
    started = time.process_time()
    found = sum(1 for _ in lines(ocp.decode(data)))
    print(time.process_time() - started, peak_bytes(os.getpid()) - before, found)


def measure(scratch: Path, rounds: int = 3) -> Iterator[Figure]:
    """Each kind of log, in a process of its own."""
    for key, events_mib in EVENTS_MIB.items():
        file = scratch / "log"
        file.write_bytes(build(events_mib * MIB))
        taken = []
        for _ in range(rounds):
            command = [sys.executable, "-m", "bench.decode", str(file)]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            taken.append([float(text) for text in told])
        seconds, memory_bytes, _ = zip(*taken, strict=True)
        what = f"decoding 64 MiB of telemetry, {events_mib} MiB of it events"
        yield Figure(key, what, "MiB/s of a processor", tuple(LOG_BYTES / MIB / took for took in seconds))
        times = tuple(took / LOG_BYTES for took in memory_bytes)
        yield Figure(f"{key}-memory", f"memory of {what}, mapped file included", "times the file", times)


if __name__ == "__main__":
    decode(Path(sys.argv[1]))
