"""How the host is powered, by files as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvmed.linux.power import on_battery


@pytest.mark.parametrize(
    ("supplies", "verdict"),
    [
        ({}, None),
        ({"AC": ("Mains", "1"), "BAT0": ("Battery", "")}, False),
        ({"AC": ("Mains", "0"), "BAT0": ("Battery", "")}, True),
        ({"PSU1": ("Mains", "0"), "PSU2": ("Mains", "1")}, False),
        ({"usb-c": ("USB", "1"), "AC": ("Mains", "0")}, False),
        ({"BAT0": ("Battery", "")}, None),
        ({"AC": ("Mains", "")}, None),
    ],
)
def test_power(tmp_path: Path, supplies: dict[str, tuple[str, str]], verdict: bool | None) -> None:
    for name, (kind, online) in supplies.items():
        folder = tmp_path / "class/power_supply" / name
        folder.mkdir(parents=True)
        (folder / "type").write_text(f"{kind}\n")
        if online:
            (folder / "online").write_text(f"{online}\n")
    assert on_battery(tmp_path) is verdict
