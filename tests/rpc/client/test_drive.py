"""nvmedctl drive against a real daemon: self-tests, and what a drive should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rpc.client.command_line import nvmedctl, shown
from tests.rpc.harness import StartDaemon, small_drive

COMMAND = "drive"

pytestmark = pytest.mark.timeout(120)
"""Each command is a process of its own, and a machine may have much to do besides."""


async def test_a_self_test_to_its_result(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(short_self_test_s=0.1))
    assert "would take about 2 min" in await shown(daemon, COMMAND, "self-test", "nvme0", "short", "--dry-run")
    daemon.drive().self_test.failing_lba = 99
    text = await shown(daemon, COMMAND, "self-test", "nvme0", "short", "--nsid", "1")
    assert "segment 1, namespace 1, LBA 99" in text


async def test_plan_and_apply(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start_daemon()
    file = tmp_path / "desired.toml"
    model = daemon.drive().model
    file.write_text(
        f'[[model]]\nname = "{model}"\nrevision = "1.0.0"\nlogical_block_bytes = 4096\n'
        '[[model.feature]]\nname = "temperature-threshold"\nset = { threshold_kelvin = 340 }\nsave = true\n'
    )
    rows = (await shown(daemon, COMMAND, "plan", "nvme0", "-f", str(file))).splitlines()
    assert [row.split()[0] for row in rows] == ["WHAT", "namespace", "temperature-threshold"]
    code, _, failure = await nvmedctl(daemon, COMMAND, "apply", "nvme0", "-f", str(file))
    assert (code != 0, failure["error"]["reason"]) == (True, "INVALID_FIELD")
    done = await shown(daemon, COMMAND, "apply", "nvme0", "-f", str(file), "--acknowledge-data-loss")
    assert "mended namespace 1: blocks of 4096 bytes" in done
    assert "is as desired already" in await shown(daemon, COMMAND, "apply", "nvme0", "-f", str(file))
    file.write_text('[[model]]\nname = "OTHER"\nrevision = "1"\n')
    code, _, failure = await nvmedctl(daemon, COMMAND, "plan", "nvme0", "-f", str(file))
    assert (code != 0, "says nothing" in failure["error"]["message"]) == (True, True)
