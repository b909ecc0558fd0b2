"""What ships for Prometheus and Grafana names metrics and labels that there are, and every alert has its runbook."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from nvmed.rpc.errors import DOCUMENTATION
from tests.support.monitoring import DASHBOARD, OF_EVERY_TARGET, ROOT, Rule, alerts, known, panels, rules, selected

RUNBOOKS = ROOT / "docs/runbooks"
PUBLISHED = DOCUMENTATION.removesuffix("errors.md") + "runbooks/"
SEVERITIES = {"critical", "warning", "info"}

KNOWN = known()
ASKED = [
    *((rule.name, rule.expr) for rule in rules()),
    *((panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]),
]
VARIABLES = [
    one["definition"] for one in json.loads(DASHBOARD.read_text())["templating"]["list"] if one["type"] == "query"
]


@pytest.mark.parametrize(("name", "expr"), ASKED)
def test_what_is_asked_is_there(name: str, expr: str) -> None:
    found = list(selected(expr))
    assert found
    assert [series for series, _ in found if series not in KNOWN] == []
    assert [(series, labels - KNOWN[series]) for series, labels in found if labels - KNOWN[series]] == []


@pytest.mark.parametrize("query", VARIABLES)
def test_what_a_dashboard_lets_choose_is_there(query: str) -> None:
    ((series, labels),) = selected(query)
    wanted = re.fullmatch(r"label_values\(.*, (\w+)\)", query)
    assert wanted
    assert {wanted[1], *labels} <= KNOWN[series]


def carried(rule: Rule) -> frozenset[str]:
    """The labels that an alert may have: of every series in it, and what `label_replace` adds."""
    added = set(re.findall(r'label_replace\([^"]*"(\w+)"', rule.expr))
    return OF_EVERY_TARGET.union(added, *(KNOWN[series] for series, _ in selected(rule.expr)))


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule.name)
def test_an_alert_says_what_it_is(rule: Rule) -> None:
    assert rule.labels.keys() == {"severity"}
    assert rule.labels["severity"] in SEVERITIES
    assert rule.annotations.keys() == {"summary", "description", "runbook_url"}
    told = set(re.findall(r"\$labels\.(\w+)", " ".join(rule.annotations.values())))
    assert told <= carried(rule)


def sections() -> dict[str, str]:
    """The severity that each section of a runbook begins with, by its address."""
    return {
        f"{PUBLISHED}{path.name}#{name.lower()}": text.split(".")[0].lower()
        for path in RUNBOOKS.glob("*.md")
        for name, text in re.findall(r"^## (Nvmed\w+)\n\n(.+)", path.read_text(), re.MULTILINE)
    }


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sections() == {rule.annotations["runbook_url"]: rule.labels["severity"] for rule in alerts()}
    assert all(rule.annotations["runbook_url"].endswith(f"#{rule.name.lower()}") for rule in alerts())


def test_every_runbook_says_how_it_ends() -> None:
    for path in RUNBOOKS.glob("*.md"):
        for section in re.split(r"^## (?=Nvmed)", path.read_text(), flags=re.MULTILINE)[1:]:
            assert "**It ends** " in section
            assert "**Pull** " in section or path.name == "daemon.md"


def test_the_dashboard_is_one() -> None:
    """As Grafana wants it: each panel has a number and a place of its own, and asks the data source that is chosen."""
    every: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in every)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    for panel in panels():
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
