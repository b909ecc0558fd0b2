"""nvmed-fleet hosts: which hosts a file and a selector give."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import click
from nvmedctl import hosts as inventories
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.hosts import Host

from nvmed_fleet.cli.failures import run

COLUMNS: Columns[Host] = (
    Column("HOST", lambda host: host.name),
    Column("ADDRESS", lambda host: host.address),
    Column("DOMAIN", lambda host: host.domain),
    Column("GROUPS", lambda host: ", ".join(host.groups) or "-"),
    Column("LABELS", lambda host: ", ".join(f"{key}={value}" for key, value in sorted(host.labels.items())) or "-"),
)


def host_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--hosts and --select, for every command that is about hosts."""
    select = click.option(
        "--select", default="", metavar="EXPR", help='Only these: rack = r7 and model ~ "X.*".  [default: all]'
    )
    source = click.option(
        "--hosts",
        "source",
        required=True,
        metavar="FILE",
        help="TOML, YAML or JSON, an executable that prints JSON, or ansible:INVENTORY.",
    )
    return source(select(command))


@click.command("hosts")
@host_options
@click.option("--output", type=click.Choice(["table", "json"]), default="table", help="For people or programs.")
@run
async def hosts(source: str, select: str, output: str) -> None:
    """List hosts, with what is known of each."""
    found = inventories.load(source).select(select).hosts
    if output == "json":
        click.echo(json.dumps([dataclasses.asdict(host) for host in found], indent=2, default=str))
    else:
        click.echo(table(COLUMNS, found))
