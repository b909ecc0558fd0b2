"""The house's rooms: who may import whom, and what each may bring from outside."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLIENT = ROOT / "clients/python"
FLEET = ROOT / "fleet"

FLOORS = (
    {"errors", "grpc_environment", "malloc", "audit_chain", "settle"},
    {"reasons"},
    {"os_errors", "limits"},
    {"nvme", "keys", "config", "logs", "state_directory"},
    {"linux", "simulator", "security"},
    {"devices"},
    {"preconditions"},
    {"operations"},
    {"firmware", "namespaces", "keyring"},
    {"events"},
    {"rpc"},
    {"reload"},
    {"daemon"},
    {"__main__"},
)
"""Rooms of `nvmed`, ground floor first: a room imports itself and the floors below, nothing beside or above."""

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

GRPC = {"grpc", "grpc_channelz", "grpc_health", "grpc_reflection", "grpc_status"}
GRPC_ROOMS = {"rpc", "v1", "daemon"}
PROTOBUF_ROOMS = {"rpc", "v1"}
"""Where gRPC stops, and where protobuf does: `google` and `nvmed.v1`."""

PURE = {"errors", "reasons", "os_errors", "nvme", "keys", "limits"}
IMPURE = {"asyncio", "fcntl", "multiprocessing", "select", "selectors", "socket", "sqlite3", "subprocess", "threading"}
"""Bytes in, values out: no I/O and no threads in these rooms."""

CLIENT_MAY = {"__version__", "audit_chain", "errors", "malloc", "os_errors", "reasons", "v1", "nvme", "keys"}
"""What of `nvmed` a host which only calls nvmed imports: none of them needs the extra `daemon`."""

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
FLEET_HAS = BASE | packages(PROJECT["optional-dependencies"]["fleet"])

CLIENT_ASKS_FOR = {"clients/python/nvmedctl/host_sources.py": {"yaml"}}
"""What a module of the client imports where it is used, and says how to get if it is not there."""

ENGINE_ROOMS = "fleet/nvmed_fleet/temporal/"
"""Where the engine stops: the rest of the fleet knows nothing of it."""


def imports(path: Path, package: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a module imports, anywhere in it: `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)


def modules(root: Path, package: str) -> Iterator[tuple[Path, str]]:
    """(file, package it is in) of every module of `package`, generated ones apart."""
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).parent.parts
        if parts[:2] != ("nvmed", "v1"):
            yield path, ".".join(parts)


def room_of(path: Path) -> str:
    """The room of a module of `nvmed`: its folder, or its own name."""
    parts = path.relative_to(ROOT / "nvmed").with_suffix("").parts
    return parts[0]


def daemon_imports() -> Iterator[tuple[str, str, str]]:
    """(where, room, dotted name) of every import in `nvmed`."""
    for path, package in modules(ROOT, "nvmed"):
        for line, name in imports(path, package):
            yield f"{path.relative_to(ROOT)}:{line} imports {name}", room_of(path), name


def test_every_room_stands_on_a_floor() -> None:
    rooms = {room_of(path) for path, _ in modules(ROOT, "nvmed")}
    assert rooms - {"__init__"} <= FLOOR.keys()


def test_imports_go_one_way() -> None:
    """Never up, and never to a neighbour: `linux` and `simulator` do not know each other."""
    wrong = [
        where
        for where, room, name in daemon_imports()
        if name.startswith("nvmed.") and (target := name.split(".")[1]) in FLOOR
        if target != room and FLOOR[target] >= FLOOR.get(room, 0)
    ]
    assert wrong == []


def test_grpc_stops_in_the_daemon_and_protobuf_in_rpc() -> None:
    wrong = [
        where
        for where, room, name in daemon_imports()
        if (name.split(".")[0] in GRPC and room not in GRPC_ROOMS)
        or (name.startswith(("google.", "nvmed.v1")) and room not in PROTOBUF_ROOMS)
    ]
    assert wrong == []


def test_pure_rooms_do_no_io() -> None:
    assert [where for where, room, name in daemon_imports() if room in PURE and name.split(".")[0] in IMPURE] == []


def test_what_is_imported_is_declared() -> None:
    """Every import is the standard library's, nvmed's own or a dependency of pyproject.toml."""
    known = set(sys.stdlib_module_names) | DAEMON | {"nvmed"}
    assert [where for where, _, name in daemon_imports() if name.split(".")[0] not in known] == []


def test_the_client_imports_only_what_every_host_has() -> None:
    known = set(sys.stdlib_module_names) | BASE | {"nvmed", "nvmedctl"}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path, package in modules(CLIENT, "nvmedctl")
        for line, name in imports(path, package)
        if name.split(".")[0] not in CLIENT_ASKS_FOR.get(str(path.relative_to(ROOT)), ())
        if (name.split(".")[1] not in CLIENT_MAY if name.startswith("nvmed.") else name.split(".")[0] not in known)
    ]
    assert wrong == []


def test_the_fleet_is_a_client_and_knows_the_engine_in_one_room() -> None:
    """It imports the client library and the stubs, never a room of the daemon."""
    known = set(sys.stdlib_module_names) | FLEET_HAS | {"nvmed", "nvmedctl", "nvmed_fleet"}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path, package in modules(FLEET, "nvmed_fleet")
        for line, name in imports(path, package)
        if (name.split(".")[1] not in CLIENT_MAY if name.startswith("nvmed.") else name.split(".")[0] not in known)
        or (name.startswith("temporalio") and not str(path.relative_to(ROOT)).startswith(ENGINE_ROOMS))
    ]
    assert wrong == []


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


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("import grpc.aio", "nvmed.rpc", ["grpc.aio"]),
        ("from nvmed import errors", "nvmed.nvme", ["nvmed.errors"]),
        ("from . import ioctl", "nvmed.linux", ["nvmed.linux.ioctl"]),
        ("from ..simulator.host import Fleet", "nvmed.linux", ["nvmed.simulator.host.Fleet"]),
        ("def f():\n    from nvmed.rpc import server", "nvmed.devices", ["nvmed.rpc.server"]),
    ],
)
def test_every_form_of_import_is_seen(tmp_path: Path, source: str, package: str, expected: list[str]) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)
    assert [name for _, name in imports(module, package)] == expected
