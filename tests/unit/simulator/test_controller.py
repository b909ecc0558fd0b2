"""The simulated controller: what any command meets, Identify, and asynchronous events."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme import features, health, identify
from nvmed.nvme.features import AsyncEventConfiguration
from nvmed.nvme.identify import IdentifyController, IdentifyNamespace
from nvmed.nvme.opcodes import NSID_ALL, AdminOpcode, FeatureId, IdentifyCns, IoOpcode
from nvmed.nvme.status import DO_NOT_RETRY, STATUSES, Queue, check
from nvmed.nvme.telemetry import BLOCK_BYTES, TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.simulator.commands.table import ADMIN_COMMANDS
from nvmed.simulator.controller import Controller
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import MIB, DriveSpec, FirmwareSpec, NamespaceSpec
from nvmed.simulator.state.drive import Change
from nvmed.simulator.subsystem import Subsystem

SMALL = DriveSpec(namespaces=(NamespaceSpec(MIB), NamespaceSpec(MIB)), capacity_bytes=4 * MIB)


def make(**changes: object) -> Controller:
    return Subsystem(DriveSpec(**changes)).controller  # type: ignore[arg-type]


def read(controller: Controller, command: Command, size: int = 4096) -> bytes:
    data = bytearray(size)
    check(command, controller.admin(command, data))
    return bytes(data)


def refusal(controller: Controller, command: Command, size: int = 4096) -> int:
    return controller.admin(command, bytearray(size)).status & ~DO_NOT_RETRY


def test_every_status_it_answers_is_known() -> None:
    assert {int(code) for code in Sc} <= set(STATUSES)


def test_identify_tells_what_the_drive_is() -> None:
    controller = make(serial="ABC", model="M", mdts=3, oui=0xABCDEF, controllers=2, first_controller_id=5)
    identity = IdentifyController.parse(read(controller, identify.identify_controller()))
    assert (identity.sn, identity.mn, identity.fr, identity.mdts) == ("ABC", "M", "1.0.0", 3)
    assert (identity.cntlid, identity.ieee, identity.subnqn) == (5, 0xABCDEF, controller.nqn)
    assert identity.version == "2.0.0"
    assert identity.tnvmcap - identity.unvmcap == 1 << 30
    assert (controller.serial, controller.model, controller.firmware_revision) == ("ABC", "M", "1.0.0")


def test_identify_lists() -> None:
    subsystem = Subsystem(
        DriveSpec(controllers=2, namespaces=(NamespaceSpec(MIB), NamespaceSpec(MIB, shared=False, controllers=(2,))))
    )
    first, second = subsystem.controllers.values()

    def namespaces(controller: Controller, after: int = 0, *, allocated: bool = False) -> tuple[int, ...]:
        command = identify.identify_namespace_list(after, allocated=allocated)
        return identify.parse_namespace_list(read(controller, command))

    assert namespaces(first) == (1,)
    assert namespaces(second) == (1, 2)
    assert namespaces(second, 1) == (2,)
    assert namespaces(first, allocated=True) == (1, 2)

    def controllers(first_id: int = 0, nsid: int = 0) -> tuple[int, ...]:
        return identify.parse_controller_list(read(first, identify.identify_controller_list(first_id, nsid=nsid)))

    assert controllers() == (1, 2)
    assert controllers(2) == (2,)
    assert controllers(nsid=1) == (1, 2)
    assert controllers(nsid=2) == (2,)


def test_an_inactive_namespace_is_zeros_and_an_impossible_one_is_refused() -> None:
    controller = make(maximum_namespaces=4)
    assert read(controller, identify.identify_namespace(2)) == bytes(4096)
    assert refusal(controller, identify.identify_namespace(5)) == Sc.INVALID_NAMESPACE
    assert refusal(controller, identify.identify(IdentifyCns.NAMESPACE)) == Sc.INVALID_NAMESPACE
    common = IdentifyNamespace.parse(read(controller, identify.identify_namespace(NSID_ALL)))
    assert common.nsze == 0
    assert common.format_count == 4
    assert refusal(controller, identify.identify_namespace_descriptors(2)) == Sc.INVALID_FIELD


@pytest.mark.parametrize("cns", [0x02, 0x10])
def test_there_is_no_list_after_the_last_identifier(cns: int) -> None:
    assert refusal(make(), identify.identify(cns, nsid=0xFFFF_FFFE)) == Sc.INVALID_NAMESPACE


def test_a_drive_may_be_named_as_its_owner_likes() -> None:
    identity = IdentifyController.parse(read(make(nqn="nqn.2026-01.org.example:a"), identify.identify_controller()))
    assert identity.subnqn == "nqn.2026-01.org.example:a"


def test_identify_names_a_namespace() -> None:
    controller = make()
    data = IdentifyNamespace.parse(read(controller, identify.identify_namespace(1)))
    names = identify.parse_namespace_descriptors(read(controller, identify.identify_namespace_descriptors(1)))
    assert (names.nguid, names.eui64, names.csi) == (data.nguid, data.eui64, 0)
    assert names.uuid
    assert identify.size_bytes(data) == 1 << 30


@pytest.mark.parametrize("cns", sorted({0x05, 0x06, 0x07, 0x08, 0x11, 0x14, 0x15, 0x16, 0x1C}))
def test_other_structures_are_answered(cns: int) -> None:
    read(make(), identify.identify(cns, nsid=0 if cns == 0x07 else 1))


@pytest.mark.parametrize("cns", [0x05, 0x06, 0x07])
def test_there_is_no_other_command_set(cns: int) -> None:
    assert refusal(make(), identify.identify(cns, nsid=1, csi=2)) == Sc.INVALID_FIELD


def test_an_unknown_structure_is_refused() -> None:
    assert refusal(make(), identify.identify(0x7F)) == Sc.INVALID_FIELD


@pytest.mark.parametrize("opcode", sorted(opcode for opcode, entry in ADMIN_COMMANDS.items() if entry.capability))
def test_a_command_needs_its_capability(opcode: int) -> None:
    controller = make(optional_admin_commands=0x21E & ~ADMIN_COMMANDS[opcode].capability)
    assert refusal(controller, Command(opcode)) == Sc.INVALID_OPCODE


def test_a_drive_that_cannot_sanitize() -> None:
    assert refusal(make(sanitize_capabilities=0), Command(AdminOpcode.SANITIZE, cdw10=2)) == Sc.INVALID_OPCODE


def test_a_transfer_beyond_mdts_is_refused() -> None:
    controller = make(mdts=1)
    data = bytearray(4 * 4096)
    assert controller.admin(identify.identify_controller(), data).status == Sc.INVALID_FIELD | DO_NOT_RETRY
    assert not controller.admin(identify.identify_controller(), memoryview(data)[:8192]).status
    assert not make(mdts=0).admin(identify.identify_controller(), data).status


def test_a_buffer_that_is_too_small_is_refused() -> None:
    assert refusal(make(), identify.identify_controller(), 4092) == Sc.DATA_LENGTH_INVALID
    assert make().admin(identify.identify_controller()).status & 0x7FF == Sc.DATA_LENGTH_INVALID


def test_a_buffer_that_is_larger_keeps_its_rest() -> None:
    data = bytearray(b"\xff" * 5000)
    assert not make().admin(identify.identify_controller(), data).status
    assert data[4096:] == b"\xff" * 904


@pytest.mark.parametrize(
    ("opcode", "status", "result"),
    [
        (AdminOpcode.KEEP_ALIVE, 0, 0),
        (AdminOpcode.ABORT, 0, 1),
        (AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST, Sc.ASYNC_EVENT_LIMIT, 0),
        (AdminOpcode.CREATE_IO_SUBMISSION_QUEUE, Sc.INVALID_OPCODE, 0),
        (0xC0, Sc.INVALID_OPCODE, 0),
    ],
)
def test_commands_without_data(opcode: int, status: int, result: int) -> None:
    completion = make().admin(Command(opcode))
    assert (completion.status & ~DO_NOT_RETRY, completion.result) == (status, result)


def test_what_is_refused_stands_in_the_error_log() -> None:
    controller = make()
    command = identify.identify(0x7F, nsid=3)
    status = controller.admin(command, bytearray(4096)).status
    entries = health.parse_errors(read(controller, health.read_errors(64)))
    assert [(entry.opcode, entry.status, entry.nsid) for entry in entries] == [(AdminOpcode.IDENTIFY, status, 3)]
    assert health.SmartLog.parse(read(controller, health.read_smart(), 512)).error_log_entries == 1


U32 = st.integers(0, 0xFFFF_FFFF)
LIKELY = st.one_of(st.integers(0, 0x1F), st.sampled_from([0x81, 0xC0, NSID_ALL, 1 << 31]), U32)
COMMANDS = st.builds(
    Command,
    opcode=st.one_of(st.sampled_from([*ADMIN_COMMANDS, *IoOpcode]), st.integers(0, 0xFF)).map(int),
    nsid=st.one_of(st.integers(0, 3), U32),
    cdw10=st.one_of(LIKELY, st.builds(lambda low, high: low | high << 16, st.integers(0, 0xFF), st.integers(0, 255))),
    **{name: st.one_of(st.just(0), LIKELY) for name in ("cdw11", "cdw12", "cdw13", "cdw14", "cdw15")},
)
BUFFERS = st.one_of(st.none(), st.integers(0, 20).map(lambda size: bytearray(size * BLOCK_BYTES)), st.binary())


@given(queue=st.sampled_from(Queue), commands=st.lists(st.tuples(COMMANDS, BUFFERS), max_size=20))
def test_no_command_raises(queue: Queue, commands: list[tuple[Command, bytearray | bytes | None]]) -> None:
    """Whatever is sent, what comes back is a known status, and the drive still works."""
    controller = Subsystem(SMALL).controller
    for command, buffer in commands:
        data = bytearray(buffer) if isinstance(buffer, bytes) else buffer
        completion = controller.admin(command, data) if queue is Queue.ADMIN else controller.io(command, data)
        assert completion.status & 0x7FF in STATUSES
        assert 0 <= completion.result < 1 << 64
    assert read(controller, identify.identify_controller())[:2] == b"\x36\x1b"


# -- asynchronous events


def enable(controller: Controller, events: AsyncEventConfiguration) -> None:
    check(
        command := features.set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, events), controller.admin(command)
    )


def test_an_event_is_told_once_until_its_log_is_read() -> None:
    controller, told = make(), list[int]()
    enable(controller, AsyncEventConfiguration.TELEMETRY_LOG_NOTICES)
    unsubscribe = controller.subscribe_async_events(told.append)
    controller.capture_controller_telemetry()
    controller.capture_controller_telemetry()
    assert told == [0x080202]
    header = bytearray(512)
    for rae, expected in ((True, 1), (False, 2)):
        controller.admin(Command(AdminOpcode.GET_LOG_PAGE, cdw10=8 | rae << 15 | 127 << 16), header)
        controller.capture_controller_telemetry()
        assert len(told) == expected
    unsubscribe()
    controller.admin(Command(AdminOpcode.GET_LOG_PAGE, cdw10=8 | 127 << 16), header)
    controller.capture_controller_telemetry()
    assert len(told) == 2


def test_an_event_that_is_not_enabled_is_not_told() -> None:
    controller, told = make(), list[int]()
    controller.subscribe_async_events(told.append)
    controller.capture_controller_telemetry()
    controller.set_critical_warning(1)
    assert told == []


def test_an_event_waits_for_somebody_to_listen() -> None:
    controller, told = make(), list[int]()
    enable(controller, AsyncEventConfiguration.TELEMETRY_LOG_NOTICES)
    controller.capture_controller_telemetry()
    controller.subscribe_async_events(told.append)
    assert told == [0x080202]


def test_a_reset_forgets_events_and_what_is_enabled() -> None:
    controller, told = make(), list[int]()
    enable(controller, AsyncEventConfiguration.TELEMETRY_LOG_NOTICES)
    controller.capture_controller_telemetry()
    controller.reset()
    controller.subscribe_async_events(told.append)
    controller.capture_controller_telemetry()
    assert told == []


def test_warnings_of_the_smart_log_are_events() -> None:
    controller, told = make(), list[int]()
    enable(controller, AsyncEventConfiguration(0x3F))
    controller.subscribe_async_events(told.append)
    controller.set_critical_warning(0b101)
    assert told == [0x020201, 0x020001]
    controller.set_temperature(350)
    assert told[2:] == [0x020101]
    smart = health.SmartLog.parse(read(controller, health.read_smart(retain_async_event=False), 512))
    assert smart.critical_warning == 0b111
    assert smart.temperature_celsius == 77
    controller.set_temperature(300)
    controller.set_temperature(343)
    assert told[3:] == [0x020101]


def test_a_lower_threshold_is_crossed_at_once() -> None:
    controller, told = make(), list[int]()
    enable(controller, AsyncEventConfiguration.TEMPERATURE)
    controller.subscribe_async_events(told.append)
    controller.admin(features.set_features(FeatureId.TEMPERATURE_THRESHOLD, 300))
    assert told == [0x020101]


def test_whoever_is_told_may_call_back() -> None:
    """Subscribers run without any lock: one in another thread can use the drive while the first is told."""
    controller, seen = make(), list[int]()

    def use(_: int) -> None:
        worker = threading.Thread(target=lambda: seen.append(len(read(controller, identify.identify_controller()))))
        worker.start()
        worker.join(10)

    enable(controller, AsyncEventConfiguration.TELEMETRY_LOG_NOTICES)
    controller.subscribe_async_events(use)
    controller.capture_controller_telemetry()
    assert seen == [4096]


def test_changes_are_told() -> None:
    controller, told = make(), list[Change]()
    unsubscribe = controller.subscribe_changes(told.append)
    controller.reset()
    controller.disappear()
    controller.disappear()
    with pytest.raises(OSError, match="No such device"):
        controller.admin(Command(AdminOpcode.KEEP_ALIVE))
    controller.reappear()
    unsubscribe()
    controller.reset()
    assert told == [Change.RESET, Change.GONE, Change.RESET, Change.BACK]


def test_many_threads_at_once() -> None:
    """State is consistent when several threads create telemetry and namespaces at the same time."""
    controller = make(namespaces=(), maximum_namespaces=64)
    errors = list[BaseException]()

    def work() -> None:
        try:
            for _ in range(20):
                controller.capture_controller_telemetry()
                read(controller, identify.identify_controller())
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert controller.telemetry.generation(TelemetryLog.CONTROLLER_INITIATED) == 160


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": "x" * 21}, {"model": "x" * 41}, {"model": "\xe9"}, {"firmware": FirmwareSpec(("123456789",))},
        {"firmware": FirmwareSpec(())}, {"firmware": FirmwareSpec(("1",) * 8)}, {"firmware": FirmwareSpec(("1",), 2)},
        {"capacity_bytes": MIB}, {"maximum_namespaces": 0},
    ],
)  # fmt: skip
def test_drives_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=":"):
        DriveSpec(**changes)


def test_one_of_two_controllers_that_comes_back_had_its_power() -> None:
    subsystem = Subsystem(DriveSpec(controllers=2))
    first, second = subsystem.controllers.values()

    def power_cycles() -> int:
        return health.SmartLog.parse(read(first, health.read_smart(), 512)).power_cycles

    first.disappear()
    first.reappear()
    assert power_cycles() == 1
    second.disappear()
    first.disappear()
    first.reappear()
    assert power_cycles() == 2
