"""Reports: failures first, equal results together, and nothing in the page that was not escaped."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from nvmed_fleet import plan as plans
from nvmed_fleet import report, report_page
from nvmed_fleet.plan import Drive, Image, LeftOut, Options, PlannedHost
from nvmed_fleet.records import Asked, DriveRecord, Event, HostRecord
from nvmed_fleet.store import Store

EVIL = "<script>alert('&')</script>"


def record(host: str, phase: str, verdict: Any = "done", number: int = 0, message: str = "") -> HostRecord:
    drive = DriveRecord(
        f"controllers/{host}", "S", "M", verdict, "1.0", "2.0", 2, "R" if message else "", message,
        (Asked(phase, "id", f"operations/{phase}", settled=True),),
    )  # fmt: skip
    time = f"2026-01-01T00:00:0{number + 1}.000Z"
    return HostRecord(host, phase, number, verdict, time, time, "w", drive.reason, message, (drive,))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """h1 is well, h2 and h3 failed the same way, h3 was rolled back, h4 was retried, h5 only staged, h6 untouched."""
    found = Store(tmp_path)
    hosts = [
        PlannedHost(f"h{n}", f"/h{n}", f"d{n}", (Drive(f"controllers/h{n}", "S", "M", "1.0"),)) for n in range(1, 7)
    ]
    left = [LeftOut("h8", "", "unreachable", EVIL), LeftOut("h9", "", "unreachable", EVIL)]
    made = plans.make("c", Image("0" * 64, 1, EVIL), Options("2.0", waves=("2", "rest")), hosts, left)
    found.begin("c", "request", found.put_plan(made))
    records = [
        *(record(f"h{n}", "stage") for n in range(1, 6)),
        *(record("h1", phase) for phase in ("activate", "verify")),
        *(record(f"h{n}", "activate", "failed", message=f"controllers/h{n} says {EVIL}") for n in (2, 3, 4)),
        record("h3", "rollback"),
        *(record("h4", phase, number=1) for phase in ("stage", "activate", "verify")),
    ]
    for one in records:
        found.record("c", one)
    found.happened("c", Event(1, "halted", "2026-01-01T00:00:00Z", 1, EVIL))
    return found


def test_equal_results_stand_together_and_failures_first(store: Store) -> None:
    groups = [(g.verdict, g.phase, g.is_rolled_back, g.hosts) for g in report.make(store, "c").groups]
    assert groups[:2] == [("failed", "activate", False, ("h2",)), ("failed", "activate", True, ("h3",))]
    assert sorted(groups[2:]) == sorted(
        [("untouched", "", False, ("h5",)), ("untouched", "", False, ("h6",)), ("done", "", False, ("h1", "h4"))]
    )
    assert [g.message for g in report.make(store, "c").groups[:2]] == [f"the drive says {EVIL}"] * 2


def test_the_text_names_hosts_by_ranges(store: Store) -> None:
    text = report.as_text(report.make(store, "c"))
    assert "1 failed at activate, rolled back: h3" in text
    assert "2 updated: h[1,4]" in text
    assert "left out, unreachable: 2 hosts of h[8-9]" in text
    assert text.index("failed at") < text.index("updated: h")


def test_the_json_has_every_operation(store: Store) -> None:
    found = json.loads(report.as_json(report.make(store, "c")))
    assert found["counts"] == {"failed": 2, "untouched": 2, "done": 2}
    by_name = {host["host"]: host for host in found["hosts"]}
    asked = [one["operation"] for r in by_name["h1"]["records"] for d in r["drives"] for one in d["asked"]]
    assert sorted(asked) == ["operations/activate", "operations/stage", "operations/verify"]


class Page(HTMLParser):
    """What a browser would load or run, and whether tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "onload", "onclick")]


def test_the_page_is_whole_and_runs_nothing(store: Store) -> None:
    page = Page()
    text = report_page.as_html(report.make(store, "c"))
    page.feed(text)
    assert page.references == []
    assert {"script", "link", "img", "iframe"}.isdisjoint(page.tags)
    assert {"svg", "table", "details"} <= set(page.tags)
    assert "url(" not in text
    assert "settled by asking the drive" in text


def test_a_campaign_of_which_nothing_was_done_has_a_report(store: Store) -> None:
    store.begin("d", "request", store.plan_of("c"))
    made = report.make(store, "d")
    assert made.counts == {"untouched": 6}
    assert "planned" in report.as_text(made)
    assert "untouched" not in report_page.as_html(made)
