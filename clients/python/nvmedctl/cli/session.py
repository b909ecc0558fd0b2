"""What a command is given: the client that is connected, and where its result goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import click

from nvmedctl.cli import cut_short, render
from nvmedctl.cli.cut_short import Left
from nvmedctl.cli.settings import CALL_TIMEOUT_S, Settings
from nvmedctl.cli.tables import Columns, Item, layout, table

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from nvmedctl.client import Client


Rows = tuple[Columns[Any], Iterable[Any]]
"""Columns, and what is to stand in them."""


class Sink(Protocol):
    """Where results go: see the methods of `Session`, which have the same names."""

    def show(self, value: Message | Mapping[str, object], view: Callable[[], str], rows: Rows | None) -> None: ...
    def show_list(self, value: Message | Mapping[str, object], columns: Columns[Any], items: Iterable[Any]) -> None: ...
    def show_line(self, message: Message, view: Callable[[Any], str]) -> None: ...
    def say(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Printer:
    """Standard output, for one host and one drive."""

    output: str

    def show(self, value: Message | Mapping[str, object], view: Callable[[], str], rows: Rows | None) -> None:
        wants_rows = bool(layout.get().columns)
        render.emit(self.output, value, partial(table, *rows) if rows and wants_rows else view)

    def show_list(self, value: Message | Mapping[str, object], columns: Columns[Any], items: Iterable[Any]) -> None:
        render.emit(self.output, value, lambda: table(columns, items))

    def show_line(self, message: Message, view: Callable[[Any], str]) -> None:
        render.emit_line(self.output, message, view)

    def say(self, text: str) -> None:
        if self.output in render.FOR_PEOPLE:
            click.echo(text)


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with, for each host and each drive by itself: a client, and where its result goes."""

    client: Client
    settings: Settings
    sink: Sink
    left: list[Left] = field(default_factory=list)
    """What it leaves if it is cut short, for who runs it to say."""

    @property
    def output(self) -> str:
        """The format of the result."""
        return self.settings.format

    def deadline_s(self, extra_ms: int) -> float:
        """Deadline of a call that the daemon may take `extra_ms` longer for than for others."""
        return (self.settings.timeout or CALL_TIMEOUT_S) + extra_ms / 1000

    def leaving(self, tell: Callable[[], Left]) -> AbstractContextManager[None]:
        """For what may be interrupted: `tell` then says what it leaves."""
        return cut_short.leaving(self.left, tell)

    def show(
        self,
        value: Message | Mapping[str, object],
        view: Callable[[], str],
        rows: Rows | None = None,
    ) -> None:
        """A result: `value` is its JSON, `view()` what people see, `rows` the best of it where it is one of many.

        A command that gives `rows` is made with `lists`.
        """
        self.sink.show(value, view, rows)

    def show_list(self, value: Message | Mapping[str, object], columns: Columns[Item], items: Iterable[Item]) -> None:
        """`items` as a table; `value` is their JSON. For commands made with `lists`."""
        self.sink.show_list(value, columns, items)

    def show_line(self, message: Message, view: Callable[[Any], str]) -> None:
        """One message of many at once. For commands made with `streams`."""
        self.sink.show_line(message, view)

    def say(self, text: str) -> None:
        """Something that is for people alone."""
        self.sink.say(text)
