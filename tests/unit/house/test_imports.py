"""What nvmed and its client bring from outside. Who imports whom inside, pyproject.toml says (import-linter)."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[3]

IMPORT_NAMES = {
    "googleapis-common-protos": "google",
    "protobuf": "google",
    "grpcio": "grpc",
    "grpcio-channelz": "grpc_channelz",
    "grpcio-health-checking": "grpc_health",
    "grpcio-reflection": "grpc_reflection",
    "grpcio-status": "grpc_status",
    "prometheus-client": "prometheus_client",
    "pyyaml": "yaml",
}
"""Import names of distributions whose name differs."""

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def packages(requirements: list[str]) -> set[str]:
    """Import names of `requirements`."""
    names = {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in requirements}
    return {IMPORT_NAMES.get(name, name) for name in names}


BASE = packages(PROJECT["dependencies"])
DAEMON = BASE | packages(PROJECT["optional-dependencies"]["daemon"])
FLEET = BASE | packages(PROJECT["optional-dependencies"]["fleet"])

ASKED_FOR = {
    ("nvmedctl.cli.support", "zstandard"),
    ("nvmedctl.cli.render", "yaml"),
    ("nvmedctl.cli.top_app", "textual"),
    ("nvmedctl.host_sources", "yaml"),
    ("nvmed_fleet.places", "obstore"),
    *(
        (f"nvmed.otel.{module}", "opentelemetry")
        for module in ("exporter", "hardware", "log_lines", "messages", "spans")
    ),
}
"""What a module imports where it is used, and says how to get if it is not there."""


@pytest.mark.parametrize(
    ("package", "declared"),
    [("nvmed", DAEMON), ("nvmedctl", BASE | {"nvmed"}), ("nvmed_fleet", FLEET | {"nvmed", "nvmedctl"})],
)
def test_what_is_imported_is_declared(package: str, declared: set[str]) -> None:
    """Every import is the standard library's or a dependency: the client's one that every host has."""
    graph = grimp.build_graph(package, include_external_packages=True)
    outside = {module for module in graph.modules if graph.is_module_squashed(module)}
    undeclared = {
        (importer, module)
        for module in outside - set(sys.stdlib_module_names) - declared
        for importer in graph.find_modules_that_directly_import(module)
    }
    assert undeclared - ASKED_FOR == set()


IMPORT_ALL = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"{name} is not installed on a host that only calls nvmed", name=name)

sys.meta_path.insert(0, Absent())
import nvmedctl
for module in pkgutil.walk_packages(nvmedctl.__path__, "nvmedctl."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
importlib.import_module("nvmedctl.__main__")
"""


def test_the_client_runs_without_the_daemons_dependencies() -> None:
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *sorted(DAEMON - BASE)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
