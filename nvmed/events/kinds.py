"""What an event can be, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

from nvmed.nvme.features import AsyncEvent
from nvmed.nvme.host import ControllerNode, NamespaceNode
from nvmed.nvme.surroundings import Link, LinkErrors
from nvmed.operations.records import State
from nvmed.security.patterns import HOST


@unique
class Kind(Enum):
    """What happened, by the contract's names without `EVENT_KIND_`."""

    CONTROLLER_ADDED = "CONTROLLER_ADDED"
    CONTROLLER_REMOVED = "CONTROLLER_REMOVED"
    CONTROLLER_CHANGED = "CONTROLLER_CHANGED"
    CONTROLLER_STARTED = "CONTROLLER_STARTED"
    NAMESPACE_ADDED = "NAMESPACE_ADDED"
    NAMESPACE_REMOVED = "NAMESPACE_REMOVED"
    NAMESPACE_CHANGED = "NAMESPACE_CHANGED"
    ASYNC_EVENT = "ASYNC_EVENT"
    TELEMETRY_AVAILABLE = "TELEMETRY_AVAILABLE"
    CRITICAL_WARNING_CHANGED = "CRITICAL_WARNING_CHANGED"
    OPERATION_CHANGED = "OPERATION_CHANGED"
    KEY_EXPIRING = "KEY_EXPIRING"
    SELF_TEST_ENDED = "SELF_TEST_ENDED"
    CAPTURE_FINISHED = "CAPTURE_FINISHED"
    SANITIZE_ENDED = "SANITIZE_ENDED"
    FIRMWARE_PENDING = "FIRMWARE_PENDING"
    PATH_LOST = "PATH_LOST"
    PATH_RESTORED = "PATH_RESTORED"
    PATH_FAILED_OVER = "PATH_FAILED_OVER"
    LINK_DEGRADED = "LINK_DEGRADED"
    LINK_RESTORED = "LINK_RESTORED"
    PCI_ERRORS = "PCI_ERRORS"
    CERTIFICATE_EXPIRING = "CERTIFICATE_EXPIRING"
    DRIVE_SLOW = "DRIVE_SLOW"
    DRIVE_RECOVERED = "DRIVE_RECOVERED"


STATE_KINDS: Final = frozenset(
    {
        Kind.CONTROLLER_ADDED,
        Kind.CONTROLLER_REMOVED,
        Kind.CONTROLLER_CHANGED,
        Kind.NAMESPACE_ADDED,
        Kind.NAMESPACE_REMOVED,
        Kind.NAMESPACE_CHANGED,
    }
)
"""Events that make of one state of the host the next: a snapshot holds what those before it did."""


@dataclass(frozen=True, slots=True)
class ControllerState:
    """A controller as it was: its resource name and its subsystem's; `is_stalled` says whether its lane was."""

    name: str
    node: ControllerNode
    is_stalled: bool
    subsystem: str = ""


@dataclass(frozen=True, slots=True)
class PathState:
    """A path to a namespace as it was: by which controller, and the nodes that lead there by it."""

    controller: str
    ana_state: str = ""
    node: str = ""
    generic_node: str = ""

    @classmethod
    def of(cls, controller: str, node: NamespaceNode) -> PathState:
        """The path by `controller` to what the kernel shows as `node` there."""
        return cls(controller, node.ana_state, node.node, node.generic_node)


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """A namespace as it was: its resource name, and each path to it."""

    name: str
    node: NamespaceNode
    paths: tuple[PathState, ...]


@dataclass(frozen=True, slots=True)
class TelemetryAvailable:
    """Telemetry that a controller captured by itself."""

    generation: int
    reason_identifier: bytes


@dataclass(frozen=True, slots=True)
class CriticalWarnings:
    """The critical warnings of a SMART log, now and before."""

    now: int
    before: int


@dataclass(frozen=True, slots=True)
class OperationChanged:
    """Where an operation is."""

    method: str
    target: str
    state: State
    phase: str
    principal: str
    subjects: tuple[str, ...]
    """Everything that it is about, as the policy names it."""


@dataclass(frozen=True, slots=True)
class KeyExpiring:
    """A TLS key that expires `expires_ms` after the epoch, or up to `resolution_s` later."""

    keyring: str
    serial: int
    identity: str
    expires_ms: int
    resolution_s: int


@dataclass(frozen=True, slots=True)
class SelfTestEnded:
    """A self-test that an operation ran; `result` is the contract's `SelfTestResult` in protobuf's JSON."""

    test: int
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CaptureFinished:
    """A capture that is on disk; `result` is the contract's `CaptureTelemetryResponse` in protobuf's JSON."""

    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SanitizeEnded:
    """A sanitize that an operation began; `reason` is why the drive does not count as erased, "" if it does."""

    reason: str
    erasure_record: str


@dataclass(frozen=True, slots=True)
class FirmwarePending:
    """Firmware that runs after the next reset; `revision` is "" where the drive does not show it."""

    slot: int
    revision: str
    running_revision: str


@dataclass(frozen=True, slots=True)
class PathChanged:
    """A path to a namespace, and how many of the namespace's can be used now."""

    path: PathState
    usable: int


@dataclass(frozen=True, slots=True)
class LinkErrorsMet:
    """Errors since the link was looked at before, `interval_ms` ago; 0 if that is not known."""

    errors: LinkErrors
    interval_ms: int


@unique
class CertificateUse(Enum):
    """What a certificate is for, by the contract's names."""

    SERVER = "SERVER"
    CLIENT_CA = "CLIENT_CA"


@dataclass(frozen=True, slots=True)
class CertificateExpiring:
    """A certificate of a TLS address that expires `expires_ms` after the epoch."""

    use: CertificateUse
    path: str
    subject: str
    expires_ms: int
    fingerprint: bytes


@unique
class Direction(Enum):
    """Of I/O, by the contract's names."""

    READ = "READ"
    WRITE = "WRITE"


@dataclass(frozen=True, slots=True)
class Monitored:
    """Commands that a drive itself counted as taking at least `threshold_ms`."""

    count: int
    threshold_ms: int


@dataclass(frozen=True, slots=True)
class DriveLatency:
    """How long a drive took over reads or writes (`direction`), what its peers took, and what it took before; and what
    its own monitor counted meanwhile, if it has one.
    """

    direction: Direction
    latency_us: float
    peers_us: float
    past_us: float
    peers: int
    count: int
    monitored: Monitored | None = None


Described = ControllerState | NamespaceState
Ended = SelfTestEnded | CaptureFinished | SanitizeEnded | FirmwarePending
Surrounding = PathChanged | Link | LinkErrorsMet | DriveLatency
Detail = (
    Described
    | AsyncEvent
    | TelemetryAvailable
    | CriticalWarnings
    | OperationChanged
    | KeyExpiring
    | CertificateExpiring
    | Ended
    | Surrounding
)


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One event. `controller`, `namespace` and `operation` are resource names, or "".

    `sequence` and `created_ms` are given when it is published; one of a snapshot has no sequence.
    """

    kind: Kind
    controller: str = ""
    device_node: str = ""
    namespace: str = ""
    operation: str = ""
    changed_fields: tuple[str, ...] = ()
    detail: Detail | None = None
    sequence: int = 0
    created_ms: int = 0

    @property
    def subject(self) -> str:
        """The resource that it is about, as the policy speaks of it; an operation's may be several."""
        return self.namespace or self.controller or HOST

    def is_about(self, controller: str) -> bool:
        """Whether it is about this controller, or a namespace that it leads to."""
        if isinstance(self.detail, NamespaceState):
            return any(controller == path.controller for path in self.detail.paths)
        return controller == self.controller
