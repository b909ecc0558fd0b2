"""A daemon that is told to read its configuration again: all of it, or nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from nvmed.v1.admin_pb2 import GetPolicyRequest, ListAuditRecordsRequest, Policy
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from tests.process.conftest import DaemonProcess, StartProcess

BEFORE = """
[[policy.bindings]]
principals = ["dns:before.example.org"]
roles = ["viewer"]
"""
AFTER = BEFORE.replace("before", "after")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "nvmed.toml"
    path.write_text(BEFORE)
    return path


@pytest.fixture
def daemon(start_process: StartProcess, file: Path) -> DaemonProcess:
    return start_process("--simulate", "1", "--config", str(file))


def policy(daemon: DaemonProcess) -> Policy:
    with grpc.insecure_channel(daemon.address) as channel:
        return AdminServiceStub(channel).GetPolicy(GetPolicyRequest())


def bound(daemon: DaemonProcess) -> str:
    """Whom the binding of the file is for."""
    return policy(daemon).bindings[-1].principals[0]


def events(daemon: DaemonProcess) -> list[int]:
    with grpc.insecure_channel(daemon.address) as channel:
        found = AdminServiceStub(channel).ListAuditRecords(ListAuditRecordsRequest())
    return [record.event for record in found.audit_records]


def reload(daemon: DaemonProcess) -> tuple[int, str]:
    """What `nvmed reload` exits with and says."""
    command = [sys.executable, "-m", "nvmed", "reload", str(daemon.process.pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_new_policy_is_in_force_when_the_command_ends(daemon: DaemonProcess, file: Path) -> None:
    etag = policy(daemon).etag
    file.write_text(AFTER)
    assert bound(daemon) == "dns:before.example.org"
    assert reload(daemon) == (0, "")
    assert bound(daemon) == "dns:after.example.org"
    assert policy(daemon).etag != etag


WRONG = (
    (AFTER + "nonsense", "TOML"),
    (AFTER.replace("viewer", "vieweress"), "no role"),
    (AFTER + '[firmware]\nrules = "RULES"\n', "rules"),
    (AFTER + '[policy]\npassthru_rules = "RULES"\n', "passthrough rules"),
    (AFTER + '[audit]\ndirectory = "/elsewhere"\n', "audit.directory: has changed, which takes a restart"),
    (AFTER + '[listen.insecure_loopback]\naddress = "127.0.0.1:1"\n', "takes a restart"),
)


def test_what_is_wrong_is_refused_whole(daemon: DaemonProcess, file: Path) -> None:
    rules = file.with_name("rules.toml")
    rules.write_text("nonsense")
    for text, why in WRONG:
        file.write_text(text.replace("RULES", str(rules)))
        code, said = reload(daemon)
        assert (code, why in said) == (1, True), said
        assert bound(daemon) == "dns:before.example.org"
    assert "reload_refused" in daemon.log.read_text()
    file.write_text(AFTER)
    assert reload(daemon) == (0, "")
    assert bound(daemon) == "dns:after.example.org"
    assert events(daemon)[: len(WRONG) + 1] == [8, *[9] * len(WRONG)]  # RELOADED, and RELOAD_REFUSED before it


def test_the_level_of_the_log_is_reloaded(start_process: StartProcess, file: Path) -> None:
    file.write_text('log_level = "error"\n' + BEFORE)
    daemon = start_process("--simulate", "1", "--config", str(file))
    policy(daemon)
    assert '"event": "call"' not in daemon.log.read_text()
    file.write_text('log_level = "info"\n' + BEFORE)
    assert reload(daemon) == (0, "")
    policy(daemon)
    assert '"event": "call"' in daemon.log.read_text()


@contextlib.contextmanager
def manager(folder: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """A service manager's end, and the environment it gives."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(folder / "notify"))
        receiver.settimeout(30)
        yield receiver, {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}


def heard(receiver: socket.socket, first: bytes) -> bytes:
    """The next message that begins so."""
    while not (message := receiver.recv(4096)).startswith(first):
        pass
    return message


def test_sighup_reloads_and_systemd_is_told(start_process: StartProcess, file: Path, tmp_path: Path) -> None:
    with manager(tmp_path) as (receiver, environ):
        daemon = start_process("--simulate", "1", "--config", str(file), environ=environ)
        heard(receiver, b"READY=1")
        file.write_text(AFTER)
        daemon.process.send_signal(signal.SIGHUP)
        assert b"MONOTONIC_USEC=" in heard(receiver, b"RELOADING=1")
        assert b"STATUS=reloaded" in heard(receiver, b"READY=1")
        assert bound(daemon) == "dns:after.example.org"
        file.write_text("nonsense")
        daemon.process.send_signal(signal.SIGHUP)
        heard(receiver, b"RELOADING=1")
        assert b"STATUS=goes on as before: the reload was refused" in heard(receiver, b"READY=1")
        assert bound(daemon) == "dns:after.example.org"


def test_nobody_else_is_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nvmed", "reload", str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as impostor:
        impostor.bind("\0nvmed/reload/1")
        impostor.listen()
        done = subprocess.run([*command[:-1], "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "does not listen itself" in done.stderr
