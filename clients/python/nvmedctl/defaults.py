"""Where a daemon is looked for that nobody names."""

from __future__ import annotations

from pathlib import Path

ENVIRONMENT = "NVMED_ADDRESS"
"""Environment variable that gives the address where the caller does not."""

DEFAULT_SOCKETS = (Path("/run/nvmed/nvmed.sock"), Path("/run/nvmed/admin.sock"))
"""Tried in this order: the first one that the caller may use."""
