"""What a completion's status means, and the error it becomes.

`status_table` has every known code; this module finds a code's row, falls back sensibly for unknown ones and raises. A
status of 0 is success; there is no other (but see `required_reset`: three "errors" of Firmware Commit are successes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, unique

from nvmed.errors import NvmedError, NvmeStatus, Unavailable
from nvmed.nvme import status_table
from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.transport import Command, Completion
from nvmed.reasons import Reason, error

DO_NOT_RETRY = 0x4000
MORE = 0x2000
"""Bits of `Completion.status`; CRD is bits 12:11, SCT 10:8, SC 7:0 (Base 2.0, figure 94, without the phase tag)."""

STATUS_MASK = 0x7FFF
CODE_MASK = 0x7FF
"""SCT and SC together: what identifies a status."""

VENDOR_CODE_FIRST = 0xC0
"""Status codes from here up are vendor specific in every status code type."""


@unique
class Queue(Enum):
    """Which queue a command went to: it decides what its opcode, and so its command specific status, means."""

    ADMIN = "admin"
    IO = "io"


@unique
class StatusCodeType(IntEnum):
    """SCT (Base 2.0, figure 95); 4h to 6h are reserved."""

    GENERIC = 0
    COMMAND_SPECIFIC = 1
    MEDIA = 2
    PATH = 3
    VENDOR = 7


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One status: `code` is SCT and SC (bits 10:0), `reason` decides the class of error it becomes."""

    code: int
    mnemonic: str
    description: str
    reason: Reason

    @property
    def status_code_type(self) -> int:
        return self.code >> 8

    @property
    def status_code(self) -> int:
        return self.code & 0xFF


SUCCESS = StatusEntry(0, "NVME_SC_SUCCESS", "The command succeeded", Reason.BUG)
"""`reason` is BUG because making an error of a success is one."""


@unique
class RequiredReset(Enum):
    """Which reset activates firmware that was committed: what Firmware Commit's statuses 0Bh, 10h and 11h ask for."""

    CONVENTIONAL = "conventional"
    SUBSYSTEM = "subsystem"
    CONTROLLER = "controller"


_RESETS = {
    0x10B: RequiredReset.CONVENTIONAL,
    0x110: RequiredReset.SUBSYSTEM,
    0x111: RequiredReset.CONTROLLER,
}


def _entries(sct: StatusCodeType, rows: Sequence[status_table.Row]) -> dict[int, StatusEntry]:
    return {sct << 8 | sc: StatusEntry(sct << 8 | sc, mnemonic, text, reason) for sc, mnemonic, text, reason in rows}


STATUSES: dict[int, StatusEntry] = {
    0: SUCCESS,
    **_entries(StatusCodeType.GENERIC, status_table.GENERIC),
    **_entries(StatusCodeType.COMMAND_SPECIFIC, status_table.COMMAND_SPECIFIC),
    **_entries(StatusCodeType.MEDIA, status_table.MEDIA_ERRORS),
    **_entries(StatusCodeType.PATH, status_table.PATH_ERRORS),
}
"""By `StatusEntry.code`: admin commands, and I/O commands of the NVM, zoned and key value command sets."""

FABRICS_STATUSES = _entries(StatusCodeType.COMMAND_SPECIFIC, status_table.FABRICS)
"""By code: where they differ after a fabrics command."""

OPCODE_STATUSES = {
    (opcode, entry.code): entry
    for opcode, row in status_table.PER_OPCODE
    for entry in _entries(StatusCodeType.COMMAND_SPECIFIC, [row]).values()
}
"""By (admin opcode, code): where they differ after one admin command."""

_FALLBACKS: dict[int, tuple[str, Reason]] = {
    StatusCodeType.GENERIC: ("generic", Reason.NVME_REFUSED),
    StatusCodeType.COMMAND_SPECIFIC: ("command specific", Reason.NVME_REFUSED),
    StatusCodeType.MEDIA: ("media", Reason.NVME_MEDIA),
    StatusCodeType.PATH: ("path", Reason.NVME_PATH),
}


def lookup(raw: int, opcode: int | None = None, queue: Queue = Queue.ADMIN) -> StatusEntry:
    """The entry of a raw status (CRD, More and DNR are ignored); never fails.

    Command specific codes are shared by several commands, so give the opcode where it is known. An unknown code gets an
    entry of its status code type: mnemonic `NVME_SC_<sct>_<sc>` in hex, and NVME_VENDOR for the vendors' ranges.
    """
    code = raw & CODE_MASK
    if opcode == AdminOpcode.FABRICS and code in FABRICS_STATUSES:
        return FABRICS_STATUSES[code]
    if queue is Queue.ADMIN and opcode is not None and (opcode, code) in OPCODE_STATUSES:
        return OPCODE_STATUSES[opcode, code]
    return STATUSES.get(code) or _unknown(code)


def _unknown(code: int) -> StatusEntry:
    sct, sc = code >> 8, code & 0xFF
    mnemonic = f"NVME_SC_{sct:X}_{sc:02X}"
    if sct == StatusCodeType.VENDOR or sc >= VENDOR_CODE_FIRST:
        return StatusEntry(code, mnemonic, "The controller answered a vendor specific status", Reason.NVME_VENDOR)
    kind, reason = _FALLBACKS.get(sct, ("reserved", Reason.NVME_REFUSED))
    return StatusEntry(code, mnemonic, f"The controller answered a {kind} status that nvmed does not know", reason)


def required_reset(raw: int) -> RequiredReset | None:
    """The reset that a Firmware Commit's status asks for, None for any other status.

    These statuses mean that the image was committed, so they are outcomes and not errors: ask before `check`.
    """
    return _RESETS.get(raw & CODE_MASK)


def command_name(command: Command, queue: Queue = Queue.ADMIN) -> str:
    """`FIRMWARE_COMMIT`, or `admin command C1h` for an opcode without a name."""
    names: type[AdminOpcode | IoOpcode] = AdminOpcode if queue is Queue.ADMIN else IoOpcode
    try:
        return names(command.opcode).name
    except ValueError:
        return f"{queue.value} command {command.opcode:02X}h"


def describe(command: Command, completion: Completion, queue: Queue = Queue.ADMIN) -> NvmeStatus:
    """The details of a refusal, as errors carry them."""
    entry = lookup(completion.status, command.opcode, queue)
    return NvmeStatus(
        raw=completion.status & STATUS_MASK,
        mnemonic=entry.mnemonic,
        opcode=command.opcode,
        nsid=command.nsid,
        result=completion.result,
    )


def status_error(
    command: Command,
    completion: Completion,
    queue: Queue = Queue.ADMIN,
    *,
    retry_delays_ms: Sequence[int] = (),
) -> NvmedError:
    """The error of a status that is not success.

    The reason is the table's, with two exceptions that a client must be able to trust (Base 2.0, section 4.2.3):

    - the controller said "do not retry", and the reason is one to try again after: it becomes NVME_REFUSED;
    - the controller named a retry delay (CRD), and the reason is not one to try again after: it becomes NVME_BUSY.

    `retry_delays_ms` is `IdentifyController.command_retry_delays_ms`; with it, an error that may be tried again carries
    the delay that the controller asked for.
    """
    status = describe(command, completion, queue)
    entry = lookup(completion.status, command.opcode, queue)
    reason, delay_ms = entry.reason, None
    if status.do_not_retry:
        if issubclass(reason.cls, Unavailable):
            reason = Reason.NVME_REFUSED
    elif status.command_retry_delay:
        if not issubclass(reason.cls, Unavailable):
            reason = Reason.NVME_BUSY
        delay_ms = _retry_delay_ms(status.command_retry_delay, retry_delays_ms)
    return error(
        reason,
        f"{command_name(command, queue)}: {entry.description} "
        f"({entry.mnemonic}, status {status.raw:04X}h{', do not retry' if status.do_not_retry else ''}).",
        nvme=status,
        retry_delay_ms=delay_ms,
        command=command_name(command, queue),
        mnemonic=entry.mnemonic,
        status=f"0x{status.raw:04x}",
    )


def _retry_delay_ms(crd: int, delays_ms: Sequence[int]) -> int | None:
    return (delays_ms[crd - 1] or None) if crd <= len(delays_ms) else None


def check(
    command: Command,
    completion: Completion,
    queue: Queue = Queue.ADMIN,
    *,
    retry_delays_ms: Sequence[int] = (),
) -> Completion:
    """`completion` itself if it is a success; else raises `status_error`."""
    if completion.status & CODE_MASK:
        raise status_error(command, completion, queue, retry_delays_ms=retry_delays_ms)
    return completion
