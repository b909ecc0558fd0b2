"""How a command is made: `@command` on an async function of a `Session` and its own options."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import click

from nvmed import malloc
from nvmedctl.cli.settings import common_options, table_options

Function = Callable[..., Awaitable[None]]


def command(group: click.Group, name: str, *, lists: bool = False) -> Callable[[Function], click.Command]:
    """Make `async def f(session, **options)` the command `name` of `group`; its docstring is its help.

    One that `lists` has the options of tables, and ends with `session.show_list`. Put it above the function's own
    `click.option`s. Errors of `nvmed.errors` and `OSError` may leave the function: they
    are printed and become the exit code.
    """

    def decorate(function: Function) -> click.Command:
        @functools.wraps(function)
        def invoke(**options: Any) -> None:
            malloc.tune()  # before gRPC is imported: see there
            from nvmedctl.cli.running import run

            ctx = click.get_current_context()
            ctx.exit(run(ctx.obj, functools.partial(function, **options)))

        made = group.command(name)(invoke)
        made.params += [*(table_options() if lists else ()), *common_options()]
        return made

    return decorate
