"""nvmedctl operations: what is being done to drives, and what was."""

from __future__ import annotations

import click

import nvmedctl
from nvmedctl.cli import completing, cut_short, pb, progress, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import Decorator, filter_option
from nvmedctl.cli.session import Session
from nvmedctl.cli.short_names import operation_name
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.cli.text import ago, label, moment, short, size

operation_argument: Decorator = click.argument("operation", shell_complete=completing.operations)


@click.group()
def operations() -> None:
    """What is being done to drives, and what was. OPERATION is a name as `list` shows it, or its first digits."""


def _method(about: pb.operations.OperationMetadata) -> str:
    return about.method.rpartition("/")[2]


def _target(name: str) -> str:
    return f"images/{short(name)}" if name.startswith("images/") else name


def _far(about: pb.operations.OperationMetadata) -> str:
    if not about.bytes_total:
        return about.phase
    return f"{about.phase} {100 * about.bytes_done // about.bytes_total} % of {size(about.bytes_total)}"


COLUMNS: Columns[tuple[pb.longrunning.Operation, pb.operations.OperationMetadata]] = (
    Column("OPERATION", lambda o: o[0].name, short),
    Column("METHOD", lambda o: _method(o[1])),
    Column("TARGET", lambda o: o[1].target, _target),
    Column("STATE", lambda o: f"{render.enum(o[1], 'state')} {_far(o[1])}".strip()),
    Column("BEGAN", lambda o: render.when(o[1], "create_time"), ago),
    Column("PRINCIPAL", lambda o: o[1].principal, wide=True),
    Column("TIME", lambda o: render.when(o[1], "create_time"), moment, wide=True),
    Column("NAME", lambda o: o[0].name, wide=True),
)


@command(operations, "list", lists=True)
@filter_option
async def list_operations(session: Session, filter_text: str) -> None:
    """List operations, newest first.

    JSON: google.longrunning.ListOperationsResponse, all pages as one, each metadata as nvmed.v1.OperationMetadata.
    """
    stub = session.client.operations
    request = pb.longrunning.ListOperationsRequest(filter=filter_text)
    found = [item async for item in nvmedctl.pages(stub.ListOperations, request, lambda r: r.operations)]
    rows = [(item, nvmedctl.operations.metadata(item)) for item in found]
    session.show_list(pb.longrunning.ListOperationsResponse(operations=found), COLUMNS, rows)


@command(operations, "show", lists=True)
@operation_argument
async def show(session: Session, operation: str) -> None:
    """Show one operation with its steps.  JSON: google.longrunning.Operation."""
    name = await operation_name(session, operation)
    found = await session.client.operations.GetOperation(pb.longrunning.GetOperationRequest(name=name))
    session.show(found, lambda: view(found), (COLUMNS, [(found, nvmedctl.operations.metadata(found))]))


@command(operations, "wait")
@operation_argument
async def wait(session: Session, operation: str) -> None:
    """Wait until an operation has ended, and fail as it failed.  JSON: google.longrunning.Operation."""
    name = await operation_name(session, operation)
    found = await follow(session, pb.longrunning.Operation(name=name))
    if found.WhichOneof("result") == "error":
        nvmedctl.operations.unpack(found, pb.operations.OperationMetadata)
    session.show(found, lambda: view(found))


@command(operations, "cancel", changes=True)
@operation_argument
async def cancel(session: Session, operation: str) -> None:
    """Ask an operation to stop where that is safe: not while it commits firmware or resets.

    JSON: google.longrunning.Operation, as it is then.
    """
    stub, name = session.client.operations, await operation_name(session, operation)
    await stub.CancelOperation(pb.longrunning.CancelOperationRequest(name=name))
    found = await stub.GetOperation(pb.longrunning.GetOperationRequest(name=name))
    session.show(found, lambda: view(found))


async def follow(session: Session, operation: pb.longrunning.Operation) -> pb.longrunning.Operation:
    """`operation` once it is done, with a bar for those who watch."""
    go_on = cut_short.typed("operations", "wait", operation.name)
    kept = cut_short.Left(f"{operation.name} goes on in the daemon, whatever becomes of this command", go_on)
    with session.leaving(lambda: kept), progress.operation() as report:
        return await nvmedctl.operations.wait(session.client.operations, operation, report)


def view(operation: pb.longrunning.Operation) -> str:
    """An operation for people: what it is, its steps, its parts, and its result."""
    about = nvmedctl.operations.metadata(operation)
    shown = [f"{operation.name}: {_method(about)} of {about.target}, {render.enum(about, 'state')}"]
    shown.append(render.details(about, without=("steps", "parts", "method", "target", "state")))
    for step in about.steps:
        took = step.settle_time.ToMilliseconds() - step.intend_time.ToMilliseconds()
        ended = step.failure_message or ("interrupted" if not step.HasField("settle_time") else f"done in {took} ms")
        shown.append(f"step {step.name}: {ended}")
    if about.parts:
        shown.append(table(PARTS, about.parts))
    if operation.WhichOneof("result") == "error":
        shown.append(f"error: {operation.error.message}")
    return "\n".join(shown)


PARTS: Columns[pb.operations.OperationMetadata.Part] = (
    Column("PART", lambda p: p.operation),
    Column("TARGET", lambda p: p.target),
    Column("STATE", lambda p: label(pb.operations.OperationMetadata.State.Name(p.state), "STATE_")),
    Column("PHASE", lambda p: p.phase or "-"),
    Column("FAILURE", lambda p: p.failure_message or "-"),
)
