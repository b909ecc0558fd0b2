import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import operations_pb2 as _operations_pb2
from nvmed.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

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
    def __init__(self, keyring: _Optional[str] = ..., serial: _Optional[int] = ..., identity: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolution_s: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("name", "sequence", "create_time", "kind", "controller", "device_node", "namespace", "operation", "changed_fields", "controller_state", "namespace_state", "async_event", "telemetry_available", "critical_warning_changed", "operation_changed", "key_expiring")
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
    def __init__(self, name: _Optional[str] = ..., sequence: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[EventKind, str]] = ..., controller: _Optional[str] = ..., device_node: _Optional[str] = ..., namespace: _Optional[str] = ..., operation: _Optional[str] = ..., changed_fields: _Optional[_Iterable[str]] = ..., controller_state: _Optional[_Union[_resources_pb2.Controller, _Mapping]] = ..., namespace_state: _Optional[_Union[_resources_pb2.Namespace, _Mapping]] = ..., async_event: _Optional[_Union[AsyncEventDetail, _Mapping]] = ..., telemetry_available: _Optional[_Union[TelemetryAvailableDetail, _Mapping]] = ..., critical_warning_changed: _Optional[_Union[CriticalWarningDetail, _Mapping]] = ..., operation_changed: _Optional[_Union[OperationChangedDetail, _Mapping]] = ..., key_expiring: _Optional[_Union[KeyExpiringDetail, _Mapping]] = ...) -> None: ...

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
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., heartbeat: _Optional[_Union[WatchEventsResponse.Heartbeat, _Mapping]] = ..., dropped: _Optional[_Union[WatchEventsResponse.Dropped, _Mapping]] = ..., snapshot_end: _Optional[_Union[WatchEventsResponse.SnapshotEnd, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

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
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
