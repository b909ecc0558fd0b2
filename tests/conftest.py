"""What every test has: how hypothesis looks for examples."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from nvmed import grpc_environment

os.environ["XDG_CONFIG_HOME"] = "/nonexistent"  # no context of who runs the tests
grpc_environment.prepare()  # before anything imports grpc, as the daemon does
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it for what it runs beside itself
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: a slow machine is no error. In CI, examples are the same every time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "500")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "default")

KEYS_IN_PATH = ("key", "rotation", "leak")
"""What the path or the name of a test has that puts keys into keyrings."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what puts keys into keyrings, which all processes of a user share: CI runs it in one process."""
    for item in items:
        if any(word in item.nodeid.lower() for word in KEYS_IN_PATH):
            item.add_marker(pytest.mark.keyrings)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once which test failed: a run that is ended from outside has no summary."""
    if report.failed:
        sys.stderr.write(f"\nFAILED {report.nodeid}\n{report.longreprtext[-2000:]}\n")


KEY_USERS = Path("/proc/key-users")
KEYS_GONE_WITHIN_S = 10.0


def keys_left() -> bool:
    """Whether keys take more of this user's quota than its sessions do: `1000: 2 2/2 2/200 28/20000` says that it has 2
    of 200 keys with 28 of 20000 bytes.
    """
    rows = (line.split() for line in KEY_USERS.read_text().splitlines())
    row = next((row for row in rows if row[0] == f"{os.getuid()}:"), ["0/0"] * 2)
    count, size = (int(cell.partition("/")[0]) for cell in row[-2:])
    return count > 20 or size > 5000


@pytest.fixture(autouse=True)
def room_for_keys() -> None:
    """Begin when the keys of the tests before are gone, if there were any.

    An ordinary user's quota is small, and the kernel takes keys away some time after the thread that held them.
    """
    deadline = time.monotonic() + KEYS_GONE_WITHIN_S
    while os.getuid() and KEY_USERS.exists() and keys_left() and time.monotonic() < deadline:
        time.sleep(0.01)
