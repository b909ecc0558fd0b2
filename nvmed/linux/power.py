"""How the host is powered, by the kernel's power supply class (Documentation/ABI/testing/sysfs-class-power)."""

from __future__ import annotations

from pathlib import Path

from nvmed.files import read_regular

_TEXT_BYTES_MAX = 64


def on_battery(sysfs_root: Path) -> bool | None:
    """Whether every supply from mains is off line; None where none is shown."""
    try:
        supplies = [*(sysfs_root / "class/power_supply").iterdir()]
    except OSError:
        return None
    online = [_text(supply / "online") for supply in supplies if _text(supply / "type") in ("Mains", "USB")]
    known = [value != "0" for value in online if value]
    return not any(known) if known else None


def _text(path: Path) -> str:
    try:
        return read_regular(path, _TEXT_BYTES_MAX).decode("ascii", "replace").strip()
    except (OSError, ValueError):
        return ""
