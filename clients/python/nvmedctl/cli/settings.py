"""The options that every command has, before or after its name."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nvmedctl.cli.render import FORMATS
from nvmedctl.cli.tables import Layout
from nvmedctl.defaults import DEFAULT_SOCKETS, ENVIRONMENT

if TYPE_CHECKING:
    from nvmedctl.address import Tls

CALL_TIMEOUT_S = 60.0
"""Deadline of a call where --timeout is not given."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options that every command has; None is what was not given."""

    context: str | None = None
    address: str | None = None
    output: str | None = None
    timeout: float | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    columns: str = ""
    sort: str = ""
    no_headers: bool = False

    @property
    def layout(self) -> Layout:
        """How tables are to be."""
        columns = tuple(name.strip() for name in self.columns.split(",") if name.strip())
        return Layout(self.output == "wide", columns, self.sort, headers=not self.no_headers)

    def tls(self) -> Tls | None:
        """What the TLS options say; None if there are none."""
        from nvmedctl.address import Tls

        if self.ca:
            return Tls(self.ca, self.cert, self.key, self.server_name or "")
        if self.cert or self.key or self.server_name:
            raise click.UsageError("--cert, --key and --server-name need --ca.")
        return None


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Put an option into the Settings, so that it may stand before or after the command's name."""
    settings = ctx.obj or Settings()
    if value is not None and parameter.name:
        settings = replace(settings, **{parameter.name: value})
    ctx.obj = settings


FILE_IN_OUTPUT = "nvmedctl.file"
"""Where `-o FILE` is kept, which was -f until 0.2: scripts of before go on working for a release, with a word."""


class _Output(click.Choice):  # type: ignore[type-arg]
    """A format; a file for commands that have one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if ctx and value not in self.choices and any(each.name == "file" for each in ctx.command.params):
            click.echo(f"-o {value}: a file is -f now, and -o is --output; this works until 0.3.", err=True)
            ctx.meta[FILE_IN_OUTPUT] = value
            return None
        return super().convert(value, param, ctx)


_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


def table_options() -> list[click.Parameter]:
    """The options of commands that list things."""
    option = functools.partial(click.Option, expose_value=False, callback=_remember)
    return [
        option(["--columns"], metavar="NAME,...", help="Only these, in this order; -o wide shows all."),
        option(["--sort"], metavar="NAME", help="By this column; by -NAME the other way round."),
        option(["--no-headers"], is_flag=True, default=None, help="Rows alone."),
    ]


def common_options() -> list[click.Parameter]:
    """The options of `Settings`, which end up in `ctx.obj`; new objects for each command."""
    address = f"unix:/path, /path or host:port.  [default: ${ENVIRONMENT}, else {DEFAULT_SOCKETS[0]}, else "
    address += f"{DEFAULT_SOCKETS[1]}]"
    seconds = click.FloatRange(min=0, min_open=True)
    timeout = f"Give up after so long.  [default: {CALL_TIMEOUT_S:g} a call, none for a transfer]"
    option = functools.partial(click.Option, expose_value=False, callback=_remember)
    return [
        option(["--context"], metavar="NAME", help="A daemon of ~/.config/nvmed/config.toml: see `nvmedctl context`."),
        option(["--address"], metavar="ADDRESS", help=address),
        option(
            ["-o", "--output"],
            type=_Output(FORMATS),
            help="For people (wide: every column) or programs.  [default: table]",
        ),
        option(["--timeout"], type=seconds, metavar="SECONDS", help=timeout),
        option(["--ca"], type=_PEM, help="Certificates (PEM) that the daemon's must be signed by; turns TLS on."),
        option(["--cert"], type=_PEM, help="Own certificate (PEM)."),
        option(["--key"], type=_PEM, help="Own key (PEM)."),
        option(["--server-name"], metavar="NAME", help="Name in the daemon's certificate, if not the address's host."),
    ]
