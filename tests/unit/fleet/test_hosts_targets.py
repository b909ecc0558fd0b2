"""Hosts of a fleet as targets of Prometheus."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from nvmed_fleet.cli import nvmed_fleet

HOSTS = """
[defaults]
tls = { ca = "ca.pem", certificate = "fleet.pem", key = "fleet.key" }

[hosts.one]
address = "10.0.0.1:7443"
labels = { rack-row = "r7", "2nd" = "x" }

[hosts.here]
address = "unix:/run/nvmed/nvmed.sock"

[hosts.six]
address = "[fd00::6]:7443"
"""


def test_they_have_the_port_of_metrics_and_labels_that_prometheus_takes(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(HOSTS)
    words = ["hosts", "--hosts", str(tmp_path / "hosts.toml"), "--output", "prometheus", "--metrics-port", "7444"]
    done = CliRunner().invoke(nvmed_fleet, words)
    assert json.loads(done.stdout) == [
        {"targets": ["10.0.0.1:7444"], "labels": {"rack_row": "r7", "_2nd": "x", "host": "one"}},
        {"targets": ["[fd00::6]:7444"], "labels": {"host": "six"}},
    ]
