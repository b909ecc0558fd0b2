"""Protobuf messages as JSON for programs, and as tables for people.

JSON is protobuf's own mapping with the contract's field names: enums by name, 64-bit integers as strings, bytes in
base64, every field present. It changes as the contract does: fields are added, none is renamed. Tables may change at
any time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nvmedctl.cli import pb
from nvmedctl.cli.text import label, printable, size

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor
    from google.protobuf.message import Message
    from rich.table import Table

Item = TypeVar("Item")
M = TypeVar("M", bound="Message")

Columns = Sequence[tuple[str, Callable[[Item], object]]]
"""Heading and content of each column."""

Field = Any
"""A FieldDescriptor; which class that is depends on protobuf's backend."""

PIPE_WIDTH = 4096
"""Columns of a table that nobody looks at: rows are never folded."""


def as_json(value: Message | Mapping[str, object]) -> str:
    """`value` as indented JSON."""
    from google.protobuf.message import Message

    return json.dumps(as_dict(value) if isinstance(value, Message) else value, indent=2)


def as_dict(message: Message) -> dict[str, object]:
    """`message` in protobuf's own mapping, with the contract's field names and every field."""
    from google.protobuf.json_format import MessageToDict

    plain: dict[str, object] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return plain


def table(columns: Columns[Item], items: Iterable[Item]) -> str:
    """A line of headings and a line for each item."""
    from rich.table import Table
    from rich.text import Text

    view = Table(box=None, pad_edge=False, header_style="bold")
    for number, (heading, _) in enumerate(columns):
        view.add_column(heading, overflow="fold", no_wrap=number == 0)  # the first is a name, which people copy
    for item in items:
        view.add_row(*(Text(printable(str(content(item)))) for _, content in columns))
    return _rendered(view)


def details(message: Message, without: str | tuple[str, ...] = ()) -> str:
    """A line for each field but `without`, nested ones by their path; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    view = Table(box=None, pad_edge=False, show_header=False)
    view.add_column(style="bold", no_wrap=True)
    view.add_column(overflow="fold")
    for path, value in _fields(message):
        if path.startswith(without):
            continue
        view.add_row(Text(path), Text(printable(value)))
    return _rendered(view)


def line(message: Message, without: str | tuple[str, ...] = ()) -> str:
    """The fields of `details` in one line; numbers that are 0 and what is not so are left out too."""
    shown = (f"{path} {value}" for path, value in _fields(message) if not path.startswith(without))
    return ", ".join(text for text in shown if not text.endswith((" 0", " no"))) or "-"


def _rendered(view: Table) -> str:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(view)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


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
    if field.name.endswith("_bytes") and isinstance(value, int):
        return f"{value} ({size(value)})" if value >= 1024 else str(value)
    return str(value)


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
                yield name, value.ToJsonString()
        elif field.message_type is not None:
            if message.HasField(field.name):
                yield from _fields(value, f"{name}.")
        elif value or isinstance(value, bool | int):
            yield name, _scalar(field, value)


def emit(output: str, value: Message | Mapping[str, object], view: Callable[[], str]) -> None:
    """Print `value` on standard output: as JSON, or as what `view` makes of it."""
    click.echo(as_json(value) if output == "json" else view())


def emit_line(output: str, message: M, view: Callable[[M], str]) -> None:
    """Print one message of many at once, in a line."""
    click.echo(json.dumps(as_dict(message)) if output == "json" else printable(view(message)))
