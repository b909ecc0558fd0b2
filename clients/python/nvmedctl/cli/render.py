"""Protobuf messages as JSON for programs, and as tables for people.

JSON is protobuf's own mapping with the contract's field names: enums by name, 64-bit integers as strings, bytes in
base64, every field present. It changes as the contract does: fields are added, none is renamed. Tables may change at
any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from nvmedctl.cli import pb, tables
from nvmedctl.cli.text import ago, label, moment, printable, quantity

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor
    from google.protobuf.message import Message

M = TypeVar("M", bound="Message")

Field = Any
"""A FieldDescriptor; which class that is depends on protobuf's backend."""

FORMATS: Final = ("table", "wide", "json", "jsonl", "yaml")
"""What --output takes: for people, with every column, and for programs: whole, an object a line, YAML."""

FOR_PEOPLE: Final = ("table", "wide")


def as_dict(message: Message) -> dict[str, object]:
    """`message` in protobuf's own mapping, with the contract's field names and every field."""
    from google.protobuf.json_format import MessageToDict

    fields: dict[str, object] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return fields


def plain(value: Message | Mapping[str, object]) -> dict[str, object]:
    """A message as `as_dict` has it; what is no message as it is."""
    from google.protobuf.message import Message

    return as_dict(value) if isinstance(value, Message) else dict(value)


def encoded(output: str, value: Message | Mapping[str, object]) -> str:
    """`value` for programs."""
    content = plain(value)
    if output == "yaml":
        try:
            import yaml
        except ImportError as failure:
            raise click.UsageError("--output yaml needs PyYAML (the extra nvmed[fleet]), or take json.") from failure
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).rstrip()
    if output == "jsonl":
        return "\n".join(json.dumps(each) for each in _each(content))
    return json.dumps(content, indent=2)


def _each(content: dict[str, object]) -> Iterable[object]:
    """The items of a list, which is an object with an array in it and nothing else; anything else is one item."""
    contents = [value for name, value in content.items() if name not in ("next_page_token", "unreachable")]
    return contents[0] if len(contents) == 1 and isinstance(contents[0], list) else [content]


def details(message: Message, without: str | tuple[str, ...] = ()) -> str:
    """A line for each field but `without`, nested ones by their path; what is empty is left out."""
    return tables.pairs((path, printable(value)) for path, value in _fields(message) if not path.startswith(without))


def line(message: Message, without: str | tuple[str, ...] = ()) -> str:
    """The fields of `details` in one line; numbers that are 0 and what is not so are left out too."""
    shown = (f"{path} {value}" for path, value in _fields(message) if not path.startswith(without))
    return ", ".join(text for text in shown if not text.endswith((" 0", " no"))) or "-"


def when(message: Message, field: str) -> datetime | None:
    """The moment that a timestamp field says; None if it is not set."""
    if not message.HasField(field):
        return None
    at: datetime = getattr(message, field).ToDatetime(UTC)
    return at


def enum(message: Message, field: str) -> str:
    """The label of an enum field: `state` of STATE_LIVE is `live`."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    return _scalar(descriptor, getattr(message, field))


def _prefix(kind: EnumDescriptor) -> str:
    """What the names of an enum's values begin with: that of 0 is PREFIX_UNSPECIFIED."""
    return kind.values_by_number[0].name.removesuffix("UNSPECIFIED")


def _scalar(field: Field, value: Any) -> str:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return label(known.name, _prefix(field.enum_type)) if known else str(value)
    if isinstance(value, bytes):
        return value.rstrip(b"\0").hex(" ", -4) or "all zero"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quantity(field.name, value) if isinstance(value, int) else str(value)


def _fields(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    for field in message.DESCRIPTOR.fields:
        name = f"{path}{field.name}"
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            content = field.message_type.fields_by_name["value"]
            yield from ((f"{name}.{key}", _scalar(content, value[key])) for key in sorted(value))
        elif field.is_repeated and field.message_type is not None:
            for number, nested in enumerate(value):
                yield from _fields(nested, f"{name}[{number}].")
        elif field.is_repeated:
            if value:
                yield name, ", ".join(_scalar(field, element) for element in value)
        elif isinstance(value, pb.timestamp.Timestamp):
            if message.HasField(field.name):
                at = value.ToDatetime(UTC)
                yield name, f"{moment(at)} ({ago(at)})"
        elif field.message_type is not None:
            if message.HasField(field.name):
                yield from _fields(value, f"{name}.")
        elif value or isinstance(value, bool | int):
            yield name, _scalar(field, value)


def emit(output: str, value: Message | Mapping[str, object], view: Callable[[], str]) -> None:
    """Print `value` on standard output: for programs, or as what `view` makes of it."""
    click.echo(view() if output in FOR_PEOPLE else encoded(output, value))


def emit_line(output: str, message: M, view: Callable[[M], str]) -> None:
    """Print one message of many at once, in a line; YAML as one of several documents."""
    if output in FOR_PEOPLE:
        click.echo(printable(view(message)))
    else:
        click.echo(f"---\n{encoded(output, message)}" if output == "yaml" else json.dumps(as_dict(message)))
