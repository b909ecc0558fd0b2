"""What a drive refuses to tell costs what it refused, no more: the rest is answered, what lacks is named."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from nvmed.devices import logs_persistent
from nvmed.nvme.opcodes import AdminOpcode, IdentifyCns, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.faults import Fault, Patch, Refuse
from nvmed.v1 import log_pb2, namespace_pb2, telemetry_pb2
from nvmed.v1.log_pb2_grpc import LogServiceStub
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive
from tests.rpc.log_calls import read_page, reads, stub

INVALID_FIELD, INVALID_LOG_PAGE = 0x4002, 0x4109
IDENTIFY, LOG = AdminOpcode.IDENTIFY, AdminOpcode.GET_LOG_PAGE


def refuses(daemon: Daemon, status: int = INVALID_FIELD, **about: Any) -> None:
    daemon.drive().faults.add(Fault(Refuse(status), times=None, **about))


def cns(*numbers: int) -> Callable[[Command], bool]:
    return lambda command: command.cdw10 & 0xFF in numbers


def releases(command: Command) -> bool:
    return command.cdw10 >> 8 & 0x7F == 2


def lacks(answer: Any) -> list[tuple[str, str]]:
    """What an answer says that it lacks, and why."""
    assert all(one.message for one in answer.omissions)
    return [(one.field, one.reason) for one in answer.omissions]


async def test_a_context_that_is_not_released(daemon: Daemon) -> None:
    refuses(daemon, opcode=LOG, log_id=LogPage.PERSISTENT_EVENT, where=releases)
    answer = await stub(daemon).GetPersistentEventLog(log_pb2.GetPersistentEventLogRequest(controller="nvme0"))
    assert answer.complete
    assert answer.events
    assert lacks(answer) == [("", "NVME_INVALID_FIELD")]


async def test_a_context_that_is_not_released_after_a_raw_page(daemon: Daemon) -> None:
    refuses(daemon, opcode=LOG, log_id=LogPage.PERSISTENT_EVENT, where=releases)
    request = log_pb2.ReadLogPageRequest(
        controller="nvme0", log_page=LogPage.PERSISTENT_EVENT, length_bytes=512, log_specific_parameter=1
    )
    parts = [part async for part in stub(daemon).ReadLogPage(request)]
    assert lacks(parts[-1].trailer) == [("", "NVME_INVALID_FIELD")]


@pytest.mark.parametrize("too_many", [1, 1000])
async def test_a_log_that_counts_too_many_events(daemon: Daemon, too_many: int) -> None:
    for _ in range(5):
        daemon.drive().reset()
    request = log_pb2.GetPersistentEventLogRequest(controller="nvme0")
    true = await stub(daemon).GetPersistentEventLog(request)
    count = struct.pack("<I", true.total_events + too_many)
    daemon.drive().faults.add(Fault(Patch(4, count), opcode=LOG, log_id=LogPage.PERSISTENT_EVENT, times=None))
    answer = await stub(daemon).GetPersistentEventLog(request)
    assert len(answer.events) == true.total_events
    assert not answer.complete
    assert lacks(answer) == [("events", "NVME_DATA_INVALID")]


async def test_a_log_whose_later_parts_are_refused(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_persistent, "FIRST_BYTES", KIB)
    for _ in range(40):
        daemon.drive().reset()
    refuses(
        daemon, 0x4006, opcode=LOG, log_id=LogPage.PERSISTENT_EVENT, where=lambda command: command.cdw12 > KIB
    )  # fmt: skip
    request = log_pb2.GetPersistentEventLogRequest(controller="nvme0")
    answer = await stub(daemon).GetPersistentEventLog(request)
    assert 5 < len(answer.events) < answer.total_events
    assert not answer.complete
    assert lacks(answer) == [("events", "NVME_REFUSED")]


async def test_controllers_of_namespaces_are_optional(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    refuses(
        daemon, opcode=IDENTIFY,
        where=cns(IdentifyCns.NAMESPACE_ATTACHED_CONTROLLER_LIST, IdentifyCns.CONTROLLER_LIST),
    )  # fmt: skip
    service = NamespaceServiceStub(daemon.channel)
    identity = await service.GetNamespaceIdentity(namespace_pb2.GetNamespaceIdentityRequest(controller="nvme0", nsid=1))
    assert identity.size_blocks
    assert lacks(identity) == [("controller_ids", "NVME_INVALID_FIELD")]
    listed = await service.ListAllocatedNamespaces(namespace_pb2.ListAllocatedNamespacesRequest(controller="nvme0"))
    assert [one.nsid for one in listed.namespaces] == [1]
    assert lacks(listed) == [("namespaces.controller_ids", "NVME_INVALID_FIELD")]


async def test_the_list_of_all_namespaces_is_optional(daemon: Daemon) -> None:
    refuses(daemon, opcode=IDENTIFY, where=cns(IdentifyCns.ALLOCATED_NAMESPACE_LIST))
    service = NamespaceServiceStub(daemon.channel)
    listed = await service.ListAllocatedNamespaces(namespace_pb2.ListAllocatedNamespacesRequest(controller="nvme0"))
    assert [(one.nsid, one.attached) for one in listed.namespaces] == [(1, True)]
    assert lacks(listed) == [("namespaces", "NVME_INVALID_FIELD")]


@pytest.mark.parametrize(
    ("page", "lacking", "there"), [(7, "host_log", "controller_log"), (8, "controller_log", "host_log")]
)
async def test_one_telemetry_log_of_two(daemon: Daemon, page: int, lacking: str, there: str) -> None:
    refuses(daemon, INVALID_LOG_PAGE, opcode=LOG, log_id=page)
    answer = await daemon.telemetry.GetTelemetryCapabilities(
        telemetry_pb2.GetTelemetryCapabilitiesRequest(controller="nvme0")
    )
    assert answer.max_data_area == 4
    assert answer.HasField(there)
    assert not answer.HasField(lacking)
    assert [one.field for one in answer.omissions] == [lacking]


async def test_a_list_of_uuids_is_optional(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    refuses(daemon, opcode=IDENTIFY, where=cns(IdentifyCns.UUID_LIST))
    answer = await stub(daemon).GetOcpSmartLog(log_pb2.GetOcpSmartLogRequest(controller="nvme0"))
    assert answer.log_page_version


async def test_groups_that_are_not_there(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(ana_groups=2))
    request = log_pb2.GetAnaLogRequest(controller="nvme0")
    true = await stub(daemon).GetAnaLog(request)
    count = struct.pack("<H", len(true.groups) + 1)
    daemon.drive().faults.add(
        Fault(Patch(8, count), opcode=LOG, log_id=LogPage.ASYMMETRIC_NAMESPACE_ACCESS, times=None)
    )
    answer = await stub(daemon).GetAnaLog(request)
    assert list(answer.groups) == list(true.groups)
    assert lacks(answer) == [("groups", "NVME_DATA_INVALID")]


async def test_nothing_lacks_where_all_is_told(daemon: Daemon) -> None:
    log = LogServiceStub(daemon.channel)
    assert lacks(await log.GetPersistentEventLog(log_pb2.GetPersistentEventLogRequest(controller="nvme0"))) == []
    assert await read_page(daemon, log_page=LogPage.SMART_HEALTH_INFORMATION, length_bytes=512)
    assert len(reads(daemon.drive(), LogPage.SMART_HEALTH_INFORMATION)) == 1
