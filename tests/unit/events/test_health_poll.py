"""Controllers asked from time to time: each by itself, none in vain, and at once where there is a reason."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from nvmed.background import running
from nvmed.devices.inventory import Inventory
from nvmed.events.events import Events
from nvmed.events.health_poll import HealthPoll
from nvmed.events.kinds import CriticalWarnings, Event, Kind, TelemetryAvailable
from nvmed.nvme.features import AsyncEvent
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Fault, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.support.waiting import until

SMART, TELEMETRY = LogPage.SMART_HEALTH_INFORMATION, LogPage.TELEMETRY_CONTROLLER_INITIATED
INVALID_LOG_PAGE, BUSY = 0x4109, 0x0021  # with and without DNR
NAME = "controllers/one-1"


class Lab:
    """A drive, what was published of it, and how often its logs were read."""

    def __init__(self, interval_s: float = 0.005, **spec: object) -> None:
        self.host = SimulatedHost([Subsystem(DriveSpec(serial="ONE", **spec))])  # type: ignore[arg-type]
        self.inventory = Inventory(self.host)
        self.events = Events()
        self.rounds = 0
        self.poll = HealthPoll(self.inventory, self.events, interval_s, self._round)

    def _round(self) -> None:
        self.rounds += 1

    @property
    def drive(self) -> Controller:
        return self.host.controller("nvme0")

    @property
    def published(self) -> list[Event]:
        return list(self.events.since(0, 1000).events)

    def reads(self, page: LogPage) -> int:
        commands = self.drive.journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)
        return sum(command.cdw10 & 0xFF == page for command in commands)

    async def more_rounds(self, count: int = 3) -> None:
        wanted = self.rounds + count
        await until(lambda: self.rounds >= wanted)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    made = Lab()
    await made.inventory.controllers()
    yield made
    made.inventory.close()


async def test_what_is_as_before_is_no_event(lab: Lab) -> None:
    async with running(lab.poll.run):
        await until(lambda: lab.reads(SMART) > 2 and lab.reads(TELEMETRY) > 2)
        assert lab.published == []
        lab.drive.set_critical_warning(0b1)
        await until(lambda: len(lab.published) == 1)
        before = lab.reads(SMART)
        await until(lambda: lab.reads(SMART) > before + 2)
    (event,) = lab.published
    assert (event.kind, event.controller, event.device_node) == (Kind.CRITICAL_WARNING_CHANGED, NAME, "nvme0")
    assert event.detail == CriticalWarnings(1, 0)


async def test_a_round_costs_one_command(lab: Lab) -> None:
    async with running(lab.poll.run):
        await until(lambda: lab.reads(SMART) > 2 and lab.reads(TELEMETRY) > 2)
    assert lab.reads(SMART) + lab.reads(TELEMETRY) <= lab.rounds


async def test_telemetry_that_was_there_before_the_daemon_is_told_of(lab: Lab) -> None:
    generation = lab.drive.capture_controller_telemetry(b"early")
    async with running(lab.poll.run):
        await until(lambda: len(lab.published) == 1)
        await lab.more_rounds()
    (event,) = lab.published
    assert event.detail == TelemetryAvailable(generation, b"early".ljust(128, b"\0"))


async def test_what_is_refused_for_good_is_not_asked_again_before_the_next_start(lab: Lab) -> None:
    """Refused commands fill error logs (nvme-cli#1224)."""
    lab.drive.faults.add(Fault(Refuse(INVALID_LOG_PAGE), log_id=TELEMETRY, times=None))
    async with running(lab.poll.run):
        await until(lambda: lab.reads(TELEMETRY) == 1)
        before = lab.reads(SMART)
        await until(lambda: lab.reads(SMART) > before + 3)
        assert lab.reads(TELEMETRY) == 1
        lab.poll.noticed(Event(Kind.CONTROLLER_STARTED, controller=NAME))
        await until(lambda: lab.reads(TELEMETRY) == 2)


async def test_what_is_refused_for_now_is_asked_again(lab: Lab) -> None:
    lab.drive.faults.add(Fault(Refuse(BUSY), log_id=SMART, times=2))
    lab.drive.set_critical_warning(0b100)
    async with running(lab.poll.run):
        await until(lambda: len(lab.published) == 1)
    assert lab.reads(SMART) >= 3


async def test_a_drive_without_telemetry_is_not_asked_for_it() -> None:
    lab = Lab(log_attributes=0x06)
    await lab.inventory.controllers()
    async with running(lab.poll.run):
        await until(lambda: lab.reads(SMART) > 2)
    assert lab.reads(TELEMETRY) == 0
    lab.inventory.close()


async def test_a_stalled_lane_is_left_alone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.devices.inventory.LANE_GRACE_MS", 1)
    inventory = lab.poll._inventory = Inventory(lab.host)
    (device,) = await inventory.controllers()
    release = threading.Event()
    stuck = asyncio.ensure_future(device.lane.run(release.wait, timeout_ms=1))
    try:
        await until(lambda: device.lane.stalled)
        async with running(lab.poll.run):
            await lab.more_rounds()
            assert lab.reads(SMART) == 0
            release.set()
            await until(lambda: lab.reads(SMART) > 0)
    finally:
        release.set()
        await asyncio.gather(stuck, return_exceptions=True)
        inventory.close()


async def test_an_event_about_health_is_a_reason_to_ask_at_once() -> None:
    lab = Lab(interval_s=3600)
    await lab.inventory.controllers()
    async with running(lab.poll.run):
        await until(lambda: lab.reads(SMART) == 1 and not lab.poll._asking)
        lab.drive.set_critical_warning(0b10)
        lab.poll.noticed(Event(Kind.ASYNC_EVENT, controller=NAME, detail=AsyncEvent.parse(0x02_01_01)))
        await until(lambda: len(lab.published) == 1)
    assert lab.published[0].detail == CriticalWarnings(2, 0)
    lab.inventory.close()


async def test_without_an_interval_nothing_is_asked() -> None:
    lab = Lab(interval_s=0)
    await lab.inventory.controllers()
    await lab.poll.run()
    lab.poll.noticed(Event(Kind.CONTROLLER_STARTED, controller=NAME))
    assert (lab.rounds, lab.reads(SMART)) == (0, 0)
    lab.inventory.close()
