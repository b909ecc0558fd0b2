"""A real Prometheus on loopback, by the recipe of docs/prometheus.md, and what its HTTP API answers."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.docs.blocks import blocks
from tests.support.monitoring import ROOT, RULES
from tests.support.ports import free_ports
from tests.support.simulated_host import Host

T = TypeVar("T")

RECIPE: Final = ROOT / "docs/prometheus.md"
PATIENCE_S: Final = 120


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def reload(self) -> None:
        """Have it read its configuration again, and wait until it did."""
        before = self._reloaded_at()
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: self._reloaded_at() != before)

    def _reloaded_at(self) -> str:
        return str(self.ask("status/runtimeinfo")["lastConfigTime"])

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series of an instant query."""
        found = self.ask("query", query=query)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def until(self, question: Callable[[], T]) -> T:
        """Ask until there is an answer that holds; what it logged is told if there is none in two minutes."""
        gives_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < gives_up:
            try:
                if answer := question():
                    return answer
            except URLError:
                pass  # it is not up yet
            time.sleep(0.1)
        raise AssertionError(f"Prometheus did not come to it: {self.log.read_text()}")


def recipe() -> str:
    """The configuration that the document shows."""
    found = blocks(RECIPE.read_text(encoding="utf-8"))
    return next(block.text for block in found if block.words.get("file") == "prometheus.yml")


def prepare(host: Host) -> None:
    """Put what the recipe names into the home directory of a host, with targets in the form that `nvmed-fleet` writes.

    Scrapes and rules have a second for the half minute of the recipe.
    """
    (host.home / "prometheus.yml").write_text(recipe().replace(": 30s", ": 1s"))
    (host.home / RULES.name).write_bytes(RULES.read_bytes())
    targets = [{"targets": [f"localhost:{host.metrics_port}"], "labels": {"host": "storage-7"}}]
    (host.home / "targets.json").write_text(json.dumps(targets))


@contextmanager
def running(program: str, host: Host) -> Iterator[Prometheus]:
    """One beside a host that is prepared."""
    port, log = free_ports(), host.place / "prometheus.log"
    command = [
        program,
        "--config.file=prometheus.yml",
        f"--storage.tsdb.path={host.place}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=host.home, stdout=output, stderr=output)
    try:
        yield Prometheus(port, log, process)
    finally:
        process.terminate()
        process.wait()
