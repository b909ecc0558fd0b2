"""What libnvme 1.16 was seen to send for telemetry, against what nvmed sends to the same drive.

With one chunk under way and chunks of libnvme's size, the commands are the same, but for these deviations, each of
which is asserted where it applies:

- RETAIN: every read retains the event; libnvme clears it with the last chunk, before anyone has the data.
- CLEAR: an event that is to be cleared is cleared by a read of the header of its own, after the last chunk was sent.
- VERIFY: the header is read once more at the end, and a log of another generation is an error, never success.
- FRESH: what the drive can do is asked once for each controller, not once for each call.
- REFUSE: an area or a transfer size that cannot be right is refused before the drive is touched, where libnvme creates
  a log first, loops forever or sends transfers that do not match.
- AREA4: ETDAS is set before and restored after; libnvme leaves that to its caller.
- LARGEST: area 0, controller determined, reads the largest area there is, as nvme-cli does; libnvme fails with EINVAL.
- CHOICE: a drive that refuses to be told how much to create is asked to create what it chooses.
- SMALLER: where a part is refused for what may be its size, another size is tried before that is an error.
- NODATA: no controller-initiated data is an error, where libnvme returns the header alone, as success.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.inventory import Inventory
from nvmed.devices.telemetry import TelemetryEnd, TelemetryRequest, TelemetryStart, stream
from nvmed.errors import NvmedError
from nvmed.nvme import logpage, telemetry
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryLog
from nvmed.reasons import Reason
from nvmed.rpc.validate import validate
from nvmed.simulator.faults import Fail, Fault, NewGeneration, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1.telemetry_pb2 import StreamTelemetryRequest

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "commands.json").read_text())
STREAMS = [case for case in VECTORS if case["function"] == "nvme_get_telemetry_log"]
CHECKED = [
    case
    for case in VECTORS
    if case["function"] in ("nvme_get_host_telemetry", "nvme_get_ctrl_telemetry", "nvme_get_new_host_telemetry")
]
REFUSED_TRANSFERS = (0, 3, 510)
INVALID_FIELD = 2
ERRORS = {
    "ENOENT": Reason.TELEMETRY_AREA_EMPTY.name,
    "EIO": Reason.DEVICE_GONE.name,
    "EACCES": Reason.DAEMON_PRIVILEGE.name,
}


@dataclass
class Ran:
    """What became of a stream: the log reads as (LSP, offset, length), and the bytes or the reason of the error."""

    reads: list[tuple[int, int, int]]
    retained: list[bool]
    data: bytes = b""
    reason: str = ""


def drive_of(device: dict[str, Any], *, identified: bool) -> Subsystem:
    """The drive that a vector was observed on; `identified` if its commands begin with Identify, as nvmed's do.

    LPA of the observed drives makes no sense in two ways: bit 6 (area 4) without bit 3 (telemetry), and that
    without bit 2 (reading in parts). The simulated one has what it claims.
    """
    lpa = device["lpa"] | (0x0C if device["lpa"] & 0x48 else 0)
    opcode = None if identified else AdminOpcode.GET_LOG_PAGE
    drive = Subsystem(
        DriveSpec(
            mdts=device["mdts"],
            log_attributes=lpa,
            telemetry=TelemetrySpec(last_blocks=tuple(device["dalb"]), host_log_present=True),
        )
    )
    if device["ctrlavail"]:
        drive.controller.capture_controller_telemetry()
    for index, outcome in device["fail"].items():
        action = Fail(-outcome) if outcome < 0 else Refuse(outcome)
        drive.controller.faults.add(Fault(action, opcode=opcode, skip=int(index)))
    if device["regen_every"]:
        change = Fault(NewGeneration(host=True), opcode=AdminOpcode.GET_LOG_PAGE, skip=device["regen_every"])
        drive.controller.faults.add(change)
    return drive


async def run(
    drive: Subsystem, state: Path, *, log: TelemetryLog, area: int, create: bool, retain: bool, transfer: int
) -> Ran:
    """Stream in chunks of `transfer` bytes, one at a time, and keep what was sent to the drive."""

    async def at_once(step: str, change: Any) -> None:
        await change()

    inventory = Inventory(SimulatedHost([drive]))
    (device,) = await inventory.controllers()
    drive.controller.journal.clear()
    ran = Ran([], [])
    try:
        request = TelemetryRequest(
            log=log,
            area=TelemetryDataArea(area),
            create=create,
            retain_async_event=retain,
            chunk_bytes=transfer,
            window=1,
            transfer_bytes=transfer,
            resume_token="",
            offset=0,
            headroom=0,
            encode=lambda buffer, size, offset: bytes(buffer[:size]),
            journalled=at_once,
        )
        async with aclosing(stream(device, request, ExtendedTelemetry(state))) as parts:
            async for part in parts:
                if not isinstance(part, TelemetryStart | TelemetryEnd):
                    ran.data += part
    except NvmedError as exc:
        ran.reason = exc.reason
    finally:
        inventory.close()
    for command in drive.controller.journal.commands(opcode=AdminOpcode.GET_LOG_PAGE):
        read = logpage.decode(command)
        assert read.lid == log
        ran.reads.append((read.lsp, read.offset_bytes, read.length_bytes))
        ran.retained.append(read.rae)
    return ran


def refused_by_rules(wanted: dict[str, Any]) -> bool:
    """REFUSE: whether the rules of the request or of the areas turn this away before a drive is looked for."""
    request = StreamTelemetryRequest(
        controller="nvme0", source="TELEMETRY_SOURCE_HOST", max_transfer_bytes=wanted["max_data_tx"] or 1
    )
    try:
        validate(request)
        telemetry.data_area(wanted["da"])
    except NvmedError as exc:
        return exc.reason == Reason.INVALID_FIELD.name
    return False


def observed(case: dict[str, Any]) -> list[tuple[int, int, int]]:
    """libnvme's log reads, in the same shape."""
    return [
        (command["decoded"]["lsp"], command["decoded"]["lpo"], command["data_len"])
        for command in case["commands"]
        if command["opcode"] == AdminOpcode.GET_LOG_PAGE
    ]


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case["case"])
async def test_get_telemetry_log(case: dict[str, Any], tmp_path: Path) -> None:
    wanted, device = case["params"], case["device"]
    if wanted["max_data_tx"] in REFUSED_TRANSFERS or wanted["da"] > 4:
        assert refused_by_rules(wanted)
        return
    log = TelemetryLog.CONTROLLER_INITIATED if wanted["ctrl"] else TelemetryLog.HOST_INITIATED
    create = wanted["create"] and not wanted["ctrl"]  # libnvme ignores it for the controller's log
    ran = await run(
        drive_of(device, identified=False),
        tmp_path,
        log=log,
        area=wanted["da"],
        create=create,
        retain=wanted["rae"],
        transfer=wanted["max_data_tx"],
    )
    compare(case, ran, retain=wanted["rae"])


@pytest.mark.parametrize("case", CHECKED, ids=lambda case: case["case"])
async def test_checked_telemetry(case: dict[str, Any], tmp_path: Path) -> None:
    wanted, device = case["params"], case["device"]
    log = TelemetryLog.CONTROLLER_INITIATED if "ctrl" in case["function"] else TelemetryLog.HOST_INITIATED
    retain = wanted.get("rae", True)
    ran = await run(
        drive_of(device, identified=True),
        tmp_path,
        log=log,
        area=wanted["da"],
        create="new" in case["function"],
        retain=retain,
        transfer=4096,
    )
    compare(case, ran, retain=retain)


def compare(case: dict[str, Any], ran: Ran, *, retain: bool) -> None:
    expected = observed(case)
    if case["ret"] == 0 and ran.reason == Reason.TELEMETRY_NOT_AVAILABLE.name:  # NODATA
        assert not case["device"]["ctrlavail"]
        assert ran.reads == expected
    elif case["ret"] == 0 and ran.reason:
        assert ran.reason == Reason.TELEMETRY_GENERATION_CHANGED.name  # VERIFY
        assert case["device"]["regen_every"]
    elif case["ret"] == 0:
        tail = [(0, 0, 512)] * (1 if retain else 2)  # VERIFY and CLEAR
        assert ran.reads == expected + tail
        assert ran.retained == [True] * len(expected) + [True] + ([] if retain else [False])  # RETAIN
        assert len(ran.data) == case["size"]
    elif case["params"].get("create") and case["device"]["fail"].get("0") == INVALID_FIELD:  # CHOICE
        assert [read[0] for read in ran.reads[:2]] == [expected[0][0], 1]
        assert not ran.reason
    elif INVALID_FIELD in case["device"]["fail"].values():  # SMALLER
        assert ran.reads[: len(expected)] == expected
        assert (ran.reason, len(ran.data)) == ("", case["size"])
    elif case["params"]["da"] == 0 and case["device"]["lpa"]:
        assert case["errno"] == "EINVAL"
        assert not ran.reason  # LARGEST
        assert len(ran.data) == (max(case["device"]["dalb"]) + 1) * 512
    else:
        assert ran.reads == expected[: len(ran.reads)]
        assert ran.reason
        assert not ran.data or case["device"]["fail"]
        if case.get("errno") in ERRORS and case["device"]["lpa"] & 0x48:
            assert ran.reason in (ERRORS[case["errno"]], Reason.TELEMETRY_UNSUPPORTED.name)


def test_every_vector_is_looked_at() -> None:
    assert len(STREAMS) == 36
    assert len(CHECKED) == 21
