"""More simulations than `tests/vopr` has in each run of the tests, and the rest of what is broken on purpose."""

from __future__ import annotations

import pytest

from tests.vopr.simulating import require_seen, simulate

BROKEN = (
    ("files are not synced", "kept_is_there", "kept_is_listed"),
    ("the journal's row comes after the act", "journalled_before", "row_before_act"),
    ("a name passes on", "names_stay"),
    ("an event is dropped", "events_in_order", "no_untold_gap"),
    ("names are not synced", "kept_is_listed"),
    ("committed is told before it is", "committed_stays"),
    ("a request_id is not remembered", "at_most_once", "one_effect"),
    ("the journal forgets", "one_effect"),
    ("a verdict is guessed", "true_verdicts"),
    ("a rotation's verdict is guessed", "rotations_are_true"),
    ("what was cut off stays open", "settled_when_served", "ends_once"),
    ("a capture is damaged on its way", "whole_means_whole", "kept_is_listed", "captures_are_logs"),
)
"""How nvmed is broken, and the validators that object: of rounds, and of the inside."""


@pytest.mark.timeout(120)
def test_promises_hold() -> None:
    status, said = simulate("--seed", 100, "--runs", 4, "--hours", 3)
    assert status == 0, said


@pytest.mark.timeout(120)
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken[0])
def test_what_is_broken_is_seen(broken: tuple[str, ...]) -> None:
    require_seen(*broken)
