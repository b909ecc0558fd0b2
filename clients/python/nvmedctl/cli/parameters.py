"""Arguments and options that several groups have."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from nvmedctl.cli import completing
from nvmedctl.cli.settings import FILE_IN_OUTPUT

Decorator = Callable[[Any], Any]
"""An argument or option, or several, that a command is given."""


def node(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    """`/dev/nvme0` is what people paste; the contract says `nvme0`."""
    return value.removeprefix("/dev/")


def nodes(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """`node` of each."""
    return tuple(value.removeprefix("/dev/") for value in values)


class SavedFile(click.Path):
    """A file that a command writes. Several hosts and drives have one each: `{host}` and `{controller}` stand in it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)


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

    return click.option("-f", "--file", "file", type=SavedFile(), callback=given, help=help_text)


class FieldOption(click.Option):
    """An option for fields of the request that neither it nor its parameter is named after: see `words`."""

    def __init__(self, *declarations: Any, field: str, also: tuple[str, ...] = (), **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.fields: tuple[str, ...] = (field, *also)


controller_argument: Decorator = click.argument(
    "controller", metavar="CONTROLLER...", nargs=-1, callback=nodes, shell_complete=completing.controllers
)
"""One drive or several: the function of the command has each by itself, as `controller: str`."""

one_controller_argument: Decorator = click.argument("controller", callback=node, shell_complete=completing.controllers)
"""Where an optional argument follows, which could not be told from another drive."""

namespace_argument: Decorator = click.argument("namespace", callback=node, shell_complete=completing.namespaces)

filter_option: Decorator = click.option(
    "--filter",
    "filter_text",
    default="",
    metavar="FILTER",
    help="Only what this lets through, for example 'transport = \"tcp\" AND state = STATE_LIVE'.",
)


def several_options() -> list[click.Parameter]:
    """How reading commands name drives that are not typed."""
    return [
        click.Option(["--all", EVERY], is_flag=True, help="Every controller of the host."),
        click.Option(
            ["--filter", CHOSEN],
            metavar="FILTER",
            help="Every one that this lets through, for example 'transport = \"pcie\"'.",
        ),
    ]


def watch_options() -> list[click.Parameter]:
    """How commands that list are asked again and again."""
    return [
        click.Option(["--watch", WATCH], is_flag=True, help="Again and again: a screen on a terminal, else lines."),
        click.Option(
            ["--interval", INTERVAL],
            type=click.FloatRange(min=0.1),
            default=2.0,
            show_default=True,
            metavar="SECONDS",
            help="How often, with --watch.",
        ),
    ]


WATCH = "is_watched"
INTERVAL = "interval_s"
EVERY = "every_controller"
CHOSEN = "controller_filter"

request_id_option: Decorator = click.option(
    "--request-id", default="", metavar="UUID", help="Repeated with the same one, it is done once."
)


def dry_run(help_text: str) -> Callable[[Any], Any]:
    """`--dry-run`, which is `validate_only` of every request that changes something."""
    return click.option("--dry-run", cls=FieldOption, field="validate_only", is_flag=True, help=help_text)


dry_run_option: Decorator = dry_run("Check everything, change nothing.")


def _labels(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    wrong = [value for value in values if "=" not in value]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not KEY=VALUE.")
    return dict(value.split("=", 1) for value in values)


labels_option: Decorator = click.option(
    "--label", "labels", multiple=True, callback=_labels, metavar="KEY=VALUE", help="A note of one's own."
)
