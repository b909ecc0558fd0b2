"""An engine of one's own: Temporal's development server, with its database in a file, as a child of this process.

One process at a time runs it (it holds a lock); others find it by what that one wrote down. If the engine dies it is
started again on the same port; if this process dies the engine does too, and the next command starts it again: all
that it knows is in the file.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.store import make_folder

HOST = "127.0.0.1"
ADDRESS_FILE = "engine.address"
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
RESTART_AFTER_S = 0.5


def binary(named: str = "") -> str:
    """The engine: the one that is named, else the one on PATH, else that of the extra `fleet-embedded`."""
    if named:
        if not os.access(named, os.X_OK):
            raise error(FleetReason.ENGINE_MISSING, f"{named} is no executable.")
        return named
    beside = Path(sys.executable).parent / "temporal"
    found = shutil.which("temporal") or (str(beside) if beside.exists() else "")
    if not found:
        raise error(FleetReason.ENGINE_MISSING)
    return found


@asynccontextmanager
async def running(folder: Path, named: str = "") -> AsyncIterator[tuple[str, bool]]:
    """The address of the engine whose state is in `folder`, and whether it is a child of ours."""
    lock = _lock(folder)
    try:
        if lock is None:
            yield await _address_of_another(folder), False
            return
        server = Server(binary(named), folder / "engine.db", folder / "engine.log", free_port())
        async with server.running():
            _announce(folder, server.address)
            try:
                yield server.address, True
            finally:
                _announce(folder, "")
    finally:
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """The right to run the engine in a folder, until it is closed; None if another process has it."""
    make_folder(folder)
    descriptor = os.open(folder / "engine.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    _announce(folder, "")
    return descriptor


def _announce(folder: Path, address: str) -> None:
    """Let others find the engine; "" for none."""
    known = folder / ADDRESS_FILE
    known.unlink(missing_ok=True)
    if address:
        temporary = known.with_suffix(".new")
        temporary.write_text(address)
        temporary.replace(known)


def _announced(folder: Path) -> str:
    known = folder / ADDRESS_FILE
    return known.read_text() if known.exists() else ""


async def _address_of_another(folder: Path) -> str:
    """Where the process that has the lock runs the engine; it may just be starting it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_WITHIN_S):
            while True:
                if address := _announced(folder):
                    return address
                await asyncio.sleep(0.1)
    raise error(FleetReason.ENGINE_UNAVAILABLE, f"Another process holds {folder} and starts no engine.")


class Server:
    """The server's process, which is started again whenever it ends by itself."""

    def __init__(self, path: str, database: Path, log: Path, port: int) -> None:
        self.address = f"{HOST}:{port}"
        self.process: asyncio.subprocess.Process | None = None
        self._log = log
        # With the death of this process the kernel ends the server: nobody else would.
        tied = [found, "--pdeathsig", "KILL", "--"] if (found := shutil.which("setpriv")) else []
        self._command = [*tied, path, "server", "start-dev", "--headless", "--ip", HOST, "--port", str(port)]
        self._command += ["--db-filename", str(database), "--log-level", "error"]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """It runs inside, and answers when the block begins."""
        await self._start()
        keeper = asyncio.create_task(self._keep())
        try:
            await self._answering()
            yield
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
            await self._stop()

    async def _start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def _keep(self) -> None:
        while self.process is not None:
            await self.process.wait()
            await asyncio.sleep(RESTART_AFTER_S)
            await self._start()

    async def _answering(self) -> None:
        host, _, port = self.address.rpartition(":")
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN_S):
                while True:
                    with suppress(OSError):
                        _, writer = await asyncio.open_connection(host, int(port))
                        writer.close()
                        return
                    await asyncio.sleep(0.05)
        raise error(FleetReason.ENGINE_UNAVAILABLE, f"The engine does not start; {self._log} has its last words.")

    async def _stop(self) -> None:
        process = self.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
