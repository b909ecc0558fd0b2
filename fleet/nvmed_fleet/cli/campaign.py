"""nvmed-fleet campaign: plan, run, steer and report."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click
from nvmedctl import hosts as inventories
from nvmedctl.cli.tables import Column, Columns, table

from nvmed_fleet import planning, report, report_page
from nvmed_fleet.cli import watching
from nvmed_fleet.cli.failures import run
from nvmed_fleet.cli.hosts import host_options
from nvmed_fleet.cli.options import engine_options, plan_options
from nvmed_fleet.cli.watching import follow, one_line
from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.plan import Options
from nvmed_fleet.temporal import campaigns
from nvmed_fleet.temporal.engine import Engine, session

OVER = ("done", "cancelled")
"""The last thing that happened to a campaign that is not to be begun again."""

campaign_argument = click.argument("campaign", metavar="ID")


@click.group()
def campaign() -> None:
    """Bring firmware to many hosts, in waves."""


@campaign.command("plan")
@host_options
@plan_options
@engine_options
@run
async def plan_command(engine: Engine, source: str, select: str, image: Path, options: Options, campaign: str) -> None:
    """Ask every host, and show which drive would be updated in which wave; nothing is changed."""
    await _plan(engine, source, select, image, options, campaign)


@campaign.command("run")
@host_options
@plan_options
@click.option("--yes", is_flag=True, help="Do not ask whether the plan is right.")
@click.option("--detach", is_flag=True, help="Start it and leave it to the workers of a cluster.")
@click.option("--stop-when-halted", is_flag=True, help="Leave with 5 when the campaign waits for a person.")
@engine_options
@run
async def run_command(
    engine: Engine,
    source: str,
    select: str,
    image: Path,
    options: Options,
    campaign: str,
    yes: bool,
    detach: bool,
    stop_when_halted: bool,
) -> int | None:
    """Plan a campaign, show the plan, and run it to its end.

    Killed at any time, the same command goes on where it was; when all is over it tells how that went.
    """
    if detach and not engine.address:
        raise click.UsageError("--detach needs --engine: an embedded engine ends with this command.")
    name = await _plan(engine, source, select, image, options, campaign)
    if not yes and not engine.store.events(name):
        click.confirm("Run it?", abort=True, err=True)
    told = report.make(engine.store, name)
    if told.state in OVER:
        click.echo(report.as_text(told))
        return watching.FAILED if told.failed or told.state != "done" else None
    async with session(engine) as client:
        await campaigns.begin(client, engine.store, name)
        if detach:
            click.echo(f"{name} has begun")
            return None
        return await follow(client, engine.store, name, stop_when_halted=stop_when_halted)


@campaign.command("list")
@engine_options
@run
async def list_command(engine: Engine) -> None:
    """List campaigns, the newest first."""
    found = [report.make(engine.store, name) for name in engine.store.campaigns()]
    columns: Columns[report.Report] = (
        Column("ID", lambda one: one.campaign),
        Column("STATE", lambda one: one.state),
        Column("PLANNED", lambda one: one.plan.made[:19]),
        Column("REVISION", lambda one: one.plan.options.revision),
        Column("HOSTS", lambda one: len(one.hosts)),
        Column("RESULTS", lambda one: ", ".join(f"{count} {verdict}" for verdict, count in one.counts.items())),
    )
    click.echo(table(columns, found))


@campaign.command("status")
@campaign_argument
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@engine_options
@run
async def status_command(engine: Engine, campaign: str, output: str) -> None:
    """Tell where a campaign is."""
    async with session(engine) as client:
        found = await campaigns.status(client, campaign)
    click.echo(json.dumps(asdict(found), indent=2) if output == "json" else one_line(found))


@campaign.command("watch")
@campaign_argument
@engine_options
@run
async def watch_command(engine: Engine, campaign: str) -> int | None:
    """Follow a campaign to its end."""
    async with session(engine) as client:
        return await follow(client, engine.store, campaign)


@campaign.command("approve")
@campaign_argument
@click.argument("wave", type=click.IntRange(1))
@engine_options
@run
async def approve_command(engine: Engine, campaign: str, wave: int) -> None:
    """Let a wave that waits for approval begin."""
    await _ask(engine, campaign, "approve", wave)


@campaign.command("pause")
@campaign_argument
@engine_options
@run
async def pause_command(engine: Engine, campaign: str) -> None:
    """Begin no other host; those in flight go on to their end."""
    await _ask(engine, campaign, "pause")


@campaign.command("resume")
@campaign_argument
@engine_options
@run
async def resume_command(engine: Engine, campaign: str) -> None:
    """Go on, after a pause or a halt; what failed stays so, and the failure budget counts anew."""
    await _ask(engine, campaign, "resume")


@campaign.command("cancel")
@campaign_argument
@engine_options
@run
async def cancel_command(engine: Engine, campaign: str) -> None:
    """Begin no other host, and end when those in flight are done."""
    await _ask(engine, campaign, "cancel")


@campaign.command("retry-failed")
@campaign_argument
@engine_options
@run
async def retry_command(engine: Engine, campaign: str) -> int | None:
    """Try again the hosts that failed: of a campaign that is halted, or that has ended."""
    async with session(engine) as client:
        if await campaigns.is_running(client, campaign):
            await campaigns.ask(client, campaign, "retry_failed")
        else:
            await campaigns.retry_ended(client, engine.store, campaign)
        return await follow(client, engine.store, campaign)


@campaign.command("report")
@campaign_argument
@click.option("--output", type=click.Choice(["text", "json", "html"]), default="text", help="For whom.")
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="Where to.  [default: standard output]")
@engine_options
@run
async def report_command(engine: Engine, campaign: str, output: str, file: Path | None) -> None:
    """Tell what was done to each host and drive; needs no engine, and works after it forgot the campaign."""
    made = report.make(engine.store, campaign)
    text = {"text": report.as_text, "json": report.as_json, "html": report_page.as_html}[output](made)
    if file:
        await asyncio.to_thread(file.write_text, text + "\n")
    else:
        click.echo(text)


@click.command("worker")
@engine_options
@run
async def worker(engine: Engine) -> None:
    """Run campaigns of a cluster, until SIGTERM or SIGINT; any number of workers, on any hosts."""
    if not engine.address:
        raise click.UsageError("a worker is for a cluster: give --engine.")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with session(engine, works=True):
        click.echo(f"nvmed-fleet: working for {engine.address}", err=True)
        await stop.wait()


async def _plan(engine: Engine, source: str, select: str, image: Path, options: Options, campaign: str) -> str:
    """Make the plan, or find it, and show it; the campaign's id."""
    inventory = inventories.load(source).select(select)
    told = _progress(len(inventory.hosts))
    name, plan = await planning.prepare(engine.store, inventory, image, options, campaign, told)
    click.echo(report.plan_text(plan))
    if not plan.hosts:
        raise error(FleetReason.PLAN_EMPTY)
    return name


def _progress(total: int) -> Callable[[int], None]:
    def told(done: int) -> None:
        if done == total or done % 100 == 0:
            click.echo(f"asked {done} of {total} hosts", err=True)

    return told


async def _ask(engine: Engine, campaign: str, verb: str, *arguments: object) -> None:
    async with session(engine) as client:
        await campaigns.ask(client, campaign, verb, *arguments)
        click.echo(one_line(await campaigns.status(client, campaign)))
