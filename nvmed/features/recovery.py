"""What became of a SetFeature that did not end: the drive says which value it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nvmed.devices.controller import Session
from nvmed.devices.features import FeatureQuery, FeatureValue, read_value
from nvmed.devices.inventory import Inventory
from nvmed.features.changes import kept_value
from nvmed.features.values import fields, identified, shown
from nvmed.nvme.feature_table import row_of
from nvmed.nvme.opcodes import FeatureSelect
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State

SET: Final = "nvmed.v1.DriveService/SetFeature"


def reconcilers(inventory: Inventory) -> Mapping[str, Reconcile]:
    """How each kind is reconciled."""

    async def reconcile(case: Interrupted) -> Verdict:
        step = case.steps[0]
        failure = (step.outcome or {}).get("failure")
        if failure and failure["nvme"] is not None:
            return Verdict(State.FAILED, failure=failure)
        device = (await inventory.find(case.record.target)).device
        async with device.open() as session:
            verdict = await judged(session, step.detail)
        if verdict.result is not None:
            return Verdict(State.SUCCEEDED, result={"controller": device.resource_name, **verdict.result})
        return verdict

    return {SET: reconcile}


async def judged(session: Session, detail: Mapping[str, Any]) -> Verdict:
    """Whether a feature has the value that a step was to give it, or the one it had before."""
    row = row_of(detail["feature_id"])
    title = detail["feature"] or f"feature {detail['feature_id']:02X}h"
    if row is not None and (row.is_action or not row.keeps_value):
        return Verdict(State.SAFE_TO_RETRY, f"whether {title} was set cannot be told; setting it again does no harm")
    query = FeatureQuery(
        detail["feature_id"], row, detail["nsid"], detail["selection"], row.data_bytes if row else 0,
        detail["uuid_index"],
    )  # fmt: skip
    found = await read_value(session, query)
    saved = await read_value(session, query, FeatureSelect.SAVED) if detail["save"] else found
    now, kept = kept_value(found), kept_value(saved)
    if _same(now, detail["wanted"]) and _same(kept, detail["wanted"]):
        result = {**identified(query), "after": shown(row, found), "saved": detail["save"], "changed": True}
        if before := detail["before"]:
            value = {"raw": before["raw"], "fields": fields(row, before["fields"])}
            result["before"] = value
        return Verdict(State.SUCCEEDED, result=result)
    if _same(now, detail["before"]):
        return Verdict(State.SAFE_TO_RETRY, f"{title} has the value that it had before")
    return Verdict(
        State.NEEDS_ATTENTION, f"{title} has neither the value it was to get nor the one before: {_brief(found)}"
    )


def _same(found: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    if found is None or other is None:
        return found is other
    if found["fields"] or other["fields"]:
        return bool(found["fields"] == other["fields"])
    return bool((found["raw"], found["data"]) == (other["raw"], other["data"]))


def _brief(value: FeatureValue) -> str:
    return ", ".join(f"{name}={one}" for name, one in value.fields.items() if one) or hex(value.dword)
