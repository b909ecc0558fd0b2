"""Reading many rows of the journal beside those who write it: pages, and what is to be forgotten.

SQLite's write-ahead log has readers: each question is a transaction of its own, which sees everything that was written
before it, waits for no writer and keeps none waiting. They have threads of their own: a long one delays no operation.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from nvmed.devices.lane import Lane
from nvmed.operations import journal_file
from nvmed.operations.records import Record, record_of

THREADS: Final = 2
WAITING_MAX: Final = 1_000

T = TypeVar("T")

Position = tuple[int, str]
"""Where a record stands: its created_ms, as the row has it, and its id."""

Where = tuple[str, tuple[object, ...]]
"""A condition on columns of `operations`, and the values of its question marks."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which operations a page has, newest first.

    `before` is the last that was seen. `history_of` is a kind's name; with some, only operations of
    these kinds that are a drive's history. Records whose ids are `besides` are chosen whatever `where` says.
    """

    limit: int
    before: Position | None = None
    target: str = ""
    history_of: Sequence[str] = ()
    where: Where | None = None
    besides: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """How much is remembered: the rest is forgotten, oldest first.

    Nothing goes whose request_id may still be repeated: that began after `repeatable_since_ms`.
    """

    since_ms: int
    history_since_ms: int
    repeatable_since_ms: int
    per_resource: int
    in_all: int


class JournalReader:
    """Asks the journal in `path`. Belongs to one event loop."""

    def __init__(self, path: Path) -> None:
        self.lane = Lane("journal-reader", threads=THREADS, waiting_max=WAITING_MAX)
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    async def page(self, query: Query) -> Sequence[tuple[Position, Record]]:
        """The operations of a page, each with where it stands."""
        return await self.lane.run(partial(self._ask, partial(_page, query)))

    async def forgettable(self, kept: Kept, limit: int) -> Sequence[str]:
        """Ids of at most `limit` operations that are to be forgotten, oldest first."""
        return await self.lane.run(partial(self._ask, partial(_forgettable, kept, limit)))

    def close(self) -> None:
        """Take no more questions, and close what is open; what is asked right now is answered first."""
        self._closed = True
        self.lane.close()
        self._close_idle()

    def _close_idle(self) -> None:
        """On the loop's thread and on those that ask, at once: each connection is popped by one of them."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """In a thread: `question` with a connection that nobody else has meanwhile."""
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = journal_file.open_for_reading(self._path)
            answer = question(connection)
        except journal_file.ERRORS as exc:
            raise journal_file.failed(self._path, exc) from exc
        self._idle.append(connection)
        if self._closed:
            self._close_idle()
        return answer


def _page(query: Query, connection: sqlite3.Connection) -> Sequence[tuple[Position, Record]]:
    conditions: list[str] = []
    values: list[object] = []
    if query.before is not None:
        conditions.append("(created_ms, id) < (?, ?)")
        values += query.before
    if query.target:
        conditions.append("target = ?")
        values.append(query.target)
    if query.history_of:
        conditions.append("is_history AND kind IN (SELECT value FROM json_each(?))")
        values.append(json.dumps([*query.history_of]))
    if query.where is not None:
        condition, of_condition = query.where
        values += of_condition
        if query.besides:
            condition = f"({condition} OR id IN (SELECT value FROM json_each(?)))"  # noqa: S608
            values.append(json.dumps([*query.besides]))
        conditions.append(condition)
    chosen = " AND ".join(conditions) or "1"
    statement = f"SELECT * FROM operations WHERE {chosen} ORDER BY created_ms DESC, id DESC LIMIT ?"  # noqa: S608
    with closing(connection.execute(statement, (*values, query.limit))) as cursor:
        return tuple(((row[9], row[0]), record_of(row)) for row in cursor)


_FORGETTABLE: Final = """
WITH ended AS (
    SELECT id, created_ms, is_history, request_id <> '' AND created_ms > :repeatable AS may_be_repeated,
        updated_ms < CASE is_history WHEN 0 THEN :since ELSE :history_since END AS is_old,
        row_number() OVER (PARTITION BY target, is_history ORDER BY created_ms DESC, id DESC) AS of_resource
    FROM operations WHERE state NOT IN ('PENDING', 'RUNNING')
), ranked AS (
    SELECT *, is_old OR of_resource > :per_resource AS goes, row_number() OVER (
        PARTITION BY is_old OR of_resource > :per_resource ORDER BY is_history DESC, created_ms DESC, id DESC
    ) AS of_all
    FROM ended
)
SELECT id FROM ranked WHERE (goes OR of_all > :in_all) AND NOT may_be_repeated ORDER BY created_ms, id LIMIT :limit
"""


def _forgettable(kept: Kept, limit: int, connection: sqlite3.Connection) -> Sequence[str]:
    values = {
        "repeatable": kept.repeatable_since_ms,
        "since": kept.since_ms,
        "history_since": kept.history_since_ms,
        "per_resource": kept.per_resource,
        "in_all": kept.in_all,
        "limit": limit,
    }
    with closing(connection.execute(_FORGETTABLE, values)) as cursor:
        return tuple(row[0] for row in cursor)
