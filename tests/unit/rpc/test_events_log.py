"""Persistent events as messages: each type has its field, and strange bytes are no error."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme.event_data import STRUCTURES, ChangeNamespaceData, FirmwareCommitData, SetFeatureData
from nvmed.nvme.health import SmartLog
from nvmed.nvme.persistent_event import EventType, PersistentEvent, PersistentEventHeader
from nvmed.nvme.telemetry import TelemetryHeader
from nvmed.rpc.convert.persistent_events import event
from nvmed.v1 import log_pb2 as pb


def said(kind: int, data: bytes) -> pb.PersistentEvent:
    return event(PersistentEvent(PersistentEventHeader(event_type=kind), data=data))


@pytest.mark.parametrize("kind", STRUCTURES, ids=lambda kind: EventType(kind).name)
def test_each_type_has_its_field(kind: int) -> None:
    found = said(kind, STRUCTURES[kind]().build())
    assert (found.type, found.WhichOneof("details") is not None) == (kind, True)
    assert said(kind, STRUCTURES[kind]().build()[:-1]).WhichOneof("details") is None


def test_every_field_is_of_one_type() -> None:
    fields = [said(kind, structure().build()).WhichOneof("details") for kind, structure in STRUCTURES.items()]
    (details,) = pb.PersistentEvent.DESCRIPTOR.oneofs
    assert sorted(map(str, fields)) == sorted(field.name for field in details.fields)


def test_what_events_say() -> None:
    commit = said(EventType.FIRMWARE_COMMIT, FirmwareCommitData("1.0.0", "2.0.0", 3, 2, 1, 7).build()).firmware_commit
    assert (commit.previous_revision, commit.revision, commit.slot, commit.raw_status) == ("1.0.0", "2.0.0", 2, 0x107)
    assert commit.status_mnemonic == "NVME_SC_FIRMWARE_IMAGE"
    change = said(EventType.CHANGE_NAMESPACE, ChangeNamespaceData(cdw10=1, nsid=3, nmic=1).build()).namespace_change
    assert (change.deleted, change.nsid, change.shared) == (True, 3, True)
    data = SetFeatureData(2).build() + struct.pack("<II", 0x8000_0007, 9)
    feature = said(EventType.SET_FEATURE, data).feature_change
    assert (feature.feature_id, list(feature.command_dwords)) == (7, [0x8000_0007, 9])
    smart = said(EventType.SMART_HEALTH_SNAPSHOT, SmartLog(composite_temperature=311).build()).smart
    assert (smart.temperature_celsius, smart.controller) == (38, "")
    capture = said(EventType.TELEMETRY_LOG_CREATED, TelemetryHeader(byte_381=9).build()).telemetry_capture
    assert (capture.controller_initiated, capture.generation_number) == (False, 9)


@given(st.integers(0, 255), st.binary(max_size=600))
def test_any_event_is_a_message(kind: int, data: bytes) -> None:
    found = said(kind, data)
    assert (found.raw_type, found.data) == (kind, data)
    assert pb.PersistentEvent.FromString(found.SerializeToString()) == found
