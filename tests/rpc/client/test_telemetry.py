"""Telemetry from a real daemon to a file, over connections that break: the file is the log, to the byte."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from nvmedctl import Client, RetryPolicy
from nvmedctl import TelemetryLog as Saved

from nvmed.errors import Unavailable
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.telemetry import TelemetryLog, read_data
from nvmed.simulator.faults import Call, Fail, Fault
from nvmed.simulator.spec import TelemetrySpec
from nvmed.v1 import telemetry_pb2 as pb
from nvmed.v1.common_pb2 import STREAM_DIGEST_NONE
from nvmed.v1.log_pb2 import ReadLogPageRequest
from tests.rpc.client.command_line import nvmedctl, shown
from tests.rpc.cutting_proxy import CuttingProxy
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive

QUICK = RetryPolicy(first_delay=0.01)
CUTS = (200 * KIB, 20 * KIB, 500 * KIB, 100 * KIB, 100 * KIB)
"""Bytes that each connection lives: more than one chunk, less than one, and so on."""

LOG_BYTES = 1536 * KIB + 512
LARGE = TelemetrySpec.of_sizes(256 * KIB, 256 * KIB, 1024 * KIB)


def socket_of(daemon: Daemon) -> Path:
    return Path(daemon.address.removeprefix("unix:"))


def on_drive(daemon: Daemon, log: TelemetryLog, size: int) -> bytes:
    """The log as the controller gives it, past the daemon, in pieces that every drive takes."""
    data = bytearray(size)
    for offset in range(0, size, 4 * KIB):
        piece = memoryview(data)[offset : offset + 4 * KIB]
        assert daemon.drive().execute(Queue.ADMIN, read_data(log, len(piece), offset), piece).status == 0
    return bytes(data)


def request(source: pb.TelemetrySource = pb.TELEMETRY_SOURCE_HOST, **fields: object) -> pb.StreamTelemetryRequest:
    return pb.StreamTelemetryRequest(controller="nvme0", source=source, chunk_bytes=64 * KIB, **fields)  # type: ignore[arg-type]


@pytest.fixture
async def large(start_daemon: StartDaemon) -> Daemon:
    """A server with one drive whose logs have 1.5 MiB."""
    return await start_daemon(small_drive(telemetry=LARGE))


async def save(address: str, path: Path, wanted: pb.StreamTelemetryRequest) -> Saved:
    async with Client(address) as client:
        return await client.save_telemetry(wanted, path, retry=QUICK)


@pytest.mark.parametrize("source", [pb.TELEMETRY_SOURCE_HOST, pb.TELEMETRY_SOURCE_CONTROLLER])
async def test_a_whole_log_arrives(large: Daemon, tmp_path: Path, source: pb.TelemetrySource) -> None:
    large.drive().capture_controller_telemetry()
    saved = await save(large.address, tmp_path / "log", request(source))
    expected = on_drive(
        large, TelemetryLog.HOST_INITIATED if source == 1 else TelemetryLog.CONTROLLER_INITIATED, LOG_BYTES
    )
    assert (tmp_path / "log").read_bytes() == expected
    assert (saved.size_bytes, saved.sha256) == (LOG_BYTES, hashlib.sha256(expected).digest())
    assert (saved.attempts, saved.async_event_retained) == (1, True)


async def test_a_log_without_a_digest_is_hashed_here(large: Daemon, tmp_path: Path) -> None:
    saved = await save(large.address, tmp_path / "log", request(digest=STREAM_DIGEST_NONE))
    assert saved.sha256 == hashlib.sha256((tmp_path / "log").read_bytes()).digest()
    page = ReadLogPageRequest(controller="nvme0", log_page=2, length_bytes=512, digest=STREAM_DIGEST_NONE)
    async with Client(large.address) as client:
        read = await client.save_log_page(page, tmp_path / "page")
    assert read.sha256 == hashlib.sha256((tmp_path / "page").read_bytes()).digest()


@pytest.mark.parametrize("transport", ["unix", "tcp"])
async def test_a_log_survives_a_connection_that_breaks(large: Daemon, tmp_path: Path, transport: str) -> None:
    proxy = CuttingProxy(socket_of(large), list(CUTS))
    async with proxy.listening(tmp_path / "proxy.sock" if transport == "unix" else None) as address:
        saved = await save(address, tmp_path / "log", request())
    assert (tmp_path / "log").read_bytes() == on_drive(large, TelemetryLog.HOST_INITIATED, LOG_BYTES)
    assert (saved.attempts, saved.restarts) == (len(CUTS) + 1, 0)
    assert proxy.connections >= saved.attempts


async def test_a_broken_connection_captures_no_second_time(large: Daemon, tmp_path: Path) -> None:
    proxy = CuttingProxy(socket_of(large), list(CUTS))
    async with proxy.listening() as address:
        saved = await save(address, tmp_path / "log", request(create=True))
    assert saved.generation_number == 2  # the drive came with generation 1
    assert (tmp_path / "log").read_bytes() == on_drive(large, TelemetryLog.HOST_INITIATED, LOG_BYTES)


async def test_a_log_replaced_meanwhile_is_read_from_its_beginning(large: Daemon, tmp_path: Path) -> None:
    """Somebody else creates a log while the connection is down: nothing of the old one may be in the file."""
    proxy = CuttingProxy(socket_of(large), [700 * KIB], lambda: large.drive().create_host_telemetry())
    async with proxy.listening() as address:
        saved = await save(address, tmp_path / "log", request())
    assert (saved.generation_number, saved.attempts, saved.restarts) == (2, 3, 1)
    assert (tmp_path / "log").read_bytes() == on_drive(large, TelemetryLog.HOST_INITIATED, LOG_BYTES)


async def test_a_log_replaced_while_it_streams_is_read_again(large: Daemon, tmp_path: Path) -> None:
    replace = Call(lambda drive, *_: drive.create_host_telemetry())
    large.drive().faults.add(Fault(replace, log_id=LogPage.TELEMETRY_HOST_INITIATED, skip=5))
    saved = await save(large.address, tmp_path / "log", request())
    assert (saved.generation_number, saved.restarts) == (2, 1)
    assert (tmp_path / "log").read_bytes() == on_drive(large, TelemetryLog.HOST_INITIATED, LOG_BYTES)


async def test_a_drive_that_is_gone_for_a_moment_is_read_on(large: Daemon, tmp_path: Path) -> None:
    large.drive().faults.add(Fault(Fail(errno.ENODEV), opcode=AdminOpcode.GET_LOG_PAGE, skip=9))
    saved = await save(large.address, tmp_path / "log", request())
    assert (saved.attempts, saved.restarts) == (2, 0)
    assert (tmp_path / "log").read_bytes() == on_drive(large, TelemetryLog.HOST_INITIATED, LOG_BYTES)


async def test_a_connection_that_stays_down_leaves_no_file(large: Daemon, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    proxy = CuttingProxy(socket_of(large), [200 * KIB, *[100] * 99])
    async with proxy.listening() as address:
        with pytest.raises(Unavailable) as raised:
            await save(address, folder / "log", request())
    assert raised.value.reason == "CONNECTION_FAILED"
    assert list(folder.iterdir()) == []


async def test_the_command_resumes_and_acknowledges(large: Daemon, tmp_path: Path) -> None:
    generation = large.drive().capture_controller_telemetry()
    expected = on_drive(large, TelemetryLog.CONTROLLER_INITIATED, LOG_BYTES)  # its header tells an acknowledged log
    proxy = CuttingProxy(socket_of(large), [1000 * KIB])
    async with proxy.listening() as address:
        save_to = ("telemetry", "save", "nvme0", "-f", str(tmp_path / "log"), "--source", "controller", "--ack")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nvmedctl", "--address", address, "--output", "json", *save_to,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    told = json.loads(out)
    assert (told["size_bytes"], told["generation_number"], told["acknowledged"]) == (LOG_BYTES, generation, True)
    assert (told["controller"], told["attempts"]) == ("controllers/nvmed1-1", 2)
    assert (tmp_path / "log").read_bytes() == expected
    async with Client(large.address) as client:
        asked = pb.GetTelemetryCapabilitiesRequest(controller="nvme0")
        now = await client.telemetry.GetTelemetryCapabilities(asked)
    assert not now.controller_log.available


async def test_an_ocp_drive_is_sampled(start_daemon: StartDaemon) -> None:
    ocp = replace(TelemetrySpec.of_sizes(16 * KIB), ocp=True)
    daemon = await start_daemon(small_drive(telemetry=ocp))
    before, now = [(await nvmedctl(daemon, "telemetry", "sample", "nvme0", *more))[1] for more in ((), ("--create",))]
    assert now["generation_number"] == before["generation_number"] + 1
    assert (now["controller"], now["problems"]) == ("controllers/nvmed1-1", [])
    read = {each["name"]: each["value"] for each in now["statistics"]}
    assert read["Composite Temperature"] == now["smart"]["composite_temperature"]
    lines = await shown(daemon, "telemetry", "sample", "nvme0", "--openmetrics")
    assert 'id="0x0052",nsid="",statistic="Power Cycles"} 1\n' in lines
    assert lines.endswith("# EOF\n")


async def test_samples_of_many_drives_are_one_exposition(start_daemon: StartDaemon) -> None:
    ocp = replace(TelemetrySpec.of_sizes(16 * KIB), ocp=True)
    daemon = await start_daemon(small_drive(telemetry=ocp), small_drive("OTHER", telemetry=ocp))
    lines = (await shown(daemon, "telemetry", "sample", "nvme0", "nvme1", "--openmetrics")).splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert [line.split()[1] for line in comments] == ["HELP", "TYPE", "EOF"]
    assert (lines[:2], lines[-1]) == (comments[:2], comments[2])
    assert {line.partition('controller="')[2].partition('"')[0] for line in lines[2:-1]} == {
        "controllers/nvmed1-1", "controllers/other-1",
    }  # fmt: skip


async def test_a_drive_that_is_none_of_ocps_is_not_sampled(large: Daemon) -> None:
    _, _, failure = await nvmedctl(large, "telemetry", "sample", "nvme0")
    assert failure["error"]["reason"] == "NVME_DATA_INVALID"
