"""Commands that a client composes: how much they transfer, whether they may change state, which nobody may send.

What a command transfers stands in its own dwords, and a controller obeys those, not the length of the buffer: with a
smaller buffer it writes over, or reads out, memory of the kernel behind it (CVE-2023-6238). The tables below are what
is known; a command that is in none of them is taken to be able to change anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from nvmed.nvme.effects import CommandEffects
from nvmed.nvme.identify import IdentifyNamespace, logical_block_bytes
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.logpage import decode as decode_log_page
from nvmed.nvme.opcodes import (
    IDENTIFY_BYTES,
    VENDOR_LOG_PAGE_FIRST,
    VENDOR_OPCODE_FIRST,
    AdminOpcode,
    FeatureId,
    FeatureSelect,
    IoOpcode,
    LogPage,
)
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.reasons import invalid_field

VENDOR_IO_OPCODE_FIRST: Final = 0x80


@unique
class Direction(Enum):
    """Where a command's data go."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Passthru:
    """A command with its buffers: what to send, or how many bytes to read."""

    queue: Queue
    command: Command
    data: bytes = b""
    read_bytes: int = 0
    metadata: bytes = b""
    read_metadata_bytes: int = 0

    @property
    def data_bytes(self) -> int:
        """The length of the data, sent or read."""
        return len(self.data) or self.read_bytes

    @property
    def metadata_bytes(self) -> int:
        """The length of the metadata, sent or read."""
        return len(self.metadata) or self.read_metadata_bytes

    @property
    def data_field(self) -> str:
        """The field that is wrong where the length is: `data` or `read_bytes`."""
        return "data" if self.command.is_write else "read_bytes"

    @property
    def direction(self) -> Direction:
        if not self.data_bytes:
            return Direction.NONE
        return Direction.WRITE if self.command.is_write else Direction.READ

    @property
    def is_vendor_specific(self) -> bool:
        """Whether only the vendor knows what it does: the opcode, or what a log page of the vendor's does with LSP."""
        if self.queue is Queue.IO:
            return self.command.opcode >= VENDOR_IO_OPCODE_FIRST
        if self.command.opcode == AdminOpcode.GET_LOG_PAGE:
            request = decode_log_page(self.command)
            return request.lid >= VENDOR_LOG_PAGE_FIRST and request.lsp != 0
        return self.command.opcode >= VENDOR_OPCODE_FIRST


_WAYS: Final = (
    "transfers nothing (bits 00b), so that the kernel sends nothing with it: leave data out",
    "sends (bits 01b): give data",
    "reads (bits 10b): give read_bytes",
    "goes both ways (bits 11b), of which the kernel does one, sending: give data, and read_bytes with no command",
)
"""What the low two bits of an opcode say of its data. The kernel maps a buffer by the lowest alone."""


def check_buffers(passthru: Passthru) -> None:
    """Raise `invalid_field` unless the buffers go the way that the opcode says."""
    opcode = passthru.command.opcode
    wrong = (
        (("read_bytes", passthru.read_bytes), ("read_metadata_bytes", passthru.read_metadata_bytes))
        if passthru.command.is_write
        else (("data", len(passthru.data)), ("metadata", len(passthru.metadata)))
    )
    for field, size in wrong:
        if size:
            raise invalid_field(field, f"opcode {opcode:02X}h {_WAYS[opcode & 3]}")
    if passthru.metadata_bytes and not passthru.data_bytes:
        raise invalid_field("metadata", "goes with data: the kernel maps metadata only beside data")


# -- what nobody may send

_ADMIN_REFUSED: Final[Mapping[int, str]] = {
    AdminOpcode.DELETE_IO_SUBMISSION_QUEUE: "queues are the kernel's",
    AdminOpcode.CREATE_IO_SUBMISSION_QUEUE: "queues are the kernel's",
    AdminOpcode.DELETE_IO_COMPLETION_QUEUE: "queues are the kernel's",
    AdminOpcode.CREATE_IO_COMPLETION_QUEUE: "queues are the kernel's",
    AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST: "events are the kernel's; WatchEvents tells of them",
    AdminOpcode.DOORBELL_BUFFER_CONFIG: "it gives the controller addresses in host memory",
    AdminOpcode.CONTROLLER_DATA_QUEUE: "it gives the controller addresses in host memory",
    AdminOpcode.FABRICS: "fabrics commands are the kernel's own connection",
}


def refusal(passthru: Passthru) -> str:
    """Why no rule can allow the command, "" if one can."""
    command = passthru.command
    if passthru.queue is Queue.IO:
        return _ADMIN_REFUSED[AdminOpcode.FABRICS] if command.opcode == IoOpcode.FABRICS else ""
    if _is_memory_buffer(command) and (bit(command.cdw11, ENABLE_HOST_MEMORY) or bit(command.cdw10, SAVE)):
        return "a host memory buffer gives the controller addresses in host memory"
    return _ADMIN_REFUSED.get(command.opcode, "")


def _is_memory_buffer(command: Command) -> bool:
    is_set = command.opcode == AdminOpcode.SET_FEATURES
    return is_set and bits(command.cdw10, 7, 0) == FeatureId.HOST_MEMORY_BUFFER


ENABLE_HOST_MEMORY: Final = 0
"""Bit of CDW11: without it the controller gives the memory back, and is given no address."""

SAVE: Final = 31
"""Bit of CDW10. What a controller kept of this feature would be another host's memory after the next start."""


# -- whether state may change

CLEARED_BY_READING: Final = frozenset(
    {
        LogPage.CHANGED_ATTACHED_NAMESPACE_LIST,
        LogPage.CHANGED_ALLOCATED_NAMESPACE_LIST,
        LogPage.RESERVATION_NOTIFICATION,
        LogPage.CHANGED_ZONE_LIST,
    }
)
"""Log pages that forget what was read of them, the asynchronous event retained or not."""

ACTING: Final = frozenset(
    {
        LogPage.TELEMETRY_HOST_INITIATED,
        LogPage.PERSISTENT_EVENT,
        LogPage.PHYSICAL_INTERFACE_RECEIVER_EYE_OPENING_MEASUREMENT,
    }
)
"""Log pages whose LSP makes the controller do something: capture, keep a reporting context, measure."""

_ADMIN_READS: Final = frozenset({AdminOpcode.IDENTIFY, AdminOpcode.GET_FEATURES, AdminOpcode.GET_LBA_STATUS})

_IO_READS: Final = frozenset(
    {
        IoOpcode.READ,
        IoOpcode.COMPARE,
        IoOpcode.VERIFY,
        IoOpcode.RESERVATION_REPORT,
        IoOpcode.IO_MANAGEMENT_RECEIVE,
        IoOpcode.ZONE_MANAGEMENT_RECEIVE,
    }
)


def changes_state(passthru: Passthru) -> bool:
    """Whether the command may change anything: true unless it is known to be a read."""
    command = passthru.command
    if passthru.is_vendor_specific:
        return True
    if passthru.queue is Queue.IO:
        return command.opcode not in _IO_READS
    if command.opcode == AdminOpcode.GET_LOG_PAGE:
        request = decode_log_page(command)
        return not request.rae or request.lid in CLEARED_BY_READING or (request.lid in ACTING and request.lsp != 0)
    return command.opcode not in _ADMIN_READS


def has_effects(effects: CommandEffects) -> bool:
    """Whether a controller's own log says that a command changes data, namespaces or the controller."""
    return effects.changes_data or effects.changes_namespace or effects.changes_inventory or effects.changes_controller


# -- how much is transferred


def _features_bytes(command: Command) -> int | None:
    is_get = command.opcode == AdminOpcode.GET_FEATURES
    if is_get and bits(command.cdw10, 10, 8) == FeatureSelect.SUPPORTED_CAPABILITIES:
        return None  # answered in dword 0, whatever the feature
    fid = bits(command.cdw10, 7, 0)
    if _is_memory_buffer(command):
        return 0
    if fid == FeatureId.HOST_IDENTIFIER:
        return 16 if bit(command.cdw11, 0) else 8
    if fid in _FEATURE_BYTES:
        return _FEATURE_BYTES[fid]
    return 0 if fid in _FEATURES_WITHOUT_DATA else None


_FEATURE_BYTES: Final[Mapping[int, int]] = {
    FeatureId.LBA_RANGE_TYPE: 4096,
    FeatureId.AUTONOMOUS_POWER_STATE_TRANSITION: 256,
    FeatureId.HOST_MEMORY_BUFFER: 4096,
    FeatureId.TIMESTAMP: 8,
    FeatureId.PREDICTABLE_LATENCY_MODE_CONFIG: 512,
    FeatureId.HOST_BEHAVIOR_SUPPORT: 512,
    FeatureId.NAMESPACE_ADMIN_LABEL: 256,
    FeatureId.ENHANCED_CONTROLLER_METADATA: 4096,
    FeatureId.CONTROLLER_METADATA: 4096,
    FeatureId.NAMESPACE_METADATA: 4096,
}
"""Features whose value is a data structure, and its size (Base 2.0, section 5.27.1)."""

_FEATURES_WITHOUT_DATA: Final = frozenset(
    {
        FeatureId.ARBITRATION,
        FeatureId.POWER_MANAGEMENT,
        FeatureId.TEMPERATURE_THRESHOLD,
        FeatureId.ERROR_RECOVERY,
        FeatureId.VOLATILE_WRITE_CACHE,
        FeatureId.NUMBER_OF_QUEUES,
        FeatureId.INTERRUPT_COALESCING,
        FeatureId.INTERRUPT_VECTOR_CONFIGURATION,
        FeatureId.WRITE_ATOMICITY_NORMAL,
        FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION,
        FeatureId.KEEP_ALIVE_TIMER,
        FeatureId.HOST_CONTROLLED_THERMAL_MANAGEMENT,
        FeatureId.NON_OPERATIONAL_POWER_STATE_CONFIG,
        FeatureId.READ_RECOVERY_LEVEL_CONFIG,
        FeatureId.PREDICTABLE_LATENCY_MODE_WINDOW,
        FeatureId.LBA_STATUS_INFORMATION_REPORT_INTERVAL,
        FeatureId.SANITIZE_CONFIG,
        FeatureId.ENDURANCE_GROUP_EVENT_CONFIGURATION,
        FeatureId.SOFTWARE_PROGRESS_MARKER,
        FeatureId.RESERVATION_NOTIFICATION_MASK,
        FeatureId.RESERVATION_PERSISTENCE,
        FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG,
    }
)
"""Features whose value is a dword."""

_DIRECTIVES_WITHOUT_DATA: Final = frozenset(
    {
        (AdminOpcode.DIRECTIVE_SEND, 0x00, 0x01),
        (AdminOpcode.DIRECTIVE_SEND, 0x01, 0x01),
        (AdminOpcode.DIRECTIVE_SEND, 0x01, 0x02),
        (AdminOpcode.DIRECTIVE_RECEIVE, 0x01, 0x03),
    }
)
"""By opcode, DTYPE and DOPER: Enable Directive; Release Identifier, Release and Allocate Resources of streams."""


def _directive_bytes(command: Command) -> int:
    if (command.opcode, bits(command.cdw11, 15, 8), bits(command.cdw11, 7, 0)) in _DIRECTIVES_WITHOUT_DATA:
        return 0
    return (command.cdw10 + 1) * 4


_ADMIN_BYTES: Final[Mapping[int, Callable[[Command], int | None]]] = {
    AdminOpcode.IDENTIFY: lambda command: IDENTIFY_BYTES,
    AdminOpcode.GET_LOG_PAGE: lambda command: decode_log_page(command).length_bytes,
    AdminOpcode.GET_FEATURES: _features_bytes,
    AdminOpcode.SET_FEATURES: _features_bytes,
    AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD: lambda command: (command.cdw10 + 1) * 4,
    AdminOpcode.NAMESPACE_MANAGEMENT: lambda command: 0 if bits(command.cdw10, 3, 0) == 1 else IDENTIFY_BYTES,
    AdminOpcode.NAMESPACE_ATTACHMENT: lambda command: IDENTIFY_BYTES,
    AdminOpcode.DIRECTIVE_SEND: lambda command: _directive_bytes(command),
    AdminOpcode.DIRECTIVE_RECEIVE: lambda command: _directive_bytes(command),
    AdminOpcode.SECURITY_SEND: lambda command: command.cdw11,
    AdminOpcode.SECURITY_RECEIVE: lambda command: command.cdw11,
    AdminOpcode.GET_LBA_STATUS: lambda command: (command.cdw12 + 1) * 4,
    **dict.fromkeys(
        (
            AdminOpcode.ABORT,
            AdminOpcode.FIRMWARE_COMMIT,
            AdminOpcode.DEVICE_SELF_TEST,
            AdminOpcode.KEEP_ALIVE,
            AdminOpcode.VIRTUALIZATION_MANAGEMENT,
            AdminOpcode.CAPACITY_MANAGEMENT,
            AdminOpcode.LOCKDOWN,
            AdminOpcode.FORMAT_NVM,
            AdminOpcode.SANITIZE,
            AdminOpcode.SANITIZE_NAMESPACE,
        ),
        lambda command: 0,
    ),
}

_IO_BYTES: Final[Mapping[int, Callable[[Command], int | None]]] = {
    IoOpcode.DATASET_MANAGEMENT: lambda command: (bits(command.cdw10, 7, 0) + 1) * 16,
    IoOpcode.RESERVATION_REGISTER: lambda command: 16,
    IoOpcode.RESERVATION_ACQUIRE: lambda command: 16,
    IoOpcode.RESERVATION_RELEASE: lambda command: 8,
    IoOpcode.RESERVATION_REPORT: lambda command: (command.cdw10 + 1) * 4,
    IoOpcode.IO_MANAGEMENT_RECEIVE: lambda command: (command.cdw11 + 1) * 4,
    IoOpcode.ZONE_MANAGEMENT_RECEIVE: lambda command: (command.cdw12 + 1) * 4,
    **dict.fromkeys(
        (IoOpcode.FLUSH, IoOpcode.WRITE_UNCORRECTABLE, IoOpcode.WRITE_ZEROES, IoOpcode.VERIFY), lambda command: 0
    ),
}

_BLOCK_COMMANDS: Final = frozenset({IoOpcode.WRITE, IoOpcode.READ, IoOpcode.COMPARE, IoOpcode.ZONE_APPEND})
"""Those that transfer as many logical blocks as CDW12 says."""

PROTECTION_BYTES: Final = 8
"""Protection information of the 16-bit guard format: with metadata of this size, PRACT makes the controller insert and
strip them, so that no metadata are transferred (NVM 1.0, section 5.2.2.2)."""


def transfers_blocks(passthru: Passthru) -> bool:
    """Whether only the namespace's format tells how many bytes the command transfers."""
    return passthru.queue is Queue.IO and passthru.command.opcode in _BLOCK_COMMANDS


def transferred_bytes(passthru: Passthru) -> int | None:
    """How many bytes of data the command transfers by its own dwords, None where that is not known."""
    table = _ADMIN_BYTES if passthru.queue is Queue.ADMIN else _IO_BYTES
    count = table.get(passthru.command.opcode)
    return count(passthru.command) if count else None


def transferred_block_bytes(command: Command, namespace: IdentifyNamespace) -> tuple[int, int]:
    """How many bytes of data and of separate metadata a command transfers that `transfers_blocks`."""
    count = bits(command.cdw12, 15, 0) + 1
    block, metadata = logical_block_bytes(namespace), namespace.format.ms
    if bit(command.cdw12, 29) and bits(namespace.dps, 2, 0) and metadata == PROTECTION_BYTES:
        metadata = 0
    if bit(namespace.flbas, 4):
        return count * (block + metadata), 0
    return count * block, count * metadata


def require_length(passthru: Passthru, data_bytes: int, metadata_bytes: int | None = None) -> None:
    """Raise `invalid_field` unless the buffers are as long as what is transferred; None is any length."""
    if passthru.data_bytes != data_bytes:
        raise invalid_field(
            passthru.data_field,
            f"has {passthru.data_bytes} bytes, and the command's dwords make it transfer {data_bytes}; a controller "
            "obeys the dwords, whatever the buffer is",
        )
    if metadata_bytes is not None and passthru.metadata_bytes != metadata_bytes:
        raise invalid_field(
            "metadata" if passthru.command.is_write else "read_metadata_bytes",
            f"has {passthru.metadata_bytes} bytes, and the command transfers {metadata_bytes} with the namespace's "
            "format",
        )
