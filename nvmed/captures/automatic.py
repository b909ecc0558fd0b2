"""Captures what controllers raise by themselves, and logs of drives that became slow, where that is configured.

A log is captured at most once, however often it is found and the daemon started: what was captured is known by the
fingerprint of its header, of captures that are there and of those that are gone. After a capture its controller is left
alone for a while: meanwhile it keeps what it raises, and raises nothing more, as its event is not acknowledged. Of a
slow drive a log is created, which is of the moment; it is left alone for as long.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from nvmed import files, limits
from nvmed.captures.capturing import CAPTURE, Capturing, Wanted
from nvmed.devices import telemetry
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.disk.files import DAMAGED
from nvmed.errors import NvmedError
from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryHeader, TelemetryLog
from nvmed.operations import failure
from nvmed.operations.manager import Manager, Mutation
from nvmed.operations.records import State

ACKNOWLEDGE: Final = "nvmed.v1.TelemetryService/AcknowledgeTelemetry"
PRINCIPAL: Final = "nvmed"
"""Who begins these operations: nobody that a caller can be."""

ATTEMPTS: Final = 3
"""How often a log is tried to be captured; after that, when the controller raises another one."""

RETRY_S: Final = 60.0
MEMORY: Final = "automatic.json"

log: Final = structlog.get_logger("nvmed.captures")


@dataclass(frozen=True, slots=True)
class Settings:
    """As the configuration has it: `enabled` of what is raised, `on_slow` of drives that became slow."""

    enabled: bool = False
    on_slow: bool = False
    area: TelemetryDataArea = TelemetryDataArea.AREA_3
    acknowledge: bool = True
    interval_s: float = 3600.0
    retry_s: float = RETRY_S


@dataclass(frozen=True, slots=True)
class Last:
    """What was captured of a controller last, by its fingerprint, and when, in milliseconds since the epoch."""

    fingerprint: str
    captured_ms: int


class Automatic:
    """One task for each controller that has raised something. Used inside `serving()`, beside the store's."""

    def __init__(
        self,
        inventory: Inventory,
        operations: Manager,
        capturing: Capturing,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inventory = inventory
        self._operations = operations
        self._store = capturing.store
        self._capturing = capturing
        self._settings = settings
        self._clock = clock
        self._memory = self._store.folder.path / MEMORY
        self._last: dict[str, Last] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slow_at: dict[str, float] = {}
        self._early: set[str] = set()
        self._is_serving = False

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Remember what was captured, and end the tasks at the end; operations that they began go on.

        For when the operations of the daemon before have been settled: what is raised earlier waits until then.
        """
        if self._settings.enabled:
            self._last = await self._store.in_thread(partial(_remembered, self._memory))
            for capture in self._store.all():
                if capture.automatic:
                    self._learn(capture.controller, Last(capture.fingerprint, capture.created_ms))
        self._is_serving = True
        for name in self._early:
            self._begin(name)
        try:
            yield
        finally:
            self._is_serving = False
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def raised(self, device: Device) -> None:
        """A controller has raised a log; called once for each that is found."""
        if not self._settings.enabled:
            return
        if self._is_serving:
            self._begin(device.resource_name)
        else:
            self._early.add(device.resource_name)

    def became_slow(self, device: Device) -> None:
        """A drive is told as slow from now on."""
        name, now = device.resource_name, self._clock()
        is_due = now - self._slow_at.get(name, -math.inf) >= self._settings.interval_s
        if self._settings.on_slow and self._is_serving and is_due:
            self._slow_at[name] = now
            self._run(f"{name} is slow", partial(self._capture_slow, device))

    def _begin(self, name: str) -> None:
        self._run(name, partial(self._follow, name))

    def _run(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if what not in self._tasks:
            task = self._tasks[what] = asyncio.create_task(work(), context=Context())  # of no call
            task.add_done_callback(lambda _: self._tasks.pop(what, None))

    async def _capture_slow(self, device: Device) -> None:
        wanted = Wanted(device, TelemetryLog.HOST_INITIATED, self._settings.area, create=True, automatic=True)
        name = device.resource_name
        try:
            begun = await self._operations.start(
                _mutation(CAPTURE, name, cause="drive-slow"), partial(self._capturing.run, wanted=wanted)
            )
            ended = await self._operations.wait(begun.id)
            if ended.state is not State.SUCCEEDED:
                raise failure.load(ended.failure or {})
        except NvmedError as exc:
            log.warning("not_captured", controller=name, reason=exc.reason, message=exc.message)

    async def _follow(self, name: str) -> None:
        """Capture what the controller has raised, and what it raises after that, until there is nothing new."""
        failures = 0
        while failures < ATTEMPTS:
            last = self._last.get(name)
            rest_s = last.captured_ms / 1000 + self._settings.interval_s - self._clock() if last else 0.0
            await asyncio.sleep(max(min(rest_s, self._settings.interval_s), self._settings.retry_s if failures else 0))
            try:
                if not await self._capture(name):
                    return
                failures = 0
            except NvmedError as exc:
                failures += 1
                log.warning("not_captured", controller=name, reason=exc.reason, message=exc.message)

    async def _capture(self, name: str) -> bool:
        """Capture what is raised now; False where there is nothing, or nothing that was not captured before."""
        device = (await self._inventory.find(name)).device
        header = await telemetry.read_raised(device)
        if header is None:
            return False
        last = self._last.get(name)
        if last is not None and last.fingerprint == header.fingerprint().hex():
            await self._acknowledge(device, header)
            return False
        wanted = Wanted(
            device,
            TelemetryLog.CONTROLLER_INITIATED,
            self._settings.area,
            acknowledge=self._settings.acknowledge,
            automatic=True,
        )
        begun = await self._operations.start(
            _mutation(CAPTURE, name, generation=header.generation), partial(self._capturing.run, wanted=wanted)
        )
        ended = await self._operations.wait(begun.id)
        capture = self._store.find(begun.id)
        if ended.state is not State.SUCCEEDED:
            raise failure.load(ended.failure or {})
        made = Last(header.fingerprint().hex(), ended.updated_ms)
        self._learn(name, Last(capture.fingerprint, capture.created_ms) if capture else made)
        await self._store.in_thread(partial(_remember, self._memory, dict(self._last)))
        return True

    async def _acknowledge(self, device: Device, header: TelemetryHeader) -> None:
        """Acknowledge what was captured and not acknowledged, as the daemon died in between or the drive was busy; only
        what is still there.
        """
        kept = {one.fingerprint for one in self._store.all() if one.controller == device.resource_name}
        if self._settings.acknowledge and header.fingerprint().hex() in kept:
            run = partial(self._capturing.acknowledge, device=device, generation=header.generation)
            await self._operations.perform(
                _mutation(ACKNOWLEDGE, device.resource_name, generation=header.generation), run
            )

    def _learn(self, name: str, last: Last) -> None:
        before = self._last.get(name)
        if before is None or before.captured_ms <= last.captured_ms:
            self._last[name] = last


def _mutation(kind: str, controller: str, **about: Any) -> Mutation:
    """What nobody asked for."""
    parameters = {"automatic": True, **about}
    return Mutation(kind, controller, PRINCIPAL, "", b"", parameters, resources=(controller,))


def _remembered(path: Path) -> dict[str, Last]:
    """What was captured last, by controller; nothing where the file is none of ours. Blocks."""
    try:
        saved = json.loads(files.read_bytes(path))
        return {str(name): Last(str(fingerprint), int(at)) for name, (fingerprint, at) in saved.items()}
    except FileNotFoundError:
        return {}
    except (OSError, *DAMAGED) as exc:
        log.warning("memory_unreadable", path=str(path), message=str(exc))
        return {}


def _remember(path: Path, last: dict[str, Last]) -> None:
    """Put that on disk, for as many controllers as have names. Blocks; raises `OSError`."""
    newest = sorted(last.items(), key=lambda item: item[1].captured_ms)[-limits.NAMES_MAX :]
    files.write_whole(path, json.dumps({name: [one.fingerprint, one.captured_ms] for name, one in newest}).encode())
