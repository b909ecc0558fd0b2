"""nvmedctl features against a real daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rpc.client.command_line import nvmedctl, shown
from tests.rpc.harness import StartDaemon

COMMAND = "features"

pytestmark = pytest.mark.timeout(120)
"""Each command is a process of its own, and a machine may have much to do besides."""


async def test_list_get_and_set(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = await start_daemon()
    rows = [line.split()[:2] for line in (await shown(daemon, COMMAND, "list", "nvme0")).splitlines()]
    assert rows[0] == ["ID", "FEATURE"]
    assert ["04h", "temperature-threshold"] in rows
    threshold = ("nvme0", "temperature-threshold", "--which", "side=1")
    assert "composite, under" in await shown(daemon, COMMAND, "get", *threshold)
    setting = (COMMAND, "set", *threshold, "threshold_kelvin=270", "--save", "--expect", "threshold_kelvin=0")
    assert "would be" in await shown(daemon, *setting, "--dry-run")
    code, done, _ = await nvmedctl(daemon, *setting)
    assert (code, done["changed"], done["saved"]) == (0, True, True)
    code, _, failure = await nvmedctl(daemon, *setting)
    assert (code != 0, failure["error"]["reason"]) == (True, "FEATURE_NOT_AS_EXPECTED")
    assert "is so already" in await shown(daemon, *setting[:-2])


async def test_what_harms_is_told_and_overridden(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    daemon.host.occupy(daemon.host.scan()[0].namespaces[0].node, "/srv")
    setting = (COMMAND, "set", "nvme0", "power-management", "power_state=2")
    code, _, failure = await nvmedctl(daemon, *setting)
    assert code != 0
    assert "RISK_ACKNOWLEDGED: power state 2 is non-operational" in failure["error"]["message"]
    done = await shown(daemon, *setting, "--override", "in-use", "--acknowledge-risk")
    assert "is power_state=2" in done
