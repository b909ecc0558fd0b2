"""What is printed of many hosts: screens at the widths that terminals have, and that nothing of any host is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvmedctl import hosts
from nvmedctl.cli import controllers, logs, outcomes, tables
from nvmedctl.cli.outcomes import Outcome, Target
from nvmedctl.cli.tables import Column, Columns, Layout

from nvmed.errors import GateViolation
from nvmed.reasons import Reason, error
from nvmed.v1 import log_pb2, resources_pb2

SCREENS = Path(__file__).with_name("screens_hosts.txt")
WIDTHS = (60, 80, 120)
NAMES = [f"r7-{number:02}" for number in range(1, 25)]


def listed(target: Target, columns: Columns[Any], rows: Sequence[Any]) -> Outcome:
    outcome = Outcome(target, "table")
    outcome.show_list({}, columns, rows)
    return outcome


def said(target: Target, text: str) -> Outcome:
    outcome = Outcome(target, "table")
    outcome.show({}, lambda: text, None)
    return outcome


def failed(target: Target, failure: Exception) -> Outcome:
    return Outcome(target, "table", failure=failure)  # type: ignore[arg-type]


def controller(host: str) -> resources_pb2.Controller:
    return resources_pb2.Controller(
        name=f"controllers/s4cxnf0m{host[-2:]}3456-1", device_node="nvme0", model_number="Example Data Center 3.84TB",
        firmware_revision="EDA5402Q", state=resources_pb2.Controller.STATE_LIVE,
    )  # fmt: skip


def unreachable(host: str) -> Outcome:
    address = f"{host}.example.org:7443"
    return failed(
        Target(host),
        error(Reason.CONNECTION_FAILED, f"{address}: nothing listens there.", address=address,
              remedy="Start the daemon (systemctl start nvmed), or give its --address."),
    )  # fmt: skip


COOL = log_pb2.SmartLog(temperature_celsius=38, available_spare_percent=100, percentage_used=3)
WARM = log_pb2.SmartLog(
    temperature_celsius=81, available_spare_percent=7, percentage_used=104, media_errors=12,
    critical_warnings=["CRITICAL_WARNING_SPARE_BELOW_THRESHOLD", "CRITICAL_WARNING_TEMPERATURE"],
)  # fmt: skip
BUSY = error(
    Reason.GATE_FAILED, "1 of 16 gates does not hold.", gates=[GateViolation("IN_USE", "nvme0n1", "mounted on /srv")]
)

CASES: dict[str, list[Outcome]] = {
    "controllers list": [
        unreachable("r7-02"),
        *(listed(Target(host), controllers.COLUMNS, [controller(host)]) for host in ("r7-01", "r7-03")),
        listed(Target("r7-04"), controllers.COLUMNS, []),
    ],
    "logs smart --all": [
        *(unreachable(host) for host in NAMES[20:]),
        *(listed(Target(host, "nvme0"), logs.HEALTH, [COOL]) for host in NAMES[:20]),
        *(listed(Target(host, "nvme1"), logs.HEALTH, [WARM if host == "r7-09" else COOL]) for host in NAMES[:20]),
    ],
    "controllers reset nvme0": [
        *(failed(Target(host, "nvme0"), BUSY) for host in NAMES[3:7]),
        *(said(Target(host, "nvme0"), "nvme0 was reset and runs EDA5602Q") for host in NAMES[:3]),
        said(Target("r7-24", "nvme0"), "nvme0 was reset and runs EDA5402Q"),
    ],
    "server policy": [said(Target(host), "BINDING  ROLES\nadmins   admin") for host in NAMES],
    "firmware slots of one host": [
        listed(Target("", f"nvme{number}"), controllers.COLUMNS, [controller("r7-01")]) for number in range(8)
    ],
}


def screens(monkeypatch: pytest.MonkeyPatch) -> str:
    written = []
    for width in WIDTHS:
        monkeypatch.setattr(tables, "terminal_width", partial(int, width))
        for name, found in CASES.items():
            parts = (outcomes.failed(found), outcomes.shown(found, Layout()))
            written.append(f"# {name}, {width} columns\n" + "\n\n".join(part for part in parts if part) + "\n")
    return "\n".join(written)


def test_screens_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screens(monkeypatch)
    if os.environ.get("SCREENS") == "write":
        SCREENS.write_text(shown)
    assert shown == SCREENS.read_text()


VALUES: Columns[str] = (Column("VALUE", str),)


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from("abc"), max_size=4), min_size=1))
def test_every_row_of_every_host_is_there_once(rows: dict[str, list[str]]) -> None:
    found = [listed(Target(host), VALUES, each) for host, each in rows.items()]
    shown = outcomes.shown(found, Layout(headers=False))
    seen: dict[str, list[str]] = {host: [] for host in rows}
    empty: list[str] = []
    for line in shown.splitlines():
        if line.startswith("-- nothing there: "):
            empty = hosts.expand(line.removeprefix("-- nothing there: "))
        elif line:
            whose, value = line.rsplit(maxsplit=1)
            for host in hosts.expand(whose):
                seen[host].append(value)
    assert {host: sorted(each) for host, each in rows.items()} == {host: sorted(each) for host, each in seen.items()}
    assert sorted(empty) == sorted(host for host, each in rows.items() if not each)


def test_a_table_of_many_is_as_its_caller_wants_it() -> None:
    columns: Columns[tuple[str, int]] = (Column("NODE", itemgetter(0)), Column("SIZE", itemgetter(1)))
    found = [listed(Target(host), columns, [("nvme0", number)]) for number, host in enumerate(("h2", "h10", "h1"))]

    def lines(wanted: Layout) -> list[list[str]]:
        return [line.split() for line in outcomes.shown(found, wanted).splitlines()]

    assert lines(Layout(headers=False)) == [["h1", "nvme0", "2"], ["h2", "nvme0", "0"], ["h10", "nvme0", "1"]]
    assert lines(Layout(columns=("hosts", "node"), headers=False)) == [["h[1-2,10]", "nvme0"]]
    assert lines(Layout(columns=("node",), headers=False)) == [["nvme0"]]
    assert [line[0] for line in lines(Layout(sort="-hosts", headers=False))] == ["h10", "h2", "h1"]


def test_programs_get_an_object_for_each_with_whose_it_is() -> None:
    outcome = Outcome(Target("h1", "nvme0"), "json")
    outcome.show({"a": 1}, lambda: "", None)
    assert json.loads(outcome.encoded()) == {"host": "h1", "controller": "nvme0", "result": {"a": 1}}
    outcome.failure = BUSY
    assert json.loads(outcome.encoded())["error"]["reason"] == "GATE_FAILED"
    assert list(json.loads(unreachable("h1").encoded())) == ["host", "error"]


@pytest.mark.parametrize(
    ("targets", "shown"),
    [
        ([("h1", ""), ("h2", ""), ("h4", "")], "h[1-2,4]"),
        ([("h1", "nvme0"), ("h2", "nvme0"), ("h1", "nvme1"), ("h2", "nvme1")], "h[1-2] nvme[0-1]"),
        ([("h1", "nvme0"), ("h2", "nvme0"), ("h1", "nvme1")], "h[1-2] nvme0, h1 nvme1"),
        ([("", "nvme0"), ("", "nvme1")], "nvme[0-1]"),
    ],
)
def test_whose_it_is(targets: list[tuple[str, str]], shown: str) -> None:
    assert outcomes.whose(Target(*each) for each in targets) == shown


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from("ab"), max_size=4), min_size=1))
def test_no_line_is_there_twice_where_columns_are_chosen(rows: dict[str, list[str]]) -> None:
    """What told two rows from each other is perhaps not among them."""
    found = [listed(Target(host, drive), VALUES, each) for host, each in rows.items() for drive in ("nvme0", "nvme1")]
    shown = [
        line for line in outcomes.shown(found, Layout(columns=("hosts", "value"))).splitlines() if "--" not in line
    ]
    assert len(set(shown)) == len(shown)


def test_a_table_that_grows_keeps_its_columns_where_they_are() -> None:
    """As where --watch writes into a file: its headings are there once."""
    columns: Columns[tuple[str, str]] = (Column("DRIVE", itemgetter(0)), Column("TEMP", itemgetter(1)))
    widths: dict[str, int] = {}
    first = tables.table(columns, [("nvme0", "39 °C")], Layout(widths=widths))
    second = tables.table(columns, [("n", "9")], Layout(widths=widths, headers=False))
    longer = tables.table(columns, [("nvme10", "9")], Layout(widths=widths, headers=False))
    last = tables.table(columns, [("nvme0", "9")], Layout(widths=widths, headers=False))
    assert first.splitlines() == ["DRIVE  TEMP", "nvme0  39 °C"]
    assert [second, longer, last] == ["n      9", "nvme10  9", "nvme0   9"]
