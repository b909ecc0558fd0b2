"""Locate and fault lights, each on until a moment that is remembered: a restart forgets none, and none is on for ever.

What is on is in a file of the state directory, which is written before a light goes on and after it went off. At a
start those whose time has come are switched off, and the others on again, as a power cycle put them out.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from nvmed.background import running
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.files import read_bytes, write_whole
from nvmed.nvme.host import Host
from nvmed.nvme.surroundings import Indicator
from nvmed.operations.running import Result, Running
from nvmed.reasons import Reason, error

log: Final = structlog.get_logger("nvmed.locator")

FILE_NAME: Final = "locators.json"
RETRY_S: Final = 60.0
"""When a light that could not be switched off, or whose drive is gone, is looked at again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A light to switch: for `on_ms` if it is to be on."""

    device: Device
    indicator: Indicator
    is_on: bool
    on_ms: int


class _Lit(msgspec.Struct, frozen=True, order=True):
    """A light that is on, until so many milliseconds after the epoch."""

    until_ms: int
    controller: str
    indicator: Indicator


class Locators:
    """Switches lights, and off again. `open` before the first, `serving` while the daemon runs."""

    def __init__(self, host: Host, inventory: Inventory, state_dir: Path) -> None:
        self._host = host
        self._inventory = inventory
        self._path = state_dir / FILE_NAME
        self._lit: dict[tuple[str, Indicator], _Lit] = {}
        self._turn = asyncio.Lock()
        """Held while a light changes: who finds one due must not put out what was asked for meanwhile."""
        self._changed = asyncio.Event()

    def until_ms(self, controller: str, indicator: Indicator) -> int | None:
        """When a light that is on goes off; None for one that nobody switched on here."""
        found = self._lit.get((controller, indicator))
        return found.until_ms if found else None

    async def check(self, wanted: Wanted) -> Result:
        """What `run` would give. Raises INDICATOR_UNSUPPORTED."""
        around = await self._inventory.lane.run(lambda: self._host.surroundings(wanted.device.node))
        if wanted.indicator not in around.indicators:
            raise error(
                Reason.INDICATOR_UNSUPPORTED,
                f"{wanted.device.resource_name} has no {wanted.indicator.value} indicator",
                controller=wanted.device.resource_name,
                indicator=wanted.indicator.value,
            )
        return self._result(wanted, _now_ms() + wanted.on_ms)

    async def run(self, running: Running, wanted: Wanted) -> Result:
        """Switch it, and remember until when."""
        await self.check(wanted)
        name, until_ms = wanted.device.resource_name, _now_ms() + wanted.on_ms
        async with running.step("switch", indicator=wanted.indicator.value, on=wanted.is_on), self._turn:
            if wanted.is_on:
                await self._remember(_Lit(until_ms, name, wanted.indicator))
                await self._switch(wanted.device, wanted.indicator, is_on=True)
            else:
                await self._switch(wanted.device, wanted.indicator, is_on=False)
                await self._forget(name, wanted.indicator)
        return self._result(wanted, until_ms)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Restore what was on, and switch off what is due, until left: lights stay as they are then."""
        self._lit = {(one.controller, one.indicator): one for one in self._read()}
        for one in sorted(self._lit.values()):
            if one.until_ms > _now_ms():
                await self._try(one, is_on=True)
        async with running(self._switch_off):
            yield

    def _read(self) -> list[_Lit]:
        try:
            return msgspec.json.decode(read_bytes(self._path), type=list[_Lit])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as exc:
            log.warning("locators_unreadable", path=str(self._path), message=str(exc))
            return []

    async def _switch_off(self) -> None:
        """Each light when its time has come."""
        while True:
            self._changed.clear()
            due = min(self._lit.values(), default=None)
            wait_s = max(0.0, (due.until_ms - _now_ms()) / 1000) if due else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
                continue
            async with self._turn:
                if due and self._lit.get((due.controller, due.indicator)) == due and due.until_ms <= _now_ms():
                    await self._put_out(due)

    async def _put_out(self, due: _Lit) -> None:
        if await self._try(due, is_on=False):
            await self._forget(due.controller, due.indicator)
        else:
            await self._remember(_Lit(_now_ms() + int(RETRY_S * 1000), due.controller, due.indicator))

    async def _try(self, lit: _Lit, *, is_on: bool) -> bool:
        """Switch a light if its drive is there; whether that is done with, as where there is no light any more."""
        try:
            found = await self._inventory.find(lit.controller)
            await self._switch(found.device, lit.indicator, is_on=is_on)
        except (NvmedError, OSError) as exc:
            reason = exc.reason if isinstance(exc, NvmedError) else type(exc).__name__
            log.warning("locator_not_switched", controller=lit.controller, indicator=lit.indicator.value, reason=reason)
            return reason == Reason.INDICATOR_UNSUPPORTED.name
        return True

    async def _switch(self, device: Device, indicator: Indicator, *, is_on: bool) -> None:
        await self._inventory.lane.run(lambda: self._host.set_indicator(device.node, indicator, is_on))

    async def _remember(self, lit: _Lit) -> None:
        self._lit[lit.controller, lit.indicator] = lit
        await self._write()

    async def _forget(self, controller: str, indicator: Indicator) -> None:
        if self._lit.pop((controller, indicator), None):
            await self._write()

    async def _write(self) -> None:
        self._changed.set()
        data = msgspec.json.encode(sorted(self._lit.values()))
        await self._inventory.lane.run(lambda: write_whole(self._path, data))

    def _result(self, wanted: Wanted, until_ms: int) -> dict[str, Any]:
        name = wanted.device.resource_name
        result: dict[str, Any] = {"controller": name, "indicator": f"INDICATOR_{wanted.indicator.name}"}
        if not wanted.is_on:
            return result
        return {**result, "on": True, "expire_time": _moment(until_ms)}


def _now_ms() -> int:
    return int(time.time() * 1000)


def _moment(at_ms: int) -> str:
    """As protobuf's JSON has moments."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"
