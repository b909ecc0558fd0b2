"""Events as the messages of the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nvmed.events.kinds import (
    ControllerState,
    CriticalWarnings,
    Event,
    KeyExpiring,
    NamespaceState,
    OperationChanged,
    TelemetryAvailable,
)
from nvmed.nvme.async_event import name_of
from nvmed.nvme.features import AsyncEvent
from nvmed.rpc.convert import inventory as convert
from nvmed.rpc.convert.fitted import fitted, timestamp
from nvmed.rpc.convert.operations import operation_state
from nvmed.v1 import event_pb2


def event(found: Event, run: str) -> event_pb2.Event:
    """An event of the daemon's `run`; one of a snapshot has no name, number or time."""
    shown = fitted(
        event_pb2.Event,
        sequence=found.sequence,
        kind=getattr(event_pb2, f"EVENT_KIND_{found.kind.value}"),
        controller=found.controller,
        device_node=found.device_node,
        namespace=found.namespace,
        operation=found.operation,
        changed_fields=found.changed_fields,
    )
    if found.sequence:
        shown.name = f"events/{run}-{found.sequence}"
        shown.MergeFrom(fitted(event_pb2.Event, create_time=timestamp(found.created_ms)))
    if found.detail is not None:
        field, convert_detail = _DETAILS[type(found.detail)]
        getattr(shown, field).CopyFrom(convert_detail(found.detail))
    return shown


def _async_event(detail: AsyncEvent) -> event_pb2.AsyncEventDetail:
    return fitted(
        event_pb2.AsyncEventDetail,
        raw=detail.build(),
        event_type=detail.event_type,
        information=detail.information,
        log_page_id=detail.log_page,
        name=name_of(detail),
    )


def _telemetry(detail: TelemetryAvailable) -> event_pb2.TelemetryAvailableDetail:
    return fitted(
        event_pb2.TelemetryAvailableDetail,
        generation_number=detail.generation,
        reason_identifier=detail.reason_identifier,
    )


def _warnings(detail: CriticalWarnings) -> event_pb2.CriticalWarningDetail:
    return fitted(event_pb2.CriticalWarningDetail, critical_warning=detail.now, previous_critical_warning=detail.before)


def _operation(detail: OperationChanged) -> event_pb2.OperationChangedDetail:
    return fitted(
        event_pb2.OperationChangedDetail,
        method=detail.method,
        target=detail.target,
        state=operation_state(detail.state),
        phase=detail.phase,
        principal=detail.principal,
    )


def _key(detail: KeyExpiring) -> event_pb2.KeyExpiringDetail:
    return fitted(
        event_pb2.KeyExpiringDetail,
        keyring=detail.keyring,
        serial=detail.serial,
        identity=detail.identity,
        expire_time=timestamp(detail.expires_ms),
        resolution_s=detail.resolution_s,
    )


_DETAILS: Final[Mapping[type[Any], tuple[str, Callable[[Any], Any]]]] = {
    ControllerState: ("controller_state", convert.controller_state),
    NamespaceState: ("namespace_state", convert.namespace_state),
    AsyncEvent: ("async_event", _async_event),
    TelemetryAvailable: ("telemetry_available", _telemetry),
    CriticalWarnings: ("critical_warning_changed", _warnings),
    OperationChanged: ("operation_changed", _operation),
    KeyExpiring: ("key_expiring", _key),
}
"""The field of each detail, and how it is converted."""
