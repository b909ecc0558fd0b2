"""A daemon that is killed with SIGKILL while it makes a support bundle, and the next one on its state."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning

from nvmed.v1 import support_pb2 as pb
from nvmed.v1.operations_pb2 import OperationMetadata
from nvmed.v1.support_pb2_grpc import SupportServiceStub
from tests.process.conftest import DaemonProcess, StartProcess

pytestmark = pytest.mark.timeout(60)

HANG = """
[[faults]]
kind = "hang"
controller = "nvme0"
opcode = "get-log-page"
log_page = "smart-health-information"
"""


def operation(channel: grpc.Channel, method: str, name: str) -> longrunning.Operation:
    request = getattr(longrunning, f"{method}Request")(name=name)
    call = channel.unary_unary(
        f"/google.longrunning.Operations/{method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=longrunning.Operation.FromString,
    )
    found: longrunning.Operation = call(request)
    return found


def state(found: longrunning.Operation) -> str:
    metadata = OperationMetadata()
    assert found.metadata.Unpack(metadata)
    return OperationMetadata.State.Name(metadata.state).removeprefix("STATE_")


def kill(daemon: DaemonProcess) -> None:
    daemon.process.kill()
    daemon.process.wait()


def test_a_bundle_is_whole_or_not_there_after_a_kill(start_process: StartProcess, tmp_path: Path) -> None:
    place, faults = tmp_path / "state" / "support", tmp_path / "faults.toml"
    faults.write_text(HANG)
    daemon = start_process("--simulate", "1")
    with grpc.insecure_channel(daemon.address) as channel:
        begun = SupportServiceStub(channel).CreateSupportBundle(pb.CreateSupportBundleRequest(), wait_for_ready=True)
        whole = operation(channel, "WaitOperation", begun.name)
        assert state(whole) == "SUCCEEDED"
    kill(daemon)
    kept = sorted(place.iterdir())
    assert len(kept) == 2

    daemon = start_process("--simulate", "1", "--simulate-faults", str(faults))
    with grpc.insecure_channel(daemon.address) as channel:
        stub = SupportServiceStub(channel)
        begun = stub.CreateSupportBundle(pb.CreateSupportBundleRequest(), wait_for_ready=True)
        while not any(entry.suffix == ".part" for entry in place.iterdir()):
            pass
        assert not operation(channel, "GetOperation", begun.name).done
    kill(daemon)
    assert len(list(place.iterdir())) > 2

    daemon = start_process("--simulate", "1")
    with grpc.insecure_channel(daemon.address) as channel:
        stub = SupportServiceStub(channel)
        (found,) = stub.ListSupportBundles(pb.ListSupportBundlesRequest(), wait_for_ready=True).support_bundles
        assert state(operation(channel, "GetOperation", begun.name)) == "SAFE_TO_RETRY"
        parts = list(stub.ReadSupportBundle(pb.ReadSupportBundleRequest(name=found.name)))
        assert parts[-1].trailer.sha256 == found.sha256
    assert sorted(place.iterdir()) == kept
