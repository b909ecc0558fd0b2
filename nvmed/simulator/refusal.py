"""How a command handler refuses, and the statuses that the simulator answers.

A handler raises `Refused(Sc.X)`; `Controller` makes the completion of it. Every code here is a row of
`nvmed.nvme.status_table`, which has the words for it.
"""

from __future__ import annotations

from enum import IntEnum, unique

from nvmed.nvme.status import DO_NOT_RETRY


@unique
class Sc(IntEnum):
    """Status code type and status code (bits 10:0 of a status)."""

    INVALID_OPCODE = 0x001
    INVALID_FIELD = 0x002
    INVALID_NAMESPACE = 0x00B
    COMMAND_SEQUENCE_ERROR = 0x00C
    DATA_LENGTH_INVALID = 0x00F
    METADATA_LENGTH_INVALID = 0x010
    SANITIZE_FAILED = 0x01C
    SANITIZE_IN_PROGRESS = 0x01D
    NAMESPACE_WRITE_PROTECTED = 0x020
    LBA_OUT_OF_RANGE = 0x080
    FORMAT_IN_PROGRESS = 0x084
    ASYNC_EVENT_LIMIT = 0x105
    INVALID_FIRMWARE_SLOT = 0x106
    INVALID_FIRMWARE_IMAGE = 0x107
    INVALID_LOG_PAGE = 0x109
    INVALID_FORMAT = 0x10A
    NEEDS_CONVENTIONAL_RESET = 0x10B
    FEATURE_NOT_SAVEABLE = 0x10D
    FEATURE_NOT_CHANGEABLE = 0x10E
    FEATURE_NOT_NAMESPACE_SPECIFIC = 0x10F
    NEEDS_SUBSYSTEM_RESET = 0x110
    NEEDS_CONTROLLER_RESET = 0x111
    MAXIMUM_TIME_VIOLATION = 0x112
    ACTIVATION_PROHIBITED = 0x113
    OVERLAPPING_RANGE = 0x114
    INSUFFICIENT_CAPACITY = 0x115
    NAMESPACE_ID_UNAVAILABLE = 0x116
    ALREADY_ATTACHED = 0x118
    NAMESPACE_IS_PRIVATE = 0x119
    NOT_ATTACHED = 0x11A
    CONTROLLER_LIST_INVALID = 0x11C
    SELF_TEST_IN_PROGRESS = 0x11D
    ANA_GROUP_INVALID = 0x124
    UNRECOVERED_READ_ERROR = 0x281
    COMPARE_FAILURE = 0x285
    ACCESS_DENIED = 0x286
    ANA_PERSISTENT_LOSS = 0x301
    ANA_INACCESSIBLE = 0x302
    ANA_TRANSITION = 0x303


RETRYABLE = frozenset(
    {
        Sc.SANITIZE_IN_PROGRESS, Sc.FORMAT_IN_PROGRESS, Sc.SELF_TEST_IN_PROGRESS, Sc.OVERLAPPING_RANGE,
        Sc.NEEDS_CONVENTIONAL_RESET, Sc.NEEDS_SUBSYSTEM_RESET, Sc.NEEDS_CONTROLLER_RESET, Sc.MAXIMUM_TIME_VIOLATION,
        Sc.ANA_INACCESSIBLE, Sc.ANA_TRANSITION, Sc.ANA_PERSISTENT_LOSS,
    }
)  # fmt: skip
"""Answered without "do not retry": time, a reset or another path changes the answer. All others carry DNR."""


class Refused(Exception):
    """The command ends with `status`, a raw 15-bit status, and `result` in its dwords 0 and 1."""

    def __init__(self, code: Sc, result: int = 0) -> None:
        super().__init__(code.name)
        self.status = int(code) if code in RETRYABLE else code | DO_NOT_RETRY
        self.result = result
