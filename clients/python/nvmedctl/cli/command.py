"""How a command is made: `@command` on an async function of a `Session` and its own options."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from nvmed import malloc
from nvmedctl.cli.call import Call, Function, Traits
from nvmedctl.cli.parameters import SavedFile, several_options, watch_options
from nvmedctl.cli.settings import changing_options, common_options, table_options

Offline = Callable[..., None]


class Command(click.Command):
    """A command that asks daemons."""

    traits: Traits = Traits()

    @property
    def is_watchable(self) -> bool:
        """Whether it may be asked again and again: it lists, and writes no file."""
        saves = any(isinstance(each.type, SavedFile) for each in self.params)
        return self.traits.lists and not self.traits.changes and not self.traits.alone and not saves

    @property
    def takes_several(self) -> bool:
        """Whether CONTROLLER may be several."""
        return any(each.name == "controller" and each.nargs == -1 for each in self.params)


def command(
    group: click.Group | None,
    name: str,
    *,
    lists: bool = False,
    changes: bool = False,
    streams: bool = False,
    alone: str = "",
) -> Callable[[Function], Command]:
    """Make `async def f(session, **options)` the command `name` of `group`, or of none; its docstring is its help.

    What it declares are `Traits`; whether there are many hosts and drives is none of its business. Put it above the
    function's own `click.option`s. Errors of `nvmed.errors` and `OSError` may leave the function: they are printed and
    become the exit code.
    """
    traits = Traits(lists, changes, streams, alone)

    def decorate(function: Function) -> Command:
        @click.command(name, cls=Command)
        @functools.wraps(function)
        def made(**options: Any) -> None:
            malloc.tune()  # before gRPC is imported: see there
            from nvmedctl.cli.running import run

            ctx = click.get_current_context()
            saved, read = (_of_type(ctx.command, kind) for kind in (SavedFile, click.File))
            ctx.exit(run(ctx.obj, Call(function, traits, options, saved, read)))

        made.traits = traits
        made.params += several_options() if made.takes_several and not changes else []
        made.params += table_options() if lists else []
        made.params += watch_options() if made.is_watchable else []
        made.params += changing_options() if changes else []
        made.params += common_options()
        if group:
            group.add_command(made)
        return made

    return decorate


def _of_type(command: click.Command, kind: type[click.Path | click.File]) -> tuple[str, ...]:
    return tuple(str(each.name) for each in command.params if isinstance(each.type, kind))


def offline_command(group: click.Group, name: str) -> Callable[[Offline], click.Command]:
    """Make `def f(output, **options)`, which asks no daemon, the command `name` of `group`.

    It has the common options, because they may stand before its name, and the same errors and exit codes.
    """

    def decorate(function: Offline) -> click.Command:
        @functools.wraps(function)
        def invoke(**options: Any) -> None:
            from nvmedctl.cli.running import run_offline

            ctx = click.get_current_context()
            ctx.exit(run_offline(ctx.obj, functools.partial(function, **options)))

        made = group.command(name)(invoke)
        made.params += common_options()
        return made

    return decorate
