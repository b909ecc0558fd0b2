"""How a command is made: `@command` on an async function of a `Session` and its own options."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from nvmed import malloc
from nvmedctl.cli import render
from nvmedctl.cli.settings import CALL_TIMEOUT_S, Settings, common_options

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from nvmedctl.client import Client


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


def command(group: click.Group, name: str) -> Callable[[Callable[..., Awaitable[None]]], click.Command]:
    """Make `async def f(session, **options)` the command `name` of `group`; its docstring is its help.

    Put it above the function's own `click.option`s. Errors of `nvmed.errors` and `OSError` may leave the function: they
    are printed and become the exit code.
    """

    def decorate(function: Callable[..., Awaitable[None]]) -> click.Command:
        @functools.wraps(function)
        def invoke(**options: Any) -> None:
            malloc.tune()  # before gRPC is imported: see there
            from nvmedctl.cli.running import run

            ctx = click.get_current_context()
            ctx.exit(run(ctx.obj, functools.partial(function, **options)))

        made = group.command(name)(invoke)
        made.params += common_options()
        return made

    return decorate
