"""The log's lines as docs/logs.md has them: every event, at which levels, with which fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from nvmed import limits

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs/logs.md"
LEVELS: Final = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
ELSEWHERE: Final = {"simulator/nvme_tcp"}
"""The simulator as a target of its own has a log of its own: docs/simulator.md."""


@dataclass(slots=True)
class Event:
    """What is logged under one name."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    is_open: bool = False
    """Whether some of the fields are not named where it is logged."""


def said(call: ast.Call) -> tuple[str, list[ast.expr]]:
    """The level that a call logs at, "" if it does not, and its arguments: `log.info(...)`, `run(log.info, ...)`."""
    for place, found in enumerate((call.func, *call.args[:1])):
        if isinstance(found, ast.Attribute) and found.attr in LEVELS:
            owner = found.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if name.strip("_") in ("log", "journal"):
                return LEVELS[found.attr], call.args[place:]
    return "", []


def names(argument: ast.expr) -> Iterator[str]:
    """The event of a line, which one of two may be."""
    for part in (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,):
        assert isinstance(part, ast.Constant), ast.dump(part)
        assert isinstance(part.value, str)
        yield part.value


@cache
def logged() -> dict[str, Event]:
    """Every event of the code."""
    events: dict[str, Event] = {}
    for path in sorted((ROOT / "nvmed").rglob("*.py")):
        if path.parent.relative_to(ROOT / "nvmed").as_posix() in ELSEWHERE:
            continue
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            level, arguments = said(call)
            for name in names(arguments[0]) if level else ():
                event = events.setdefault(name, Event())
                event.levels.add(level)
                given = {each.arg for each in call.keywords}
                event.is_open |= None in given
                event.fields |= {each for each in given if each and each != "exc_info"}
                if "exc_info" in given or "exception" in ast.unparse(call.func):
                    event.fields.add("exception")
    return events


def rows() -> Iterator[tuple[str, set[str], set[str], str]]:
    """The table's: event, levels, fields, meaning."""
    for line in PAGE.read_text().splitlines():
        if match := re.fullmatch(r"\| `([^`]+)` \| ([a-z, ]+) \|([^|]*)\| ([^|]+) \|", line):
            name, levels, fields, meaning = match.groups()
            yield name, set(levels.split(", ")), set(re.findall(r"`([^`]+)`", fields)), meaning


def test_every_event_is_documented_as_it_is_logged() -> None:
    events, table = logged(), {name: (levels, fields) for name, levels, fields, _ in rows()}
    assert sorted(table) == sorted(events)
    for name, event in events.items():
        levels, fields = table[name]
        assert levels == event.levels, name
        assert fields >= event.fields if event.is_open else fields == event.fields, name


def test_events_are_in_order_and_once() -> None:
    found = [name for name, _, _, _ in rows()]
    assert found == sorted(set(found))


def test_what_went_wrong_is_said_in_the_same_fields() -> None:
    """`reason` is a code, `message` a sentence: nobody looks for `error`, `why` and `failure` as well."""
    used = {name for event in logged().values() for name in event.fields}
    assert not used & {"error", "why", "failure", "msg", "exc", "event", "level", "timestamp"}


def test_the_limits_are_those_that_the_page_says() -> None:
    text = PAGE.read_text()
    assert f"{limits.LOG_LINES_PER_MINUTE} lines" in text
    assert f"{limits.LOG_FLOODS_KEPT:,} such pairs" in text
