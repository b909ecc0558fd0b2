"""Events as the messages of the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nvmed.events.kinds import (
    CaptureFinished,
    CertificateExpiring,
    ControllerState,
    CriticalWarnings,
    DriveLatency,
    Event,
    FirmwarePending,
    KeyExpiring,
    LinkErrorsMet,
    NamespaceState,
    OperationChanged,
    PathChanged,
    SanitizeEnded,
    SelfTestEnded,
    TelemetryAvailable,
)
from nvmed.nvme.async_event import name_of
from nvmed.nvme.features import AsyncEvent
from nvmed.nvme.surroundings import Link
from nvmed.rpc.convert import inventory as convert
from nvmed.rpc.convert import surroundings
from nvmed.rpc.convert.fitted import fitted, fitted_dict, timestamp
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


def _self_test(detail: SelfTestEnded) -> event_pb2.SelfTestEndedDetail:
    return fitted_dict(event_pb2.SelfTestEndedDetail, {"test": detail.test, "result": detail.result})


def _capture(detail: CaptureFinished) -> event_pb2.CaptureFinishedDetail:
    return fitted_dict(event_pb2.CaptureFinishedDetail, detail.result)


def _sanitize(detail: SanitizeEnded) -> event_pb2.SanitizeEndedDetail:
    return fitted(event_pb2.SanitizeEndedDetail, reason=detail.reason, erasure_record=detail.erasure_record)


def _firmware(detail: FirmwarePending) -> event_pb2.FirmwarePendingDetail:
    return fitted(
        event_pb2.FirmwarePendingDetail,
        slot=detail.slot,
        revision=detail.revision,
        running_revision=detail.running_revision,
    )


def _path(detail: PathChanged) -> event_pb2.PathDetail:
    return fitted(event_pb2.PathDetail, path=convert.path(detail.path), usable_path_count=detail.usable)


def _link_errors(detail: LinkErrorsMet) -> event_pb2.PciErrorsDetail:
    return fitted(
        event_pb2.PciErrorsDetail, new_errors=surroundings.errors(detail.errors), interval_ms=detail.interval_ms
    )


def _certificate(detail: CertificateExpiring) -> event_pb2.CertificateExpiringDetail:
    return fitted(
        event_pb2.CertificateExpiringDetail,
        use=getattr(event_pb2.CertificateExpiringDetail, f"USE_{detail.use.value}"),
        path=detail.path,
        subject=detail.subject,
        expire_time=timestamp(detail.expires_ms),
        fingerprint=detail.fingerprint,
    )


def _latency(detail: DriveLatency) -> event_pb2.DriveLatencyDetail:
    monitored = detail.monitored
    return fitted(
        event_pb2.DriveLatencyDetail,
        direction=getattr(event_pb2.DriveLatencyDetail, f"DIRECTION_{detail.direction.value}"),
        latency_us=detail.latency_us,
        peers_latency_us=detail.peers_us,
        past_latency_us=detail.past_us,
        peer_count=detail.peers,
        io_count=detail.count,
        monitored=monitored
        and fitted(
            event_pb2.DriveLatencyDetail.Monitored, command_count=monitored.count, threshold_ms=monitored.threshold_ms
        ),
    )


_DETAILS: Final[Mapping[type[Any], tuple[str, Callable[[Any], Any]]]] = {
    ControllerState: ("controller_state", convert.controller_state),
    NamespaceState: ("namespace_state", convert.namespace_state),
    AsyncEvent: ("async_event", _async_event),
    TelemetryAvailable: ("telemetry_available", _telemetry),
    CriticalWarnings: ("critical_warning_changed", _warnings),
    OperationChanged: ("operation_changed", _operation),
    KeyExpiring: ("key_expiring", _key),
    SelfTestEnded: ("self_test_ended", _self_test),
    CaptureFinished: ("capture_finished", _capture),
    SanitizeEnded: ("sanitize_ended", _sanitize),
    FirmwarePending: ("firmware_pending", _firmware),
    PathChanged: ("path", _path),
    Link: ("link", surroundings.link),
    LinkErrorsMet: ("pci_errors", _link_errors),
    CertificateExpiring: ("certificate_expiring", _certificate),
    DriveLatency: ("drive_latency", _latency),
}
"""The field of each detail, and how it is converted."""
