"""What libnvme 1.16 was seen to send and answer for limits, block sizes, attachment and names, against the daemon.

The drive answers as the observed one did; commands are the same, but for these deviations, each asserted where it
applies:

- FRESH: Identify Controller is asked once for each controller and kept; libnvme asks each time.
- CHECK: before an attachment is changed the drive is asked what it has; only the command that changes it is compared.
- ASCEND: controller lists ascend and name each controller once, as the specification wants; libnvme sends what it gets.
- LEFT: controllers that are attached already, or detached, are left out of the list; libnvme names them again.
- REFUSE: an empty controller list, an identifier over FFEFh and the broadcast namespace are refused before the drive
  hears of them; libnvme sends them.
- SENSE: a block size of 1 byte is an error; one of 2 GiB is positive.
- WIDE: limits of 2 GiB and more are what they are; libnvme computes in 32 bits and gets 0, or 18446744071562067968.
- PREFIX: a device name is matched whole; libnvme scans a prefix and opens /dev/nvme0/../x for `nvme0/../x`.
- GENERIC: a namespace's character device (ng0n1) is a name too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from nvmed.devices.inventory import Inventory
from nvmed.nvme import identify
from nvmed.nvme.identify import IdentifyController, IdentifyNamespace, LbaFormat, lba_formats
from nvmed.nvme.opcodes import CONTROLLER_ID_MAX, AdminOpcode, IdentifyCns
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Answer, Fail, Fault, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import inventory_pb2, namespace_pb2, telemetry_pb2
from tests.rpc.harness import Daemon, StartDaemon, reason_of, small_drive
from tests.rpc.namespace_calls import stub

Case = dict[str, Any]
CASES: list[Case] = json.loads((Path(__file__).parents[2] / "vectors" / "commands.json").read_text())

REASONS = {"EPERM": "DAEMON_PRIVILEGE", 0x400B: "NAMESPACE_NOT_FOUND"}
"""What nvmed makes of the failures that were injected: an errno, or a status."""


def cases(*functions: str) -> list[Any]:
    chosen = [case for case in CASES if case["function"] in functions]
    return [pytest.param(case, id=f"{case['case']} {number}") for number, case in enumerate(chosen)]


def sent(case: Case) -> list[Command]:
    """libnvme's commands."""
    dwords = ("opcode", "nsid", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15")
    return [Command(**{name: command[name] for name in dwords}) for command in case["commands"]]


def asked(command: Command, cns: int) -> bool:
    """Whether a command is Identify of this CNS."""
    return command.opcode == AdminOpcode.IDENTIFY and command.cdw10 & 0xFF == cns


def fail(drive: Controller, case: Case, opcode: AdminOpcode) -> None:
    """The failure of the case."""
    for outcome in case["device"]["fail"].values():
        action = Fail(-outcome) if outcome < 0 else Refuse(outcome)
        drive.faults.add(Fault(action, opcode=opcode))


async def reason(call: Any) -> str:
    """The reason that a call is refused with, "" if it is not."""
    try:
        await call
    except grpc.aio.AioRpcError as failure:
        return reason_of(failure)
    return ""


# -- limits


@pytest.mark.parametrize("case", cases("nvme_get_telemetry_max"))
async def test_get_telemetry_max(daemon: Daemon, case: Case) -> None:
    drive = daemon.drive()
    fail(drive, case, AdminOpcode.IDENTIFY)
    known = IdentifyController(lpa=case["device"]["lpa"], mdts=case["device"]["mdts"]).build()
    drive.faults.add(
        Fault(Answer(known), opcode=AdminOpcode.IDENTIFY, where=lambda c: asked(c, IdentifyCns.CONTROLLER), times=None)
    )
    drive.journal.clear()
    request = inventory_pb2.GetControllerCapabilitiesRequest(name="nvme0")
    if case["errno"]:
        assert await reason(daemon.inventory.GetControllerCapabilities(request)) == REASONS[case["errno"]]
        assert drive.journal.commands() == sent(case)
        return
    found = await daemon.inventory.GetControllerCapabilities(request)
    assert drive.journal.commands() == sent(case)
    assert await daemon.inventory.GetControllerCapabilities(request) == found
    assert drive.journal.commands() == sent(case)  # FRESH
    if case["device"]["mdts"] < 19:
        assert found.max_transfer_bytes == case["data_tx"]
    else:
        assert found.max_transfer_bytes == 4096 << case["device"]["mdts"] != case["data_tx"]  # WIDE
    telemetry = await daemon.telemetry.GetTelemetryCapabilities(
        telemetry_pb2.GetTelemetryCapabilitiesRequest(controller="nvme0")
    )
    assert telemetry.max_data_area == case["da"]


@pytest.mark.parametrize("mdts", [52, 255])
async def test_a_limit_that_no_integer_holds_is_the_largest_there_is(daemon: Daemon, mdts: int) -> None:
    drive = daemon.drive()
    known = IdentifyController(lpa=8, mdts=mdts).build()
    drive.faults.add(Fault(Answer(known), opcode=AdminOpcode.IDENTIFY, times=None))
    request = inventory_pb2.GetControllerCapabilitiesRequest(name="nvme0")
    found = await daemon.inventory.GetControllerCapabilities(request)
    assert found.max_transfer_bytes == 2**64 - 1


async def test_a_command_transfers_no_more_than_its_length_holds() -> None:
    host = SimulatedHost([Subsystem(small_drive(mdts=0))], queue_limit_bytes=None)
    inventory = Inventory(host)
    (device,) = await inventory.controllers()
    known = IdentifyController(mdts=31).build()
    host.controller("nvme0").faults.add(Fault(Answer(known), opcode=AdminOpcode.IDENTIFY))
    async with device.open() as session:
        assert (await device.transfer_limit(session)).bytes == 2**32 - 4096
    inventory.close()


# -- block sizes

BLOCK_FORMATS = {0: 9, 2: 0, 4: 31, 16: 13, 35: 14}
"""LBADS by format, as the observed device had them."""


@pytest.mark.parametrize("case", cases("nvme_get_logical_block_size"))
async def test_get_logical_block_size(daemon: Daemon, case: Case) -> None:
    drive = daemon.drive()
    await daemon.inventory.GetControllerCapabilities(inventory_pb2.GetControllerCapabilitiesRequest(name="nvme0"))
    fail(drive, case, AdminOpcode.IDENTIFY)
    formats = lba_formats(*(LbaFormat(lbads=BLOCK_FORMATS.get(index, 12)) for index in range(64)))
    known = IdentifyNamespace(nsze=8, flbas=case["device"]["flbas"], lbaf=formats).build()
    if not case["ret"]:
        drive.faults.add(Fault(Answer(known), opcode=AdminOpcode.IDENTIFY, times=None))
    drive.journal.clear()
    nsid = case["params"]["nsid"]
    call = stub(daemon).GetLogicalBlockSize(namespace_pb2.GetLogicalBlockSizeRequest(controller="nvme0", nsid=nsid))
    if nsid == 0xFFFF_FFFF:
        assert (await reason(call), drive.journal.commands()) == ("INVALID_FIELD", [])  # REFUSE
        return
    if case["ret"]:
        assert await reason(call) == REASONS[case["ret"]]
    elif case["blksize"] == 1:
        assert await reason(call) == "NVME_DATA_INVALID"  # SENSE
    else:
        assert (await call).logical_block_bytes == case["blksize"] % 2**32  # SENSE
    assert drive.journal.commands() == sent(case)


@pytest.mark.parametrize("lbads", [0, 8, 32, 33, 255])
async def test_sizes_that_no_block_has(daemon: Daemon, lbads: int) -> None:
    known = IdentifyNamespace(nsze=8, lbaf=lba_formats(LbaFormat(lbads=lbads))).build()
    request = namespace_pb2.GetLogicalBlockSizeRequest(controller="nvme0", nsid=1)
    daemon.drive().faults.add(
        Fault(Answer(known), opcode=AdminOpcode.IDENTIFY, where=lambda c: asked(c, IdentifyCns.NAMESPACE))
    )
    assert await reason(stub(daemon).GetLogicalBlockSize(request)) == "NVME_DATA_INVALID"


# -- attachment


@dataclass
class Attach:
    """Takes Namespace Attachment for done, and keeps what it was sent."""

    lists: list[bytes] = field(default_factory=list)

    def before(self, controller: ControllerState, command: Command, data: bytearray | memoryview | None) -> Completion:
        self.lists.append(bytes(data or b""))
        return Completion(0, 0)

    def after(self, controller: ControllerState, command: Command, data: bytearray | memoryview | None) -> None:
        """Nothing is left to do."""


def believe(drive: Controller, cns: IdentifyCns, ids: list[int]) -> None:
    """Make the drive answer with these controllers, from the one on that it is asked for."""

    def where(command: Command) -> bool:
        return asked(command, cns)

    @dataclass
    class Lists(Answer):
        def before(self, controller: ControllerState, command: Command, data: Any) -> Completion:
            chosen = [number for number in ids if number >= command.cdw10 >> 16][: identify.CONTROLLER_LIST_MAX]
            self.content = identify.build_controller_list(chosen)
            return Answer.before(self, controller, command, data)

    drive.faults.add(Fault(Lists(b""), opcode=AdminOpcode.IDENTIFY, where=where, times=None))


def observed_list(case: Case) -> bytes:
    """The controller list that libnvme sent; the parameters of long ones are cut in the file."""
    (command,) = case["commands"]
    return bytes.fromhex(command["data_hex_nonzero"]).ljust(command["data_len"], b"\0")


@pytest.mark.parametrize("case", cases("nvme_namespace_attach_ctrls", "nvme_namespace_detach_ctrls"))
async def test_attachment(start_daemon: StartDaemon, case: Case) -> None:
    spaces = tuple(NamespaceSpec(size_bytes=MIB) for _ in range(5))
    daemon = await start_daemon(DriveSpec(serial="ATTACH", namespaces=spaces))
    drive, wanted = daemon.drive(), list(identify.parse_controller_list(observed_list(case)))
    attaches = "attach_ctrls" in case["function"] and "detach" not in case["function"]
    fail(drive, case, AdminOpcode.NAMESPACE_ATTACHMENT)
    taken = Attach()
    if not case["errno"]:
        drive.faults.add(Fault(taken, opcode=AdminOpcode.NAMESPACE_ATTACHMENT))
    known = sorted({*wanted, 1} - {0xFFFF})
    believe(drive, IdentifyCns.CONTROLLER_LIST, known)
    believe(drive, IdentifyCns.NAMESPACE_ATTACHED_CONTROLLER_LIST, [] if attaches else known)
    fields = {"controller": "nvme0", "nsid": case["params"]["nsid"], "controller_ids": wanted, "wait_timeout_ms": 1}
    if attaches:
        call = stub(daemon).AttachControllers(namespace_pb2.AttachControllersRequest(**fields))
    else:
        call = stub(daemon).DetachControllers(namespace_pb2.DetachControllersRequest(**fields))  # type: ignore[assignment]
    if not wanted or max(wanted) > CONTROLLER_ID_MAX:
        assert await reason(call) == "INVALID_FIELD"  # REFUSE
        assert drive.journal.commands(opcode=AdminOpcode.NAMESPACE_ATTACHMENT) == []
        return
    assert await reason(call) == REASONS.get(case["errno"], "")
    assert drive.journal.commands(opcode=AdminOpcode.NAMESPACE_ATTACHMENT) == sent(case)  # CHECK
    if taken.lists:
        (ours,) = taken.lists
        assert identify.parse_controller_list(ours) == tuple(sorted(set(wanted)))  # ASCEND
        assert (ours == observed_list(case)) == (wanted == sorted(set(wanted)))


async def test_who_has_it_already_is_left_out(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="ATTACH"))
    drive, taken = daemon.drive(), Attach()
    drive.faults.add(Fault(taken, opcode=AdminOpcode.NAMESPACE_ATTACHMENT))
    believe(drive, IdentifyCns.CONTROLLER_LIST, [1, 2, 3])
    request = namespace_pb2.AttachControllersRequest(
        controller="nvme0", nsid=1, controller_ids=[3, 1, 2], wait_timeout_ms=1
    )
    await stub(daemon).AttachControllers(request)
    assert [identify.parse_controller_list(one) for one in taken.lists] == [(2, 3)]  # LEFT


# -- names

OPENED = ("nvme0", "nvme0n1")
"""What nvme_open opens, and so does nvmed."""

REFUSED = ("", "foo", "nvme", "/dev/nvme0")
"""What both refuse."""

SCANNED = ("nvme-1", "nvme 7", "nvme0/../x", "nvme0n1p1", "nvme0abc", "nvme0n1/../../null", "nvme0\n", "nvme+0")
"""PREFIX: what nvme_open's scan lets through."""

GENERIC = ("ng0n1",)
"""What libnvme 1.x refuses."""


@pytest.mark.parametrize("name", [*OPENED, *GENERIC])
async def test_names_that_are_opened(daemon: Daemon, name: str) -> None:
    found = await daemon.inventory.GetController(inventory_pb2.GetControllerRequest(name=name))
    assert found.device_node == "nvme0"
    request = telemetry_pb2.GetTelemetryCapabilitiesRequest(controller=name)
    assert (await daemon.telemetry.GetTelemetryCapabilities(request)).controller == found.name
    assert daemon.drive().journal.commands(Queue.ADMIN)


@pytest.mark.parametrize("name", [*REFUSED, *SCANNED, "ng0", "nvme\u0660", "nvme0c0n1", "nvme0 "])
async def test_names_that_are_not(daemon: Daemon, name: str) -> None:
    request = telemetry_pb2.GetTelemetryCapabilitiesRequest(controller=name)
    assert await reason(daemon.telemetry.GetTelemetryCapabilities(request)) == "INVALID_FIELD"
    assert await reason(daemon.inventory.GetController(inventory_pb2.GetControllerRequest(name=name))) == (
        "INVALID_FIELD"
    )
    assert await reason(daemon.inventory.GetNamespace(inventory_pb2.GetNamespaceRequest(name=name))) == "INVALID_FIELD"
    assert daemon.drive().journal.commands(Queue.ADMIN) == []
