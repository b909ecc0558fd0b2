"""Values as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

SHORT_DIGITS: Final = 12

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def printable(text: str) -> str:
    """`text` without what would steer a terminal: names and messages come from drives and daemons, which may lie."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def size(count: int) -> str:
    """`count` bytes in the largest unit that leaves at least 1."""
    unit = max(0, min((count.bit_length() - 1) // 10, len(_UNITS) - 1))
    return f"{count / 1024**unit:.1f} {_UNITS[unit]}" if unit else f"{count} B"


def age(seconds: float) -> str:
    """A span of time in its largest unit: 3 s, 5 min, 2 h, 40 d."""
    for limit, length, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def ago(at: datetime | None) -> str:
    """How long ago a moment was, or how long it is until then; "" for none."""
    if at is None:
        return ""
    seconds = (now() - at).total_seconds()
    return f"{age(seconds)} ago" if seconds >= 0 else f"in {age(-seconds)}"


def moment(at: datetime | None) -> str:
    """A moment with its zone, to the second; "" for none."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def now() -> datetime:
    """The moment from which `ago` counts."""
    return datetime.now(UTC)


def quantity(name: str, value: int) -> str:
    """The number of a field in the unit that its name ends with, and for people where that says more."""
    for suffix, unit, said in _QUANTITIES:
        if name.endswith(suffix):
            more = said(value)
            return f"{value}{unit} ({more})" if more else f"{value}{unit}"
    return str(value)


_QUANTITIES: Final[tuple[tuple[str, str, Callable[[int], str]], ...]] = (
    ("_bytes", "", lambda value: size(value) if value >= 1024 else ""),
    ("data_units_read", "", lambda value: size(value * 512_000)),
    ("data_units_written", "", lambda value: size(value * 512_000)),
    ("_celsius", " °C", lambda _: ""),
    ("_percent", " %", lambda _: ""),
    ("_hours", " h", lambda value: age(value * 3600) if value >= 48 else ""),
    ("_minutes", " min", lambda value: age(value * 60) if value >= 120 else ""),
    ("_seconds", " s", lambda value: age(value) if value >= 120 else ""),
)
"""How the name of a field ends, the unit that this means, and what people make of the number."""


def names(prefix: str, *labels: str) -> dict[str, str]:
    """The enum values that people call `labels`, by those labels: the reverse of `label`."""
    return {each: prefix + each.upper().replace("-", "_") for each in labels}


def short(name: str) -> str:
    """The first twelve digits of a name's hash or id, enough to tell it from others and to type it."""
    return name.rpartition("/")[2][:SHORT_DIGITS]


def label(name: str, prefix: str) -> str:
    """An enum value as people say it: STATE_LIVE of prefix STATE_ is `live`, an unspecified one `-`."""
    short = name.removeprefix(prefix).lower().replace("_", "-")
    return "-" if short == "unspecified" else short
