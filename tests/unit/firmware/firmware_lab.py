"""Firmware operations over simulated drives, without a server: what a daemon is made of, and a state directory.

A drive outlives the daemon: `start` makes another daemon on the same state and the same drives, as after a crash.
"""

from __future__ import annotations

import hashlib
import uuid
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nvmed.desired import apply as desired
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.erasure.erasures import Erasures
from nvmed.features import recovery as feature_reconcile
from nvmed.firmware import recovery as reconcile
from nvmed.firmware.activation import ACTIVATE, ROLLBACK, STAGE, Activation, Activations, Mode
from nvmed.firmware.resets import Kind, Reset, Resets
from nvmed.firmware.spool import Spool
from nvmed.firmware.spool_files import Image
from nvmed.firmware.staging import Firmware, Staging
from nvmed.operations.journal import Journal
from nvmed.operations.manager import Manager, Mutation
from nvmed.operations.records import Record
from nvmed.operations.running import Run
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.exclusion import Exclusion
from nvmed.preconditions.firmware_rules import RulesFiles
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem

REVISION = "2.0.0"
IMAGE = build_image(REVISION, 8 * 1024)
SHA256 = hashlib.sha256(IMAGE).hexdigest()


@dataclass
class Lab:
    """A daemon's inside."""

    host: SimulatedHost
    inventory: Inventory
    operations: Manager
    spool: Spool
    firmware: Firmware
    activations: Activations
    resets: Resets
    exclusion: Exclusion
    rules_path: Path
    erasures: Erasures

    async def device(self, node: str = "nvme0") -> Device:
        return (await self.inventory.find(node)).device

    async def begin(self, kind: str, target: str, run: Run, **parameters: Any) -> Record:
        """Begin an operation as the servicer does."""
        return await self.operations.start(
            Mutation(kind, target, "tester", str(uuid.uuid4()), b"digest", parameters), run
        )

    async def stage(self, nodes: Sequence[str] = ("nvme0",), sha256: str = SHA256, **wanted: Any) -> Record:
        """Begin to stage; `wanted` are fields of `Staging`."""
        devices = tuple([await self.device(node) for node in nodes])
        staging = Staging(devices, sha256, **{"revision": REVISION, **wanted})
        target = devices[0].resource_name if len(devices) == 1 else f"images/{sha256}"
        return await self.begin(STAGE, target, partial(self.firmware.stage, staging=staging))

    async def activate(
        self, slot: int = 2, mode: Mode = Mode.CONTROLLER_RESET, *, rollback: bool = False, **wanted: Any
    ) -> Record:
        """Begin to activate, or to roll back."""
        device = await self.device()
        activation = Activation(device, slot, mode, **{"acknowledged": True, **wanted})
        run = partial(self.activations.activate, activation=activation, rollback=rollback)
        return await self.begin(ROLLBACK if rollback else ACTIVATE, device.resource_name, run)

    async def reset(self, kind: Kind = Kind.CONTROLLER, **wanted: Any) -> Record:
        """Begin to reset."""
        device = await self.device()
        reset = Reset(kind, device, device.resource_name, **{"acknowledged": True, **wanted})
        return await self.begin(reconcile.RESET_CONTROLLER, device.resource_name, partial(self.resets.run, reset=reset))

    async def end(self, record: Record) -> Record:
        """The operation once it has ended."""
        return await self.operations.wait(record.id, timeout_s=15)


@dataclass
class Labs:
    """Daemons, one after the other, on the same drives and state."""

    state: Path
    specs: Sequence[DriveSpec] = (DriveSpec(serial="A"),)
    host: SimulatedHost = field(init=False)

    def __post_init__(self) -> None:
        self.host = SimulatedHost([Subsystem(spec) for spec in self.specs])
        self.state.mkdir(exist_ok=True)

    @asynccontextmanager
    async def start(self, journal: type[Journal] = Journal, *, recover: bool = True) -> AsyncIterator[Lab]:
        """A daemon; the image is in its spool. It is closed in order, unless its journal's thread was killed."""
        async with AsyncExitStack() as stack:
            inventory = Inventory(self.host)
            stack.callback(inventory.close)
            exclusion = Exclusion()
            drives = Drives(inventory, exclusion, self.host.usage)
            spool = await stack.enter_async_context(Spool(self.state / "spool").serving())
            operations = Manager(
                journal(self.state / "journal.sqlite", reconcile.HISTORY),
                {
                    **reconcile.reconcilers(drives),
                    **feature_reconcile.reconcilers(inventory),
                    **desired.reconcilers(),
                },
            )
            erasures = Erasures(self.state, drives)
            stack.callback(erasures.close)
            rules_path = self.state / "rules.toml"
            rules_path.touch()
            firmware = Firmware(drives, operations, spool, RulesFiles(rules_path))
            stack.callback(firmware.close)
            await store(spool, IMAGE, REVISION)
            if recover:
                await operations.recover()
            stack.push_async_callback(operations.close)
            yield Lab(
                self.host, inventory, operations, spool, firmware, Activations(firmware), Resets(drives), exclusion,
                rules_path, erasures,
            )  # fmt: skip


async def store(spool: Spool, content: bytes, revision: str = "", model: str = "") -> str:
    """Put an image into the spool, if it is not there; its hash."""
    sha256 = hashlib.sha256(content).hexdigest()
    if spool.find_image(sha256) is None:
        async with spool.receive(Image(sha256, len(content), revision, model), "tester") as writer:
            await writer.write(0, zlib.crc32(content), content)
            await writer.finish()
    return sha256
