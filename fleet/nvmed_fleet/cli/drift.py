"""nvmed-fleet drift: desired state against the fleet."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from nvmedctl import hosts as inventories
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.desired import load
from nvmedctl.hosts import ranges

from nvmed_fleet import drift as drifts
from nvmed_fleet.cli.failures import run
from nvmed_fleet.cli.hosts import host_options
from nvmed_fleet.drift import DRIFT, UNKNOWN, Finding, State

DRIFTED, NOT_KNOWN = 5, 6
"""Exit codes: not possible as things are, and unavailable; drift goes first."""

_Key = tuple[State, str, str, str]
_Group = tuple[_Key, list[str]]

COLUMNS: Columns[_Group] = (
    Column("STATE", lambda group: group[0][0]),
    Column("MODEL", lambda group: group[0][1]),
    Column("RUNS", lambda group: group[0][2]),
    Column("DESIRED", lambda group: group[0][3]),
    Column("DRIVES", lambda group: len(group[1])),
    Column("HOSTS", lambda group: ranges(sorted(set(group[1])))),
)


@click.command("drift")
@host_options
@click.option(
    "--desired",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What drives should be.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option(
    "--plan", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the campaigns that mend it."
)
@run
async def drift(source: str, select: str, desired: Path, output: str, plan: Path | None) -> int | None:
    """Compare what drives run with what they should; nothing is changed.

    Leaves with 0 if all are as desired, 5 if one differs or waits for a reset, 6 if only some could not be asked.
    """
    models = await asyncio.to_thread(load, desired)
    inventory = inventories.load(source).select(select)
    found = await drifts.look(inventory.hosts, models)
    click.echo(json.dumps([asdict(one) for one in found], indent=2) if output == "json" else _text(found))
    states = {finding.state for finding in found}
    if plan is not None and "differs" in states:
        await asyncio.to_thread(_write, plan, drifts.mending(found, models, _absolute(source), select))
        click.echo(f"{plan} has the campaigns that mend it", err=True)
    return DRIFTED if states & DRIFT else NOT_KNOWN if states & UNKNOWN else None


def _text(found: Sequence[Finding]) -> str:
    """Equal findings as one line, what is wrong first."""
    order: list[State] = ["differs", "pending", "unreachable", "failed", "not-told", "as-desired"]
    groups: dict[_Key, list[str]] = {}
    for one in found:
        groups.setdefault((one.state, one.model or "-", one.runs or "-", one.desired or "-"), []).append(one.host)
    rows = sorted(groups.items(), key=lambda group: (order.index(group[0][0]), group[0]))
    counts = Counter(one.state for one in found)
    said = ", ".join(f"{counts[state]} {state}" for state in order if counts[state])
    return f"{table(COLUMNS, rows)}\n{said or 'no drives'}"


def _absolute(source: str) -> str:
    """A file of hosts by its whole path, so that a script may be run from anywhere."""
    return str(Path(source).absolute()) if Path(source).exists() else source


def _write(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)
