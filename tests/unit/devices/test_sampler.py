"""Health read from time to time: of each drive by itself, also when some of them hang or refuse."""

from __future__ import annotations

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.sampler import Sample, Sampler
from nvmed.nvme.opcodes import LogPage
from nvmed.simulator.faults import Fault, Hang, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.support.waiting import until

READ = LogPage.SMART_HEALTH_INFORMATION
INVALID_LOG_PAGE = 0x4109


class Lab:
    """Two drives, their sampler, and what it told."""

    def __init__(self) -> None:
        self.host = SimulatedHost([Subsystem(DriveSpec(serial="ONE")), Subsystem(DriveSpec(serial="TWO"))])
        self.inventory = Inventory(self.host)
        self.sampler = Sampler(self.inventory, 0.005, clock=lambda: 1000.0)
        self.told: list[tuple[str, Sample, Sample]] = []
        self.sampler.subscribe(self._told)

    def _told(self, device: Device, before: Sample, after: Sample) -> None:
        self.told.append((device.name, before, after))

    def reads(self, name: str) -> int:
        return sum(1 for told, _, _ in self.told if told == name)


async def test_every_drive_is_read_again_and_again() -> None:
    lab = Lab()
    assert lab.sampler.samples == {}
    async with lab.sampler.running():
        await until(lambda: lab.reads("one-1") > 2 and lab.reads("two-1") > 2)
        sample = lab.sampler.samples["one-1"]
        assert sample.smart is not None
        assert (sample.controller, sample.smart.temperature_celsius) == ("controllers/one-1", 38)
        assert (sample.failure, sample.read_at) == ("", 1000.0)
    lab.inventory.close()


async def test_a_listener_hears_what_changed() -> None:
    lab = Lab()
    async with lab.sampler.running():
        await until(lambda: lab.reads("one-1") > 0)
        lab.host.controller("nvme0").set_critical_warning(0b1)
        await until(
            lambda: any(
                before.smart and after.smart and (before.smart.critical_warning, after.smart.critical_warning) == (0, 1)
                for name, before, after in lab.told
                if name == "one-1"
            )
        )
    lab.inventory.close()


async def test_a_drive_that_refuses_is_there_without_values_and_says_why() -> None:
    lab = Lab()
    drive = lab.host.controller("nvme0")
    async with lab.sampler.running():
        await until(lambda: lab.reads("one-1") > 0)
        drive.faults.add(Fault(Refuse(INVALID_LOG_PAGE), log_id=READ))
        await until(lambda: bool(lab.sampler.samples["one-1"].failure))
        sample = lab.sampler.samples["one-1"]
        assert (sample.smart, sample.failure, sample.read_at) == (None, "NVME_UNSUPPORTED", 1000.0)
        drive.faults.clear()
        await until(lambda: lab.sampler.samples["one-1"].smart is not None)
    lab.inventory.close()


async def test_a_drive_that_hangs_keeps_no_other_from_being_read() -> None:
    lab = Lab()
    hang = Hang()
    lab.host.controller("nvme0").faults.add(Fault(hang, log_id=READ))
    try:
        async with lab.sampler.running():
            await until(lambda: lab.reads("two-1") > 5)
            assert lab.reads("one-1") == 0
            assert lab.sampler.samples["one-1"] == Sample("controllers/one-1")
            assert {device.name: device.lane.busy for device in lab.inventory.known}["one-1"] == 1
    finally:
        hang.release()
    lab.inventory.close()


async def test_a_drive_that_is_gone_is_forgotten() -> None:
    lab = Lab()
    async with lab.sampler.running():
        await until(lambda: lab.reads("one-1") > 0 and lab.reads("two-1") > 0)
        lab.sampler.begin_round(tuple(device for device in lab.inventory.known if device.name == "two-1"))
        assert set(lab.sampler.samples) == {"two-1"}
    lab.inventory.close()
