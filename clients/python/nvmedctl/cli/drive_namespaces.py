"""nvmedctl namespaces allocated, identity, block-size, attach, detach, rescan: namespaces as their drive knows them."""

from __future__ import annotations

from typing import Any

import click

import nvmedctl
from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.namespaces import namespaces
from nvmedctl.cli.parameters import (
    DWORD,
    Decorator,
    controller_argument,
    dry_run_option,
    integer,
    one_controller_argument,
    options,
    request_id_option,
    seconds,
)
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.cli.text import size

nsid_argument: Decorator = click.argument("nsid", type=DWORD)
wait_options: Decorator = options(
    click.option("--wait", "wait_timeout_ms", type=seconds, default=0, metavar="SECONDS",
                 help="How long to wait until the kernel shows it.  [default: 10]"),
    dry_run_option,
    request_id_option,
)  # fmt: skip
"""What every command has that changes something and waits for the kernel."""

attachment_options: Decorator = options(
    click.option("--controller-ids", "ids", required=True, metavar="ID,...", callback=lambda _c, _p, value: _ids(value),
                 help="Controllers of the subsystem (CNTLID): 1,2 or 0x41."),
    wait_options,
)  # fmt: skip


def _ids(text: str) -> list[int]:
    one = integer(0xFFFF)
    return [one(each.strip()) for each in text.split(",")]


def waiting(wait_timeout_ms: int, dry_run: bool, request_id: str) -> dict[str, Any]:
    """The fields of `wait_options`."""
    return {"wait_timeout_ms": wait_timeout_ms, "validate_only": dry_run, "request_id": request_id}


@command(namespaces, "allocated", lists=True)
@controller_argument
@click.option("--attached", "attached_only", is_flag=True, help="Only those that are attached to CONTROLLER.")
async def allocated(session: Session, controller: str, attached_only: bool) -> None:
    """List the namespaces of a drive, also those that are attached elsewhere or nowhere.

    JSON: nvmed.v1.ListAllocatedNamespacesResponse, all pages as one.
    """
    request = pb.namespace.ListAllocatedNamespacesRequest(controller=controller, attached_only=attached_only)
    stub = session.client.namespaces
    found = [page async for page in nvmedctl.pages(stub.ListAllocatedNamespaces, request, lambda response: (response,))]
    everything = [namespace for page in found for namespace in page.namespaces]
    answer = pb.namespace.ListAllocatedNamespacesResponse(controller=found[0].controller, namespaces=everything)
    session.show_list(answer, ALLOCATED, everything)


@command(namespaces, "identity")
@one_controller_argument
@click.argument("nsid", type=DWORD, required=False)
@click.option("--include-raw", is_flag=True, help="Also the bytes of Identify, in base64 in JSON.")
async def identity(session: Session, controller: str, nsid: int | None, include_raw: bool) -> None:
    """Show what a namespace is, and the formats that it could have.

    NSID may be left out where CONTROLLER is a namespace's node.  JSON: nvmed.v1.NamespaceIdentity.
    """
    request = pb.namespace.GetNamespaceIdentityRequest(controller=controller, nsid=nsid, include_raw=include_raw)
    found = await session.client.namespaces.GetNamespaceIdentity(request)
    session.show(
        found, lambda: f"{render.details(found, without=('lba_formats', 'raw'))}\n\n"
        f"{table(FORMATS, found.lba_formats)}"
    )  # fmt: skip


@command(namespaces, "block-size")
@one_controller_argument
@click.argument("nsid", type=DWORD, required=False)
async def block_size(session: Session, controller: str, nsid: int | None) -> None:
    """Compute the size of a logical block.

    NSID may be left out where CONTROLLER is a namespace's node.  JSON: nvmed.v1.LogicalBlockSize.
    """
    request = pb.namespace.GetLogicalBlockSizeRequest(controller=controller, nsid=nsid)
    found = await session.client.namespaces.GetLogicalBlockSize(request)
    session.show(found, lambda: render.details(found))


@command(namespaces, "attach", lists=True, changes=True)
@controller_argument
@nsid_argument
@attachment_options
async def attach(session: Session, controller: str, nsid: int, ids: list[int], **more: Any) -> None:
    """Attach a namespace to controllers, and wait until the kernel shows it.

    CONTROLLER is asked; those that are told are --controller-ids.  JSON: nvmed.v1.AttachControllersResponse.
    """
    request = pb.namespace.AttachControllersRequest(
        controller=controller, nsid=nsid, controller_ids=ids, **waiting(**more)
    )
    answer = await session.client.namespaces.AttachControllers(
        request, timeout=session.deadline_s(request.wait_timeout_ms)
    )
    session.show_list(answer, REPORTS, answer.reports)


@command(namespaces, "detach", lists=True, changes=True)
@controller_argument
@nsid_argument
@attachment_options
async def detach(session: Session, controller: str, nsid: int, ids: list[int], **more: Any) -> None:
    """Detach a namespace from controllers, and wait until the kernel drops its nodes.

    JSON: nvmed.v1.DetachControllersResponse.
    """
    request = pb.namespace.DetachControllersRequest(
        controller=controller, nsid=nsid, controller_ids=ids, **waiting(**more)
    )
    answer = await session.client.namespaces.DetachControllers(
        request, timeout=session.deadline_s(request.wait_timeout_ms)
    )
    session.show_list(answer, REPORTS, answer.reports)


@command(namespaces, "rescan", changes=True)
@controller_argument
@wait_options
async def rescan(session: Session, controller: str, **more: Any) -> None:
    """Let the kernel look for namespaces, and wait until it shows what is attached.

    JSON: nvmed.v1.RescanControllerResponse.
    """
    request = pb.namespace.RescanControllerRequest(controller=controller, **waiting(**more))
    answer = await session.client.namespaces.RescanController(
        request, timeout=session.deadline_s(request.wait_timeout_ms)
    )
    session.show(answer, lambda: f"{render.details(answer, without='namespaces')}\n\n"
                                 f"{table(ALLOCATED, answer.namespaces)}")  # fmt: skip


ALLOCATED: Columns[pb.namespace.AllocatedNamespace] = (
    Column("NSID", lambda n: n.nsid),
    Column("ATTACHED", lambda n: "yes" if n.attached else "no"),
    Column("CONTROLLERS", lambda n: ", ".join(str(each) for each in n.controller_ids) or "-"),
    Column("NODE", lambda n: n.device_node or "-"),
)

FORMATS: Columns[pb.namespace.LbaFormat] = (
    Column("FORMAT", lambda f: f.index),
    Column("BLOCK", lambda f: size(f.logical_block_bytes) if f.logical_block_bytes else "-"),
    Column("METADATA", lambda f: f.metadata_bytes),
    Column("PERFORMANCE", lambda f: ("best", "better", "good", "degraded")[f.relative_performance & 3]),
    Column("IN USE", lambda f: "yes" if f.in_use else "no"),
)

REPORTS: Columns[pb.namespace.ControllerReport] = (
    Column("ID", lambda r: r.controller_id),
    Column("CONTROLLER", lambda r: r.controller or "-"),
    Column("OUTCOME", lambda r: render.enum(r, "outcome")),
    Column("HOST", lambda r: render.enum(r, "host_view")),
    Column("NODE", lambda r: r.device_node or "-"),
)
