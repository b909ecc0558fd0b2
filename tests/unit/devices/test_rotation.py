"""What sampling costs a drive: one command in each interval, and none for what somebody else has just read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from nvmed.background import running
from nvmed.devices.inventory import Inventory
from nvmed.devices.sampler import Sample, Sampler
from nvmed.events.events import Events
from nvmed.events.health_poll import HealthPoll
from nvmed.nvme import logpage
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Fault, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.support.waiting import until

SMART = LogPage.SMART_HEALTH_INFORMATION
TURNS = 5
"""OCP's log, slots, sanitize, self-tests, and the one namespace."""
INVALID_LOG_PAGE = 0x4109
HOUR_S = 3600.0


class Lab:
    """A drive that is sampled when the test says so, an hour after the time before."""

    def __init__(self, interval_s: float = HOUR_S, **spec: object) -> None:
        self.host = SimulatedHost([Subsystem(DriveSpec(serial="ONE", **spec))])  # type: ignore[arg-type]
        self.inventory = Inventory(self.host)
        self.now = 1_000_000.0
        self.sampler = Sampler(self.inventory, interval_s, clock=lambda: self.now)
        self.told = 0
        self.sampler.subscribe(self._told)

    def _told(self, *_: object) -> None:
        self.told += 1

    @property
    def drive(self) -> Controller:
        return self.host.controller("nvme0")

    @property
    def sample(self) -> Sample:
        return self.sampler.samples["one-1"]

    def commands(self) -> list[Command]:
        return self.drive.journal.commands()

    def reads(self, page: LogPage) -> int:
        read = self.drive.journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)
        return sum(logpage.decode(command).lid == page for command in read)

    async def round(self) -> list[Command]:
        """One interval; what the drive was asked in it."""
        self.now += HOUR_S
        before, told = len(self.commands()), self.told
        devices = await self.inventory.controllers()
        for device in devices:
            device.smart.monotonic = lambda: self.now
        self.sampler.begin_round(devices)
        await until(lambda: self.told > told)
        return self.commands()[before:]


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    made = Lab()
    yield made
    made.inventory.close()


async def test_an_interval_costs_one_command(lab: Lab) -> None:
    for _ in range(2 * TURNS):  # identity, listed pages and OCP's index are asked for once
        await lab.round()
    smart = 0
    for _ in range(6 * TURNS):
        (asked,) = await lab.round()
        smart += asked.opcode == AdminOpcode.GET_LOG_PAGE and logpage.decode(asked).lid == SMART
        assert lab.sample.smart is not None
    assert smart == 3 * TURNS, "every second time"


async def test_every_log_has_its_turn(lab: Lab) -> None:
    for _ in range(2 * TURNS):
        await lab.round()
    logs = lab.sample.logs
    assert logs.slots is not None
    assert logs.slots.active_slot == 1
    assert logs.sanitize is not None
    assert logs.self_tests is not None
    assert logs.ocp is not None
    assert logs.ocp.is_ocp
    assert set(logs.used_bytes) == set(logs.capacity_bytes) == {1}
    assert lab.sample.around is not None
    assert lab.sample.around.link is not None


async def test_what_a_drive_refuses_is_not_asked_again_and_keeps_nothing_else_from_its_turn(lab: Lab) -> None:
    lab.drive.faults.add(Fault(Refuse(INVALID_LOG_PAGE), log_id=LogPage.FIRMWARE_SLOT_INFORMATION))
    for _ in range(6 * TURNS):
        await lab.round()
    assert lab.reads(LogPage.FIRMWARE_SLOT_INFORMATION) == 1
    assert lab.sample.logs.slots is None
    assert lab.sample.logs.sanitize is not None


async def test_all_is_read_anew_after_an_operation(lab: Lab) -> None:
    for _ in range(2 * TURNS):
        await lab.round()
    lab.sampler.operation_ended("controllers/one-1")
    before = lab.reads(LogPage.FIRMWARE_SLOT_INFORMATION)
    for _ in range(2 * TURNS):
        assert len(await lab.round()) == 1
    assert lab.reads(LogPage.FIRMWARE_SLOT_INFORMATION) == before + 1


async def test_smart_data_that_were_just_read_are_not_read_for_events_too() -> None:
    lab = Lab()
    poll = HealthPoll(lab.inventory, Events(), 3600, lambda: None)
    await lab.round()
    async with running(poll.run):
        await until(lambda: lab.reads(LogPage.TELEMETRY_CONTROLLER_INITIATED) == 1)
        await lab.round()
        assert lab.reads(SMART) == 1
        assert lab.sample.smart is not None
    lab.inventory.close()
