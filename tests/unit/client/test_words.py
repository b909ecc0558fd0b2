"""Errors in nvmedctl name what can be typed there: options for the daemon's fields, commands for its methods."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from nvmedctl.cli import contract, failures, nvmedctl, words

from nvmed.errors import FieldViolation, GateViolation, InvalidArgument
from nvmed.reasons import Reason, error, invalid_field

DAEMON = Path(__file__).resolve().parents[3] / "nvmed"
OF_ITSELF = ("v1", "simulator", "farm.py", "config.py", "checks.py")
"""What speaks to no caller: of the configuration and of simulated drives."""

NOT_TYPED = {
    "finish": "the client library ends an upload",
    "header": "the client library begins a stream",
    "order_by": "tables are sorted by --sort, once all pages are there",
    "page_token": "commands follow pages by themselves",
}
"""Fields that messages name and no command has an option for, and why."""

NOT_A_COMMAND = {"GetUpload": "`firmware upload` asks by itself where it goes on"}


def command(path: str) -> click.Command:
    found: click.Command | None = nvmedctl
    for name in path.split():
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), name)
    assert found is not None
    return found


def sentences() -> Iterator[str]:
    """Every text in the daemon that has words, but for its docstrings."""
    for path in DAEMON.rglob("*.py"):
        if not {*path.relative_to(DAEMON).parts} & {*OF_ITSELF}:
            tree = ast.parse(path.read_text())
            docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                    yield from [node.value] if " " in node.value else ()


def wrong_fields() -> Iterator[str]:
    """Every field that the daemon's code says is wrong."""
    for path in DAEMON.rglob("*.py"):
        if not {*path.relative_to(DAEMON).parts} & {*OF_ITSELF}:
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Name("invalid_field"), args=[ast.Constant(str(field)), *_]):
                        yield field


def request_fields() -> set[str]:
    """Fields of what commands ask."""
    found: set[str] = set()
    seen: set[str] = set()
    asked = words.commands()
    waiting = [method.input_type for method in contract.methods() if method.name in asked]
    while waiting:
        message = waiting.pop()
        if message.full_name not in seen:
            seen.add(message.full_name)
            found |= {field.name for field in message.fields}
            waiting += [field.message_type for field in message.fields if field.message_type]
    return found


def test_every_field_that_is_named_has_an_option_or_a_reason() -> None:
    known = request_fields()
    named = {word for text in sentences() for word in re.findall(r"[a-z]+(?:_[a-z0-9]+)+", text)} & known
    named |= {field.rpartition(".")[2] for field in wrong_fields()} & known
    typed = {
        name.rpartition(".")[2]
        for _, each in words._walk(nvmedctl, "nvmedctl")
        for name in words.options_of(each)
    }  # fmt: skip
    assert len(named) > 30
    assert sorted(named - typed) == sorted(NOT_TYPED)


def test_every_method_that_is_named_has_a_command_or_a_reason() -> None:
    every = contract.method_names()
    named = {word for text in sentences() for word in re.findall(r"(?:[A-Z][a-z0-9]+){2,}", text)} & every
    assert len(named) > 15
    assert sorted(named - words.commands().keys()) == sorted(NOT_A_COMMAND)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("firmware rollback", "name preconditions.firmware_revision", "name --expect-revision"),
        ("firmware stage", "which revision it holds (firmware_revision)", "which revision it holds (--revision)"),
        ("firmware activate", "leave slot_revision out", "leave --revision out"),
        ("firmware download", "a multiple of 4 (transfer_bytes)", "a multiple of 4 (--transfer)"),
        ("controllers reset", "set acknowledge_disruption if", "set --acknowledge-disruption if"),
        ("controllers reset", "GATE_IN_USE does not hold", "in-use does not hold"),
        ("namespaces format", "with all_namespaces, name", "with --all, name"),
        ("logs persistent-events", "or set `take_over_context` to", "or set --take-over to"),
        ("logs ana-size", "or identify_controller instead", "or --identify-file instead"),
        ("logs smart", "set acknowledge_disruption if", "set acknowledge_disruption if"),
        ("logs smart", "ListControllers shows those", "`nvmedctl controllers list` shows those"),
        ("keys show", "; ScanTlsKeys shows those", "; `nvmedctl keys list` shows those"),
        ("logs raw", "NoSuchMethod and storage.example.org", "NoSuchMethod and storage.example.org"),
        ("api", "ListControllers, preconditions.firmware_revision", "ListControllers, preconditions.firmware_revision"),
    ],
)
def test_what_is_said_can_be_typed(path: str, text: str, said: str) -> None:
    assert words.for_reader(text, command(path)) == said


def test_an_error_is_told_with_options() -> None:
    text = failures.as_text(invalid_field("size_bytes", "is 3; images are a multiple of 4"), command("firmware fetch"))
    assert text.splitlines()[0] == "error: --size: is 3; images are a multiple of 4"
    wrong = InvalidArgument("X", "several", fields=[FieldViolation("slot", "is 9"), FieldViolation("odd", "is odd")])
    assert failures.as_text(wrong, command("firmware stage")).splitlines()[2:] == [
        "  --slot: is 9",
        "  field odd: is odd",
    ]
    unmet = error(
        Reason.GATE_FAILED, "x: IN_USE: no", gates=[GateViolation("IN_USE", "controllers/x", "set request_id")]
    )
    shown = failures.as_text(unmet, command("firmware stage")).splitlines()
    assert "error: x: in-use: no" in shown
    assert "  in-use controllers/x: set --request-id" in shown
    assert "request_id" in failures.as_json(unmet)


def test_gates_are_typed_as_they_are_shown() -> None:
    for path in ("firmware stage", "firmware download", "controllers reset", "subsystems reset"):
        (override,) = (each for each in command(path).params if each.name == "overrides")
        assert isinstance(override.type, click.Choice)
        assert set(override.type.choices) == {
            words.gate(value.name.removeprefix("GATE_"), command(path))
            for value in contract.find("Gate").values
            if value.number
        }


def _refused(*gates: GateViolation) -> str:
    message = "; ".join(f"{gate.subject}: {gate.kind}: {gate.description}" for gate in gates)
    return failures.as_text(error(Reason.GATE_FAILED, message, gates=gates, transient=""), command("firmware activate"))


RISK = GateViolation("DISRUPTION_ACKNOWLEDGED", "nvme0", "I/O stops; set acknowledge_disruption if that is fine")
EMPTY = GateViolation("SLOT_CONTENT", "nvme0", "slot 3 is empty")


def test_a_gate_is_said_once() -> None:
    assert _refused(RISK).splitlines() == [
        "error: nvme0: disruption-acknowledged: I/O stops; set --acknowledge-disruption if that is fine",
        "  reason: GATE_FAILED (FAILED_PRECONDITION)",
    ]
    assert _refused(EMPTY, RISK).splitlines() == [
        "error: 2 gates do not hold.",
        "  reason: GATE_FAILED (FAILED_PRECONDITION)",
        "  slot-content nvme0: slot 3 is empty",
        "  disruption-acknowledged nvme0: I/O stops; set --acknowledge-disruption if that is fine",
    ]


def test_a_gate_is_said_once_in_a_line_too() -> None:
    refused = error(Reason.GATE_FAILED, f"nvme0: {RISK.kind}: {RISK.description}", gates=[RISK], transient="")
    line, _ = failures.as_line(refused, command("firmware activate"))
    assert line.count("I/O stops") == 1


def test_gates_that_pass_by_themselves_are_the_remedy() -> None:
    refused = error(Reason.GATE_FAILED, "No.", gates=[RISK, EMPTY], transient="SUBSYSTEM_BUSY, IN_USE")
    assert "  remedy: Without your doing these will hold: subsystem-busy, in-use." in failures.as_text(refused)
