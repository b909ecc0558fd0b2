"""What ships for Prometheus and Grafana, and what it says of nvmed's metrics."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from nvmed.rpc.metrics import all_metrics

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "packaging/monitoring"
RULES: Final = FOLDER / "nvmed.rules.yml"
DASHBOARD: Final = FOLDER / "nvmed.dashboard.json"
TOOLS: Final = ROOT / ".cache/docs-tools/bin"
"""Where `make docs-test` puts Debian's Prometheus."""

OF_EVERY_TARGET: Final = frozenset({"job", "instance"})
"""Labels that Prometheus gives to all that it scrapes."""

_METRIC: Final = re.compile(r"\b(?P<name>nvmed[_:][\w:]+|up)\b(?:\{(?P<matchers>[^}]*)\})?")
_MATCHER: Final = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert, or a series that is recorded: then its name is that."""

    name: str
    expr: str
    is_alert: bool
    labels: dict[str, str]
    annotations: dict[str, str]


def rules() -> Sequence[Rule]:
    """Those of the file, in its order."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [
        Rule(
            one.get("alert") or one["record"], one["expr"], "alert" in one, one.get("labels", {}),
            one.get("annotations", {}),
        )
        for group in groups
        for one in group["rules"]
    ]  # fmt: skip


def alerts() -> Sequence[Rule]:
    """The rules that alert."""
    return [rule for rule in rules() if rule.is_alert]


def known() -> dict[str, frozenset[str]]:
    """The labels of every series that there is, by its name: nvmed's, what is recorded of them, and Prometheus' own."""
    found = {name: (*labels, "le") if kind == "histogram" else labels for name, kind, labels, _ in all_metrics()}
    series = {name: OF_EVERY_TARGET.union(labels) for name, labels in found.items()}
    for name, kind, labels, _ in all_metrics():
        if kind == "histogram":
            series |= {name + end: OF_EVERY_TARGET.union(labels, {"le"}) for end in ("_bucket", "_sum", "_count")}
    place = re.compile(r"max by \(([\w, ]+)\)")
    recorded = {one.name: frozenset(place.findall(one.expr)[0].split(", ")) for one in rules() if not one.is_alert}
    return series | recorded | {"up": OF_EVERY_TARGET}


def selected(expr: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each series that an expression names, and the labels that it is selected by."""
    for match in _METRIC.finditer(expr):
        yield match["name"], frozenset(_MATCHER.findall(match["matchers"] or ""))


def panels() -> Sequence[dict[str, Any]]:
    """The panels of the dashboard that ask something."""
    return [one for one in json.loads(DASHBOARD.read_text())["panels"] if one.get("targets")]


in_docs_test = pytest.mark.skipif(
    not os.environ.get("DOCS_COMPLETE"), reason="needs Prometheus, which tests/docs/tools unpacks: `make docs-test`"
)
"""For tests that take its programs, and seconds that `make test` has not."""


def tool(name: str) -> str:
    """The path of a program of Prometheus; raises FileNotFoundError."""
    found = shutil.which(name, path=f"{TOOLS}:{os.environ['PATH']}")
    if found is None:
        raise FileNotFoundError(f"{name} is not on this machine: tests/docs/tools unpacks it")
    return found
