"""Telemetry of drives that lack what they are asked for, say so, or do not: what arrives is one log, or an error."""

from __future__ import annotations

import struct
from typing import Any

import grpc
import pytest

from nvmed.nvme import logpage
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Fault, NewGeneration, Patch, Refuse
from nvmed.simulator.spec import TelemetrySpec
from nvmed.v1 import telemetry_pb2 as pb
from tests.rpc.devices.test_telemetry import AREA_BYTES, etdas, refused, stream
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive

NVME_1_3 = 0x0001_0300
WITHOUT_AREA_4, WITHOUT_OFFSETS = 0x3E, 0x7A
AUTO = pb.TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED
GENERATION, BEST_EFFORT = (
    pb.TELEMETRY_CHANGE_DETECTION_GENERATION,
    pb.TELEMETRY_CHANGE_DETECTION_BEST_EFFORT,
)
PRECONDITION, ABORTED = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED
UNSUPPORTED = grpc.StatusCode.UNIMPLEMENTED
LOG = AdminOpcode.GET_LOG_PAGE


def creations(drive: Controller) -> list[int]:
    """How a log was to be created: the areas that were named."""
    asked = [logpage.decode(command) for command in drive.journal.commands(opcode=LOG)]
    return [one.lsp >> 1 for one in asked if one.lid == LogPage.TELEMETRY_HOST_INITIATED and one.lsp & 1]


# -- data area 4


@pytest.mark.parametrize("area", [3, AUTO])
async def test_reserved_bytes_are_no_area_4(start_daemon: StartDaemon, area: pb.TelemetryDataArea) -> None:
    daemon = await start_daemon(small_drive(log_attributes=WITHOUT_AREA_4))
    daemon.drive().faults.add(Fault(Patch(16, b"\xff\xff\0\0"), opcode=LOG, log_id=7, times=None))
    received = await stream(daemon, data_area=area)
    assert (received.header.data_area, len(received.data)) == (pb.TELEMETRY_DATA_AREA_3, AREA_BYTES[3])
    assert received.header.area_end_bytes[3] == 0
    caps = await daemon.telemetry.GetTelemetryCapabilities(pb.GetTelemetryCapabilitiesRequest(controller="nvme0"))
    assert (caps.max_data_area, caps.host_log.area_end_bytes[3]) == (3, 0)


@pytest.mark.parametrize("opcode", [AdminOpcode.GET_FEATURES, AdminOpcode.SET_FEATURES])
async def test_a_drive_that_refuses_etdas(daemon: Daemon, opcode: AdminOpcode) -> None:
    fault = Fault(Refuse(0x4002), opcode=opcode, feature_id=FeatureId.HOST_BEHAVIOR_SUPPORT, times=None)
    daemon.drive().faults.add(fault)
    failure = await refused(daemon, UNSUPPORTED, "TELEMETRY_UNSUPPORTED", data_area=4)
    assert "Host Behavior Support" in str(failure.details())
    received = await stream(daemon, data_area=AUTO)
    assert (received.header.data_area, len(received.data)) == (pb.TELEMETRY_DATA_AREA_3, AREA_BYTES[3])
    assert [one.field for one in received.header.omissions] == ["area_end_bytes"]
    assert not list(daemon.state_dir.glob("etdas-*"))


async def test_what_was_refused_leaves_anothers_bit_alone(daemon: Daemon) -> None:
    drive = daemon.drive()
    fault = drive.faults.add(Fault(Refuse(0x4002), opcode=AdminOpcode.SET_FEATURES, times=None))
    await refused(daemon, UNSUPPORTED, "TELEMETRY_UNSUPPORTED", data_area=4)
    drive.faults.remove(fault)
    command = Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.HOST_BEHAVIOR_SUPPORT)
    assert drive.admin(command, bytearray(b"\0\1").ljust(512, b"\0")).status == 0
    await stream(daemon, data_area=4)
    assert etdas(drive) == 1


# -- how much to create


async def test_an_older_drive_is_not_told_how_much_to_create(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(nvme_version=NVME_1_3, log_attributes=WITHOUT_AREA_4))
    received = await stream(daemon, data_area=3, create=True)
    assert len(received.data) == AREA_BYTES[3]
    assert creations(daemon.drive()) == [0]


async def test_a_drive_that_refuses_to_be_told_how_much_to_create(daemon: Daemon) -> None:
    def names_an_area(command: Command) -> bool:
        return command.cdw10 >> 9 & 7 != 0

    daemon.drive().faults.add(Fault(Refuse(0x4002), opcode=LOG, log_id=7, where=names_an_area, times=None))
    for _ in range(2):
        assert len((await stream(daemon, data_area=3, create=True)).data) == AREA_BYTES[3]
    assert creations(daemon.drive()) == [3, 0, 0]  # learnt


# -- changes


def replaced_at(offset: int, *, skip: int = 0) -> Fault:
    """Another host creates a log when so much of it is read."""
    return Fault(NewGeneration(host=True), opcode=LOG, log_id=7, where=lambda one: one.cdw12 >= offset, skip=skip)


@pytest.mark.parametrize("offset", [512, 4096, 8192 + 512, 24 * KIB, 60 * KIB])
@pytest.mark.parametrize("version", [NVME_1_3, 0x0002_0000])
async def test_a_log_that_is_replaced_is_noticed(start_daemon: StartDaemon, version: int, offset: int) -> None:
    daemon = await start_daemon(small_drive(nvme_version=version, log_attributes=WITHOUT_AREA_4))
    # without a generation the first blocks of the areas are read before, too
    skip = (
        len([place for place in (512, 8 * KIB + 512, 24 * KIB + 512) if place >= offset]) if version == NVME_1_3 else 0
    )
    daemon.drive().faults.add(replaced_at(offset, skip=skip))
    await refused(daemon, ABORTED, "TELEMETRY_GENERATION_CHANGED", data_area=3, chunk_bytes=4096, window=1)


async def test_a_stream_says_whether_changes_can_be_noticed(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(nvme_version=NVME_1_3), small_drive("NVMED2"))
    for node, detection in (("nvme0", BEST_EFFORT), ("nvme1", GENERATION)):
        received = await stream(daemon, controller=node, data_area=3)
        assert received.trailer is not None
        assert (received.header.change_detection, received.trailer.change_detection) == (detection, detection)
        caps = await daemon.telemetry.GetTelemetryCapabilities(pb.GetTelemetryCapabilitiesRequest(controller=node))
        assert caps.host_log.change_detection == detection


@pytest.mark.parametrize("create", [False, True])
async def test_a_client_may_insist_on_it(start_daemon: StartDaemon, create: bool) -> None:
    daemon = await start_daemon(small_drive(nvme_version=NVME_1_3), small_drive("NVMED2"))
    wanted: dict[str, Any] = {"data_area": 3, "create": create, "require_change_detection": True}
    await refused(daemon, PRECONDITION, "TELEMETRY_CHANGE_UNDETECTABLE", controller="nvme0", **wanted)
    assert creations(daemon.drive()) == []
    await stream(daemon, controller="nvme1", **wanted)


async def test_a_log_without_a_generation_is_resumed_only_if_it_is_the_same(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(nvme_version=NVME_1_3))
    whole = await stream(daemon, data_area=3)
    token = whole.header.resume_token
    rest = await stream(daemon, data_area=3, resume_token=token, offset=24 * KIB)
    assert rest.data == whole.data[24 * KIB :]
    daemon.drive().create_host_telemetry()
    await refused(daemon, ABORTED, "TELEMETRY_GENERATION_CHANGED", data_area=3, resume_token=token, offset=24 * KIB)


# -- areas and offsets


async def test_an_empty_area_names_those_that_are_not(start_daemon: StartDaemon) -> None:
    telemetry = TelemetrySpec(last_blocks=(16, 48, 0, 0), host_log_present=True)
    daemon = await start_daemon(small_drive(telemetry=telemetry))
    for area in (3, 4):
        failure = await refused(daemon, PRECONDITION, "TELEMETRY_AREA_EMPTY", data_area=area)
        assert "ask for 1 or 2" in str(failure.details())
    assert (await stream(daemon, data_area=AUTO)).header.data_area == pb.TELEMETRY_DATA_AREA_2


async def test_a_log_of_a_drive_that_reads_none_in_parts(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(log_attributes=WITHOUT_OFFSETS))
    received = await stream(daemon, data_area=1)
    assert len(received.data) == AREA_BYTES[1]
    await refused(daemon, UNSUPPORTED, "NVME_UNSUPPORTED", data_area=2)
    offsets = {logpage.decode(one).offset_bytes for one in daemon.drive().journal.commands(opcode=LOG)}
    assert offsets == {0}
    assert struct.unpack("<H", received.data[8:10]) == (16,)
