"""What a thread opens for a caller who is gone by then is closed all the same: descriptors are few."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.disk import threads
from nvmed.disk.files import disk_error
from nvmed.disk.threads import DiskThreads
from nvmed.errors import NvmedError
from nvmed.reasons import Reason
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.support.waiting import until


class Gate:
    """Holds up a thread until the test lets it go on."""

    def __init__(self) -> None:
        self.is_reached, self.is_open = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        self.is_reached.set()
        assert self.is_open.wait(10)


class SlowHost(SimulatedHost):
    """Opens slowly, and counts what is open."""

    def __init__(self) -> None:
        super().__init__([Subsystem(DriveSpec(serial="ONE"))])
        self.gate = Gate()
        self.opened = self.closed = 0

    def open(self, *arguments: Any) -> Any:
        self.gate.pass_through()
        transport = super().open(*arguments)
        self.opened += 1
        close = transport.close

        def counted() -> None:
            self.closed += 1
            close()

        transport.close = counted  # type: ignore[method-assign]
        return transport


@pytest.fixture
async def host() -> AsyncIterator[SlowHost]:
    made = SlowHost()
    yield made
    made.gate.is_open.set()


async def opened(host: SlowHost) -> Device:
    (device,) = await Inventory(host).controllers()
    return device


async def use(device: Device) -> None:
    async with device.open():
        await asyncio.Event().wait()


@pytest.mark.parametrize("is_open_first", [False, True])
async def test_a_node_that_is_opened_for_one_who_left(host: SlowHost, is_open_first: bool) -> None:
    device = await opened(host)
    caller = asyncio.create_task(use(device))
    await until(host.gate.is_reached.is_set)
    if is_open_first:
        host.gate.is_open.set()
        await until(lambda: host.opened == 1)
    caller.cancel()
    with suppress(asyncio.CancelledError):
        await caller
    host.gate.is_open.set()
    await until(lambda: (host.opened, host.closed) == (1, 1))
    device.lane.close()


async def test_a_node_that_is_opened_too_late(host: SlowHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.devices.lane.KERNEL_ADMIN_TIMEOUT_MS", 10)
    monkeypatch.setattr("nvmed.devices.inventory.LANE_GRACE_MS", 10)
    device = await opened(host)
    with pytest.raises(NvmedError, match="has not returned within"):
        await use(device)
    assert host.closed == 0
    host.gate.is_open.set()
    await until(lambda: (host.opened, host.closed) == (1, 1))
    device.lane.close()


async def test_a_file_that_is_opened_for_one_who_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, found = Gate(), []
    path = tmp_path / "file"
    path.write_bytes(b"some")

    def open_slowly(*arguments: Any) -> int:
        gate.pass_through()
        found.append(os.open(*arguments))
        return found[-1]

    monkeypatch.setattr(threads, "open_descriptor", open_slowly)
    disk = DiskThreads("test", lambda exc: disk_error(exc, tmp_path, Reason.SPOOL_FULL, "make room"))

    async def read() -> None:
        async with disk.opened(path):
            await asyncio.Event().wait()

    caller = asyncio.create_task(read())
    await until(gate.is_reached.is_set)
    caller.cancel()
    gate.is_open.set()
    with suppress(asyncio.CancelledError):
        await caller
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(found[0])
    disk.close()
