"""More simulations than `tests/vopr` has in each run of the tests, and the rest of what is broken on purpose."""

from __future__ import annotations

import pytest

from tests.vopr.simulating import require_seen, simulate

BROKEN = (
    ("files are not synced", "kept_is_there"),
    ("the journal's row comes after the act", "journalled_before"),
    ("a name passes on", "names_stay"),
    ("an event is dropped", "events_in_order"),
    ("names are not synced", "kept_is_listed"),
    ("committed is told before it is", "committed_stays"),
    ("a request_id is not remembered", "at_most_once"),
    ("the journal forgets", "one_effect"),
    ("a verdict is guessed", "true_verdicts"),
    ("a rotation's verdict is guessed", "rotations_are_true"),
    ("what was cut off stays open", "settled_when_served"),
    ("a capture is damaged on its way", "whole_means_whole"),
)
"""How nvmed is broken, and the validator that objects."""


@pytest.mark.timeout(120)
def test_promises_hold() -> None:
    status, said = simulate("--seed", 100, "--runs", 4, "--hours", 3)
    assert status == 0, said


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("how", "validator"), BROKEN)
def test_what_is_broken_is_seen(how: str, validator: str) -> None:
    require_seen(how, validator)
