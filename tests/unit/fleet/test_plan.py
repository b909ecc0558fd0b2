"""Plans: every host once, never two of one failure domain in flight, a budget that holds, ids that stay."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvmed_fleet import plan
from nvmed_fleet.plan import Drive, Flight, Image, Options, PlannedHost

from nvmed.errors import InvalidArgument

DRIVE = Drive("controllers/a", "A", "M", "1.0")
IMAGE = Image("0" * 64, 1)


def host(number: int, domain: str = "") -> PlannedHost:
    name = f"h{number:05}"
    return PlannedHost(name, f"/{name}", domain or f"host {name}", (DRIVE,))


SIZES = st.lists(st.integers(1, 300).map(str) | st.integers(1, 100).map(lambda percent: f"{percent}%"), max_size=6).map(
    lambda sizes: (*sizes, "rest")
)
FLEETS = st.lists(st.integers(0, 9), min_size=1, max_size=300).map(
    lambda racks: [host(number, f"rack{rack}") for number, rack in enumerate(racks)]
)


@given(FLEETS, SIZES)
def test_every_host_is_in_one_wave(hosts: list[PlannedHost], sizes: tuple[str, ...]) -> None:
    waves = plan.split(hosts, plan.parse_waves(sizes))
    assert all(waves)
    assert Counter(name for wave in waves for name in wave) == Counter(one.name for one in hosts)


@given(FLEETS, SIZES, st.randoms())
def test_the_plan_depends_on_nothing_but_its_hosts(
    hosts: list[PlannedHost], sizes: tuple[str, ...], random: Any
) -> None:
    shuffled = [*hosts]
    random.shuffle(shuffled)
    assert plan.split(hosts, plan.parse_waves(sizes)) == plan.split(shuffled, plan.parse_waves(sizes))


@given(
    hosts=FLEETS,
    limit=st.integers(1, 20),
    budget=st.integers(1, 20),
    failing=st.sets(st.integers(0, 300)),
    random=st.randoms(),
)
def test_a_flight_oversteps_neither_budget_nor_domain(
    hosts: list[PlannedHost], limit: int, budget: int, failing: set[int], random: Any
) -> None:
    flight = Flight([(one.name, one.domain) for one in hosts], limit, budget)
    begun: list[str] = []
    failed = 0
    while True:
        while (name := flight.next()) is not None:
            begun.append(name)
            domains = list(flight.in_flight.values())
            assert len(domains) == len(set(domains)) <= limit
            assert failed + len(domains) <= budget
        if not flight.in_flight:
            break
        name = random.choice(sorted(flight.in_flight))
        is_failed = int(name[1:]) in failing
        failed += is_failed
        flight.landed(name, failed=is_failed)
    assert flight.failed == failed <= budget
    assert len(begun) == len(set(begun))
    assert flight.exhausted or len(begun) == len(hosts)


@given(st.integers(1, 5000), st.integers(1, 100))
def test_a_percentage_is_rounded_up(total: int, percent: int) -> None:
    count = plan.Size(percent=percent).of(total, total)
    assert total * percent <= count * 100 < total * percent + 100


def test_neighbours_in_a_wave_are_of_different_domains() -> None:
    """Racks of 3, 2 and 1: a flight of three begins in three racks."""
    hosts = [host(number, rack) for number, rack in enumerate(["a", "a", "a", "b", "b", "c"])]
    (wave,) = plan.split(hosts, plan.parse_waves(["rest"]))
    assert wave == ("h00000", "h00003", "h00005", "h00001", "h00004", "h00002")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["rest", "1"], "put it last"),
        (["0"], "no size"),
        (["0%"], "no size"),
        (["101%"], "100% at most"),
        (["1.5"], "whole number"),
        (["-1"], "no size"),
        (["many"], "no size"),
        ([""], "no size"),
        ([], "0 waves"),
        (["1"] * 51, "51 waves"),
    ],
)
def test_waves_that_cannot_be(texts: list[str], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        plan.parse_waves(texts)


def test_waves_that_do_not_add_up() -> None:
    with pytest.raises(InvalidArgument, match="hold 7 of 10 hosts; end with `rest`"):
        plan.split([host(number) for number in range(10)], plan.parse_waves(["2", "50%"]))


def test_waves_that_small_fleets_have_no_hosts_for_are_left_out() -> None:
    waves = plan.split([host(1), host(2)], plan.parse_waves(Options("2").waves))
    assert waves == (("h00001",), ("h00002",))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"failure_budget": 0}, "failure-budget: must be 1"),
        ({"in_flight": 0}, "in-flight"),
        ({"soak_s": -1.0}, "soak"),
        ({"revision": ""}, "revision"),
        ({"revision": "123456789"}, "revision"),
        ({"gates": ("up",)}, "gate: needs --prometheus"),
        ({"gates": ("up",), "prometheus": "ftp://x"}, "http or https"),
        ({"approve_before": (3,)}, "there are 2 waves: 3"),
        ({"approve_before": (0,)}, "there are 2 waves: 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        plan.make("c", IMAGE, Options(**{"revision": "2.0", "waves": ("1", "rest"), **options}), [host(1), host(2)])


def test_hosts_without_a_drive_are_in_no_wave() -> None:
    idle = PlannedHost("idle", "/idle", "d", ())
    made = plan.make("c", IMAGE, Options("2.0"), [host(1), idle])
    assert (list(made.hosts), made.waves) == (["h00001"], (("h00001",),))


def test_ids_are_the_same_for_ever() -> None:
    """Recorded: if they changed, drives under way would be asked again under new ones."""
    assert plan.request_id("c", "h", "controllers/a", "stage", "0.0") == "890b5994-5eb9-5f12-9a53-e094fd09e38e"


@given(st.lists(st.tuples(*[st.sampled_from(["a", "b", "ab", ""])] * 5), unique=True, max_size=50))
def test_ids_differ_where_anything_differs(questions: list[tuple[str, str, str, str, str]]) -> None:
    assert len({plan.request_id(*question) for question in questions}) == len(questions)
