"""nvmedctl logs: OCP's pages, and those of endurance, capacity, power, effects and partitions."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from nvmedctl.ocp import strings

from nvmed.nvme.latency_monitor import MonitoredCommand
from nvmed.simulator.spec import DriveSpec
from tests.rpc.client.command_line import nvmedctl, shown
from tests.rpc.harness import Daemon, StartDaemon

BOOT = b"\x5a" * 128 * 1024, bytes(range(256)) * 512


@pytest.fixture
async def drive(start_daemon: StartDaemon) -> Daemon:
    """A drive that has them all."""
    spec = DriveSpec(
        serial="ALL", endurance_groups=1, nvm_sets=1, capacity_management=True, rotational=True, boot_partitions=BOOT,
        power_measurement=True,
    )  # fmt: skip
    return await start_daemon(spec)


SHOWN = {
    ("ocp", "smart"): "derived.user_spare_percent",
    ("ocp", "error-recovery"): "reset_actions",
    ("ocp", "firmware-history"): "NUMBER",
    ("ocp", "capabilities"): "out_of_band.mctp_over_pcie",
    ("ocp", "unsupported"): "log_page_version",
    ("ocp", "components"): "serial-number",
    ("ocp", "tcg"): "locking_objects",
    ("endurance-events",): "SUBJECT",
    ("latency-events",): "SUBJECT",
    ("media-units",): "CHANNELS",
    ("capacity-configurations",): "CONFIGURATION",
    ("feature-effects",): "TEMPERATURE_THRESHOLD",
    ("management-effects",): "TITLE",
    ("changed-namespaces",): "too_many",
    ("power",): "8.25 W",
    ("boot-partition",): "active_partition_id",
}


@pytest.mark.parametrize("words", SHOWN)
async def test_a_log_is_shown(drive: Daemon, words: tuple[str, ...]) -> None:
    text = await shown(drive, "logs", *words, "nvme0")
    assert SHOWN[words].lower() in text.lower()


@pytest.mark.parametrize("name", ["endurance-group", "predictable-latency", "rotational-media"])
async def test_a_log_of_something(drive: Daemon, name: str) -> None:
    code, log, _ = await nvmedctl(drive, "logs", name, "nvme0", "1")
    assert code == 0
    assert 1 in {log.get("endurance_group_id"), log.get("nvm_set_id")}


async def test_latency_is_shown_and_set(drive: Daemon) -> None:
    with drive.drive().lock:
        drive.drive().latency_monitor.observe(MonitoredCommand.WRITE, 120)
    rows = [line.split() for line in (await shown(drive, "logs", "ocp", "latency", "nvme0")).splitlines()]
    assert ["1", "100", "ms", "0", "1", "(120", "ms)", "0"] in rows
    said = await shown(drive, "logs", "ocp", "configure-latency", "nvme0", "--threshold-a", "50", "--dry-run")
    assert "would be set" in said
    code, answer, _ = await nvmedctl(drive, "logs", "ocp", "configure-latency", "nvme0", "--threshold-a", "50")
    assert (code, answer["buckets_reset"]) == (0, True)
    assert drive.drive().latency_monitor.config.thresholds[0] == 9
    said = await shown(drive, "logs", "ocp", "clear-firmware-history", "nvme0")
    assert "0 activations cleared" in said


async def test_files_of_bytes(drive: Daemon, tmp_path: Path) -> None:
    code, saved, _ = await nvmedctl(
        drive, "logs", "boot-partition", "nvme0", "-f", str(tmp_path / "b"), "--partition", "1"
    )
    assert (code, saved["sha256"]) == (0, hashlib.sha256(BOOT[1]).hexdigest())
    assert (tmp_path / "b").read_bytes() == BOOT[1]
    code, saved, _ = await nvmedctl(drive, "logs", "ocp", "strings", "nvme0", "-f", str(tmp_path / "s"))
    assert (code, saved["size_bytes"]) == (0, (tmp_path / "s").stat().st_size)
    assert [*strings.parse((tmp_path / "s").read_bytes()).statistics.values()] == ["Host write commands"]
