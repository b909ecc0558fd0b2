"""How long the command line takes before it does anything, against Python itself."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.figures import Figure, in_turns

ASKED = ("--version", "--help", "logs --help")


def seconds(*command: str) -> float:
    """How long a process takes."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def measure(_: Path, rounds: int = 15) -> Iterator[Figure]:
    """`nvmedctl` that only tells something of itself, and `python -c pass`."""
    nvmedctl = str(Path(sys.executable).with_name("nvmedctl"))
    for asked in ASKED:
        sides = partial(seconds, nvmedctl, *asked.split()), partial(seconds, sys.executable, "-c", "pass")
        ours, python = (tuple(took * 1000 for took in side) for side in in_turns(rounds, *sides))
        key = "nvmedctl-" + asked.replace("--", "").replace(" ", "-")
        yield Figure(key, f"nvmedctl {asked}", "ms", ours, "python -c pass", python)
