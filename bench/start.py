"""How long the command line takes before it does anything, against Python itself."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ASKED = ("--version", "--help", "logs --help")


def seconds(*command: str) -> float:
    """How long a process takes."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def measure(rounds: int = 15) -> None:
    """`nvmedctl` that only tells something of itself, and `python -c pass`."""
    nvmedctl = str(Path(sys.executable).with_name("nvmedctl"))
    for asked in ASKED:
        taken = [(seconds(nvmedctl, *asked.split()), seconds(sys.executable, "-c", "pass")) for _ in range(rounds)]
        ratio = statistics.median(ours / python for ours, python in taken)
        ours_ms = statistics.median(ours for ours, _ in taken) * 1000
        print(f"nvmedctl {asked} / python -c pass: {ratio:.1f}  ({ours_ms:.0f} ms here)")
