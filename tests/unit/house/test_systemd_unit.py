"""The unit as systemd itself judges it, and the default configuration as nvmed does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nvmed import config
from nvmed.firmware.staging import COMMIT_TIMEOUT_MS

SYSTEMD = Path(__file__).resolve().parents[3] / "systemd"
UNIT = SYSTEMD / "nvmed.service"
EXPOSURE_MAX = 2.1

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def settings() -> Iterator[tuple[str, str]]:
    """Every assignment of the unit."""
    for line in UNIT.read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            yield name, value


@needs_analyze
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/bin/nvmed", sys.executable))  # nvmed need not be installed here
    result = analyze("verify", "--man=no", "--recursive-errors=no", copy)
    assert (result.returncode, result.stderr) == (0, "")


@needs_analyze
def test_it_is_exposed_no_more_than_promised() -> None:
    result = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX * 10:.0f}", UNIT)
    assert result.returncode == 0, result.stdout
    overall = re.search(r"Overall exposure level for nvmed\.service: ([0-9.]+)", result.stdout)
    assert overall
    assert float(overall[1]) <= EXPOSURE_MAX


@needs_analyze
def test_every_point_that_remains_is_explained() -> None:
    """What systemd-analyze counts is named in a comment that begins with "Exposed:"."""
    listed = analyze("security", "--offline=true", UNIT).stdout
    counted = re.findall(r"^✗ (\S+?)[ =/].* [0-9.]+ *$", listed, re.MULTILINE)
    explained = " ".join(re.findall(r"^# Exposed: (?:.*\n)(?:#.*\n)*(?:[^#\n]+\n)*", UNIT.read_text(), re.MULTILINE))
    assert counted, listed
    assert [name for name in counted if name not in explained] == []


def test_it_has_one_capability_and_a_closed_list_of_devices() -> None:
    found = list(settings())
    assert [value for name, value in found if name == "CapabilityBoundingSet"] == ["CAP_SYS_ADMIN"]
    assert ("DevicePolicy", "closed") in found
    assert {value for name, value in found if name == "DeviceAllow"} == {
        "char-nvme* rw",
        "block-blkext r",
        "/dev/nvme-fabrics rw",
    }


def test_a_stop_waits_for_the_longest_commit() -> None:
    found = dict(settings())
    assert int(found["TimeoutStopSec"]) * 1000 > COMMIT_TIMEOUT_MS


def test_the_default_configuration_is_sound() -> None:
    loaded = config.parse((SYSTEMD / "nvmed.toml").read_text(), "nvmed.toml")
    assert [(unix.mode, unix.principal, unix.roles) for unix in loaded.listen.unix] == [
        ("0600", "admin", ("admin",)),
        ("0660", "local", ("viewer",)),
    ]


def test_what_the_default_configuration_suggests_is_sound() -> None:
    """With the hash taken from every commented setting, it still is a configuration."""
    text = re.sub(r"^# (?=\[|[a-z_]+ = )", "", (SYSTEMD / "nvmed.toml").read_text(), flags=re.MULTILINE)
    loaded = config.parse(text, "nvmed.toml")
    assert loaded.listen.tls
    assert loaded.policy.bindings
    assert loaded.metrics.address == "unix:/run/nvmed/metrics.sock"
