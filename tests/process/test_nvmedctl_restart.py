"""A daemon that is killed in mid-stream and started again, as a client lives through it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from nvmedctl import Client, RetryPolicy

from nvmed.simulator.firmware_image import build_image
from nvmed.v1.firmware_pb2 import StageFirmwareRequest, StageFirmwareResponse
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest
from tests.rpc.cutting_proxy import CuttingProxy

KIB = 1024


class Daemon:
    """`nvmed --simulate 1` as a process."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "nvmed.sock"
        self._command = [sys.executable, "-m", "nvmed", "--simulate", "1", "--socket", str(self.socket)]
        self._command += ["--state-dir", str(folder / "state"), "--log-level", "error"]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once clients can connect."""
        self._process = await asyncio.create_subprocess_exec(*self._command, stderr=asyncio.subprocess.PIPE)
        assert self._process.stderr
        while b"serving on" not in (line := await self._process.stderr.readline()):
            assert line

    def kill(self) -> None:
        assert self._process
        self._process.kill()

    async def killed(self) -> None:
        assert self._process
        await self._process.communicate()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            self.kill()
            await self.killed()


async def test_a_log_survives_the_death_of_the_daemon(tmp_path: Path) -> None:
    """The token is not the process's, so the next daemon goes on where the killed one was."""
    daemon, dead = Daemon(tmp_path), asyncio.Event()

    def die() -> None:
        daemon.kill()
        dead.set()

    async def revive() -> None:
        await dead.wait()
        await daemon.killed()
        await daemon.start()

    request = StreamTelemetryRequest(controller="nvme0", source=TELEMETRY_SOURCE_HOST)
    async with daemon.running():
        async with Client(f"unix:{daemon.socket}") as client:
            whole = await client.save_telemetry(request, tmp_path / "whole")
        proxy = CuttingProxy(daemon.socket, [1024 * KIB], die)
        async with proxy.listening(tmp_path / "proxy.sock") as address, asyncio.TaskGroup() as group:
            group.create_task(revive())
            async with Client(address) as client:
                saved = await client.save_telemetry(request, tmp_path / "log")
    assert (saved.sha256, saved.restarts, saved.generation_number) == (whole.sha256, 0, whole.generation_number)
    assert saved.attempts > 1
    assert hashlib.sha256((tmp_path / "log").read_bytes()).digest() == whole.sha256


async def test_an_operation_is_waited_for_across_the_death_of_the_daemon(tmp_path: Path) -> None:
    """Who began it holds what it was then; the next daemon knows by its journal what became of it."""
    daemon = Daemon(tmp_path)
    address = f"unix:{daemon.socket}"
    image = tmp_path / "image"
    image.write_bytes(build_image("3.0.0", 64 * KIB))
    async with daemon.running(), Client(address) as client:
        uploaded = await client.upload_image(image)
        request = StageFirmwareRequest(controllers=["nvme0"], image=uploaded.image.name)
        begun = await client.firmware.StageFirmware(request)
        before = await client.result(begun, StageFirmwareResponse)
    assert not begun.done
    async with Client(address) as client, asyncio.TaskGroup() as group:
        waiting = group.create_task(client.result(begun, StageFirmwareResponse, retry=RetryPolicy(attempts=1000)))
        async with daemon.running():
            assert await waiting == before
