import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import common_pb2 as _common_pb2
from nvmed.v1 import telemetry_pb2 as _telemetry_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SupportBundle(_message.Message):
    __slots__ = ("name", "controllers", "size_bytes", "sha256", "parts_complete", "parts_missing", "create_time", "expire_time", "principal")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PARTS_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    PARTS_MISSING_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    controllers: _containers.RepeatedScalarFieldContainer[str]
    size_bytes: int
    sha256: bytes
    parts_complete: int
    parts_missing: int
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    principal: str
    def __init__(self, name: _Optional[str] = ..., controllers: _Optional[_Iterable[str]] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., parts_complete: _Optional[int] = ..., parts_missing: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., principal: _Optional[str] = ...) -> None: ...

class CreateSupportBundleRequest(_message.Message):
    __slots__ = ("controllers", "telemetry_sources", "telemetry_data_area", "part_timeout_ms", "timeout_ms", "validate_only", "request_id")
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_SOURCES_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_DATA_AREA_FIELD_NUMBER: _ClassVar[int]
    PART_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controllers: _containers.RepeatedScalarFieldContainer[str]
    telemetry_sources: _containers.RepeatedScalarFieldContainer[_telemetry_pb2.TelemetrySource]
    telemetry_data_area: _telemetry_pb2.TelemetryDataArea
    part_timeout_ms: int
    timeout_ms: int
    validate_only: bool
    request_id: str
    def __init__(self, controllers: _Optional[_Iterable[str]] = ..., telemetry_sources: _Optional[_Iterable[_Union[_telemetry_pb2.TelemetrySource, str]]] = ..., telemetry_data_area: _Optional[_Union[_telemetry_pb2.TelemetryDataArea, str]] = ..., part_timeout_ms: _Optional[int] = ..., timeout_ms: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateSupportBundleResponse(_message.Message):
    __slots__ = ("support_bundle", "controllers", "size_bytes", "sha256", "parts_complete", "parts_missing")
    SUPPORT_BUNDLE_FIELD_NUMBER: _ClassVar[int]
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PARTS_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    PARTS_MISSING_FIELD_NUMBER: _ClassVar[int]
    support_bundle: str
    controllers: _containers.RepeatedScalarFieldContainer[str]
    size_bytes: int
    sha256: bytes
    parts_complete: int
    parts_missing: int
    def __init__(self, support_bundle: _Optional[str] = ..., controllers: _Optional[_Iterable[str]] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., parts_complete: _Optional[int] = ..., parts_missing: _Optional[int] = ...) -> None: ...

class ReadSupportBundleRequest(_message.Message):
    __slots__ = ("name", "offset", "chunk_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    offset: int
    chunk_bytes: int
    def __init__(self, name: _Optional[str] = ..., offset: _Optional[int] = ..., chunk_bytes: _Optional[int] = ...) -> None: ...

class ReadSupportBundleResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: SupportBundleHeader
    chunk: _common_pb2.Chunk
    trailer: SupportBundleTrailer
    def __init__(self, header: _Optional[_Union[SupportBundleHeader, _Mapping[str, _Any]]] = ..., chunk: _Optional[_Union[_common_pb2.Chunk, _Mapping[str, _Any]]] = ..., trailer: _Optional[_Union[SupportBundleTrailer, _Mapping[str, _Any]]] = ...) -> None: ...

class SupportBundleHeader(_message.Message):
    __slots__ = ("support_bundle", "start_offset", "chunk_bytes")
    SUPPORT_BUNDLE_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    support_bundle: SupportBundle
    start_offset: int
    chunk_bytes: int
    def __init__(self, support_bundle: _Optional[_Union[SupportBundle, _Mapping[str, _Any]]] = ..., start_offset: _Optional[int] = ..., chunk_bytes: _Optional[int] = ...) -> None: ...

class SupportBundleTrailer(_message.Message):
    __slots__ = ("total_bytes", "sha256")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    sha256: bytes
    def __init__(self, total_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class ListSupportBundlesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter", "order_by")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: str
    order_by: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListSupportBundlesResponse(_message.Message):
    __slots__ = ("support_bundles", "next_page_token")
    SUPPORT_BUNDLES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    support_bundles: _containers.RepeatedCompositeFieldContainer[SupportBundle]
    next_page_token: str
    def __init__(self, support_bundles: _Optional[_Iterable[_Union[SupportBundle, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetSupportBundleRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteSupportBundleRequest(_message.Message):
    __slots__ = ("name", "validate_only", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteSupportBundleResponse(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
