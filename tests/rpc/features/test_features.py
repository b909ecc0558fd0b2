"""Features over the wire: what is read, what is set, and what must not be."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from nvmed.nvme.feature_table import FEATURES
from nvmed.nvme.opcodes import AdminOpcode, FeatureId
from nvmed.nvme.uuid_list import OCP_UUID
from nvmed.simulator.faults import Disappear, Fail, Fault, Refuse
from nvmed.simulator.spec import FeaturesSpec
from nvmed.v1 import feature_pb2 as pb
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.namespace_calls import gates_of, refused, sent
from tests.rpc.operation_calls import ask, metadata

if TYPE_CHECKING:
    from nvmed.v1.drive_pb2_grpc import DriveServiceAsyncStub


def stub(daemon: Daemon) -> DriveServiceAsyncStub:
    return DriveServiceStub(daemon.channel)


def values(given: dict[str, int]) -> list[pb.FeatureFieldValue]:
    return [pb.FeatureFieldValue(name=name, value=value) for name, value in given.items()]


def setting(feature: str, fields: dict[str, int] | None = None, **more: Any) -> pb.SetFeatureRequest:
    request = {"controller": "nvme0", "feature": feature, "fields": values(fields or {}), **more}
    return pb.SetFeatureRequest(**request)


def shown(value: pb.FeatureValue) -> dict[str, int]:
    return {one.name: one.value for one in value.fields}


async def get(daemon: Daemon, feature: str, **more: Any) -> pb.Feature:
    return await stub(daemon).GetFeature(pb.GetFeatureRequest(controller="nvme0", feature=feature, **more))


# -- reading


async def test_a_list_has_every_feature_with_all_its_values(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(autonomous_power_states=True))
    found = await stub(daemon).ListFeatures(pb.ListFeaturesRequest(controller="nvme0"))
    assert found.controller == "controllers/nvmed1-1"
    assert list(found.omissions) == []
    by_name = {(one.feature, tuple(text.text for text in one.selectors)): one for one in found.features}
    cold = by_name["temperature-threshold", ("composite", "under")]
    assert shown(cold.current_value)["threshold_kelvin"] == 0
    hot = by_name["temperature-threshold", ("composite", "over")]
    assert shown(hot.current_value)["threshold_kelvin"] == 343
    assert (hot.saveable, hot.changeable, hot.namespace_specific) == (True, True, False)
    cache = by_name["volatile-write-cache", ()]
    assert [one.text for one in cache.current_value.fields] == ["enabled"]
    assert by_name["error-recovery", ()].nsid == 1
    assert by_name["number-of-queues", ()].owner
    assert by_name["ocp-clear-firmware-history", ()].is_action
    assert not by_name["ocp-clear-firmware-history", ()].HasField("current_value")
    assert "flexible-data-placement" not in {name for name, _ in by_name}


async def test_what_a_drive_does_not_have_is_not_asked(start_daemon: StartDaemon) -> None:
    absent = FeaturesSpec(absent=frozenset({FeatureId.ARBITRATION}), ocp=False)
    daemon = await start_daemon(small_drive(features=absent))
    found = await stub(daemon).ListFeatures(pb.ListFeaturesRequest(controller="nvme0"))
    names = {one.feature for one in found.features}
    assert "arbitration" not in names
    asked = {command.cdw10 & 0xFF for command in daemon.drive().journal.commands(opcode=AdminOpcode.GET_FEATURES)}
    assert FeatureId.ARBITRATION not in asked
    assert FeatureId.READ_RECOVERY_LEVEL_CONFIG not in asked
    assert await refused(get(daemon, "arbitration")) == "NVME_UNSUPPORTED"


async def test_a_drive_that_tells_only_current_values(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(features=FeaturesSpec(selectable=False)))
    found = await get(daemon, "0x06")
    assert found.HasField("current_value")
    assert not found.HasField("default_value")
    assert not found.HasField("saveable")
    save = setting("volatile-write-cache", {"enabled": 0}, save=True)
    assert await refused(stub(daemon).SetFeature(save)) == "NVME_UNSUPPORTED"
    assert sent(daemon.drive(), AdminOpcode.SET_FEATURES) == 0
    done = await stub(daemon).SetFeature(setting("volatile-write-cache", {"enabled": 0}))
    assert (shown(done.before), shown(done.after), done.changed) == ({"enabled": 1}, {"enabled": 0}, True)


async def test_one_value_that_is_refused_leaves_the_others(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    saved = Fault(
        Refuse(0x4002), opcode=AdminOpcode.GET_FEATURES, where=lambda one: one.cdw10 >> 8 & 7 == 2, times=None
    )
    daemon.drive().faults.add(saved)
    found = await get(daemon, "temperature-threshold")
    assert found.HasField("default_value")
    assert not found.HasField("saved_value")
    assert [one.field for one in found.omissions] == ["saved_value"]


@pytest.mark.parametrize(
    ("feature", "more", "reason"),
    [
        ("volatile-write-cash", {}, "INVALID_FIELD"),
        ("0x100", {}, "INVALID_FIELD"),
        ("error-recovery", {}, "INVALID_FIELD"),
        ("error-recovery", {"nsid": 9}, "NVME_UNSUPPORTED"),
        ("arbitration", {"nsid": 1}, "INVALID_FIELD"),
        ("temperature-threshold", {"selectors": values({"sensors": 1})}, "INVALID_FIELD"),
        ("temperature-threshold", {"selectors": values({"side": 3})}, "NVME_UNSUPPORTED"),
        ("temperature-threshold", {"selectors": values({"side": 4})}, "INVALID_FIELD"),
        ("read-recovery-level", {}, "NVME_UNSUPPORTED"),
        ("0x7a", {}, "NVME_UNSUPPORTED"),
    ],
)
async def test_what_cannot_be_read(start_daemon: StartDaemon, feature: str, more: Any, reason: str) -> None:
    daemon = await start_daemon()
    assert await refused(get(daemon, feature, **more)) == reason


async def test_a_name_that_is_nearly_right_is_told(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(daemon, "volatile-write-cash")
    assert 'did you mean "volatile-write-cache"?' in str(caught.value.details())


# -- setting


async def test_a_value_is_set_saved_and_journalled(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    wanted = setting("temperature-threshold", {"threshold_kelvin": 340}, save=True)
    planned = await stub(daemon).SetFeature(pb.SetFeatureRequest(**{**as_dict(wanted), "validate_only": True}))
    assert (planned.changed, shown(planned.after)["threshold_kelvin"]) == (True, 340)
    assert sent(daemon.drive(), AdminOpcode.SET_FEATURES) == 0
    done = await stub(daemon).SetFeature(wanted)
    assert [shown(one)["threshold_kelvin"] for one in (done.before, done.after)] == [343, 340]
    daemon.drive().reset()
    assert shown((await get(daemon, "temperature-threshold")).current_value)["threshold_kelvin"] == 340
    again = await stub(daemon).SetFeature(wanted)
    assert not again.changed
    assert sent(daemon.drive(), AdminOpcode.SET_FEATURES) == 1
    (step,) = await steps_of_first(daemon)
    assert json.loads(step.detail["before"])["fields"]["threshold_kelvin"] == 343
    assert json.loads(step.detail["wanted"])["fields"]["threshold_kelvin"] == 340


async def steps_of_first(daemon: Daemon) -> list[OperationMetadata.Step]:
    """The steps of the first SetFeature that there was."""
    (*_, first) = (await ask(daemon, "ListOperations")).operations
    return list(metadata(await ask(daemon, "GetOperation", name=first.name)).steps)


def as_dict(request: pb.SetFeatureRequest) -> dict[str, Any]:
    return {field.name: value for field, value in request.ListFields()}


async def test_fields_that_are_left_out_stay(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    await stub(daemon).SetFeature(setting("arbitration", {"burst": 3, "low_weight": 7}))
    done = await stub(daemon).SetFeature(setting("arbitration", {"high_weight": 9}))
    assert shown(done.after) == {"burst": 3, "low_weight": 7, "medium_weight": 0, "high_weight": 9}


@pytest.mark.parametrize(
    ("feature", "fields", "more", "reason"),
    [
        ("number-of-queues", {"submission_less_one": 1}, {}, "FEATURE_OWNED"),
        ("async-event-configuration", {"temperature": 1}, {}, "FEATURE_OWNED"),
        ("host-behavior-support", {"telemetry_area_4": 1}, {}, "FEATURE_OWNED"),
        ("power-management", {"power_state": 1}, {"save": True}, "NVME_UNSUPPORTED"),
        ("write-atomicity", {"normal_disabled": 1}, {}, "NVME_UNSUPPORTED"),
        ("power-management", {"power_state": 3}, {}, "INVALID_FIELD"),
        ("power-management", {}, {}, "INVALID_FIELD"),
        ("power-management", {"power_state": 32}, {}, "INVALID_FIELD"),
        ("timestamp", {"origin": 1}, {}, "INVALID_FIELD"),
        ("host-controlled-thermal-management", {"light_kelvin": 300}, {}, "INVALID_FIELD"),
        ("host-controlled-thermal-management", {"light_kelvin": 340, "heavy_kelvin": 330}, {}, "INVALID_FIELD"),
        ("namespace-write-protection", {"state": 3}, {"nsid": 1}, "INVALID_FIELD"),
        ("volatile-write-cache", {"enabled": 0}, {"raw_value": 1}, "INVALID_FIELD"),
        ("volatile-write-cache", {"enabled": 0}, {"expected": values({"enabled": 0})}, "FEATURE_NOT_AS_EXPECTED"),
        ("volatile-write-cache", {"enabled": 0}, {"expected_raw": 5}, "FEATURE_NOT_AS_EXPECTED"),
        ("ocp-eol-plp-failure-mode", {"mode": 0}, {}, "INVALID_FIELD"),
        ("0x7a", {}, {}, "INVALID_FIELD"),
        ("0x7a", {}, {"raw_value": 1, "acknowledge_risk": True}, "NVME_UNSUPPORTED"),
    ],
)
async def test_what_is_refused_before_the_drive_is_touched(
    start_daemon: StartDaemon, feature: str, fields: dict[str, int], more: Any, reason: str
) -> None:
    daemon = await start_daemon()
    assert await refused(stub(daemon).SetFeature(setting(feature, fields, **more))) == reason
    assert sent(daemon.drive(), AdminOpcode.SET_FEATURES) == 0


@pytest.mark.parametrize(
    ("feature", "fields", "more"),
    [
        ("volatile-write-cache", {"enabled": 1}, {}),
        ("power-management", {"power_state": 2}, {}),
        ("error-recovery", {"deallocated_block_error": 1}, {"nsid": 1}),
        ("namespace-write-protection", {"state": 1}, {"nsid": 1}),
        ("ocp-eol-plp-failure-mode", {"mode": 1}, {}),
        ("ocp-ieee1667-silo", {"enabled": 1}, {}),
    ],
)
async def test_what_harms_who_uses_the_drive_needs_their_gates(
    start_daemon: StartDaemon, feature: str, fields: dict[str, int], more: Any
) -> None:
    daemon = await start_daemon()
    await stub(daemon).SetFeature(setting("volatile-write-cache", {"enabled": 0}))
    daemon.host.occupy(daemon.host.scan()[0].namespaces[0].node, "/srv")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub(daemon).SetFeature(setting(feature, fields, **more))
    assert gates_of(caught.value) == ["IN_USE", "RISK_ACKNOWLEDGED"]
    allowed = setting(feature, fields, **more, acknowledge_risk=True, override_gates=["GATE_IN_USE"])
    done = await stub(daemon).SetFeature(allowed)
    assert done.changed
    assert shown(done.after).items() >= fields.items()


async def test_a_drive_that_says_yes_and_does_nothing_is_told(start_daemon: StartDaemon) -> None:
    spec = small_drive(features=FeaturesSpec(ignored=frozenset({FeatureId.VOLATILE_WRITE_CACHE})))
    daemon = await start_daemon(spec)
    assert (
        await refused(stub(daemon).SetFeature(setting("volatile-write-cache", {"enabled": 0}))) == "NVME_DATA_INVALID"
    )


async def test_what_ocp_defines_is_asked_with_its_index(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(uuids=(OCP_UUID,)), small_drive("OTHER", features=FeaturesSpec(ocp=False)))
    done = await stub(daemon).SetFeature(setting("ocp-plp-health-check-interval", {"minutes": 60}, save=True))
    assert (shown(done.before), shown(done.after)) == ({"minutes": 15}, {"minutes": 60})
    assert (await stub(daemon).SetFeature(setting("ocp-clear-pcie-error-counters", {"clear": 1}))).changed
    (*_, command) = daemon.drive().journal.commands(opcode=AdminOpcode.SET_FEATURES)
    assert (command.cdw11, command.cdw14) == (1 << 31, 1)


async def test_a_command_without_an_answer_is_settled_by_what_the_drive_says(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    off = setting("volatile-write-cache", {"enabled": 0})
    daemon.drive().faults.add(Fault(Fail(errno.EIO), opcode=AdminOpcode.SET_FEATURES))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub(daemon).SetFeature(off)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE  # as it was before, so the error is the whole truth
    daemon.drive().faults.add(Fault(Fail(errno.EIO, executed=True), opcode=AdminOpcode.SET_FEATURES))
    done = await stub(daemon).SetFeature(off)
    assert (shown(done.before), shown(done.after), done.changed) == ({"enabled": 1}, {"enabled": 0}, True)


async def test_a_drive_that_is_gone_in_the_middle_needs_attention(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    daemon.drive().faults.add(Fault(Disappear(executed=True), opcode=AdminOpcode.SET_FEATURES))
    assert await refused(stub(daemon).SetFeature(setting("arbitration", {"burst": 1}))) == "OPERATION_UNCERTAIN"


async def test_viewers_read_and_set_nothing(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(roles=("operator",), principal="op")
    assert (await get(daemon, "timestamp")).HasField("current_value")
    assert await refused(stub(daemon).SetFeature(setting("timestamp", {"milliseconds": 1}))) == "POLICY_DENIED"


def test_every_row_is_whole() -> None:
    for name, row in FEATURES.items():
        assert name == row.name == name.lower()
        assert len({one.name for one in (*row.fields, *row.selectors)}) == len(row.fields) + len(row.selectors)
        assert all(one.high >= one.low for one in row.fields)
        assert all(one.high < row.data_bytes * 8 for one in row.fields if one.of_data), name
        assert all(set(selection) <= {one.name for one in row.selectors} for selection in row.selections)
