"""What nvmed meant to do and what came of it, on disk before and after each step.

SQLite with a write-ahead log and `synchronous=FULL`: a record that was written is there after kill -9 and after power
loss. Everything here blocks; `manager.Manager` calls it in a thread of its own. No secret is ever recorded: requests
are kept as digests, and parameters are what their operation names.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from nvmed.operations import journal_file
from nvmed.operations.records import Record, State, Step, now_ms, record_of, step_of
from nvmed.reasons import Reason, error

REPEATABLE_MS: Final = 24 * 3600 * 1000
"""How long a request_id finds its operation again, at least (AIP-155)."""

ANSWERS_MAX: Final = 25_000
"""Operations with a request_id that one principal may begin in that time, unless the daemon is told otherwise."""


class Journal:
    """The journal in `path`, made if it is not there; `history` are the kinds that are a drive's history.

    Raises JOURNAL_DAMAGED, and STATE_NOT_WRITABLE when a write fails.
    """

    def __init__(self, path: Path, history: Collection[str] = (), answers_max: int = ANSWERS_MAX) -> None:
        self._path = path
        self._answers_max = answers_max
        self._history = history
        self._db = journal_file.open_for_writing(path, history)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def close(self) -> None:
        """Close the file; idempotent."""
        self._db.close()

    def begin(self, record: Record) -> Record:
        """Write a new operation; if its principal used its request_id before, the operation of then comes back.

        Raises LIMIT_EXCEEDED if the principal has begun more with request_ids than can be remembered.
        """
        found = self.find_request(record.principal, record.request_id)
        if found is not None:
            return found
        now = now_ms()
        if record.request_id and self._answers(record.principal, now - REPEATABLE_MS) >= self._answers_max:
            raise error(
                Reason.LIMIT_EXCEEDED,
                f"{record.principal} has begun {self._answers_max} operations with a request_id within a day, and each "
                "is remembered so long; make fewer requests, or leave request_id out where none is repeated",
                limit=self._answers_max,
            )
        self._write(
            "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?)",
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
            json.dumps(record.resources),
            record.kind in self._history,
            record.trace,
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
        except journal_file.ERRORS as exc:
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

    def parts(self, parent: str) -> Sequence[Record]:
        """The operations that an operation consists of, in the order they were begun."""
        return self._rows("SELECT * FROM operations WHERE parent = ? ORDER BY rowid", parent)

    def open_operations(self) -> Sequence[Record]:
        """Operations that have not ended: those that a crash interrupted, when the daemon starts."""
        return self._rows("SELECT * FROM operations WHERE state IN ('PENDING', 'RUNNING') ORDER BY created_ms, id")

    def steps(self, operation: str) -> Sequence[Step]:
        """The steps of an operation, in order."""
        try:
            with closing(
                self._db.execute("SELECT * FROM steps WHERE operation = ? ORDER BY number", (operation,))
            ) as cursor:
                return tuple(step_of(row) for row in cursor)
        except journal_file.ERRORS as exc:
            raise self._failed(exc) from exc

    def forget(self, operations: Sequence[str]) -> int:
        """Delete operations that have ended, with their steps; returns how many."""
        return self._write(
            "DELETE FROM operations WHERE id IN (SELECT value FROM json_each(?))"
            " AND state NOT IN ('PENDING', 'RUNNING')",
            json.dumps([*operations]),
        )

    def _answers(self, principal: str, since_ms: int) -> int:
        """How many operations with a request_id a principal has begun since then, as far as that matters."""
        return self._count(
            "SELECT count(*) FROM (SELECT 1 FROM operations WHERE principal = ? AND created_ms > ? AND request_id <> ''"
            " LIMIT ?)",
            principal,
            since_ms,
            self._answers_max,
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
                return tuple(record_of(row) for row in cursor)
        except journal_file.ERRORS as exc:
            raise self._failed(exc) from exc

    def _write(self, statement: str, *values: object) -> int:
        try:
            with closing(self._db.execute(statement, values)) as cursor:
                return cursor.rowcount
        except journal_file.ERRORS as exc:
            raise self._failed(exc) from exc

    def _count(self, query: str, *values: object) -> int:
        try:
            count: int = self._db.execute(query, values).fetchone()[0]
        except journal_file.ERRORS as exc:
            raise self._failed(exc) from exc
        return count

    def _failed(self, exc: Exception) -> Exception:
        return journal_file.failed(self._path, exc)


def _outcome(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return function(), None
    except Exception as exc:
        return None, exc
