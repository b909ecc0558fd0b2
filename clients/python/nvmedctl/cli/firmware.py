"""nvmedctl firmware: images, and what drives run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

import nvmedctl
from nvmed.errors import NvmedError
from nvmed.reasons import Reason
from nvmedctl.cli import completing, pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.operations import follow
from nvmedctl.cli.parameters import (
    Decorator,
    FieldOption,
    controller_argument,
    dry_run,
    filter_option,
    node,
    nodes,
    options,
    request_id_option,
)
from nvmedctl.cli.session import Session
from nvmedctl.cli.short_names import image_name
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.cli.text import ago, label, moment, names

MODES = names("ACTIVATION_MODE_", "on-next-reset", "controller-reset", "subsystem-reset", "immediate")
GATES = names(
    "GATE_",
    "supported", "expected-model", "expected-revision", "image", "granularity", "transfer-size", "slot-exists",
    "slot-writable", "slot-content", "transition", "image-listed", "boot-device", "in-use", "subsystem-busy",
    "live-activation", "disruption-acknowledged", "risk-acknowledged",
    "attached-elsewhere", "power", "sanitize-running", "sanitize-failure-mode",
)  # fmt: skip


@click.group()
def firmware() -> None:
    """Firmware of drives: upload an image once, then stage, activate and verify it."""


def _gates(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[str]:
    return [GATES[value] for value in values]


override_option: Decorator = click.option(
    "--override", "overrides", cls=FieldOption, field="override_gates", multiple=True, type=click.Choice(list(GATES)),
    metavar="GATE", callback=_gates, help="Let this gate not hold: in-use, boot-device, granularity, ...",
)  # fmt: skip

gate_options: Decorator = options(
    override_option,
    dry_run("Evaluate and print every gate, change nothing."),
    request_id_option,
    click.option("--no-wait", is_flag=True, help="Print the operation and leave it to itself."),
)  # fmt: skip
"""What every command has that changes firmware or resets."""

expect_options: Decorator = options(
    click.option("--expect-model", cls=FieldOption, field="preconditions.model_number", default="", metavar="MODEL",
                 help="Model number that the drive must have."),
    click.option("--expect-revision", cls=FieldOption, field="preconditions.firmware_revision", default="",
                 metavar="REVISION", help="Revision that must run now."),
)  # fmt: skip

mode_options: Decorator = options(
    click.option("--mode", type=click.Choice(list(MODES)), required=True, help="How it becomes active."),
    click.option("--acknowledge-disruption", is_flag=True, help="I/O may stop meanwhile; all but on-next-reset ask."),
)


@command(firmware, "stage", changes=True)
@click.argument("controllers", nargs=-1, required=True, metavar="CONTROLLER...", callback=nodes,
                shell_complete=completing.controllers)  # fmt: skip
@click.option(
    "--image",
    required=True,
    metavar="SHA256",
    shell_complete=completing.images,
    help="Image, as `firmware images` names it.",
)
@click.option("--slot", type=click.IntRange(1, 7), help="Slot to write.  [default: a spare one of each drive]")
@click.option(
    "--revision",
    cls=FieldOption,
    field="firmware_revision",
    default="",
    help="Revision in the image.  [default: what was said at its upload]",
)
@click.option(
    "--concurrency",
    cls=FieldOption,
    field="max_concurrency",
    type=click.IntRange(1),
    default=None,
    help="Drives written at the same time.",
)
@expect_options
@gate_options
async def stage(
    session: Session, controllers: tuple[str, ...], slot: int | None, concurrency: int | None, **more: Any
) -> None:
    """Write an image into a slot of each CONTROLLER, and activate nothing.

    JSON: nvmed.v1.StageFirmwareResponse; with --no-wait google.longrunning.Operation.
    """
    request = pb.firmware.StageFirmwareRequest(
        controllers=controllers,
        slot=slot,
        image=await image_name(session, more["image"]),
        firmware_revision=more["revision"],
        max_concurrency=concurrency or 0,
        **_common(more),
    )
    await run(
        session,
        session.client.firmware.StageFirmware,
        request,
        pb.firmware.StageFirmwareResponse,
        more["no_wait"],
        lambda answer: table(DRIVES, answer.drives),
    )


@command(firmware, "activate", changes=True)
@controller_argument
@click.option("--slot", type=click.IntRange(1, 7), required=True, help="Slot to run.")
@click.option(
    "--revision", cls=FieldOption, field="slot_revision", default="", help="Revision that the slot must hold."
)
@mode_options
@expect_options
@gate_options
async def activate(session: Session, controller: str, slot: int, **more: Any) -> None:
    """Activate the image in a slot.  JSON: nvmed.v1.ActivateFirmwareResponse."""
    request = pb.firmware.ActivateFirmwareRequest(
        controller=controller, slot=slot, slot_revision=more["revision"], **_activation(more), **_common(more)
    )
    await run(
        session,
        session.client.firmware.ActivateFirmware,
        request,
        pb.firmware.ActivateFirmwareResponse,
        more["no_wait"],
        _activated,
    )


@command(firmware, "rollback", changes=True)
@controller_argument
@click.option("--slot", type=click.IntRange(1, 7), help="Slot to go back to.  [default: what ran before]")
@mode_options
@expect_options
@gate_options
async def rollback(session: Session, controller: str, slot: int | None, **more: Any) -> None:
    """Activate the image that ran before.  JSON: nvmed.v1.ActivateFirmwareResponse.

    Name --slot, or with --expect-revision what is to be left: then a rollback that somebody else made is not undone.
    """
    request = pb.firmware.RollbackFirmwareRequest(
        controller=controller, slot=slot, **_activation(more), **_common(more)
    )
    await run(
        session,
        session.client.firmware.RollbackFirmware,
        request,
        pb.firmware.ActivateFirmwareResponse,
        more["no_wait"],
        _activated,
    )


@command(firmware, "verify")
@controller_argument
@click.option("--revision", cls=FieldOption, field="firmware_revision", required=True, help="Revision that must run.")
@click.option("--slot", type=click.IntRange(1, 7), default=None, help="Slot that must be active.")
async def verify(session: Session, controller: str, revision: str, slot: int | None) -> None:
    """Compare what runs, by a fresh Identify and the slot log, with what should.

    JSON: nvmed.v1.VerifyFirmwareResponse.
    """
    request = pb.firmware.VerifyFirmwareRequest(controller=controller, firmware_revision=revision, slot=slot or 0)
    await run(
        session,
        session.client.firmware.VerifyFirmware,
        request,
        pb.firmware.VerifyFirmwareResponse,
        False,
        render.details,
    )


@command(firmware, "slots", lists=True)
@controller_argument
async def slots(session: Session, controller: str) -> None:
    """Show the slots of a controller, and what an update of it has to respect.  JSON: nvmed.v1.FirmwareSlots."""
    found = await session.client.firmware.GetFirmwareSlots(pb.firmware.GetFirmwareSlotsRequest(controller=controller))
    shown = f"{render.details(found, without='slots')}\n\n{table(SLOTS, found.slots)}"
    session.show(found, lambda: shown, (SLOTS, found.slots))


@command(firmware, "history", lists=True)
@click.argument("controller", default="controllers/-", callback=node, shell_complete=completing.controllers)
@filter_option
async def history(session: Session, controller: str, filter_text: str) -> None:
    """List what was done to the firmware of CONTROLLER, or of all, newest first.

    JSON: nvmed.v1.ListFirmwareHistoryResponse, all pages as one.
    """
    request = pb.firmware.ListFirmwareHistoryRequest(parent=controller, filter=filter_text)
    found = [
        item async for item in nvmedctl.pages(session.client.firmware.ListFirmwareHistory, request, lambda r: r.records)
    ]
    session.show_list(pb.firmware.ListFirmwareHistoryResponse(records=found), RECORDS, found)


async def run(
    session: Session,
    method: Callable[[Any], Any],
    request: Any,
    response: type[Any],
    no_wait: bool,
    view: Callable[[Any], str],
) -> None:
    """Begin an operation, follow it and show what came of it; with validate_only, every gate if it has gates."""
    try:
        begun: pb.longrunning.Operation = await method(request)
    except NvmedError as failure:
        if request.validate_only and failure.reason == Reason.GATE_FAILED.name:
            session.say(gate_tables(_all_gates(failure)))
        raise
    if no_wait and not request.validate_only:
        session.show(begun, lambda: f"{begun.name} has begun")
        return
    answer = nvmedctl.operations.unpack(await follow(session, begun), response)
    gates = answer.gates if request.validate_only and hasattr(answer, "gates") else None
    session.show(answer, lambda: view(answer) if gates is None else gate_table(gates))


def _common(more: dict[str, Any]) -> dict[str, Any]:
    return {
        "preconditions": pb.firmware.FirmwarePreconditions(
            model_number=more["expect_model"], firmware_revision=more["expect_revision"]
        ),
        "override_gates": more["overrides"],
        "validate_only": more["dry_run"],
        "request_id": more["request_id"],
    }


def _activation(more: dict[str, Any]) -> dict[str, Any]:
    return {"activation_mode": MODES[more["mode"]], "acknowledge_disruption": more["acknowledge_disruption"]}


def _activated(answer: pb.firmware.ActivateFirmwareResponse) -> str:
    outcome = render.enum(answer, "outcome")
    line = f"{answer.controller}: slot {answer.slot} ({answer.slot_revision}) {outcome}, {answer.running_revision} runs"
    if answer.required_reset:
        line += f"; needs a {render.enum(answer, 'required_reset')} reset"
    return line


GateRow = tuple[str, str, str, str]
"""A controller, "" for each of them; a gate, how it was found, and why."""

GATE_COLUMNS: Columns[GateRow] = (
    Column("GATE", lambda row: row[1]),
    Column("STATE", lambda row: row[2]),
    Column("FOUND", lambda row: row[3]),
)


def gate_table(results: Iterable[pb.operations.GateResult]) -> str:
    rows = [
        (
            each.controller,
            label(pb.operations.Gate.Name(each.gate), "GATE_"),
            render.enum(each, "state"),
            each.description,
        )
        for each in results
    ]
    return gate_tables(rows)


def gate_tables(rows: Sequence[GateRow]) -> str:
    """The gates of each controller below its name, which would take the room that tells what was found."""
    names = [*dict.fromkeys(row[0] for row in rows if row[0])]
    of_each = [row for row in rows if not row[0]]
    of = {name: [row for row in rows if row[0] == name] for name in names}
    if len(names) == 1:
        of[names[0]] += of_each
    elif of_each:
        of["each of them"] = of_each
    return "\n\n".join(f"{name}\n{table(GATE_COLUMNS, found)}" for name, found in of.items())


def _all_gates(failure: NvmedError) -> list[GateRow]:
    """Every gate of a request that was refused: those that do not hold with their reasons, the others by name."""
    violated = [(each.subject, label(each.kind, ""), "VIOLATED", each.description) for each in failure.gates]
    holding = [name for name in failure.metadata.get("holding", "").split(", ") if name]
    return [*violated, *(("", label(name, ""), "holds", "") for name in holding)]


DRIVES: Columns[pb.firmware.StageFirmwareResponse.Drive] = (
    Column("CONTROLLER", lambda d: d.controller),
    Column("OUTCOME", lambda d: render.enum(d, "outcome")),
    Column("SLOT", lambda d: d.slot),
    Column("HOLDS", lambda d: d.slot_revision or "-"),
    Column("RUNS", lambda d: d.running_revision),
)

SLOTS: Columns[pb.firmware.FirmwareSlots.Slot] = (
    Column("SLOT", lambda s: s.slot),
    Column("REVISION", lambda s: s.revision or "-"),
    Column("STATE", lambda s: ", ".join(_slot_state(s)) or "-"),
)


def _slot_state(slot: pb.firmware.FirmwareSlots.Slot) -> list[str]:
    marks = {"runs": slot.active, "runs after the next reset": slot.next, "read only": not slot.writable}
    return [mark for mark, is_so in marks.items() if is_so]


RECORDS: Columns[pb.firmware.FirmwareRecord] = (
    Column("WHEN", lambda r: render.when(r, "create_time"), ago),
    Column("CONTROLLER", lambda r: r.controller),
    Column("DID", lambda r: r.method.rpartition("/")[2].removesuffix("Firmware").lower()),
    Column("RESULT", lambda r: r.failure_reason or render.enum(r, "outcome")),
    Column("RUNS", lambda r: r.running_revision),
    Column("TIME", lambda r: render.when(r, "create_time"), moment, wide=True),
    Column("STATE", lambda r: render.enum(r, "state"), wide=True),
    Column("SLOT", lambda r: r.slot or "", wide=True),
    Column("HOLDS", lambda r: r.slot_revision, wide=True),
    Column("RAN", lambda r: r.previous_revision, wide=True),
    Column("PRINCIPAL", lambda r: r.principal, wide=True),
)
