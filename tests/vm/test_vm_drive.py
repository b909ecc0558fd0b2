"""A drive's features and self-tests through real ioctls: set and run by nvmed, read by nvme-cli of the same."""

from __future__ import annotations

from google.longrunning.operations_pb2 import CancelOperationRequest, GetOperationRequest, Operation
from nvmedctl import Client
from nvmedctl.operations import metadata, unpack, wait

from nvmed.nvme.health import SelfTestLog, SelfTestResultCode
from nvmed.nvme.opcodes import FeatureId, FeatureSelect, SelfTestCode
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import feature_pb2 as pb
from nvmed.v1 import log_pb2, operations_pb2, self_test_pb2
from tests.vm import simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest

WARM_KELVIN = 340


def drive(short_self_test_s: float = 0.0) -> Subsystem:
    """A drive with idle states."""
    spec = DriveSpec(
        serial="NVMED-LIFE", namespaces=(NamespaceSpec(size_bytes=16 * MIB),), autonomous_power_states=True,
        short_self_test_s=short_self_test_s,
    )  # fmt: skip
    return Subsystem(spec)


def dword(guest: Guest, node: str, fid: int, select: FeatureSelect = FeatureSelect.CURRENT) -> int:
    """Dword 0 of a feature, as nvme-cli has it, once the kernel is connected."""
    ask = f"nvme get-feature /dev/{node} -f {int(fid)} -s {int(select)}"
    printed = guest.sh(f"until {ask} >/tmp/feature 2>&1; do sleep 0.2; done; cat /tmp/feature")
    return int(printed.split(":")[-1], 16)


async def feature(client: Client, node: str, name: str) -> pb.Feature:
    return await client.drives.GetFeature(pb.GetFeatureRequest(controller=node, feature=name))


async def set_feature(client: Client, node: str, name: str, save: bool = False, **fields: int) -> pb.SetFeatureResponse:
    values = [pb.FeatureFieldValue(name=field, value=value) for field, value in fields.items()]
    request = pb.SetFeatureRequest(controller=node, feature=name, fields=values, save=save)
    return await client.drives.SetFeature(request)


async def test_features_are_set_and_saved(guest: Guest, daemon: Daemon) -> None:
    subsystem = drive()
    threshold, arbitration, idle = (
        FeatureId.TEMPERATURE_THRESHOLD, FeatureId.ARBITRATION, FeatureId.AUTONOMOUS_POWER_STATE_TRANSITION,
    )  # fmt: skip
    async with daemon.client() as client:
        with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
            burst = dword(guest, node, arbitration)
            done = await set_feature(client, node, "temperature-threshold", save=True, threshold_kelvin=WARM_KELVIN)
            assert (done.changed, done.saved) == (True, True)
            assert (await set_feature(client, node, "arbitration", burst=burst & 7 ^ 1)).changed
            found = await feature(client, node, "temperature-threshold")
            told = (
                (FeatureSelect.CURRENT, found.current_value),
                (FeatureSelect.DEFAULT, found.default_value),
                (FeatureSelect.SAVED, found.saved_value),
            )
            assert [dword(guest, node, threshold, select) for select, _ in told] == [value.raw for _, value in told]
            assert found.current_value.raw & 0xFFFF == found.saved_value.raw & 0xFFFF == WARM_KELVIN
            assert dword(guest, node, arbitration) == burst ^ 1
            table = guest.run("nvme", "get-feature", f"/dev/{node}", "-f", str(int(idle)), "-l", "256", "-b").stdout
            assert (await feature(client, node, "autonomous-power-state-transition")).current_value.data == table
            subsystem.power_cycle()
            assert dword(guest, node, threshold) & 0xFFFF == WARM_KELVIN  # it was saved, and
            assert dword(guest, node, arbitration) == burst  # this was not


async def begin(client: Client, node: str) -> Operation:
    request = self_test_pb2.RunSelfTestRequest(controller=node, test=log_pb2.SELF_TEST_SHORT)
    return await client.drives.RunSelfTest(request)


def self_tests(guest: Guest, node: str) -> SelfTestLog:
    """Log page 06h, as nvme-cli reads it."""
    words = ["nvme", "get-log", f"/dev/{node}", "-i", "6", "-l", str(SelfTestLog.SIZE), "-b", "--rae"]
    return SelfTestLog.parse(guest.run(*words).stdout)


async def test_a_self_test_ends_with_its_result(guest: Guest, daemon: Daemon) -> None:
    subsystem = drive(short_self_test_s=2.0)
    async with daemon.client() as client:
        with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
            seen: list[operations_pb2.OperationMetadata] = []
            done = await wait(client.operations, await begin(client, node), seen.append)
            answer = unpack(done, self_test_pb2.RunSelfTestResponse)
            assert answer.result.outcome == log_pb2.SelfTestResult.OUTCOME_PASSED
            percents = [about.percent_complete for about in seen if about.HasField("percent_complete")]
            assert percents == sorted(percents)
            newest = self_tests(guest, node).finished[0]
            assert (newest.code, newest.result) == (SelfTestCode.SHORT, SelfTestResultCode.PASSED)


async def test_a_self_test_is_aborted_by_cancelling(guest: Guest, daemon: Daemon) -> None:
    subsystem = drive(short_self_test_s=3600.0)
    async with daemon.client() as client:
        with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
            operation = await begin(client, node)
            while not metadata(operation).HasField("percent_complete"):  # it is in the drive's log
                operation = await client.operations.GetOperation(GetOperationRequest(name=operation.name))
            assert self_tests(guest, node).running
            await client.operations.CancelOperation(CancelOperationRequest(name=operation.name))
            done = metadata(await wait(client.operations, operation))
            assert done.state == operations_pb2.OperationMetadata.STATE_CANCELLED
            log = self_tests(guest, node)
            assert (bool(log.running), log.finished[0].result) == (False, SelfTestResultCode.ABORTED_BY_COMMAND)
