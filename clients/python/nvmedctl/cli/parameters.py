"""Arguments and options that several groups have."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from nvmedctl.cli.settings import FILE_IN_OUTPUT


def node(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    """`/dev/nvme0` is what people paste; the contract says `nvme0`."""
    return value.removeprefix("/dev/")


def integer(largest: int) -> Callable[[Any], int]:
    """The type of a number as people write it who read specifications: 193, 0xc1; from 0 to `largest`."""

    def integer(value: Any) -> int:
        try:
            number = value if isinstance(value, int) else int(value, 0)
        except ValueError:
            raise click.BadParameter(f"{value!r} is no number; write 193 or 0xc1.") from None
        if not 0 <= number <= largest:
            raise click.BadParameter(f"{value} is not in the range 0 to {largest}.")
        return number

    return integer


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGTP])(i?)B?|B)?", re.IGNORECASE)


def size(value: Any) -> int:
    """The type of a size in bytes: 1073741824, 1GiB, 1.5TB; whole bytes."""
    form = _SIZE.fullmatch(str(value))
    if form is None:
        raise click.BadParameter(f"{value!r} is no size; write 1073741824, 1GiB or 1GB.")
    number, prefix, binary = form.groups()
    count = Decimal(number) * (1024 if binary else 1000) ** ("KMGTP".index(prefix.upper()) + 1 if prefix else 0)
    if count != int(count) or count >= 2**64:
        raise click.BadParameter(f"{value} is no number of whole bytes below 16 EiB.")
    return int(count)


def seconds(value: Any) -> int:
    """The type of seconds for people, as milliseconds for the contract: 2.5 is 2500."""
    if isinstance(value, int):
        return value
    try:
        count = Decimal(value) * 1000
        is_possible = 1 <= count < 2**32  # NaN has no order
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is no number of seconds.") from None
    if not is_possible:
        raise click.BadParameter(f"{value} is not in the range 0.001 to {2**32 // 1000} seconds.")
    return int(count)


BYTE = integer(0xFF)
DWORD = integer(2**32 - 1)
QWORD = integer(2**64 - 1)


def options(*several: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, in this order."""

    def decorate(function: Any) -> Any:
        for option in reversed(several):
            function = option(function)
        return function

    return decorate


def file_option(help_text: str, *, required: bool = False) -> Callable[[Any], Any]:
    """`-f/--file`, a file to write; `-` is standard output where the command says so."""

    def given(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
        kept = ctx.meta.get(FILE_IN_OUTPUT)
        if value is None and kept is not None:
            return Path(kept)
        if value is None and required:
            raise click.MissingParameter(ctx=ctx, param=parameter)
        return value

    path = click.Path(dir_okay=False, path_type=Path)
    return click.option("-f", "--file", "file", type=path, callback=given, help=help_text)


controller_argument = click.argument("controller", callback=node)
namespace_argument = click.argument("namespace", callback=node)

filter_option = click.option(
    "--filter",
    "filter_text",
    default="",
    metavar="FILTER",
    help="Only what this lets through, for example 'transport = \"tcp\" AND state = STATE_LIVE'.",
)

request_id_option = click.option(
    "--request-id", default="", metavar="UUID", help="Repeated with the same one, it is done once."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
