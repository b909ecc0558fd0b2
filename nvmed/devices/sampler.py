"""SMART data of every controller, read from time to time: for metrics.

Whoever looks gets what was read last and never waits for a drive. A drive that does not answer keeps only itself from
being read: each is read by a task of its own, and not again before that one has ended. Events are retained.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final

import structlog

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.logs import read_smart
from nvmed.errors import NvmedError
from nvmed.nvme.health import SmartLog

log: Final = structlog.get_logger("nvmed.sampler")


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a controller's health.

    `smart` is None where the last attempt failed, for the reason `failure`; neither is there before the first one has
    ended. `read_at` is when it was last read, in seconds since the epoch, 0 for never.
    """

    controller: str
    smart: SmartLog | None = None
    failure: str = ""
    read_at: float = 0.0


Listener = Callable[[Device, Sample, Sample], None]
"""Told of each attempt that ended: the controller, what was known before, what is known now."""


class Sampler:
    """Reads every `interval_s` seconds while it is `running`. Belongs to one event loop."""

    def __init__(self, inventory: Inventory, interval_s: float, *, clock: Callable[[], float] = time.time) -> None:
        self._inventory = inventory
        self._interval_s = interval_s
        self._clock = clock
        self._samples: dict[str, Sample] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Listener] = []

    @property
    def samples(self) -> Mapping[str, Sample]:
        """What is known of each controller, by its name."""
        return MappingProxyType(self._samples)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read inside, beginning at once."""
        rounds = asyncio.create_task(self._rounds(), name="sampler")
        try:
            yield
        finally:
            tasks = [rounds, *self._reading.values()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _rounds(self) -> None:
        while True:
            with suppress(NvmedError):  # the scan failed; what is known stays as it is until the next
                self.begin_round(await self._inventory.controllers())
            await asyncio.sleep(self._interval_s)

    def begin_round(self, devices: tuple[Device, ...]) -> None:
        """Begin to read each of `devices` that is not being read, and forget those that are not among them."""
        present = {device.name for device in devices}
        for gone in self._samples.keys() - present:
            del self._samples[gone]
        for device in devices:
            self._samples.setdefault(device.name, Sample(device.resource_name))
            if device.name not in self._reading:
                task = asyncio.create_task(self._read(device), name=f"sample {device.name}")
                self._reading[device.name] = task
                task.add_done_callback(partial(self._ended, device.name))

    def _ended(self, name: str, _: asyncio.Task[None]) -> None:
        del self._reading[name]

    async def _read(self, device: Device) -> None:
        known = self._samples[device.name]
        try:
            smart = (await read_smart(device, None, None)).log
        except NvmedError as exc:
            found = replace(known, smart=None, failure=exc.reason)
        else:
            found = Sample(device.resource_name, smart=smart, read_at=self._clock())
        if device.name not in self._samples:
            return
        if found.failure != known.failure:
            log.info("drive_sampled", controller=device.resource_name, failure=found.failure)
        self._samples[device.name] = found
        for listener in tuple(self._listeners):
            listener(device, known, found)
