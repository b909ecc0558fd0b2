"""A daemon that is killed with SIGKILL while it erases, and the next one on the same drive: what its record says."""

from __future__ import annotations

import contextlib
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning

from nvmed.v1 import erasure_pb2, namespace_pb2
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.process.conftest import DaemonProcess, StartProcess

pytestmark = pytest.mark.timeout(120)

ERASED, UNCONFIRMED = erasure_pb2.ERASURE_OUTCOME_ERASED, erasure_pb2.ERASURE_OUTCOME_UNCONFIRMED


@contextlib.contextmanager
def client(daemon: DaemonProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(daemon.address) as channel:
        grpc.channel_ready_future(channel).result()
        yield channel


def killed(start: StartProcess, path: Path, kill: str, request: Any, skip: int = 0) -> DaemonProcess:
    """Begin what is asked for with a daemon that dies at `kill`; the next daemon on the drive."""
    drive = ("--drive", str(path / "drive"))
    first = start(*drive, "--kill", kill, "--skip", str(skip), module="tests.process.durable_drive")
    with client(first) as channel, contextlib.suppress(grpc.RpcError):  # the answer may have come before
        if isinstance(request, erasure_pb2.SanitizeDriveRequest):
            DriveServiceStub(channel).SanitizeDrive(request)
        else:
            NamespaceServiceStub(channel).FormatNamespace(request)
    assert first.process.wait() == -signal.SIGKILL
    return start(*drive, module="tests.process.durable_drive")


def ended(channel: grpc.Channel) -> str:
    """How the one operation that there is has ended."""
    operations = "/google.longrunning.Operations"
    listing: Any = channel.unary_unary(
        f"{operations}/ListOperations",
        request_serializer=longrunning.ListOperationsRequest.SerializeToString,
        response_deserializer=longrunning.ListOperationsResponse.FromString,
    )
    waiting: Any = channel.unary_unary(
        f"{operations}/WaitOperation",
        request_serializer=longrunning.WaitOperationRequest.SerializeToString,
        response_deserializer=longrunning.Operation.FromString,
    )
    (one,) = listing(longrunning.ListOperationsRequest()).operations
    about = OperationMetadata()
    waiting(longrunning.WaitOperationRequest(name=one.name)).metadata.Unpack(about)
    return OperationMetadata.State.Name(about.state).removeprefix("STATE_")


def outcomes(channel: grpc.Channel) -> list[int]:
    """Those of all records; none is damaged."""
    found = DriveServiceStub(channel).ListErasureRecords(erasure_pb2.ListErasureRecordsRequest()).erasure_records
    assert not any(one.damage for one in found)
    return [one.outcome for one in found]


@pytest.mark.parametrize(
    ("kill", "state", "expected"),
    [
        ("after command 80h", "NEEDS_ATTENTION", [UNCONFIRMED]),
        ("after settle 1", "SUCCEEDED", [ERASED]),
    ],
)
def test_a_format(start_process: StartProcess, tmp_path: Path, kill: str, state: str, expected: list[int]) -> None:
    request = namespace_pb2.FormatNamespaceRequest(
        controller="nvme0", nsid=1, secure_erase=namespace_pb2.SECURE_ERASE_USER_DATA, acknowledge_data_loss=True,
        request_id=str(uuid.uuid4()),
    )  # fmt: skip
    with client(killed(start_process, tmp_path, kill, request)) as channel:
        assert (ended(channel), outcomes(channel)) == (state, expected)


@pytest.mark.parametrize(
    ("kill", "state", "expected"),
    [
        ("after intend sanitize", "FAILED", [UNCONFIRMED]),
        ("after command 84h", "SUCCEEDED", [ERASED]),
    ],
)
def test_a_sanitize(start_process: StartProcess, tmp_path: Path, kill: str, state: str, expected: list[int]) -> None:
    request = erasure_pb2.SanitizeDriveRequest(
        controller="nvme0", acknowledge_data_loss=True, request_id=str(uuid.uuid4())
    )
    with client(killed(start_process, tmp_path, kill, request)) as channel:
        assert (ended(channel), outcomes(channel)) == (state, expected)
