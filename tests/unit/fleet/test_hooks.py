"""Hooks: what they are told, and that none outlives its time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from nvmed_fleet import hooks

from nvmed.errors import FailedPrecondition
from tests.support.waiting import until


async def test_a_hook_finds_what_it_is_about_in_its_environment() -> None:
    about = {"NVMED_HOST": "h1; rm -rf /", "NVMED_PHASE": "drain"}
    command = ["sh", "-c", 'echo first; echo "$NVMED_HOST $NVMED_PHASE"']
    assert await hooks.run(command, about, 10) == "h1; rm -rf / drain"


async def test_a_hook_that_fails_has_the_last_word() -> None:
    with pytest.raises(FailedPrecondition, match="sh ended with 3: no capacity") as raised:
        await hooks.run(["sh", "-c", "echo no capacity >&2; exit 3"], {}, 10)
    assert raised.value.reason == "HOOK_FAILED"


async def test_what_a_hook_prints_is_read_whatever_there_is() -> None:
    assert await hooks.run(["sh", "-c", "yes | head -c 3000000; echo; echo end"], {}, 10) == "end"


async def test_a_hook_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    began = time.monotonic()
    with pytest.raises(FailedPrecondition, match=r"did not end within 0\.3 s"):
        await hooks.run(["sh", "-c", f"sleep 600 & echo $! $$ > {pids}; wait"], {}, 0.3)
    assert time.monotonic() - began < 15
    await until(lambda: not any(map(lives, pids.read_text().split())))  # the kernel ends them when it comes to it


def lives(pid: str) -> bool:
    """Whether a process runs: one that nobody waited for is dead too."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
