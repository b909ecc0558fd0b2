"""The store: whole files, known by their digests, and one plan for each campaign."""

from __future__ import annotations

from pathlib import Path

import pytest
from nvmed_fleet import plan as plans
from nvmed_fleet.plan import Drive, Image, LeftOut, Options, Plan, PlannedHost, Tls
from nvmed_fleet.records import Event, HostRecord
from nvmed_fleet.store import Store

from nvmed.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


def a_plan(campaign: str = "c") -> Plan:
    host = PlannedHost("h1", "h1:1", "rack", (Drive("controllers/a", "A", "M", "1"),), Tls("/ca.pem"))
    options = Options("2.0", soak_s=3.5, approve_before=(1,), slot=2)
    return plans.make(campaign, Image("0" * 64, 5, "i"), options, [host], [LeftOut("h2", "", "unreachable")], "now")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_plan_comes_back_as_it_was(store: Store) -> None:
    digest = store.put_plan(a_plan())
    assert store.plan(digest) == a_plan()
    assert store.put_plan(a_plan()) == digest
    assert store.put_plan(a_plan("d")) != digest


def test_what_is_not_what_was_put_there_is_refused(store: Store) -> None:
    digest = store.put(b"content")
    store.blob(digest).write_bytes(b"other")
    with pytest.raises(FailedPrecondition) as raised:
        store.get(digest)
    assert raised.value.reason == "STORE_DAMAGED"
    store.blob(digest).unlink()
    with pytest.raises(FailedPrecondition, match="is not there"):
        store.get(digest)


@pytest.mark.parametrize("name", ["", "..", "a/b", "/a", ".hidden", "a" * 101, "a\n"])
def test_names_that_leave_the_folder(store: Store, name: str) -> None:
    with pytest.raises(InvalidArgument):
        store.plan_of(name)
    with pytest.raises(InvalidArgument):
        store.blob(name)


def test_a_campaign_has_one_plan(store: Store) -> None:
    digest = store.put_plan(a_plan())
    store.begin("c", "request", digest)
    store.begin("c", "request", "another")
    assert (store.plan_of("c"), store.campaigns()) == (digest, ["c"])
    with pytest.raises(AlreadyExists):
        store.begin("c", "another request", digest)
    with pytest.raises(NotFound, match="no campaign d"):
        store.plan_of("d")


def test_records_replace_the_same_phase_of_the_same_round(store: Store) -> None:
    store.record("c", HostRecord("h1", "stage", 0, "failed", begun="1"))
    store.record("c", HostRecord("h1", "stage", 0, "done", begun="1"))
    store.record("c", HostRecord("h1", "stage", 1, "done", begun="3"))
    store.record("c", HostRecord("h1", "activate", 0, "done", begun="2"))
    found = [(record.round, record.phase, record.verdict) for record in store.records("c")]
    assert found == [(0, "stage", "done"), (0, "activate", "done"), (1, "stage", "done")]


def test_events_are_in_order(store: Store) -> None:
    for number in (2, 10, 1):
        store.happened("c", Event(number, "k", "t"))
    assert [event.number for event in store.events("c")] == [1, 2, 10]


def test_a_damaged_record_names_its_file(store: Store) -> None:
    store.record("c", HostRecord("h1", "stage", 0, "done"))
    (file,) = store.folder.glob("campaigns/c/hosts/h1/*.json")
    file.write_text("{")
    with pytest.raises(FailedPrecondition, match=r"0\.stage\.json"):
        list(store.records("c"))


def test_nobody_else_may_read_it(store: Store) -> None:
    store.record("c", HostRecord("h1", "stage", 0, "done"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in store.folder.rglob("*"))
