"""docs/events.md is true: its commands are commands, and its table has the kinds that there are."""

from __future__ import annotations

import re
from pathlib import Path

from nvmed import limits
from nvmed.config import Events
from nvmed.events.kinds import Kind
from nvmed.v1.event_pb2 import EventKind

TEXT = (Path(__file__).parents[3] / "docs/events.md").read_text(encoding="utf-8")


def test_the_table_has_every_kind() -> None:
    kinds = re.findall(r"^\| `([A-Z_]+)` \|", TEXT, re.MULTILINE)
    assert kinds == [kind.value for kind in Kind]
    assert [f"EVENT_KIND_{kind}" for kind in kinds] == EventKind.keys()[1:]


def test_numbers_are_those_of_the_daemon() -> None:
    assert f"the last {limits.EVENTS_KEPT}" in TEXT
    assert Events().key_expiry_warnings_s == (7 * 24 * 3600, 24 * 3600, 3600), "a week, a day and an hour"
