"""nvmedctl top: the drives of one host or several as they are now."""

from __future__ import annotations

import sys

import click

from nvmedctl.cli.command import command
from nvmedctl.cli.session import Session

INTERVAL_S = 5.0


@command(None, "top", lists=True, alone="top has hosts of its own: `nvmedctl top ADDRESS ADDRESS`.")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--interval", type=click.FloatRange(1, 3600), default=INTERVAL_S, show_default=True, metavar="SECONDS",
              help="How often drives are asked for their SMART log; nothing else asks them.")  # fmt: skip
async def top(session: Session, addresses: tuple[str, ...], interval: float) -> None:
    """Watch drives live: temperature, wear, errors, lanes, and what is being done to them.

    Each ADDRESS is a daemon, asked with the TLS options given; without one it is the daemon that every command asks.
    q quits, s sorts by the next column, r turns the order round, p holds it still.

    Needs textual, which the extra nvmed[top] brings.  JSON: none, it is for people.
    """
    try:
        from nvmedctl.cli.top_app import run
    except ImportError as failure:
        if (failure.name or "").partition(".")[0] != "textual":
            raise
        raise click.UsageError("top needs textual, which comes with the extra nvmed[top].") from failure
    from nvmedctl.cli.top_hosts import Poller, watched

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("top needs a terminal; programs read `controllers list` and `logs smart` with -o json.")
    async with watched(session, addresses) as clients:
        await run([Poller(address, client) for address, client in clients], interval, session.settings.layout)
