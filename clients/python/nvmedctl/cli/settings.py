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

PARALLEL = 32
"""Hosts that are asked at a time where --parallel is not given."""

PARALLEL_MAX = 1000
"""More connections than that are more than files that a process may open."""


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
    host: tuple[str, ...] = ()
    hosts: str | None = None
    select: str | None = None
    parallel: int | None = None
    yes: bool = False
    columns: str = ""
    sort: str = ""
    no_headers: bool = False

    @property
    def format(self) -> str:
        """The format of results."""
        return self.output or "table"

    @property
    def names_hosts(self) -> bool:
        """Whether hosts are chosen by --host, --hosts or --select rather than by an address."""
        return bool(self.host or self.hosts or self.select is not None)

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


def _remember_once(ctx: click.Context, parameter: click.Parameter, values: tuple[Any, ...]) -> None:
    """As `_remember`, of an option that says where to go: of two, only the last would be gone to, and nobody told."""
    name = str(parameter.name)
    before = getattr(ctx.obj or Settings(), name)
    several = [*([] if before is None else [before]), *values]
    if len(several) > 1:
        option = parameter.opts[-1]
        hosts = " ".join(f"--host {each}" for each in several)
        remedy = f"write {hosts}" if name in ("address", "context") else "write --hosts FILE, which has it for each"
        raise click.UsageError(f"{option} is there {len(several)} times: for several hosts {remedy}.")
    _remember(ctx, parameter, values[0] if values else None)


def _remember_hosts(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> None:
    """Hosts, before and after the command's name together."""
    names = [value for value in values if not _is_nqn(ctx, value)]
    _remember(ctx, parameter, (*(ctx.obj or Settings()).host, *names))


def _is_nqn(ctx: click.Context, value: str) -> bool:
    """Whether this is what `keys` had --host for until 0.2."""
    if (
        ctx.resilient_parsing
        or not value.startswith("nqn.")
        or not any(each.name == "host_nqn" for each in ctx.command.params)
    ):
        return False
    click.echo("--host NQN is --host-nqn NQN now, and --host a host to ask; this works until 0.3.", err=True)
    ctx.meta[NQN_IN_HOST] = value
    return True


NQN_IN_HOST = "nvmedctl.nqn"
"""Where an NQN of --host is kept."""

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


def changing_options() -> list[click.Parameter]:
    """The options of commands that change something."""
    help_text = "Do it on more than one host or drive; --dry-run needs it not."
    return [click.Option(["--yes"], is_flag=True, default=None, expose_value=False, callback=_remember, help=help_text)]


def common_options() -> list[click.Parameter]:
    """The options of `Settings`, which end up in `ctx.obj`; new objects for each command."""
    address = f"unix:/path, /path or host:port.  [default: ${ENVIRONMENT}, else {DEFAULT_SOCKETS[0]}, else "
    address += f"{DEFAULT_SOCKETS[1]}]"
    seconds = click.FloatRange(min=0, min_open=True)
    timeout = f"Give up a host after so long.  [default: {CALL_TIMEOUT_S:g} a call, none for a transfer]"
    option = functools.partial(click.Option, expose_value=False, callback=_remember)
    once = functools.partial(click.Option, expose_value=False, callback=_remember_once, multiple=True)
    return [
        once(["--context"], metavar="NAME", help="A daemon of ~/.config/nvmed/config.toml: see `nvmedctl context`."),
        once(["--address"], metavar="ADDRESS", help=address),
        click.Option(
            ["--host"],
            expose_value=False,
            callback=_remember_hosts,
            multiple=True,
            metavar="HOST",
            help="A host of the file of --hosts, a context or an address; r7-[01-24] for several; repeat for more.",
        ),
        once(["--hosts"], metavar="FILE", help="Every host of FILE (TOML, YAML, JSON, an executable, ansible:...)."),
        once(["--select"], metavar="EXPR", help="Only those, for example 'rack = r7 and not group = canary'."),
        option(
            ["--parallel"],
            type=click.IntRange(1, PARALLEL_MAX),
            metavar="N",
            help=f"Hosts that are asked at a time.  [default: {PARALLEL}]",
        ),
        option(
            ["-o", "--output"],
            type=_Output(FORMATS),
            help="For people (wide: every column) or programs.  [default: table]",
        ),
        option(["--timeout"], type=seconds, metavar="SECONDS", help=timeout),
        once(["--ca"], type=_PEM, help="Certificates (PEM) that the daemon's must be signed by; turns TLS on."),
        once(["--cert"], type=_PEM, help="Own certificate (PEM)."),
        once(["--key"], type=_PEM, help="Own key (PEM)."),
        once(["--server-name"], metavar="NAME", help="Name in the daemon's certificate, if not the address's host."),
    ]
