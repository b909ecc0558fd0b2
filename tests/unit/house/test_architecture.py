"""docs/architecture.md names files and functions that are there, and every room."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
BASES = (ROOT / "nvmed", ROOT / "fleet", ROOT)

NAMED = sorted(set(re.findall(r"`([\w/.-]+\.(?:py|proto|md|toml))(?::([\w.]+))?`", TEXT)))


def located(name: str) -> Path:
    """The file that the document calls `name`: of nvmed's rooms, or from the root."""
    return next((base / name for base in BASES if (base / name).is_file()), ROOT / name)


@cache
def defined(path: Path) -> frozenset[str]:
    """The functions and classes of a module, and the methods of these."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    names.add(f"{node.name}.{inner.name}")
    return frozenset(names)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_is_named_is_there(file: str, name: str) -> None:
    path = located(file)
    assert path.is_file()
    assert not name or name in defined(path)


def test_every_room_is_named() -> None:
    rooms = {path.parent.name for path in (ROOT / "nvmed").glob("*/__init__.py")} - {"v1"}
    assert {room for room in rooms if f"`{room}/`" not in TEXT} == set()


def test_a_document_of_functions_has_many() -> None:
    assert len([name for _, name in NAMED if name]) > 20
