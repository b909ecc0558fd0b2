"""What is remembered and what is forgotten: by age, by count, and never what may still be asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.operations.journal import REPEATABLE_MS, Journal
from nvmed.operations.journal_reader import JournalReader
from nvmed.operations.manager import Manager
from nvmed.operations.records import now_ms
from nvmed.operations.retention import BATCH, DAY_MS, Retention
from tests.support.journal_rows import write
from tests.support.operations import remembered
from tests.unit.operations.operation_manager import WANTED, one_step

HISTORY = "nvmed.v1.Test/Staged"


async def left(path: Path, retention: Retention) -> set[str]:
    """Ids of what a daemon that starts and stops leaves."""
    operations = Manager(Journal(path, {HISTORY}), {}, retention)
    await operations.recover()
    await operations.close()  # waits for the forgetting
    with closing(sqlite3.connect(path)) as db:
        assert db.execute(
            "SELECT count(*) FROM steps WHERE operation NOT IN (SELECT id FROM operations)"
        ).fetchone() == (0,)
        return {row[0] for row in db.execute("SELECT id FROM operations")}


def ended(days: int) -> dict[str, int]:
    return dict.fromkeys(("created_ms", "updated_ms"), now_ms() - days * DAY_MS)


OLD, NEW = ended(31), ended(29)


@pytest.mark.parametrize(
    ("row", "stays"),
    [
        (NEW, True),
        (OLD, False),
        ({**OLD, "state": "BOGUS"}, False),
        ({**OLD, "request_id": "r"}, False),
        ({**OLD, "is_history": 1}, True),
        ({**ended(3651), "is_history": 1}, False),
        ({**NEW, "updated_ms": -(2**62)}, False),
    ],
)
async def test_age(tmp_path: Path, row: Mapping[str, Any], stays: bool) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    write(path, [dict(row)])
    assert (await left(path, Retention()) == {"0"}) is stays


async def test_count_of_each_resource_and_in_all(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    since = now_ms() - DAY_MS
    write(
        path,
        [
            {
                "id": f"{target}{history}{number}",
                "target": target,
                "is_history": history,
                "created_ms": since - number,
                "updated_ms": since,
            }
            for target in "abc"
            for history in (0, 1)
            for number in range(BATCH)
        ],
    )
    few = Retention(per_resource_max=3, operations_max=15)
    assert await left(path, few) == {
        *(f"{target}1{number}" for target in "abc" for number in range(3)),  # history stays before the rest
        *(f"{target}0{number}" for target in "abc" for number in range(2)),
    }


async def test_what_may_still_be_repeated_stays_whatever_there_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    recent = now_ms() - REPEATABLE_MS + 60_000
    write(
        path,
        [
            *(
                {"id": f"r{number}", "request_id": str(number), "created_ms": recent, "updated_ms": recent}
                for number in range(200)
            ),
            *({"id": f"n{number}", "created_ms": recent, "updated_ms": recent} for number in range(200)),
        ],
    )
    kept = await left(path, Retention(per_resource_max=1, operations_max=100))
    assert kept == {f"r{number}" for number in range(200)}


async def test_what_has_not_ended_stays(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    write(path, [{"state": "RUNNING", "created_ms": 1}])
    assert await left(path, Retention()) == {"0"}
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT state FROM operations").fetchone() == ("SAFE_TO_RETRY",)


async def test_what_runs_is_not_among_what_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    write(path, [{"id": state, "state": state, "created_ms": 1} for state in ("PENDING", "RUNNING", "FAILED")])
    reader = JournalReader(path)
    assert await reader.forgettable(Retention().kept(now_ms()), BATCH) == ("FAILED",)
    reader.close()


def test_the_journal_itself_keeps_what_has_not_ended(tmp_path: Path) -> None:
    """Whoever asks: what runs was perhaps begun again since it was looked for."""
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    write(path, [{"id": state, "state": state} for state in ("PENDING", "RUNNING", "FAILED")])
    journal = Journal(path)
    assert journal.forget(["PENDING", "RUNNING", "FAILED"]) == 1
    journal.close()


async def test_a_principal_cannot_fill_the_journal_with_request_ids(tmp_path: Path) -> None:
    retention = Retention(operations_max=100)
    operations = Manager(Journal(tmp_path / "journal.sqlite", (), retention.answers_max), {}, retention)
    await operations.recover()
    for number in range(25):
        await operations.perform(replace(WANTED, request_id=str(number)), one_step)
    with pytest.raises(NvmedError) as caught:
        await operations.perform(replace(WANTED, request_id="25"), one_step)
    assert caught.value.reason == "LIMIT_EXCEEDED"
    assert "25 operations with a request_id" in caught.value.message
    await operations.perform(replace(WANTED, request_id="3"), one_step)  # a repetition is answered
    await operations.perform(replace(WANTED, request_id=""), one_step)
    await operations.perform(replace(WANTED, principal="another", request_id="25"), one_step)
    assert len(await remembered(operations)) == 27
    await operations.close()


async def test_it_forgets_while_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.operations.retention.EVERY_OPERATIONS", 10)
    operations = Manager(Journal(tmp_path / "journal.sqlite"), {}, Retention(per_resource_max=5, operations_max=100))
    await operations.recover()
    for _ in range(40):
        await operations.perform(replace(WANTED, request_id=""), one_step)
    await operations.close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM operations").fetchone()[0] <= 15
