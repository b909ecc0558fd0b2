"""Telemetry of OCP drives, decoded: what is there is shown, what cannot be so is said, and nothing is believed."""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl import ocp
from nvmedctl.cli import nvmedctl
from nvmedctl.ocp.document import document, lines

from nvmed.errors import NvmedError
from nvmed.nvme.ocp_telemetry import (
    DWORD_BYTES,
    AreaHeader,
    FifoPlace,
    build_event,
    build_snapshot,
    build_statistic,
)
from nvmed.nvme.telemetry import HEADER_BYTES, TelemetryHeader
from nvmed.reasons import Reason
from tests.unit.client.ocp_logs import EVENTS, STATISTICS, strings, telemetry

ORIGINS = {"area": HEADER_BYTES, "log": 0}
FUZZED = int(os.environ.get("OCP_FUZZED", "5000"))
"""Logs of each of four seeds."""

MOST = 10**6


def decoded(data: bytes, names: bytes | None = None, **more: Any) -> dict[str, Any]:
    log = ocp.decode(data, ocp.parse_strings(names) if names else ocp.NO_STRINGS, **more)
    return document(log, MOST)


def test_statistics_are_shown_with_what_the_specification_says_of_them() -> None:
    fails, worst, vendors = decoded(telemetry())["statistics"]
    assert (fails["name"], fails["value"], fails["nsid"]) == ("Program Fail Count", 7, None)
    assert (worst["bad_blocks_percent"], worst["bad_blocks"]) == (3, 9)
    assert (vendors["identifier"], vendors["nsid"], vendors["value"]) == (0x8001, 2, None)
    assert bytes.fromhex(vendors["data"]).startswith(b"vendor data of 17")


def test_events_are_shown_by_their_class() -> None:
    (fifo,) = decoded(telemetry())["fifos"]
    time, link, failed, reset, snapshot, vendors = fifo["events"]
    assert (time["timestamp_ms"], time["timestamp_origin"]) == (1_700_000_000_000, "set by a host")
    assert (link["link_changed"], link["link_generation"], link["link_width"]) == ("speed", 4, 4)
    assert (failed["opcode"], failed["status"], failed["command_id"], failed["queue_id"]) == (6, 2, 5, 1)
    assert failed["vendor"] == {"identifier": 0x8007, "name": "", "data": b"hi".hex()}
    assert (reset["name"], reset["data"]) == ("Main power cycle", "")
    assert (snapshot["name"], snapshot["data"]) == ("Composite Temperature", "2c010000")
    assert (vendors["class_name"], bytes.fromhex(vendors["data"])) == ("vendor", b"vend")


def test_what_is_around_them() -> None:
    whole = decoded(telemetry())
    assert (whole["log"], whole["generation_number"], whole["firmware_revision"]) == ("host", 4, "FW1.0")
    assert whole["smart"]["temperature_celsius"] == 37
    assert whole["smart_extended"]["physical_media_bytes_written"] == 5
    assert whole["problems"] == []


@pytest.mark.parametrize("origin", ORIGINS)
def test_offsets_are_read_as_they_make_sense(origin: str) -> None:
    """The versions of the specification are read in two ways (nvme-cli#3184); the log tells which was meant."""
    whole = decoded(telemetry(origin=ORIGINS[origin]))
    assert whole["offsets"] == origin
    assert [each["identifier"] for each in whole["statistics"]] == [0x0D, 0x1B, 0x8001]
    assert whole["fifos"][0]["event_count"] == 6


def test_offsets_can_be_said() -> None:
    assert decoded(telemetry(), offsets=ocp.Offsets.LOG)["offsets"] == "log"


def test_area_2_has_statistics_and_events_of_its_own() -> None:
    places: dict[str, Any] = {
        "area_2_statistics_size": len(STATISTICS) // DWORD_BYTES,
        "fifo_areas": (0, 2),
        "fifos": (FifoPlace(), FifoPlace(len(STATISTICS) // DWORD_BYTES, len(EVENTS) // DWORD_BYTES)),
    }
    whole = decoded(telemetry(area_2=STATISTICS + EVENTS, **places))
    assert [(each["area"], each["identifier"]) for each in whole["statistics"]][3:] == [
        (2, 0x0D), (2, 0x1B), (2, 0x8001),
    ]  # fmt: skip
    assert [(each["number"], each["event_count"]) for each in whole["fifos"]] == [(2, 6)]


@pytest.mark.parametrize(
    ("table", "key", "shown"),
    [
        ("statistics", b"\x01\x80\0", lambda whole: whole["statistics"][2]["name"]),
        ("events", b"\x81\x02\x80", lambda whole: whole["fifos"][0]["events"][5]["name"]),
        ("vendor_events", b"\x03\x07\x80", lambda whole: whole["fifos"][0]["events"][2]["vendor"]["name"]),
    ],
)
def test_the_log_of_strings_names_what_is_the_vendors(table: str, key: bytes, shown: Any) -> None:
    """Lengths in it count from 0: the last letter is there (nvme-cli#3885)."""
    whole = decoded(telemetry(), strings({b"\0\0\0": "x", key: "Pages moved"}, table=table))
    assert shown(whole) == "Pages moved"
    assert whole["fifos"][0]["name"] == "main"


def test_without_a_log_of_strings_what_is_the_vendors_has_no_name() -> None:
    assert decoded(telemetry())["statistics"][2]["name"] == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "512 bytes"),
        (bytes(4096), "no telemetry log"),
        (TelemetryHeader(dalb1=1).build(), "this log ends at 512"),
        (TelemetryHeader(dalb1=8).build() + bytes(4096), "not as OCP defines it"),
    ],
    ids=["empty", "not telemetry", "header alone", "of another kind"],
)
def test_what_is_no_such_log_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(NvmedError, match=said) as refused:
        ocp.decode(data)
    assert refused.value.reason == Reason.NVME_DATA_INVALID.name


@pytest.mark.parametrize("data", [bytes(431), bytes(432), strings({}) + bytes(1 << 20)])
def test_what_is_no_log_of_strings_is_refused(data: bytes) -> None:
    with pytest.raises(NvmedError) as refused:
        ocp.parse_strings(data)
    assert refused.value.reason == Reason.NVME_DATA_INVALID.name


@pytest.mark.parametrize("cut", range(HEADER_BYTES + AreaHeader.SIZE, len(telemetry()), 4))
def test_a_file_that_ends_early_is_read_to_its_end(cut: int) -> None:
    whole = decoded(telemetry()[:cut])
    assert "The file ends here" in whole["problems"][0]["message"]
    assert whole["statistics"] == decoded(telemetry())["statistics"][: len(whole["statistics"])]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"area_1_statistics_size": 2**64 - 1}, "Statistics of area 1"),
        ({"area_1_statistics_start": 2**63}, "Statistics of area 1: 0 of"),
        ({"fifo_areas": (7,)}, "FIFO 1 is in data area 7"),
        ({"fifos": (FifoPlace(0, 2**64 - 1),)}, "FIFO 1: "),
        ({"fifos": (FifoPlace(2**64 - 1, 1),)}, "FIFO 1: 0 of 4 bytes"),
    ],
)
def test_sizes_and_offsets_are_not_believed(fields: dict[str, Any], said: str) -> None:
    whole = decoded(telemetry(**fields))
    assert any(said in problem["message"] for problem in whole["problems"])


def test_a_statistic_that_is_too_long_ends_the_list() -> None:
    broken = build_statistic(0x0D, b"1234") + b"\x0e\0\x04\0\xff\xff\0\0"
    whole = decoded(telemetry(broken, b""))
    assert [each["identifier"] for each in whole["statistics"]] == [0x0D]
    assert "longer than what there is" in whole["problems"][0]["message"]


@pytest.mark.parametrize("broken", [b"\x05\0\0\xff", build_snapshot(b"\x48\0\1\0\xff\xff\0\0")])
def test_an_event_that_is_too_long_ends_its_fifo(broken: bytes) -> None:
    whole = decoded(telemetry(events=build_event(0x04, 1) + broken))
    assert [each["class"] for each in whole["fifos"][0]["events"]] == [0x04]
    assert "longer than its FIFO" in whole["problems"][0]["message"]


def test_the_last_events_of_a_fifo_are_shown_where_not_all_are() -> None:
    log = ocp.decode(telemetry(events=b"".join(build_event(0x06, number) for number in range(5))))
    (fifo,) = document(log, 2)["fifos"]
    assert (fifo["event_count"], [each["identifier"] for each in fifo["events"]]) == (5, [3, 4])


def test_problems_are_bounded() -> None:
    problems = ocp.Problems()
    for number in range(1000):
        problems.add(number, "no")
    assert (len(problems.found), problems.left_out) == (100, 900)


STATISTIC = st.builds(
    build_statistic,
    st.integers(1, 0xFFFF),
    st.binary(min_size=1, max_size=40),
    st.integers(1, 6),
    st.none() | st.integers(0, 127),
)
EVENT = st.builds(build_event, st.integers(1, 255).filter(lambda each: each != 0x0A), st.integers(0, 0xFFFF),
                  st.binary(max_size=40)) | st.builds(build_snapshot, STATISTIC)  # fmt: skip


@given(st.lists(STATISTIC, max_size=8), st.lists(EVENT, max_size=8))
def test_what_was_built_is_what_is_read(statistics: list[bytes], events: list[bytes]) -> None:
    log = ocp.decode(telemetry(b"".join(statistics), b"".join(events)), offsets=ocp.Offsets.AREA)
    assert [
        build_statistic(each.identifier, each.data, each.behavior, each.nsid) for each in log.statistics(1)
    ] == statistics
    (fifo,) = log.fifos
    assert [
        build_snapshot(build_statistic(s.identifier, s.data, s.behavior, s.nsid)) if (s := each.snapshot)
        else build_event(each.event_class, each.identifier, each.data)
        for each in log.events(fifo)
    ] == events  # fmt: skip
    assert not log.problems.found


@given(st.binary(max_size=4096), st.binary(max_size=1024))
def test_any_bytes_are_a_log_or_refused(data: bytes, names: bytes) -> None:
    log = telemetry()
    for attempt in (data, log[: HEADER_BYTES + AreaHeader.SIZE] + data):
        try:
            found = [*lines(ocp.decode(attempt))]
        except NvmedError:
            continue
        assert len(found) < len(attempt)
    with suppress(NvmedError):
        ocp.parse_strings(names)


@pytest.mark.parametrize("number", range(4))
def test_a_log_that_is_spoiled_anywhere_is_read_or_refused(number: int) -> None:
    """What the C decoders looped over, read beyond and aborted at (nvme-cli#2647, #3074, #3885)."""
    seed = int(os.environ.get("OCP_SEED", "1")) + number
    draw = random.Random(seed)
    whole = telemetry(area_2=STATISTICS + EVENTS, fifo_areas=(1, 2), area_2_statistics_size=len(STATISTICS) // 4)
    names = strings({b"\x01\x80\0": "Pages moved", b"\x02\x80\0": "Pages lost"})
    extremes = (0, 1, 0x7F, 0x80, 0xFF)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(FUZZED):
        data, texts = bytearray(whole), bytearray(names)
        for spoiled in (data, data, data, texts):
            at = draw.randrange(len(spoiled))
            size = draw.choice((1, 1, 2, 4, 8))
            spoiled[at : at + size] = bytes(draw.choice((*extremes, draw.randrange(256))) for _ in range(size))
        cut = draw.randrange(len(data)) if draw.random() < 0.2 else len(data)
        try:
            found = sum(1 for _ in lines(ocp.decode(bytes(data[:cut]), ocp.parse_strings(bytes(texts)))))
        except NvmedError as refused:
            assert refused.reason == Reason.NVME_DATA_INVALID.name  # noqa: PT017
            outcomes["refused"] += 1
        else:
            assert found <= len(data) // DWORD_BYTES
            outcomes["read"] += 1
    print(f"seed {seed}: {outcomes}")  # noqa: T201
    assert min(outcomes.values()) > FUZZED // 20


# the command line


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(nvmedctl, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_decode_asks_no_daemon(tmp_path: Path) -> None:
    file, names = tmp_path / "log", tmp_path / "strings"
    file.write_bytes(telemetry())
    names.write_bytes(strings({b"\x01\x80\0": "Pages moved"}))
    code, shown, _ = run("telemetry", "decode", str(file), "--strings", str(names))
    assert code == 0
    assert "Program Fail Count" in shown
    assert "Pages moved" in shown
    assert "FIFO 1 main: 6 events" in shown
    whole = json.loads(run("telemetry", "decode", str(file), "-o", "json")[1])
    assert whole == decoded(telemetry())
    each = [json.loads(line) for line in run("telemetry", "decode", str(file), "-o", "jsonl")[1].splitlines()]
    assert [line["kind"] for line in each] == ["log", *["statistic"] * 3, *["event"] * 6]


def test_decode_says_what_a_file_is_not(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"")
    code, _, said = run("telemetry", "decode", str(file))
    assert code != 0
    assert "NVME_DATA_INVALID" in said


def test_decode_shows_what_could_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(telemetry(fifo_areas=(7,)))
    assert "problem: FIFO 1 is in data area 7" in run("telemetry", "decode", str(file))[1]


def test_a_name_of_a_drive_steers_no_terminal(tmp_path: Path) -> None:
    file = tmp_path / "log"
    data = telemetry()
    area = replace(AreaHeader.parse(data[HEADER_BYTES:]), firmware_revision="\x1b[2J")
    file.write_bytes(data[:HEADER_BYTES] + area.build() + data[HEADER_BYTES + AreaHeader.SIZE :])
    assert "\x1b" not in run("telemetry", "decode", str(file))[1]
