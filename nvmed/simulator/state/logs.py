"""What the logs of a controller remember between commands."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class LogState:
    """A reset forgets it, but for the generation of the LBA Status Information log."""

    changed_namespaces: set[int] = field(default_factory=set)
    persistent_context: bytes | None = None
    lba_status_generation: int = 0

    def reset(self) -> None:
        self.changed_namespaces.clear()
        self.persistent_context = None
