"""Resets of controllers and NVM subsystems: committed firmware may need one before it runs.

Everything above a drive stops while it is reset, so it takes an acknowledgement, and a drive in use is refused. After
the reset the controller is looked up and identified anew: it may have another node, and it may be another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from nvmed.devices.controller import Device, Session
from nvmed.devices.lane import NOT_STARTED
from nvmed.errors import NvmedError
from nvmed.nvme.identify import IdentifyController
from nvmed.operations.running import Result, Running
from nvmed.os_errors import os_error
from nvmed.preconditions import gates
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.gate_report import gate_results
from nvmed.preconditions.gates import DriveState, GateResult, Wanted

RESET_TIMEOUT_MS: Final = 120_000
"""CAP.TO allows a controller 127 s to become ready; most need a few."""


@unique
class Kind(Enum):
    """What is reset; the value is the ioctl."""

    CONTROLLER = "ioctl(NVME_IOCTL_RESET)"
    SUBSYSTEM = "ioctl(NVME_IOCTL_SUBSYS_RESET)"


@dataclass(frozen=True, slots=True)
class Reset:
    """What is to be reset: by which controller, and the resource that the request named."""

    kind: Kind
    device: Device
    target: str
    acknowledged: bool = False
    overrides: frozenset[str] = frozenset()


class Resets:
    """ResetController and ResetSubsystem."""

    def __init__(self, drives: Drives) -> None:
        self._drives = drives

    async def check(self, reset: Reset) -> Result:
        """Every gate, and nothing else; raises GATE_FAILED."""
        (drive,) = await self._drives.examine((reset.device,))
        return _result(reset, drive, _gates(reset, drive))

    async def run(self, running: Running, reset: Reset) -> Result:
        """Reset; raises GATE_FAILED before anything was done."""
        async with self._drives.claim((reset.device,), f"operations/{running.record.id}") as (drive,):
            results = _gates(reset, drive)
            _, identity = await do_reset(running, self._drives, reset.kind, reset.device, drive)
        return {**_result(reset, drive, results), "running_revision": identity.fr}


async def do_reset(
    running: Running, drives: Drives, kind: Kind, device: Device, drive: DriveState
) -> tuple[Device, IdentifyController]:
    """The step itself, for whoever has claimed the drive: reset it, and identify it once it is back.

    Raises what the kernel makes of it, DEVICE_IDENTITY_CHANGED, and DEVICE_GONE if it does not come back.
    """
    running.no_return()
    async with running.step("reset", kind=kind.name, running_revision=drive.revision) as outcome:
        async with device.open() as session:
            try:
                await _reset(session, kind)
            except NvmedError as exc:
                if exc.reason not in NOT_STARTED and (exc.os is None or exc.os.symbol != "ENOTTY"):
                    running.uncertain()
                raise
        try:
            back, identity = await drives.returned(device.resource_name)
        except NvmedError:
            running.uncertain()
            raise
        outcome["running_revision"] = identity.fr
    return back, identity


async def _reset(session: Session, kind: Kind) -> None:
    transport = session.transport

    def reset() -> None:
        session.require_same()
        try:
            if kind is Kind.CONTROLLER:
                transport.reset_controller()
            else:
                transport.reset_subsystem()
        except OSError as exc:
            raise os_error(exc, kind.value, session.path, controller=session.device.name) from exc

    await session.device.lane.mutate(reset, timeout_ms=RESET_TIMEOUT_MS)


def _gates(reset: Reset, drive: DriveState) -> tuple[GateResult, ...]:
    wanted = Wanted(disruptive=True, acknowledged=reset.acknowledged, overrides=reset.overrides)
    results = gates.evaluate(gates.RESET, drive, wanted)
    gates.refuse(results)
    return results


def _result(reset: Reset, drive: DriveState, results: tuple[GateResult, ...]) -> dict[str, object]:
    field = "controller" if reset.kind is Kind.CONTROLLER else "subsystem"
    return {field: reset.target, "previous_revision": drive.revision, "gates": gate_results(results)}
