"""nvmedctl namespaces: namespaces that the host sees."""

from __future__ import annotations

import click

from nvmedctl.cli import completing, pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import filter_option
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import size

COLUMNS: Columns[pb.resources.Namespace] = (
    Column("NODE", lambda n: n.device_node),
    Column("NSID", lambda n: n.nsid),
    Column("SIZE", lambda n: n.size_bytes, size),
    Column("BLOCK", lambda n: n.logical_block_bytes, size),
    Column("PATHS", lambda n: len(n.paths)),
    Column("NAME", lambda n: n.name, wide=True),
    Column("UUID", lambda n: n.uuid or n.nguid or n.eui64, wide=True),
)


@click.group()
def namespaces() -> None:
    """Namespaces of the host."""


@command(namespaces, "list", lists=True)
@click.option("--subsystem", default="", metavar="SUBSYSTEM", help="Only those of subsystems/SUBSYSTEM.")
@filter_option
async def list_namespaces(session: Session, subsystem: str, filter_text: str) -> None:
    """List namespaces.  JSON: nvmed.v1.ListNamespacesResponse, all pages as one."""
    parent = f"subsystems/{subsystem.removeprefix('subsystems/')}" if subsystem else ""
    found = [item async for item in session.client.list_namespaces(parent, filter_text)]
    session.show_list(pb.inventory.ListNamespacesResponse(namespaces=found), COLUMNS, found)


@command(namespaces, "show")
@click.argument("namespace", shell_complete=completing.namespaces)
async def show(session: Session, namespace: str) -> None:
    """Show one namespace.  JSON: nvmed.v1.Namespace."""
    request = pb.inventory.GetNamespaceRequest(name=namespace.removeprefix("/dev/"))
    found = await session.client.inventory.GetNamespace(request)
    session.show(found, lambda: render.details(found))
