"""What came of a command on many hosts and drives: failures first, and what is equal once, with whose it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

import click

from nvmed.errors import NvmedError
from nvmedctl import hosts
from nvmedctl.cli import failures, render, tables
from nvmedctl.cli.cut_short import Left
from nvmedctl.cli.session import Rows
from nvmedctl.cli.tables import Column, Columns, Layout, table
from nvmedctl.cli.text import printable

if TYPE_CHECKING:
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a command was for: a host, "" where there is one alone, and a drive, "" where the host itself is meant."""

    host: str = ""
    controller: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.host, self.controller) if part)


@dataclass(slots=True)
class Outcome:
    """A `Sink` that keeps what a command shows, to be shown together with what others did."""

    target: Target
    output: str
    value: Mapping[str, object] | None = None
    texts: list[str] = field(default_factory=list)
    columns: Columns[Any] | None = None
    rows: list[Any] = field(default_factory=list)
    failure: NvmedError | None = None
    prefers_view: bool = False
    """Whether all of it is wanted rather than its rows: of one drive that is watched."""

    @property
    def exit_code(self) -> int:
        return failures.exit_code(self.failure) if self.failure else 0

    def show(self, value: Message | Mapping[str, object], view: Callable[[], str], rows: Rows | None) -> None:
        if rows is not None and not self.prefers_view:
            self.show_list(value, *rows)
        elif self.output in render.FOR_PEOPLE:
            self.texts.append(view())
        else:
            self.value = render.plain(value)

    def show_list(self, value: Message | Mapping[str, object], columns: Columns[Any], items: Iterable[Any]) -> None:
        if self.output in render.FOR_PEOPLE:
            self.columns = columns
            self.rows += items
        else:
            self.value = render.plain(value)

    def show_line(self, message: Message, view: Callable[[Any], str]) -> None:
        if self.output in render.FOR_PEOPLE:
            prefix = f"{self.target}  " if str(self.target) else ""
            click.echo(f"{prefix}{printable(view(message))}")
        else:
            self.value = render.plain(message)
            click.echo(self.encoded())

    def say(self, text: str) -> None:
        if self.output in render.FOR_PEOPLE:
            self.texts.append(text)

    def body(self) -> dict[str, object]:
        """For programs: what came of it, with whose it is."""
        whose = {"host": self.target.host, "controller": self.target.controller}
        body: dict[str, object] = {name: text for name, text in whose.items() if text}
        if self.value is not None or self.failure is None:
            body["result"] = self.value
        if self.failure is not None:
            body |= json.loads(failures.as_json(self.failure))
        return body

    def encoded(self, **before: object) -> str:
        """`body` behind `before`: an object in a line, or a YAML document."""
        body = before | self.body()
        return f"---\n{render.encoded('yaml', body)}" if self.output == "yaml" else json.dumps(body)


def shown(outcomes: Iterable[Outcome], wanted: Layout, at: str = "") -> str:
    """What people see of what succeeded: a table of all rows, then every other answer below whose it is.

    `at` is a time to stand before all that.
    """
    found = sorted(outcomes, key=lambda outcome: tables.natural(str(outcome.target)))
    texts = _grouped((each.target, "\n".join(each.texts)) for each in found if each.texts)
    lines = all("\n" not in group.content for group in texts)
    form, gap = ("{}: {}", "\n") if lines else ("-- {}\n{}", "\n\n")
    heads = (" ".join(part for part in (at, _counted(group.targets)) if part) for group in texts)
    answers = gap.join(form.format(head, group.content) if head else group.content
                       for head, group in zip(heads, texts, strict=True))  # fmt: skip
    empty = [each.target for each in found if each.columns is not None and not each.rows]
    nothing = " ".join(part for part in ("--", at, "nothing there:", whose(empty)) if part) if empty else ""
    return "\n\n".join(part for part in (_rows(found, wanted, at), answers, nothing) if part)


def failed(outcomes: Iterable[Outcome]) -> str:
    """What people see of what failed: what is wrong with whom, and what to do about it; "" if nothing did."""
    context = click.get_current_context(silent=True)
    command = context.command if context else None
    groups = _grouped((each.target, failures.as_line(each.failure, command)) for each in outcomes if each.failure)
    columns: Columns[_Group] = (
        Column("FAILED", lambda group: whose(group.targets)),
        Column("ERROR", lambda group: group.content[0]),
        Column("REMEDY", lambda group: group.content[1]),
    )
    return table(columns, groups, Layout()) if groups else ""


def left(each: Iterable[tuple[Target, Left]]) -> list[Left]:
    """What was cut short, with whose it is; going on is the same for all, or nothing that could be typed."""
    groups = _grouped((target, one) for target, one in each)
    go_on = {group.content.go_on for group in groups}
    return [
        Left(f"{whose(group.targets)}: {group.content.kept}", group.content.go_on if len(go_on) == 1 else "")
        for group in groups
    ]


def whose(targets: Iterable[Target]) -> str:
    """Hosts and drives for people: `r7-[01-24]`, or `r7-[01-24] nvme0, r7-03 nvme1`."""
    by_drive: dict[str, set[str]] = {}
    for target in targets:
        by_drive.setdefault(target.controller, set()).add(target.host)
    by_hosts: dict[frozenset[str], list[str]] = {}
    for drive, names in by_drive.items():
        by_hosts.setdefault(frozenset(names), []).append(drive)
    parts = ((hosts.ranges([*names]), hosts.ranges(drives)) for names, drives in by_hosts.items())
    return ", ".join(" ".join(part for part in pair if part) for pair in parts)


def _counted(targets: Sequence[Target]) -> str:
    count = len({target.host for target in targets})
    return f"{whose(targets)} ({count} hosts)" if count > 1 else whose(targets)


@dataclass(frozen=True, slots=True)
class _Group:
    """What is the same for several targets."""

    targets: list[Target]
    content: Any


def _grouped(contents: Iterable[tuple[Target, Hashable]]) -> list[_Group]:
    groups: dict[Hashable, _Group] = {}
    for target, content in contents:
        groups.setdefault(content, _Group([], content)).targets.append(target)
    return [*groups.values()]


def _rows(outcomes: Sequence[Outcome], wanted: Layout, at: str) -> str:
    """One table of all: rows that look the same on several hosts are one, or on several drives of one host.

    What is there twice on one drive is two rows, unless --columns leaves out what may tell one from the other.
    """
    columns = next((each.columns for each in outcomes if each.rows and each.columns is not None), None)
    if columns is None:
        return ""
    has_hosts = any(each.target.host for each in outcomes)
    seen_columns = tables.selected(_around(outcomes, columns), wanted)
    own = [column for column in seen_columns if column.heading not in WHOSE]
    tells_drives = has_hosts and any(column.heading == WHOSE[1] for column in seen_columns)
    groups: dict[Hashable, _Group] = {}
    for outcome in outcomes:
        seen: Counter[Hashable] = Counter()
        for item in outcome.rows:
            cells = tuple(column.cell(_Group([], item)) for column in own)
            seen[cells] += not wanted.columns
            key = (outcome.target.controller if tells_drives else "", cells, seen[cells])
            groups.setdefault(key, _Group([], item)).targets.append(outcome.target)
    time: list[Column[_Group]] = [Column("AT", lambda group: at)] if at else []
    if at and wanted.columns:
        wanted = replace(wanted, columns=("at", *wanted.columns))
    return table([*time, *_around(outcomes, columns)], groups.values(), wanted)


WHOSE: Final = ("HOSTS", "DRIVES")


def _around(outcomes: Sequence[Outcome], columns: Columns[Any]) -> list[Column[_Group]]:
    """`columns` of groups, behind those that say whose they are."""
    before: Columns[_Group] = (
        Column(WHOSE[0], lambda group: hosts.ranges([target.host for target in group.targets])),
        Column(WHOSE[1], lambda group: hosts.ranges([target.controller for target in group.targets])),
    )
    is_told = (any(each.target.host for each in outcomes), any(each.target.controller for each in outcomes))
    return [*compress(before, is_told), *map(_of_group, columns)]


def _of_group(column: Column[Any]) -> Column[_Group]:
    return Column(column.heading, lambda group: column.content(group.content), column.shown, column.wide)
