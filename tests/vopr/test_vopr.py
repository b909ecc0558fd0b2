"""A few simulations; that what is broken is seen is shown in tests/robustness/test_simulations.py."""

from __future__ import annotations

import re

import pytest

from tests.vopr.simulating import simulate


@pytest.mark.timeout(120)
def test_promises_hold() -> None:
    status, said = simulate("--seed", 1, "--runs", 4, "--hours", 2)
    assert status == 0, said
    assert len(re.findall(r"^seed \d+: .*: ok$", said, re.MULTILINE)) == 4


@pytest.mark.timeout(120)
def test_a_seed_is_one_history() -> None:
    """In another process, with other hashes of strings, and after another simulation."""
    _, alone = simulate("--seed", 8, "--hours", 1, PYTHONHASHSEED="1")
    _, after = simulate("--seed", 7, "--runs", 2, "--hours", 1, PYTHONHASHSEED="2")
    assert alone == after.splitlines(keepends=True)[1]
    assert "digest" in alone
