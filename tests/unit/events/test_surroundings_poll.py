"""What is around drives, looked at from time to time: nothing is asked of a drive, and a restart repeats nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvmed.background import running
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.events.events import Events
from nvmed.events.kinds import Direction, DriveLatency, Event, Kind, LinkErrorsMet, Monitored
from nvmed.events.slow_rules import Rule
from nvmed.events.surroundings_poll import FILE_NAME, KEEP_EVERY_S, Rules, SurroundingsPoll
from nvmed.nvme.latency_monitor import MonitoredCommand
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.surroundings import Link, LinkErrors
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.support.waiting import until

SLOW_LINK, GOOD_LINK = Link(8_000, 4, 16_000, 4), Link(16_000, 4, 16_000, 4)
SLOW = Rule(3.0, 2.0, 100, 3, 2)
RULES = Rules(0.005, 100, SLOW)


def four_drives(**spec: Any) -> list[Subsystem]:
    return [Subsystem(DriveSpec(serial=name, **spec)) for name in "ABCD"]


class Lab:
    """Four drives of one model, and who looks at them; `again` is another daemon with the same state."""

    def __init__(
        self,
        state_dir: Path,
        host: SimulatedHost | None = None,
        *,
        rules: Rules = RULES,
        drives: Sequence[Subsystem] = (),
    ) -> None:
        self.state_dir = state_dir
        self.drives = drives or four_drives()
        self.host = host or SimulatedHost(self.drives)
        self.inventory = Inventory(self.host)
        self.events = Events()
        self.now = 1000.0
        self.slow: list[Device] = []
        self.poll = SurroundingsPoll(
            self.host, self.inventory, self.events, state_dir, rules,
            clock=lambda: self.now, became_slow=self.slow.append,
        )  # fmt: skip

    async def again(self) -> Lab:
        self.inventory.close()
        lab = Lab(self.state_dir, self.host)
        await lab.inventory.controllers()
        return lab

    async def look(self, times: int = 1) -> list[Event]:
        """What is told of the next looks."""
        before = self.events.last
        for _ in range(times):
            await self.poll.look()
            self.now += 30
        return [*self.events.since(before, 1000).events]

    def work(self, **latencies_ms: int) -> None:
        """Let each drive complete 1000 more reads."""
        for node, latency in latencies_ms.items():
            (path,) = self.host.surroundings(self.node(node)).paths
            more = replace(path, reads=path.reads + 1000, read_ms=path.read_ms + 1000 * latency)
            self.host.surround(node, paths=(more,))

    def node(self, name: str) -> Any:
        return next(one for one in self.host.scan() if one.node == name)


@pytest.fixture
async def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    await made.inventory.controllers()
    return made


async def test_a_link_is_told_once_and_not_again_after_a_restart(lab: Lab) -> None:
    lab.host.surround("nvme1", link=SLOW_LINK)
    (event,) = await lab.look(5)
    assert (event.kind, event.controller, event.device_node, event.detail) == (
        Kind.LINK_DEGRADED, "controllers/b-1", "nvme1", SLOW_LINK,
    )  # fmt: skip
    again = await lab.again()
    async with running(again.poll.run):
        again.host.surround("nvme2", link=SLOW_LINK)
        await until(lambda: again.events.last == 1)
        again.host.surround("nvme1", link=GOOD_LINK)
        await until(lambda: again.events.last == 2)
    kinds = [(event.kind, event.device_node) for event in again.events.since(0).events]
    assert kinds == [(Kind.LINK_DEGRADED, "nvme2"), (Kind.LINK_RESTORED, "nvme1")]
    again.inventory.close()


async def test_no_drive_is_asked_for_anything(lab: Lab) -> None:
    before = [lab.host.controller(f"nvme{number}").journal.records for number in range(4)]
    await lab.look(3)
    assert [lab.host.controller(f"nvme{number}").journal.records for number in range(4)] == before


async def test_errors_on_a_link_say_over_how_long(lab: Lab) -> None:
    await lab.look()
    lab.host.surround("nvme0", errors=LinkErrors({"RxErr": 0, "BadTLP": 250}, {"DLP": 0}, {"DLP": 1}))
    (event,) = await lab.look(3)
    assert (event.kind, event.detail) == (
        Kind.PCI_ERRORS, LinkErrorsMet(LinkErrors({"BadTLP": 250}, {}, {"DLP": 1}), 30_000),
    )  # fmt: skip


async def test_what_cannot_be_read_stops_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    found = lab.host.surroundings

    def odd(controller: Any) -> Any:
        if controller.node == "nvme0":
            raise ValueError("an attribute of a kind that nobody knew")
        return found(controller)

    monkeypatch.setattr(lab.host, "surroundings", odd)
    lab.host.surround("nvme1", link=SLOW_LINK)
    assert [event.device_node for event in await lab.look(3)] == ["nvme1"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"controllers/a-1":{"told":7}}', b"\xff"])
async def test_a_damaged_file_is_as_none(lab: Lab, content: bytes) -> None:
    (lab.state_dir / FILE_NAME).write_bytes(content)
    lab.host.surround("nvme1", link=SLOW_LINK)
    async with running(lab.poll.run):
        await until(lambda: lab.events.last == 1)


async def test_a_drive_that_is_slow_is_told_and_stays_so_over_a_restart(lab: Lab) -> None:
    for _ in range(5):
        lab.work(nvme0=10, nvme1=10, nvme2=10, nvme3=10)
        assert await lab.look() == []
    told = []
    for _ in range(5):
        lab.work(nvme0=10, nvme1=10, nvme2=90, nvme3=11)
        told += await lab.look()
    (event,) = told
    assert (event.kind, event.device_node) == (Kind.DRIVE_SLOW, "nvme2")
    assert event.detail == DriveLatency(Direction.READ, 90_000, 10_000, 10_000, 3, 1000)
    assert lab.poll.slow == {"controllers/c-1"}
    assert [one.resource_name for one in lab.slow] == ["controllers/c-1"], "who captures is told once"
    again = await lab.again()
    async with running(again.poll.run):
        await until(lambda: again.poll.slow == {"controllers/c-1"})
    for _ in range(5):
        again.work(nvme0=10, nvme1=10, nvme2=10, nvme3=10)
        told += await again.look()
    assert [one.kind for one in told] == [Kind.DRIVE_SLOW, Kind.DRIVE_RECOVERED]
    assert (again.poll.slow, again.slow) == (set(), [])
    again.inventory.close()


async def slow_for(lab: Lab, looks: int, counts: int) -> list[Event]:
    """The third drive is behind the others, and counts so many reads of 40 ms itself before each look."""
    told: list[Event] = []
    for _ in range(looks):
        lab.work(nvme0=10, nvme1=10, nvme2=90, nvme3=11)
        for _ in range(counts):
            lab.drives[2].controller.latency_monitor.observe(MonitoredCommand.READ, 40)
        told += await lab.look()
        await until(lambda: not [task for task in asyncio.all_tasks() if "SlowWitness" in repr(task)])
    return told


def asked(lab: Lab) -> list[int]:
    """How often each drive was asked for its latency monitor."""
    found = [drive.controller.journal.commands(opcode=AdminOpcode.GET_LOG_PAGE) for drive in lab.drives]
    return [sum(command.cdw10 & 0xFF == LogPage.OCP_LATENCY_MONITOR for command in one) for one in found]


async def test_a_drive_that_falls_behind_is_asked_what_it_counts_itself(tmp_path: Path) -> None:
    lab = Lab(tmp_path, rules=replace(RULES, slow=replace(SLOW, intervals=4)))
    await lab.inventory.controllers()
    for _ in range(5):
        lab.work(nvme0=10, nvme1=10, nvme2=10, nvme3=10)
        await lab.look()
    assert asked(lab) == [0, 0, 0, 0]
    (event,) = await slow_for(lab, 4, counts=5)
    assert isinstance(event.detail, DriveLatency)
    assert event.detail.monitored == Monitored(10, 30), "from the first answer to the last before it was told"
    assert asked(lab) == [0, 0, 3, 0]
    await slow_for(lab, 3, counts=5)
    assert asked(lab) == [0, 0, 3, 0], "what was told is asked no more"


async def test_a_drive_that_has_no_monitor_is_asked_once(tmp_path: Path) -> None:
    lab = Lab(tmp_path, drives=four_drives(ocp=None), rules=replace(RULES, slow=replace(SLOW, intervals=4)))
    await lab.inventory.controllers()
    for _ in range(5):
        lab.work(nvme0=10, nvme1=10, nvme2=10, nvme3=10)
        await lab.look()
    (event,) = await slow_for(lab, 4, counts=0)
    assert isinstance(event.detail, DriveLatency)
    assert event.detail.monitored is None
    assert asked(lab)[2] <= 1


async def test_what_drives_took_is_written_down_once_in_a_while(lab: Lab) -> None:
    await lab.look()
    kept = (lab.state_dir / FILE_NAME).stat().st_ino
    await lab.look(3)
    assert (lab.state_dir / FILE_NAME).stat().st_ino == kept
    lab.now += KEEP_EVERY_S
    await lab.look()
    assert (lab.state_dir / FILE_NAME).stat().st_ino != kept


async def test_drives_of_another_model_are_no_peers(tmp_path: Path) -> None:
    specs = [DriveSpec(serial=name, model="ONE" if name == "A" else "OTHER") for name in "ABCD"]
    lab = Lab(tmp_path, SimulatedHost([Subsystem(spec) for spec in specs]))
    await lab.inventory.controllers()
    for latency in [10] * 5 + [900] * 5:
        lab.work(nvme0=latency, nvme1=10, nvme2=10, nvme3=10)
        assert await lab.look() == []
    lab.inventory.close()
