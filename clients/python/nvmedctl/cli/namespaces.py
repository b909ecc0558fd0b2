"""nvmedctl namespaces: namespaces that the host sees."""

from __future__ import annotations

import click

from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import filter_option
from nvmedctl.cli.session import Session
from nvmedctl.cli.text import size

COLUMNS: render.Columns[pb.resources.Namespace] = (
    ("NAME", lambda n: n.name),
    ("NODE", lambda n: n.device_node),
    ("NSID", lambda n: n.nsid),
    ("SIZE", lambda n: size(n.size_bytes)),
    ("BLOCK", lambda n: n.logical_block_bytes),
    ("PATHS", lambda n: len(n.paths)),
    ("UUID", lambda n: n.uuid or n.nguid or n.eui64),
)


@click.group()
def namespaces() -> None:
    """Namespaces of the host."""


@command(namespaces, "list")
@click.option("--subsystem", default="", metavar="SUBSYSTEM", help="Only those of subsystems/SUBSYSTEM.")
@filter_option
async def list_namespaces(session: Session, subsystem: str, filter_text: str) -> None:
    """List namespaces.  JSON: nvmed.v1.ListNamespacesResponse, all pages as one."""
    parent = f"subsystems/{subsystem.removeprefix('subsystems/')}" if subsystem else ""
    found = [item async for item in session.client.list_namespaces(parent, filter_text)]
    session.show(pb.inventory.ListNamespacesResponse(namespaces=found), lambda: render.table(COLUMNS, found))


@command(namespaces, "show")
@click.argument("namespace")
async def show(session: Session, namespace: str) -> None:
    """Show one namespace.  JSON: nvmed.v1.Namespace."""
    request = pb.inventory.GetNamespaceRequest(name=namespace.removeprefix("/dev/"))
    found = await session.client.inventory.GetNamespace(request)
    session.show(found, lambda: render.details(found))
