"""Pages of the journal: the same whether SQLite or Python judges, and as cheap among many rows as among few."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from google.longrunning.operations_pb2 import ListOperationsRequest, ListOperationsResponse
from hypothesis import given
from hypothesis import strategies as st

from nvmed.config import Config, Listen, UnixListener
from nvmed.operations import journal_file
from nvmed.operations.journal import Journal
from nvmed.operations.journal_reader import Query, _page
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record, State
from nvmed.rpc.budget import Budget, Lease
from nvmed.rpc.call import Call, current_call
from nvmed.rpc.convert import operations as convert
from nvmed.rpc.filters import compiled, parse
from nvmed.rpc.journal_pages import BATCH, EXAMINED_MAX
from nvmed.rpc.services.operations import COLUMNS, OperationsService
from nvmed.security.bindings import make_policy
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.support.journal_rows import write

# -- what SQLite is asked is what the filter means

_VALUES = st.sampled_from(["a", "B", "ab", "*", "a*", "*b", "*a*", "**", "\u00e9", "%", "_"])
_TIMES = st.sampled_from(["1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.0015Z", "1970-01-01T00:00:00.002Z"])
_SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
_EQUALITY = st.sampled_from(["=", "!="])
_STATES = st.sampled_from([state.value for state in State])
_TERMS = st.one_of(
    st.tuples(st.sampled_from(["method", "target", "principal", "request_id", "phase"]), _SIGNS, _VALUES),
    st.tuples(st.sampled_from(["create_time", "update_time"]), _SIGNS, _TIMES),
    st.tuples(st.just("state"), _EQUALITY, _STATES),
    st.tuples(st.sampled_from(["target", "state"]), st.just(":"), _VALUES),
).map(lambda term: f'{term[0]} {term[1]} "{term[2]}"')
FILTERS = st.recursive(
    _TERMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) AND ({two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) OR ({two[1]})"),
        inner.map(lambda one: f"NOT ({one})"),
    ),
    max_leaves=6,
)
_WORDS = ["", "a", "b", "ab", "ba", "B", "\u00e9a", "a%", "_"]
ROWS: Sequence[dict[str, Any]] = [
    {
        "kind": _WORDS[number % 9],
        "target": _WORDS[number % 8],
        "principal": _WORDS[number % 7],
        "phase": _WORDS[number % 5],
        "state": [*(state.value for state in State), "BOGUS"][number % 8],
        "parameters": "{" if number % 11 == 0 else "{}",
        "created_ms": number % 4,
        "updated_ms": number % 3,
    }
    for number in range(120)
]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    Journal(path).close()
    write(path, ROWS)
    return journal_file.open_for_reading(path)


def records(rows: sqlite3.Connection, query: Query) -> list[Record]:
    return [record for _, record in _page(query, rows)]


@given(text=FILTERS)
def test_what_fits_a_filter_is_never_left_out_by_sqlite(rows: sqlite3.Connection, text: str) -> None:
    everything = records(rows, Query(1000))
    fits = parse(text, OperationMetadata)
    wanted = [record.id for record in everything if fits(convert.metadata(record, None))]
    condition = compiled(text, OperationMetadata, COLUMNS.sql)
    if condition.sql is None:
        return
    chosen = records(rows, Query(1000, where=(condition.sql.text, condition.sql.values)))
    assert {*wanted} <= {record.id for record in chosen}
    if condition.sql.is_exact:
        assert wanted == [record.id for record in chosen]


@pytest.mark.parametrize(
    "text",
    [
        'principal = "nobody"',
        "target = controllers/a-1 AND method = nvmed.v1.FirmwareService/*",
        "state = FAILED OR state = CANCELLED",
        'create_time > "2026-01-01T00:00:00Z" phase = commit',
    ],
)
def test_what_people_ask_is_sqlites_to_judge(text: str) -> None:
    assert compiled(text, OperationMetadata, COLUMNS.sql).sql is not None


# -- as cheap among many as among few


def cost(path: Path, query: Query) -> int:
    """Instructions of SQLite's machine that a page takes."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    with closing(journal_file.open_for_reading(path)) as connection:
        connection.set_progress_handler(step, 1)
        _page(query, connection)
    return count


@pytest.mark.parametrize(
    "query",
    [
        Query(2),
        Query(50, before=(80, "x")),
        Query(2, target="controllers/a-1"),
        Query(2, history_of=("k",)),
        Query(2, target="controllers/a-1", history_of=("k",)),
        Query(2, where=("principal = ?", ("nobody",))),
        Query(2, where=("target = ?", ("controllers/none",)), before=(50, "")),
    ],
    ids=str,
)
def test_a_page_costs_the_same_among_many(tmp_path: Path, query: Query) -> None:
    costs = []
    for count in (100, 10_000):
        path = tmp_path / f"{count}.sqlite"
        Journal(path).close()
        write(path, ({"created_ms": number, "kind": "k", "is_history": number % 2} for number in range(count)))
        costs.append(cost(path, query))
    assert costs[1] <= 2 * costs[0]


# -- what no column has


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[OperationsService]:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    write(path, ({"created_ms": number % 7, "phase": "x" if number == 0 else ""} for number in range(EXAMINED_MAX + 3)))
    operations = Manager(Journal(path), {})
    yield OperationsService(operations)
    await operations.close()


ADMIN = make_policy(Config(listen=Listen(unix=(UnixListener(path="/x", roles=("admin",)),)))).principal(("unix:admin",))


async def listed(service: OperationsService, **fields: Any) -> ListOperationsResponse:
    """The list as admin sees it."""
    current_call.set(Call("/google.longrunning.Operations/ListOperations", ADMIN, "", "", Lease(Budget(0), "")))
    return await service.ListOperations(ListOperationsRequest(**fields), None)


async def test_a_call_looks_at_so_many_rows_and_says_where_to_go_on(service: OperationsService) -> None:
    first = await listed(service, filter="phase = x")
    assert not first.operations
    assert first.next_page_token
    rest = await listed(service, filter="phase = x", page_token=first.next_page_token)
    assert [one.name for one in rest.operations] == ["operations/0"]
    assert not rest.next_page_token


async def test_pages_have_every_operation_once(service: OperationsService) -> None:
    seen, token = [], ""
    while True:
        found = await listed(service, page_size=499, page_token=token)
        seen += [one.name for one in found.operations]
        if not (token := found.next_page_token):
            break
    assert len(seen) == len({*seen}) == EXAMINED_MAX + 3
    assert BATCH < 499


@pytest.mark.parametrize("position", ["", "1", "x/1", "1/", "1/a/b", f"{10**19}/a", "1/" + "a" * 65])
async def test_damaged_tokens(service: OperationsService, position: str) -> None:
    from nvmed.errors import NvmedError
    from nvmed.rpc.listing import encode_token

    with pytest.raises(NvmedError) as caught:
        await listed(service, page_token=encode_token(position, "") if position else "x")
    assert caught.value.reason == "INVALID_FIELD"
