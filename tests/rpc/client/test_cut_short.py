"""Commands that are interrupted, against a real daemon: what goes on, and from where."""

from __future__ import annotations

import asyncio
import hashlib
import shlex
import signal
import sys
from pathlib import Path

import pytest
from nvmedctl import Client
from nvmedctl.cli.operations import follow
from nvmedctl.cli.session import Printer, Session
from nvmedctl.cli.settings import Settings
from nvmedctl.parts import part_of

from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.faults import Fault, Hang
from nvmed.v1 import telemetry_pb2
from tests.rpc.client.command_line import nvmedctl
from tests.rpc.firmware_calls import put, stage
from tests.rpc.harness import Daemon, StartDaemon, small_drive

pytestmark = pytest.mark.timeout(120)
"""Each command is a process of its own, and a machine may have much to do besides."""


async def started(daemon: Daemon, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", "--address", daemon.address, *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def interrupt(process: asyncio.subprocess.Process) -> list[str]:
    """The lines that a command says when it is interrupted."""
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    return err.decode().splitlines()


async def test_an_operation_goes_on_and_is_waited_for_again(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD))
    operation = await stage(daemon, "nvme0", image=await put(daemon))
    async with Client(daemon.address) as client:
        session = Session(client, Settings(), Printer("table"))
        waiting = asyncio.create_task(follow(session, operation))
        await asyncio.to_thread(hang.reached.wait)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    (left,) = session.left
    assert left.kept == f"{operation.name} goes on in the daemon, whatever becomes of this command"
    assert left.go_on == f"nvmedctl operations wait {operation.name}"
    hang.release()
    code, done, _ = await nvmedctl(daemon, *shlex.split(left.go_on)[1:])
    assert (code, done["done"]) == (0, True)


async def test_events_go_on_behind_the_last(daemon: Daemon) -> None:
    process = await started(daemon, "events", "watch", "--snapshot")
    assert process.stdout
    while not (await process.stdout.readline()).startswith(b"-- that is what there is"):
        pass
    kept, go_on = await interrupt(process)
    assert kept == "cut short: no event was shown"
    words = shlex.split(go_on.removeprefix("  to go on: nvmedctl "))
    assert words[:-1] == ["--address", daemon.address, "events", "watch", "--snapshot", "--resume"]
    watching = await started(daemon, *words[2:])
    assert watching.stdout
    daemon.host.unplug("nvme0")
    number = (await watching.stdout.readline()).split()[0].decode()
    kept, _ = await interrupt(watching)
    assert kept.startswith(f"cut short: event {number} was the last") or int(kept.split()[3]) > int(number)


def stop(done: int, total: int) -> None:
    """As an interrupt after the first bytes."""
    if done:
        raise asyncio.CancelledError


def wanted(area: int) -> telemetry_pb2.StreamTelemetryRequest:
    return telemetry_pb2.StreamTelemetryRequest(
        controller="nvme0", source="TELEMETRY_SOURCE_HOST", data_area=f"TELEMETRY_DATA_AREA_{area}"
    )


async def test_a_log_goes_on_from_what_is_kept_of_it_alone(daemon: Daemon, tmp_path: Path) -> None:
    """Not from what is kept of another area, nor from what somebody has changed."""
    file = tmp_path / "log.bin"
    async with Client(daemon.address) as client:
        create = wanted(2)
        create.create = True
        with pytest.raises(asyncio.CancelledError):
            await client.save_telemetry(create, file, progress=stop, keep=True)
        kept = part_of(file).read_bytes()
        log = await client.save_telemetry(wanted(2), file, keep=True)
        assert (log.attempts, log.restarts, part_of(file).exists()) == (1, 0, False)
        assert log.sha256 == hashlib.sha256(file.read_bytes()).digest()
        assert file.read_bytes().startswith(kept)
        assert kept

        with pytest.raises(asyncio.CancelledError):
            await client.save_telemetry(wanted(2), file, progress=stop, keep=True)
        log = await client.save_telemetry(wanted(1), file, keep=True)
        assert (log.restarts, log.size_bytes) == (1, len(file.read_bytes()))

        with pytest.raises(asyncio.CancelledError):
            await client.save_telemetry(wanted(2), file, progress=stop, keep=True)
        part_of(file).write_bytes(bytes(len(kept)))
        log = await client.save_telemetry(wanted(2), file, keep=True)
        assert (log.attempts, log.restarts) == (1, 0)
        assert file.read_bytes().startswith(kept)
    assert not part_of(file).exists()
