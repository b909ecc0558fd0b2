"""What libnvme 1.16 was seen to send and answer for ANA and LBA status, against nvmed on the same drive.

Commands are the same, in number, order and every bit, but for these deviations, each asserted where it applies:

- FRESH: Identify is asked once for each controller and kept; libnvme asks each time.
- RETAIN: every read retains the event; libnvme clears it with the last piece, before anyone has the log.
- CLEAR: an event that is to be cleared is cleared by a read of the header of its own at the end, also where the log is
  empty, where libnvme leaves the event pending.
- VERIFY: after a log of several pieces the header is read once more (or cleared, which is the same read): one that
  changed meanwhile is read again, where libnvme hands out a mixture.
- REFUSE: a length below the header's or that is no multiple of 4 is an error after the header, where libnvme reads
  into a buffer that is too small, or asks for 16 GiB.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nvmed.devices import logs_changing
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.nvme import logpage
from nvmed.nvme.ana import LbaStatusHeader, ana_log_bytes
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.logpage import LogPageRequest
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason
from nvmed.simulator.faults import Answer, Fail, Fault, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem

Case = dict[str, Any]
CASES: list[Case] = json.loads((Path(__file__).parents[2] / "vectors" / "commands.json").read_text())
LIBNVME_TRANSFER_BYTES = 4096

REASONS = {16386: Reason.NVME_INVALID_FIELD, "ENODEV": Reason.DEVICE_GONE, "EIO": Reason.DEVICE_GONE}
"""What nvmed makes of the failures that were injected: a status, or an errno."""


def cases(function: str) -> list[Any]:
    chosen = [case for case in CASES if case["function"] == function]
    return [pytest.param(case, id=f"{case['case']} {number}") for number, case in enumerate(chosen)]


def sent(case: Case) -> list[Command]:
    """libnvme's commands."""
    dwords = ("opcode", "nsid", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15")
    return [Command(**{name: command[name] for name in dwords}) for command in case["commands"]]


@dataclass
class Ran:
    """What became of a call: the commands, and the result or the reason of the error."""

    commands: list[Command] = field(default_factory=list)
    result: Any = None
    reason: str = ""


async def run(drive: Subsystem, call: Callable[[Device], Awaitable[Any]]) -> Ran:
    """Call with the drive behind a queue that takes what libnvme sends at most."""
    inventory = Inventory(SimulatedHost([drive], queue_limit_bytes=LIBNVME_TRANSFER_BYTES))
    (device,) = await inventory.controllers()
    drive.controller.journal.clear()
    ran = Ran()
    try:
        ran.result = await call(device)
    except NvmedError as exc:
        ran.reason = exc.reason
    finally:
        inventory.close()
    ran.commands = drive.controller.journal.commands()
    return ran


def fail(drive: Subsystem, case: Case, opcode: AdminOpcode) -> None:
    """The failures of the case, which counts the commands of `opcode`."""
    for index, outcome in case["device"]["fail"].items():
        action = Fail(-outcome) if outcome < 0 else Refuse(outcome)
        drive.controller.faults.add(Fault(action, opcode=opcode, skip=int(index)))


async def at_once(step: str, change: Callable[[], Awaitable[None]]) -> None:
    """Clear the event; what journals that is tried elsewhere."""
    await change()


@pytest.mark.parametrize("case", cases("nvme_get_ana_log_len"))
async def test_get_ana_log_len(case: Case) -> None:
    drive = Subsystem()
    known = IdentifyController(vid=0x1B36, nanagrpid=case["device"]["nanagrpid"], mnan=case["device"]["mnan"])

    async def twice(device: Device) -> int:
        # Only now, as the host's own scan identifies too; and what fails comes last, as the last fault decides.
        drive.controller.faults.add(Fault(Answer(known.build()), opcode=AdminOpcode.IDENTIFY, times=None))
        fail(drive, case, AdminOpcode.IDENTIFY)
        identity = await logs_changing.read_identity(device)
        assert await logs_changing.read_identity(device) == identity  # FRESH
        return ana_log_bytes(identity.nanagrpid, identity.mnan)

    ran = await run(drive, twice)
    assert ran.commands == sent(case)
    if case["ret"] == 0:
        assert ran.result == case["analen"]
    else:
        assert ran.reason == REASONS[case["errno"] or case["ret"]].name


@pytest.mark.parametrize("case", cases("nvme_get_ana_log_len_from_id_ctrl"))
def test_get_ana_log_len_from_id_ctrl(case: Case) -> None:
    wanted = case["params"]
    assert ana_log_bytes(wanted["nanagrpid"], wanted["mnan"], groups_only=wanted["rgo"]) == case["ret"]


def lba_status_drive(case: Case) -> Subsystem:
    """A drive whose log is as long as the case has it, with one element without ranges for each 16 bytes of it."""
    length = case["params"]["lslplen"]
    drive = Subsystem()
    header = LbaStatusHeader(lslplen=length, nlslne=max(0, length // 16 - 1), lsgc=5).build()
    element = b"\1\0\0\0" + b"\xff\xff\xff\xff" + b"\x10" + bytes(7)
    fail(drive, case, AdminOpcode.GET_LOG_PAGE)
    drive.controller.faults.add(Fault(Answer(header + element * (length // 16)), log_id=0x0E, times=None))
    return drive


@pytest.mark.parametrize("case", cases("nvme_get_lba_status_log"))
async def test_get_lba_status_log(case: Case) -> None:
    length, retain = case["params"]["lslplen"], case["params"]["rae"]
    ran = await run(
        lba_status_drive(case), lambda device: logs_changing.read_lba_status(device, None if retain else at_once)
    )
    reads = [logpage.decode(command) for command in ran.commands if command.opcode == AdminOpcode.GET_LOG_PAGE]
    theirs = [logpage.decode(command) for command in sent(case)]
    if length and (length < LbaStatusHeader.SIZE or length % 4):
        assert (ran.reason, reads) == (Reason.NVME_DATA_INVALID.name, theirs[:1])  # REFUSE
        return
    retained = [_with_rae(read, rae=True) for read in theirs]  # RETAIN
    if case["errno"]:
        assert ran.reason == REASONS[case["errno"]].name
        assert reads == retained
        return
    tail = []
    if not retain:
        tail = [_with_rae(theirs[0], rae=False)]  # CLEAR
    elif length > LIBNVME_TRANSFER_BYTES:
        tail = [theirs[0]]  # VERIFY
    assert reads == retained + tail
    assert len(ran.result.raw) == max(length, LbaStatusHeader.SIZE)
    assert ran.result.log.generation == 5 if length else True
    assert ran.result.event_retained is retain


def _with_rae(read: LogPageRequest, *, rae: bool) -> LogPageRequest:
    return LogPageRequest(read.lid, read.length_bytes, read.offset_bytes, lsp=read.lsp, lsi=read.lsi, rae=rae)


def test_every_vector_is_looked_at() -> None:
    counts = [
        len(cases(name))
        for name in ("nvme_get_ana_log_len", "nvme_get_ana_log_len_from_id_ctrl", "nvme_get_lba_status_log")
    ]
    assert counts == [9, 10, 9]
