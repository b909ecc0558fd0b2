"""What the tests of passthrough over the wire share: commands, calls, rules, and what a refusal says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from nvmed.config import Policy
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.v1 import errors_pb2
from nvmed.v1 import passthru_pb2 as pb
from nvmed.v1.passthru_pb2_grpc import PassthruServiceStub
from tests.rpc.harness import Daemon, StartDaemon

if TYPE_CHECKING:
    from nvmed.v1.passthru_pb2_grpc import PassthruServiceAsyncStub

ALL = """
include_shipped = false

[[rule]]
name = "no-sanitize"
effect = "deny"
queue = "admin"
opcodes = [0x84]
because = "never on this host"

[[rule]]
name = "reader"
effect = "allow"
queue = "admin"
opcodes = [0xC1]
changes_nothing = true

[[rule]]
name = "careful"
effect = "allow"
queue = "admin"
opcodes = [0x06]
acknowledge_destructive = true

[[rule]]
name = "admin"
effect = "allow"
queue = "admin"
opcodes = [[0x00, 0xFF]]

[[rule]]
name = "io"
effect = "allow"
queue = "io"
opcodes = [[0x00, 0xFF]]
"""

NAMESPACE = "nvme0n1"
IDENTIFY = pb.PassthruCommand(opcode=AdminOpcode.IDENTIFY, cdw10=1, read_bytes=4096)


def get_log(lid: int, size: int, *, rae: bool = True, lsp: int = 0) -> pb.PassthruCommand:
    numd = size // 4 - 1
    cdw10 = lid | lsp << 8 | rae << 15 | (numd & 0xFFFF) << 16
    return pb.PassthruCommand(opcode=AdminOpcode.GET_LOG_PAGE, cdw10=cdw10, cdw11=numd >> 16, read_bytes=size)


def read(blocks: int = 1, size: int | None = None, first: int = 0) -> pb.PassthruCommand:
    size = blocks * 512 if size is None else size
    return pb.PassthruCommand(opcode=IoOpcode.READ, cdw10=first, cdw12=blocks - 1, read_bytes=size)


def write(data: bytes, blocks: int = 1, **more: Any) -> pb.PassthruCommand:
    return pb.PassthruCommand(opcode=IoOpcode.WRITE, cdw12=blocks - 1, data=data, **more)


def service(daemon: Daemon) -> PassthruServiceAsyncStub:
    stub: PassthruServiceAsyncStub = PassthruServiceStub(daemon.channel)
    return stub


async def admin(daemon: Daemon, command: pb.PassthruCommand, **more: Any) -> pb.ExecuteAdminResponse:
    return await service(daemon).ExecuteAdmin(
        pb.ExecuteAdminRequest(**{"controller": "nvme0", "command": command, **more})
    )


async def io(daemon: Daemon, command: pb.PassthruCommand, **more: Any) -> pb.ExecuteIoResponse:
    return await service(daemon).ExecuteIo(pb.ExecuteIoRequest(**{"namespace": NAMESPACE, "command": command, **more}))


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def nvme_status(failure: grpc.aio.AioRpcError) -> errors_pb2.NvmeStatus:
    status = rpc_status.from_call(failure)
    assert status is not None
    found = errors_pb2.NvmeStatus()
    assert any(detail.Unpack(found) for detail in status.details if detail.Is(found.DESCRIPTOR))
    return found


def metadata_of(failure: grpc.aio.AioRpcError) -> dict[str, str]:
    status = rpc_status.from_call(failure)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return dict(info.metadata)


async def with_rules(start: StartDaemon, tmp_path: Path, rules: str, *specs: Any) -> Daemon:
    file = tmp_path / "passthru.toml"
    file.write_text(rules)
    return await start(*specs, policy=Policy(passthru_rules=str(file)))
