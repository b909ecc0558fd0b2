"""What people see, at the widths that terminals have: no word is cut, no column is lost.

The screens are in screens.txt; `SCREENS=write` before pytest writes them anew, for a look at what has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from pathlib import Path

import click
import pytest
from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl.cli import (
    audit,
    controllers,
    describe,
    events,
    firmware,
    images,
    namespaces,
    operations,
    render,
    tables,
    text,
    uploads,
)
from nvmedctl.cli.tables import Column, Columns, Layout, table

from nvmed.v1 import admin_pb2, event_pb2, firmware_pb2, log_pb2, operations_pb2, resources_pb2
from tests.unit.client import screen_items
from tests.unit.client.screen_items import NOW, at

SCREENS = Path(__file__).with_name("screens.txt")
WIDTHS = (60, 80, 120)


CONTROLLER = resources_pb2.Controller(
    name="controllers/s4cxnf0m123456-1", device_node="nvme0", model_number="Example Data Center Drive 3.84TB",
    serial_number="S4CXNF0M123456", firmware_revision="EDA5402Q", transport="pcie", address="0000:3b:00.0",
    state=resources_pb2.Controller.STATE_LIVE, lane_state=resources_pb2.Controller.LANE_STATE_SERVING,
)  # fmt: skip
NAMESPACE = resources_pb2.Namespace(
    name="subsystems/s4cxnf0m123456-840df8d5/namespaces/1", device_node="nvme0n1", nsid=1, size_bytes=3_840_755_982_336,
    logical_block_bytes=4096, paths=[{}], uuid="2f8e0854-60a8-4e81-9575-1b39af2f4988",
)  # fmt: skip
IMAGE = firmware_pb2.Image(
    name="images/" + "2f8e085460a87e81" * 4, size_bytes=4_194_304, firmware_revision="EDA5602Q",
    model_number="Example Data Center Drive 3.84TB", expire_time=at(-600), labels={"ticket": "OPS-1234"},
)  # fmt: skip
UPLOAD = firmware_pb2.Upload(
    name="uploads/" + "7c41aa09" * 4, sha256=bytes.fromhex("2f8e085460a87e81" * 4), size_bytes=4_194_304,
    committed_bytes=1 << 20, received_bytes=3 << 19, receiving=True, principal="uri:spiffe://example.org/fleet",
    create_time=at(0.1), expire_time=at(-24),
)  # fmt: skip
METADATA = operations_pb2.OperationMetadata(
    method="/nvmed.v1.FirmwareService/StageFirmware", target=CONTROLLER.name, phase="download", bytes_done=1 << 20,
    bytes_total=1 << 22, state=operations_pb2.OperationMetadata.STATE_RUNNING, principal="unix:admin",
    create_time=at(0.1),
)  # fmt: skip
EVENT = event_pb2.Event(
    sequence=1207, create_time=at(2), kind=event_pb2.EVENT_KIND_TELEMETRY_AVAILABLE, controller=CONTROLLER.name,
    device_node="nvme0", telemetry_available={"generation_number": 3},
)  # fmt: skip
RECORD = firmware_pb2.FirmwareRecord(
    create_time=at(50), controller=CONTROLLER.name, method="/nvmed.v1.FirmwareService/ActivateFirmware", slot=2,
    outcome="FIRMWARE_OUTCOME_ACTIVATED",
    slot_revision="EDA5602Q", previous_revision="EDA5402Q", running_revision="EDA5602Q", principal="unix:admin",
)  # fmt: skip
AUDITED = admin_pb2.AuditRecord(
    sequence=90211, time=at(30), principal="spiffe://example.org/fleet", peer="ipv4:192.0.2.7:51044",
    method="/nvmed.v1.NamespaceService/FormatNamespace", resources=[CONTROLLER.name], reason="POLICY_DENIED",
)  # fmt: skip
SMART = log_pb2.SmartLog(
    controller=CONTROLLER.name, temperature_celsius=41, available_spare_percent=100, percentage_used=3,
    data_units_read=712_004_211, data_units_written=1_204_557_110, power_on_hours=18_204, media_errors=0,
)  # fmt: skip

FACTS = {
    "name": "nvmed.v1.ConfiguredPsk", "kind": "message",
    "comment": "A configured PSK, as an administrator gives it to both ends of a connection, and nvme-cli writes.",
    "fields": [
        {"name": "nvmed.v1.ConfiguredPsk.text", "comment": "Interchange text, without a newline.", "type": "string",
         "behavior": ["INPUT_ONLY"]},
        {"name": "nvmed.v1.ConfiguredPsk.hash", "comment": "Its hash. With `text`, if set, it must be\nthe one that it "
         "says.", "type": "nvmed.v1.HmacAlgorithm", "behavior": []},
    ],
}  # fmt: skip

SHOWN: dict[str, Callable[[], str]] = {
    "controllers list": lambda: table(controllers.COLUMNS, [CONTROLLER]),
    "namespaces list": lambda: table(namespaces.COLUMNS, [NAMESPACE]),
    "firmware images": lambda: table(images.COLUMNS, [IMAGE]),
    "firmware uploads": lambda: table(uploads.COLUMNS, [UPLOAD]),
    "operations list": lambda: table(operations.COLUMNS, [(Operation(name="operations/" + "e89b4d21" * 4), METADATA)]),
    "events list": lambda: table(events.COLUMNS, [EVENT]),
    "firmware history": lambda: table(firmware.RECORDS, [RECORD]),
    "audit list": lambda: table(audit.COLUMNS, [AUDITED]),
    "describe ConfiguredPsk": lambda: describe.view(FACTS),
    "logs smart": lambda: render.details(SMART),
    **screen_items.SHOWN,
}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "now", lambda: NOW)


def screens(monkeypatch: pytest.MonkeyPatch) -> str:
    """Every screen at every width."""
    written = []
    for width in WIDTHS:
        monkeypatch.setattr(tables, "terminal_width", partial(int, width))
        written += [f"# {name}, {width} columns\n{shown()}\n" for name, shown in SHOWN.items()]
    return "\n".join(written)


def test_screens_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screens(monkeypatch)
    if os.environ.get("SCREENS") == "write":
        SCREENS.write_text(shown)
    assert shown == SCREENS.read_text()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", sorted(SHOWN.keys() - set(screen_items.SENTENCES)))
def test_no_line_is_longer_than_the_terminal(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for a single word that is longer, beside the name of a field."""
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    lines = SHOWN[name]().splitlines()
    assert all(len(line) <= width or " " not in line.rpartition("  ")[2] for line in lines)


@given(st.lists(st.lists(st.text("abc 12", max_size=30), min_size=3, max_size=3), max_size=4), st.integers(1, 200))
def test_no_word_is_lost_or_cut_at_any_width(rows: list[list[str]], width: int) -> None:
    columns: Columns[list[str]] = tuple(Column(f"C{n}", itemgetter(n)) for n in range(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "terminal_width", lambda: width)
        shown = table(columns, rows).split()
    words = [word for row in rows for cell in row for word in cell.split()]
    assert sorted(word for word in shown if word not in ("C0", "C1", "C2", "-")) == sorted(words)


ROWS = ["nvme10", "nvme2", "nvme1"]
NODES: Columns[str] = (Column("NODE", str), Column("OLD KEY", len), Column("REST", str.upper, wide=True))


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Layout(), [["NODE", "OLD", "KEY"], ["nvme10", "6"], ["nvme2", "5"], ["nvme1", "5"]]),
        (
            Layout(wide=True, headers=False),
            [["nvme10", "6", "NVME10"], ["nvme2", "5", "NVME2"], ["nvme1", "5", "NVME1"]],
        ),
        (Layout(columns=("rest", "old-key"), headers=False), [["NVME10", "6"], ["NVME2", "5"], ["NVME1", "5"]]),
        (Layout(sort="node", headers=False), [["nvme1", "5"], ["nvme2", "5"], ["nvme10", "6"]]),
        (Layout(sort="-OLD KEY", headers=False), [["nvme10", "6"], ["nvme2", "5"], ["nvme1", "5"]]),
    ],
)
def test_a_table_is_as_its_caller_wants_it(wanted: Layout, shown: list[list[str]]) -> None:
    token = tables.layout.set(wanted)
    try:
        assert [line.split() for line in table(NODES, ROWS).splitlines()] == shown
    finally:
        tables.layout.reset(token)


@pytest.mark.parametrize(("wanted", "option"), [(Layout(columns=("x",)), "--columns"), (Layout(sort="-x"), "--sort")])
def test_a_column_that_is_none_is_named_with_those_there_are(wanted: Layout, option: str) -> None:
    token = tables.layout.set(wanted)
    try:
        with pytest.raises(click.UsageError, match=f"{option}: there is no column 'x'; there are node, old-key, rest."):
            table(NODES, ROWS)
    finally:
        tables.layout.reset(token)


@pytest.mark.parametrize(
    ("output", "lines"),
    [("jsonl", ['{"name": "a"}', '{"name": "b"}']), ("yaml", ["things:", "- name: a", "- name: b"])],
)
def test_programs_get_a_list_in_their_format(output: str, lines: list[str]) -> None:
    assert render.encoded(output, {"things": [{"name": "a"}, {"name": "b"}]}).splitlines() == lines


def test_one_thing_is_one_line_of_jsonl() -> None:
    message: Message = resources_pb2.Controller(name="controllers/x")
    assert render.encoded("jsonl", message).count("\n") == 0


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0 s"), (59, "59 s"), (90, "2 min"), (7200, "2 h"), (9e6, "104 d")])
def test_spans_are_in_one_unit(seconds: float, shown: str) -> None:
    assert text.age(seconds) == shown
