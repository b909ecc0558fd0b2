"""docs/drives.md is true: every oddity in it names tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs/drives.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| Seen")
]
ODD_DRIVES = ("test_odd_logs", "test_odd_telemetry", "test_odd_transfers", "test_odd_values", "test_partial_answers")
"""Files of tests that are about nothing but such oddities."""


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_names_tests_that_are_there(row: list[str]) -> None:
    seen, done, held = row
    assert seen
    assert done
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", held)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in names_in(ROOT / path)] == []


def test_no_file_of_oddities_is_missing() -> None:
    text = "".join(held for _, _, held in ROWS)
    assert [name for name in ODD_DRIVES if f"/{name}.py::" not in text] == []
