"""What nvmed meant to do and what came of it, on disk before and after each step.

SQLite with a write-ahead log and `synchronous=FULL`: a record that was written is there after kill -9 and after power
loss. Everything here blocks; `manager.Manager` calls it in a thread of its own. No secret is ever recorded: requests
are kept as digests, and parameters are what their operation names.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final

from nvmed.reasons import Reason, error

SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE operations (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, principal TEXT NOT NULL, request_id TEXT NOT NULL,
    digest BLOB NOT NULL, parameters TEXT NOT NULL, state TEXT NOT NULL, phase TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, result TEXT, failure TEXT, parent TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX operations_by_request ON operations (principal, request_id) WHERE request_id <> '';
CREATE INDEX operations_by_time ON operations (created_ms, id);
CREATE INDEX operations_by_target ON operations (target);
CREATE INDEX operations_by_parent ON operations (parent) WHERE parent <> '';
CREATE TABLE steps (
    operation TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE, number INTEGER NOT NULL, name TEXT NOT NULL,
    detail TEXT NOT NULL, intended_ms INTEGER NOT NULL, outcome TEXT, settled_ms INTEGER,
    PRIMARY KEY (operation, number)
) STRICT;
"""


@unique
class State(Enum):
    """Where an operation is. The first two are open; the rest are how it ended."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SAFE_TO_RETRY = "SAFE_TO_RETRY"
    """Interrupted, and the drive was found as it was before: the same request may be made again."""
    NEEDS_ATTENTION = "NEEDS_ATTENTION"
    """Interrupted, and what became of the drive could not be found out or is neither before nor after."""

    @property
    def is_open(self) -> bool:
        return self in (State.PENDING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Record:
    """An operation as the journal has it. `parameters` and `result` are JSON objects, `failure` is `failure.dump`'s.

    `parent` is the operation that this one is a part of, "" for none.
    """

    id: str
    kind: str
    target: str
    principal: str
    request_id: str
    digest: bytes
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.PENDING
    phase: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    result: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was intended, and what came of it; `outcome` is None where nothing was written any more."""

    operation: str
    number: int
    name: str
    detail: Mapping[str, Any]
    intended_ms: int
    outcome: Mapping[str, Any] | None
    settled_ms: int | None


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Journal:
    """The journal in `path`, made if it is not there. Raises STATE_NOT_WRITABLE when a write fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found != SCHEMA_VERSION:
            raise error(
                Reason.STATE_NOT_WRITABLE,
                f"{path} was written by another version of nvmed (schema {found}, this one has {SCHEMA_VERSION}); "
                "run that version, or move the file away",
                path=path,
            )

    def close(self) -> None:
        """Close the file; idempotent."""
        self._db.close()

    def begin(self, record: Record) -> Record:
        """Write a new operation; if its principal used its request_id before, the operation of then comes back."""
        found = self.find_request(record.principal, record.request_id)
        if found is not None:
            return found
        now = now_ms()
        self._write(
            "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)",
            record.id,
            record.kind,
            record.target,
            record.principal,
            record.request_id,
            record.digest,
            json.dumps(record.parameters),
            record.state.value,
            record.phase,
            now,
            now,
            record.parent,
        )
        return self.operation(record.id)

    def find_request(self, principal: str, request_id: str) -> Record | None:
        """The operation that a principal's request_id began."""
        if not request_id:
            return None
        rows = self._rows("SELECT * FROM operations WHERE principal = ? AND request_id = ?", principal, request_id)
        return rows[0] if rows else None

    def intend(self, operation: str, name: str, detail: Mapping[str, Any]) -> int:
        """Write that a step is about to be taken; its number comes back. The operation's phase becomes `name`."""
        alone = not self._db.in_transaction  # else `together` begins and commits
        try:
            if alone:
                self._db.execute("BEGIN IMMEDIATE")
            rows = self._db.execute(
                "INSERT INTO steps SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, NULL, NULL"
                " FROM steps WHERE operation = ? RETURNING number",
                (operation, name, json.dumps(detail), now_ms(), operation),
            ).fetchall()
            self._db.execute(
                "UPDATE operations SET phase = ?, state = ?, updated_ms = ? WHERE id = ?",
                (name, State.RUNNING.value, now_ms(), operation),
            )
            if alone:
                self._db.execute("COMMIT")
        except sqlite3.Error as exc:
            if alone and self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise self._failed(exc) from exc
        number: int = rows[0][0]
        return number

    def settle(self, operation: str, number: int, outcome: Mapping[str, Any]) -> None:
        """Write what came of a step."""
        self._write(
            "UPDATE steps SET outcome = ?, settled_ms = ? WHERE operation = ? AND number = ?",
            json.dumps(outcome),
            now_ms(),
            operation,
            number,
        )

    def finish(
        self,
        operation: str,
        state: State,
        *,
        result: Mapping[str, Any] | None = None,
        failure: Mapping[str, Any] | None = None,
    ) -> Record:
        """Write how an operation ended."""
        self._write(
            "UPDATE operations SET state = ?, result = ?, failure = ?, updated_ms = ? WHERE id = ?",
            state.value,
            None if result is None else json.dumps(result),
            None if failure is None else json.dumps(failure),
            now_ms(),
            operation,
        )
        return self.operation(operation)

    def operation(self, operation: str) -> Record:
        """The operation of that id; raises OPERATION_NOT_FOUND."""
        rows = self._rows("SELECT * FROM operations WHERE id = ?", operation)
        if not rows:
            raise error(Reason.OPERATION_NOT_FOUND, f"no operation {operation!r}", operation=operation)
        return rows[0]

    def operations(self, *, kind: str = "", target: str = "") -> Sequence[Record]:
        """Operations, oldest first, of a kind or of a target where given."""
        return self._rows(
            "SELECT * FROM operations WHERE (? = '' OR kind = ?) AND (? = '' OR target = ?) ORDER BY created_ms, id",
            kind,
            kind,
            target,
            target,
        )

    def page(self, limit: int, before: tuple[int, str] | None = None) -> Sequence[Record]:
        """At most `limit` operations, newest first; `before` is (created_ms, id) of the last that was seen."""
        created_ms, last = before or (2**63 - 1, "")
        return self._rows(
            "SELECT * FROM operations WHERE (created_ms, id) < (?, ?) ORDER BY created_ms DESC, id DESC LIMIT ?",
            created_ms,
            last,
            limit,
        )

    def parts(self, parent: str) -> Sequence[Record]:
        """The operations that an operation consists of, in the order they were begun."""
        return self._rows("SELECT * FROM operations WHERE parent = ? ORDER BY rowid", parent)

    def open_operations(self) -> Sequence[Record]:
        """Operations that have not ended: those that a crash interrupted, when the daemon starts."""
        return self._rows(
            "SELECT * FROM operations WHERE state IN (?, ?) ORDER BY created_ms, id",
            State.PENDING.value,
            State.RUNNING.value,
        )

    def steps(self, operation: str) -> Sequence[Step]:
        """The steps of an operation, in order."""
        try:
            with closing(
                self._db.execute("SELECT * FROM steps WHERE operation = ? ORDER BY number", (operation,))
            ) as cursor:
                return tuple(_step(row) for row in cursor)
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def forget_before(self, created_ms: int, spared: Collection[str] = ()) -> int:
        """Delete what ended and is older, but not those whose kind is spared; returns how many."""
        return self._write(
            "DELETE FROM operations WHERE created_ms < ? AND state NOT IN (?, ?)"
            " AND kind NOT IN (SELECT value FROM json_each(?))",
            created_ms,
            State.PENDING.value,
            State.RUNNING.value,
            json.dumps([*spared]),
        )

    def together(self, functions: Sequence[Callable[[], Any]]) -> Sequence[tuple[Any, Exception | None]]:
        """Call methods of this journal, and write what they write with one sync: (result, what was raised) of each.

        One that fails undoes nothing of the others. If they cannot be written together, each is by itself.
        """
        if len(functions) > 1:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                outcomes = [self._within(function) for function in functions]
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._undo()
            except BaseException:
                self._undo()
                raise
            else:
                return outcomes
        return [_outcome(function) for function in functions]

    def _within(self, function: Callable[[], Any]) -> tuple[Any, Exception | None]:
        """One of several in a transaction."""
        self._db.execute("SAVEPOINT one")
        outcome = _outcome(function)
        if outcome[1] is not None:
            self._db.execute("ROLLBACK TO one")
        self._db.execute("RELEASE one")
        return outcome

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _rows(self, query: str, *values: object) -> Sequence[Record]:
        try:
            with closing(self._db.execute(query, values)) as cursor:
                return tuple(_record(row) for row in cursor)
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def _write(self, statement: str, *values: object) -> int:
        try:
            with closing(self._db.execute(statement, values)) as cursor:
                return cursor.rowcount
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def _failed(self, exc: sqlite3.Error) -> Exception:
        return error(
            Reason.STATE_NOT_WRITABLE,
            f"the journal {self._path} cannot be used ({exc}); nothing is done to a drive until it can be",
            path=self._path,
        )


def _outcome(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return function(), None
    except Exception as exc:
        return None, exc


def _record(row: Sequence[Any]) -> Record:
    return Record(
        id=row[0],
        kind=row[1],
        target=row[2],
        principal=row[3],
        request_id=row[4],
        digest=row[5],
        parameters=json.loads(row[6]),
        state=State(row[7]),
        phase=row[8],
        created_ms=row[9],
        updated_ms=row[10],
        result=None if row[11] is None else json.loads(row[11]),
        failure=None if row[12] is None else json.loads(row[12]),
        parent=row[13],
    )


def _step(row: Sequence[Any]) -> Step:
    outcome = None if row[5] is None else json.loads(row[5])
    return Step(row[0], row[1], row[2], json.loads(row[3]), row[4], outcome, row[6])
