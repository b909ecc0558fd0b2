"""nvmed-fleet rotation: TLS keys of many connections, at both ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from nvmedctl import hosts as inventories

from nvmed_fleet import rotation as rotations
from nvmed_fleet.cli.failures import run
from nvmed_fleet.cli.hosts import host_options
from nvmed_fleet.cli.options import engine_options
from nvmed_fleet.cli.sweep import follow
from nvmed_fleet.rotation import Options
from nvmed_fleet.temporal.engine import Engine

DEFAULTS = Options()


@click.group()
def rotation() -> None:
    """Replace TLS keys of connections, at the host and at the target."""


@rotation.command("run")
@host_options
@click.option(
    "--pairs",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Hosts, subsystems, and references to the new keys.",
)
@click.option(
    "--acknowledge-disruption", is_flag=True, help="I/O may wait while the only path to a namespace is reset."
)
@click.option("--id", "name", default="", help="What it is called.  [default: the time, in UTC]")
@click.option("--in-flight", type=int, default=DEFAULTS.in_flight, show_default=True, help="Pairs at once.")
@click.option(
    "--failure-budget", type=int, default=DEFAULTS.failure_budget, show_default=True, help="Pairs that may fail."
)
@click.option(
    "--unreachable-after",
    type=float,
    default=DEFAULTS.unreachable_after_s,
    show_default=True,
    metavar="SECONDS",
    help="How long a host is waited for.",
)
@engine_options
@run
async def run_command(
    engine: Engine,
    source: str,
    select: str,
    pairs: Path,
    acknowledge_disruption: bool,
    name: str,
    in_flight: int,
    failure_budget: int,
    unreachable_after: float,
) -> int | None:
    """Rotate the keys of all pairs. With the same --id it goes on: what was done is not done again.

    Keys are given by reference (file:, exec:, env:), which the worker resolves: none is in a plan or in the engine.
    """
    name = name or datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    inventory = inventories.load(source).select(select)
    options = Options(in_flight, failure_budget, acknowledge_disruption, unreachable_after)
    plan = rotations.make(name, await asyncio.to_thread(rotations.load, pairs), inventory, options)
    digest = engine.store.put(msgspec.json.encode(plan, order="deterministic"))
    click.echo(f"rotation {name}: {len(plan.pairs)} pairs; to go on with it, give --id {name}", err=True)
    return await follow(engine, "rotation", name, digest)
