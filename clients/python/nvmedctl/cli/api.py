"""nvmedctl api: any method of the contract, with its messages as JSON."""

from __future__ import annotations

from pathlib import Path

import click

from nvmedctl.cli import contract
from nvmedctl.cli.command import command
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns

FILE = click.Path(dir_okay=False, path_type=Path)

METHODS: Columns[contract.Descriptor] = (
    Column("METHOD", lambda m: contract.call_name(m).removeprefix("nvmed.v1.")),
    Column("SENDS", lambda m: "stream" if m.client_streaming else "one"),
    Column("ANSWERS", lambda m: "stream" if m.server_streaming else "one"),
    Column("PERMISSION", lambda m: contract.permission(m).get("permission", "")),
    Column("REQUEST", lambda m: m.input_type.full_name, wide=True),
    Column("RESPONSE", lambda m: m.output_type.full_name, wide=True),
)


@command(None, "api", lists=True, alone="it may change anything, and what it reads is read once.")
@click.argument("method", default="", shell_complete=contract.complete_method)
@click.option("--data", metavar="JSON", help="The request.  [default: {}, a request without fields]")
@click.option("-f", "--file", type=FILE, help="Read it from FILE, - for standard input.")
@click.option("--list", "listing", is_flag=True, help="List the methods; no daemon is asked.")
async def api(session: Session, method: str, data: str | None, file: Path | None, listing: bool) -> None:
    """Call any METHOD of the contract with JSON. `describe METHOD` says what it takes; the end of a name will do.

    The request is protobuf's JSON: fields by name, enums by name, bytes in base64, 64-bit integers as numbers or
    strings. A method that is sent a stream takes a message a line; one that answers a stream prints a message a line,
    as it comes.

    Secrets (fields that are INPUT_ONLY) are taken from --file alone: everybody on this host can read a command line,
    and a shell keeps it.

    JSON: the method's response; with --list an object with the methods.
    """
    from nvmedctl.cli import calling

    if listing:
        found = contract.methods()
        value = {"methods": [{"method": contract.call_name(each), **contract.permission(each)} for each in found]}
        session.show_list(value, METHODS, found)
        return
    if not method:
        raise click.UsageError("Name a METHOD; --list lists them.")
    if data is not None and file is not None:
        raise click.UsageError("--data and --file exclude each other.")
    called = contract.find_method(method)
    await calling.call(session, called, calling.messages(called, data, file))
