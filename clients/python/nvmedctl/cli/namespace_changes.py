"""nvmedctl namespaces create, delete, format: what makes namespaces, and what loses their data."""

from __future__ import annotations

from typing import Any

import click

from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.drive_namespaces import REPORTS, nsid_argument, wait_options, waiting
from nvmedctl.cli.firmware import run
from nvmedctl.cli.namespaces import namespaces
from nvmedctl.cli.parameters import (
    DWORD,
    QWORD,
    Decorator,
    FieldOption,
    controller_argument,
    dry_run_option,
    integer,
    one_controller_argument,
    options,
    request_id_option,
    seconds,
    size,
)
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import table

ERASES = {"user-data": "SECURE_ERASE_USER_DATA", "crypto": "SECURE_ERASE_CRYPTOGRAPHIC"}

acknowledge_option: Decorator = click.option(
    "--acknowledge-data-loss", is_flag=True, help="The data will be lost, and that is fine."
)
no_wait_option: Decorator = click.option("--no-wait", is_flag=True, help="Print the operation and leave it to itself.")
format_options: Decorator = options(
    click.option("--lba-format", type=integer(63), help="Index of its LBA format, as `identity` lists them."),
    click.option("--block-size", "logical_block_bytes", type=size, metavar="SIZE",
                 help="The fastest format without metadata whose blocks have this size."),
    click.option("--protection-type", type=integer(3), default=0, help="Protection information type."),
    click.option("--extended-metadata", is_flag=True, help="Metadata become part of a block's data."),
)  # fmt: skip


@command(namespaces, "create", changes=True)
@controller_argument
@click.option("--size", "size_bytes", type=size, metavar="SIZE", help="Its size: 100GiB.")
@click.option("--size-blocks", type=QWORD, help="Its size in logical blocks, instead.")
@click.option("--capacity-blocks", type=QWORD, default=0, help="Blocks that may be allocated.  [default: all]")
@format_options
@click.option("--shared", is_flag=True, help="It may be attached to several controllers.")
@click.option("--ana-group", "ana_group_id", type=DWORD, default=0, help="ANA group.  [default: the drive's choice]")
@click.option("--nvm-set", "nvm_set_id", type=integer(0xFFFF), default=0, help="NVM set.")
@click.option("--endurance-group", "endurance_group_id", type=integer(0xFFFF), default=0, help="Endurance group.")
@dry_run_option
@request_id_option
@no_wait_option
async def create(session: Session, controller: str, no_wait: bool, dry_run: bool, **fields: Any) -> None:
    """Create a namespace, attached to nothing: `attach` follows.

    JSON: nvmed.v1.CreateNamespaceResponse; with --no-wait google.longrunning.Operation.
    """
    if (fields["size_bytes"] is None) == (fields["size_blocks"] is None):
        raise click.UsageError("Give --size or --size-blocks, not both.")
    request = pb.namespace.CreateNamespaceRequest(controller=controller, validate_only=dry_run, **_one_format(fields))
    await run(
        session,
        session.client.namespaces.CreateNamespace,
        request,
        pb.namespace.CreateNamespaceResponse,
        no_wait,
        lambda answer: _created(answer, dry_run),
    )


@command(namespaces, "delete", changes=True)
@controller_argument
@nsid_argument
@acknowledge_option
@wait_options
@no_wait_option
async def delete(
    session: Session, controller: str, nsid: int, acknowledge_data_loss: bool, no_wait: bool, **more: Any
) -> None:
    """Delete a namespace with its data.  JSON: nvmed.v1.DeleteNamespaceResponse."""
    request = pb.namespace.DeleteNamespaceRequest(
        controller=controller, nsid=nsid, acknowledge_data_loss=acknowledge_data_loss, **waiting(**more)
    )

    def view(answer: pb.namespace.DeleteNamespaceResponse) -> str:
        done = "would be deleted" if request.validate_only else "is deleted"
        line = f"{answer.controller}: namespace {answer.nsid} {done}"
        return f"{line}\n\n{table(REPORTS, answer.reports)}" if answer.reports else line

    stub = session.client.namespaces
    await run(session, stub.DeleteNamespace, request, pb.namespace.DeleteNamespaceResponse, no_wait, view)


@command(namespaces, "format", changes=True)
@one_controller_argument
@click.argument("nsid", type=DWORD, required=False)
@click.option("--all", "all_namespaces", is_flag=True, help="Every namespace attached to CONTROLLER, instead of NSID.")
@format_options
@click.option("--protection-first", is_flag=True, help="Protection information comes first in the metadata.")
@click.option("--erase", cls=FieldOption, field="secure_erase", type=click.Choice(list(ERASES)), help="Erase too.")
@acknowledge_option
@click.option(
    "--drive-timeout",
    "timeout_ms",
    type=seconds,
    default=0,
    metavar="SECONDS",
    help="How long the drive may take.  [default: 600]",
)
@dry_run_option
@request_id_option
@no_wait_option
async def format_namespace(
    session: Session, controller: str, erase: str | None, no_wait: bool, dry_run: bool, **fields: Any
) -> None:
    """Format a namespace, which loses its data.

    JSON: nvmed.v1.FormatNamespaceResponse; with --no-wait google.longrunning.Operation.
    """
    if (fields["nsid"] is None) != fields["all_namespaces"]:
        raise click.UsageError("Give NSID or --all, not both.")
    request = pb.namespace.FormatNamespaceRequest(
        controller=controller,
        secure_erase=ERASES[erase] if erase else None,
        validate_only=dry_run,
        **_one_format(fields),
    )  # fmt: skip
    await run(
        session,
        session.client.namespaces.FormatNamespace,
        request,
        pb.namespace.FormatNamespaceResponse,
        no_wait,
        lambda answer: _formatted(answer, dry_run),
    )


def _one_format(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields`, at most one of which says what the format is to be."""
    if fields["lba_format"] is not None and fields["logical_block_bytes"] is not None:
        raise click.UsageError("Give --lba-format or --block-size, not both.")
    return {name: value for name, value in fields.items() if value is not None}


def _created(answer: pb.namespace.CreateNamespaceResponse, dry_run: bool) -> str:
    name = "a namespace would be created" if dry_run else f"namespace {answer.nsid} is created"
    blocks = f"{answer.size_blocks} blocks of {answer.logical_block_bytes} bytes (format {answer.lba_format})"
    return f"{answer.controller}: {name}, {blocks}"


def _formatted(answer: pb.namespace.FormatNamespaceResponse, dry_run: bool) -> str:
    done = "would be formatted" if dry_run else f"formatted, host: {render.enum(answer, 'host_view')}"
    names = ", ".join(str(nsid) for nsid in answer.nsids)
    blocks = f"blocks of {answer.logical_block_bytes} bytes (format {answer.lba_format})"
    return f"{answer.controller}: namespace {names} {done}, {blocks}"
