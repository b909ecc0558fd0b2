"""SetFeature: read what is, hold it against what is expected, look at what the change may do, set it, read it again.

Fields that are not given stay as they are. A feature that has the value already is not set again. What harms who uses
the drive, by the row of the feature, needs the gates of the host and the caller's word for it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nvmed import limits
from nvmed.devices.controller import Device, Session
from nvmed.devices.features import FeatureQuery, FeatureReport, FeatureValue, query_of, read_feature, read_value
from nvmed.features.values import identified, shown
from nvmed.nvme.feature_fields import FeatureRow, Values
from nvmed.nvme.features import set_features
from nvmed.nvme.opcodes import FeatureSelect
from nvmed.nvme.transport import Command
from nvmed.operations.running import Result, Running
from nvmed.operations.submit import submit
from nvmed.preconditions import gates
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.gate_report import gate_results
from nvmed.preconditions.gates import DriveState, GateResult, Wanted
from nvmed.reasons import Reason, error, invalid_field

SET_STEP: Final = "set_feature"

RAW_RISK: Final = "nvmed does not know what this feature does, and sets it as a number"


@dataclass(frozen=True, slots=True)
class Setting:
    """A feature to set. `fields` are those of its row; one without a row has `raw_value` (CDW11) and `raw_data`.

    `expected` are fields that must have these values now, `expected_raw` the same of dword 0.
    """

    device: Device
    fid: int
    row: FeatureRow | None = None
    nsid: int = 0
    selection: Values = field(default_factory=dict)
    fields: Values = field(default_factory=dict)
    raw_value: int = 0
    raw_data: bytes = b""
    save: bool = False
    expected: Values = field(default_factory=dict)
    expected_raw: int | None = None
    acknowledged: bool = False
    overrides: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent, what the feature is before, and what it is to be after; `is_current` if nothing is needed."""

    query: FeatureQuery
    report: FeatureReport
    after: FeatureValue
    command: Command
    data: bytes
    is_current: bool
    results: tuple[GateResult, ...]


class Features:
    """A check, which changes nothing, and a run, which begins with the same check."""

    def __init__(self, drives: Drives) -> None:
        self._drives = drives

    async def check(self, wanted: Setting) -> Result:
        """What would be set; raises what keeps it from being."""
        refuse_owned(wanted)
        (state,) = await self._drives.examine((wanted.device,))
        async with wanted.device.open() as session:
            plan = await plan_setting(session, wanted, state)
        return _result(wanted, plan, plan.after, changed=not plan.is_current)

    async def set(self, running: Running, wanted: Setting) -> Result:
        """Set it, and read it again; raises NVME_DATA_INVALID if the drive has another value then."""
        refuse_owned(wanted)
        async with (
            self._drives.claim((wanted.device,), f"operations/{running.record.id}") as (state,),
            wanted.device.open() as session,
        ):
            plan = await plan_setting(session, wanted, state)
            if plan.is_current:
                return _result(wanted, plan, plan.after, changed=False)
            running.no_return()
            async with running.step(SET_STEP, **step_detail(wanted, plan)) as outcome:
                await submit(running, session, plan.command, plan.data)
                after = await _read_back(session, wanted, plan)
                outcome["after"] = shown(wanted.row, after)["fields"] or after.dword
            wanted.device.forget_identity()
        running.may_stop()
        return _result(wanted, plan, after, changed=True)


def refuse_owned(wanted: Setting) -> None:
    """Raise FEATURE_OWNED for what something else sets."""
    if wanted.row is not None and wanted.row.owner:
        raise error(
            Reason.FEATURE_OWNED,
            f"{wanted.row.name} is not set here: {wanted.row.owner}",
            feature=wanted.row.name,
            feature_id=wanted.fid,
        )


async def plan_setting(session: Session, wanted: Setting, state: DriveState) -> Plan:
    """What is to be sent; raises what keeps it from being, before anything is."""
    row = wanted.row
    query = await query_of(session, wanted.fid, row, wanted.nsid, wanted.selection, len(wanted.raw_data))
    report = await read_feature(session, query)
    _refuse_unchangeable(wanted, report)
    before = report.current or FeatureValue(0)
    _require_expected(wanted, before)
    if row is None:
        after = FeatureValue(wanted.raw_value, wanted.raw_data)
        command = set_features(wanted.fid, wanted.raw_value, save=wanted.save, nsid=wanted.nsid)
        data, risk = wanted.raw_data, RAW_RISK
    else:
        values = {**before.fields, **wanted.fields}
        values = {one.name: values.get(one.name, 0) for one in row.fields}
        if wrong := row.wrong(state.identity, values):
            name, _, sentence = wrong.partition(": ")
            raise invalid_field(f"fields[{name}]", sentence)
        command, data = row.set(values, query.nsid, query.selection, save=wanted.save, uuid_index=query.uuid_index)
        after = FeatureValue(before.dword if row.data_bytes else command.cdw11, data, values)
        risk = row.hazard(state.identity, before.fields, values)
    is_current = _is_current(wanted, report, after)
    names = ("SUBSYSTEM_BUSY",) if is_current or not risk else gates.RISKY
    conditions = Wanted(risk=risk, acknowledged=wanted.acknowledged, overrides=wanted.overrides)
    results = gates.evaluate(names, state, conditions)
    gates.refuse(results)
    return Plan(query, report, after, command, data, is_current, results)


def _refuse_unchangeable(wanted: Setting, report: FeatureReport) -> None:
    """Raise NVME_UNSUPPORTED for what the controller says that it does not let be done."""
    title, changes = report.query.title, report.changes
    if changes is None:
        if wanted.save:
            raise error(
                Reason.NVME_UNSUPPORTED,
                f"the controller does not tell whether {title} can be saved (ONCS bit 4, or it refuses the question); "
                "set it without save",
                feature_id=wanted.fid,
            )
        return
    if not changes.changeable:
        raise error(Reason.NVME_UNSUPPORTED, f"the controller does not let {title} be changed", feature_id=wanted.fid)
    if wanted.save and not changes.saveable:
        raise error(
            Reason.NVME_UNSUPPORTED,
            f"the controller cannot save {title}: it would be lost at the next reset; set it without save",
            feature_id=wanted.fid,
        )


def _require_expected(wanted: Setting, before: FeatureValue) -> None:
    """Raise FEATURE_NOT_AS_EXPECTED if it has another value than the caller thinks."""
    differing = [
        f"{name} is {before.fields.get(name)}, not {value}"
        for name, value in wanted.expected.items()
        if before.fields.get(name) != value
    ]
    if wanted.expected_raw is not None and before.dword != wanted.expected_raw:
        differing.append(f"its value is {before.dword:#x}, not {wanted.expected_raw:#x}")
    if differing:
        raise error(
            Reason.FEATURE_NOT_AS_EXPECTED,
            f"{wanted.row.name if wanted.row else hex(wanted.fid)}: {'; '.join(differing)}; nothing was changed",
            feature_id=wanted.fid,
        )


def _is_current(wanted: Setting, report: FeatureReport, after: FeatureValue) -> bool:
    row = wanted.row
    if report.current is None or (row is not None and not row.keeps_value):
        return False
    if not _same(row, report.current, after):
        return False
    return not wanted.save or (report.saved is not None and _same(row, report.saved, after))


def _same(row: FeatureRow | None, one: FeatureValue, other: FeatureValue) -> bool:
    if row is None:
        return (one.dword, one.data) == (other.dword, other.data)
    return all(one.fields.get(each.name) == other.fields.get(each.name) for each in row.fields if not each.read_only)


async def _read_back(session: Session, wanted: Setting, plan: Plan) -> FeatureValue:
    """The value after it was set; raises NVME_DATA_INVALID if it is another one, or was not saved."""
    row = wanted.row
    if row is not None and row.is_action:
        return plan.after
    found = await read_value(session, plan.query)
    if row is None or not row.keeps_value:
        return found  # what a number of no known layout reads as is the feature's own
    values = [("current", found)]
    if wanted.save:
        values.append(("saved", await read_value(session, plan.query, FeatureSelect.SAVED)))
    for name, value in values:
        if not _same(row, value, plan.after):
            raise error(
                Reason.NVME_DATA_INVALID,
                f"the {name} value of {plan.query.title} is {_brief(value.fields)} after it was set to "
                f"{_brief(plan.after.fields)}: the drive answered success",
                feature_id=wanted.fid,
            )
    return found


def _brief(values: Mapping[str, int]) -> str:
    some = [f"{name}={value}" for name, value in values.items()][:8]
    return ", ".join(some) or "nothing"


def step_detail(wanted: Setting, plan: Plan) -> dict[str, Any]:
    """What the journal keeps of the intent: enough to ask the drive afterwards what came of it."""
    before = plan.report.current
    return {
        **identified(plan.query),
        "uuid_index": plan.query.uuid_index,
        "selection": dict(wanted.selection),
        "save": wanted.save,
        "before": kept_value(before),
        "wanted": kept_value(plan.after),
        "command": plan.command.cdw11,
    }


def kept_value(value: FeatureValue | None) -> dict[str, Any] | None:
    """A value as the journal keeps it; the fields of a long table are in its data."""
    if value is None:
        return None
    kept = {name: one for name, one in value.fields.items() if one} if len(value.fields) > 16 else dict(value.fields)
    data = base64.b64encode(value.data[: limits.FEATURE_DATA_BYTES_MAX].rstrip(b"\0")).decode()
    return {"raw": value.dword, "data": data, "fields": kept}


def _result(wanted: Setting, plan: Plan, after: FeatureValue, *, changed: bool) -> dict[str, Any]:
    before = plan.report.current
    return {
        "controller": wanted.device.resource_name,
        **identified(plan.query),
        **({"before": shown(wanted.row, before)} if before is not None else {}),
        "after": shown(wanted.row, after),
        "saved": wanted.save,
        "changed": changed,
        "gates": gate_results(plan.results),
    }
