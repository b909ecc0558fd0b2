"""Whoever watches events lives through the death of the daemon, and is told that events are missing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.process.conftest import DaemonProcess, StartProcess


@contextmanager
def watch(daemon: DaemonProcess, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "nvmedctl", "--address", daemon.address, "--output", "json", "events", "watch"]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def parts(process: subprocess.Popen[str], count: int) -> list[str]:
    """What the next `count` lines are: `snapshot_end`, `dropped`, or the kind of an event."""
    assert process.stdout is not None
    found = []
    for _ in range(count):
        message: dict[str, Any] = json.loads(process.stdout.readline())
        event = message.get("event")
        found.append(event["kind"].removeprefix("EVENT_KIND_") if event else next(iter(message)))
    return found


SNAPSHOT = ["CONTROLLER_ADDED", "NAMESPACE_ADDED", "snapshot_end"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_watch_goes_on_with_the_next_daemon(start_process: StartProcess, how: signal.Signals) -> None:
    daemon = start_process("--simulate", "1")
    with watch(daemon, "--snapshot") as process:
        assert parts(process, 3) == SNAPSHOT
        daemon.process.send_signal(how)
        assert daemon.process.wait() in (0, -how)
        start_process("--simulate", "1")
        assert parts(process, 4) == ["dropped", *SNAPSHOT]


@pytest.mark.timeout(120)
def test_a_daemon_that_is_asked_to_stop_waits_for_no_watcher(start_process: StartProcess) -> None:
    daemon = start_process("--simulate", "1")
    with watch(daemon, "--snapshot", "--kind", "key-expiring") as process:
        assert parts(process, 3) == SNAPSHOT
        daemon.process.terminate()
        assert daemon.process.wait(60) == 0
        assert "SHUTTING_DOWN" in daemon.log.read_text(), "the stream was ended, not cut"
