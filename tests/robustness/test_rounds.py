"""Random traffic with faults: no promise is broken, and whoever breaks one on purpose is found out.

More of it, for hours: `make robustness MINUTES=60 SEED=1`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.robustness import history, nemesis, traffic
from tests.robustness.rounds import Plan, played
from tests.robustness.validators import VALIDATORS, counts, judge

FIRMWARE = ((2, traffic.upload), (4, traffic.stage), (3, traffic.activate), (1, traffic.look))
CUTS = ((1, nemesis.lose_power),)
KILLS = ((1, nemesis.kill),)
LOST_ANSWERS = ((1, 'kind = "hang"\nopcode = "firmware-commit"\nexecuted = true'),)
TORN = ((1, 'kind = "torn-telemetry"\nsource = "host"\nafter = 2'),)
ROUNDS_MAX = 6
"""In which a validator has to see what is broken; nearly all do in the first."""

QUIET = Plan(seed=1, seconds=8, host=(), drives=())

SABOTAGED = {
    "syncs_nothing": (replace(QUIET, host=CUTS), {"kept_is_there"}),
    "journals_after_the_act": (replace(QUIET, work=((1, traffic.set_feature),)), {"journalled_before"}),
    "passes_names_on": (replace(QUIET, work=((1, traffic.look),)), {"names_stay"}),
    "drops_events": (replace(QUIET, work=((1, traffic.create_namespace),)), {"events_in_order"}),
    "forgets_requests": (replace(QUIET, work=((1, traffic.create_namespace),)), {"at_most_once"}),
    "guesses_verdicts": (
        replace(QUIET, seconds=20, work=FIRMWARE, host=KILLS, drives=LOST_ANSWERS), {"verdicts_are_true"},
    ),
    "splices": (replace(QUIET, work=((1, traffic.read_telemetry),), drives=TORN), {"never_spliced"}),
    "allows_everything": (QUIET, {"roles_are_kept"}),
    "audits_nothing": (replace(QUIET, work=((1, traffic.set_feature),)), {"audited_before"}),
    "logs_secrets": (replace(QUIET, work=((1, traffic.keys),)), {"secrets_stay_secret"}),
}  # fmt: skip
"""What each sabotage is done under, and who has to see it."""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_promise_is_broken(seed: int, tmp_path: Path) -> None:
    found = played(Plan(seed=seed))
    assert judge(found) == {}
    assert counts(found).keys() >= {"answered", "command", "died", "event", "fault", "kept", "operation", "window"}
    history.write(found, tmp_path / "round-1.jsonl.gz")
    assert judge(history.read(tmp_path / "round-1.jsonl.gz")) == {}, "and so it is when it is judged again"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("sabotage", SABOTAGED)
def test_what_is_broken_on_purpose_is_seen(sabotage: str) -> None:
    """In one of a few rounds: traffic and faults are drawn, and have to meet."""
    plan, seen_by = SABOTAGED[sabotage]
    rounds = (judge(played(replace(plan, seed=seed, sabotage=sabotage))) for seed in range(1, ROUNDS_MAX + 1))
    assert any(broken.keys() >= seen_by for broken in rounds)


def test_each_sabotage_is_one_of_a_validators() -> None:
    assert {name for _, names in SABOTAGED.values() for name in names} <= {one.__name__ for one in VALIDATORS}
