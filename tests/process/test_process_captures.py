"""A daemon that is killed with SIGKILL at each kind of step of a capture, and the next one on the same state.

Every point there is, those of the disk too, is tried without a process in tests/unit/captures/test_kill.py.
"""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning

from nvmed.v1 import telemetry_pb2 as pb
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub
from tests.process.conftest import StartProcess

POINTS = ("after begin", "after intend create", "after settle 1", "after intend copy", "before settle 2",
          "after settle 2", "before finish")  # fmt: skip
WHOLE = frozenset({"before settle 2", "after settle 2", "before finish"})
"""Where the capture was on disk already."""

CAPTURE = pb.CaptureTelemetryRequest(controller="nvme0", source=pb.TELEMETRY_SOURCE_HOST, create=True)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_daemon_leaves_a_capture_that_is_whole_or_none(
    start_process: StartProcess, tmp_path: Path, point: str
) -> None:
    drive, module = ("--drive", str(tmp_path / "drive")), "tests.process.durable_drive"
    dying = start_process(*drive, "--kill", point, "--skip", "0", module=module)
    with grpc.insecure_channel(dying.address) as channel, contextlib.suppress(grpc.RpcError):
        TelemetryServiceStub(channel).CaptureTelemetry(CAPTURE, wait_for_ready=True)
    assert dying.process.wait() == -signal.SIGKILL
    serving = start_process(*drive, "--kill", "", "--skip", "0", module=module)
    with grpc.insecure_channel(serving.address) as channel:
        stub = TelemetryServiceStub(channel)
        kept = stub.ListCaptures(pb.ListCapturesRequest(), wait_for_ready=True).captures
        assert len(kept) == (point in WHOLE)
        folder = tmp_path / "state" / "captures"
        assert {one.name for one in folder.iterdir()} == {
            f"{capture.name.removeprefix('captures/')}.{kind}" for capture in kept for kind in ("log", "json")
        }
        for capture in kept:
            parts = [*stub.ReadCapture(pb.ReadCaptureRequest(name=capture.name))]
            assert parts[-1].trailer.sha256 == capture.sha256
        call = channel.unary_unary(
            "/google.longrunning.Operations/ListOperations",
            request_serializer=longrunning.ListOperationsRequest.SerializeToString,
            response_deserializer=longrunning.ListOperationsResponse.FromString,
        )
        (operation,) = call(longrunning.ListOperationsRequest()).operations
        assert operation.HasField("response") is bool(kept)
        for capture in kept:
            assert capture.name.removeprefix("captures/") == operation.name.removeprefix("operations/")
