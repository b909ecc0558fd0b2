"""What became of firmware operations and resets that a crash interrupted, by what the drive says now.

The journal has the intent of every step and what the drive was before; the slot log and a fresh Identify have what it
is. Nothing is sent that changes a drive. Where the two do not decide it, the verdict is that somebody has to look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nvmed.firmware.activation import ACTIVATE, KINDS, ROLLBACK, SERVICE, STAGE, Mode
from nvmed.firmware.evidence import runs_wanted, shows
from nvmed.firmware.staging import outcome_field, part_result, staged_fields
from nvmed.nvme.firmware import FirmwareSlots
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State, Step
from nvmed.preconditions.drives import Drives, fresh_identity, slots_if_shown
from nvmed.reasons import Reason

DOWNLOAD: Final = f"{SERVICE}/DownloadFirmware"
RESET_CONTROLLER: Final = "nvmed.v1.InventoryService/ResetController"
RESET_SUBSYSTEM: Final = "nvmed.v1.InventoryService/ResetSubsystem"

HISTORY: Final = frozenset({*KINDS, RESET_CONTROLLER, RESET_SUBSYSTEM})
"""Kinds that are a drive's history, which is not forgotten."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a drive says now; `slots` is None where it refuses its slot log."""

    controller: str
    revision: str
    slots: FirmwareSlots | None


Find = Callable[[str], Awaitable[Observed]]
"""Asks a controller, by its resource name."""


def reconcilers(drives: Drives) -> Mapping[str, Reconcile]:
    """How each kind is reconciled."""

    async def observed(name: str) -> Observed:
        device = (await drives.inventory.find(name)).device
        async with device.open() as session:
            return Observed(name, (await fresh_identity(session)).fr, await slots_if_shown(session))

    async def revision(name: str) -> str:
        await drives.inventory.controllers()
        if name.startswith("subsystems/"):
            device = (await drives.inventory.find_subsystem(name)).devices[0]
        else:
            device = (await drives.inventory.find(name)).device
        async with device.open() as session:
            return (await fresh_identity(session)).fr

    async def stage(case: Interrupted) -> Verdict:
        if case.steps[0].name == "stage_drives":
            return of_parts(case)
        return staged(case, await observed(case.record.target))

    async def activate(case: Interrupted) -> Verdict:
        return activated(case, await observed(case.record.target))

    async def reset(case: Interrupted) -> Verdict:
        return was_reset(case, await revision(case.record.target))

    async def downloaded(case: Interrupted) -> Verdict:
        return Verdict(State.SAFE_TO_RETRY, "some of the image may be in the download buffer; nothing was committed")

    return {
        STAGE: stage,
        ACTIVATE: activate,
        ROLLBACK: activate,
        DOWNLOAD: downloaded,
        RESET_CONTROLLER: reset,
        RESET_SUBSYSTEM: reset,
    }


# -- staging


def staged(case: Interrupted, observed: Observed) -> Verdict:
    """A staging of one drive: whether the slot holds what it held before, or the image."""
    step = case.steps[-1]
    if refusal := _refused(step):
        return Verdict(State.FAILED, failure=refusal)
    slot, before = step.detail["slot"], [*step.detail["slots"]]
    if observed.slots is None or not before:
        return _unshown(step, observed)
    now = [*observed.slots.revisions]
    held, held_before = now[slot - 1], before[slot - 1]
    others_changed = [number for number in range(1, 8) if number != slot and now[number - 1] != before[number - 1]]
    if others_changed:
        return Verdict(
            State.NEEDS_ATTENTION,
            f"slot {others_changed[0]} changed meanwhile, which this operation did not do; slot {slot} holds {held!r}",
        )
    if step.name == "download":
        if held != held_before:
            return Verdict(
                State.NEEDS_ATTENTION,
                f"slot {slot} holds {held!r} and held {held_before!r} before, but nothing had been committed to it",
            )
        return Verdict(State.SAFE_TO_RETRY, f"nothing was committed; slot {slot} holds {held!r} as before")
    return _committed(step, observed, held, held_before)


def _unshown(step: Step, observed: Observed) -> Verdict:
    """A staging to a drive that does not show its slots."""
    if step.name == "download":
        return Verdict(State.SAFE_TO_RETRY, "nothing was committed")
    if _succeeded(step):
        return _done(step, observed, "", proved=False)
    return Verdict(
        State.NEEDS_ATTENTION,
        f"the drive refuses its slot log, so whether slot {step.detail['slot']} was written is unknown: stage it again",
    )


def _committed(step: Step, observed: Observed, held: str, held_before: str) -> Verdict:
    """A staging that was interrupted at its commit, or after it."""
    slot, revision, done = step.detail["slot"], step.detail["slot_revision"], _succeeded(step)
    proved = shows(step.detail["slots"], observed.slots, slot, revision)
    if (revision and held == revision) or (done and proved is not False):
        return _done(step, observed, held, proved=bool(proved))
    if done:
        return Verdict(
            State.NEEDS_ATTENTION,
            f"the drive took the commit, but slot {slot} holds {held!r}" + (f", not {revision!r}" if revision else ""),
        )
    if held == held_before:
        return Verdict(State.SAFE_TO_RETRY, f"slot {slot} holds {held!r} as before: the commit was not carried out")
    return Verdict(
        State.NEEDS_ATTENTION,
        f"slot {slot} holds {held!r} and held {held_before!r} before"
        + (f"; it should hold {revision!r}" if revision else "; the image's revision is not known, to compare with"),
    )


def _done(step: Step, observed: Observed, held: str, *, proved: bool) -> Verdict:
    drive = {
        "controller": observed.controller,
        "slot": step.detail["slot"],
        "slot_revision": held,
        "running_revision": observed.revision,
        **staged_fields(step.detail["action"], step.detail["slot_revision"], proved=proved),
    }
    return Verdict(State.SUCCEEDED, result={"drives": [drive]})


def of_parts(case: Interrupted) -> Verdict:
    """A staging of several drives: what follows from what became of each."""
    wanted = int(case.steps[0].detail["drives"])
    done = [part for part in case.parts if part.state is State.SUCCEEDED]
    summary = f"{len(done)} of {wanted} drives are done"
    if len(done) == wanted:
        return Verdict(State.SUCCEEDED, result={"drives": [part_result(part) for part in done]})
    for state in (State.NEEDS_ATTENTION, State.FAILED):
        if bad := [part.target for part in case.parts if part.state is state]:
            return Verdict(state, f"{summary}; look at the operation of {', '.join(bad)}")
    return Verdict(State.SAFE_TO_RETRY, f"{summary}; the others are as they were before")


# -- activating


def activated(case: Interrupted, observed: Observed) -> Verdict:
    """An activation or rollback: what runs, and what waits for a reset."""
    intent = case.steps[0].detail  # the commit's; a reset may follow
    if refusal := _refused(case.steps[0]):
        return Verdict(State.FAILED, failure=refusal)
    slot, mode = intent["slot"], Mode(intent["mode"])
    undoes = intent["active_slot"] == slot and intent["running_revision"] == intent["slot_revision"]
    result = {
        "controller": observed.controller,
        "slot": slot,
        "slot_revision": intent["slot_revision"],
        "previous_revision": intent["running_revision"],
        "running_revision": observed.revision,
    }
    active = observed.slots.running_slot(observed.revision) if observed.slots else 0
    after_reset = observed.slots.next_slot if observed.slots else 0
    waits = after_reset == slot and active != slot
    runs = runs_wanted(intent["running_revision"], observed.revision, intent["slot_revision"], from_slot=active == slot)
    if runs and (not undoes or after_reset in (0, slot)):
        return Verdict(State.SUCCEEDED, result={**result, **outcome_field("ACTIVATED")})
    was_committed = waits or _succeeded(case.steps[0])
    unchanged = (observed.revision, active) == (intent["running_revision"], intent["active_slot"])
    if not unchanged:
        return Verdict(
            State.NEEDS_ATTENTION,
            f"{observed.revision!r} runs from slot {active}; "
            f"before, {intent['running_revision']!r} ran from slot {intent['active_slot']}, "
            f"and {intent['slot_revision']!r} from slot {slot} should",
        )
    if was_committed and (mode in (Mode.ON_NEXT_RESET, Mode.IMMEDIATE) or _needs_more(case, mode)):
        return Verdict(
            State.SUCCEEDED,
            result={**result, **outcome_field("PENDING_RESET"), "required_reset": _required(case.steps[0])},
        )
    if was_committed:
        return Verdict(
            State.NEEDS_ATTENTION,
            f"slot {slot} is committed and runs after the next reset, which this operation was to make and did not: "
            "reset the controller, or roll back",
            next_step="RESET",
        )
    if after_reset == intent["next_slot"]:
        caveat = "" if after_reset else ", nor any other; a few drives report none"
        return Verdict(
            State.SAFE_TO_RETRY,
            f"{observed.revision!r} runs as before, and the drive reports no activation of slot {slot}{caveat}",
        )
    return Verdict(
        State.NEEDS_ATTENTION,
        f"slot {after_reset} runs after the next reset, which this operation did not ask for",
    )


def _required(commit: Step) -> str:
    """RequiredReset as the contract names it: the drive's answer, else the reset that action 2 implies."""
    return f"REQUIRED_RESET_{(commit.outcome or {}).get('required_reset') or 'CONTROLLER'}"


def _needs_more(case: Interrupted, mode: Mode) -> bool:
    """Whether the drive asked for a stronger reset than the operation was to make, so that it made none."""
    asked = (case.steps[0].outcome or {}).get("required_reset") or "CONTROLLER"
    enough = {Mode.CONTROLLER_RESET: ("CONTROLLER",), Mode.SUBSYSTEM_RESET: ("CONTROLLER", "SUBSYSTEM")}
    return asked not in enough[mode]


# -- resetting


def was_reset(case: Interrupted, revision: str) -> Verdict:
    """A reset: the drive answers, so it is over, or was not begun."""
    step = case.steps[-1]
    field = "subsystem" if case.record.target.startswith("subsystems/") else "controller"
    if _succeeded(step) or revision != step.detail["running_revision"]:
        result = {field: case.record.target, "previous_revision": step.detail["running_revision"]}
        return Verdict(State.SUCCEEDED, result={**result, "running_revision": revision})
    if refusal := _refused(step):
        return Verdict(State.FAILED, failure=refusal)
    return Verdict(
        State.SAFE_TO_RETRY,
        f"it answers and runs {revision!r} as before; whether it was reset cannot be told, and a reset may be repeated",
    )


# -- steps


def _succeeded(step: Step) -> bool:
    return bool(step.outcome and step.outcome.get("ok"))


def _refused(step: Step) -> Mapping[str, Any] | None:
    """The failure of a step that the drive itself refused, or that never began: then nothing came of it."""
    failure = (step.outcome or {}).get("failure")
    if failure is None:
        return None
    is_certain = failure["nvme"] is not None or failure["reason"] in _CERTAIN
    return failure if is_certain else None


_CERTAIN: Final[Sequence[str]] = (
    Reason.OPERATION_CANCELLED.name,
    Reason.DEVICE_STALLED.name,
    Reason.DEVICE_BUSY.name,
    Reason.IMAGE_DAMAGED.name,
)
"""Reasons of a failed step that say that the drive was not told to change anything."""
