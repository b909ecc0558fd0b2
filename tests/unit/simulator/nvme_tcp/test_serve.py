"""The target as a process: drives from a file, and how it begins and ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from nvmed.errors import InvalidArgument
from nvmed.simulator.nvme_tcp import load_drives, serve
from nvmed.simulator.spec import Activation, DriveSpec, NamespaceSpec, TelemetrySpec
from tests.unit.simulator.nvme_tcp.initiator import Initiator


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_a_signal(number: signal.Signals) -> None:
    ready: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
    specs = [DriveSpec(nqn="nqn.2014-08.org.example:served")]
    serving = asyncio.create_task(serve("127.0.0.1", 0, specs, ready.set_result, paths=2))
    one, two = await ready
    assert one.startswith("127.0.0.1:")
    for address in (one, two):
        async with Initiator(int(address.rpartition(":")[2])) as initiator:
            await initiator.connect_admin(specs[0].nqn)
    os.kill(os.getpid(), number)
    await serving


async def test_it_makes_up_drives() -> None:
    ready: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve("127.0.0.1", 0, 3, ready.set_result))
    await ready
    os.kill(os.getpid(), signal.SIGTERM)
    await serving


def test_drives_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "drives.toml"
    path.write_text(
        """
        [[drives]]
        serial = "A"
        controllers = 2
        namespaces = [{ size_bytes = 1048576, controllers = [1] }]
        telemetry = { last_blocks = [1, 2, 3, 4], host_log_present = true }
        firmware = { slots = ["1.0", "2.0"], activation = "subsystem" }
        [[drives]]
        serial = "B"
        """
    )
    first, second = load_drives(path)
    assert (first.serial, first.controllers) == ("A", 2)
    assert first.namespaces == (NamespaceSpec(1 << 20, controllers=(1,)),)
    assert first.telemetry == TelemetrySpec((1, 2, 3, 4), host_log_present=True)
    assert first.firmware.activation is Activation.SUBSYSTEM_RESET
    assert second == DriveSpec(serial="B")


@pytest.mark.parametrize(
    "text",
    [
        "drives = 3",
        "[[drives]]\nserial = 1",
        "[[drives",
        "",
        "[[drives]]\nmdts = 'x'",
        "[[drives]]\nserail = 'A'",
        "[[drives]]\nnamespaces = [{ size = 1 }]",
        "[[drive]]",
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "drives.toml"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=r"drives\.toml"):
        load_drives(path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "drives.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidArgument, match=r"drives\.toml"):
        load_drives(path)
