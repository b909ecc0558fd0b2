"""The same again and again: a screen that is drawn anew on a terminal, lines with their time elsewhere."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from dataclasses import replace
from typing import Final

import click

from nvmedctl.cli import many, outcomes, progress, render, text
from nvmedctl.cli.call import Call
from nvmedctl.cli.many import Drives
from nvmedctl.cli.settings import PARALLEL, Settings
from nvmedctl.cli.tables import Layout
from nvmedctl.cli.targets import Hosts

HOME: Final = "\x1b[H"
TO_END_OF_LINE: Final = "\x1b[K"
TO_END_OF_SCREEN: Final = "\x1b[J"


async def watch(settings: Settings, hosts: Hosts, drives: Drives, call: Call, interval_s: float) -> int:
    """Ask every `interval_s` seconds, or as often as can be, until interrupted; never returns otherwise."""
    is_screen = settings.format in render.FOR_PEOPLE and sys.stdout.isatty()
    layout = replace(settings.layout, widths={})
    if is_screen:
        click.echo(HOME + TO_END_OF_SCREEN, nl=False)
    with progress.hosts_line(len(hosts.hosts), is_shown=False):
        while True:
            began = time.monotonic()
            state = many.Progress(prefers_views=is_screen)
            await many.run(hosts.hosts, drives, call, settings, settings.parallel or PARALLEL, state)
            if is_screen:
                _draw(f"every {interval_s:g} s, {text.moment(text.now())}", state, settings)
            else:
                _append(text.moment(text.now()), state, settings.format, layout)
                layout = replace(layout, headers=False)  # once
            await asyncio.sleep(max(0.0, interval_s - (time.monotonic() - began)))


def _draw(title: str, state: many.Progress, settings: Settings) -> None:
    """Write over what is there: a terminal that is cleared first flickers."""
    parts = (title, outcomes.failed(state.outcomes), outcomes.shown(state.outcomes, settings.layout))
    lines = "\n\n".join(part for part in parts if part).splitlines()
    room = shutil.get_terminal_size().lines - 1
    if len(lines) > room:
        lines = [*lines[: room - 1], f"-- {len(lines) - room + 1} lines more"]
    click.echo(HOME + "".join(f"{line}{TO_END_OF_LINE}\n" for line in lines) + TO_END_OF_SCREEN, nl=False)


def _append(at: str, state: many.Progress, output: str, layout: Layout) -> None:
    if output not in render.FOR_PEOPLE:
        for outcome in state.outcomes:
            click.echo(outcome.encoded(time=at))
        return
    if failed := outcomes.failed(state.outcomes):
        click.echo(f"-- {at}\n{failed}", err=True)
    if shown := outcomes.shown(state.outcomes, layout, at):
        click.echo(shown)
