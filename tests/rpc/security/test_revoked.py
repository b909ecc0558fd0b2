"""A reload that takes a role away ends the calls that run, whatever their shape; a stream is checked to its end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from nvmed.audit_chain import decode, newest_first
from nvmed.config import Binding, Config, HostConfig, Listen, Policy, UnixListener
from nvmed.daemon import opened
from nvmed.reload import Reloader, Served
from nvmed.simulator.faults import Fault, Hang
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import common_pb2, event_pb2, log_pb2
from nvmed.v1 import firmware_pb2 as firmware
from tests.rpc.harness import reason_of, small_drive

SIZE: Final = 8 * 1024 * 1024
GIVEN: Final = Policy(bindings=(Binding(principals=("unix:caller",), roles=("admin",)),))
TAKEN: Final = Policy(bindings=(Binding(principals=("unix:other",), roles=("admin",)),))
UPLOAD: Final = firmware.UploadImageRequest(
    header=firmware.UploadHeader(sha256=hashlib.sha256(b"").digest(), size_bytes=SIZE)
)
DOWNLOAD: Final = firmware.DownloadFirmwareRequest(header=firmware.DownloadHeader(controller="nvme0", size_bytes=SIZE))
TOO_LARGE: Final = common_pb2.Chunk(data=bytes(1024 * 1024 + 4))

Call = Any


class Running:
    """A daemon, one caller's channel, and what a reload reads."""

    def __init__(self, served: Served, channel: grpc.aio.Channel, drive: Any) -> None:
        self.served, self.channel, self.drive = served, channel, drive
        self.configured = served.configured
        self.reloader = Reloader(served, lambda: self.configured)

    def begin(self, kind: str, method: str, *requests: Message, more: bool = False) -> Call:
        """Begin a call of this shape; with `more`, its requests never end."""

        async def sent() -> AsyncIterator[bytes]:
            for request in requests:
                yield request.SerializeToString()
            if more:
                await asyncio.Event().wait()

        given: Any = sent() if kind.startswith("stream") else requests[0].SerializeToString()
        return getattr(self.channel, kind)(f"/nvmed.v1.{method}")(given)

    async def inside(self) -> None:
        """Wait until a call was let in."""
        inside = self.served.components.admission._inside
        while not any(call._call and call._call.resources for call in inside):  # noqa: ASYNC110  # tells nobody
            await asyncio.sleep(0)

    async def take_away(self) -> None:
        """Reload a policy without the caller."""
        self.configured = Config(**{**_fields(self.configured), "policy": TAKEN})
        await self.reloader.reload()

    async def denials(self) -> list[str]:
        """Methods of the denials in the audit."""
        audit = self.served.components.admission.audit
        await audit.flush()
        lines = await asyncio.to_thread(lambda: [decode(line).fields for _, line in newest_first(audit.directory)])
        return [str(line["method"]).rpartition("/")[2] for line in lines if line["event"] == "denial"]


def _fields(configured: Config) -> dict[str, Any]:
    return {name: getattr(configured, name) for name in configured.__struct_fields__}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    socket = UnixListener(path=str(tmp_path / "caller.sock"), principal="caller")
    configured = Config(
        state_dir=str(tmp_path / "state"), host=HostConfig(simulate=1), listen=Listen(unix=(socket,)), policy=GIVEN
    )
    host = SimulatedHost([Subsystem(small_drive())])
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(opened(host, configured, "test"))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(served.addresses[0]))
        found = Running(served, channel, host.controller("nvme0"))
        stack.callback(found.reloader.close)
        yield found


@pytest.mark.parametrize(
    ("kind", "method", "asked", "more"),
    [
        ("unary_unary", "LogService/GetSmartLog", log_pb2.GetSmartLogRequest(controller="nvme0"), False),
        ("unary_stream", "EventService/WatchEvents", event_pb2.WatchEventsRequest(), False),
        ("stream_unary", "FirmwareService/DownloadFirmware", DOWNLOAD, True),
        ("stream_stream", "FirmwareService/UploadImage", UPLOAD, True),
    ],
    ids=["unary", "server stream", "client stream", "both"],
)
async def test_a_running_call_is_ended(running: Running, kind: str, method: str, asked: Message, more: bool) -> None:
    hang = Hang()
    running.drive.faults.add(Fault(hang, log_id=0x02))
    call = running.begin(kind, method, asked, more=more)
    await running.inside()
    if kind.endswith("stream"):
        assert await call.read()
    assert not call.done()
    await running.take_away()
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await (call.read() if kind.endswith("stream") else call)
    assert reason_of(ended.value) == "POLICY_DENIED"
    assert await running.denials() == [method.rpartition("/")[2]]
    hang.release()


def violated(failure: grpc.aio.AioRpcError) -> list[str]:
    """The fields that a BadRequest names."""
    status = rpc_status.from_call(failure)
    assert status
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    return [violation.field for violation in bad.field_violations]


async def _read_all(call: Call) -> None:
    async for _ in call:
        pass


@pytest.mark.parametrize(
    ("kind", "method", "requests", "field"),
    [
        ("stream_stream", "UploadImage", [UPLOAD, firmware.UploadImageRequest(header=firmware.UploadHeader())],
         "header.sha256"),
        ("stream_unary", "DownloadFirmware", [DOWNLOAD, firmware.DownloadFirmwareRequest(chunk=TOO_LARGE)],
         "chunk.data"),
        ("stream_unary", "DownloadFirmware",
         [DOWNLOAD, firmware.DownloadFirmwareRequest(header=firmware.DownloadHeader())], "header.controller"),
    ],
)  # fmt: skip
async def test_later_messages_of_a_stream_are_checked(
    running: Running, kind: str, method: str, requests: list[Message], field: str
) -> None:
    call = running.begin(kind, f"FirmwareService/{method}", *requests)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await (_read_all(call) if kind.endswith("stream") else call)
    assert reason_of(refused.value) == "INVALID_FIELD"
    assert field in violated(refused.value)
