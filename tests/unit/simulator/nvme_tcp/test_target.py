"""The NVMe/TCP target as a host sees it: connecting, properties, identity, queues, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from nvmed.errors import InvalidArgument
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.opcodes import AdminOpcode, FabricsCommandType, FeatureId, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.nvme_tcp import Limits, NvmeTcpTarget, fabrics, pdu
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.unit.simulator.nvme_tcp.initiator import (
    HOST_ID,
    HOST_NQN,
    HostQueue,
    Initiator,
    Terminated,
    connect_command,
    property_get,
    property_set,
    target_tasks,
)

DNR = 0x4000


@contextlib.asynccontextmanager
async def serving(*subsystems: Subsystem, paths: int = 1, **limits: float) -> AsyncIterator[NvmeTcpTarget]:
    """A target on free ports; afterwards nothing of it may be left."""
    async with NvmeTcpTarget(subsystems, port=0, paths=paths, limits=Limits(**limits)) as target:  # type: ignore[arg-type]
        yield target
    assert target.connections == 0
    assert target.associations == ()
    assert target_tasks() == []


@pytest.fixture
def subsystem() -> Subsystem:
    return Subsystem(DriveSpec())


@pytest.fixture
async def target(subsystem: Subsystem) -> AsyncIterator[NvmeTcpTarget]:
    async with serving(subsystem) as target:
        yield target


@pytest.fixture
async def initiator(target: NvmeTcpTarget) -> AsyncIterator[Initiator]:
    async with Initiator(target.port) as initiator:
        yield initiator


async def test_a_controller_of_the_dynamic_model_has_another_number_at_each_association() -> None:
    subsystem = Subsystem(DriveSpec(dynamic_controllers=True))
    async with serving(subsystem) as target:
        numbers = []
        for _ in range(3):
            async with Initiator(target.port) as initiator:
                await initiator.connect(subsystem.nqn, io_queues=1)
                numbers.append(initiator.controller_id)
                identity = IdentifyController.parse(await initiator.identify_controller())
                assert identity.cntlid == initiator.controller_id == subsystem.controller.controller_id
        assert len(set(numbers)) == 3
        async with Initiator(target.port) as initiator:
            queue = await initiator.open()
            data = initiator.connect_data(subsystem.nqn, subsystem.controller.controller_id)
            refused, _ = await queue.submit(connect_command(), data)  # a host cannot ask for one
            assert refused.status & 0x7FF == 0x182


async def test_a_host_connects_and_finds_the_drive(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect(subsystem.nqn, io_queues=4)
    data = await initiator.identify_controller()
    assert initiator.controller_id == subsystem.controller.controller_id
    assert data[4:24].decode().strip() == subsystem.controller.serial


async def test_identify_has_what_only_fabrics_have(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect(subsystem.nqn)
    data = await initiator.identify_controller()

    def field(offset: int, size: int) -> int:
        return int.from_bytes(data[offset : offset + size], "little")

    assert field(78, 2) == initiator.controller_id
    assert field(320, 2) > 0, "KAS: Linux refuses a controller without"
    assert field(514, 2) == 128, "MAXCMD"
    assert field(536, 4) & 0x3, "SGLS"
    assert data[768:1024].rstrip(b"\0").decode() == subsystem.nqn
    assert field(1792, 4) * 16 == 64 + 8192, "IOCCSZ"
    assert field(1796, 4) * 16 == 16, "IORCSZ"
    assert field(1800, 2) == 0, "ICDOFF: Linux wants 0 over TCP"
    assert data[1803] == 1, "MSDBD"


async def test_properties(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect_admin(subsystem.nqn)
    admin = initiator.admin
    completion, _ = await admin.submit(property_get(fabrics.CAP, 8))
    assert completion.status == 0
    assert completion.result & 0xFFFF == 127
    assert completion.result >> 16 & 1, "CQR"
    assert completion.result >> 36 & 1, "NSSRS"
    assert completion.result >> 37 & 1, "CSS: NVM"
    completion, _ = await admin.submit(property_get(fabrics.VS))
    assert completion.result == 0x2_0000
    completion, _ = await admin.submit(property_get(fabrics.CSTS))
    assert completion.result == 0
    await initiator.enable()
    completion, _ = await admin.submit(property_get(fabrics.CC))
    assert completion.result == 0x46_0001
    await admin.submit(property_set(fabrics.CC, 0x46_4001))
    completion, _ = await admin.submit(property_get(fabrics.CSTS))
    assert completion.result & 0xC == 0x8, "shutdown complete"


@pytest.mark.parametrize(
    "command",
    [property_get(fabrics.CAP), property_get(fabrics.CC, 8), property_get(0x30), property_set(fabrics.CAP, 1),
     property_set(0x24, 0)],
)  # fmt: skip
async def test_unknown_properties(initiator: Initiator, subsystem: Subsystem, command: Command) -> None:
    await initiator.connect_admin(subsystem.nqn)
    completion, _ = await initiator.admin.submit(command)
    assert completion.status & ~DNR == fabrics.Status.INVALID_FIELD


async def test_a_configuration_that_does_not_fit_is_fatal(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect_admin(subsystem.nqn)
    await initiator.admin.submit(property_set(fabrics.CC, 0x44_0001))
    completion, _ = await initiator.admin.submit(property_get(fabrics.CSTS))
    assert completion.result == fabrics.CSTS_FATAL


async def test_commands_wait_for_the_controller_to_be_enabled(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect_admin(subsystem.nqn)
    completion, _ = await initiator.admin.submit(Command(AdminOpcode.IDENTIFY, cdw10=1), read_bytes=4096)
    assert completion.status == fabrics.Status.COMMAND_SEQUENCE_ERROR | DNR
    completion = await initiator.connect_io()
    assert completion.status == fabrics.Status.COMMAND_SEQUENCE_ERROR | DNR


def invalid(offset: int, *, in_data: bool) -> tuple[int, int]:
    return fabrics.Status.CONNECT_INVALID_PARAMETERS | DNR, offset | in_data << 16


@pytest.mark.parametrize(
    ("command", "data", "expected"),
    [
        (connect_command(record_format=1), {}, (fabrics.Status.CONNECT_INCOMPATIBLE_FORMAT | DNR, 0)),
        (connect_command(entries=1), {}, invalid(44, in_data=False)),
        (connect_command(entries=1000), {}, invalid(44, in_data=False)),
        (connect_command(), {"subsystem_nqn": "nqn.2014-08.org.example:other"}, invalid(256, in_data=True)),
        (connect_command(), {"subsystem_nqn": ""}, invalid(256, in_data=True)),
        (connect_command(), {"host_nqn": ""}, invalid(512, in_data=True)),
        (connect_command(), {"host_nqn": "x" * 224}, invalid(512, in_data=True)),
        (connect_command(), {"controller_id": 77}, invalid(16, in_data=True)),
        (connect_command(queue_id=1), {"controller_id": 1}, invalid(16, in_data=True)),
    ],
)
async def test_connects_that_are_refused(
    initiator: Initiator, subsystem: Subsystem, command: Command, data: dict[str, str | int],
    expected: tuple[int, int],
) -> None:  # fmt: skip
    queue = await initiator.open()
    nqn, controller_id = str(data.get("subsystem_nqn", subsystem.nqn)), int(data.get("controller_id", 0xFFFF))
    raw = fabrics.build_connect_data(HOST_ID, controller_id, nqn, str(data.get("host_nqn", HOST_NQN)))
    completion, _ = await queue.submit(command, raw)
    assert (completion.status, completion.result) == expected
    completion, _ = await queue.submit(connect_command(), initiator.connect_data(subsystem.nqn))
    assert completion.status == 0, "a host may try again on the same connection"


async def test_connect_needs_its_data(initiator: Initiator) -> None:
    queue = await initiator.open()
    completion, _ = await queue.submit(connect_command(), bytes(512))
    assert completion.status == fabrics.Status.DATA_LENGTH_INVALID | DNR
    completion, _ = await queue.submit(connect_command())
    assert completion.status == fabrics.Status.DATA_LENGTH_INVALID | DNR
    raw = bytearray(initiator.connect_data("nqn"))
    raw[256:512] = b"\xff" * 256
    completion, _ = await queue.submit(connect_command(), bytes(raw))
    assert (completion.status, completion.result) == invalid(256, in_data=True)


async def test_connect_comes_first_and_once(initiator: Initiator, subsystem: Subsystem) -> None:
    queue = await initiator.open()
    completion, _ = await queue.submit(Command(AdminOpcode.IDENTIFY, cdw10=1), read_bytes=4096)
    assert completion.status == fabrics.Status.COMMAND_SEQUENCE_ERROR | DNR
    connect = initiator.connect_data(subsystem.nqn)
    completion, _ = await queue.submit(connect_command(), connect)
    assert completion.status == 0
    completion, _ = await queue.submit(connect_command(), connect)
    assert completion.status == fabrics.Status.COMMAND_SEQUENCE_ERROR | DNR


async def test_io_queues_belong_to_the_host_that_holds_the_controller(
    target: NvmeTcpTarget, initiator: Initiator, subsystem: Subsystem
) -> None:
    await initiator.connect(subsystem.nqn)
    completion = await initiator.connect_io(1)
    assert completion.status == fabrics.Status.COMMAND_SEQUENCE_ERROR | DNR, "there is a queue 1"
    completion = await initiator.connect_io(17)
    assert (completion.status, completion.result) == invalid(42, in_data=False)
    async with Initiator(target.port, host_nqn="nqn.2014-08.org.example:thief") as thief:
        thief.nqn, thief.controller_id = subsystem.nqn, initiator.controller_id
        completion = await thief.connect_io(2)
        assert (completion.status, completion.result) == invalid(512, in_data=True)


async def test_number_of_queues(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect(subsystem.nqn)
    feature = Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.NUMBER_OF_QUEUES, cdw11=0x3F_003F)
    completion, _ = await initiator.admin.submit(feature)
    assert (completion.status, completion.result) == (0, 0xF_000F)
    feature = Command(AdminOpcode.GET_FEATURES, cdw10=FeatureId.NUMBER_OF_QUEUES)
    completion, _ = await initiator.admin.submit(feature)
    assert (completion.status, completion.result) == (0, 0xF_000F)
    feature = Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.NUMBER_OF_QUEUES, cdw11=0xFFFF)
    completion, _ = await initiator.admin.submit(feature)
    assert completion.status == fabrics.Status.INVALID_FIELD | DNR


async def test_queues_are_not_made_by_commands(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect(subsystem.nqn)
    completion, _ = await initiator.admin.submit(Command(AdminOpcode.CREATE_IO_COMPLETION_QUEUE))
    assert completion.status == fabrics.Status.INVALID_OPCODE | DNR


async def test_disconnect_ends_an_io_queue_only(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect(subsystem.nqn)
    disconnect = Command(AdminOpcode.FABRICS, FabricsCommandType.DISCONNECT)
    completion, _ = await initiator.queues[1].submit(disconnect)
    assert completion.status == 0
    assert isinstance(await initiator.queues[1].closed(), asyncio.IncompleteReadError | ConnectionError)
    completion, _ = await initiator.admin.submit(disconnect)
    assert completion.status == fabrics.Status.INVALID_QUEUE_TYPE | DNR
    completion = await initiator.connect_io(1)
    assert completion.status == 0


async def test_a_controller_has_one_host_at_a_time(target: NvmeTcpTarget, subsystem: Subsystem) -> None:
    async with Initiator(target.port) as first, Initiator(target.port, host_nqn="nqn.2014-08.org.example:b") as second:
        await first.connect(subsystem.nqn)
        completion = await second.connect_admin(subsystem.nqn)
        assert completion.status == fabrics.Status.CONNECT_CONTROLLER_BUSY, "no DNR: later it may work"
        await first.admin.close()
        while completion.status == fabrics.Status.CONNECT_CONTROLLER_BUSY:
            completion, _ = await second.admin.submit(connect_command(), second.connect_data(subsystem.nqn))
        assert completion.status == 0


async def test_hosts_get_their_controllers_back() -> None:
    subsystem = Subsystem(DriveSpec(controllers=3))
    async with serving(subsystem) as target:
        ids: dict[str, int] = {}
        for _ in range(2):
            async with contextlib.AsyncExitStack() as stack:
                names = ["nqn.a", "nqn.b", "nqn.c"] if not ids else ["nqn.c", "nqn.a", "nqn.b"]
                for name in names:
                    initiator = await stack.enter_async_context(Initiator(target.port, host_nqn=name))
                    assert (await initiator.connect_admin(subsystem.nqn)).status == 0
                    assert ids.setdefault(name, initiator.controller_id) == initiator.controller_id
            await target.idle()
        assert sorted(ids.values()) == sorted(subsystem.controllers)


async def test_each_path_leads_to_its_own_controller() -> None:
    subsystem = Subsystem(DriveSpec(controllers=2))
    async with serving(subsystem, paths=2) as target:
        for port, controller_id in zip(target.ports, sorted(subsystem.controllers), strict=True):
            async with Initiator(port) as initiator:
                assert (await initiator.connect_admin(subsystem.nqn)).status == 0
                assert initiator.controller_id == controller_id
                completion = await initiator.connect_admin(subsystem.nqn)
                assert completion.status == fabrics.Status.CONNECT_CONTROLLER_BUSY


async def test_the_admin_connection_takes_its_queues_with_it(
    target: NvmeTcpTarget, initiator: Initiator, subsystem: Subsystem
) -> None:
    await initiator.connect(subsystem.nqn, io_queues=2)
    await initiator.admin.close()
    for queue in initiator.queues[1:]:
        await queue.closed()
    await target.idle()


async def test_a_controller_reset_ends_io_queues_and_forgets_what_was_set(
    initiator: Initiator, subsystem: Subsystem
) -> None:
    await initiator.connect(subsystem.nqn)
    events = Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, cdw11=0x100)
    assert (await initiator.admin.submit(events))[0].status == 0
    initiator.admin.begin(Command(AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST), command_id=77)
    completion, _ = await initiator.admin.submit(property_set(fabrics.CC, 0))
    assert completion.status == 0
    await initiator.queues[1].closed()
    completion, _ = await initiator.admin.submit(property_get(fabrics.CSTS))
    assert completion.result == 0
    await initiator.enable()
    completion = await initiator.connect_io(1)
    assert completion.status == 0
    completion, _ = await initiator.admin.submit(
        Command(AdminOpcode.GET_FEATURES, cdw10=FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION)
    )
    assert completion.result == 0, "the controller was reset"
    again = initiator.admin.begin(Command(AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST), command_id=77)
    completion, _ = await initiator.admin.submit(Command(AdminOpcode.ABORT, cdw10=77 << 16))
    assert completion.result == 0, "the request of before the reset is forgotten, its identifier free"
    assert (await initiator.admin.answer(again))[0].status == fabrics.Status.ABORT_REQUESTED


async def test_a_subsystem_reset_leaves_its_host_only_the_admin_queue() -> None:
    subsystem = Subsystem(DriveSpec(controllers=2))
    async with serving(subsystem) as target, Initiator(target.port) as one, Initiator(target.port) as two:
        await one.connect(subsystem.nqn)
        await two.connect(subsystem.nqn)
        completion, _ = await one.admin.submit(property_set(fabrics.NSSR, 0x1234))
        assert completion.status == 0
        assert (await one.admin.submit(property_get(fabrics.CSTS)))[0].result == fabrics.CSTS_READY
        completion, _ = await one.admin.submit(property_set(fabrics.NSSR, fabrics.NSSR_MAGIC))
        assert completion.status == 0
        for queue in one.queues[1:] + two.queues:
            await queue.closed()
        completion, _ = await one.admin.submit(property_get(fabrics.CSTS))
        assert completion.result == fabrics.CSTS_SUBSYSTEM_RESET_OCCURRED
        await one.enable()
        await one.admin.submit(property_set(fabrics.CSTS, fabrics.CSTS_SUBSYSTEM_RESET_OCCURRED))
        completion, _ = await one.admin.submit(property_get(fabrics.CSTS))
        assert completion.result == fabrics.CSTS_READY


async def test_a_controller_that_disappears_hangs_up_until_it_is_back(
    target: NvmeTcpTarget, initiator: Initiator, subsystem: Subsystem
) -> None:
    await initiator.connect(subsystem.nqn)
    subsystem.controller.disappear()
    for queue in initiator.queues:
        await queue.closed()
    async with Initiator(target.port) as again:
        completion = await again.connect_admin(subsystem.nqn)
        assert completion.status == fabrics.Status.CONNECT_CONTROLLER_BUSY
        subsystem.controller.reappear()
        completion, _ = await again.admin.submit(connect_command(), again.connect_data(subsystem.nqn))
        assert completion.status == 0


async def test_connections_can_be_cut(target: NvmeTcpTarget, initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect(subsystem.nqn)
    target.drop_connections("nqn.other")
    await initiator.identify_controller()
    target.drop_connections(subsystem.nqn)
    for queue in initiator.queues:
        await queue.closed()
    async with Initiator(target.port) as again:
        await again.connect(subsystem.nqn)
        target.drop_connections()
        await again.admin.closed()


async def test_a_host_that_says_nothing_is_not_waited_for(subsystem: Subsystem) -> None:
    async with serving(subsystem, handshake_timeout_s=0.05) as target:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        assert await reader.read() == b""
        writer.close()
        queue = await HostQueue.open(target.port)
        await queue.closed()
        await queue.close()


async def test_ipv6(subsystem: Subsystem) -> None:
    target = NvmeTcpTarget([subsystem], host="::1", port=0)
    try:
        await target.start()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(target.stop)
        initiator = await stack.enter_async_context(Initiator(target.port, address="::1"))
        await initiator.connect(fabrics.DISCOVERY_NQN, io_queues=0)
        command = Command(AdminOpcode.GET_LOG_PAGE, cdw10=LogPage.DISCOVERY | 0x1FF << 16)
        _, log = await initiator.admin.submit(command, read_bytes=2048)
        assert log[1024 + 1] == 2, "address family"
        assert log[1024 + 512 : 1024 + 768].decode().strip() == "::1"


def test_advertised_addresses_are_addresses(subsystem: Subsystem) -> None:
    with pytest.raises(InvalidArgument, match="storage"):
        NvmeTcpTarget([subsystem], advertise_host="storage")


def test_every_drive_needs_its_own_name() -> None:
    with pytest.raises(InvalidArgument, match="its own serial or nqn"):
        NvmeTcpTarget([Subsystem(DriveSpec()), Subsystem(DriveSpec())])


async def test_a_port_that_is_taken(target: NvmeTcpTarget, subsystem: Subsystem) -> None:
    with pytest.raises(OSError, match="in use"):
        await NvmeTcpTarget([subsystem], port=target.port).start()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (bytes(8) + bytes(120), pdu.FatalError.INVALID_HEADER_FIELD),
        (pdu.build_initialize_request(pdu.InitializeRequest(version=1)), pdu.FatalError.UNSUPPORTED_PARAMETER),
        (pdu.build_common_header(pdu.PduType.R2T) + bytes(16), pdu.FatalError.PDU_SEQUENCE_ERROR),
    ],
)
async def test_a_bad_beginning(target: NvmeTcpTarget, raw: bytes, status: pdu.FatalError) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(raw)
    writer.write_eof()
    termination = pdu.parse_termination(await reader.read())
    assert termination.status == status
    assert raw.startswith(termination.offender)
    writer.close()


async def test_protocol_errors_are_explained(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect_admin(subsystem.nqn)
    initiator.admin.send_raw(pdu.build_initialize_request(pdu.InitializeRequest()))
    failure = await initiator.admin.closed()
    assert isinstance(failure, Terminated)
    assert failure.termination.status == pdu.FatalError.PDU_SEQUENCE_ERROR


async def test_a_host_may_terminate(target: NvmeTcpTarget, initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect_admin(subsystem.nqn)
    initiator.admin.send_raw(pdu.build_termination(pdu.PduType.H2C_TERMINATION, pdu.Termination(1, 8, b"x" * 24)))
    await initiator.admin.closed()
    await target.idle()


async def test_log_pages_are_the_controllers_own(initiator: Initiator, subsystem: Subsystem) -> None:
    await initiator.connect(subsystem.nqn)
    command = Command(AdminOpcode.GET_LOG_PAGE, 0xFFFF_FFFF, cdw10=LogPage.SMART_HEALTH_INFORMATION | 127 << 16)
    completion, data = await initiator.admin.submit(command, read_bytes=512)
    expected = bytearray(512)
    assert subsystem.controller.admin(command, expected) == completion
    assert data[:5] == expected[:5]
