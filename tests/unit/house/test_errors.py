"""The tables of errors: complete, used, documented, and never smaller than a client knows them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from nvmed.errors import (
    CLASSES,
    DOMAIN,
    FieldViolation,
    GateViolation,
    NotFound,
    NvmedError,
    NvmeStatus,
    OsFailure,
    Unavailable,
)
from nvmed.reasons import CONTENTION, CONTENTION_RETRY_MS, Reason, error, invalid_field

ROOT = Path(__file__).resolve().parents[3]

RESERVED: dict[str, str] = {}
"""Reasons that no code raises yet, and what for."""

by_name = pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)


def uses() -> Iterator[tuple[str, str]]:
    """(where, name) of every `Reason.NAME` in the code, the table itself apart."""
    for folder in ("nvmed", "clients/python"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name == "errors.py" and path.parent.name == "nvmed":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason":
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.attr


def test_contention_is_unavailable_and_says_when_to_try_again() -> None:
    for reason in CONTENTION:
        assert reason.cls is Unavailable or reason in (Reason.IMAGE_IN_USE, Reason.UPLOAD_BUSY)
        assert error(reason).retry_delay_ms == CONTENTION_RETRY_MS
        assert error(reason, retry_delay_ms=7).retry_delay_ms == 7


def test_every_reason_named_in_the_code_exists() -> None:
    members = {*Reason.__members__, "__members__"}
    assert [f"{where}: {name}" for where, name in uses() if name not in members] == []


def test_every_reason_is_raised_somewhere() -> None:
    """Or is kept for something that RESERVED tells; INVALID_FIELD has its own function."""
    used = {name for _, name in uses()} | {Reason.INVALID_FIELD.name}
    assert [reason.name for reason in Reason if reason.name not in used | RESERVED.keys()] == []
    assert [name for name in RESERVED if name in used] == []


def test_classes_are_those_of_grpc() -> None:
    """Every status code of gRPC but OK and UNKNOWN, which say nothing."""
    assert {*CLASSES, "OK", "UNKNOWN"} == {code.name for code in grpc.StatusCode}
    assert all(cls.code == code and issubclass(cls, NvmedError) for code, cls in CLASSES.items())


@by_name
def test_a_reason_is_well_formed(reason: Reason) -> None:
    """AIP-193: at most 63 characters, upper snake case; meaning and remedy are sentences."""
    assert re.fullmatch(r"[A-Z][A-Z0-9_]{0,61}[A-Z0-9]", reason.name)
    assert CLASSES[reason.cls.code] is reason.cls
    assert reason.meaning.endswith(".")
    assert reason.remedy.endswith(".")
    assert "\n" not in reason.meaning + reason.remedy


@by_name
def test_an_error_has_the_class_of_its_reason(reason: Reason) -> None:
    exc = error(reason, limit=3)
    assert type(exc) is reason.cls
    assert (exc.reason, exc.message, str(exc), exc.metadata) == (
        reason.name,
        reason.meaning,
        reason.meaning,
        {"limit": "3"},
    )


def test_a_wrong_field_is_named_wherever_a_client_looks() -> None:
    exc = invalid_field("data_area", "is 5, give 1 to 4")
    assert (exc.code, exc.reason, exc.metadata) == ("INVALID_ARGUMENT", "INVALID_FIELD", {"field": "data_area"})
    assert [(field.field, field.description) for field in exc.fields] == [("data_area", "is 5, give 1 to 4")]
    assert str(exc) == "data_area: is 5, give 1 to 4"


def test_no_reason_that_clients_know_changed() -> None:
    """`make proto` adds new ones to the list; none ever leaves it or changes its code."""
    known = (ROOT / "tests/unit/house/reasons.txt").read_text().splitlines()
    now = {f"{reason.name} {reason.cls.code}" for reason in Reason}
    assert [line for line in known if line not in now] == []
    assert len(known) == len({line.split()[0] for line in known})


def test_the_documentation_says_what_the_tables_say() -> None:
    check: list[str | Path] = [sys.executable, ROOT / "scripts/generate_error_docs.py", "--check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"`{DOMAIN}`" in (ROOT / "docs/errors.md").read_text()


def test_a_copy_says_the_same_and_has_been_nowhere() -> None:
    told = NotFound(
        "REASON", "message", nvme=NvmeStatus(2, "NVME_SC_INVALID_FIELD", 6, 1, 0), os=OsFailure(5, "EIO", "ioctl"),
        fields=[FieldViolation("name", "is wrong")], gates=[GateViolation("IN_USE", "nvme0", "unmount it")],
        retry_delay_ms=7, metadata={"a": "b"}, remedy="Do.",
    )  # fmt: skip
    try:
        raise told
    except NvmedError:
        copy = told.copy()
    assert (type(copy), copy.args, vars(copy)) == (type(told), told.args, vars(told))
    assert (copy.__traceback__, copy.__context__) == (None, None)


def test_an_error_that_is_kept_is_not_raised_itself() -> None:
    """It would hold the frames of each call that it was raised in, and with them what those had in their hands."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("nvmed", "clients/python", "fleet")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Attribute) and ast.unparse(node.exc.value) == "self"
    ]
    assert found == [], "raise a copy() of it"
