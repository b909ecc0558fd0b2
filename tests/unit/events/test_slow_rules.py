"""Who is slow: never one with too few peers or too little I/O, never all at once, and only after a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.events.slow_rules import PAST_INTERVALS, Measured, Past, Rule, Verdict, judge

RULE = Rule(peers_factor=3.0, past_factor=2.0, io_count_min=100, peers_min=3, intervals=3)
NAMES = ("a", "b", "c", "d", "e")

MEASURED = st.builds(Measured, st.integers(0, 10_000), st.integers(0, 1 << 40))
INTERVALS = st.lists(st.dictionaries(st.sampled_from(NAMES), MEASURED), max_size=20)
SLOW_ALREADY = Past(latency_us=1.0, intervals=100, against=2)


def took(**latencies_us: int) -> dict[str, Measured]:
    return {name: Measured(1000, 1000 * latency) for name, latency in latencies_us.items()}


def judged(
    intervals: list[dict[str, Measured]], past: Mapping[str, Past] | None = None, rule: Rule = RULE
) -> tuple[Mapping[str, Past], list[tuple[int, Verdict]]]:
    known: Mapping[str, Past] = past or {}
    told = []
    for number, now in enumerate(intervals):
        after, verdicts = judge(rule, known, now)
        known = {**known, **after}
        told += [(number, verdict) for verdict in verdicts]
    return known, told


GOOD = took(a=100, b=110, c=90, d=105)
BAD = took(a=900, b=110, c=90, d=105)


def test_a_drive_that_becomes_slow_is_told_after_a_while_and_once() -> None:
    _, told = judged([GOOD] * 10 + [BAD] * 10 + [GOOD] * 10)
    (at, slow), (later, well) = told
    assert (at, slow.name, slow.is_slow, slow.peers_us, slow.peers) == (12, "a", True, 105, 3)
    assert slow.past_us == pytest.approx(100)
    assert (later, well.name, well.is_slow) == (22, "a", False)


@pytest.mark.parametrize("intervals", [[BAD, GOOD] * 20, [GOOD] * 9 + [BAD] * 2 + [GOOD] * 9])
def test_what_does_not_last_is_not_told(intervals: list[dict[str, Measured]]) -> None:
    assert judged([GOOD] * 10 + intervals)[1] == []


def test_one_that_always_took_longer_is_as_it_was() -> None:
    """Other work, or another place in the machine: its own past says that nothing is new."""
    assert judged([took(a=350, b=100, c=100, d=100)] * 50)[1] == []


def test_what_grows_slowly_is_found_where_it_leaves_the_others() -> None:
    creeping = [took(a=100 + 10 * step, b=100, c=100, d=100) for step in range(100)]
    ((_, slow),) = judged(creeping)[1]
    assert slow.is_slow


@given(INTERVALS, st.dictionaries(st.sampled_from(NAMES), st.just(SLOW_ALREADY)))
def test_too_few_peers_or_too_little_io_flag_nobody(
    intervals: list[dict[str, Measured]], past: dict[str, Past]
) -> None:
    few = [dict([*now.items()][: RULE.peers_min]) for now in intervals]
    assert judged(few, past)[1] == []
    little = [{name: Measured(one.count % 100, one.total_us) for name, one in now.items()} for now in intervals]
    assert judged(little, past)[1] == []


@given(st.lists(st.integers(1, 1 << 40), max_size=20), st.dictionaries(st.sampled_from(NAMES), st.just(SLOW_ALREADY)))
def test_a_host_that_is_slow_as_a_whole_flags_nobody(latencies: list[int], past: dict[str, Past]) -> None:
    """A controller, a bus, a backup: whatever is the same for all."""
    assert judged([took(**dict.fromkeys(NAMES, latency)) for latency in latencies], past)[1] == []


@given(INTERVALS)
def test_verdicts_of_a_drive_alternate_and_have_what_the_rule_asks_for(intervals: list[dict[str, Measured]]) -> None:
    known, told = judged(intervals)
    slow: dict[str, bool] = {}
    for _, verdict in told:
        assert verdict.is_slow != slow.get(verdict.name, False)
        slow[verdict.name] = verdict.is_slow
        assert verdict.peers >= RULE.peers_min
        assert verdict.now.count >= RULE.io_count_min
        if verdict.is_slow:
            assert verdict.now.latency_us >= RULE.peers_factor * verdict.peers_us
            assert verdict.now.latency_us >= RULE.past_factor * verdict.past_us
    assert {name for name, past in known.items() if past.is_slow} == {name for name, is_slow in slow.items() if is_slow}
    assert all(past.intervals <= PAST_INTERVALS for past in known.values())


def test_a_drive_of_which_little_is_known_is_learned_first() -> None:
    rule: Any = Rule(3.0, 2.0, 1, 3, 2)
    assert judged([BAD], rule=rule)[0]["a"] == Past(900.0, 1)
