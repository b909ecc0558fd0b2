"""nvmedctl server: the daemon itself."""

from __future__ import annotations

import click

from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmedctl.cli import render
from nvmedctl.cli.command import Session, command


@click.group()
def server() -> None:
    """The daemon itself."""


@command(server, "info")
async def info(session: Session) -> None:
    """Show version, host, features and limits of the daemon.  JSON: nvmed.v1.ServerInfo."""
    found = await session.client.admin.GetServerInfo(GetServerInfoRequest())
    session.show(found, lambda: render.details(found))
