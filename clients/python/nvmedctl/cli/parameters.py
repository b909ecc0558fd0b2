"""Arguments and options that several groups have."""

from __future__ import annotations

import click


def _node(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    """`/dev/nvme0` is what people paste; the contract says `nvme0`."""
    return value.removeprefix("/dev/")


controller_argument = click.argument("controller", callback=_node)

filter_option = click.option(
    "--filter",
    "filter_text",
    default="",
    metavar="FILTER",
    help="Only what this lets through, for example 'transport = \"tcp\" AND state = STATE_LIVE'.",
)
