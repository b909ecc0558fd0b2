"""Features of a simulated drive: values, saving, what they govern."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme import features
from nvmed.nvme.features import HostBehavior
from nvmed.nvme.opcodes import NSID_ALL, FeatureId, FeatureSelect
from nvmed.nvme.status import DO_NOT_RETRY
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import DriveSpec, NamespaceSpec
from nvmed.simulator.state.features import FEATURES, UNDER_THRESHOLD
from nvmed.simulator.subsystem import ManualClock, Subsystem


def make(clock: ManualClock | None = None) -> Controller:
    spec = DriveSpec(namespaces=(NamespaceSpec(), NamespaceSpec()), autonomous_power_states=True)
    return Subsystem(spec, clock or ManualClock()).controller


def value(controller: Controller, fid: int, select: FeatureSelect = FeatureSelect.CURRENT, **more: int) -> int:
    completion = controller.admin(features.get_features(fid, select=select, **more), bytearray(4096))
    assert completion.status == 0
    return completion.result


def set_status(controller: Controller, command: Command, data: bytes = b"") -> int:
    return controller.admin(command, bytearray(data)).status & ~DO_NOT_RETRY


@pytest.mark.parametrize("fid", FEATURES)
def test_every_feature_can_be_asked_for(fid: int) -> None:
    controller, nsid = make(), 1 if FEATURES[fid].per_namespace else 0
    for select in FeatureSelect:
        if select is not FeatureSelect.CURRENT or not FEATURES[fid].is_action:
            value(controller, fid, select, nsid=nsid)
    assert value(controller, fid, FeatureSelect.SUPPORTED_CAPABILITIES, nsid=nsid) == FEATURES[fid].capabilities


def test_current_default_and_saved() -> None:
    controller, fid = make(), FeatureId.TEMPERATURE_THRESHOLD
    assert set_status(controller, features.set_features(fid, 330, save=True)) == 0
    assert set_status(controller, features.set_features(fid, 335)) == 0
    assert [value(controller, fid, select) for select in (0, 1, 2)] == [335, 343, 330]  # type: ignore[arg-type]
    assert value(controller, fid, cdw11=UNDER_THRESHOLD) == 0
    controller.reset()
    assert value(controller, fid) == 330


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (features.set_features(0x7A), Sc.INVALID_FIELD),
        (features.get_features(0x7A), Sc.INVALID_FIELD),
        (features.set_features(FeatureId.NUMBER_OF_QUEUES, save=True), Sc.FEATURE_NOT_SAVEABLE),
        (features.set_features(FeatureId.WRITE_ATOMICITY_NORMAL), Sc.FEATURE_NOT_CHANGEABLE),
        (features.set_features(FeatureId.NUMBER_OF_QUEUES, 0xFFFF), Sc.INVALID_FIELD),
        (features.set_features(FeatureId.NUMBER_OF_QUEUES, nsid=1), Sc.FEATURE_NOT_NAMESPACE_SPECIFIC),
        (features.set_features(FeatureId.ERROR_RECOVERY, nsid=9), Sc.INVALID_FIELD),
        (features.set_features(FeatureId.ERROR_RECOVERY), Sc.INVALID_NAMESPACE),
        (features.get_features(FeatureId.ERROR_RECOVERY, nsid=NSID_ALL), Sc.INVALID_FIELD),
        (features.get_features(FeatureId.TEMPERATURE_THRESHOLD, cdw11=3 << 16), Sc.INVALID_FIELD),
        (Command(0x0A, cdw10=FeatureId.ARBITRATION | 5 << 8), Sc.INVALID_FIELD),
        (features.set_features(FeatureId.POWER_MANAGEMENT, 3), Sc.INVALID_FIELD),
        (features.set_host_behavior(), Sc.DATA_LENGTH_INVALID),
        (features.get_host_behavior(), Sc.DATA_LENGTH_INVALID),
    ],
)
def test_refusals(command: Command, status: int) -> None:
    assert set_status(make(), command) == status


def test_queues_are_granted_up_to_what_there_are() -> None:
    controller = make()
    completion = controller.admin(features.set_features(FeatureId.NUMBER_OF_QUEUES, 200 << 16 | 3))
    assert completion.result == 63 << 16 | 3
    assert value(controller, FeatureId.NUMBER_OF_QUEUES) == 63 << 16 | 3


def test_host_behavior_is_forgotten_by_a_reset() -> None:
    controller = make()
    assert set_status(controller, features.set_host_behavior(), HostBehavior(acre=1, etdas=1).build()) == 0
    data = bytearray(512)
    assert controller.admin(features.get_host_behavior(), data).status == 0
    assert HostBehavior.parse(data) == HostBehavior(acre=1, etdas=1)
    assert controller.extended_telemetry
    controller.reset()
    controller.admin(features.get_host_behavior(), data)
    assert data == bytes(512)
    assert not controller.extended_telemetry


def test_timestamp_goes_on() -> None:
    clock = ManualClock()
    controller, data = make(clock), bytearray(8)
    clock.advance(2)
    controller.admin(features.get_features(FeatureId.TIMESTAMP), data)
    assert (int.from_bytes(data[:6], "little"), data[6]) == (2000, 0)
    assert set_status(controller, features.set_features(FeatureId.TIMESTAMP), (10**12).to_bytes(8, "little")) == 0
    clock.advance(3)
    controller.admin(features.get_features(FeatureId.TIMESTAMP), data)
    assert (int.from_bytes(data[:6], "little"), data[6]) == (10**12 + 3000, 2)


def test_host_identifier_of_either_size() -> None:
    controller, data = make(), bytearray(16)
    assert set_status(controller, features.set_features(FeatureId.HOST_IDENTIFIER, 1), bytes(range(16))) == 0
    controller.admin(features.get_features(FeatureId.HOST_IDENTIFIER, cdw11=1), data)
    assert data == bytes(range(16))
    assert set_status(controller, features.set_features(FeatureId.HOST_IDENTIFIER), b"12345678") == 0


def test_a_namespaces_feature() -> None:
    controller, fid = make(), FeatureId.ERROR_RECOVERY
    assert set_status(controller, features.set_features(fid, 5, nsid=2)) == 0
    assert (value(controller, fid, nsid=1), value(controller, fid, nsid=2)) == (0, 5)
    assert set_status(controller, features.set_features(fid, 7, nsid=NSID_ALL)) == 0
    assert (value(controller, fid, nsid=1), value(controller, fid, nsid=2)) == (7, 7)


@given(st.sampled_from(list(FEATURES)), st.integers(0, 0xFFFF_FFFF), st.binary(min_size=512, max_size=512))
def test_what_was_set_is_what_is_read(fid: int, wanted: int, data: bytes) -> None:
    controller, feature = make(), FEATURES[fid]
    nsid = 1 if feature.per_namespace else 0
    if set_status(controller, features.set_features(fid, wanted, nsid=nsid), data) or feature.is_action:
        return
    cdw11 = wanted if fid == FeatureId.HOST_IDENTIFIER else wanted & feature.selector_mask
    into = bytearray(512)
    completion = controller.admin(features.get_features(fid, nsid=nsid, cdw11=cdw11), into)
    assert completion.status == 0
    if fid not in (FeatureId.NUMBER_OF_QUEUES, FeatureId.TIMESTAMP):
        assert completion.result == wanted >> feature.shift & feature.value_mask
        size = 8 if fid == FeatureId.HOST_IDENTIFIER and not wanted & 1 else feature.data_bytes
        assert into[:size] == data[:size]
