"""Where tests with many small synced files put them: their syncs cost nothing there."""

from __future__ import annotations

from pathlib import Path

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""For `tempfile`; None is its own choice."""
