"""A few simulations, and what makes them worth something: a seed is one history, and what is broken is seen."""

from __future__ import annotations

import re

import pytest

from tests.vopr.simulating import require_seen, simulate

BROKEN = (
    ("files are not synced", "kept_is_there"),
    ("the journal's row comes after the act", "journalled_before"),
    ("a name passes on", "names_stay"),
    ("an event is dropped", "events_in_order"),
)
"""How nvmed is broken, and the validator that objects; tests/robustness/test_simulations.py has more."""


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


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("how", "validator"), BROKEN)
def test_what_is_broken_is_seen(how: str, validator: str) -> None:
    require_seen(how, validator)
