"""The host's identity: what is made of the machine id is what systemd makes of it."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from nvmed.linux import machine

MACHINE_ID = "3d1219c7c4c5404aaa1f6d2a48adfda4"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "nvme").mkdir()
    return tmp_path


def test_as_systemd_does_it() -> None:
    """`systemd-id128 -u --app-specific=c3b9a7e0-... machine-id` on a machine with this id."""
    found = machine.application_id(bytes.fromhex(MACHINE_ID))
    assert str(found) == "4a74472a-e463-4db5-a37f-a26570f78e5c"
    assert found.version == 4
    assert found.variant == uuid.RFC_4122


@pytest.mark.parametrize("text", ["", "uninitialized\n", "0" * 32, "ab" * 15, "ab" * 17, "\u00e4"])
def test_a_machine_id_that_is_none(etc: Path, text: str) -> None:
    assert machine.machine_id(etc) is None
    (etc / "machine-id").write_text(text)
    assert machine.machine_id(etc) is None


def test_what_etc_says(etc: Path) -> None:
    assert machine.host_nqn(etc) == ""
    (etc / "machine-id").write_text(f"{MACHINE_ID}\n")
    (etc / "nvme/hostnqn").write_text("nqn.2014-08.org.nvmexpress:uuid:1 \n# more\n")
    assert machine.machine_id(etc) == bytes.fromhex(MACHINE_ID)
    assert machine.host_nqn(etc) == "nqn.2014-08.org.nvmexpress:uuid:1"
