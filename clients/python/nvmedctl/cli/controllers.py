"""nvmedctl controllers: what is attached, and what it can do."""

from __future__ import annotations

import click

from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import controller_argument, filter_option
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns, table

COLUMNS: Columns[pb.resources.Controller] = (
    Column("NAME", lambda c: c.name),
    Column("NODE", lambda c: c.device_node),
    Column("MODEL", lambda c: c.model_number),
    Column("SERIAL", lambda c: c.serial_number, wide=True),
    Column("FIRMWARE", lambda c: c.firmware_revision),
    Column("TRANSPORT", lambda c: c.transport, wide=True),
    Column("ADDRESS", lambda c: c.address, wide=True),
    Column("STATE", lambda c: render.enum(c, "state")),
    Column("LANE", lambda c: render.enum(c, "lane_state"), wide=True),
)

CAPABILITY_COLUMNS: Columns[pb.inventory.ControllerCapabilities.Capability] = (
    Column("CAPABILITY", lambda c: c.capability),
    Column("SUPPORTED", lambda c: "yes" if c.supported else "no"),
    Column("SAID BY", lambda c: c.source),
    Column("WHY NOT", lambda c: c.description),
)


@click.group()
def controllers() -> None:
    """NVMe controllers of the host."""


@command(controllers, "list", lists=True)
@filter_option
async def list_controllers(session: Session, filter_text: str) -> None:
    """List controllers.  JSON: nvmed.v1.ListControllersResponse, all pages as one."""
    found = [item async for item in session.client.list_controllers(filter_text)]
    session.show_list(pb.inventory.ListControllersResponse(controllers=found), COLUMNS, found)


@command(controllers, "show", lists=True)
@controller_argument
async def show(session: Session, controller: str) -> None:
    """Show one controller.  JSON: nvmed.v1.Controller."""
    found = await session.client.inventory.GetController(pb.inventory.GetControllerRequest(name=controller))
    session.show(found, lambda: render.details(found), (COLUMNS, [found]))


@command(controllers, "capabilities", lists=True)
@controller_argument
async def capabilities(session: Session, controller: str) -> None:
    """Ask a controller what it can do.  JSON: nvmed.v1.ControllerCapabilities."""
    request = pb.inventory.GetControllerCapabilitiesRequest(name=controller)
    found = await session.client.inventory.GetControllerCapabilities(request)
    session.show(
        found,
        lambda: "\n".join(
            (render.details(found, without="capabilities"), "", table(CAPABILITY_COLUMNS, found.capabilities))
        ),
        (CAPABILITY_COLUMNS, found.capabilities),
    )
