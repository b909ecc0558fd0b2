"""Tables for people: few columns, whole words, and a block for each item where a line of it would not fit."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, Generic, TypeVar

import click

from nvmedctl.cli.text import printable

Item = TypeVar("Item")

GAP: Final = 2
"""Blanks between two columns."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """A column: what it has of an item, by which it is sorted, and how that is shown; `wide` is for those who ask."""

    heading: str
    content: Callable[[Item], Any]
    shown: Callable[[Any], str] = str
    wide: bool = False

    def cell(self, item: Item) -> str:
        return printable(self.shown(self.content(item))) or "-"


Columns = Sequence[Column[Item]]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a caller wants of tables: all columns or those named, in this order, sorted by one, with headings or not.

    `widths`, by heading, is what a table that grows piece by piece was given so far: its columns stay where they are.
    """

    wide: bool = False
    columns: tuple[str, ...] = ()
    sort: str = ""
    headers: bool = True
    widths: dict[str, int] | None = None


layout: ContextVar[Layout] = ContextVar("layout", default=Layout())  # noqa: B039  # it is frozen


def terminal_width() -> int | None:
    """Columns of the terminal that is written to; None where it is none, as programs want whole lines."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(columns: Columns[Item], items: Iterable[Item], wanted: Layout | None = None) -> str:
    """`items` as `layout` wants them: a line of headings and a line each, or a block each if words had to be cut."""
    wanted = wanted or layout.get()
    shown = selected(columns, wanted)
    rows = [[column.cell(item) for column in shown] for item in _sorted(columns, items, wanted.sort)]
    headings = [column.heading for column in shown]
    lines = [headings, *rows] if wanted.headers else rows
    if not lines:
        return ""
    width = terminal_width()
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    if wanted.widths is not None:
        widths = _kept(wanted.widths, headings, widths)
    if width is None or sum(widths) + GAP * (len(widths) - 1) <= width:
        return "\n".join(_line(cells, widths) for cells in lines)
    narrow = [max(len(word) for cell in cells for word in (cell.split() or [""])) for cells in zip(*lines, strict=True)]
    if sum(narrow) + GAP * (len(narrow) - 1) > width:
        return "\n\n".join(pairs(zip(headings, cells, strict=True)) for cells in rows) or _line(headings, widths)
    fitted = _fitted(widths, narrow, width - GAP * (len(widths) - 1))
    return "\n".join(_folded(cells, fitted) for cells in lines)


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """A line for each name and its value; a value that is longer than its line goes on below itself."""
    lines = [*rows]
    indent = max((len(name) for name, _ in lines), default=0) + GAP
    room = (terminal_width() or 0) - indent
    shown = ((name, _wrapped(value, room) if 0 < room < len(value) else [value]) for name, value in lines)
    cells = (cell for name, parts in shown for cell in zip_longest([name], parts, fillvalue=""))
    return "\n".join(f"{name.ljust(indent)}{part}" for name, part in cells)


def paragraphs(text: str) -> str:
    """Text that was written with empty lines between its paragraphs, in lines as long as the terminal has."""
    width = terminal_width()
    if width is None:
        return text
    return "\n\n".join("\n".join(_wrapped(part, width)) for part in text.split("\n\n"))


def selected(columns: Columns[Item], wanted: Layout) -> Columns[Item]:
    """Those of `columns` that are shown, in their order; UsageError for one that there is not."""
    if not wanted.columns:
        return [column for column in columns if wanted.wide or not column.wide]
    known = {_key(column.heading): column for column in columns}
    return [_known(known, name, "--columns") for name in wanted.columns]


def _sorted(columns: Columns[Item], items: Iterable[Item], by: str) -> Iterable[Item]:
    if not by:
        return items
    known = {_key(column.heading): column for column in columns}
    column = _known(known, by.removeprefix("-"), "--sort")
    return sorted(items, key=lambda item: natural(column.content(item)), reverse=by.startswith("-"))


def _known(known: dict[str, Column[Item]], name: str, option: str) -> Column[Item]:
    if _key(name) not in known:
        raise click.UsageError(f"{option}: there is no column {name!r}; there are {', '.join(known)}.")
    return known[_key(name)]


def _key(heading: str) -> str:
    """A heading as it is typed: OLD KEY is old-key."""
    return heading.lower().replace(" ", "-")


def natural(value: Any) -> tuple[Any, ...]:
    """What a value is sorted by: numbers in texts by their value: nvme2 comes before nvme10."""
    if isinstance(value, int | float):
        return ((0, value, ""),)
    parts = re.split(r"(\d+)", str(value).lower())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * GAP).join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _kept(kept: dict[str, int], headings: Sequence[str], widths: Sequence[int]) -> list[int]:
    """`widths`, none below what its column had before; `kept` is what it has now."""
    kept |= {heading: max(kept.get(heading, 0), width) for heading, width in zip(headings, widths, strict=True)}
    return [kept[heading] for heading in headings]


def _fitted(widths: list[int], narrow: list[int], room: int) -> list[int]:
    """`widths` with the widest made narrower, none below its longest word, until all together have `room`."""
    fitted = list(widths)
    while sum(fitted) > room:
        foldable = (number for number, width in enumerate(fitted) if width > narrow[number])
        fitted[max(foldable, key=fitted.__getitem__)] -= 1
    return fitted


def _folded(cells: Sequence[str], widths: Sequence[int]) -> str:
    columns = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(map(len, columns))
    lines = zip(*(column + [""] * (height - len(column)) for column in columns), strict=True)
    return "\n".join(_line(cells, widths) for cells in lines)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines
