"""The journal's file: its schema, how it is opened and brought up to date, and whether it is whole.

SQLite with a write-ahead log: one connection writes, others read beside it without waiting for it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from nvmed.files import make_private
from nvmed.operations.records import record_of, step_of
from nvmed.reasons import Reason, error

NAME: Final = "journal.sqlite"
"""Of the file, in the state directory."""

SCHEMA_VERSION: Final = 3

_TABLES: Final = """
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

_PAGES: Final = """
ALTER TABLE operations ADD COLUMN resources TEXT NOT NULL DEFAULT '[]';
ALTER TABLE operations ADD COLUMN is_history INTEGER NOT NULL DEFAULT 0;
DROP INDEX operations_by_target;
CREATE INDEX operations_by_target ON operations (target, created_ms, id);
CREATE INDEX operations_by_principal ON operations (principal, created_ms, id);
CREATE INDEX operations_of_history ON operations (created_ms, id) WHERE is_history;
UPDATE OR IGNORE operations SET request_id = lower(request_id);
CREATE INDEX operations_open ON operations (created_ms, id) WHERE state IN ('PENDING', 'RUNNING');
"""

_TRACES: Final = "ALTER TABLE operations ADD COLUMN trace TEXT NOT NULL DEFAULT '';"

_VERSIONS: Final = (_TABLES, _PAGES, _TRACES)
"""What leads to each version of the schema from the one before it."""

_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_OPERATIONS: Final = {
    1: "SELECT *, '[]', 0, '' FROM operations",
    2: "SELECT *, '' FROM operations",
    3: "SELECT * FROM operations",
}
"""Every operation of a journal of that version, for `record_of`."""

ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What using a journal raises: where SQLite's own message quotes what is damaged, Python cannot even decode that."""

FOUND_MAX: Final = 100
"""What SQLite says of a damaged file, at most."""


def open_for_writing(path: Path, history: Collection[str]) -> sqlite3.Connection:
    """The connection that writes; makes the file, of mode 0600 whatever the umask, if it is not there.

    `history` are the kinds that are a drive's history. Raises JOURNAL_DAMAGED, STATE_NOT_WRITABLE.
    """
    try:
        make_private(path)  # SQLite gives its other files the mode of this one
    except OSError as exc:
        raise error(
            Reason.STATE_NOT_WRITABLE, f"the journal {path} cannot be opened: {exc.strerror or exc}", path=path
        ) from exc
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.text_factory = _text
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        _require_whole(connection, path)
        _bring_up_to_date(connection, path, history)
    except BaseException as exc:
        if connection is not None:
            connection.close()
        if isinstance(exc, ERRORS):
            raise failed(path, exc) from exc
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing, to a journal that is there; raises `sqlite3.Error`."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _text
    return connection


def failed(path: Path, exc: Exception) -> Exception:
    """What one of ERRORS means."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGE or isinstance(exc, UnicodeDecodeError):
        return _damaged(path, str(exc))
    return error(
        Reason.STATE_NOT_WRITABLE,
        f"the journal {path} cannot be used ({exc}); nothing is done to a drive until it can be",
        path=path,
    )


def problems(path: Path) -> Iterator[str]:
    """What is wrong with a journal, sentence by sentence; writes nothing.

    Raises JOURNAL_DAMAGED where it cannot be read any further.
    """
    if not path.is_file():
        raise error(Reason.STATE_NOT_WRITABLE, f"there is no journal {path}", path=path)
    try:
        with closing(open_for_reading(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in range(1, SCHEMA_VERSION + 1):
                yield f"its schema is {version}; this version of nvmed knows 1 to {SCHEMA_VERSION}"
                return
            yield from (found for found in _lines(connection, "integrity_check") if found != "ok")
            for (table,) in connection.execute('SELECT DISTINCT "table" FROM pragma_foreign_key_check'):
                yield f"table {table} has rows of operations that are not there"
            for row in connection.execute(_OPERATIONS[version]):
                record = record_of(row)
                if record.damage:
                    yield f"operation {record.id}: {record.damage}"
            for row in connection.execute("SELECT * FROM steps"):
                step = step_of(row)
                if step.damage:
                    yield f"operation {step.operation}, step {step.number}: {step.damage}"
    except ERRORS as exc:
        raise failed(path, exc) from exc


def _text(raw: bytes) -> str:
    """Text as it can be read: a damaged one must not hide its row."""
    return raw.decode("utf-8", "replace")


def _lines(connection: sqlite3.Connection, check: str) -> Iterator[str]:
    for (text,) in connection.execute(f"PRAGMA {check}({FOUND_MAX})"):
        yield from str(text).splitlines()


def _require_whole(connection: sqlite3.Connection, path: Path) -> None:
    found = next(_lines(connection, "quick_check"), "ok")
    if found != "ok":
        raise _damaged(path, found)


def _damaged(path: Path, what: str) -> Exception:
    return error(
        Reason.JOURNAL_DAMAGED,
        f"the journal {path} is damaged ({what}); nvmed changes nothing without one: `nvmed journal check` says more, "
        "and a journal that is moved away is begun anew",
        path=path,
    )


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, history: Collection[str]) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if not 0 <= found <= SCHEMA_VERSION:
        raise error(
            Reason.STATE_NOT_WRITABLE,
            f"{path} was written by another version of nvmed (schema {found}, this one has {SCHEMA_VERSION}); "
            "run that version, or move the file away",
            path=path,
        )
    if found == SCHEMA_VERSION:
        return
    statements = "".join(_VERSIONS[found:])
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {statements}")
        connection.execute(
            "UPDATE operations SET is_history = 1 WHERE kind IN (SELECT value FROM json_each(?))",
            (json.dumps([*history]),),
        )
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
