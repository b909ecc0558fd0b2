"""What is asked of one host, against a real daemon with simulated drives: done once, whatever breaks in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from nvmed_fleet import steps
from nvmed_fleet.plan import Image, Options, PlannedHost
from nvmed_fleet.steps import Job
from nvmed_fleet.store import Store
from nvmed_fleet.survey import survey
from nvmedctl import hosts

from nvmed import farm
from nvmed.simulator.firmware_image import build_image
from tests.support.ports import free_ports

OPTIONS = Options("2.0.0", unreachable_after_s=2.0)


@dataclass
class Fleet:
    """A farm, and what a campaign knows of it."""

    folder: Path
    stack: AsyncExitStack

    async def serve(self, *faults: str, count: int = 1, drives: int = 1) -> None:
        wanted = farm.Farm(self.folder, hosts=count, drives=drives, faults=farm.parse_faults(faults))
        await farm.serve(wanted, self.stack)

    @property
    def hosts(self) -> tuple[hosts.Host, ...]:
        return hosts.load(str(self.folder / "hosts.toml")).hosts

    async def job(self, options: Options = OPTIONS, number: int = 0) -> Job:
        """A job of a host, made as a plan is."""
        (surveyed,) = await survey([self.hosts[number]], options)
        return self.job_for(surveyed.host, options)

    def job_for(self, host: PlannedHost, options: Options = OPTIONS) -> Job:
        store = Store(self.folder / "store")
        digest = store.put(build_image(options.revision, 8192))
        return Job("c", host, Image(digest, 8192), options, store.blob(digest))

    def told(self, host: str = "h001", drive: int = 1) -> list[str]:
        """What a drive was told: commits by their action, and resets."""
        found = list((self.folder / host).glob(f"*D{drive:02}.log"))
        entries: list[dict[str, Any]] = [json.loads(line) for path in found for line in path.read_text().splitlines()]
        return [entry.get("action", entry["what"]) for entry in entries if entry["what"] != "download"]


@pytest.fixture
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        yield Fleet(tmp_path_factory.mktemp("f"), stack)


ONCE = ["replace", "activate_at_reset", "reset"]


async def test_a_host_is_staged_activated_and_verified(fleet: Fleet) -> None:
    await fleet.serve(drives=2)
    job = await fleet.job()
    staged = await steps.stage(job)
    assert [(drive.verdict, drive.slot, drive.before) for drive in staged.drives] == [("done", 2, "1.0.0")] * 2
    assert (await steps.activate(job)).verdict == "done"
    verified = await steps.verify(job)
    assert [drive.after for drive in verified.drives] == ["2.0.0"] * 2
    assert fleet.told(drive=1) == fleet.told(drive=2) == ONCE


async def test_every_step_may_be_repeated(fleet: Fleet) -> None:
    """As another worker does when the first one died: the same ids, so the same answers."""
    await fleet.serve()
    job = await fleet.job()
    first = [await step(job) for step in (steps.stage, steps.stage, steps.activate, steps.activate, steps.verify)]
    assert {record.verdict for record in first} == {"done"}
    operations = [record.drives[0].asked for record in first]
    assert [one[0].operation for one in operations[:2]] == [operations[0][0].operation] * 2
    assert [one[0].operation for one in operations[2:4]] == [operations[2][0].operation] * 2
    assert fleet.told() == ONCE


async def test_two_workers_at_once_ask_the_same(fleet: Fleet) -> None:
    await fleet.serve()
    job = await fleet.job()
    assert {record.verdict for record in await asyncio.gather(*(steps.stage(job) for _ in range(3)))} == {"done"}
    assert {record.verdict for record in await asyncio.gather(*(steps.activate(job) for _ in range(3)))} == {"done"}
    assert fleet.told() == ONCE


async def test_contention_with_another_client_passes(fleet: Fleet) -> None:
    """Two campaigns that do not know of each other, with ids of their own: each waits for the other."""
    await fleet.serve()
    job = await fleet.job()
    both = await asyncio.gather(steps.stage(job), steps.stage(replace(job, campaign="d")))
    assert {record.verdict for record in both} <= {"done", "current"}


async def test_after_a_drive_that_fails_the_others_of_its_host_are_left_alone(fleet: Fleet) -> None:
    await fleet.serve("h001=refuse-activation", drives=2)
    job = await fleet.job()
    host = replace(job.host, drives=tuple(reversed(job.host.drives)))
    job = replace(job, host=host)
    await steps.stage(job)
    record = await steps.activate(job)
    assert [drive.verdict for drive in record.drives] == ["failed", "untouched"]
    assert (record.verdict, record.reason) == ("failed", "NVME_PROHIBITED")
    assert fleet.told(drive=1) == ["replace"]


async def test_a_drive_that_cannot_be_asked_leaves_the_record_of_the_others_whole(fleet: Fleet) -> None:
    await fleet.serve(drives=2)
    job = await fleet.job()
    gone = replace(job.host.drives[1], controller="controllers/gone")
    job = replace(job, host=replace(job.host, drives=(job.host.drives[0], gone)))
    for step in (steps.stage, steps.activate, steps.verify, steps.rollback):
        record = await step(job)
        assert [drive.verdict for drive in record.drives] == ["done", "failed"]
        assert (record.verdict, record.reason) == ("failed", "CONTROLLER_NOT_FOUND")


async def test_rollback_brings_back_what_ran(fleet: Fleet) -> None:
    """The first of two drives runs the new revision when the second one refuses it."""
    await fleet.serve("h001=refuse-activation", drives=2)
    job = await fleet.job()
    await steps.stage(job)
    assert [drive.verdict for drive in (await steps.activate(job)).drives] == ["done", "failed"]
    record = await steps.rollback(job)
    assert [(drive.verdict, drive.after) for drive in record.drives] == [("done", "1.0.0"), ("current", "1.0.0")]
    again = await steps.rollback(job)
    assert [drive.verdict for drive in again.drives] == ["current", "current"]


async def test_an_image_for_another_model_is_refused_by_the_drive(fleet: Fleet) -> None:
    await fleet.serve()
    job = await fleet.job()
    content = build_image("2.0.0", 8192, model="ANOTHER")
    store = Store(fleet.folder / "store")
    digest = store.put(content)
    record = await steps.stage(replace(job, image=Image(digest, len(content)), image_file=store.blob(digest)))
    assert (record.verdict, record.reason) == ("failed", "FIRMWARE_IMAGE_REJECTED")


async def test_what_was_not_staged_is_not_activated(fleet: Fleet) -> None:
    await fleet.serve()
    record = await steps.activate(await fleet.job())
    assert (record.verdict, record.reason) == ("failed", "FIRMWARE_NOT_VERIFIED")
    assert fleet.told() == []


async def test_a_new_round_asks_anew(fleet: Fleet) -> None:
    """Under the ids of the first round a daemon would only repeat its refusal."""
    await fleet.serve("h001=refuse-activation")
    job = await fleet.job()
    await steps.stage(job)
    refused = [await steps.activate(replace(job, round=number)) for number in (0, 0, 1)]
    assert [record.verdict for record in refused] == ["failed"] * 3
    assert fleet.told() == ["replace", "activate_at_reset", "activate_at_reset"]


async def test_on_next_reset_is_pending(fleet: Fleet) -> None:
    await fleet.serve()
    job = await fleet.job(replace(OPTIONS, mode="on-next-reset"))
    await steps.stage(job)
    assert (await steps.activate(job)).verdict == "pending"
    assert fleet.told() == ["replace", "activate_at_reset"]


async def test_a_host_that_is_silent_is_unreachable(fleet: Fleet) -> None:
    await fleet.serve("h002=absent", count=2)
    job = await fleet.job()
    gone = replace(job, host=replace(job.host, address=fleet.hosts[1].address))
    record = await steps.stage(replace(gone, options=replace(OPTIONS, unreachable_after_s=0.3)))
    assert (record.verdict, record.reason) == ("unreachable", "CONNECTION_FAILED")


@pytest.mark.parametrize(
    ("fault", "change", "why"),
    [
        ("in-use", {}, "in-use"),
        ("boot-device", {}, "boot-device"),
        ("absent", {}, "unreachable"),
        ("slow", {"model": "OTHER"}, "model"),
        ("slow", {"from_revision": "0.9"}, "revision"),
        ("slow", {"revision": "1.0.0"}, "current"),
    ],
)
async def test_the_survey_says_why_a_drive_is_left_out(fleet: Fleet, fault: str, change: Any, why: str) -> None:
    await fleet.serve(f"h001={fault}")
    (surveyed,) = await survey(fleet.hosts, replace(OPTIONS, **change))
    assert [left.why for left in surveyed.left_out] == [why]
    assert surveyed.host.drives == ()


async def test_gates_that_are_overridden_do_not_hold_a_drive_back(fleet: Fleet) -> None:
    await fleet.serve("h001=in-use")
    (surveyed,) = await survey(fleet.hosts, replace(OPTIONS, overrides=("in-use",)))
    assert len(surveyed.host.drives) == 1


async def test_the_wrong_certificate_is_told(fleet: Fleet, tmp_path: Path) -> None:
    from nvmed.security import dev_ca

    wanted = farm.Farm(fleet.folder, hosts=1, tls_port=free_ports())
    await farm.serve(wanted, fleet.stack)
    (host,) = fleet.hosts
    dev_ca.prepare(tmp_path, ["127.0.0.1"], ["spiffe://nvmed.example/fleet"])
    assert host.tls is not None
    foreign = replace(host, tls=replace(host.tls, ca=tmp_path / "ca.pem"))
    (surveyed,) = await survey([foreign], OPTIONS)
    assert [(left.controller, left.why) for left in surveyed.left_out] == [("", "unreachable")]
    assert "certificate" in surveyed.left_out[0].detail.lower() or "handshake" in surveyed.left_out[0].detail.lower()
