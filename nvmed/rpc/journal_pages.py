"""Pages of what the journal holds, as List methods answer them: by position, filtered by SQLite where it can be.

What SQLite cannot judge of a filter is judged here, of so many rows a call and no more: a page then has fewer items
than were asked for, perhaps none, and a token to go on with (AIP-158).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from nvmed import limits
from nvmed.operations.journal_reader import Position, Query
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record, State
from nvmed.reasons import invalid_field
from nvmed.rpc.filters import Condition, Restriction, Sql, compiled
from nvmed.rpc.listing import decode_token, encode_token

EXAMINED_MAX: Final = 1_000
"""Rows that one call looks at, at most."""

BATCH: Final = 50
"""Rows that are read at once, at most: they are converted on the event loop."""

M = TypeVar("M", bound=Message)

_POSITION: Final = re.compile(r"(-?[0-9]{1,19})/([0-9a-zA-Z-]{1,64})")
_INTEGER: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns fields of a message are in."""

    texts: Mapping[str, str]
    times: Mapping[str, str]
    state: str = "state"

    def sql(self, restriction: Restriction) -> Sql | None:
        """A restriction as a condition of SQL, None if it is none."""
        if restriction.path in self.texts:
            return _of_text(self.texts[restriction.path], restriction)
        if restriction.path in self.times:
            return _of_time(self.times[restriction.path], restriction)
        if restriction.path == self.state:
            return _of_state(restriction)
        return None


async def page(
    operations: Manager,
    request: Any,
    query: Query,
    kind: type[Message],
    columns: Columns,
    show: Callable[[Record], M | None],
    tested: Callable[[Record], Message] | None = None,
) -> tuple[list[M], str]:
    """The page of `request`, newest first, and the token of the next.

    `kind` is what the filter speaks of: what `show` makes of a record, unless `tested` makes it. What `show` makes
    nothing of is left out.
    """
    condition = compiled(request.filter, kind, columns.sql) if request.filter.strip() else Condition()
    size = min(request.page_size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
    position = _position(decode_token(request.page_token, request.filter))
    found: list[M] = []
    last, examined, count = position, 0, size + 1
    while examined < EXAMINED_MAX:
        count = min(count, BATCH, EXAMINED_MAX - examined)
        where = (condition.sql.text, condition.sql.values) if condition.sql else None
        rows = await operations.page(replace(query, limit=count, before=position, where=where))
        for position, record in rows:
            if tested is not None and condition.test is not None and not condition.test(tested(record)):
                continue
            shown = show(record)
            if shown is None or (tested is None and condition.test is not None and not condition.test(shown)):
                continue
            if len(found) == size:
                return found, _token(last, request)
            found.append(shown)
            last = position
        if len(rows) < count:
            return found, ""
        examined, count = examined + len(rows), count * 2
    return found, _token(position, request)


def _token(position: Position | None, request: Any) -> str:
    return encode_token(f"{position[0]}/{position[1]}", request.filter) if position else ""


def _position(after: str) -> Position | None:
    if not after:
        return None
    match = _POSITION.fullmatch(after)
    if match is None or int(match[1]) not in _INTEGER:
        raise invalid_field("page_token", "is damaged; start again without it")
    return int(match[1]), match[2]


def _of_text(column: str, asked: Restriction) -> Sql | None:
    wanted = asked.wanted
    if "\0" in wanted or asked.sign == ":":  # SQLite's functions of text end at a NUL, and fold ASCII alone
        return None
    if asked.sign in ("<", "<=", ">", ">="):
        return Sql(f"{column} {asked.sign} ?", (wanted,))
    if len(wanted) > 1 and wanted[0] == wanted[-1] == "*":
        equal = Sql(f"instr({column}, ?) > 0", (wanted[1:-1],))
    elif wanted.endswith("*"):
        equal = Sql(f"substr({column}, 1, length(?)) = ?", (wanted[:-1],) * 2)
    elif wanted.startswith("*"):
        equal = Sql(f"substr({column}, -length(?)) = ?", (wanted[1:],) * 2)
    else:
        equal = Sql(f"{column} = ?", (wanted,))
    return replace(equal, text=f"NOT {equal.text}") if asked.sign == "!=" else equal


def _of_time(column: str, asked: Restriction) -> Sql | None:
    """By milliseconds, which is a little wider than the moment that is asked for."""
    signs = {"<": "<=", "<=": "<=", ">": ">=", ">=": ">=", "=": "="}
    if asked.sign not in signs:
        return None
    moment = Timestamp()
    moment.FromJsonString(asked.wanted)
    return Sql(f"{column} {signs[asked.sign]} ?", (moment.ToNanoseconds() // 1_000_000,), is_exact=False)


def _of_state(asked: Restriction) -> Sql | None:
    """By the states that fit. What needs attention may be a row that says something else, and cannot be read."""
    fitting = [state for state in State if asked.test(asked.kind(state=f"STATE_{state.value}"))]
    if State.NEEDS_ATTENTION in fitting:
        return None
    return Sql(f"state IN ({', '.join('?' * len(fitting))})", tuple(s.value for s in fitting), is_exact=False)
