import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import inventory_pb2 as _inventory_pb2
from nvmed.v1 import log_pb2 as _log_pb2
from nvmed.v1 import operations_pb2 as _operations_pb2
from nvmed.v1 import resources_pb2 as _resources_pb2
from nvmed.v1 import telemetry_pb2 as _telemetry_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_CONTROLLER_ADDED: _ClassVar[EventKind]
    EVENT_KIND_CONTROLLER_REMOVED: _ClassVar[EventKind]
    EVENT_KIND_CONTROLLER_CHANGED: _ClassVar[EventKind]
    EVENT_KIND_CONTROLLER_STARTED: _ClassVar[EventKind]
    EVENT_KIND_NAMESPACE_ADDED: _ClassVar[EventKind]
    EVENT_KIND_NAMESPACE_REMOVED: _ClassVar[EventKind]
    EVENT_KIND_NAMESPACE_CHANGED: _ClassVar[EventKind]
    EVENT_KIND_ASYNC_EVENT: _ClassVar[EventKind]
    EVENT_KIND_TELEMETRY_AVAILABLE: _ClassVar[EventKind]
    EVENT_KIND_CRITICAL_WARNING_CHANGED: _ClassVar[EventKind]
    EVENT_KIND_OPERATION_CHANGED: _ClassVar[EventKind]
    EVENT_KIND_KEY_EXPIRING: _ClassVar[EventKind]
    EVENT_KIND_SELF_TEST_ENDED: _ClassVar[EventKind]
    EVENT_KIND_CAPTURE_FINISHED: _ClassVar[EventKind]
    EVENT_KIND_SANITIZE_ENDED: _ClassVar[EventKind]
    EVENT_KIND_FIRMWARE_PENDING: _ClassVar[EventKind]
    EVENT_KIND_PATH_LOST: _ClassVar[EventKind]
    EVENT_KIND_PATH_RESTORED: _ClassVar[EventKind]
    EVENT_KIND_PATH_FAILED_OVER: _ClassVar[EventKind]
    EVENT_KIND_LINK_DEGRADED: _ClassVar[EventKind]
    EVENT_KIND_LINK_RESTORED: _ClassVar[EventKind]
    EVENT_KIND_PCI_ERRORS: _ClassVar[EventKind]
    EVENT_KIND_CERTIFICATE_EXPIRING: _ClassVar[EventKind]
    EVENT_KIND_DRIVE_SLOW: _ClassVar[EventKind]
    EVENT_KIND_DRIVE_RECOVERED: _ClassVar[EventKind]
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_CONTROLLER_ADDED: EventKind
EVENT_KIND_CONTROLLER_REMOVED: EventKind
EVENT_KIND_CONTROLLER_CHANGED: EventKind
EVENT_KIND_CONTROLLER_STARTED: EventKind
EVENT_KIND_NAMESPACE_ADDED: EventKind
EVENT_KIND_NAMESPACE_REMOVED: EventKind
EVENT_KIND_NAMESPACE_CHANGED: EventKind
EVENT_KIND_ASYNC_EVENT: EventKind
EVENT_KIND_TELEMETRY_AVAILABLE: EventKind
EVENT_KIND_CRITICAL_WARNING_CHANGED: EventKind
EVENT_KIND_OPERATION_CHANGED: EventKind
EVENT_KIND_KEY_EXPIRING: EventKind
EVENT_KIND_SELF_TEST_ENDED: EventKind
EVENT_KIND_CAPTURE_FINISHED: EventKind
EVENT_KIND_SANITIZE_ENDED: EventKind
EVENT_KIND_FIRMWARE_PENDING: EventKind
EVENT_KIND_PATH_LOST: EventKind
EVENT_KIND_PATH_RESTORED: EventKind
EVENT_KIND_PATH_FAILED_OVER: EventKind
EVENT_KIND_LINK_DEGRADED: EventKind
EVENT_KIND_LINK_RESTORED: EventKind
EVENT_KIND_PCI_ERRORS: EventKind
EVENT_KIND_CERTIFICATE_EXPIRING: EventKind
EVENT_KIND_DRIVE_SLOW: EventKind
EVENT_KIND_DRIVE_RECOVERED: EventKind

class AsyncEventDetail(_message.Message):
    __slots__ = ("raw", "event_type", "information", "log_page_id", "name")
    RAW_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    INFORMATION_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    raw: int
    event_type: int
    information: int
    log_page_id: int
    name: str
    def __init__(self, raw: _Optional[int] = ..., event_type: _Optional[int] = ..., information: _Optional[int] = ..., log_page_id: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class TelemetryAvailableDetail(_message.Message):
    __slots__ = ("generation_number", "reason_identifier")
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    generation_number: int
    reason_identifier: bytes
    def __init__(self, generation_number: _Optional[int] = ..., reason_identifier: _Optional[bytes] = ...) -> None: ...

class CriticalWarningDetail(_message.Message):
    __slots__ = ("critical_warning", "previous_critical_warning")
    CRITICAL_WARNING_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CRITICAL_WARNING_FIELD_NUMBER: _ClassVar[int]
    critical_warning: int
    previous_critical_warning: int
    def __init__(self, critical_warning: _Optional[int] = ..., previous_critical_warning: _Optional[int] = ...) -> None: ...

class OperationChangedDetail(_message.Message):
    __slots__ = ("method", "target", "state", "phase", "principal")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    method: str
    target: str
    state: _operations_pb2.OperationMetadata.State
    phase: str
    principal: str
    def __init__(self, method: _Optional[str] = ..., target: _Optional[str] = ..., state: _Optional[_Union[_operations_pb2.OperationMetadata.State, str]] = ..., phase: _Optional[str] = ..., principal: _Optional[str] = ...) -> None: ...

class KeyExpiringDetail(_message.Message):
    __slots__ = ("keyring", "serial", "identity", "expire_time", "resolution_s")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_S_FIELD_NUMBER: _ClassVar[int]
    keyring: str
    serial: int
    identity: str
    expire_time: _timestamp_pb2.Timestamp
    resolution_s: int
    def __init__(self, keyring: _Optional[str] = ..., serial: _Optional[int] = ..., identity: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., resolution_s: _Optional[int] = ...) -> None: ...

class SelfTestEndedDetail(_message.Message):
    __slots__ = ("test", "result")
    TEST_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    test: _log_pb2.SelfTest
    result: _log_pb2.SelfTestResult
    def __init__(self, test: _Optional[_Union[_log_pb2.SelfTest, str]] = ..., result: _Optional[_Union[_log_pb2.SelfTestResult, _Mapping[str, _Any]]] = ...) -> None: ...

class CaptureFinishedDetail(_message.Message):
    __slots__ = ("capture", "source", "size_bytes", "generation_number", "acknowledged")
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    capture: str
    source: _telemetry_pb2.TelemetrySource
    size_bytes: int
    generation_number: int
    acknowledged: bool
    def __init__(self, capture: _Optional[str] = ..., source: _Optional[_Union[_telemetry_pb2.TelemetrySource, str]] = ..., size_bytes: _Optional[int] = ..., generation_number: _Optional[int] = ..., acknowledged: _Optional[bool] = ...) -> None: ...

class SanitizeEndedDetail(_message.Message):
    __slots__ = ("reason", "erasure_record")
    REASON_FIELD_NUMBER: _ClassVar[int]
    ERASURE_RECORD_FIELD_NUMBER: _ClassVar[int]
    reason: str
    erasure_record: str
    def __init__(self, reason: _Optional[str] = ..., erasure_record: _Optional[str] = ...) -> None: ...

class FirmwarePendingDetail(_message.Message):
    __slots__ = ("slot", "revision", "running_revision")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RUNNING_REVISION_FIELD_NUMBER: _ClassVar[int]
    slot: int
    revision: str
    running_revision: str
    def __init__(self, slot: _Optional[int] = ..., revision: _Optional[str] = ..., running_revision: _Optional[str] = ...) -> None: ...

class PathDetail(_message.Message):
    __slots__ = ("path", "usable_path_count")
    PATH_FIELD_NUMBER: _ClassVar[int]
    USABLE_PATH_COUNT_FIELD_NUMBER: _ClassVar[int]
    path: _resources_pb2.Namespace.Path
    usable_path_count: int
    def __init__(self, path: _Optional[_Union[_resources_pb2.Namespace.Path, _Mapping[str, _Any]]] = ..., usable_path_count: _Optional[int] = ...) -> None: ...

class PciErrorsDetail(_message.Message):
    __slots__ = ("new_errors", "interval_ms")
    NEW_ERRORS_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    new_errors: _inventory_pb2.PciErrors
    interval_ms: int
    def __init__(self, new_errors: _Optional[_Union[_inventory_pb2.PciErrors, _Mapping[str, _Any]]] = ..., interval_ms: _Optional[int] = ...) -> None: ...

class CertificateExpiringDetail(_message.Message):
    __slots__ = ("use", "path", "subject", "expire_time", "fingerprint")
    class Use(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        USE_UNSPECIFIED: _ClassVar[CertificateExpiringDetail.Use]
        USE_SERVER: _ClassVar[CertificateExpiringDetail.Use]
        USE_CLIENT_CA: _ClassVar[CertificateExpiringDetail.Use]
    USE_UNSPECIFIED: CertificateExpiringDetail.Use
    USE_SERVER: CertificateExpiringDetail.Use
    USE_CLIENT_CA: CertificateExpiringDetail.Use
    USE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    use: CertificateExpiringDetail.Use
    path: str
    subject: str
    expire_time: _timestamp_pb2.Timestamp
    fingerprint: bytes
    def __init__(self, use: _Optional[_Union[CertificateExpiringDetail.Use, str]] = ..., path: _Optional[str] = ..., subject: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., fingerprint: _Optional[bytes] = ...) -> None: ...

class DriveLatencyDetail(_message.Message):
    __slots__ = ("direction", "latency_us", "peers_latency_us", "past_latency_us", "peer_count", "io_count", "monitored")
    class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DIRECTION_UNSPECIFIED: _ClassVar[DriveLatencyDetail.Direction]
        DIRECTION_READ: _ClassVar[DriveLatencyDetail.Direction]
        DIRECTION_WRITE: _ClassVar[DriveLatencyDetail.Direction]
    DIRECTION_UNSPECIFIED: DriveLatencyDetail.Direction
    DIRECTION_READ: DriveLatencyDetail.Direction
    DIRECTION_WRITE: DriveLatencyDetail.Direction
    class Monitored(_message.Message):
        __slots__ = ("command_count", "threshold_ms")
        COMMAND_COUNT_FIELD_NUMBER: _ClassVar[int]
        THRESHOLD_MS_FIELD_NUMBER: _ClassVar[int]
        command_count: int
        threshold_ms: int
        def __init__(self, command_count: _Optional[int] = ..., threshold_ms: _Optional[int] = ...) -> None: ...
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PEERS_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PAST_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PEER_COUNT_FIELD_NUMBER: _ClassVar[int]
    IO_COUNT_FIELD_NUMBER: _ClassVar[int]
    MONITORED_FIELD_NUMBER: _ClassVar[int]
    direction: DriveLatencyDetail.Direction
    latency_us: float
    peers_latency_us: float
    past_latency_us: float
    peer_count: int
    io_count: int
    monitored: DriveLatencyDetail.Monitored
    def __init__(self, direction: _Optional[_Union[DriveLatencyDetail.Direction, str]] = ..., latency_us: _Optional[float] = ..., peers_latency_us: _Optional[float] = ..., past_latency_us: _Optional[float] = ..., peer_count: _Optional[int] = ..., io_count: _Optional[int] = ..., monitored: _Optional[_Union[DriveLatencyDetail.Monitored, _Mapping[str, _Any]]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("name", "sequence", "create_time", "kind", "controller", "device_node", "namespace", "operation", "changed_fields", "controller_state", "namespace_state", "async_event", "telemetry_available", "critical_warning_changed", "operation_changed", "key_expiring", "self_test_ended", "capture_finished", "sanitize_ended", "firmware_pending", "path", "link", "pci_errors", "certificate_expiring", "drive_latency")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_STATE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_STATE_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_WARNING_CHANGED_FIELD_NUMBER: _ClassVar[int]
    OPERATION_CHANGED_FIELD_NUMBER: _ClassVar[int]
    KEY_EXPIRING_FIELD_NUMBER: _ClassVar[int]
    SELF_TEST_ENDED_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_FINISHED_FIELD_NUMBER: _ClassVar[int]
    SANITIZE_ENDED_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_PENDING_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    PCI_ERRORS_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_EXPIRING_FIELD_NUMBER: _ClassVar[int]
    DRIVE_LATENCY_FIELD_NUMBER: _ClassVar[int]
    name: str
    sequence: int
    create_time: _timestamp_pb2.Timestamp
    kind: EventKind
    controller: str
    device_node: str
    namespace: str
    operation: str
    changed_fields: _containers.RepeatedScalarFieldContainer[str]
    controller_state: _resources_pb2.Controller
    namespace_state: _resources_pb2.Namespace
    async_event: AsyncEventDetail
    telemetry_available: TelemetryAvailableDetail
    critical_warning_changed: CriticalWarningDetail
    operation_changed: OperationChangedDetail
    key_expiring: KeyExpiringDetail
    self_test_ended: SelfTestEndedDetail
    capture_finished: CaptureFinishedDetail
    sanitize_ended: SanitizeEndedDetail
    firmware_pending: FirmwarePendingDetail
    path: PathDetail
    link: _inventory_pb2.PciLink
    pci_errors: PciErrorsDetail
    certificate_expiring: CertificateExpiringDetail
    drive_latency: DriveLatencyDetail
    def __init__(self, name: _Optional[str] = ..., sequence: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., kind: _Optional[_Union[EventKind, str]] = ..., controller: _Optional[str] = ..., device_node: _Optional[str] = ..., namespace: _Optional[str] = ..., operation: _Optional[str] = ..., changed_fields: _Optional[_Iterable[str]] = ..., controller_state: _Optional[_Union[_resources_pb2.Controller, _Mapping[str, _Any]]] = ..., namespace_state: _Optional[_Union[_resources_pb2.Namespace, _Mapping[str, _Any]]] = ..., async_event: _Optional[_Union[AsyncEventDetail, _Mapping[str, _Any]]] = ..., telemetry_available: _Optional[_Union[TelemetryAvailableDetail, _Mapping[str, _Any]]] = ..., critical_warning_changed: _Optional[_Union[CriticalWarningDetail, _Mapping[str, _Any]]] = ..., operation_changed: _Optional[_Union[OperationChangedDetail, _Mapping[str, _Any]]] = ..., key_expiring: _Optional[_Union[KeyExpiringDetail, _Mapping[str, _Any]]] = ..., self_test_ended: _Optional[_Union[SelfTestEndedDetail, _Mapping[str, _Any]]] = ..., capture_finished: _Optional[_Union[CaptureFinishedDetail, _Mapping[str, _Any]]] = ..., sanitize_ended: _Optional[_Union[SanitizeEndedDetail, _Mapping[str, _Any]]] = ..., firmware_pending: _Optional[_Union[FirmwarePendingDetail, _Mapping[str, _Any]]] = ..., path: _Optional[_Union[PathDetail, _Mapping[str, _Any]]] = ..., link: _Optional[_Union[_inventory_pb2.PciLink, _Mapping[str, _Any]]] = ..., pci_errors: _Optional[_Union[PciErrorsDetail, _Mapping[str, _Any]]] = ..., certificate_expiring: _Optional[_Union[CertificateExpiringDetail, _Mapping[str, _Any]]] = ..., drive_latency: _Optional[_Union[DriveLatencyDetail, _Mapping[str, _Any]]] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ("resume_token", "include_snapshot", "kinds", "controller", "heartbeat_interval_ms")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    include_snapshot: bool
    kinds: _containers.RepeatedScalarFieldContainer[EventKind]
    controller: str
    heartbeat_interval_ms: int
    def __init__(self, resume_token: _Optional[str] = ..., include_snapshot: _Optional[bool] = ..., kinds: _Optional[_Iterable[_Union[EventKind, str]]] = ..., controller: _Optional[str] = ..., heartbeat_interval_ms: _Optional[int] = ...) -> None: ...

class WatchEventsResponse(_message.Message):
    __slots__ = ("event", "heartbeat", "dropped", "snapshot_end", "resume_token")
    class Heartbeat(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Dropped(_message.Message):
        __slots__ = ("count",)
        COUNT_FIELD_NUMBER: _ClassVar[int]
        count: int
        def __init__(self, count: _Optional[int] = ...) -> None: ...
    class SnapshotEnd(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    EVENT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_END_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    event: Event
    heartbeat: WatchEventsResponse.Heartbeat
    dropped: WatchEventsResponse.Dropped
    snapshot_end: WatchEventsResponse.SnapshotEnd
    resume_token: str
    def __init__(self, event: _Optional[_Union[Event, _Mapping[str, _Any]]] = ..., heartbeat: _Optional[_Union[WatchEventsResponse.Heartbeat, _Mapping[str, _Any]]] = ..., dropped: _Optional[_Union[WatchEventsResponse.Dropped, _Mapping[str, _Any]]] = ..., snapshot_end: _Optional[_Union[WatchEventsResponse.SnapshotEnd, _Mapping[str, _Any]]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
