"""Rows of a journal, as many as a test wants, written at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

DEFAULTS: dict[str, Any] = {
    "kind": "nvmed.v1.Test/Do",
    "target": "controllers/a-1",
    "principal": "unix:admin",
    "request_id": "",
    "digest": b"",
    "parameters": "{}",
    "state": "SUCCEEDED",
    "phase": "",
    "created_ms": 0,
    "updated_ms": 0,
    "result": "{}",
    "failure": None,
    "parent": "",
    "resources": "[]",
    "is_history": 0,
}


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Insert operations into a journal that is there; what a row does not say is as DEFAULTS have it."""
    columns = ["id", *DEFAULTS]
    values = (
        [
            json.dumps(value) if isinstance(value, dict | list) else value
            for value in ({"id": str(number), **DEFAULTS, **row}[column] for column in columns)
        ]
        for number, row in enumerate(rows)
    )
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany(
            f"INSERT INTO operations ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
            values,
        )
