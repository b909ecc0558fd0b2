"""The inside of a daemon that captures: drives, journal, store; started again on the same state."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nvmed.captures.automatic import Automatic, Settings
from nvmed.captures.capturing import CAPTURE, DELETE, Capturing, Wanted, delete
from nvmed.captures.recovery import reconcilers
from nvmed.captures.store import CaptureLimits, Captures
from nvmed.devices.controller import Device
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.inventory import Inventory
from nvmed.disk.files import Disk
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.operations.journal import Journal
from nvmed.operations.manager import Manager, Mutation
from nvmed.operations.records import Record
from nvmed.simulator.controller import Controller
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem

KIB = 1024
NAME = "controllers/a-1"
SPEC = DriveSpec(serial="A", telemetry=TelemetrySpec.of_sizes(4 * KIB, 4 * KIB, 8 * KIB))
SIZE = 16 * KIB + 512


class Clock:
    """Seconds since the epoch, as a test says."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Lab:
    """A daemon's inside."""

    inventory: Inventory
    operations: Manager
    capturing: Capturing
    automatic: Automatic

    @property
    def store(self) -> Captures:
        return self.capturing.store

    async def device(self) -> Device:
        return (await self.inventory.find("nvme0")).device

    async def capture(self, **wanted: Any) -> Record:
        """Begin a capture of what the controller raised, acknowledged at its end, unless `wanted` says otherwise."""
        fields = {"log": TelemetryLog.CONTROLLER_INITIATED, "acknowledge": True, "principal": "tester", **wanted}
        asked = Wanted(await self.device(), **fields)
        return await self.begin(CAPTURE, NAME, partial(self.capturing.run, wanted=asked))

    async def delete(self, capture: str) -> Record:
        return await self.begin(DELETE, f"captures/{capture}", partial(delete, store=self.store, capture=capture))

    async def begin(self, kind: str, target: str, run: Any) -> Record:
        return await self.operations.start(Mutation(kind, target, "tester", str(uuid.uuid4()), b"digest"), run)

    async def end(self, record: Record) -> Record:
        return await self.operations.wait(record.id, timeout_s=15)


@dataclass
class Labs:
    """Daemons, one after the other, on the same drive and state."""

    state: Path
    specs: tuple[DriveSpec, ...] = (SPEC,)
    settings: Settings = field(default_factory=lambda: Settings(enabled=True, interval_s=0, retry_s=0))
    allowed: CaptureLimits = field(default_factory=CaptureLimits)
    clock: Clock = field(default_factory=Clock)
    host: SimulatedHost = field(init=False)

    def __post_init__(self) -> None:
        self.host = SimulatedHost([Subsystem(spec) for spec in self.specs])
        self.state.mkdir(exist_ok=True)

    @property
    def drive(self) -> Controller:
        return self.host.controller("nvme0")

    @property
    def files(self) -> set[str]:
        """What is in the store's directory."""
        folder = self.state / "captures"
        return {entry.name for entry in folder.iterdir()} if folder.exists() else set()

    @property
    def is_pending(self) -> bool:
        """Whether the controller still offers what it raised."""
        return self.drive.telemetry.controller_data_available

    @asynccontextmanager
    async def start(
        self, journal: type[Journal] = Journal, disk: Disk | None = None, *, recover: bool = True
    ) -> AsyncIterator[Lab]:
        async with AsyncExitStack() as stack:
            inventory = Inventory(self.host)
            stack.callback(inventory.close)
            store = Captures(self.state / "captures", self.allowed, clock=self.clock, disk=disk)
            await stack.enter_async_context(store.serving())
            capturing = Capturing(store, ExtendedTelemetry(self.state))
            operations = Manager(journal(self.state / "journal.sqlite", {}), reconcilers(store, inventory))
            if recover:
                await operations.recover()
            stack.push_async_callback(operations.close)
            automatic = Automatic(inventory, operations, capturing, self.settings, self.clock)
            await stack.enter_async_context(automatic.serving())
            yield Lab(inventory, operations, capturing, automatic)
