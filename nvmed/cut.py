"""Texts that are somebody else's, no longer than there is room for."""

from __future__ import annotations


def cut(text: str, bytes_max: int) -> str:
    """`text` in at most `bytes_max` bytes of UTF-8; what is cut says of how many it was."""
    if len(text) <= bytes_max // 4:
        return text
    data = text.encode(errors="replace")
    if len(data) <= bytes_max:
        return text
    said = f"... ({len(data)} bytes)"
    return data[: max(0, bytes_max - len(said))].decode(errors="ignore") + said
