"""What became of a capture whose operation did not end: it is on disk, whole, or it is not there."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from nvmed.captures.capturing import CAPTURE, CLEAR, CREATE, DELETE, shown
from nvmed.captures.files import Capture
from nvmed.captures.store import Captures
from nvmed.devices import telemetry
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State

log = structlog.get_logger("nvmed.captures")


def reconcilers(store: Captures, inventory: Inventory) -> Mapping[str, Reconcile]:
    """How each kind is reconciled."""

    async def captured(case: Interrupted) -> Verdict:
        capture = store.find(case.record.id)
        if capture is None:
            created = any(step.name == CREATE for step in case.steps)
            why = "; the drive may have a new host-initiated log" if created else ""
            return Verdict(State.SAFE_TO_RETRY, f"the log was not captured, and nothing of it is kept{why}")
        return Verdict(State.SUCCEEDED, result=shown(capture, acknowledged=await _is_acknowledged(case, capture)))

    async def _is_acknowledged(case: Interrupted, capture: Capture) -> bool:
        """Whether its event was cleared; False also where the drive cannot be asked."""
        steps = [step for step in case.steps if step.name == CLEAR]
        if not steps:
            return False
        outcome = steps[-1].outcome or {}
        if outcome.get("ok"):
            return True
        try:
            raised = await telemetry.read_raised((await inventory.find(capture.controller)).device)
        except NvmedError as exc:
            log.warning("acknowledgement_unknown", capture=capture.id, reason=exc.reason)
            return False
        return raised is None or raised.generation != capture.generation

    async def deleted(case: Interrupted) -> Verdict:
        name = case.record.target
        if store.find(name.removeprefix("captures/")) is None:
            return Verdict(State.SUCCEEDED, result={"name": name})
        return Verdict(State.SAFE_TO_RETRY, f"{name} is still there")

    return {CAPTURE: captured, DELETE: deleted}
