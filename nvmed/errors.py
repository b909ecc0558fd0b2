"""Everything that can go wrong, in one tree.

An error is raised anywhere, as plainly as ``raise error(Reason.CONTROLLER_NOT_FOUND, ...)``; one interceptor
makes a gRPC status of it, and the client library makes the same class of that again::

    NvmedError                 .reason .message .remedy .metadata and the details below
    ├── InvalidArgument        the request is wrong, whatever the drive is like   (.fields)
    ├── OutOfRange             the request is past an end that may move
    ├── NotFound               no such controller, namespace, image, key
    ├── AlreadyExists
    ├── FailedPrecondition     the drive or the host must change first            (.gates)
    ├── Aborted                somebody else changed it meanwhile: begin again
    ├── PermissionDenied       this caller may not
    ├── Unauthenticated        nobody knows this caller
    ├── ResourceExhausted      a limit of nvmed or of the kernel
    ├── Unimplemented          this drive, kernel or build cannot
    ├── Unavailable            not now: try again                                 (.retry_delay_ms)
    ├── DeadlineExceeded       the drive did not answer in time
    ├── DataLoss               the medium failed
    ├── Cancelled              the caller or an operator asked for it
    └── Internal               a bug in nvmed

What can go wrong in particular is a row of the table in `nvmed.reasons`, of which `docs/errors.md` is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

DOMAIN = "nvmed.dev"
"""`google.rpc.ErrorInfo.domain` of every error."""


@dataclass(frozen=True, slots=True)
class NvmeStatus:
    """The completion of a command that a controller refused (NVMe Base 2.0, section 4.2.3).

    `raw` is the 15-bit status field as Linux returns it; `result` is dword 0 and, above it, dword 1.
    """

    raw: int
    mnemonic: str
    opcode: int
    nsid: int
    result: int = 0

    @property
    def status_code(self) -> int:
        return self.raw & 0xFF

    @property
    def status_code_type(self) -> int:
        return self.raw >> 8 & 0x7

    @property
    def command_retry_delay(self) -> int:
        return self.raw >> 11 & 0x3

    @property
    def more(self) -> bool:
        return bool(self.raw & 0x2000)

    @property
    def do_not_retry(self) -> bool:
        return bool(self.raw & 0x4000)


@dataclass(frozen=True, slots=True)
class OsFailure:
    """A system call that failed: `symbol` is errno's name, `path` the file it was about, if any."""

    errno: int
    symbol: str
    syscall: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request: its path in the message, and the limit and the remedy in one sentence."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class GateViolation:
    """One precondition that does not hold: a stable `kind`, what it is about, and what to do."""

    kind: str
    subject: str
    description: str


class NvmedError(Exception):
    """Root of the tree. `code` is the gRPC status code's name; `str()` is the message alone.

    `remedy` is what to do about it, "" where nobody said.
    """

    code: ClassVar[str] = "UNKNOWN"

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        nvme: NvmeStatus | None = None,
        os: OsFailure | None = None,
        fields: Sequence[FieldViolation] = (),
        gates: Sequence[GateViolation] = (),
        retry_delay_ms: int | None = None,
        metadata: Mapping[str, str] | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.nvme = nvme
        self.os = os
        self.fields = tuple(fields)
        self.gates = tuple(gates)
        self.retry_delay_ms = retry_delay_ms
        self.metadata = dict(metadata or {})
        self.remedy = remedy

    def copy(self) -> Self:
        """Another that says the same, for another caller to be told.

        An exception keeps all frames that it was raised through, and each time that it is raised it has more: one that
        many are told, or that outlives a call, would hold what every call before had in its hands.
        """
        return type(self)(
            self.reason, self.message, nvme=self.nvme, os=self.os, fields=self.fields, gates=self.gates,
            retry_delay_ms=self.retry_delay_ms, metadata=self.metadata, remedy=self.remedy,
        )  # fmt: skip


class InvalidArgument(NvmedError):
    code = "INVALID_ARGUMENT"


class OutOfRange(NvmedError):
    code = "OUT_OF_RANGE"


class NotFound(NvmedError):
    code = "NOT_FOUND"


class AlreadyExists(NvmedError):
    code = "ALREADY_EXISTS"


class FailedPrecondition(NvmedError):
    code = "FAILED_PRECONDITION"


class Aborted(NvmedError):
    code = "ABORTED"


class PermissionDenied(NvmedError):
    code = "PERMISSION_DENIED"


class Unauthenticated(NvmedError):
    code = "UNAUTHENTICATED"


class ResourceExhausted(NvmedError):
    code = "RESOURCE_EXHAUSTED"


class Unimplemented(NvmedError):
    code = "UNIMPLEMENTED"


class Unavailable(NvmedError):
    code = "UNAVAILABLE"


class DeadlineExceeded(NvmedError):
    code = "DEADLINE_EXCEEDED"


class DataLoss(NvmedError):
    code = "DATA_LOSS"


class Cancelled(NvmedError):
    code = "CANCELLED"


class Internal(NvmedError):
    code = "INTERNAL"


CLASSES: dict[str, type[NvmedError]] = {
    cls.code: cls
    for cls in (
        InvalidArgument, OutOfRange, NotFound, AlreadyExists, FailedPrecondition, Aborted, PermissionDenied,
        Unauthenticated, ResourceExhausted, Unimplemented, Unavailable, DeadlineExceeded, DataLoss, Cancelled, Internal,
    )
}  # fmt: skip
"""The class of each gRPC status code's name."""
