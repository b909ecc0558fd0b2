import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServerInfo(_message.Message):
    __slots__ = ("version", "api_versions", "kernel_release", "host_name", "simulated", "features", "limits", "principal", "host_id", "host_nqn")
    class LimitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    API_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    KERNEL_RELEASE_FIELD_NUMBER: _ClassVar[int]
    HOST_NAME_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_NQN_FIELD_NUMBER: _ClassVar[int]
    version: str
    api_versions: _containers.RepeatedScalarFieldContainer[str]
    kernel_release: str
    host_name: str
    simulated: bool
    features: _containers.RepeatedScalarFieldContainer[str]
    limits: _containers.ScalarMap[str, int]
    principal: str
    host_id: str
    host_nqn: str
    def __init__(self, version: _Optional[str] = ..., api_versions: _Optional[_Iterable[str]] = ..., kernel_release: _Optional[str] = ..., host_name: _Optional[str] = ..., simulated: _Optional[bool] = ..., features: _Optional[_Iterable[str]] = ..., limits: _Optional[_Mapping[str, int]] = ..., principal: _Optional[str] = ..., host_id: _Optional[str] = ..., host_nqn: _Optional[str] = ...) -> None: ...

class GetPolicyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Policy(_message.Message):
    __slots__ = ("etag", "roles", "bindings", "blocked", "methods")
    class Also(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ALSO_UNSPECIFIED: _ClassVar[Policy.Also]
        ALSO_CONTROLLER_IDS: _ClassVar[Policy.Also]
        ALSO_NAMESPACE: _ClassVar[Policy.Also]
        ALSO_SUBSYSTEM: _ClassVar[Policy.Also]
        ALSO_IMAGE: _ClassVar[Policy.Also]
        ALSO_UPLOADED: _ClassVar[Policy.Also]
        ALSO_FETCHED: _ClassVar[Policy.Also]
        ALSO_CONNECTIONS: _ClassVar[Policy.Also]
        ALSO_DESIRED_IMAGE: _ClassVar[Policy.Also]
    ALSO_UNSPECIFIED: Policy.Also
    ALSO_CONTROLLER_IDS: Policy.Also
    ALSO_NAMESPACE: Policy.Also
    ALSO_SUBSYSTEM: Policy.Also
    ALSO_IMAGE: Policy.Also
    ALSO_UPLOADED: Policy.Also
    ALSO_FETCHED: Policy.Also
    ALSO_CONNECTIONS: Policy.Also
    ALSO_DESIRED_IMAGE: Policy.Also
    class Role(_message.Message):
        __slots__ = ("name", "shipped", "permissions")
        NAME_FIELD_NUMBER: _ClassVar[int]
        SHIPPED_FIELD_NUMBER: _ClassVar[int]
        PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
        name: str
        shipped: bool
        permissions: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, name: _Optional[str] = ..., shipped: _Optional[bool] = ..., permissions: _Optional[_Iterable[str]] = ...) -> None: ...
    class Binding(_message.Message):
        __slots__ = ("name", "principals", "roles", "resources")
        NAME_FIELD_NUMBER: _ClassVar[int]
        PRINCIPALS_FIELD_NUMBER: _ClassVar[int]
        ROLES_FIELD_NUMBER: _ClassVar[int]
        RESOURCES_FIELD_NUMBER: _ClassVar[int]
        name: str
        principals: _containers.RepeatedScalarFieldContainer[str]
        roles: _containers.RepeatedScalarFieldContainer[str]
        resources: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, name: _Optional[str] = ..., principals: _Optional[_Iterable[str]] = ..., roles: _Optional[_Iterable[str]] = ..., resources: _Optional[_Iterable[str]] = ...) -> None: ...
    class Method(_message.Message):
        __slots__ = ("name", "permission", "resource_field", "audited", "also")
        NAME_FIELD_NUMBER: _ClassVar[int]
        PERMISSION_FIELD_NUMBER: _ClassVar[int]
        RESOURCE_FIELD_FIELD_NUMBER: _ClassVar[int]
        AUDITED_FIELD_NUMBER: _ClassVar[int]
        ALSO_FIELD_NUMBER: _ClassVar[int]
        name: str
        permission: str
        resource_field: str
        audited: bool
        also: _containers.RepeatedScalarFieldContainer[Policy.Also]
        def __init__(self, name: _Optional[str] = ..., permission: _Optional[str] = ..., resource_field: _Optional[str] = ..., audited: _Optional[bool] = ..., also: _Optional[_Iterable[_Union[Policy.Also, str]]] = ...) -> None: ...
    ETAG_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    BINDINGS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    etag: str
    roles: _containers.RepeatedCompositeFieldContainer[Policy.Role]
    bindings: _containers.RepeatedCompositeFieldContainer[Policy.Binding]
    blocked: _containers.RepeatedScalarFieldContainer[str]
    methods: _containers.RepeatedCompositeFieldContainer[Policy.Method]
    def __init__(self, etag: _Optional[str] = ..., roles: _Optional[_Iterable[_Union[Policy.Role, _Mapping[str, _Any]]]] = ..., bindings: _Optional[_Iterable[_Union[Policy.Binding, _Mapping[str, _Any]]]] = ..., blocked: _Optional[_Iterable[str]] = ..., methods: _Optional[_Iterable[_Union[Policy.Method, _Mapping[str, _Any]]]] = ...) -> None: ...

class TestPermissionRequest(_message.Message):
    __slots__ = ("principals", "permission", "method", "resource")
    PRINCIPALS_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    principals: _containers.RepeatedScalarFieldContainer[str]
    permission: str
    method: str
    resource: str
    def __init__(self, principals: _Optional[_Iterable[str]] = ..., permission: _Optional[str] = ..., method: _Optional[str] = ..., resource: _Optional[str] = ...) -> None: ...

class TestPermissionResponse(_message.Message):
    __slots__ = ("allowed", "principal", "permission", "resource", "binding", "role", "explanation")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    principal: str
    permission: str
    resource: str
    binding: str
    role: str
    explanation: str
    def __init__(self, allowed: _Optional[bool] = ..., principal: _Optional[str] = ..., permission: _Optional[str] = ..., resource: _Optional[str] = ..., binding: _Optional[str] = ..., role: _Optional[str] = ..., explanation: _Optional[str] = ...) -> None: ...

class ListAuditRecordsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter", "start_time")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: str
    start_time: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ...) -> None: ...

class ListAuditRecordsResponse(_message.Message):
    __slots__ = ("audit_records", "next_page_token")
    AUDIT_RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    audit_records: _containers.RepeatedCompositeFieldContainer[AuditRecord]
    next_page_token: str
    def __init__(self, audit_records: _Optional[_Iterable[_Union[AuditRecord, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AuditRecord(_message.Message):
    __slots__ = ("name", "sequence", "time", "event", "method", "principal", "peer", "request_id", "resources", "operation", "code", "reason", "message", "parameters", "previous_hash", "hash")
    class Event(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        EVENT_UNSPECIFIED: _ClassVar[AuditRecord.Event]
        EVENT_ATTEMPT: _ClassVar[AuditRecord.Event]
        EVENT_OUTCOME: _ClassVar[AuditRecord.Event]
        EVENT_DENIAL: _ClassVar[AuditRecord.Event]
        EVENT_OPERATION_BEGAN: _ClassVar[AuditRecord.Event]
        EVENT_OPERATION_ENDED: _ClassVar[AuditRecord.Event]
        EVENT_STARTED: _ClassVar[AuditRecord.Event]
        EVENT_STOPPED: _ClassVar[AuditRecord.Event]
        EVENT_RELOADED: _ClassVar[AuditRecord.Event]
        EVENT_RELOAD_REFUSED: _ClassVar[AuditRecord.Event]
        EVENT_REMOVED: _ClassVar[AuditRecord.Event]
        EVENT_RECOVERED: _ClassVar[AuditRecord.Event]
        EVENT_LOST: _ClassVar[AuditRecord.Event]
    EVENT_UNSPECIFIED: AuditRecord.Event
    EVENT_ATTEMPT: AuditRecord.Event
    EVENT_OUTCOME: AuditRecord.Event
    EVENT_DENIAL: AuditRecord.Event
    EVENT_OPERATION_BEGAN: AuditRecord.Event
    EVENT_OPERATION_ENDED: AuditRecord.Event
    EVENT_STARTED: AuditRecord.Event
    EVENT_STOPPED: AuditRecord.Event
    EVENT_RELOADED: AuditRecord.Event
    EVENT_RELOAD_REFUSED: AuditRecord.Event
    EVENT_REMOVED: AuditRecord.Event
    EVENT_RECOVERED: AuditRecord.Event
    EVENT_LOST: AuditRecord.Event
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    name: str
    sequence: int
    time: _timestamp_pb2.Timestamp
    event: AuditRecord.Event
    method: str
    principal: str
    peer: str
    request_id: str
    resources: _containers.RepeatedScalarFieldContainer[str]
    operation: str
    code: str
    reason: str
    message: str
    parameters: str
    previous_hash: str
    hash: str
    def __init__(self, name: _Optional[str] = ..., sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., event: _Optional[_Union[AuditRecord.Event, str]] = ..., method: _Optional[str] = ..., principal: _Optional[str] = ..., peer: _Optional[str] = ..., request_id: _Optional[str] = ..., resources: _Optional[_Iterable[str]] = ..., operation: _Optional[str] = ..., code: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., parameters: _Optional[str] = ..., previous_hash: _Optional[str] = ..., hash: _Optional[str] = ...) -> None: ...
