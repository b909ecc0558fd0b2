"""A real Prometheus scrapes a real daemon over mutual TLS, as docs/prometheus.md says, and an alert fires and ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from tests.support.monitoring import alerts, in_docs_test, panels, tool
from tests.support.prometheus import Prometheus, prepare, running
from tests.support.simulated_host import Host, serving

pytestmark = [pytest.mark.timeout(180), in_docs_test]

CHOSEN = {"$instance": ".*", "$controller": ".*", "$__rate_interval": "1m"}
"""What Grafana puts in the places of its variables."""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    tool("prometheus")
    with TemporaryDirectory(prefix="nvmed-docs-", dir="/tmp") as folder, serving(Path(folder)) as found:
        prepare(found)
        yield found


@pytest.fixture(scope="module")
def prometheus(host: Host) -> Iterator[Prometheus]:
    with running(tool("prometheus"), host) as found:
        found.until(lambda: found.values("up == 1"))
        yield found


# How a handshake without a certificate ends for the other side: with TLS's alert if that is read before the connection
# is gone, else as the kernel closes one whose last bytes nobody has read yet, or has. Never with an answer of HTTP.
REFUSED = ("certificate required", "connection reset by peer", "broken pipe", "EOF")


def fault(host: Host, *words: str) -> None:
    command = [sys.executable, "-m", "nvmed", "simulator", "fault", *words, "--address", f"unix:{host.socket()}"]
    subprocess.run(command, check=True, capture_output=True)


def firing(prometheus: Prometheus, name: str) -> list[dict[str, Any]]:
    found = prometheus.ask("alerts")["alerts"]
    return [one for one in found if one["labels"]["alertname"] == name and one["state"] == "firing"]


def test_the_recipe_is_one(host: Host) -> None:
    command = [tool("promtool"), "check", "config", "prometheus.yml"]
    checked = subprocess.run(command, cwd=host.home, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_viewer_may_scrape_and_a_stranger_may_not(host: Host, prometheus: Prometheus) -> None:
    """By role: the same recipe with other certificates."""
    jobs = yaml.safe_load((host.home / "prometheus.yml").read_text())
    (own,) = jobs["scrape_configs"]
    tls = own["tls_config"]
    jobs["scrape_configs"] = [
        own,
        own | {"job_name": "viewer", "tls_config": tls | {"cert_file": "viewer.pem", "key_file": "viewer.key"}},
        own | {"job_name": "nobody", "tls_config": {"ca_file": "ca.pem"}},
    ]
    (host.home / "prometheus.yml").write_text(yaml.safe_dump(jobs))
    prometheus.reload()
    prometheus.until(lambda: prometheus.values('up{job="viewer"} == 1'))
    prometheus.until(lambda: prometheus.values('up{job="nobody"} == 0'))
    errors = {one["labels"]["job"]: one["lastError"] for one in prometheus.ask("targets")["activeTargets"]}
    assert errors["nvmed"] == errors["viewer"] == ""
    assert any(words in errors["nobody"] for words in REFUSED), errors


def test_rules_are_evaluated_and_say_where_the_drive_is(prometheus: Prometheus) -> None:
    places = prometheus.until(lambda: prometheus.values('nvmed:drive:place{job="nvmed"}'))
    assert {labels["node"] for labels, _ in places} == {"nvme0", "nvme1"}
    assert all(labels["serial"] and labels["slot"] for labels, _ in places)

    def evaluated() -> list[dict[str, Any]]:
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return [] if any(rule["health"] == "unknown" for rule in rules) else rules

    rules = prometheus.until(evaluated)
    assert {rule["name"] for rule in rules if rule["type"] == "alerting"} == {rule.name for rule in alerts()}
    assert [rule for rule in rules if rule["health"] != "ok"] == []


def test_an_alert_fires_with_what_to_do_and_ends(host: Host, prometheus: Prometheus) -> None:
    fault(host, "add", "critical-warning", "controller=nvme0", "warnings=['read-only']")
    try:
        alert = prometheus.until(lambda: firing(prometheus, "NvmedDriveWarns"))[0]
    finally:
        fault(host, "remove", "--all")
    assert alert["labels"]["warning"] == "read_only"
    assert alert["labels"]["node"] == "nvme0"
    assert alert["labels"]["host"] == "storage-7"
    told = alert["annotations"]
    assert alert["labels"]["serial"] in told["description"]
    assert "<" not in told["description"] + told["summary"]  # as of a template that fails, or a label that is not there
    prometheus.until(lambda: not firing(prometheus, "NvmedDriveWarns"))


def test_every_query_of_the_dashboard_is_one(prometheus: Prometheus) -> None:
    """Prometheus refuses what it cannot read, with an error that fails this."""
    for panel in panels():
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in CHOSEN.items():
                query = query.replace(name, value)
            prometheus.values(query)
