"""Lights that go off by themselves, whatever becomes of the daemon, the host and the drive meanwhile."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from nvmed.devices.inventory import Inventory
from nvmed.devices.names import Names
from nvmed.errors import Unimplemented
from nvmed.locator.locators import FILE_NAME, Locators, Wanted
from nvmed.nvme.surroundings import Indicator
from nvmed.operations.running import Running
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.support.waiting import until

NAME = "controllers/a-1"
HOUR_MS = 3_600_000


class Steps:
    """A running operation that notes its steps."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @asynccontextmanager
    async def step(self, name: str, **detail: Any) -> AsyncIterator[dict[str, Any]]:
        self.names.append(name)
        yield {}


@dataclass
class Lab:
    """A host with one drive, and a state directory that outlives each daemon."""

    host: SimulatedHost
    state_dir: Path

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[tuple[Locators, Inventory]]:
        inventory = Inventory(self.host, Names(self.state_dir / "names.sqlite"))
        await inventory.controllers()
        locators = Locators(self.host, inventory, self.state_dir)
        try:
            async with locators.serving():
                yield locators, inventory
        finally:
            inventory.close()

    def is_on(self, indicator: Indicator = Indicator.LOCATE) -> bool:
        return self.host.surroundings(self.host.scan()[0]).indicators[indicator]

    @property
    def kept(self) -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = json.loads((self.state_dir / FILE_NAME).read_bytes())
        return kept


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(SimulatedHost([Subsystem(DriveSpec(serial="A"))]), tmp_path)


async def switch(
    locators: Locators, inventory: Inventory, is_on: bool = True, on_ms: int = HOUR_MS,
    indicator: Indicator = Indicator.LOCATE,
) -> Any:  # fmt: skip
    device = (await inventory.find(NAME)).device
    return await locators.run(cast("Running", Steps()), Wanted(device, indicator, is_on, on_ms))


async def test_a_light_goes_on_and_off(lab: Lab) -> None:
    async with lab.daemon() as (locators, inventory):
        answer = await switch(locators, inventory)
        assert (answer["controller"], answer["indicator"], answer["on"]) == (NAME, "INDICATOR_LOCATE", True)
        assert lab.is_on()
        assert not lab.is_on(Indicator.FAULT)
        until_ms = locators.until_ms(NAME, Indicator.LOCATE)
        assert until_ms is not None
        assert until_ms > time.time() * 1000
        await switch(locators, inventory, is_on=False)
        assert not lab.is_on()
        assert (locators.until_ms(NAME, Indicator.LOCATE), lab.kept) == (None, [])


async def test_it_goes_off_by_itself(lab: Lab) -> None:
    async with lab.daemon() as (locators, inventory):
        await switch(locators, inventory, on_ms=HOUR_MS, indicator=Indicator.FAULT)
        await switch(locators, inventory, on_ms=50)
        await until(lambda: not lab.is_on())
        await until(lambda: len(lab.kept) == 1)
        assert lab.is_on(Indicator.FAULT)


async def test_the_last_word_counts(lab: Lab) -> None:
    async with lab.daemon() as (locators, inventory):
        await switch(locators, inventory, on_ms=1)
        await switch(locators, inventory, on_ms=HOUR_MS)
        await until(lambda: lab.is_on() and bool(lab.kept))
        assert lab.kept[0]["until_ms"] > time.time() * 1000


async def test_what_is_asked_for_while_it_goes_off_counts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async with lab.daemon() as (locators, inventory):
        await switch(locators, inventory, on_ms=50)
        may_look = threading.Event()
        surroundings = lab.host.surroundings
        monkeypatch.setattr(lab.host, "surroundings", lambda node: may_look.wait() and surroundings(node))
        again = asyncio.create_task(switch(locators, inventory, on_ms=HOUR_MS))
        await until(lambda: inventory.lane.waiting == 1)  # due: to be put out behind the look
        may_look.set()
        await again
        assert lab.is_on()
        assert [one["until_ms"] > time.time() * 1000 for one in lab.kept] == [True]


async def test_a_restart_of_the_host_puts_it_on_again(lab: Lab) -> None:
    async with lab.daemon() as (locators, inventory):
        await switch(locators, inventory)
    lab.host.surround("nvme0", indicators=dict.fromkeys(Indicator, False))  # a power cycle
    async with lab.daemon():
        assert lab.is_on()


async def test_what_became_due_meanwhile_goes_off_at_the_start(lab: Lab) -> None:
    async with lab.daemon() as (locators, inventory):
        await switch(locators, inventory)
    (kept,) = lab.kept
    (lab.state_dir / FILE_NAME).write_text(json.dumps([{**kept, "until_ms": 1}]))
    async with lab.daemon():
        await until(lambda: not lab.is_on())
        await until(lambda: not lab.kept)


async def test_a_drive_that_is_gone_keeps_nobody_from_starting(lab: Lab) -> None:
    async with lab.daemon() as (locators, inventory):
        await switch(locators, inventory)
    controller = lab.host.unplug("nvme0")
    async with lab.daemon():
        assert len(lab.kept) == 1
    controller.reappear()
    async with lab.daemon():
        assert lab.is_on()


@pytest.mark.parametrize("damage", [b"", b"{", b'[{"until_ms": "x"}]', b'[{"until_ms":1,"controller":"a"}]'])
async def test_a_file_that_cannot_be_read_is_begun_anew(lab: Lab, damage: bytes) -> None:
    (lab.state_dir / FILE_NAME).write_bytes(damage)
    async with lab.daemon() as (locators, inventory):
        await switch(locators, inventory)
        assert len(lab.kept) == 1


async def test_a_bay_without_lights_is_refused_before_anything_is_kept(lab: Lab) -> None:
    lab.host.surround("nvme0", indicators={})
    async with lab.daemon() as (locators, inventory):
        with pytest.raises(Unimplemented) as refused:
            await switch(locators, inventory)
    assert refused.value.reason == "INDICATOR_UNSUPPORTED"
    assert not (lab.state_dir / FILE_NAME).exists()
