"""What an event can be, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from nvmed.nvme.features import AsyncEvent
from nvmed.nvme.host import ControllerNode, NamespaceNode
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


Described = ControllerState | NamespaceState
Detail = Described | AsyncEvent | TelemetryAvailable | CriticalWarnings | OperationChanged | KeyExpiring


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
