"""Files of faults: what is written is read back, and whatever else is refused by its place."""

from __future__ import annotations

import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.status import Queue
from nvmed.simulator import fault_file
from nvmed.simulator.fault_file import KINDS, FaultRow, parse, written

VALUES: dict[str, st.SearchStrategy[object]] = {
    "name": st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
    "controller": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64),
    "opcode": st.one_of(st.integers(0, 255), st.sampled_from(["identify", "get-log-page"])),
    "queue": st.sampled_from(["admin"]),
    "log_page": st.one_of(st.integers(0, 255), st.sampled_from(["smart-health-information"])),
    "sct": st.integers(0, 7),
    "milliseconds": st.integers(1, 600_000),
    "source": st.sampled_from(["host", "controller"]),
    "warnings": st.lists(st.sampled_from(["read-only", "temperature"]), min_size=1, max_size=6),
    "available_spare": st.integers(0, 100),
    "blocks": st.integers(0, 65_536),
    "celsius": st.integers(-60, 200),
    "group": st.integers(1, 9),
    "state": st.sampled_from(["inaccessible", "change"]),
    "speed_mts": st.integers(2500, 64_000),
    "width": st.integers(1, 16),
    "severity": st.sampled_from(["correctable", "nonfatal", "fatal"]),
    "error": st.sampled_from(["BadTLP", "RxErr"]),
    "dnr": st.booleans(),
    "executed": st.booleans(),
}


@st.composite
def rows(draw: st.DrawFn) -> FaultRow:
    kind = draw(st.sampled_from(sorted(KINDS)))
    given_fields = {
        field.name: draw(VALUES.get(field.name, st.integers(0, 255)))
        for field in msgspec.structs.fields(KINDS[kind])
        if field.required or field.name == "name" or draw(st.booleans())
    }
    return fault_file.row({"kind": kind, **given_fields}, "test", "fault")


@given(st.lists(rows(), max_size=5, unique_by=lambda row: row.name))
def test_what_is_written_is_read_back(faults: list[FaultRow]) -> None:
    assert list(parse("\n".join(written(one) for one in faults), "file")) == faults


@given(st.one_of(st.text(), st.text().map(lambda text: f"[[faults]]\nkind = 'status'\n{text}")))
def test_any_text_is_faults_or_refused(text: str) -> None:
    refused = ""
    try:
        assert all(one.name for one in parse(text, "file"))
    except NvmedError as refusal:
        refused = refusal.reason
    assert refused in ("", "CONFIG_INVALID")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[fault]]", "file: fault: there is no such table (did you mean faults?)"),
        ("faults = 1", "file: faults: must be tables"),
        ("[[faults]]", "faults[0].kind: is missing; kinds are status, latency"),
        ("[[faults]]\nkind = 'hnag'", "'hnag' is none (did you mean hang?)"),
        (
            "[[faults]]\nkind = 'hang'\nlogpage = 2",
            "faults[0].logpage: hang has no such field (did you mean log_page?)",
        ),
        ("[[faults]]\nkind = 'hang'\nopcode = 'idntify'", "opcode: there is no 'idntify' (did you mean identify?)"),
        ("[[faults]]\nkind = 'hang'\nqueue = 'io'\nopcode = 'identify'", "there is no 'identify'"),
        ("[[faults]]\nkind = 'status'", "faults[0]: object missing required field `sc`"),
        ("[[faults]]\nkind = 'status'\nsc = 256", "faults[0].sc: expected `int` <= 255"),
        ("[[faults]]\nkind = 'hang'\nname = 'A b'", "a name of lower-case letters, digits and hyphens"),
        ("[[faults]]\nkind = 'hang'\nname = 'a'\n[[faults]]\nkind = 'hang'\nname = 'a'", "'a' is the name of another"),
        ("[[faults]]\nkind = 'hang'\n" * 257, "faults: are 257; there may be 256"),
        ("#" * 300_000, "is larger than 262144 bytes"),
    ],
)
def test_what_is_wrong_is_named(text: str, problem: str) -> None:
    with pytest.raises(NvmedError) as refused:
        parse(text, "file")
    assert problem in refused.value.message


def test_what_has_no_name_gets_one_of_its_kind() -> None:
    text = "[[faults]]\nkind = 'hang'\n[[faults]]\nkind = 'hang'\nname = 'hang'\n[[faults]]\nkind = 'hang'\n"
    assert [one.name for one in parse(text, "file")] == ["hang-2", "hang", "hang-3"]


def test_names_of_nvme_are_numbers_and_an_opcode_says_its_queue() -> None:
    read = fault_file.parse_words("hang", ["opcode=read", "nsid=1"])
    assert isinstance(read, fault_file.Hang)
    assert (fault_file.queue_of(read), fault_file.opcode_of(read)) == (Queue.IO, IoOpcode.READ)
    logs = fault_file.parse_words("hang", ["opcode=0x02", "log_page=telemetry-host-initiated"])
    assert isinstance(logs, fault_file.Hang)
    assert (fault_file.queue_of(logs), fault_file.opcode_of(logs)) == (Queue.ADMIN, AdminOpcode.GET_LOG_PAGE)
    assert fault_file.log_page_of(logs) == 7


def test_a_word_without_a_value_is_refused() -> None:
    with pytest.raises(NvmedError, match="is not FIELD=VALUE"):
        fault_file.parse_words("hang", ["opcode"])


def test_every_kind_says_what_it_is() -> None:
    assert all(row.__doc__ for row in KINDS.values())
    assert all(typing.get_type_hints(row) for row in KINDS.values())
