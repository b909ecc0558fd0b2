"""ExitSanitizeFailureMode: take back a drive whose sanitize failed, with the data that it may still hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed.devices.controller import Device
from nvmed.erasure.evidence import read_log
from nvmed.nvme.health import SanitizeState, SanitizeStatus
from nvmed.nvme.sanitize import Action, Sanitize, is_failed, is_restricted_failure
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State
from nvmed.operations.running import Result, Running
from nvmed.preconditions import gates
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.gates import DriveState, Wanted
from nvmed.reasons import Reason, error

KIND: Final = "nvmed.v1.DriveService/ExitSanitizeFailureMode"


class FailureModes:
    """Ends failure modes."""

    def __init__(self, drives: Drives) -> None:
        self._drives = drives

    async def check(self, device: Device) -> Result:
        """Raises what keeps the drive from leaving it."""
        (state,) = await self._drives.examine((device,))
        await self._require(device, state)
        return {"controller": device.resource_name}

    async def run(self, running: Running, device: Device) -> Result:
        """Leave it."""
        async with self._drives.claim((device,), f"operations/{running.record.id}") as (state,):
            await self._require(device, state)
            async with running.step("exit_failure_mode"), device.open() as session:
                await session.mutate(Sanitize(Action.EXIT_FAILURE_MODE).command())
        return {"controller": device.resource_name}

    def reconcilers(self) -> Mapping[str, Reconcile]:
        async def reconcile(case: Interrupted) -> Verdict:
            device = (await self._drives.inventory.find(case.record.target)).device
            if (await self._status(device)).state == SanitizeState.FAILED and case.steps[-1].outcome is None:
                return Verdict(State.SAFE_TO_RETRY, "the drive still says that its sanitize failed")
            return Verdict(State.SUCCEEDED, result={"controller": device.resource_name})

        return {KIND: reconcile}

    async def _require(self, device: Device, state: DriveState) -> None:
        gates.refuse(gates.evaluate(("SUBSYSTEM_BUSY",), state, Wanted()))
        status = await self._status(device)
        if not is_failed(status, state.identity.ver):
            raise error(
                Reason.SANITIZE_NOT_FAILED, f"{device.resource_name} is in no failure mode; its log says {status.state}"
            )
        if is_restricted_failure(status):
            raise error(
                Reason.ERASURE_FAILED,
                f"{device.resource_name} failed in restricted mode, which nothing but another sanitize leaves",
                remedy="SanitizeDrive without allow_unrestricted_exit.",
            )

    async def _status(self, device: Device) -> SanitizeStatus:
        async with device.open() as session:
            (await device.capabilities(session)).require("sanitize")
            return SanitizeStatus.parse(await read_log(session), (await device.identify(session)).ver)
