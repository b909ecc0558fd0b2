"""The workflow of a campaign, in an engine in which days pass in seconds: its order, its budget, and who steers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from nvmed_fleet import report
from nvmed_fleet.temporal import campaigns
from temporalio.client import WorkflowFailureError

from nvmed.errors import FailedPrecondition
from tests.fleet.scripted import Script, Stage, playing


@pytest.fixture
async def stage(place: Path) -> AsyncIterator[Stage]:
    async with playing(place) as found:
        yield found


async def test_all_are_staged_before_any_is_activated_and_waves_follow_each_other(stage: Stage) -> None:
    plan = stage.plan(10, waves=("1", "3", "rest"))
    await stage.begin()
    status = await stage.end()
    assert (status.state, status.good, status.failed, status.staged) == ("done", 10, [], 10)
    phases = [phase for _, phase, _ in stage.script.told]
    assert phases[:10] == ["stage"] * 10
    activated = stage.script.hosts("activate")
    for wave in plan.waves:
        assert set(activated[: len(wave)]) == set(wave)
        activated = activated[len(wave) :]
    assert Counter(stage.script.told).most_common(1)[0][1] == 1
    assert set(map(tuple, map(stage.script.phases, plan.hosts))) == {("stage", "activate", "verify")}


async def test_days_of_soak_pass_and_then_every_drive_is_looked_at_again(stage: Stage) -> None:
    stage.plan(3, waves=("1", "rest"), soak_s=3 * 86400.0)
    stage.script.fail("h1", "soak")
    await stage.begin()
    status = await stage.end()
    assert (status.good, status.failed) == (2, ["h1"])
    assert sorted(stage.script.hosts("soak")) == ["h1", "h2", "h3"]
    soaking = [event for event in stage.store.events("c") if event.kind == "soaking"]
    began, second = (datetime.fromisoformat(event.time) for event in soaking)
    assert (second - began).total_seconds() >= 3 * 86400


async def test_two_of_a_failure_domain_are_never_in_flight(stage: Stage) -> None:
    def watch(script: Script) -> None:
        racks = [int(host[1:]) % 3 for host in script.busy]
        assert len(racks) == len(set(racks))

    stage.script.watch = watch
    stage.plan(12, racks=3, waves=("rest",), in_flight=12, failure_budget=12)
    await stage.begin()
    assert (await stage.end()).good == 12
    assert 1 <= stage.script.busiest <= 3


async def test_the_budget_is_never_overstepped_and_then_a_person_decides(stage: Stage) -> None:
    """All fail: with a budget of 3, three are touched."""
    stage.plan(10, waves=("rest",), failure_budget=3, in_flight=10)
    for number in range(1, 11):
        stage.script.fail(f"h{number}")
    await stage.begin()
    status = await stage.until("halted")
    assert len(status.failed) == 3
    assert stage.script.busiest <= 3
    await stage.ask("resume")  # the budget anew
    await stage.status(lambda status: status.state == "halted" and len(status.failed) == 6)
    await stage.ask("cancel")
    assert (await stage.end()).state == "cancelled"
    assert len(stage.script.hosts("activate")) == 6


async def test_what_failed_is_tried_again_in_another_round_and_the_rest_goes_on(stage: Stage) -> None:
    stage.plan(6, waves=("2", "rest"), failure_budget=2)
    stage.script.fail("h1")
    stage.script.fail("h2", "verify")
    await stage.begin()
    await stage.until("halted")
    await stage.ask("retry_failed")
    status = await stage.end()
    assert (status.state, status.good, status.failed, status.round) == ("done", 6, [], 1)
    assert [told for told in stage.script.told if told[0] == "h1"] == [
        ("h1", "stage", 0), ("h1", "activate", 0), ("h1", "stage", 1), ("h1", "activate", 1), ("h1", "verify", 1),
    ]  # fmt: skip
    assert {group.verdict for group in report.make(stage.store, "c").groups} == {"done"}


async def test_a_campaign_that_ended_is_begun_again_with_what_failed(stage: Stage) -> None:
    stage.plan(5, waves=("rest",), failure_budget=3)
    stage.script.fail("h2")
    stage.script.fail("h4", "stage")
    await stage.begin()
    assert (await stage.end()).failed == ["h2", "h4"]
    assert await campaigns.retry_ended(stage.client, stage.store, "c") == ["h2", "h4"]
    status = await stage.end()
    assert (status.state, status.failed, status.round) == ("done", [], 1)
    assert sorted(host for host, phase, number in stage.script.told if number == 1 and phase == "stage") == ["h2", "h4"]
    assert stage.events().count("begun") == 2
    assert stage.events()[-1] == "done"
    with pytest.raises(FailedPrecondition, match="No host of c failed"):
        await campaigns.retry_ended(stage.client, stage.store, "c")


async def test_what_could_not_be_staged_is_not_activated_and_too_much_of_it_halts(stage: Stage) -> None:
    stage.plan(6, waves=("rest",), failure_budget=2)
    for host in ("h1", "h2"):
        stage.script.fail(host, "stage", verdict="unreachable")
    await stage.begin()
    status = await stage.until("halted")
    assert (status.why, stage.script.hosts("activate")) == ("2 hosts could not be staged", [])
    await stage.ask("resume")
    assert (await stage.end()).good == 4
    assert stage.script.phases("h1") == ["stage"]


async def test_a_wave_waits_for_its_approval_and_no_other(stage: Stage) -> None:
    stage.plan(3, waves=("1", "rest"), approve_before=(2,))
    await stage.begin()
    await stage.until("approval")
    assert stage.script.hosts("activate") == ["h1"]
    with pytest.raises(FailedPrecondition, match="wave 1 does not wait") as raised:
        await stage.ask("approve", 1)
    assert raised.value.reason == "CAMPAIGN_STATE"
    await stage.ask("approve", 2)
    assert (await stage.end()).good == 3


async def test_paused_it_begins_no_host_and_lets_those_in_flight_land(stage: Stage) -> None:
    stage.plan(3, waves=("rest",), in_flight=1)
    held = stage.script.hold("h1")
    await stage.begin()
    await stage.script.until(lambda: "activate" in stage.script.phases("h1"))
    await stage.ask("pause")
    with pytest.raises(FailedPrecondition, match="paused"):
        await stage.ask("pause")
    held.set()
    await stage.script.until(lambda: "verify" in stage.script.phases("h1"))
    status = await stage.status(lambda status: not status.in_flight)
    assert (status.is_paused, stage.script.hosts("activate")) == (True, ["h1"])
    await stage.ask("resume")
    assert (await stage.end()).good == 3


async def test_cancelled_it_ends_when_those_in_flight_have_landed(stage: Stage) -> None:
    stage.plan(5, waves=("rest",), in_flight=2, undrain=("true",))
    held = stage.script.hold("h1")
    await stage.begin()
    await stage.script.until(lambda: "activate" in stage.script.phases("h1"))
    await stage.ask("cancel")
    held.set()
    status = await stage.end()
    assert status.state == "cancelled"
    assert stage.script.phases("h1") == ["stage", "activate", "verify", "undrain"]
    assert len(stage.script.hosts("activate")) < 5
    with pytest.raises(FailedPrecondition) as raised:
        await stage.ask("pause")
    assert raised.value.reason == "CAMPAIGN_NOT_RUNNING"


@pytest.mark.parametrize(
    ("failing", "rollback", "expected"),
    [
        ("", True, ["stage", "drain", "activate", "verify", "undrain"]),
        ("drain", False, ["stage", "drain"]),
        ("activate", False, ["stage", "drain", "activate"]),
        ("activate", True, ["stage", "drain", "activate", "rollback", "undrain"]),
        ("verify", True, ["stage", "drain", "activate", "verify", "rollback", "undrain"]),
    ],
)
async def test_a_host_is_given_back_only_if_it_is_well(
    stage: Stage, failing: str, rollback: bool, expected: list[str]
) -> None:
    stage.plan(1, drain=("true",), undrain=("true",), rollback_failed=rollback)
    stage.script.fail("h1", failing)
    await stage.begin()
    assert len((await stage.end()).failed) == (1 if failing else 0)
    assert stage.script.phases("h1") == expected


async def test_a_second_campaign_on_one_of_the_hosts_is_refused_and_takes_no_lock(stage: Stage) -> None:
    stage.plan(3, campaign="first", waves=("rest",), in_flight=1)
    stage.plan(5, campaign="second")
    held = stage.script.hold("h1")
    await stage.begin("first")
    await stage.script.until(lambda: "activate" in stage.script.phases("h1"))
    await stage.begin("second")
    with pytest.raises(WorkflowFailureError) as raised:
        await stage.end("second")
    assert "locked by the campaign first, and 2 more" in str(raised.value.cause)
    assert stage.events("second") == ["refused"]
    held.set()
    assert (await stage.end("first")).good == 3
    await stage.begin("second")  # the same command again
    assert (await stage.end("second")).good == 5
    assert stage.events("second")[:2] == ["refused", "begun"]


async def test_a_lock_whose_campaign_is_gone_is_taken(stage: Stage) -> None:
    stage.plan(2, campaign="first")
    stage.plan(2, campaign="second")
    held = stage.script.hold("h1")
    await stage.begin("first")
    await stage.script.until(lambda: "activate" in stage.script.phases("h1"))
    await stage.client.get_workflow_handle("nvmed-campaign/first").terminate()
    held.set()
    await stage.begin("second")
    assert (await stage.end("second")).good == 2


async def test_a_gate_that_does_not_hold_halts_and_is_asked_again(stage: Stage) -> None:
    """Nobody listens at that address: a gate that nobody answers does not hold."""
    stage.plan(2, waves=("1", "rest"), gates=("up",), prometheus="http://127.0.0.1:9")
    await stage.begin()
    status = await stage.until("halted")
    assert "gate 1 does not hold" in status.why
    assert stage.script.hosts("activate") == ["h1"]
    with pytest.raises(FailedPrecondition, match="with hosts that failed"):
        await stage.ask("retry_failed")
    await stage.ask("resume")
    await stage.until("halted")
    await stage.ask("cancel")
    assert (await stage.end()).state == "cancelled"


async def test_a_fleet_goes_through_several_runs_each_with_a_short_history(stage: Stage) -> None:
    stage.plan(300, waves=("1", "rest"), in_flight=200, stage_in_flight=200, failure_budget=300)
    stage.script.fail("h77")
    await stage.begin()
    status = await stage.end()
    assert (status.good, status.failed) == (299, ["h77"])
    assert len(stage.script.told) == 299 * 3 + 2
    assert Counter(stage.script.told).most_common(1)[0][1] == 1
    handle = stage.client.get_workflow_handle("nvmed-campaign/c")
    history = await handle.fetch_history()
    assert len(history.events) < 10_000
