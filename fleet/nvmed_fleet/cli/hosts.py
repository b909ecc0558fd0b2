"""nvmed-fleet hosts: which hosts a file and a selector give."""

from __future__ import annotations

import dataclasses
import json
import re
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


def target(host: Host, port: int) -> dict[str, object]:
    """A host as a group of file_sd: one target, with the host's labels under names that Prometheus takes.

    Not of those whose address is a unix socket.
    """
    labels = {re.sub(r"\W|^(?=\d)", "_", name, flags=re.ASCII): value for name, value in host.labels.items()}
    return {"targets": [f"{host.address.rpartition(':')[0]}:{port}"], "labels": {**labels, "host": host.name}}


@click.command("hosts")
@host_options
@click.option(
    "--output",
    type=click.Choice(["table", "json", "prometheus"]),
    default="table",
    help="For people, for programs, or targets for Prometheus' file_sd.",
)
@click.option(
    "--metrics-port", type=click.IntRange(1, 65535), default=7444, help="Port of the targets.", show_default=True
)
@run
async def hosts(source: str, select: str, output: str, metrics_port: int) -> None:
    """List hosts, with what is known of each."""
    found = inventories.load(source).select(select).hosts
    if output == "prometheus":
        click.echo(
            json.dumps(
                [target(host, metrics_port) for host in found if ":" in host.address and "/" not in host.address],
                indent=2,
            )
        )
    elif output == "json":
        click.echo(json.dumps([dataclasses.asdict(host) for host in found], indent=2, default=str))
    else:
        click.echo(table(COLUMNS, found))
