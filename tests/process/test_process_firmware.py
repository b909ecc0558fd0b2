"""A daemon that is killed with SIGKILL at each kind of step of a firmware update, and the next one on the same drive.

What the next daemon says of the operation is compared with what the drive is. Every point there is, and power cycles,
are tried without a process in tests/unit/firmware/test_kill.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import signal
import sys
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning

from nvmed.simulator.durable import durable
from nvmed.simulator.firmware_image import build_image
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.common_pb2 import Chunk
from nvmed.v1.firmware_pb2_grpc import FirmwareServiceStub
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.process.conftest import DaemonProcess, StartProcess
from tests.process.durable_drive import SPEC

pytestmark = pytest.mark.timeout(240)

IMAGE = build_image("2.0.0", 64 * 1024)
NAME = f"images/{hashlib.sha256(IMAGE).hexdigest()}"
KILLS: list[str] = []
"""Where daemons of this run were killed."""


class Drive:
    """A drive in a folder, and daemons on it, one after the other."""

    def __init__(self, start_process: StartProcess, path: Path) -> None:
        self.path = path / "drive"
        self.path.mkdir()
        self._start = start_process

    @property
    def firmware(self) -> Any:
        return durable(SPEC, self.path).subsystem.firmware

    def hold(self, revision: str) -> None:
        """Have that revision in slot 2."""
        kept = durable(SPEC, self.path)
        kept.subsystem.firmware.slots[1] = revision
        kept.save()

    def serve(self, kill: str = "", skip: int = 0) -> DaemonProcess:
        found = self._start(
            "--drive", str(self.path), "--kill", kill, "--skip", str(skip), module="tests.process.durable_drive"
        )
        assert found.process.poll() is None, found.log.read_text()
        return found


@pytest.fixture
def drive(start_process: StartProcess, tmp_path: Path) -> Drive:
    return Drive(start_process, tmp_path)


@contextlib.contextmanager
def client(daemon: DaemonProcess) -> Iterator[tuple[Any, grpc.Channel]]:
    with grpc.insecure_channel(daemon.address) as channel:
        yield FirmwareServiceStub(channel), channel


def header() -> pb.UploadImageRequest:
    sha256 = hashlib.sha256(IMAGE).digest()
    return pb.UploadImageRequest(
        header=pb.UploadHeader(sha256=sha256, size_bytes=len(IMAGE), firmware_revision="2.0.0")
    )


def chunk(start: int, end: int) -> pb.UploadImageRequest:
    data = IMAGE[start:end]
    return pb.UploadImageRequest(chunk=Chunk(offset=start, crc32=zlib.crc32(data), data=data))


FINISH = pb.UploadImageRequest(finish=pb.UploadFinish())


def upload(daemon: DaemonProcess) -> None:
    with client(daemon) as (stub, _):
        answers = list(stub.UploadImage(iter([header(), chunk(0, len(IMAGE)), FINISH]), wait_for_ready=True))
    assert answers[-1].image.name == NAME


def operations(daemon: DaemonProcess) -> list[longrunning.Operation]:
    with client(daemon) as (_, channel):
        call = channel.unary_unary(
            "/google.longrunning.Operations/ListOperations",
            request_serializer=longrunning.ListOperationsRequest.SerializeToString,
            response_deserializer=longrunning.ListOperationsResponse.FromString,
        )
        request = longrunning.ListOperationsRequest(filter="target = controllers/a-1")
        return list(call(request, wait_for_ready=True).operations)


def wait(daemon: DaemonProcess, operation: longrunning.Operation) -> longrunning.Operation:
    with client(daemon) as (_, channel):
        call: Any = channel.unary_unary(
            "/google.longrunning.Operations/WaitOperation",
            request_serializer=longrunning.WaitOperationRequest.SerializeToString,
            response_deserializer=longrunning.Operation.FromString,
        )
        done: longrunning.Operation = call(longrunning.WaitOperationRequest(name=operation.name), wait_for_ready=True)
        return done


def ask(daemon: DaemonProcess, request: Any) -> longrunning.Operation:
    """Begin what a request asks for."""
    method = type(request).__name__.removesuffix("Request")
    with client(daemon) as (stub, _):
        begun: longrunning.Operation = getattr(stub, method)(request, wait_for_ready=True)
        return begun


def ask_and_see_it_die(daemon: DaemonProcess, request: Any, where: str) -> None:
    with contextlib.suppress(grpc.RpcError):  # the answer may have come before
        ask(daemon, request)
    assert daemon.process.wait() == -signal.SIGKILL
    KILLS.append(where)


def state(operation: longrunning.Operation) -> str:
    about = OperationMetadata()
    operation.metadata.Unpack(about)
    return OperationMetadata.State.Name(about.state).removeprefix("STATE_")


def unpacked(operation: longrunning.Operation, response: Any) -> Any:
    found = response()
    assert operation.response.Unpack(found), operation.error
    return found


STAGE_POINTS = [
    ("after begin", 0),
    ("after intend download", 0),
    ("after command 11h", 7),
    ("after settle 1", 0),
    ("before command 10h", 0),
    ("after command 10h", 0),
    ("after settle 2", 0),
    ("after finish", 0),
]


@pytest.mark.parametrize(("where", "skip"), STAGE_POINTS)
def test_a_staging(drive: Drive, where: str, skip: int) -> None:
    first = drive.serve(where, skip)
    upload(first)
    request = pb.StageFirmwareRequest(controllers=["nvme0"], image=NAME, slot=2, request_id=str(uuid.uuid4()))
    ask_and_see_it_die(first, request, where)
    held = drive.firmware.slots[1]
    later = drive.serve()
    (found,) = operations(later)
    assert drive.firmware.slots[1] == held  # asking changed nothing
    assert found.done
    if held:
        assert state(found) == "SUCCEEDED"
        (one,) = unpacked(found, pb.StageFirmwareResponse).drives
        assert (one.outcome, one.slot, one.slot_revision) == (pb.FIRMWARE_OUTCOME_STAGED, 2, "2.0.0")
    else:
        assert state(found) == "SAFE_TO_RETRY", found.error.message
    assert ask(later, request).name == found.name  # it is the same request, so it is not done again
    assert drive.firmware.slots[1] == held
    request.request_id = str(uuid.uuid4())
    done = wait(later, ask(later, request))
    (one,) = unpacked(done, pb.StageFirmwareResponse).drives
    assert one.outcome == (pb.FIRMWARE_OUTCOME_ALREADY_CURRENT if held else pb.FIRMWARE_OUTCOME_STAGED)
    assert drive.firmware.slots == ["1.0.0", "2.0.0", ""]


ACTIVATE_POINTS = [
    ("after intend commit", 0),
    ("after command 10h", 0),
    ("after intend reset", 0),
    ("after reset", 0),
    ("after settle 2", 0),
]


@pytest.mark.parametrize(("where", "skip"), ACTIVATE_POINTS)
def test_an_activation(drive: Drive, where: str, skip: int) -> None:
    drive.hold("2.0.0")
    request = pb.ActivateFirmwareRequest(
        controller="nvme0",
        slot=2,
        activation_mode=pb.ACTIVATION_MODE_CONTROLLER_RESET,
        acknowledge_disruption=True,
        request_id=str(uuid.uuid4()),
    )
    ask_and_see_it_die(drive.serve(where, skip), request, where)
    truth = drive.firmware
    later = drive.serve()
    (found,) = operations(later)
    assert found.done
    if truth.revision == "2.0.0":
        assert state(found) == "SUCCEEDED"
        answer = unpacked(found, pb.ActivateFirmwareResponse)
        assert (answer.outcome, answer.running_revision) == (pb.FIRMWARE_OUTCOME_ACTIVATED, "2.0.0")
    elif truth.pending:
        assert state(found) == "NEEDS_ATTENTION"
        assert "slot 2 is committed and runs after the next reset" in found.error.message
    else:
        assert state(found) == "SAFE_TO_RETRY", found.error.message
    assert ask(later, request).name == found.name
    assert (drive.firmware.revision, drive.firmware.pending) == (truth.revision, truth.pending)
    request.request_id = str(uuid.uuid4())
    done = wait(later, ask(later, request))
    assert unpacked(done, pb.ActivateFirmwareResponse).running_revision == "2.0.0"
    assert (drive.firmware.active, drive.firmware.pending) == (2, 0)


def test_an_upload_goes_on_where_it_was(drive: Drive) -> None:
    first = drive.serve()
    with client(first) as (stub, _):

        def half() -> Iterator[pb.UploadImageRequest]:
            yield header()
            yield chunk(0, 32 * 1024)

        answers = list(stub.UploadImage(half(), wait_for_ready=True))
        assert answers[-1].progress.committed_bytes == 32 * 1024
    first.process.kill()
    assert first.process.wait() == -signal.SIGKILL
    KILLS.append("upload")
    later = drive.serve()
    with client(later) as (stub, _):
        begun = list(stub.UploadImage(iter([header()]), wait_for_ready=True))
        assert begun[0].ready.committed_bytes == 32 * 1024
        rest = [header(), chunk(32 * 1024, len(IMAGE)), FINISH]
        assert list(stub.UploadImage(iter(rest)))[-1].image.name == NAME
    request = pb.StageFirmwareRequest(controllers=["nvme0"], image=NAME)
    assert state(wait(later, ask(later, request))) == "SUCCEEDED"
    assert drive.firmware.slots[1] == "2.0.0"


@pytest.fixture(scope="module", autouse=True)
def count(request: pytest.FixtureRequest) -> Iterator[None]:
    """Say how often a daemon was killed."""
    yield
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        sys.stdout.write(f"\nkilled {len(KILLS)} daemons at {len(set(KILLS))} kinds of step\n")
