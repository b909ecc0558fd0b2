"""Matching patterns in time that grows with the text alone: pattern and text may both be of somebody who means harm.

A regular expression tries every way to share a text out among the stars. Here all ways go through the text together,
as one state each, and what a state and a character lead to is remembered.
"""

from __future__ import annotations

from typing import Final

STATES_MAX: Final = 4096
"""Steps that a pattern remembers; beyond that it begins anew."""


class Glob:
    """A pattern: `**` is anything, `*` anything without `separator`, everything else itself."""

    __slots__ = ("_anything", "_parts", "_steps", "separator", "text")

    def __init__(self, text: str, separator: str) -> None:
        self.text = text
        self.separator = separator
        self._parts = _parts(text)
        self._anything = self._parts == ("**",)
        self._steps: dict[tuple[int, str], int] = {}

    def __repr__(self) -> str:
        return f"Glob({self.text!r})"

    def fullmatch(self, text: str) -> bool:
        """Whether all of `text` matches."""
        if self._anything:
            return True
        states = self._closed(1)
        for character in text:
            following = self._steps.get((states, character))
            if following is None:
                following = self._step(states, character)
            states = following
            if not states:
                return False
        return bool(states >> len(self._parts) & 1)

    def _step(self, states: int, character: str) -> int:
        """Where `states`, a bit for each part that may come next, are after `character`."""
        following = 0
        for index, part in enumerate(self._parts):
            if not states >> index & 1:
                continue
            if part == "**" or (part == "*" and character != self.separator):
                following |= 1 << index
            elif part == character:
                following |= 2 << index
        if len(self._steps) >= STATES_MAX:
            self._steps.clear()
        following = self._steps[states, character] = self._closed(following)
        return following

    def _closed(self, states: int) -> int:
        """`states`, and those after a star that stands for nothing."""
        for index, part in enumerate(self._parts):
            if part.startswith("*") and states >> index & 1:
                states |= 2 << index
        return states


def _parts(text: str) -> tuple[str, ...]:
    """Characters, and the stars between them: two or more are one `**`."""
    parts: list[str] = []
    for character in text:
        if character == "*" and parts and parts[-1].startswith("*"):
            parts[-1] = "**"
        else:
            parts.append(character)
    return tuple(parts)
