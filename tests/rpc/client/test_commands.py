"""nvmedctl against a real daemon: what it shows is what the drives are, and its exit codes mean what they say."""

from __future__ import annotations

from typing import Any

import pytest

from nvmed.simulator.spec import TelemetrySpec
from tests.rpc.client.command_line import nvmedctl
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive


@pytest.fixture
async def drives(start_daemon: StartDaemon) -> Daemon:
    """A usual drive, one that has no area 4, and one that has created no log."""
    none = TelemetrySpec.of_sizes(8 * KIB, 16 * KIB, 40 * KIB, host_log_present=False)
    three = small_drive("THREE", log_attributes=0x0E)
    return await start_daemon(small_drive(), three, small_drive("NONE", telemetry=none))


async def test_everything_is_listed_and_shown_by_its_name(drives: Daemon) -> None:
    code, found, err = await nvmedctl(drives, "controllers", "list")
    assert (code, err) == (0, None)
    names = [controller["name"] for controller in found["controllers"]]
    assert names == ["controllers/none-1", "controllers/nvmed1-1", "controllers/three-1"]
    for kind, field, shown in (
        ("controllers", "controllers", "name"),
        ("subsystems", "subsystems", "nqn"),
        ("namespaces", "namespaces", "uuid"),
    ):
        _, listed, _ = await nvmedctl(drives, kind, "list")
        assert listed[field]
        code, one, _ = await nvmedctl(drives, kind, "show", listed[field][0]["name"])
        assert (code, one[shown]) == (0, listed[field][0][shown])
    code, found, _ = await nvmedctl(drives, "controllers", "list", "--filter", 'serial_number = "THREE"')
    assert (code, [controller["serial_number"] for controller in found["controllers"]]) == (0, ["THREE"])


async def test_namespaces_of_one_subsystem(drives: Daemon) -> None:
    _, listed, _ = await nvmedctl(drives, "subsystems", "list")
    one = listed["subsystems"][0]
    code, found, _ = await nvmedctl(drives, "namespaces", "list", "--subsystem", one["name"])
    assert (code, [namespace["name"] for namespace in found["namespaces"]]) == (0, one["namespaces"])


async def test_what_controllers_and_the_daemon_can_do(drives: Daemon) -> None:
    code, found, _ = await nvmedctl(drives, "controllers", "capabilities", "nvme0")
    assert code == 0
    assert "telemetry" in {item["capability"] for item in found["capabilities"] if item["supported"]}
    code, info, _ = await nvmedctl(drives, "server", "info")
    assert (code, info["simulated"], info["limits"]["chunk_bytes_max"]) == (0, True, str(1024 * KIB))
    code, held, _ = await nvmedctl(drives, "telemetry", "info", "nvme0")
    assert (code, held["host_log"]["available"], held["controller_log"]["available"]) == (0, True, False)


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("controllers show nvme7", 3, "CONTROLLER_NOT_FOUND"),
        ("controllers show controllers/none-7", 3, "CONTROLLER_NOT_FOUND"),
        ("controllers show nvme0/../null", 2, "INVALID_FIELD"),
        ("controllers show nvme0n1p1", 2, "INVALID_FIELD"),
        ("controllers list --filter nonsense", 2, "INVALID_FIELD"),
        ("subsystems show subsystems/none", 3, "SUBSYSTEM_NOT_FOUND"),
        ("namespaces show nvme7n1", 3, "NAMESPACE_NOT_FOUND"),
        ("telemetry save controllers/three-1 -f log --area 4 --create", 5, "TELEMETRY_UNSUPPORTED"),
        ("telemetry save controllers/none-1 -f log", 5, "TELEMETRY_AREA_EMPTY"),
        ("telemetry save nvme0 -f log --source controller", 5, "TELEMETRY_NOT_AVAILABLE"),
        ("telemetry ack nvme0 --generation 1", 5, "TELEMETRY_NOT_AVAILABLE"),
    ],
)
async def test_a_refusal_has_its_reason_and_exit_code(
    drives: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, arguments: str, code: int, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    got, out, err = await nvmedctl(drives, *arguments.split())
    assert (got, out, err["error"]["reason"]) == (code, None, reason)
    assert err["error"]["metadata"]["request_id"]
    assert not (tmp_path / "log").exists()


async def test_only_the_generation_that_was_saved_is_acknowledged(drives: Daemon) -> None:
    generation = drives.drive().capture_controller_telemetry()
    code, _, err = await nvmedctl(drives, "telemetry", "ack", "nvme0", "--generation", str(generation + 1))
    assert (code, err["error"]["reason"]) == (6, "TELEMETRY_GENERATION_CHANGED")
    code, told, _ = await nvmedctl(drives, "telemetry", "ack", "nvme0", "--generation", str(generation))
    assert (code, told) == (0, {"controller": "controllers/nvmed1-1", "generation_number": generation})
