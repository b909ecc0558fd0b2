"""Values as text: whatever a drive or a daemon says, a terminal only shows it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl.cli import render
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.cli.text import label, printable, size

from nvmed.v1.inventory_pb2 import ControllerCapabilities
from nvmed.v1.resources_pb2 import Controller
from nvmed.v1.telemetry_pb2 import StreamTelemetryResponse


@given(st.text())
def test_nothing_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()


@given(st.integers(0, 2**64 - 1))
def test_a_size_is_short(count: int) -> None:
    number, unit = size(count).split()
    assert 0 <= float(number) <= 1024
    assert unit in {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 29, "1.5 GiB"), (1 << 63, "8.0 EiB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_labels() -> None:
    assert label("LANE_STATE_SERVING", "LANE_STATE_") == "serving"
    assert label("STATE_UNSPECIFIED", "STATE_") == "-"
    assert render.enum(Controller(state=Controller.STATE_LIVE), "state") == "live"
    assert render.enum(Controller(state=77), "state") == "77"  # type: ignore[arg-type]  # of a newer daemon


def test_a_table_folds_nothing_where_nobody_looks() -> None:
    columns: Columns[str] = (Column("NAME", str), Column("AGAIN", lambda text: text * 2))
    assert table(columns, ["[b]x[/b]", "y" * 300]).splitlines() == [
        "NAME" + " " * 298 + "AGAIN",
        "[b]x[/b]" + " " * 294 + "[b]x[/b][b]x[/b]",
        "y" * 300 + "  " + "y" * 600,
    ]


def test_nested_fields_are_shown_by_their_path() -> None:
    message = ControllerCapabilities(
        controller="controllers/x",
        capabilities=[{"capability": "telemetry", "supported": True, "source": "LPA bit 3"}],
        max_transfer_bytes=131072,
    )
    shown = [line.split(maxsplit=1) for line in render.details(message).splitlines()]
    assert shown == [
        ["controller", "controllers/x"],
        ["capabilities[0].capability", "telemetry"],
        ["capabilities[0].supported", "yes"],
        ["capabilities[0].source", "LPA bit 3"],
        ["max_transfer_bytes", "131072 (128.0 KiB)"],
        ["firmware_slots", "0"],
        ["firmware_slot1_read_only", "no"],
        ["firmware_update_granularity_bytes", "0"],
    ]
    assert "capabilities" not in render.details(message, without="capabilities")


@given(st.binary(max_size=64))
def test_any_message_can_be_shown(data: bytes) -> None:
    message = StreamTelemetryResponse(chunk={"offset": 1 << 63, "data": data})
    assert render.details(message)
    assert json.loads(render.encoded("json", message))["chunk"]["offset"] == str(1 << 63)
