"""Following a campaign: a line for each change, until it ends."""

from __future__ import annotations

import asyncio
import time

import click
from nvmedctl.hosts import ranges

from nvmed.errors import NvmedError
from nvmed_fleet import report
from nvmed_fleet.errors import FleetReason
from nvmed_fleet.store import Store
from nvmed_fleet.temporal import campaigns
from nvmed_fleet.temporal.campaigns import EngineClient
from nvmed_fleet.temporal.payloads import ENDS, Status

POLL_S = 0.5
ENGINE_PATIENCE_S = 120.0

HALTED = FAILED = 5
"""Exit codes: not possible as things are."""


def one_line(status: Status) -> str:
    """Where a campaign is, for people."""
    paused = ", paused" if status.is_paused else ""
    failed = f", {len(status.failed)} failed ({ranges(status.failed)})" if status.failed else ""
    why = f": {status.why}" if status.why else ""
    return (
        f"{status.campaign}: {status.state}{paused}, wave {status.wave} of {status.waves}, "
        f"{status.staged} of {status.hosts} staged, {status.good} updated{failed}{why}"
    )


async def follow(client: EngineClient, store: Store, campaign: str, *, stop_when_halted: bool = False) -> int | None:
    """Print each change; the exit code when it ends. An engine that is gone is waited for, for a while."""
    shown, silent_since = "", 0.0
    while True:
        try:
            status = await campaigns.status(client, campaign)
        except NvmedError as failure:
            if failure.reason != FleetReason.ENGINE_UNAVAILABLE.name:
                raise
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > ENGINE_PATIENCE_S:
                raise
            shown = _say("the engine does not answer; the campaign goes on once it does", shown)
        else:
            silent_since = 0.0
            shown = _say(one_line(status), shown)
            if status.state in ENDS:
                return _end(store, campaign, status)
            if status.state == "halted" and stop_when_halted:
                click.echo(f"resume, retry-failed or cancel it: nvmed-fleet campaign ... {campaign}", err=True)
                return HALTED
        await asyncio.sleep(POLL_S)


def _say(text: str, shown: str) -> str:
    if text != shown:
        click.echo(text, err=True)
    return text


def _end(store: Store, campaign: str, status: Status) -> int:
    click.echo(report.as_text(report.make(store, campaign)))
    return FAILED if status.failed or status.state != "done" else 0
