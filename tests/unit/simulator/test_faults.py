"""Faults on demand, and the journal of what a controller was asked."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

import pytest

from nvmed.nvme import identify, logpage
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import (
    Answer,
    Call,
    Delay,
    Disappear,
    Drop,
    Fail,
    Fault,
    Hang,
    Journal,
    Patch,
    Record,
    Refuse,
)
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem

IDENTIFY = identify.identify_controller()
KEEP_ALIVE = Command(AdminOpcode.KEEP_ALIVE)
WRITE = Command(IoOpcode.WRITE, 1)


def make(**changes: object) -> Controller:
    return Subsystem(DriveSpec(**changes)).controller  # type: ignore[arg-type]


def statuses(controller: Controller, command: Command, count: int) -> list[int]:
    return [controller.admin(command, bytearray(4096)).status for _ in range(count)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(Refuse(0x4002)), [0x4002, 0, 0, 0]),
        (Fault(Refuse(0x4002), times=2), [0x4002, 0x4002, 0, 0]),
        (Fault(Refuse(0x4002), times=None), [0x4002] * 4),
        (Fault(Refuse(0x4002), skip=1, times=2), [0, 0x4002, 0x4002, 0]),
        (Fault(Refuse(0x4002), skip=9), [0] * 4),
    ],
)
def test_how_often(fault: Fault, expected: list[int]) -> None:
    controller = make()
    controller.faults.add(fault)
    assert statuses(controller, IDENTIFY, 4) == expected


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Fault(Refuse(1), queue=Queue.ADMIN), {"identify", "log", "feature"}),
        (Fault(Refuse(1), queue=Queue.IO), {"write"}),
        (Fault(Refuse(1), opcode=AdminOpcode.IDENTIFY), {"identify"}),
        (Fault(Refuse(1), log_id=2), {"log"}),
        (Fault(Refuse(1), log_id=3), set()),
        (Fault(Refuse(1), feature_id=7), {"feature"}),
        (Fault(Refuse(1), nsid=1), {"write"}),
        (Fault(Refuse(1), where=lambda command: command.cdw10 == 1), {"identify"}),
    ],
)
def test_which_commands(fault: Fault, struck: set[str]) -> None:
    controller = make()
    commands: dict[str, Callable[[], Completion]] = {
        "identify": lambda: controller.admin(IDENTIFY, bytearray(4096)),
        "log": lambda: controller.admin(logpage.get_log_page(2, 512), bytearray(512)),
        "feature": lambda: controller.admin(Command(AdminOpcode.GET_FEATURES, cdw10=7)),
        "write": lambda: controller.io(WRITE, bytearray(512)),
    }
    fault.times = None
    controller.faults.add(fault)
    assert {name for name, submit in commands.items() if submit().status == 1} == struck


def test_faults_end() -> None:
    controller = make()
    fault = controller.faults.add(Fault(Refuse(1), times=None))
    controller.faults.remove(fault)
    controller.faults.remove(fault)
    assert statuses(controller, IDENTIFY, 1) == [0]
    controller.faults.add(Fault(Refuse(1)))
    controller.faults.clear()
    assert statuses(controller, IDENTIFY, 1) == [0]


def test_whether_a_command_may_take_time() -> None:
    fast, slow, struck = make(), make(latency_ms=0.001), make()
    struck.faults.add(Fault(Hang(), skip=1))
    assert [one.blocks for one in (fast, slow, struck)] == [False, True, True]


@pytest.mark.parametrize("executed", [False, True])
def test_an_errno_before_or_after_the_command(executed: bool) -> None:
    controller = make()
    controller.faults.add(Fault(Fail(errno.EIO, executed), opcode=IoOpcode.WRITE))
    with pytest.raises(OSError, match="Input/output error") as caught:
        controller.io(WRITE, bytearray(b"x" * 512))
    assert caught.value.errno == errno.EIO
    data = bytearray(512)
    controller.io(Command(IoOpcode.READ, 1), data)
    assert data == (b"x" if executed else b"\0") * 512


@pytest.mark.parametrize("executed", [False, True])
def test_a_command_that_hangs_until_it_is_released(executed: bool) -> None:
    controller, hang, answers = make(), Hang(executed), list[Completion]()
    controller.faults.add(Fault(hang, opcode=IoOpcode.WRITE))
    thread = threading.Thread(target=lambda: answers.append(controller.io(WRITE, bytearray(b"x" * 512))))
    thread.start()
    assert hang.reached.wait(10)
    data = bytearray(512)
    assert controller.io(Command(IoOpcode.READ, 1), data) == Completion()
    assert data == (b"x" if executed else b"\0") * 512
    assert not answers
    hang.release()
    thread.join(10)
    assert answers == [Completion()]


@pytest.mark.parametrize("executed", [False, True])
def test_a_command_that_is_lost_ends_with_its_timeout(executed: bool) -> None:
    controller, drop = make(), Drop(executed)
    controller.faults.add(Fault(drop, opcode=AdminOpcode.KEEP_ALIVE, times=2))
    with pytest.raises(InterruptedError):
        controller.admin(Command(AdminOpcode.KEEP_ALIVE, timeout_ms=1))
    assert drop.reached.is_set()
    drop.expire()
    with pytest.raises(InterruptedError):
        controller.admin(KEEP_ALIVE)


def test_a_drive_that_is_slower_than_the_timeout() -> None:
    slow = make(latency_ms=5.0)
    assert slow.admin(KEEP_ALIVE) == Completion()
    with pytest.raises(InterruptedError):
        slow.admin(Command(AdminOpcode.KEEP_ALIVE, timeout_ms=1))


@pytest.mark.parametrize("executed", [False, True])
def test_a_controller_that_disappears(executed: bool) -> None:
    controller = make()
    controller.faults.add(Fault(Disappear(executed), opcode=IoOpcode.WRITE))
    for command in (WRITE, Command(IoOpcode.READ, 1)):
        with pytest.raises(OSError, match="No such device"):
            controller.io(command, bytearray(512))
    controller.reappear()
    assert not controller.io(WRITE, bytearray(512)).status


def test_a_controller_that_disappears_while_a_command_waits() -> None:
    controller = make()
    controller.faults.add(Fault(Call(lambda one, _: one.disappear())))
    with pytest.raises(OSError, match="No such device"):
        controller.admin(KEEP_ALIVE)


def test_answers_and_patches() -> None:
    controller = make()
    controller.faults.add(Fault(Patch(77, b"\x09"), opcode=AdminOpcode.IDENTIFY))
    data = bytearray(4096)
    assert not controller.admin(IDENTIFY, data).status
    identity = IdentifyController.parse(data)
    assert (identity.mdts, identity.sn) == (9, controller.serial)

    log = logpage.get_log_page(LogPage.LBA_STATUS_INFORMATION, 8, 4)
    controller.faults.add(Fault(Answer(bytes(range(10)), result=3)))
    part = bytearray(8)
    assert controller.admin(log, part) == Completion(0, 3)
    assert part == bytes(range(4, 10)) + bytes(2)
    controller.faults.add(Fault(Patch(2, b"abcd")))
    assert not controller.admin(log, part).status
    assert part[:2] == b"cd"
    controller.faults.add(Fault(Patch(0, b"ab")))
    assert not controller.admin(log, part).status
    assert not any(part)
    for action in (Answer(b"x"), Patch(0, b"x")):
        controller.faults.add(Fault(action))
        assert controller.admin(KEEP_ALIVE) == Completion()


def test_several_faults_strike_one_command() -> None:
    controller, order = make(), list[str]()
    controller.faults.add(Fault(Call(lambda *_: order.append("first"))))
    controller.faults.add(Fault(Delay(0)))
    controller.faults.add(Fault(Call(lambda *_: order.append("second"))))
    assert statuses(controller, IDENTIFY, 2) == [0, 0]
    assert order == ["first", "second"]


def test_the_journal_has_every_command() -> None:
    controller = make()
    controller.faults.add(Fault(Fail(errno.EIO), opcode=AdminOpcode.ABORT))
    controller.admin(IDENTIFY, bytearray(4096))
    with pytest.raises(OSError, match="error"):
        controller.admin(Command(AdminOpcode.ABORT))
    controller.io(WRITE, bytearray(512))
    controller.execute(Queue.ADMIN, IDENTIFY, bytearray(4096))
    assert controller.journal.records == (
        Record(Queue.ADMIN, IDENTIFY, 4096, Completion()),
        Record(Queue.ADMIN, Command(AdminOpcode.ABORT), 0, None),
        Record(Queue.IO, WRITE, 512, Completion()),
    )
    assert controller.journal.commands() == [IDENTIFY, Command(AdminOpcode.ABORT)]
    assert controller.journal.commands(opcode=AdminOpcode.IDENTIFY) == [IDENTIFY]
    assert controller.journal.commands(Queue.IO) == [WRITE]
    controller.journal.clear()
    assert controller.journal.commands() == []


def test_the_journal_is_bounded() -> None:
    journal = Journal(2)
    for number in range(3):
        journal.append(Record(Queue.ADMIN, Command(number), 0))
    assert [command.opcode for command in journal.commands()] == [1, 2]
