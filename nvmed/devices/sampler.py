"""What metrics show of every controller, read from time to time: SMART data, one more log, and what is around it.

An interval costs a drive one command at most: for whichever other log is due and has waited longest, in turns with
SMART data where somebody else has not just read them. Whoever looks gets what was read last and never waits for a
drive. A drive that does not answer keeps only itself from being read: each is read by a task of its own, and not again
before that one has ended. Events are retained.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Final

import structlog

from nvmed.devices import shared_smart
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.logs import read_smart
from nvmed.devices.rotation import Logs, is_due, read_next
from nvmed.devices.shared_smart import Reading
from nvmed.errors import NvmedError
from nvmed.nvme.health import SmartLog
from nvmed.nvme.surroundings import Surroundings

log: Final = structlog.get_logger("nvmed.sampler")


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a controller's health.

    `smart` is None where the last attempt failed, for the reason `failure`; neither is there before the first one has
    ended. `read_at` is when it was last read, in seconds since the epoch, 0 for never. `logs` are the other logs, each
    as it was when it had its turn; `around` is what the host knew then, None where it could not tell.
    """

    controller: str
    smart: SmartLog | None = None
    failure: str = ""
    read_at: float = 0.0
    logs: Logs = field(default_factory=Logs)
    around: Surroundings | None = None


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

    def operation_ended(self, controller: str) -> None:
        """Read all logs of this controller again, by its resource name, in its next turns: it may have changed them."""
        for name, sample in self._samples.items():
            if sample.controller == controller:
                self._samples[name] = replace(sample, logs=replace(sample.logs, read_at={}))

    async def _read(self, device: Device) -> None:
        found = replace(self._samples[device.name], around=await self._around(device))
        logs = found.logs
        try:
            reading, logs = await self._next(device, logs)
        except NvmedError as exc:
            found = replace(found, smart=None, failure=exc.reason)
        else:
            found = replace(found, smart=reading.log, failure="", read_at=reading.read_at)
        known = self._samples.get(device.name)
        if known is None:
            return
        # What was read while an operation ended may be of before it.
        found = replace(found, logs=logs if known.logs is found.logs else known.logs)
        if found.failure != known.failure:
            log.info("drive_sampled", controller=device.resource_name, reason=found.failure)
        self._samples[device.name] = found
        for listener in tuple(self._listeners):
            listener(device, known, found)

    async def _next(self, device: Device, logs: Logs) -> tuple[Reading, Logs]:
        """SMART data, those of the interval before where a log is due; and that log, if they cost no command."""
        due, is_spent = is_due(device, logs, self._clock()), False

        async def smart() -> SmartLog:
            nonlocal is_spent
            is_spent = True
            return (await read_smart(device, None, None)).log

        age_max_s = self._interval_s * (shared_smart.AGE_MAX if due else 0.5)
        reading = await device.smart.within(age_max_s, smart, self._clock)
        return reading, logs if is_spent else await read_next(device, logs, self._clock())

    async def _around(self, device: Device) -> Surroundings | None:
        """What the host knows around a controller, without asking it; None where it cannot tell."""
        try:
            return await self._inventory.lane.run(lambda: device.host.surroundings(device.node))
        except (NvmedError, OSError):
            return None
