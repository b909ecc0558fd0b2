"""What a failure says about going on: ask again under the same id, under a new one, ask the drive, or give up. Pure.

A daemon answers a repeated `request_id` with what came of it the first time, so after a broken connection the same one
is safe, and after an operation that ended the same one is useless.
"""

from __future__ import annotations

from enum import Enum, unique

from nvmed.errors import NvmedError
from nvmed.reasons import CONTENTION, Reason
from nvmed.v1.operations_pb2 import OperationMetadata


@unique
class Next(Enum):
    """What to do after a failure."""

    SAME_ID = "same id"
    """Nobody knows what became of the call: the same question, until the host answers."""
    NEW_ID = "new id"
    """Nothing was done to the drive, and it passes by itself: a new question."""
    ASK_DRIVE = "ask the drive"
    """What became of the drive is unknown."""
    GIVE_UP = "give up"
    """Asking again would be answered the same."""


UNREACHABLE = frozenset({Reason.CONNECTION_FAILED.name, Reason.CALL_TIMEOUT.name, Reason.CALL_CANCELLED.name})
"""The way to the host broke."""

PASSES = frozenset(
    {
        Reason.OPERATION_INTERRUPTED.name,
        Reason.AUDIT_UNAVAILABLE.name,
        *(reason.name for reason in CONTENTION),
    }
)
"""Nothing was done, and it may be done later. Not CANCELLED, which somebody asked for, nor NVME_FAILED, after which
nobody knows what a commit did."""

UNKNOWN = frozenset(
    {
        Reason.OPERATION_UNCERTAIN.name,
        Reason.DEVICE_GONE.name,
        Reason.DEVICE_STALLED.name,
        Reason.COMMAND_TIMEOUT.name,
        Reason.NVME_FAILED.name,
        Reason.NVME_ABORTED.name,
    }
)
"""A command may have been executed though it failed."""

NEXT_STEPS: dict[int, Next] = {
    OperationMetadata.NEXT_STEP_REQUEST_AGAIN: Next.NEW_ID,
    OperationMetadata.NEXT_STEP_CHECK_FIRMWARE: Next.ASK_DRIVE,
    OperationMetadata.NEXT_STEP_RESET: Next.ASK_DRIVE,
    OperationMetadata.NEXT_STEP_CHECK_CONTROLLER: Next.ASK_DRIVE,
}
"""What a daemon says itself about an operation that ended with an error: that goes before its reason."""


def after(failure: NvmedError, next_step: int = OperationMetadata.NEXT_STEP_UNSPECIFIED) -> Next:
    """What to do after `failure`, of a call or of the operation that it began, with what the daemon said to do next."""
    if next_step in NEXT_STEPS:
        return NEXT_STEPS[next_step]
    if failure.reason in UNREACHABLE:
        return Next.SAME_ID
    if failure.reason in PASSES:
        return Next.NEW_ID
    if failure.reason in UNKNOWN:
        return Next.ASK_DRIVE
    return Next.GIVE_UP
