"""What operations that have ended say beside that: a test's result, an erasure's, firmware that waits for a reset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from nvmed.captures.capturing import CAPTURE
from nvmed.devices.inventory import CONTROLLERS, SUBSYSTEMS
from nvmed.erasure.sanitizing import KIND as SANITIZE
from nvmed.events.host_changes import View
from nvmed.events.kinds import (
    CaptureFinished,
    Event,
    FirmwarePending,
    Kind,
    OperationChanged,
    SanitizeEnded,
    SelfTestEnded,
)
from nvmed.firmware.activation import KINDS as FIRMWARE
from nvmed.operations.records import Record, State
from nvmed.self_test.recovery import RUN as RUN_SELF_TEST

_PENDING: Final = "FIRMWARE_OUTCOME_PENDING_RESET"


def operation_events(record: Record, state: State, phase: str, view: View) -> Iterator[Event]:
    """That an operation is in `state` and `phase`; and, if it has ended, what that means for its drives."""
    target = record.target
    about = Event(
        Kind.OPERATION_CHANGED,
        controller=target if target.startswith(CONTROLLERS) else "",
        device_node=_node(view, target),
        namespace=target if target.startswith(SUBSYSTEMS) and "/namespaces/" in target else "",
        operation=f"operations/{record.id}",
    )
    yield replace(about, detail=OperationChanged(record.kind, target, state, phase, record.principal, record.subjects))
    result, succeeded = record.result or {}, record.state is State.SUCCEEDED
    if record.kind == RUN_SELF_TEST and succeeded and result:
        yield replace(about, kind=Kind.SELF_TEST_ENDED, detail=SelfTestEnded(result["test"], result["result"]))
    elif record.kind == CAPTURE and succeeded and result:
        yield replace(about, kind=Kind.CAPTURE_FINISHED, detail=CaptureFinished(result))
    elif record.kind == SANITIZE and (sanitized := _sanitized(record)):
        yield replace(about, kind=Kind.SANITIZE_ENDED, detail=sanitized)
    elif record.kind in FIRMWARE and succeeded:
        for drive in result.get("drives", [result]):
            # a drive that has an operation of its own is told of by that
            if drive.get("outcome") == _PENDING and "operation" not in drive:
                name = drive["controller"]
                pending = FirmwarePending(
                    drive["slot"], drive.get("slot_revision", ""), drive.get("running_revision", "")
                )
                yield replace(
                    about, kind=Kind.FIRMWARE_PENDING, controller=name, device_node=_node(view, name), detail=pending
                )


def _sanitized(record: Record) -> SanitizeEnded | None:
    """How a sanitize ended that has a record of it: one that was never begun has none."""
    if record.state is State.SUCCEEDED:
        return SanitizeEnded("", (record.result or {}).get("erasure_record", ""))
    failure = record.failure or {}
    written = (failure.get("metadata") or {}).get("erasure_record", "")
    return SanitizeEnded(failure["reason"], written) if written and not record.state.is_open else None


def _node(view: View, controller: str) -> str:
    shown = view.controllers.get(controller)
    return shown.node.node if shown else ""
