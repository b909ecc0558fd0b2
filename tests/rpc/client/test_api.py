"""nvmedctl api against a real daemon: every shape of call, with messages as JSON."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import signal
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.rpc.client.command_line import nvmedctl, run
from tests.rpc.harness import Daemon, StartDaemon, small_drive

pytestmark = pytest.mark.timeout(120)
"""Each command is a process of its own, and a machine may have much to do besides."""

IMAGE = bytes(8192)


@pytest.fixture
async def drive(start_daemon: StartDaemon) -> Daemon:
    return await start_daemon(small_drive())


def lines(*messages: dict[str, Any]) -> bytes:
    return "".join(json.dumps(message) + "\n" for message in messages).encode()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


HEADER = {"header": {"sha256": encoded(hashlib.sha256(IMAGE).digest()), "size_bytes": len(IMAGE)}}
CHUNK = {"chunk": {"offset": 0, "crc32": zlib.crc32(IMAGE), "data": encoded(IMAGE)}}


async def test_a_method_is_called_by_the_end_of_its_name(drive: Daemon) -> None:
    code, found, _ = await nvmedctl(drive, "api", "ListControllers")
    assert (code, [one["device_node"] for one in found["controllers"]]) == (0, ["nvme0"])
    code, found, _ = await nvmedctl(drive, "api", "InventoryService/GetController", "--data", '{"name": "nvme0"}')
    assert (code, found["device_node"]) == (0, "nvme0")
    code, found, _ = await nvmedctl(drive, "api", "ListOperations", "-f", "-", stdin=b"")
    assert (code, found["operations"]) == (0, [])


async def test_a_stream_is_a_message_a_line(drive: Daemon) -> None:
    request = {"controller": "nvme0", "source": "TELEMETRY_SOURCE_HOST", "create": True}
    code, out, _ = await run(drive, "api", "StreamTelemetry", "--data", json.dumps(request))
    header, *chunks, trailer = map(json.loads, out.splitlines())
    data = b"".join(base64.b64decode(each["chunk"]["data"]) for each in chunks)
    assert code == 0
    assert header["header"]["total_bytes"] == trailer["trailer"]["total_bytes"] == str(len(data))
    assert trailer["trailer"]["sha256"] == encoded(hashlib.sha256(data).digest())


async def test_what_is_sent_is_a_message_a_line(drive: Daemon, tmp_path: Path) -> None:
    code, out, _ = await run(drive, "api", "UploadImage", "-f", "-", stdin=lines(HEADER, CHUNK, {"finish": {}}))
    assert code == 0
    assert [[*json.loads(line)] for line in out.splitlines()] == [["ready"], ["image"]]
    (tmp_path / "down").write_bytes(lines({"header": {"controller": "nvme0", "size_bytes": len(IMAGE)}}, CHUNK))
    code, found, _ = await nvmedctl(drive, "api", "DownloadFirmware", "-f", str(tmp_path / "down"))
    assert (code, found["size_bytes"]) == (0, str(len(IMAGE)))


async def test_errors_are_as_everywhere(drive: Daemon) -> None:
    code, _, failed = await nvmedctl(drive, "api", "GetController", "--data", '{"name": "controllers/x"}')
    assert (code, failed["error"]["reason"]) == (3, "CONTROLLER_NOT_FOUND")
    code, _, failed = await nvmedctl(drive, "api", "UploadImage", "-f", "-", stdin=lines(CHUNK))
    assert (code, failed["error"]["metadata"]["field"]) == (2, "header")
    code, _, failed = await nvmedctl(drive, "api", "ListControllers", "-f", "/nonexistent/x")
    assert (code, failed["error"]["reason"]) == (1, "LOCAL_FILE")


async def test_a_wrong_line_ends_a_stream_with_what_is_wrong(drive: Daemon) -> None:
    code, _, failed = await nvmedctl(drive, "api", "UploadImage", "-f", "-", stdin=lines(HEADER, {"chunks": {}}))
    assert (code, failed["error"]["reason"]) == (2, "INVALID_FIELD")
    assert failed["error"]["message"].startswith("-, line 2: nvmed.v1.UploadImageRequest has no field chunks")


async def test_an_interrupt_does_not_wait_for_who_types(drive: Daemon) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", "--address", drive.address, "api", "UploadImage", "-f", "-",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    process.stdin.write(lines(HEADER))
    assert json.loads(await process.stdout.readline())["ready"]["committed_bytes"] == "0"
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 130
