"""What of a log could not be read, and why: it is said, and the rest is read all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MOST: Final = 100
"""Problems that are kept; a hostile log has any number."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Where in the file something is that cannot be so, and what."""

    offset_bytes: int
    message: str


@dataclass(slots=True)
class Problems:
    """The first `MOST`, and how many more there were."""

    found: list[Problem] = field(default_factory=list)
    left_out: int = 0

    def add(self, offset_bytes: int, message: str) -> None:
        """Keep one, or count it; one that is met again is the same."""
        problem = Problem(offset_bytes, message)
        if problem in self.found:
            return
        if len(self.found) < MOST:
            self.found.append(problem)
        else:
            self.left_out += 1
