"""How a command is made: `@command` on an async function of a `Session` and its own options."""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from google.protobuf.message import Message

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmedctl.address import DEFAULT_SOCKETS, ENVIRONMENT, Tls
from nvmedctl.cli import failures, render
from nvmedctl.client import Client

CALL_TIMEOUT_S = 60.0
"""Deadline of a call where --timeout is not given."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options that every command has."""

    address: str | None = None
    output: str = "table"
    timeout: float | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""

    def tls(self) -> Tls | None:
        """What the TLS options say; None if there are none."""
        if self.ca:
            return Tls(self.ca, self.cert, self.key, self.server_name)
        if self.cert or self.key or self.server_name:
            raise click.UsageError("--cert, --key and --server-name need --ca.")
        return None


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with: a connected client, and where its result goes."""

    client: Client
    settings: Settings

    def deadline_s(self, extra_ms: int) -> float:
        """Deadline of a call that the daemon may take `extra_ms` longer for than for others."""
        return (self.settings.timeout or CALL_TIMEOUT_S) + extra_ms / 1000

    def show(self, value: Message | Mapping[str, object], view: Callable[[], str]) -> None:
        """Print a result: `value` is its JSON, `view()` what people see."""
        render.emit(self.settings.output, value, view)


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Put an option into the Settings, so that it may stand before or after the command's name."""
    settings = ctx.obj or Settings()
    if value is not None and parameter.name:
        settings = replace(settings, **{parameter.name: value})
    ctx.obj = settings


_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


def common_options() -> list[click.Parameter]:
    """The options of `Settings`, which end up in `ctx.obj`; new objects for each command."""
    address = f"unix:/path, /path or host:port.  [default: ${ENVIRONMENT}, else {DEFAULT_SOCKETS[0]}, else "
    address += f"{DEFAULT_SOCKETS[1]}]"
    seconds = click.FloatRange(min=0, min_open=True)
    timeout = f"Give up after so long.  [default: {CALL_TIMEOUT_S:g} a call, none for a transfer]"
    option = functools.partial(click.Option, expose_value=False, callback=_remember)
    return [
        option(["--address"], metavar="ADDRESS", help=address),
        option(["--output"], type=click.Choice(["table", "json"]), help="For people or programs.  [default: table]"),
        option(["--timeout"], type=seconds, metavar="SECONDS", help=timeout),
        option(["--ca"], type=_PEM, help="Certificates (PEM) that the daemon's must be signed by; turns TLS on."),
        option(["--cert"], type=_PEM, help="Own certificate (PEM)."),
        option(["--key"], type=_PEM, help="Own key (PEM)."),
        option(["--server-name"], metavar="NAME", help="Name in the daemon's certificate, if not the address's host."),
    ]


def command(group: click.Group, name: str) -> Callable[[Callable[..., Awaitable[None]]], click.Command]:
    """Make `async def f(session, **options)` the command `name` of `group`; its docstring is its help.

    Put it above the function's own `click.option`s. Errors of `nvmed.errors` and `OSError` may leave the function: they
    are printed and become the exit code.
    """

    def decorate(function: Callable[..., Awaitable[None]]) -> click.Command:
        @functools.wraps(function)
        def invoke(**options: Any) -> None:
            ctx = click.get_current_context()
            ctx.exit(run(ctx.obj, functools.partial(function, **options)))

        made = group.command(name)(invoke)
        made.params += common_options()
        return made

    return decorate


def run(settings: Settings, function: Callable[[Session], Awaitable[None]]) -> int:
    """Run a command's function to its exit code."""
    tls = settings.tls()
    try:
        return asyncio.run(_main(settings, tls, function))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except NvmedError as failure:
        return fail(settings, failure)
    except BrokenPipeError:
        raise  # whoever read the output has left: click ends quietly
    except OSError as failure:
        return fail(settings, failures.of_local_file(failure))


async def _main(settings: Settings, tls: Tls | None, function: Callable[[Session], Awaitable[None]]) -> int:
    """Connect, run, close; SIGTERM ends the command as SIGINT does, with everything tidied up."""
    task = asyncio.current_task()
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        if task:
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        call_timeout = settings.timeout or CALL_TIMEOUT_S
        async with asyncio.timeout(settings.timeout), Client(settings.address, tls=tls, timeout=call_timeout) as client:
            await function(Session(client, settings))
    except asyncio.CancelledError:
        if not terminated:
            raise
        return 128 + signal.SIGTERM
    except TimeoutError as failure:
        if settings.timeout is None:
            raise
        raise error(Reason.CALL_TIMEOUT, f"Not done after {settings.timeout:g} s.") from failure
    return 0


def fail(settings: Settings, failure: NvmedError) -> int:
    """Print `failure` on standard error; its exit code."""
    text = failures.as_json(failure) if settings.output == "json" else failures.as_text(failure)
    click.echo(text, err=True)
    return failures.exit_code(failure)
