"""nvmedctl context: which daemon is meant where none is named."""

from __future__ import annotations

import click

from nvmedctl.cli import contexts, render
from nvmedctl.cli.settings import Settings, common_options
from nvmedctl.cli.tables import Column, Columns, table

COLUMNS: Columns[tuple[str, str, str]] = (
    Column("USED", lambda row: row[0]),
    Column("CONTEXT", lambda row: row[1]),
    Column("ADDRESS", lambda row: row[2]),
)


@click.group()
def context() -> None:
    """Which daemon is meant where none is named: contexts of ~/.config/nvmed/config.toml."""


def _output(settings: Settings | None) -> str:
    """The format of the result, also where the context in use is one that there is not: that is mended here."""
    return contexts.completed(settings or Settings(), connects=False).format


@context.command("list")
@click.pass_obj
def list_contexts(settings: Settings | None) -> None:
    """List contexts, the one in use marked.  JSON: an object with the contexts and the name of the current one."""
    known, used = contexts.contexts(), contexts.current()
    rows = [("*" if name == used else "", name, str(each.get("address", ""))) for name, each in known.items()]
    value = {"current": used, "contexts": {name: dict(each) for name, each in known.items()}}
    render.emit(_output(settings), value, lambda: table(COLUMNS, rows))


@context.command("show")
@click.pass_obj
def show(settings: Settings | None) -> None:
    """Print the name of the context in use; nothing if there is none.  JSON: an object with that name."""
    used = contexts.current()
    render.emit(_output(settings), {"current": used}, lambda: used)


@context.command("use")
@click.argument("name", default="")
def use(name: str) -> None:
    """Use the context NAME from now on; without NAME none.  JSON: nothing."""
    contexts.use(name)


for _command in (list_contexts, show):
    _command.params += common_options()
