"""Logs of endurance, capacity, power, effects and partitions over gRPC."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from nvmed.nvme.persistent_event import EventType
from nvmed.simulator.faults import Fault, Patch
from nvmed.simulator.spec import GIB, DriveSpec
from nvmed.v1 import log_pages_pb2 as pb
from nvmed.v1 import log_pb2
from tests.rpc.harness import Daemon, StartDaemon
from tests.rpc.log_calls import read_page, reads, refused, stub

BOOT = (b"boot 0 " * (128 * 1024 // 7)).ljust(128 * 1024, b"\0"), b"\1" * 128 * 1024
EVERYTHING = DriveSpec(
    serial="EVERYTHING", endurance_groups=2, nvm_sets=1, capacity_management=True, rotational=True,
    boot_partitions=BOOT, power_measurement=True,
)  # fmt: skip
ME: dict[str, Any] = {"controller": "nvme0"}


@pytest.fixture
async def everything(start_daemon: StartDaemon) -> Daemon:
    return await start_daemon(EVERYTHING)


async def test_endurance_groups(everything: Daemon) -> None:
    drive = everything.drive()
    drive.health.bytes_written = 3 * 10**9
    log = await stub(everything).GetEnduranceGroupLog(pb.GetEnduranceGroupLogRequest(**ME, endurance_group_id=1))
    assert (log.bytes_written, log.write_amplification, log.rotational) == (3 * 10**9, 1, True)
    assert (log.total_capacity_bytes, log.HasField("bytes_read")) == (8 * GIB, False)
    new = await stub(everything).GetEnduranceGroupLog(pb.GetEnduranceGroupLogRequest(**ME, endurance_group_id=2))
    assert not new.HasField("write_amplification")
    call = stub(everything).GetEnduranceGroupLog(pb.GetEnduranceGroupLogRequest(**ME, endurance_group_id=3))
    assert await refused(call) == "NVME_INVALID_FIELD"


async def test_what_has_events(everything: Daemon) -> None:
    kind = pb.EventAggregateLog
    request = pb.GetEventAggregateLogRequest(**ME, subject=kind.SUBJECT_ENDURANCE_GROUPS)
    assert list((await stub(everything).GetEventAggregateLog(request)).ids) == []
    everything.drive().set_critical_warning(1)
    log = await stub(everything).GetEventAggregateLog(request)
    assert (list(log.ids), log.async_event_retained) == ([1], True)
    request.retain_async_event = False
    assert not (await stub(everything).GetEventAggregateLog(request)).async_event_retained
    sets = pb.GetEventAggregateLogRequest(**ME, subject=kind.SUBJECT_NVM_SETS)
    assert list((await stub(everything).GetEventAggregateLog(sets)).ids) == []
    hostile = Fault(Patch(0, b"\xff" * 8), log_id=0x0F)
    everything.drive().faults.add(hostile)
    assert await refused(stub(everything).GetEventAggregateLog(request)) == "NVME_DATA_INVALID"


async def test_latency_media_and_capacity(everything: Daemon) -> None:
    logs = stub(everything)
    latency = await logs.GetPredictableLatencyLog(pb.GetPredictableLatencyLogRequest(**ME, nvm_set_id=1))
    assert (latency.window, latency.time_left_ms) == (pb.PredictableLatencyLog.WINDOW_DETERMINISTIC, 8000)
    units = await logs.GetMediaUnitStatusLog(pb.GetMediaUnitStatusLogRequest(**ME))
    assert [list(one.channel_ids) for one in units.media_units] == [[0], [1], [2], [3]] * 2
    assert (units.selected_configuration_id, list(units.omissions)) == (1, [])
    found = await logs.GetCapacityConfigurations(pb.GetCapacityConfigurationsRequest(**ME))
    assert [len(one.endurance_groups) for one in found.configurations] == [1, 2]
    assert [one.channel_id for one in found.configurations[1].endurance_groups[1].channels] == [2, 3]
    media = await logs.GetRotationalMediaLog(pb.GetRotationalMediaLogRequest(**ME, endurance_group_id=1))
    assert (media.nominal_speed_rpm, media.spinups) == (7200, 1)


async def test_a_list_that_makes_no_sense_costs_only_what_follows(everything: Daemon) -> None:
    everything.drive().faults.add(Fault(Patch(16 + 18 + 13, b"\1"), log_id=0x10, times=8))
    log = await stub(everything).GetMediaUnitStatusLog(pb.GetMediaUnitStatusLogRequest(**ME))
    assert (len(log.media_units), log.media_unit_count) == (1, 8)
    assert [one.field for one in log.omissions] == ["media_units"]


async def test_effects(daemon: Daemon) -> None:
    features = await stub(daemon).GetFeatureEffectsLog(pb.GetFeatureEffectsLogRequest(**ME))
    known = {one.feature_id: one for one in features.features}
    assert known[4].title == "TEMPERATURE_THRESHOLD"
    assert list(known[4].scopes) == [pb.EFFECT_SCOPE_CONTROLLER]
    commands = await stub(daemon).GetManagementEffectsLog(pb.GetManagementEffectsLogRequest(**ME))
    assert list(commands.commands) == []
    daemon.drive().faults.add(Fault(Patch(0, b"\x11\0\0\2"), log_id=0x13))
    (command,) = (await stub(daemon).GetManagementEffectsLog(pb.GetManagementEffectsLogRequest(**ME))).commands
    assert (command.title, command.changes_controller) == ("READ_NVME_MI_DATA_STRUCTURE", True)
    assert list(command.scopes) == [pb.EFFECT_SCOPE_NVM_SUBSYSTEM]


async def test_changed_namespaces_are_cleared_when_asked_to(daemon: Daemon) -> None:
    daemon.drive().log_state.changed_namespaces |= {3, 1}
    request = pb.GetChangedNamespacesRequest(**ME)
    for _ in range(2):
        assert list((await stub(daemon).GetChangedNamespaces(request)).nsids) == [1, 3]
    request.retain_async_event = False
    log = await stub(daemon).GetChangedNamespaces(request)
    assert (list(log.nsids), log.async_event_retained) == ([1, 3], False)
    assert list((await stub(daemon).GetChangedNamespaces(request)).nsids) == []
    daemon.drive().log_state.changed_namespaces |= set(range(1, 2000))
    log = await stub(daemon).GetChangedNamespaces(request)
    assert (log.too_many, list(log.nsids)) == (True, [])


async def test_a_boot_partition_is_streamed_from_where_it_begins(everything: Daemon) -> None:
    found = await stub(everything).GetBootPartition(pb.GetBootPartitionRequest(**ME, partition_id=1))
    assert (found.size_bytes, found.active_partition_id, found.offset_bytes) == (128 * 1024, 0, 16)
    for number, content in enumerate(BOOT):
        page = await read_page(
            everything, log_page=0x15, log_specific_parameter=number, offset_bytes=16, length_bytes=found.size_bytes
        )
        assert page == content


async def test_power(everything: Daemon) -> None:
    log = await stub(everything).GetPowerMeasurementLog(pb.GetPowerMeasurementLogRequest(**ME))
    assert (log.average_milliwatts, log.maximum_milliwatts, log.error_percent, log.running) == (8100, 8400, 5, True)
    assert [(one.from_milliwatts, one.count) for one in log.bins] == [(8000, 50), (8250, 10)]
    everything.drive().faults.add(Fault(Patch(24, b"\4\0"), log_id=0x25, times=4))
    log = await stub(everything).GetPowerMeasurementLog(pb.GetPowerMeasurementLogRequest(**ME))
    assert (log.average_milliwatts, [one.field for one in log.omissions]) == (8100, ["bins"])


async def test_persistent_events_of_the_vendor_and_of_ocp(daemon: Daemon) -> None:
    drive = daemon.drive()
    activity = bytes(2) + (7).to_bytes(4, "little") + bytes(32)
    with drive.lock:
        drive.record(EventType.VENDOR_SPECIFIC, b"\1\0\3\0\x26\0" + activity)
        drive.record(EventType.VENDOR_SPECIFIC, b"\2\0\1\0\4\0door\2\0\4\0\x08\0" + b"\xff" * 8)
        drive.record(EventType.PERSONALITY_CHANGE, b"\1\2" + bytes(10))
    log = await stub(daemon).GetPersistentEventLog(log_pb2.GetPersistentEventLogRequest(**ME, events_max=3))
    changed, named, tcg = log.events
    assert (changed.personality_change.personality_id, changed.personality_change.failed) == (2, True)
    assert [(one.code, one.text, one.number) for one in named.vendor_event.descriptors] == [(2, "door", 0), (2, "", -1)]
    assert not named.vendor_event.HasField("tcg_activity")
    assert tcg.vendor_event.tcg_activity.command_count == 7


async def test_what_a_drive_does_not_have_is_not_asked_for(daemon: Daemon) -> None:
    logs = stub(daemon)
    calls: list[Awaitable[Any]] = [
        logs.GetPredictableLatencyLog(pb.GetPredictableLatencyLogRequest(**ME, nvm_set_id=1)),
        logs.GetMediaUnitStatusLog(pb.GetMediaUnitStatusLogRequest(**ME)),
        logs.GetCapacityConfigurations(pb.GetCapacityConfigurationsRequest(**ME)),
        logs.GetEnduranceGroupLog(pb.GetEnduranceGroupLogRequest(**ME, endurance_group_id=1)),
        logs.GetBootPartition(pb.GetBootPartitionRequest(**ME)),
        logs.GetPowerMeasurementLog(pb.GetPowerMeasurementLogRequest(**ME)),
        logs.GetSanitizedNamespaces(pb.GetSanitizedNamespacesRequest(**ME)),
        logs.GetChangedNamespaces(pb.GetChangedNamespacesRequest(**ME, allocated=True)),
    ]
    assert [await refused(call) for call in calls] == ["NVME_UNSUPPORTED"] * len(calls)
    for lid in (0x09, 0x0A, 0x10, 0x11, 0x15, 0x1C, 0x25, 0x7F):
        assert reads(daemon.drive(), lid) == []
