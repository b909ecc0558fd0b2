"""The house's files: short enough to read, and nothing in them of the machine they were written on."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

FILE_LINES = 500
FUNCTION_LINES = 50
"""The limits of CONTRIBUTING.md; a function's docstring does not count."""

LONGER: dict[str, str] = {"nvmed/reasons.py": "one table, to which reasons are added and from which none goes"}
"""What may be longer, `file` or `file:function`, and why."""

HOSTS = re.compile(
    r"localhost|127\.0\.0\.1|\[::1\]|([\w-]+\.)*example(\.(com|org|net))?|github\.com|([\w-]+\.)*apache\.org"
    r"|([\w-]+\.)*(nvmexpress|freedesktop|kernel|ietf|rfc-editor|grpc|w3|semver|systemd)\.(org|io|dev)|aip\.dev|google\.aip\.dev"
    r"|([\w-]+\.)*(google|googleapis)\.com|json-schema\.org|(www\.)?debian\.org|protobuf\.dev|nvmed\.dev|in-toto\.io|slsa\.dev"
)
"""Hosts that a tracked file may name in a URL. Where packages come from is the environment's business, not ours."""

OF_OTHERS = ("third_party/", "clients/go/nvmed/v1/", "clients/rust/src/generated/", "clients/typescript/src/gen/")
"""What others wrote, or generators."""


@cache
def tracked() -> tuple[Path, ...]:
    """Every tracked file that is still there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    """(name, content) of every tracked text file but those of others."""
    for path in tracked():
        name = str(path.relative_to(ROOT))
        try:
            content = path.read_text()
        except UnicodeDecodeError:
            continue
        if not name.startswith(OF_OTHERS):
            yield name, content


def sources() -> Iterator[tuple[str, str]]:
    """(name, content) of the Python that people wrote."""
    return ((name, text) for name, text in texts() if name.endswith(".py") and not name.startswith("nvmed/v1/"))


def functions(source: str) -> Iterator[tuple[str, int]]:
    """(name, lines without the docstring) of every function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            docstring = first if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else None
            dropped = docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1 - dropped


@pytest.mark.timeout(120)  # it parses every file
def test_files_and_functions_are_short() -> None:
    """And what is excused in LONGER still needs it."""
    long = {name: lines for name, text in sources() if (lines := text.count("\n")) > FILE_LINES}
    for name, text in sources():
        long |= {f"{name}:{function}": lines for function, lines in functions(text) if lines > FUNCTION_LINES}
    assert {name: lines for name, lines in long.items() if name not in LONGER} == {}
    assert [name for name in LONGER if name not in long] == []


def test_urls_name_hosts_that_everybody_has() -> None:
    url = re.compile(r"\b(?:https?|git|ssh)://(?:[^\s/@\"']+@)?(\[[0-9a-f:]+\]|[\w.-]+)")
    wrong = {f"{name}: {match[0]}" for name, text in texts() for match in url.finditer(text)
             if not HOSTS.fullmatch(match[1].rstrip("."))}  # fmt: skip
    assert sorted(wrong) == []


def test_no_file_knows_this_machine() -> None:
    """Neither where this checkout is nor anybody's home, but what the documentation calls so."""
    places = {str(ROOT), str(Path.home())} - {"/", "/root"}
    # The folder the checkout is in, unless it is one that every machine has.
    if len(ROOT.parents) > 1 and not {"tmp", "home", "src", "opt", "srv", "var", "usr", "build"} & {ROOT.parent.name}:
        places.add(f"{ROOT.parent}/")
    wrong = [f"{name}: {place}" for name, text in texts() for place in places if place in text]
    assert wrong == []


@pytest.mark.parametrize("name", ["requirements.lock"])
def test_a_lock_pins_hashes_and_no_place(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.lstrip().startswith("#")]
    assert [line for line in lines if "://" in line] == []
    assert [line for line in lines if line.startswith((" ", "-")) and "--hash=sha256:" not in line] == []
    pins = [line for line in lines if not line.startswith(" ")]
    assert [line for line in pins if not re.match(r"[\w.-]+==[\w.]+( ;.*)? \\$", line)] == []
