"""The discovery subsystem, as nvme discover reads it."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator

import pytest

from nvmed.nvme.opcodes import AdminOpcode, FeatureId, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.nvme_tcp import NvmeTcpTarget, fabrics
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.unit.simulator.nvme_tcp.initiator import Initiator, connect_command

DNR = 0x4000


@pytest.fixture
async def target() -> AsyncIterator[NvmeTcpTarget]:
    drives = [Subsystem(DriveSpec(serial="ONE")), Subsystem(DriveSpec(serial="TWO", controllers=2))]
    async with NvmeTcpTarget(drives, port=0, paths=2, advertise_host="10.0.2.2") as target:
        yield target


@pytest.fixture
async def initiator(target: NvmeTcpTarget) -> AsyncIterator[Initiator]:
    async with Initiator(target.port) as initiator:
        await initiator.connect(fabrics.DISCOVERY_NQN, io_queues=0)
        yield initiator


def get_log(length: int, offset: int = 0, log_page: int = LogPage.DISCOVERY) -> Command:
    return Command(AdminOpcode.GET_LOG_PAGE, cdw10=log_page | (length // 4 - 1) << 16, cdw12=offset)


async def test_the_log_names_every_way_to_every_subsystem(initiator: Initiator, target: NvmeTcpTarget) -> None:
    completion, header = await initiator.admin.submit(get_log(1024), read_bytes=1024)
    assert completion.status == 0
    generation, records, record_format = struct.unpack_from("<QQH", header)
    assert (generation, records, record_format) == (1, 4, 0)
    _, log = await initiator.admin.submit(get_log(records * 1024, 1024), read_bytes=records * 1024)
    entries = []
    for start in range(0, len(log), 1024):
        transport, family, kind, _, port_id, controller_id, entries_max, _ = struct.unpack_from("<BBBBHHHH", log, start)
        assert (transport, family, controller_id, entries_max) == (3, 1, 0xFFFF, 32)
        service = log[start + 32 : start + 64].decode().strip()
        nqn = log[start + 256 : start + 512].rstrip(b"\0").decode()
        assert log[start + 512 : start + 768].decode().strip() == "10.0.2.2"
        entries.append((kind, nqn, int(service), port_id))
    one, two = target.subsystems
    assert entries == [
        (3, fabrics.DISCOVERY_NQN, target.ports[0], 1),
        (2, one, target.ports[0], 1),
        (2, two, target.ports[0], 1),
        (2, two, target.ports[1], 2),
    ]


async def test_the_end_of_the_log_is_padded(initiator: Initiator) -> None:
    completion, data = await initiator.admin.submit(get_log(4096, 4096), read_bytes=4096)
    assert completion.status == 0
    assert data[:1024].strip(b"\0")
    assert not data[1024:].strip(b"\0")


async def test_it_is_a_discovery_controller(initiator: Initiator) -> None:
    data = await initiator.identify_controller()
    assert data[111] == 2
    assert data[768:1024].rstrip(b"\0").decode() == fabrics.DISCOVERY_NQN
    assert int.from_bytes(data[78:80], "little") == initiator.controller_id


async def test_it_remembers_which_events_are_wanted(initiator: Initiator) -> None:
    feature = FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION
    await initiator.admin.submit(Command(AdminOpcode.SET_FEATURES, cdw10=feature, cdw11=1 << 31))
    completion, _ = await initiator.admin.submit(Command(AdminOpcode.GET_FEATURES, cdw10=feature))
    assert completion.result == 1 << 31


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (get_log(512, log_page=LogPage.SMART_HEALTH_INFORMATION), fabrics.Status.INVALID_LOG_PAGE),
        (get_log(1024, 1 << 20), fabrics.Status.INVALID_FIELD),
        (get_log(1024, 2), fabrics.Status.INVALID_FIELD),
        (Command(AdminOpcode.IDENTIFY, cdw10=2), fabrics.Status.INVALID_FIELD),
        (Command(AdminOpcode.SET_FEATURES, cdw10=2), fabrics.Status.INVALID_FIELD),
        (Command(AdminOpcode.FORMAT_NVM), fabrics.Status.INVALID_OPCODE),
    ],
)
async def test_it_does_nothing_else(initiator: Initiator, command: Command, status: fabrics.Status) -> None:
    completion, _ = await initiator.admin.submit(command)
    assert completion.status == status | DNR


async def test_it_has_no_io_queues(initiator: Initiator) -> None:
    completion = await initiator.connect_io(1)
    assert completion.status == fabrics.Status.CONNECT_INVALID_PARAMETERS | DNR
    assert completion.result == 42


async def test_many_may_discover_at_once(target: NvmeTcpTarget) -> None:
    async with Initiator(target.port) as initiator:
        ids = set()
        for _ in range(5):
            completion = await initiator.connect_admin(fabrics.DISCOVERY_NQN, connect_command())
            assert completion.status == 0
            ids.add(initiator.controller_id)
        assert len(ids) == 5
