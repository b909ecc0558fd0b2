"""NVMe over Fabrics, as far as every transport shares it: Connect, properties, and what Identify adds (Base 2.0).

Values in, values out; who is connected to what is `association`'s business.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum, auto, unique

from nvmed.nvme.transport import Command, Completion

DISCOVERY_NQN = "nqn.2014-08.org.nvmexpress.discovery"
NQN_MAX_BYTES = 223

CONTROLLER_ID_DYNAMIC = 0xFFFF
"""CNTLID of a Connect that takes any controller."""

CONTROLLER_ID_STATIC = 0xFFFE
"""CNTLID of a Connect that takes any controller of the static model."""

DO_NOT_RETRY = 0x4000


@unique
class Status(IntEnum):
    """SCT and SC of the statuses that the fabrics layer itself gives (Base 2.0, figures 96, 97 and 99)."""

    INVALID_OPCODE = 0x001
    INVALID_FIELD = 0x002
    COMMAND_ID_CONFLICT = 0x003
    INTERNAL_ERROR = 0x006
    ABORT_REQUESTED = 0x007
    COMMAND_SEQUENCE_ERROR = 0x00C
    DATA_LENGTH_INVALID = 0x00F
    SGL_TYPE_INVALID = 0x011
    SGL_OFFSET_INVALID = 0x016
    TRANSIENT_TRANSPORT_ERROR = 0x022
    ASYNC_EVENT_LIMIT_EXCEEDED = 0x105
    INVALID_LOG_PAGE = 0x109
    CONNECT_INCOMPATIBLE_FORMAT = 0x180
    CONNECT_CONTROLLER_BUSY = 0x181
    CONNECT_INVALID_PARAMETERS = 0x182
    INVALID_QUEUE_TYPE = 0x185


def refusal(status: Status, result: int = 0, *, retry: bool = False) -> Completion:
    """A completion that refuses, with Do Not Retry unless trying again may help."""
    return Completion(status if retry else status | DO_NOT_RETRY, result)


@dataclass(frozen=True, slots=True)
class Connect:
    """A Connect command and its data (Base 2.0, figures 380 and 381). `queue_entries` is not 0's based."""

    queue_id: int
    queue_entries: int
    keep_alive_ms: int
    flow_control: bool
    host_id: bytes
    controller_id: int
    subsystem_nqn: str
    host_nqn: str


CONNECT_DATA_BYTES = 1024
_CONNECT_DATA = struct.Struct("<16sH238x256s256s256x")


class ConnectRefused(Exception):
    """Why a Connect fails, as the completion it gets."""

    def __init__(self, completion: Completion) -> None:
        super().__init__(f"status {completion.status:#x}")
        self.completion = completion


def invalid_parameter(offset: int, *, in_data: bool) -> ConnectRefused:
    """Connect Invalid Parameters, naming the byte of the command or of its data (IPO and IATTR, figure 382)."""
    return ConnectRefused(refusal(Status.CONNECT_INVALID_PARAMETERS, offset | in_data << 16))


IN_COMMAND_QUEUE_ID = 42
IN_COMMAND_QUEUE_SIZE = 44
IN_DATA_CONTROLLER_ID = 16
IN_DATA_SUBSYSTEM_NQN = 256
IN_DATA_HOST_NQN = 512


def parse_connect(command: Command, data: bytes | bytearray | memoryview | None, entries_max: int) -> Connect:
    """Take a Connect apart, or raise `ConnectRefused` with the status its first wrong field asks for."""
    if data is None or len(data) != CONNECT_DATA_BYTES:
        raise ConnectRefused(refusal(Status.DATA_LENGTH_INVALID))
    if command.cdw10 & 0xFFFF:
        raise ConnectRefused(refusal(Status.CONNECT_INCOMPATIBLE_FORMAT))
    entries = (command.cdw11 & 0xFFFF) + 1
    if not 2 <= entries <= entries_max:
        raise invalid_parameter(IN_COMMAND_QUEUE_SIZE, in_data=False)
    host_id, controller_id, subsystem_nqn, host_nqn = _CONNECT_DATA.unpack(data)
    return Connect(
        queue_id=command.cdw10 >> 16,
        queue_entries=entries,
        keep_alive_ms=command.cdw12,
        flow_control=not command.cdw11 >> 16 & 0x4,
        host_id=host_id,
        controller_id=controller_id,
        subsystem_nqn=_parse_nqn(subsystem_nqn, IN_DATA_SUBSYSTEM_NQN),
        host_nqn=_parse_nqn(host_nqn, IN_DATA_HOST_NQN),
    )


def _parse_nqn(raw: bytes, offset: int) -> str:
    """A NUL-terminated name of at most 223 bytes of UTF-8 (Base 2.0, section 4.5)."""
    name, terminator, _ = raw.partition(b"\0")
    if not terminator or not 0 < len(name) <= NQN_MAX_BYTES:
        raise invalid_parameter(offset, in_data=True)
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise invalid_parameter(offset, in_data=True) from None


def build_connect_data(host_id: bytes, controller_id: int, subsystem_nqn: str, host_nqn: str) -> bytes:
    """The 1024 bytes that accompany a Connect."""
    return _CONNECT_DATA.pack(host_id, controller_id, subsystem_nqn.encode(), host_nqn.encode())


@unique
class Effect(Enum):
    """What writing a property makes the controller do."""

    NOTHING = auto()
    RESET = auto()
    SUBSYSTEM_RESET = auto()


# Properties: offsets, as of the controller registers (Base 2.0, figure 35).
CAP, VS, CC, CSTS, NSSR = 0x00, 0x08, 0x14, 0x1C, 0x20

CC_ENABLE = 0x1
CC_SHUTDOWN = 0xC000
CC_FIXED = 0x00FF_3FF0
"""IOCQES, IOSQES, AMS, MPS and CSS: the fields that an enabled controller must like."""
CC_FIXED_VALUE = 4 << 20 | 6 << 16
"""Entries of 16 and 64 bytes, round robin, pages of 4 KiB, the NVM command set."""
CSTS_READY = 0x1
CSTS_FATAL = 0x2
CSTS_SHUTDOWN_COMPLETE = 0x8
CSTS_SUBSYSTEM_RESET_OCCURRED = 0x10
NSSR_MAGIC = 0x4E56_4D65
"""The letters NVMe: resets the NVM subsystem."""

_CAP_CONTIGUOUS = 1 << 16
_CAP_READY_TIMEOUT = 30 << 24
"""CAP.TO: 15 s."""
_CAP_SUBSYSTEM_RESET = 1 << 36
_CAP_NVM_COMMAND_SET = 1 << 37


class Properties:
    """The registers of one controller as a host sees them from its Connect on."""

    def __init__(self, version: int, queue_entries: int) -> None:
        self.capabilities = (
            queue_entries - 1 | _CAP_CONTIGUOUS | _CAP_READY_TIMEOUT | _CAP_SUBSYSTEM_RESET | _CAP_NVM_COMMAND_SET
        )
        self.version = version
        self.configuration = 0
        self.status = 0

    @property
    def ready(self) -> bool:
        return bool(self.status & CSTS_READY)

    def get(self, command: Command) -> Completion:
        """Property Get (Base 2.0, figure 389).

        A property that is not there is refused without Do Not Retry: only so nvme-cli 2.3 skips it in `show-regs`.
        """
        values = {
            (CAP, 8): self.capabilities,
            (VS, 4): self.version,
            (CC, 4): self.configuration,
            (CSTS, 4): self.status,
            (NSSR, 4): 0,
        }
        value = values.get((command.cdw11, _property_bytes(command)))
        return refusal(Status.INVALID_FIELD, retry=True) if value is None else Completion(0, value)

    def set(self, command: Command) -> tuple[Completion, Effect]:
        """Property Set (Base 2.0, figure 391), and what follows from it."""
        setters: dict[tuple[int, int], Callable[[int], Effect]] = {
            (CC, 4): self._configure,
            (CSTS, 4): self._clear_status,
            (NSSR, 4): self._reset_subsystem,
        }
        setter = setters.get((command.cdw11, _property_bytes(command)))
        if setter is None:
            return refusal(Status.INVALID_FIELD), Effect.NOTHING
        return Completion(), setter(command.cdw12)

    def _configure(self, value: int) -> Effect:
        before, self.configuration = self.configuration, value
        if before & CC_ENABLE and not value & CC_ENABLE:
            self.status &= ~(CSTS_READY | CSTS_FATAL | CSTS_SHUTDOWN_COMPLETE)
            return Effect.RESET
        if value & CC_ENABLE and not before & CC_ENABLE:
            fits = value & CC_FIXED == CC_FIXED_VALUE
            self.status = self.status & CSTS_SUBSYSTEM_RESET_OCCURRED | (CSTS_READY if fits else CSTS_FATAL)
        elif value & CC_SHUTDOWN and not before & CC_SHUTDOWN:
            self.status |= CSTS_SHUTDOWN_COMPLETE
        return Effect.NOTHING

    def _clear_status(self, value: int) -> Effect:
        self.status &= ~(value & CSTS_SUBSYSTEM_RESET_OCCURRED)
        return Effect.NOTHING

    def _reset_subsystem(self, value: int) -> Effect:
        if value != NSSR_MAGIC:
            return Effect.NOTHING
        self.configuration = 0
        self.status = CSTS_SUBSYSTEM_RESET_OCCURRED
        return Effect.SUBSYSTEM_RESET


def _property_bytes(command: Command) -> int:
    return 8 if command.cdw10 & 0x7 == 1 else 4


@dataclass(frozen=True, slots=True)
class FabricsIdentity:
    """What Identify Controller says only over fabrics (Base 2.0, figure 275, bytes 77, 320, 514, 536, 768, 1792 on)."""

    controller_id: int
    subsystem_nqn: str
    queue_entries: int
    keep_alive_granularity: int
    in_capsule_bytes: int


_SUBMISSION_ENTRY_BYTES = 64
_COMPLETION_ENTRY_BYTES = 16
_SGLS = 0x1 | 1 << 20 | 1 << 21
"""SGLs without alignment, offsets in data block descriptors, transport data blocks."""


def complete_identity(data: bytearray | memoryview, identity: FabricsIdentity) -> None:
    """Write the fabrics fields into as much of an Identify Controller structure as `data` holds."""
    capsule = (_SUBMISSION_ENTRY_BYTES + identity.in_capsule_bytes) // 16
    fields: tuple[tuple[int, bytes], ...] = (
        (78, struct.pack("<H", identity.controller_id)),
        (320, struct.pack("<H", identity.keep_alive_granularity)),
        (514, struct.pack("<H", identity.queue_entries)),
        (536, struct.pack("<I", _SGLS)),
        (768, identity.subsystem_nqn.encode().ljust(256, b"\0")),
        # IOCCSZ and IORCSZ in 16 bytes, ICDOFF, FCATT (dynamic model), MSDBD (one descriptor), OFCS (Disconnect)
        (1792, struct.pack("<IIHBBH", capsule, _COMPLETION_ENTRY_BYTES // 16, 0, 0, 1, 1)),
    )
    for offset, value in fields:
        if offset + len(value) <= len(data):
            data[offset : offset + len(value)] = value
