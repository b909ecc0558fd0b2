from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSecurityStateRequest(_message.Message):
    __slots__ = ("controller", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class SecurityState(_message.Message):
    __slots__ = ("controller", "protocols", "tcg", "security_subsystem_classes", "locking_supported", "locking_enabled", "locked", "media_encryption", "mbr_enabled", "mbr_done", "sid_owned", "sid_blocked", "features", "cut", "raw")
    class Feature(_message.Message):
        __slots__ = ("code", "version", "data")
        CODE_FIELD_NUMBER: _ClassVar[int]
        VERSION_FIELD_NUMBER: _ClassVar[int]
        DATA_FIELD_NUMBER: _ClassVar[int]
        code: int
        version: int
        data: bytes
        def __init__(self, code: _Optional[int] = ..., version: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    TCG_FIELD_NUMBER: _ClassVar[int]
    SECURITY_SUBSYSTEM_CLASSES_FIELD_NUMBER: _ClassVar[int]
    LOCKING_SUPPORTED_FIELD_NUMBER: _ClassVar[int]
    LOCKING_ENABLED_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ENCRYPTION_FIELD_NUMBER: _ClassVar[int]
    MBR_ENABLED_FIELD_NUMBER: _ClassVar[int]
    MBR_DONE_FIELD_NUMBER: _ClassVar[int]
    SID_OWNED_FIELD_NUMBER: _ClassVar[int]
    SID_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    protocols: _containers.RepeatedScalarFieldContainer[int]
    tcg: bool
    security_subsystem_classes: _containers.RepeatedScalarFieldContainer[str]
    locking_supported: bool
    locking_enabled: bool
    locked: bool
    media_encryption: bool
    mbr_enabled: bool
    mbr_done: bool
    sid_owned: bool
    sid_blocked: bool
    features: _containers.RepeatedCompositeFieldContainer[SecurityState.Feature]
    cut: bool
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., protocols: _Optional[_Iterable[int]] = ..., tcg: _Optional[bool] = ..., security_subsystem_classes: _Optional[_Iterable[str]] = ..., locking_supported: _Optional[bool] = ..., locking_enabled: _Optional[bool] = ..., locked: _Optional[bool] = ..., media_encryption: _Optional[bool] = ..., mbr_enabled: _Optional[bool] = ..., mbr_done: _Optional[bool] = ..., sid_owned: _Optional[bool] = ..., sid_blocked: _Optional[bool] = ..., features: _Optional[_Iterable[_Union[SecurityState.Feature, _Mapping[str, _Any]]]] = ..., cut: _Optional[bool] = ..., raw: _Optional[bytes] = ...) -> None: ...
