"""Namespaces of a simulated drive: management, attachment, format, and the NVM command set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nvmed.nvme import features, identify, logpage, namespace
from nvmed.nvme.features import AsyncEventConfiguration
from nvmed.nvme.identify import IdentifyNamespace, parse_namespace_list
from nvmed.nvme.namespace import Format, NamespaceSettings
from nvmed.nvme.opcodes import NSID_ALL, AdminOpcode, FeatureId, IoOpcode, LogPage
from nvmed.nvme.status import DO_NOT_RETRY, Queue, check
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import MIB, DriveSpec, LbaFormat, NamespaceSpec
from nvmed.simulator.state.storage import CHUNK_BYTES, SparseBytes
from nvmed.simulator.subsystem import ManualClock, Subsystem

BLOCKS = MIB // 512


def make(*namespaces: NamespaceSpec, clock: ManualClock | None = None, **changes: object) -> Controller:
    spec = DriveSpec(namespaces=namespaces, capacity_bytes=8 * MIB, maximum_namespaces=6, **changes)  # type: ignore[arg-type]
    return Subsystem(spec, clock or ManualClock()).controller


def one(**changes: object) -> Controller:
    return make(NamespaceSpec(MIB), **changes)  # type: ignore[arg-type]


def admin(controller: Controller, command: Command, data: bytes = b"") -> int:
    return controller.admin(command, bytearray(data)).status & ~DO_NOT_RETRY


def identity(controller: Controller, nsid: int = 1) -> IdentifyNamespace:
    data = bytearray(4096)
    check(command := identify.identify_namespace(nsid), controller.admin(command, data))
    return IdentifyNamespace.parse(data)


def active(controller: Controller) -> tuple[int, ...]:
    data = bytearray(4096)
    check(command := identify.identify_namespace_list(), controller.admin(command, data))
    return parse_namespace_list(data)


# -- management


def test_create_attach_detach_delete() -> None:
    controller = make(controllers=2)
    command, data = namespace.create(NamespaceSettings(nsze=256, ncap=256, flbas=1, nmic=1, anagrpid=2))
    completion = controller.admin(command, bytearray(data))
    assert (completion.status, completion.result) == (0, 1)
    assert active(controller) == ()
    assert admin(controller, *namespace.attach(1, [1, 2])) == 0
    assert active(controller) == (1,)
    created = identity(controller)
    assert (created.nsze, created.format.lbads, created.nmic, created.anagrpid) == (256, 12, 1, 2)
    assert admin(controller, *namespace.detach(1, [1])) == 0
    assert active(controller) == ()
    assert active(controller.subsystem.controllers[2]) == (1,)
    assert admin(controller, namespace.delete(1)) == 0
    assert active(controller.subsystem.controllers[2]) == ()


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        (NamespaceSettings(nsze=8, ncap=4), Sc.INVALID_FIELD),
        (NamespaceSettings(nsze=0, ncap=0), Sc.INVALID_FIELD),
        (NamespaceSettings(nsze=8, ncap=8, dps=1), Sc.INVALID_FIELD),
        (NamespaceSettings(nsze=8, ncap=8, flbas=9), Sc.INVALID_FORMAT),
        (NamespaceSettings(nsze=8, ncap=8, anagrpid=3), Sc.ANA_GROUP_INVALID),
        (NamespaceSettings(nsze=1 << 60, ncap=1 << 60), Sc.INSUFFICIENT_CAPACITY),
    ],
)
def test_what_cannot_be_created(settings: NamespaceSettings, status: int) -> None:
    command = Command(AdminOpcode.NAMESPACE_MANAGEMENT)
    assert admin(make(), command, settings.build()) == status
    assert admin(make(), Command(command.opcode, cdw11=2 << 24), settings.build()) == Sc.INVALID_FIELD
    assert admin(make(), Command(command.opcode, cdw10=2), settings.build()) == Sc.INVALID_FIELD


def test_there_are_only_so_many() -> None:
    controller = make()
    command, data = namespace.create(NamespaceSettings(nsze=8, ncap=8))
    results = [controller.admin(command, bytearray(data)) for _ in range(7)]
    assert [result.result for result in results] == [1, 2, 3, 4, 5, 6, 0]
    assert results[-1].status & ~DO_NOT_RETRY == Sc.NAMESPACE_ID_UNAVAILABLE
    assert admin(controller, namespace.delete(3)) == 0
    assert controller.admin(command, bytearray(data)).result == 3
    assert admin(controller, namespace.delete(NSID_ALL)) == 0
    assert controller.subsystem.namespaces.unallocated_bytes == 8 * MIB


def test_a_new_namespace_has_new_names() -> None:
    controller = make()
    command, data = namespace.create(NamespaceSettings(nsze=8, ncap=8))
    seen = set()
    for _ in range(2):
        admin(controller, command, data)
        admin(controller, *namespace.attach(1, [1]))
        seen.add(identity(controller).nguid)
        admin(controller, namespace.delete(1))
    assert len(seen) == 2


@pytest.mark.parametrize(("nsid", "status"), [(0, 0x00B), (7, 0x00B), (2, Sc.INVALID_FIELD), (NSID_ALL, 0x00B)])
def test_attachment_names_an_allocated_namespace(nsid: int, status: int) -> None:
    command, data = namespace.attach(1, [1])
    assert admin(one(), Command(command.opcode, nsid), data) == status


def controller_list(count: int, *ids: int) -> bytes:
    return b"".join(number.to_bytes(2, "little") for number in (count, *ids)).ljust(4096, b"\0")


@pytest.mark.parametrize(
    "data",
    [controller_list(0), controller_list(2048), controller_list(2, 2, 1), controller_list(2, 1, 1),
     controller_list(1, 9), controller_list(65535)],
)  # fmt: skip
@pytest.mark.parametrize("select", [0, 1])
def test_controller_lists_that_are_invalid(data: bytes, select: int) -> None:
    command = Command(AdminOpcode.NAMESPACE_ATTACHMENT, 1, cdw10=select)
    assert admin(one(controllers=2), command, data) == Sc.CONTROLLER_LIST_INVALID


def test_refusals_of_attachment() -> None:
    controller = make(NamespaceSpec(MIB), NamespaceSpec(MIB, shared=False, controllers=(1,)), controllers=2)
    assert admin(controller, *namespace.attach(1, [1])) == Sc.ALREADY_ATTACHED
    assert admin(controller, *namespace.attach(2, [2])) == Sc.NAMESPACE_IS_PRIVATE
    assert admin(controller, *namespace.detach(2, [1, 2])) == Sc.NOT_ATTACHED
    assert admin(controller, *namespace.detach(2, [1])) == 0
    assert admin(controller, *namespace.attach(2, [1, 2])) == Sc.NAMESPACE_IS_PRIVATE
    assert admin(controller, *namespace.attach(2, [2])) == 0
    command, data = namespace.attach(1, [1])
    assert admin(controller, Command(command.opcode, 1, cdw10=2), data) == Sc.INVALID_FIELD


def test_those_concerned_are_told() -> None:
    controller = make(NamespaceSpec(MIB), controllers=2)
    told: dict[int, list[int]] = {1: [], 2: []}
    for number, member in controller.subsystem.controllers.items():
        enabled = AsyncEventConfiguration.ATTACHED_NAMESPACE_ATTRIBUTE_NOTICES
        member.admin(features.set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, enabled))
        member.subscribe_async_events(told[number].append)
    admin(controller, *namespace.detach(1, [2]))
    assert told == {1: [], 2: [0x040002]}
    second = controller.subsystem.controllers[2]
    for rae, expected in ((True, (1,)), (False, (1,)), (True, ())):
        data = bytearray(4096)
        command = logpage.get_log_page(LogPage.CHANGED_ATTACHED_NAMESPACE_LIST, 4096, rae=rae)
        check(command, second.admin(command, data))
        assert parse_namespace_list(data) == expected


# -- format


def test_format_changes_the_format_and_erases() -> None:
    controller = one()
    write(controller, 0, b"x" * 512)
    assert admin(controller, namespace.format_nvm(1, Format(lba_format=1))) == 0
    now = identity(controller)
    assert (now.format_index, now.nsze) == (1, MIB // 4096)
    assert read(controller, 0, 4096, 4096) == bytes(4096)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (namespace.format_nvm(1, Format(lba_format=4)), Sc.INVALID_FORMAT),
        (namespace.format_nvm(1, Format(lba_format=0, protection=1)), Sc.INVALID_FORMAT),
        (Command(AdminOpcode.FORMAT_NVM, 1, cdw10=3 << 9), Sc.INVALID_FIELD),
        (namespace.format_nvm(2, Format(lba_format=0)), Sc.INVALID_FIELD),
        (namespace.format_nvm(9, Format(lba_format=0)), Sc.INVALID_NAMESPACE),
    ],
)
def test_formats_that_are_refused(command: Command, status: int) -> None:
    assert admin(one(), command) == status


def test_format_in_progress() -> None:
    clock = ManualClock()
    controller = make(NamespaceSpec(MIB), NamespaceSpec(MIB), clock=clock, format_s=100.0)
    assert admin(controller, namespace.format_nvm(NSID_ALL, Format(lba_format=0))) == 0
    clock.advance(25)
    assert identity(controller, 2).fpi == 0x80 | 75
    assert controller.io(Command(IoOpcode.READ, 1), bytearray(512)).status == Sc.FORMAT_IN_PROGRESS
    assert admin(controller, namespace.format_nvm(1, Format(lba_format=0))) == Sc.FORMAT_IN_PROGRESS
    clock.advance(75)
    assert identity(controller, 2).fpi == 0x80
    assert read(controller, 0, 512) == bytes(512)


# -- I/O


def write(controller: Controller, first: int, data: bytes, nsid: int = 1, block: int = 512) -> int:
    command = Command(IoOpcode.WRITE, nsid, cdw10=first & 0xFFFFFFFF, cdw11=first >> 32, cdw12=len(data) // block - 1)
    return controller.io(command, bytearray(data)).status & ~DO_NOT_RETRY


def read(controller: Controller, first: int, size: int, block: int = 512) -> bytes:
    data = bytearray(size)
    check(command := io(IoOpcode.READ, first, size // block), controller.io(command, data), Queue.IO)
    return bytes(data)


def io(opcode: int, first: int, count: int, nsid: int = 1) -> Command:
    return Command(opcode, nsid, cdw10=first & 0xFFFFFFFF, cdw11=first >> 32, cdw12=count - 1)


def status(controller: Controller, command: Command, data: bytes | bytearray = b"", metadata: bytes = b"") -> int:
    return controller.io(command, bytearray(data), bytearray(metadata)).status & ~DO_NOT_RETRY


def test_a_drive_of_terabytes_costs_what_is_written() -> None:
    controller = make(NamespaceSpec(4 * MIB, format_index=1))
    last = 4 * MIB // 4096 - 1
    assert write(controller, last, b"e" * 4096, block=4096) == 0
    assert read(controller, last, 4096, 4096) == b"e" * 4096
    found = controller.subsystem.namespaces.get(1)
    assert found
    assert found.storage.allocated_bytes == CHUNK_BYTES


@pytest.mark.parametrize("opcode", [IoOpcode.READ, IoOpcode.WRITE, IoOpcode.WRITE_ZEROES, IoOpcode.COMPARE])
def test_beyond_the_end(opcode: int) -> None:
    assert status(one(), io(opcode, BLOCKS - 1, 2), bytes(1024)) == Sc.LBA_OUT_OF_RANGE
    assert status(one(), io(opcode, 1 << 63, 1), bytes(1024)) == Sc.LBA_OUT_OF_RANGE


@pytest.mark.parametrize(("nsid", "expected"), [(0, 0x00B), (NSID_ALL, 0x00B), (2, Sc.INVALID_FIELD)])
def test_io_names_an_active_namespace(nsid: int, expected: int) -> None:
    assert status(one(), io(IoOpcode.READ, 0, 1, nsid), bytes(512)) == expected


def test_an_allocated_namespace_is_not_active_yet() -> None:
    controller = make(NamespaceSpec(MIB, controllers=()))
    assert status(controller, io(IoOpcode.READ, 0, 1), bytes(512)) == Sc.INVALID_FIELD


def test_compare_and_write_zeroes() -> None:
    controller = one()
    write(controller, 3, b"a" * 1024)
    assert status(controller, io(IoOpcode.COMPARE, 3, 2), b"a" * 1024) == 0
    assert status(controller, io(IoOpcode.COMPARE, 3, 2), b"a" * 1023 + b"b") == Sc.COMPARE_FAILURE
    assert status(controller, io(IoOpcode.WRITE_ZEROES, 4, 1)) == 0
    assert read(controller, 3, 1024) == b"a" * 512 + bytes(512)
    assert status(controller, Command(IoOpcode.FLUSH, 1)) == 0
    assert status(controller, Command(IoOpcode.FLUSH, NSID_ALL)) == 0
    assert status(controller, Command(IoOpcode.VERIFY, 1)) == Sc.INVALID_OPCODE


def test_deallocate() -> None:
    controller = one()
    write(controller, 0, b"a" * 2048)
    ranges = b"".join(
        bytes(4) + length.to_bytes(4, "little") + first.to_bytes(8, "little") for first, length in ((0, 1), (2, 1))
    )
    hint = Command(IoOpcode.DATASET_MANAGEMENT, 1, cdw10=1)
    assert status(controller, hint, ranges) == 0
    assert read(controller, 0, 2048) == b"a" * 2048
    deallocate = Command(IoOpcode.DATASET_MANAGEMENT, 1, cdw10=1, cdw11=4)
    assert status(controller, deallocate, ranges) == 0
    assert read(controller, 0, 2048) == bytes(512) + b"a" * 512 + bytes(512) + b"a" * 512
    beyond = bytes(4) + (1).to_bytes(4, "little") + BLOCKS.to_bytes(8, "little")
    assert status(controller, Command(IoOpcode.DATASET_MANAGEMENT, 1, cdw11=4), beyond) == Sc.LBA_OUT_OF_RANGE
    assert status(controller, deallocate, ranges[:16]) == Sc.DATA_LENGTH_INVALID


def test_blocks_that_cannot_be_read() -> None:
    controller = one()
    assert status(controller, io(IoOpcode.WRITE_UNCORRECTABLE, 5, 2)) == 0
    assert status(controller, io(IoOpcode.READ, 4, 2), bytes(1024)) == Sc.UNRECOVERED_READ_ERROR
    assert status(controller, io(IoOpcode.COMPARE, 4, 2), bytes(1024)) == Sc.UNRECOVERED_READ_ERROR
    assert status(controller, io(IoOpcode.READ, 4, 1), bytes(512)) == 0
    assert write(controller, 5, bytes(512)) == 0
    assert status(controller, io(IoOpcode.READ, 5, 1), bytes(512)) == 0
    assert status(controller, io(IoOpcode.READ, 6, 1), bytes(512)) == Sc.UNRECOVERED_READ_ERROR


def test_metadata_apart_and_interleaved() -> None:
    apart = make(NamespaceSpec(MIB, format_index=2))
    metadata = bytearray(16)
    assert status(apart, io(IoOpcode.WRITE, 0, 2), b"d" * 1024, b"m" * 16) == 0
    assert not apart.io(io(IoOpcode.READ, 0, 2), bytearray(1024), metadata).status
    assert metadata == b"m" * 16
    assert status(apart, io(IoOpcode.READ, 0, 2), bytes(1024), bytes(15)) == Sc.METADATA_LENGTH_INVALID
    together = make(NamespaceSpec(MIB, format_index=2, extended_metadata=True))
    assert identity(together).flbas == 0x12
    assert status(together, io(IoOpcode.READ, 0, 1), bytes(519)) == Sc.DATA_LENGTH_INVALID
    assert write(together, 1, b"x" * 520, block=520) == 0
    assert read(together, 0, 1040, 520) == bytes(520) + b"x" * 520


def test_write_protection() -> None:
    controller = one()
    protect = FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG
    assert admin(controller, features.set_features(protect, 1, nsid=1)) == 0
    assert controller.admin(features.get_features(protect, nsid=1)).result == 1
    assert identity(controller).nsattr == 1
    for command in (io(IoOpcode.WRITE, 0, 1), io(IoOpcode.WRITE_ZEROES, 0, 1)):
        assert status(controller, command, bytes(512)) == Sc.NAMESPACE_WRITE_PROTECTED
    assert admin(controller, namespace.format_nvm(1, Format(0))) == Sc.NAMESPACE_WRITE_PROTECTED
    assert admin(controller, features.set_features(protect, 2, nsid=1)) == Sc.INVALID_FIELD
    assert admin(controller, features.set_features(protect, 0, nsid=NSID_ALL)) == 0
    assert write(controller, 0, bytes(512)) == 0


def test_more_than_16_formats() -> None:
    formats = tuple(LbaFormat(512 << index % 4) for index in range(20))
    controller = make(NamespaceSpec(MIB, format_index=17), lba_formats=formats)
    assert identity(controller).format_index == 17
    assert identity(controller).format.lbads == 10


def test_the_biggest_drive() -> None:
    controller = Subsystem(DriveSpec(capacity_bytes=1 << 60, namespaces=(NamespaceSpec(1 << 59),))).controller
    assert identity(controller).nsze == 1 << 50
    assert write(controller, (1 << 50) - 1, bytes(512)) == 0
    everything = bytes(4) + b"\xff" * 4 + bytes(8)
    assert status(controller, Command(IoOpcode.DATASET_MANAGEMENT, 1, cdw11=4), everything) == 0


# -- storage


class Storage(RuleBasedStateMachine):
    """Sparse bytes behave as a bytearray."""

    SIZE = 3 * CHUNK_BYTES + 100

    def __init__(self) -> None:
        super().__init__()
        self.storage, self.model = SparseBytes(), bytearray(self.SIZE)

    @rule(offset=st.integers(0, SIZE), data=st.binary(max_size=64), repeat=st.sampled_from([1, 1000, 5000]))
    def write(self, offset: int, data: bytes, repeat: int) -> None:
        data = (data * repeat)[: self.SIZE - offset]
        self.storage.write(offset, memoryview(data))
        self.model[offset : offset + len(data)] = data

    @rule(offset=st.integers(0, SIZE), length=st.integers(0, SIZE))
    def zero(self, offset: int, length: int) -> None:
        length = min(length, self.SIZE - offset)
        self.storage.zero(offset, length)
        self.model[offset : offset + length] = bytes(length)

    @invariant()
    def agrees(self) -> None:
        data = bytearray(b"?" * self.SIZE)
        self.storage.read(0, memoryview(data))
        assert data == self.model


TestStorage = Storage.TestCase


@given(st.integers(0, 3 * CHUNK_BYTES), st.integers(0, 3 * CHUNK_BYTES))
def test_zeroing_gives_whole_chunks_back(offset: int, length: int) -> None:
    storage = SparseBytes()
    storage.write(0, memoryview(b"x" * 6 * CHUNK_BYTES))
    storage.zero(offset, length)
    whole = max(0, (offset + length) // CHUNK_BYTES - -(-offset // CHUNK_BYTES))
    assert storage.allocated_bytes == (6 - whole) * CHUNK_BYTES
    storage.clear()
    assert storage.allocated_bytes == 0
