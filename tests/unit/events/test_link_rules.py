"""What of a link is told: once for a cause, and nothing that one look alone has seen."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from nvmed.events.kinds import Kind
from nvmed.events.link_rules import Judged, Known, judge
from nvmed.nvme.surroundings import Link, LinkErrors, Surroundings

GOOD, SLOW, NARROW = Link(16_000, 4, 16_000, 4), Link(8_000, 4, 16_000, 4), Link(16_000, 1, 16_000, 4)
WORST = Link(8_000, 1, 16_000, 4)
BURST = 100

LINKS = st.sampled_from([GOOD, SLOW, NARROW, WORST])


def looked(*seen: Surroundings, known: Known | None = None) -> list[Judged]:
    """Each look, one after another."""
    judged: list[Judged] = []
    for now in seen:
        judged.append(judge(judged[-1].known if judged else known or Known(), now, BURST))
    return judged


def links(*seen: Link | None) -> list[Kind]:
    return [one.link[0] for one in looked(*(Surroundings(link=link) for link in seen)) if one.link]


def errors(*correctable: int, nonfatal: Iterable[int] = ()) -> list[LinkErrors | None]:
    graver = [*nonfatal] or [0] * len(correctable)
    seen = [
        Surroundings(errors=LinkErrors({"BadTLP": one}, {"DLP": two}, {}))
        for one, two in zip(correctable, graver, strict=True)
    ]
    return [one.errors for one in looked(*seen)]


def test_a_link_is_told_once_and_once_it_is_good_again() -> None:
    assert links(GOOD, GOOD, SLOW, SLOW, SLOW, GOOD, GOOD, GOOD) == [Kind.LINK_DEGRADED, Kind.LINK_RESTORED]


def test_what_one_look_alone_has_seen_is_not_told() -> None:
    assert links(GOOD, SLOW, GOOD, NARROW, GOOD, None, GOOD) == []


def test_what_becomes_worse_is_told_again_and_what_becomes_better_is_not() -> None:
    assert links(SLOW, SLOW, WORST, WORST, SLOW, SLOW, GOOD, GOOD) == [
        Kind.LINK_DEGRADED, Kind.LINK_DEGRADED, Kind.LINK_RESTORED,
    ]  # fmt: skip


def test_a_restart_repeats_nothing() -> None:
    surroundings = Surroundings(link=SLOW, errors=LinkErrors({"BadTLP": 1000}, {"DLP": 1}, {"DLP": 2}))
    before = looked(surroundings, surroundings)
    assert before[1].link
    assert before[0].errors == LinkErrors({}, {"DLP": 1}, {"DLP": 2}), "met before the daemon ran, and not corrected"
    assert not before[0].since_before
    again = looked(surroundings, surroundings, known=Known(before[1].known.told))
    assert [one for one in again if one.link or one.errors] == []


def test_many_corrected_errors_are_told_once_until_there_are_few() -> None:
    told = errors(50_000, 50_099, 50_199, 50_299, 50_349, 50_398, 50_498)
    assert told == [
        None,
        None,
        LinkErrors({"BadTLP": 100}, {}, {}),
        None,
        None,
        None,
        LinkErrors({"BadTLP": 100}, {}, {}),
    ]


def test_an_error_that_was_not_corrected_is_told_each_time() -> None:
    assert errors(0, 1, 1, 1, nonfatal=[0, 1, 1, 3]) == [
        None, LinkErrors({"BadTLP": 1}, {"DLP": 1}, {}), None, LinkErrors({}, {"DLP": 2}, {}),
    ]  # fmt: skip


def test_counters_that_begin_anew_are_no_errors() -> None:
    assert errors(500, 3, nonfatal=[0, 0]) == [None, None]
    assert errors(0, 0, 0, nonfatal=[5, 0, 1])[1:] == [None, LinkErrors({}, {"DLP": 1}, {})]


@given(st.lists(LINKS, max_size=30))
def test_degraded_and_restored_alternate_but_for_what_is_worse(seen: list[Link]) -> None:
    told = [one.link for one in looked(*(Surroundings(link=link) for link in seen)) if one.link]
    worst: Link | None = None
    for kind, link in told:
        assert (kind is Kind.LINK_DEGRADED) == link.is_degraded
        assert worst is not None or kind is Kind.LINK_DEGRADED
        worst = link if link.is_degraded else None


@given(st.lists(st.integers(0, 1 << 64), max_size=30), st.integers(0, 1 << 32))
def test_any_counters_will_do(counts: list[int], most: int) -> None:
    known = Known()
    for count in counts:
        judged = judge(known, Surroundings(errors=LinkErrors({"A": count}, {"B": count}, {})), most)
        known = judged.known
        if judged.errors:
            assert all(value > 0 for value in (*judged.errors.correctable.values(), *judged.errors.nonfatal.values()))
