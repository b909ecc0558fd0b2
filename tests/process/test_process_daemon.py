"""The daemon as a process: it starts, says so, survives what a start meets, and stops in order."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from nvmed.v1.telemetry_pb2 import TELEMETRY_DATA_AREA_3, TELEMETRY_SOURCE_HOST, StreamTelemetryRequest
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub
from tests.process.conftest import StartProcess


def server_version(address: str) -> str:
    with grpc.insecure_channel(address) as channel:
        return AdminServiceStub(channel).GetServerInfo(GetServerInfoRequest(), wait_for_ready=True).version


def test_it_serves_and_stops_when_told(start_process: StartProcess) -> None:
    daemon = start_process("--simulate", "1")
    assert server_version(daemon.address)
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait() == 0
    assert not daemon.socket.exists()


def test_simulated_drives_alone_have_a_state_of_their_own(tmp_path: Path) -> None:
    """Nothing of this host's daemon is touched, and nothing is left."""
    command = [sys.executable, "-m", "nvmed", "--simulate", "1", "--log-level", "error"]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
        try:
            assert process.stderr
            serving = next(line for line in process.stderr if line.startswith("nvmed: "))
            (directory,) = tmp_path.iterdir()
            address = f"unix:{directory}/admin.sock"
            assert serving == f"nvmed: serving on {address}\n"
            assert process.stderr.readline() == f"export NVMED_ADDRESS={address}\n"
            assert server_version(address)
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        finally:
            process.terminate()
    assert process.returncode == 0
    assert [*tmp_path.iterdir()] == []


def test_a_stream_in_progress_is_ended_by_a_stop(start_process: StartProcess) -> None:
    daemon = start_process("--simulate", "1")
    with grpc.insecure_channel(daemon.address) as channel:
        request = StreamTelemetryRequest(
            controller="nvme0",
            source=TELEMETRY_SOURCE_HOST,
            data_area=TELEMETRY_DATA_AREA_3,
            create=True,
            chunk_bytes=4096,
            window=1,
        )
        parts = TelemetryServiceStub(channel).StreamTelemetry(request)
        assert next(parts).WhichOneof("part") == "header"
        daemon.process.send_signal(signal.SIGTERM)
        kinds = []
        with contextlib.suppress(grpc.RpcError):  # or it was done before the grace was over
            kinds += [part.WhichOneof("part") for part in parts]
    assert "header" not in kinds
    assert daemon.process.wait() == 0


def test_a_killed_daemon_leaves_nothing_that_stops_the_next(start_process: StartProcess) -> None:
    first = start_process("--simulate", "1")
    first.process.kill()
    first.process.wait()
    assert first.socket.exists()
    second = start_process("--simulate", "1")
    assert server_version(second.address)


def contents(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_second_daemon_on_the_same_state_is_told_whose_it_is_and_changes_nothing(
    start_process: StartProcess, tmp_path: Path
) -> None:
    first = start_process("--simulate", "1")
    state = tmp_path / "state"
    with contextlib.closing(sqlite3.connect(state / "journal.sqlite", isolation_level=None)) as journal:
        journal.execute(
            "INSERT INTO operations (id, kind, target, principal, request_id, digest, parameters, state, phase,"
            " created_ms, updated_ms, parent) VALUES ('a', 'nvmed.v1.NamespaceService/FormatNamespace',"
            " 'controllers/a', 'unix:admin', '', x'00', '{}', 'RUNNING', 'format', 1, 1, '')"
        )
        before = contents(state)
        second = start_process("--simulate", "1", socket="second.sock")
        assert second.process.wait() == 1
        assert f"runs as process {first.process.pid}" in second.log.read_text()
        assert "Traceback" not in second.log.read_text()
        assert contents(state) == before
    assert server_version(first.address)


def test_a_second_daemon_on_the_same_socket_leaves_the_first_alone(start_process: StartProcess, tmp_path: Path) -> None:
    first = start_process("--simulate", "1")
    second = start_process("--simulate", "1", "--state-dir", str(tmp_path / "another"))
    assert second.process.wait() == 1
    assert "another daemon serves" in second.log.read_text()
    assert server_version(first.address)


def test_it_replaces_no_file_by_its_socket(start_process: StartProcess, tmp_path: Path) -> None:
    precious = tmp_path / "d.sock"
    precious.write_text("precious")
    refused = start_process("--simulate", "1")
    assert refused.process.wait() == 1
    assert precious.read_text() == "precious"
    assert "no socket" in refused.log.read_text()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.0.2.1:0", "example.com:0", "[::]:0", "nonsense"])
def test_plain_tcp_is_for_loopback_alone(start_process: StartProcess, address: str) -> None:
    refused = start_process("--simulate", "1", "--insecure-tcp", address)
    assert refused.process.wait() == 2
    assert "loopback" in refused.log.read_text()


def test_plain_tcp_on_loopback_where_asked(start_process: StartProcess) -> None:
    daemon = start_process("--simulate", "1", "--insecure-tcp", "127.0.0.1:0")
    serving = next(line for line in daemon.log.read_text().splitlines() if line.startswith("nvmed: serving on"))
    assert server_version(serving.rpartition(" ")[2])


def test_it_tells_systemd_when_it_is_ready(start_process: StartProcess, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(10)
        daemon = start_process("--simulate", "1", environ={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert b"READY=1" in notify.recv(4096)
        daemon.process.send_signal(signal.SIGTERM)
        while b"STOPPING=1" not in notify.recv(4096):
            pass
    assert daemon.process.wait() == 0


def test_a_host_without_drives_is_served(start_process: StartProcess, tmp_path: Path) -> None:
    (tmp_path / "sys/class").mkdir(parents=True)
    daemon = start_process("--sysfs-root", str(tmp_path / "sys"), "--dev-root", str(tmp_path))
    assert server_version(daemon.address)
