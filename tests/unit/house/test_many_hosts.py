"""Every command is for as many hosts as are named; what changes something says so, and is asked for with --yes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click
import pytest
from nvmedctl.cli import COMMANDS as UNGROUPED
from nvmedctl.cli import GROUPS, context, contract, group, nvmedctl
from nvmedctl.cli.command import Command
from nvmedctl.cli.outcomes import WHOSE
from nvmedctl.cli.tables import Column

METHODS = {method.name: method for method in contract.methods()}

ALONE = {
    "audit verify": "reads files",
    "api": "may change anything",
    "top": "has hosts of its own",
    **dict.fromkeys(("keys identity", "keys check"), "takes a secret"),
    **dict.fromkeys(("keys generate", "keys generate-dhchap", "keys export", "keys read"), "hands a secret out"),
}
"""Commands that change nothing and are for one host, with the reason. Whoever adds one has to say it here too."""

READING = {
    "telemetry save": "acknowledges what it has saved, with --ack",
    "firmware verify": "compares, as an operation",
}
"""Commands that change nothing one would be asked about, though a method of theirs has validate_only."""

OTHER_CALLS = {"firmware upload": "UploadImage", "firmware download": "DownloadFirmware"}
"""What commands call that do it through a helper of the library."""


def walk(above: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, each in above.commands.items():
        if isinstance(each, click.Group):
            yield from walk(each, f"{path} {name}")
        else:
            yield f"{path} {name}", each


COMMANDS = {name: each for start in GROUPS for name, each in walk(group(start), start)} | {
    name: command for name in UNGROUPED if (command := nvmedctl.get_command(click.Context(nvmedctl), name))
}
LOCAL = {f"context {name}" for name in context.context.commands} | {
    "support show",
    "telemetry decode",
    "describe",
    "completion",
}
"""Commands that ask no daemon."""

ASKING = {name: each for name, each in COMMANDS.items() if isinstance(each, Command)}


def calls(name: str) -> list[contract.Descriptor]:
    """The methods that a command calls."""
    function = inspect.unwrap(ASKING[name].callback or ASKING[name].main)
    found = re.findall(r"\.(\w+)\b", inspect.getsource(function))
    return [METHODS[each] for each in [*found, OTHER_CALLS.get(name, "")] if each in METHODS]


def test_every_command_that_asks_a_daemon_is_made_alike() -> None:
    assert set(COMMANDS) - set(ASKING) - LOCAL == set()


@pytest.mark.parametrize("name", ASKING)
def test_what_changes_something_says_so(name: str) -> None:
    """A method changes something if one can ask for it with validate_only, AIP-163."""
    changing = [method.name for method in calls(name) if "validate_only" in method.input_type.fields_by_name]
    is_other = name in OTHER_CALLS or name == "operations cancel"
    assert ASKING[name].traits.changes == (bool(changing or is_other) and name not in READING), (
        f"it calls {changing}: say @command(..., changes=True)"
    )


@pytest.mark.parametrize("name", ASKING)
def test_every_reading_command_takes_many_hosts(name: str) -> None:
    traits = ASKING[name].traits
    assert traits.changes or bool(traits.alone) == (name in ALONE)
    flags = {flag for each in ASKING[name].params for flag in each.opts}
    assert {"--host", "--hosts", "--select", "--parallel"} <= flags
    assert ("--yes" in flags) == traits.changes


ONE_DRIVE = {
    **dict.fromkeys(("namespaces identity", "namespaces block-size", "namespaces format"), "NSID may be left out"),
    "features set": "fields follow",
    "drive revert": "each drive has a PSID of its own",
    "logs ana-size": "or a file is asked about",
    "firmware history": "or all that there are are meant",
    "events watch": "or all that there are are meant",
}
"""Commands that take one drive, with the reason: in most, another argument could not be told from a drive."""


@pytest.mark.parametrize("name", ASKING)
def test_every_command_of_a_drive_takes_many(name: str) -> None:
    command = ASKING[name]
    flags = {flag for each in command.params for flag in each.opts}
    if any(each.name == "controller" for each in command.params):
        assert command.takes_several == (name not in ONE_DRIVE)
    if command.takes_several:
        assert ({"--all", "--filter"} <= flags) == (not command.traits.changes)


def test_no_table_has_the_columns_of_hosts_and_drives() -> None:
    """They are put before its own."""
    tables = (
        value
        for each in ASKING.values()
        for value in inspect.getmodule(inspect.unwrap(each.callback or each.main)).__dict__.values()
        if isinstance(value, tuple)
    )
    assert not [column.heading for table in tables for column in table
                if isinstance(column, Column) and column.heading in WHOSE]  # fmt: skip
