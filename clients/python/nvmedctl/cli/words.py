"""What a reader can type for what the daemon names: options for fields of a request, commands for methods.

Errors name fields and methods, as everybody who calls the daemon knows them. Here they become what the command at hand
has: by its own declarations, so that a new option is found by itself. A field's option has its name, or its parameter
has, or it is a `FieldOption`. For `nvmedctl api`, whose users type fields, nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any, Final

import click

from nvmedctl.cli import contract

_FIELD: Final = re.compile(r"`?\b([a-z][a-z0-9]*(?:[._][a-z0-9]+)+)\b`?")
"""Names that no English word looks like; those of one word are known where the error says that they are a field."""

_METHOD: Final = re.compile(r"`?\b((?:[A-Z][a-z0-9]+){2,})\b`?")
_GATE: Final = re.compile(r"\bGATE_([A-Z_]+)\b")

_BY_HELPER: Final = {
    "save_telemetry": "StreamTelemetry",
    "save_log_page": "ReadLogPage",
    "upload_image": "UploadImage",
    "download_firmware": "DownloadFirmware",
}
"""Methods that the client library calls under another name than their own in snake_case."""


def for_reader(text: str, command: click.Command | None) -> str:
    """`text` of the daemon for who has typed `command`."""
    if command is None or command.name == "api":
        return text
    options = options_of(command)
    text = _FIELD.sub(lambda found: _option(options, found[1]) or found[0], text)
    if "override_gates" in options:
        text = _GATE.sub(lambda found: _typed(found[1]), text)
    if not _METHOD.search(text):
        return text
    known = commands()
    return _METHOD.sub(lambda found: f"`{known[found[1]]}`" if found[1] in known else found[0], text)


def option(name: str, command: click.Command | None) -> str:
    """The option for a field, "" where the command has none."""
    return "" if command is None or command.name == "api" else _option(options_of(command), name)


def gate(name: str, command: click.Command | None) -> str:
    """A gate as `--override` takes it, where the command has that."""
    return _typed(name) if option("override_gates", command) else name


def _typed(gate_name: str) -> str:
    return gate_name.lower().replace("_", "-")


def _option(options: Mapping[str, str], name: str) -> str:
    return options.get(name) or options.get(name.rpartition(".")[2], "")


def options_of(command: click.Command) -> dict[str, str]:
    """What is typed for each field: an option, or an argument in capitals."""
    found: dict[str, str] = {}
    for parameter in command.params:
        if not parameter.expose_value or parameter.name is None:
            continue  # an option of every command: about the connection, not the request
        if isinstance(parameter, click.Argument):
            found[parameter.name] = parameter.name.upper()
            continue
        flag = max(parameter.opts, key=len)
        names = (parameter.name, flag.removeprefix("--").replace("-", "_"), *getattr(parameter, "fields", ()))
        found.update(dict.fromkeys(names, flag))
    return found


def commands() -> dict[str, str]:
    """The command for each method that has one: the one that calls the fewest others beside it."""
    from nvmedctl.cli import nvmedctl

    found: dict[str, tuple[int, str]] = {}
    for path, command in _walk(nvmedctl, "nvmedctl"):
        called = _methods(command)
        for method in called:
            found[method] = min(found.get(method, (len(called), path)), (len(called), path), key=lambda one: one[0])
    return {method: path for method, (_, path) in found.items()}


def _walk(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _walk(command, f"{path} {name}")
        elif command is not None:
            yield f"{path} {name}", command


def _methods(command: click.Command) -> set[str]:
    """The methods that the function of a command names."""
    function: Any = getattr(command.callback, "__wrapped__", None)
    names = set(_names(function.__code__)) if function else set()
    spelled = {"".join(part.capitalize() for part in name.split("_")) for name in names if "_" in name}
    helped = {_BY_HELPER[name] for name in names & _BY_HELPER.keys()}
    return (names | spelled | helped) & contract.method_names()


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
