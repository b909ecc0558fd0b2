"""sd_notify against a real datagram socket."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nvmed.linux import systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """A service manager's end, and the environment it gives."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@nvmed-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address.replace("@", "\0", 1) if request.param == "abstract" else address)
        receiver.settimeout(10)
        yield receiver, {"NOTIFY_SOCKET": address}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda env: systemd.ready(environ=env), b"READY=1"),
        (lambda env: systemd.ready("2 drives", environ=env), b"READY=1\nSTATUS=2 drives"),
        (lambda env: systemd.stopping("bye", environ=env), b"STOPPING=1\nSTATUS=bye"),
        (lambda env: systemd.status("one\nREADY=1", environ=env), b"STATUS=one READY=1"),
        (lambda env: systemd.alive(environ=env), b"WATCHDOG=1"),
    ],
)
def test_datagrams(
    manager: tuple[socket.socket, dict[str, str]], call: Callable[[dict[str, str]], bool], expected: bytes
) -> None:
    receiver, environ = manager
    assert call(environ)
    assert receiver.recv(4096) == expected


def test_reloading_carries_the_time(manager: tuple[socket.socket, dict[str, str]]) -> None:
    receiver, environ = manager
    before = time.monotonic_ns() // 1000
    assert systemd.reloading("again", environ=environ)
    first, stamp, text = receiver.recv(4096).decode().split("\n")
    assert (first, text) == ("RELOADING=1", "STATUS=again")
    assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_without_a_manager_nothing_is_sent() -> None:
    assert not systemd.ready(environ={})
    assert not systemd.notify("READY=1", environ={"NOTIFY_SOCKET": ""})


def test_addresses_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="neither a path nor"):
        systemd.ready(environ={"NOTIFY_SOCKET": "vsock:2:1234"})
    with pytest.raises(FileNotFoundError):
        systemd.ready(environ={"NOTIFY_SOCKET": str(tmp_path / "nobody")})


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
    ],
)
def test_watchdog(environ: dict[str, str], interval_s: float | None) -> None:
    assert systemd.watchdog_interval_s(environ) == interval_s


def test_credentials_directory() -> None:
    assert systemd.credentials_directory({"CREDENTIALS_DIRECTORY": "/run/credentials/nvmed.service"}) == Path(
        "/run/credentials/nvmed.service"
    )
    assert systemd.credentials_directory({}) is None
    assert systemd.credentials_directory({"CREDENTIALS_DIRECTORY": "relative"}) is None
