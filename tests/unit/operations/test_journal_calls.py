"""Writes of the journal that share a sync: as true and as independent of each other as if each were alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.operations.journal import Journal
from nvmed.operations.journal_calls import JournalCalls
from nvmed.operations.records import Record, State
from nvmed.reasons import Reason


def record(name: str) -> Record:
    return Record(name, "k", "t", "p", "", b"")


class Watched(Journal):
    """A journal that remembers how many calls came together."""

    groups: list[int]

    def together(self, functions: Sequence[Callable[[], Any]]) -> Sequence[tuple[Any, Exception | None]]:
        self.groups.append(len(functions))
        return super().together(functions)


async def test_who_writes_at_the_same_time_shares_a_sync(tmp_path: Path) -> None:
    journal = Watched(tmp_path / "journal.sqlite")
    journal.groups = []
    calls = JournalCalls(journal)
    await asyncio.gather(*(calls.call(partial(journal.begin, record(str(number)))) for number in range(24)))
    numbers = await asyncio.gather(
        *(calls.call(partial(journal.intend, str(number), "download", {"slot": number})) for number in range(24))
    )
    assert numbers == [1] * 24
    assert sum(journal.groups) == 48
    assert len(journal.groups) < 8
    await calls.close()
    again = Journal(tmp_path / "journal.sqlite")
    assert [again.steps(str(number))[0].detail for number in range(24)] == [{"slot": number} for number in range(24)]
    again.close()


async def test_calls_are_done_in_order_also_for_those_who_go_away(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    calls = JournalCalls(journal)
    first = asyncio.create_task(calls.call(partial(journal.begin, record("a"))))
    await asyncio.sleep(0)
    gone = asyncio.create_task(calls.call(partial(journal.intend, "a", "commit", {})))
    finish = asyncio.create_task(calls.call(partial(journal.finish, "a", State.SUCCEEDED)))
    await asyncio.sleep(0)
    gone.cancel()
    await first
    assert (await finish).state is State.SUCCEEDED
    assert [step.name for step in journal.steps("a")] == ["commit"]
    await calls.close()


def test_one_that_fails_undoes_nothing_of_the_others(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")

    def half() -> None:
        journal.begin(record("half"))
        raise ZeroDivisionError

    outcomes = journal.together(
        [
            partial(journal.begin, record("a")),
            half,
            partial(journal.operation, "unknown"),
            partial(journal.intend, "nobody", "commit", {}),  # refused by a foreign key
            partial(journal.begin, record("b")),
            partial(journal.intend, "b", "download", {}),
        ]
    )
    failures = [failure for _, failure in outcomes]
    assert [type(failure).__name__ for failure in failures] == [
        "NoneType", "ZeroDivisionError", "NotFound", type(failures[3]).__name__, "NoneType", "NoneType",
    ]  # fmt: skip
    assert isinstance(failures[3], NvmedError)
    assert (outcomes[0][0].id, outcomes[5][0]) == ("a", 1)
    assert [one.id for one in journal.open_operations()] == ["a", "b"]
    journal.close()


class Refusing:
    """A connection that refuses a statement."""

    def __init__(self, db: sqlite3.Connection, statement: str) -> None:
        self._db = db
        self.statement = statement

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        if statement.startswith(self.statement):
            raise sqlite3.OperationalError("database or disk is full")
        return self._db.execute(statement, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@pytest.mark.parametrize("statement", ["BEGIN", "SAVEPOINT", "RELEASE", "COMMIT"])
def test_what_cannot_be_written_together_is_written_one_by_one(tmp_path: Path, statement: str) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal._db = Refusing(journal._db, statement)  # type: ignore[assignment]
    outcomes = journal.together([partial(journal.begin, record(name)) for name in "abc"])
    assert [(result.id, failure) for result, failure in outcomes] == [("a", None), ("b", None), ("c", None)]
    journal.close()


def test_a_full_disk_is_told_to_everyone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal._db = Refusing(journal._db, "INSERT")  # type: ignore[assignment]
    outcomes = journal.together([partial(journal.begin, record(name)) for name in "abc"])
    reasons = [failure.reason for _, failure in outcomes if isinstance(failure, NvmedError)]
    assert reasons == [Reason.STATE_NOT_WRITABLE.name] * 3
    assert not journal._db.in_transaction
    journal.close()


def test_nothing_is_left_of_a_group_that_was_killed(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    journal = Journal(tmp_path / "journal.sqlite")
    with pytest.raises(Killed):
        journal.together([partial(journal.begin, record("a")), die])
    assert journal.open_operations() == ()
    journal.close()
