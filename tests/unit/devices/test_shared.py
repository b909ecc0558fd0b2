"""Scans that many ask for at once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from nvmed.devices.inventory import Inventory
from nvmed.devices.shared import Shared
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.support.waiting import until


class Work:
    """Counts its turns, each of which waits to be let go on."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        turn = self.begun
        await self.may_end.wait()
        return turn


async def test_who_asks_while_it_is_under_way_has_the_next_one_together() -> None:
    work = Work()
    shared = Shared(work)
    first = asyncio.create_task(shared.result())
    await until(lambda: work.begun == 1)
    later = [asyncio.create_task(shared.result()) for _ in range(1000)]
    work.may_end.set()
    assert await first == 1
    assert set(await asyncio.gather(*later)) == {2}
    assert await shared.result() == 3


async def test_one_who_leaves_takes_nothing_from_the_others() -> None:
    work = Work()
    shared = Shared(work)
    leaves, stays = (asyncio.create_task(shared.result()) for _ in range(2))
    await until(lambda: work.begun == 1)
    leaves.cancel()
    work.may_end.set()
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_each_has_an_error_of_its_own() -> None:
    async def fails() -> None:
        raise error(Reason.DEVICE_GONE, "it went away", controller="a")

    shared = Shared(fails)
    errors = await asyncio.gather(shared.result(), shared.result(), return_exceptions=True)
    assert [one.reason for one in errors if isinstance(one, NvmedError)] == [Reason.DEVICE_GONE.name] * 2
    assert errors[0] is not errors[1]


async def test_any_number_may_look_for_drives_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    host = SimulatedHost([Subsystem(DriveSpec(serial="A"))])
    inventory = Inventory(host)
    scans, may_scan, scan = 0, threading.Event(), host.scan

    def slowly() -> object:
        nonlocal scans
        scans += 1
        may_scan.wait()
        return scan()

    monkeypatch.setattr(host, "scan", slowly)
    looking = [asyncio.create_task(inventory.find("nvme0")) for _ in range(1000)]
    await until(lambda: scans == 1)
    late = asyncio.create_task(inventory.find("nvme0"))
    may_scan.set()
    assert {found.device.name for found in await asyncio.gather(*looking, late)} == {"a-1"}
    assert scans == 2
    inventory.close()
