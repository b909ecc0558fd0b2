"""The contract by its names: what methods, messages and fields there are, what they mean, who may call what.

Structure is that of the installed stubs, so no daemon is asked. Comments and permissions are in
`nvmed/v1/contract.json`, which `make proto` writes. Everything is imported and read when it is first asked for.
"""

from __future__ import annotations

import difflib
import json
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import click

import nvmed.v1

Descriptor = Any
"""Of a service, method, message, field, enum or enum value; which classes these are depends on protobuf's backend."""

SUGGESTIONS_MAX = 4


@cache
def _files() -> tuple[Any, ...]:
    """The contract's files; importing them all also lets any answer be shown, whatever is packed in it."""
    own = (f"nvmed.v1.{each.name}" for each in pkgutil.iter_modules(nvmed.v1.__path__) if each.name.endswith("_pb2"))
    return tuple(import_module(name).DESCRIPTOR for name in (*own, "google.longrunning.operations_pb2"))


def services() -> list[Descriptor]:
    """Every service, by name."""
    found = (service for file in _files() for service in file.services_by_name.values())
    return sorted(found, key=lambda service: str(service.full_name))


def methods() -> list[Descriptor]:
    """Every method, by service and then as the contract has them."""
    return [method for service in services() for method in service.methods]


def call_name(method: Descriptor) -> str:
    """A method as gRPC and the policy call it: `nvmed.v1.FirmwareService/ListImages`."""
    return f"{method.containing_service.full_name}/{method.name}"


def find_method(given: str) -> Descriptor:
    """The method of that name, of which the end will do: ListImages; a UsageError names what there is instead."""
    return _find(given, _by_end(methods()), "method")


def find(given: str) -> Descriptor:
    """What has that name in the contract, of which the end will do: a field is Message.field."""
    return _find(given, _by_end(_everything()), "name of the contract")


@cache
def _notes() -> Mapping[str, Mapping[str, Any]]:
    loaded: Mapping[str, Mapping[str, Any]] = json.loads((files(nvmed.v1) / "contract.json").read_text("utf-8"))
    return loaded


def comment(thing: Descriptor) -> str:
    """What the contract says of it, as it is written there; "" for nothing."""
    return str(_notes()["comments"].get(full_name(thing), ""))


def permission(method: Descriptor) -> Mapping[str, Any]:
    """`permission` that a method needs, `resource_field` that says over what, `roles` that have it as nvmed ships."""
    found: Mapping[str, Any] = _notes()["calls"].get(call_name(method), {})
    return found


def complete_method(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Methods that begin as what was typed; for a shell, so without protobuf."""
    return _beginning(begun, method_names())


def method_names() -> set[str]:
    """The last names of all methods, without importing protobuf."""
    return {name.rpartition("/")[2] for name in _notes()["calls"]}


def complete(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Names of the contract that begin as what was typed, which go as far down as that does."""
    names = (name.removeprefix("nvmed.v1.") for name in _notes()["comments"])
    return _beginning(begun, (name for name in names if name.count(".") <= begun.count(".")))


def _beginning(begun: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.lower().startswith(begun.lower())})


def full_name(thing: Descriptor) -> str:
    """The name of anything here; protobuf puts enum values beside their enum, here they are below it."""
    from google.protobuf.descriptor import EnumValueDescriptor

    return f"{thing.type.full_name}.{thing.name}" if isinstance(thing, EnumValueDescriptor) else str(thing.full_name)


def is_secret(field: Descriptor) -> bool:
    """Whether it goes in and never comes out."""
    return "INPUT_ONLY" in behaviour(field)


def behaviour(field: Descriptor) -> list[str]:
    """google.api.field_behavior by name."""
    from google.api import field_behavior_pb2

    return [
        field_behavior_pb2.FieldBehavior.Name(value)
        for value in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    ]


def _everything() -> Iterator[Descriptor]:
    yield from services()
    yield from methods()
    for file in _files():
        yield from _values(file.enum_types_by_name.values())
        for message in file.message_types_by_name.values():
            yield from _within(message)


def _within(message: Descriptor) -> Iterator[Descriptor]:
    yield message
    yield from message.fields
    yield from _values(message.enum_types)
    for nested in message.nested_types:
        if not nested.GetOptions().map_entry:
            yield from _within(nested)


def _values(enums: Iterable[Descriptor]) -> Iterator[Descriptor]:
    for enum in enums:
        yield enum
        yield from enum.values


def _by_end(things: Iterable[Descriptor]) -> dict[str, list[Descriptor]]:
    """Every end of each one's full name, in lower case; a field's has its message's at least."""
    from google.protobuf.descriptor import FieldDescriptor

    found: dict[str, list[Descriptor]] = {}
    for thing in things:
        parts = full_name(thing).lower().split(".")
        shortest = 2 if isinstance(thing, FieldDescriptor) else 1
        for length in range(shortest, len(parts) + 1):
            found.setdefault(".".join(parts[-length:]), []).append(thing)
    return found


def _find(given: str, known: Mapping[str, list[Descriptor]], what: str) -> Descriptor:
    spelled = given.strip("/").replace("/", ".")
    wanted = spelled.lower()
    found = known.get(wanted, [])
    for fits in (str.endswith, str.__eq__):  # Controller.State is not Controller.state, and a whole name is meant
        found = [each for each in found if fits(full_name(each), spelled)] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"{given} is several: {', '.join(map(full_name, found))}.")
    close = dict.fromkeys(
        full_name(known[name][0]) for name in difflib.get_close_matches(wanted, known, n=SUGGESTIONS_MAX)
    )
    more = f" Did you mean {', '.join(close)}?" if close else " `nvmedctl describe` lists the services."
    raise click.UsageError(f"{given!r} is no {what}.{more}")
