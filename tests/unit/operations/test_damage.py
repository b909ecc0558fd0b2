"""A journal that is damaged: what cannot be read is said, and hides nothing else."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from nvmed.__main__ import main
from nvmed.errors import NvmedError
from nvmed.operations import failure, journal_file
from nvmed.operations.journal import Journal
from nvmed.operations.journal_reader import Query, _page
from nvmed.operations.manager import Manager
from nvmed.operations.records import State, record_of, step_of
from nvmed.reasons import Reason, error
from tests.support.journal_rows import write
from tests.support.operations import remembered

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
).map(json.dumps)
_FAILURES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(failure.dump(error(Reason.BUG)), st.integers() | st.none())
)
_TEXT = st.text(max_size=20) | _JSON | _FAILURES.map(json.dumps) | st.sampled_from([state.value for state in State])
_TIME = st.integers(-(2**63), 2**63 - 1)
_NAMED = [_TEXT] * 5


@given(st.tuples(*_NAMED, st.binary(max_size=4), *[_TEXT] * 3, _TIME, _TIME, _TEXT | st.none(), _TEXT | st.none(),
                 _TEXT, _TEXT, st.integers(), _TEXT))  # fmt: skip
def test_no_row_is_unreadable(row: tuple[Any, ...]) -> None:
    record = record_of(row)
    assert record.id == row[0]
    assert record.subjects
    if record.damage:
        assert record.state is State.NEEDS_ATTENTION
        assert failure.load(record.failure or {}).reason == Reason.JOURNAL_DAMAGED.name


@given(st.tuples(_TEXT, st.integers(), _TEXT, _TEXT, _TIME, _TEXT | st.none(), _TIME | st.none()))
def test_no_step_is_unreadable(row: tuple[Any, ...]) -> None:
    assert step_of(row).operation == row[0]


DAMAGE = {
    "parameters": {"parameters": "{"},
    "a list for parameters": {"parameters": "[]"},
    "result": {"result": "nonsense"},
    "deep result": {"result": "[" * 100_000},
    "failure": {"failure": '{"code": 3}', "state": "FAILED"},
    "state": {"state": "BOGUS"},
    "a time before all time": {"created_ms": -(2**62)},
    "a time after all time": {"updated_ms": 2**62},
    "resources": {"resources": "{}"},
}


def journal(path: Path, **damage: Any) -> Path:
    """A journal with a damaged operation between two whole ones."""
    file = path / journal_file.NAME
    Journal(file).close()
    write(file, [{"created_ms": 3}, {"created_ms": 2, **damage}, {"created_ms": 1}])
    return file


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_row_is_shown_beside_the_others(tmp_path: Path, damage: dict[str, Any]) -> None:
    file = journal(tmp_path, **damage)
    operations = Manager(Journal(file), {})
    found = {record.id: record for record in await remembered(operations)}
    assert found.keys() == {"0", "1", "2"}
    assert [found[name].state for name in "012"] == [State.SUCCEEDED, State.NEEDS_ATTENTION, State.SUCCEEDED]
    assert "cannot be read" in (found["1"].failure or {})["message"]
    assert await operations.get("1") == found["1"]
    seen, position = [], None
    while page := await operations.page(Query(1, position)):
        ((position, record),) = page
        seen.append(record.id)
    assert sorted(seen) == ["0", "1", "2"]
    await operations.close()


@pytest.mark.parametrize("damage", [{"parameters": "{"}, {"result": "["}])
async def test_an_open_operation_that_cannot_be_read_needs_attention(tmp_path: Path, damage: dict[str, Any]) -> None:
    file = journal(tmp_path, state="RUNNING", **damage)
    operations = Manager(Journal(file), {})
    await operations.recover()
    ended = await operations.get("1")
    assert (ended.state, (ended.failure or {})["reason"]) == (State.NEEDS_ATTENTION, "JOURNAL_DAMAGED")
    await operations.close()
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT state FROM operations WHERE id = '1'").fetchone() == ("NEEDS_ATTENTION",)


async def test_a_step_that_cannot_be_read_is_not_guessed_at(tmp_path: Path) -> None:
    file = journal(tmp_path, state="RUNNING")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("INSERT INTO steps VALUES ('1', 1, 'commit', '{', 1, NULL, NULL)")

    async def reconcile(_: object) -> Any:
        pytest.fail("it was asked about a step that nobody knows")

    operations = Manager(Journal(file), {"nvmed.v1.Test/Do": reconcile})
    await operations.recover()
    assert (await operations.get("1")).state is State.NEEDS_ATTENTION
    await operations.close()


# -- the file, and the command that checks it


def check(path: Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["journal", "check", str(path)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_whole_journal_is_whole_also_while_it_is_used(tmp_path: Path) -> None:
    file = journal(tmp_path)
    assert check(tmp_path) == (0, f"{file}: nothing is wrong\n")
    used = Journal(file)
    assert check(tmp_path)[0] == 0
    used.close()


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_the_check_names_the_operation(tmp_path: Path, damage: dict[str, Any]) -> None:
    journal(tmp_path, **damage)
    code, said = check(tmp_path)
    assert code == 1
    assert "operation 1: its " in said
    assert "operation 0" not in said


def test_there_may_be_none(tmp_path: Path) -> None:
    code, said = check(tmp_path)
    assert (code, "there is no journal" in said) == (1, True)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("seed", range(24))
def test_flipped_bytes_never_surprise(tmp_path: Path, seed: int) -> None:
    """It opens or says JOURNAL_DAMAGED; what is read is read, or says so; the check says the same."""
    file = tmp_path / journal_file.NAME
    Journal(file).close()
    write(file, ({"created_ms": number, "target": f"controllers/{number}"} for number in range(300)))
    chance = random.Random(seed)
    data = bytearray(file.read_bytes())
    for _ in range(60):
        data[chance.randrange(0 if seed < 4 else 4096, len(data))] = chance.randrange(256)
    file.write_bytes(data)
    code, said = check(tmp_path)
    assert code in (0, 1), said
    try:
        Journal(file).close()
        with closing(journal_file.open_for_reading(file)) as db:
            _page(Query(1000), db)
    except (NvmedError, *journal_file.ERRORS) as exc:
        reason = exc if isinstance(exc, NvmedError) else journal_file.failed(file, exc)
        assert reason.reason in ("JOURNAL_DAMAGED", "STATE_NOT_WRITABLE")  # type: ignore[attr-defined]
        assert code == 1


@pytest.mark.parametrize("put", ["folder", "link", "short"])
def test_what_is_no_file_of_ours_is_refused(tmp_path: Path, put: str) -> None:
    file = tmp_path / journal_file.NAME
    if put == "folder":
        file.mkdir()
    elif put == "link":
        (tmp_path / "precious").write_text("precious")
        file.symlink_to(tmp_path / "precious")
    else:
        journal(tmp_path)
        file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(NvmedError) as caught:
        Journal(file)
    assert caught.value.reason in ("STATE_NOT_WRITABLE", "JOURNAL_DAMAGED")
    if put == "link":
        assert (tmp_path / "precious").read_text() == "precious"
