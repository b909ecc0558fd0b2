"""nvmedctl subsystems: NVM subsystems, their controllers and namespaces."""

from __future__ import annotations

import click

from nvmedctl.cli import completing, pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import filter_option
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns

COLUMNS: Columns[pb.resources.Subsystem] = (
    Column("NAME", lambda s: s.name),
    Column("MODEL", lambda s: s.model_number),
    Column("SERIAL", lambda s: s.serial_number),
    Column("CONTROLLERS", lambda s: len(s.controllers)),
    Column("NAMESPACES", lambda s: len(s.namespaces)),
    Column("NQN", lambda s: s.nqn),
)


@click.group()
def subsystems() -> None:
    """NVM subsystems of the host."""


@command(subsystems, "list", lists=True)
@filter_option
async def list_subsystems(session: Session, filter_text: str) -> None:
    """List NVM subsystems.  JSON: nvmed.v1.ListSubsystemsResponse, all pages as one."""
    found = [item async for item in session.client.list_subsystems(filter_text)]
    session.show_list(pb.inventory.ListSubsystemsResponse(subsystems=found), COLUMNS, found)


@command(subsystems, "show")
@click.argument("subsystem", shell_complete=completing.subsystems)
async def show(session: Session, subsystem: str) -> None:
    """Show one NVM subsystem.  JSON: nvmed.v1.Subsystem."""
    found = await session.client.inventory.GetSubsystem(pb.inventory.GetSubsystemRequest(name=subsystem))
    session.show(found, lambda: render.details(found))
