"""Simulations in processes of their own, for tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def simulate(*arguments: object, **environment: str) -> tuple[int, str]:
    """The exit status of a simulation in a process of its own, and what it said."""
    command = [sys.executable, "-m", "tests.vopr", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def require_seen(how: str, validator: str, *others: str, hours: int = 2) -> None:
    """Break nvmed in a way, and require that a validator objects, `others` to the same, and that the seed is said."""
    status, said = simulate("--runs", 20, "--until", validator, "--hours", hours, "--broken", how)
    assert status == 1
    for name in (validator, *others):
        assert re.search(rf"^  {name}: ", said, re.MULTILINE), said
    assert re.search(rf"^again: python -m tests.vopr --seed \d+ --hours {hours} --broken ", said, re.MULTILINE)
