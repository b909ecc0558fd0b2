"""Values as text for a terminal."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def printable(text: str) -> str:
    """`text` without what would steer a terminal: names and messages come from drives and daemons, which may lie."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def size(count: int) -> str:
    """`count` bytes in the largest unit that leaves at least 1."""
    unit = max(0, min((count.bit_length() - 1) // 10, len(_UNITS) - 1))
    return f"{count / 1024**unit:.1f} {_UNITS[unit]}" if unit else f"{count} B"


def names(prefix: str, *labels: str) -> dict[str, str]:
    """The enum values that people call `labels`, by those labels: the reverse of `label`."""
    return {each: prefix + each.upper().replace("-", "_") for each in labels}


def label(name: str, prefix: str) -> str:
    """An enum value as people say it: STATE_LIVE of prefix STATE_ is `live`, an unspecified one `-`."""
    short = name.removeprefix(prefix).lower().replace("_", "-")
    return "-" if short == "unspecified" else short
