"""Erasing over the wire, for tests: what is asked, and how it ends."""

from __future__ import annotations

import json
import uuid
from base64 import b64decode
from typing import Any

from google.longrunning import operations_pb2 as longrunning
from google.longrunning.operations_pb2_grpc import OperationsStub

from nvmed.v1 import erasure_pb2 as pb
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from tests.rpc.harness import Daemon

V2_1 = 0x0002_0100


async def sanitize(daemon: Daemon, node: str = "nvme0", **asked: Any) -> longrunning.Operation:
    """The operation that SanitizeDrive begins, or what it answers otherwise."""
    fields = {"controller": node, "acknowledge_data_loss": True, "request_id": str(uuid.uuid4()), **asked}
    return await DriveServiceStub(daemon.channel).SanitizeDrive(pb.SanitizeDriveRequest(**fields))


async def sanitized(daemon: Daemon, node: str = "nvme0", **asked: Any) -> longrunning.Operation:
    """The same once it has ended."""
    return await ended(daemon, await sanitize(daemon, node, **asked))


async def ended(daemon: Daemon, operation: longrunning.Operation) -> longrunning.Operation:
    """An operation once it has ended."""
    request = longrunning.WaitOperationRequest(name=operation.name)
    return await OperationsStub(daemon.channel).WaitOperation(request)


def response_of(operation: longrunning.Operation) -> pb.SanitizeDriveResponse:
    """What it ended with."""
    assert operation.HasField("response"), operation.error
    answer = pb.SanitizeDriveResponse()
    assert operation.response.Unpack(answer)
    return answer


async def records(daemon: Daemon, **asked: Any) -> list[pb.ErasureRecord]:
    """Every record there is."""
    request = pb.ListErasureRecordsRequest(**asked)
    return list((await DriveServiceStub(daemon.channel).ListErasureRecords(request)).erasure_records)


async def record(daemon: Daemon, name: str) -> tuple[pb.ErasureRecord, dict[str, Any]]:
    """A record, and what is signed in it."""
    found = await DriveServiceStub(daemon.channel).GetErasureRecord(pb.GetErasureRecordRequest(name=name))
    content: dict[str, Any] = json.loads(b64decode(json.loads(found.envelope)["payload"]))
    return found, content
