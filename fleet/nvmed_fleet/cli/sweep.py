"""nvmed-fleet sweep: logs of many drives, into a directory or a bucket."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click
import msgspec
from nvmedctl import hosts as inventories
from nvmedctl.hosts import ranges

from nvmed_fleet import places
from nvmed_fleet import sweep as sweeps
from nvmed_fleet.cli.failures import run
from nvmed_fleet.cli.hosts import host_options
from nvmed_fleet.cli.options import engine_options
from nvmed_fleet.cli.watching import FAILED
from nvmed_fleet.sweep import KINDS, Options
from nvmed_fleet.temporal import batches
from nvmed_fleet.temporal.batch_payloads import BatchStatus, Kind
from nvmed_fleet.temporal.engine import Engine, session

DEFAULTS = Options()


@click.group()
def sweep() -> None:
    """Collect SMART and telemetry of many hosts."""


@sweep.command("run")
@host_options
@click.option("--into", required=True, metavar="DIR|URL", help="Directory, or bucket: s3://BUCKET/PREFIX, gs:, az:.")
@click.option(
    "--collect",
    multiple=True,
    type=click.Choice(KINDS),
    default=("smart",),
    show_default=True,
    help="What; repeatable.",
)
@click.option("--id", "name", default="", help="What it is called.  [default: the time, in UTC]")
@click.option("--data-area", type=click.IntRange(0, 4), default=0, help="Of telemetry.  [default: the daemon's]")
@click.option("--in-flight", type=int, default=DEFAULTS.in_flight, show_default=True, help="Hosts at once.")
@click.option("--drives-at-once", type=int, default=DEFAULTS.drives_at_once, show_default=True, help="Of one host.")
@click.option(
    "--unreachable-after", type=float, default=DEFAULTS.unreachable_after_s, show_default=True, metavar="SECONDS",
    help="How long a host is waited for.",
)  # fmt: skip
@engine_options
@run
async def run_command(
    engine: Engine,
    source: str,
    select: str,
    into: str,
    collect: tuple[str, ...],
    name: str,
    data_area: int,
    in_flight: int,
    drives_at_once: int,
    unreachable_after: float,
) -> int | None:
    """Collect, and write a manifest. With the same --id it goes on: what is there is not collected again.

    A controller's own telemetry is acknowledged once it is durable where it belongs, and not before.
    """
    name = name or datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    inventory = inventories.load(source).select(select)
    options = Options(data_area, in_flight, drives_at_once, unreachable_after)
    plan = sweeps.make(name, into, collect, inventory.hosts, options)
    if not engine.address:  # the worker of a cluster may be allowed what this command is not
        await places.opened(plan.into).put(f"{name}/plan.json", msgspec.json.encode(plan))
    digest = engine.store.put(msgspec.json.encode(plan, order="deterministic"))
    click.echo(f"sweep {name}: {len(plan.hosts)} hosts into {plan.into}; to go on with it, give --id {name}", err=True)
    return await follow(engine, "sweep", name, digest)


async def follow(engine: Engine, kind: Kind, name: str, digest: str) -> int | None:
    """Begin a batch or find it, and wait for its end; the exit code."""
    async with session(engine) as client:
        await batches.begin(client, kind, name, digest)
        status = await batches.ended(client, kind, name)
    click.echo(one_line(status))
    return FAILED if status.failures or status.state != "done" else None


def one_line(status: BatchStatus) -> str:
    """Where a batch is, for people."""
    failed = f", {status.failures} failed ({ranges(status.failed)})" if status.failures else ""
    summary = f": {status.summary}" if status.summary else ""
    return f"{status.kind} {status.name}: {status.state}, {status.good} of {status.items} done{failed}{summary}"


@sweep.command("status")
@click.argument("name", metavar="ID")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@engine_options
@run
async def status_command(engine: Engine, name: str, output: str) -> None:
    """Tell where a sweep is."""
    async with session(engine) as client:
        found = await batches.status(client, "sweep", name)
    click.echo(json.dumps(asdict(found), indent=2) if output == "json" else one_line(found))


@sweep.command("cancel")
@click.argument("name", metavar="ID")
@engine_options
@run
async def cancel_command(engine: Engine, name: str) -> None:
    """Begin no other host, and end when those in flight are done."""
    async with session(engine) as client:
        await batches.cancel(client, "sweep", name)
