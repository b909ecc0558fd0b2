"""What documents promise is held: every row of a table with a column "Held by" names tests that are there."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grpc
import pytest

from nvmed.operations.records import State
from nvmed.reasons import Reason
from nvmed.simulator.fault_file import KINDS

ROOT = Path(__file__).parents[3]
DOCUMENTS = ("drives.md", "faults.md", "guarantees.md")
COLUMN = "Held by"
ODD_DRIVES = ("test_odd_logs", "test_odd_telemetry", "test_odd_transfers", "test_odd_values", "test_partial_answers")
"""Files of tests that are about nothing but such oddities."""

UPPER = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")


@dataclass(frozen=True)
class Row:
    document: str
    cells: tuple[str, ...]
    heads: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document}: {self.cells[0][:40]}"


def rows(document: str) -> list[Row]:
    """The rows of its tables that have the column."""
    found: list[Row] = []
    heads: tuple[str, ...] = ()
    for line in (ROOT / "docs" / document).read_text(encoding="utf-8").splitlines():
        cells = tuple(cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))
        if not line.startswith("|"):
            heads = ()
        elif COLUMN in cells:
            heads = cells
        elif heads and not set(line) <= {*"|-"}:
            found.append(Row(document, cells, heads))
    return found


ROWS = [row for document in DOCUMENTS for row in rows(document)]


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_names_tests_that_are_there(row: Row) -> None:
    assert len(row.cells) == len(row.heads)
    assert row.cells[0]
    assert row.cells[1]
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.cells[row.heads.index(COLUMN)])
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in names_in(ROOT / path)] == []


def test_no_file_of_oddities_is_missing() -> None:
    text = "".join(row.cells[-1] for row in ROWS if row.document == "drives.md")
    assert [name for name in ODD_DRIVES if f"/{name}.py::" not in text] == []


def test_every_fault_of_the_simulator_has_a_row() -> None:
    text = "".join(row.cells[0] for row in ROWS if row.document == "faults.md")
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []


def test_promises_are_numbered() -> None:
    numbers = [re.match(r"\*\*G(\d+)\*\* ", row.cells[0]) for row in ROWS if row.document == "guarantees.md"]
    assert [int(number[1]) if number else 0 for number in numbers] == [*range(1, len(numbers) + 1)]


@pytest.mark.parametrize("document", ["faults.md", "guarantees.md"])
def test_reasons_are_those_there_are(document: str) -> None:
    known = {one.name for kind in (Reason, State, grpc.StatusCode) for one in kind}
    assert sorted({*UPPER.findall((ROOT / "docs" / document).read_text(encoding="utf-8"))} - known) == []
