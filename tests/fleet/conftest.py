"""What tests of the fleet have: an engine in memory-backed storage, ended whatever happens."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They start engines and many daemons: twenty seconds are not enough."""
    for item in items:
        if "tests/fleet" in str(item.path) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120))


@pytest.fixture
def place() -> Iterator[Path]:
    """A short folder in memory: an engine's database waits for every fsync, and a socket's path has 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-", dir=MEMORY if MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
