import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TelemetrySource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TELEMETRY_SOURCE_UNSPECIFIED: _ClassVar[TelemetrySource]
    TELEMETRY_SOURCE_HOST: _ClassVar[TelemetrySource]
    TELEMETRY_SOURCE_CONTROLLER: _ClassVar[TelemetrySource]

class TelemetryDataArea(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TELEMETRY_DATA_AREA_UNSPECIFIED: _ClassVar[TelemetryDataArea]
    TELEMETRY_DATA_AREA_1: _ClassVar[TelemetryDataArea]
    TELEMETRY_DATA_AREA_2: _ClassVar[TelemetryDataArea]
    TELEMETRY_DATA_AREA_3: _ClassVar[TelemetryDataArea]
    TELEMETRY_DATA_AREA_4: _ClassVar[TelemetryDataArea]
    TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED: _ClassVar[TelemetryDataArea]

class TelemetryChangeDetection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TELEMETRY_CHANGE_DETECTION_UNSPECIFIED: _ClassVar[TelemetryChangeDetection]
    TELEMETRY_CHANGE_DETECTION_GENERATION: _ClassVar[TelemetryChangeDetection]
    TELEMETRY_CHANGE_DETECTION_BEST_EFFORT: _ClassVar[TelemetryChangeDetection]
TELEMETRY_SOURCE_UNSPECIFIED: TelemetrySource
TELEMETRY_SOURCE_HOST: TelemetrySource
TELEMETRY_SOURCE_CONTROLLER: TelemetrySource
TELEMETRY_DATA_AREA_UNSPECIFIED: TelemetryDataArea
TELEMETRY_DATA_AREA_1: TelemetryDataArea
TELEMETRY_DATA_AREA_2: TelemetryDataArea
TELEMETRY_DATA_AREA_3: TelemetryDataArea
TELEMETRY_DATA_AREA_4: TelemetryDataArea
TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED: TelemetryDataArea
TELEMETRY_CHANGE_DETECTION_UNSPECIFIED: TelemetryChangeDetection
TELEMETRY_CHANGE_DETECTION_GENERATION: TelemetryChangeDetection
TELEMETRY_CHANGE_DETECTION_BEST_EFFORT: TelemetryChangeDetection

class GetTelemetryCapabilitiesRequest(_message.Message):
    __slots__ = ("controller",)
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    controller: str
    def __init__(self, controller: _Optional[str] = ...) -> None: ...

class TelemetryCapabilities(_message.Message):
    __slots__ = ("controller", "supported", "max_data_area", "max_transfer_bytes", "host_log", "controller_log", "omissions")
    class Log(_message.Message):
        __slots__ = ("generation_number", "area_end_bytes", "available", "reason_identifier", "change_detection")
        GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
        AREA_END_BYTES_FIELD_NUMBER: _ClassVar[int]
        AVAILABLE_FIELD_NUMBER: _ClassVar[int]
        REASON_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
        CHANGE_DETECTION_FIELD_NUMBER: _ClassVar[int]
        generation_number: int
        area_end_bytes: _containers.RepeatedScalarFieldContainer[int]
        available: bool
        reason_identifier: bytes
        change_detection: TelemetryChangeDetection
        def __init__(self, generation_number: _Optional[int] = ..., area_end_bytes: _Optional[_Iterable[int]] = ..., available: _Optional[bool] = ..., reason_identifier: _Optional[bytes] = ..., change_detection: _Optional[_Union[TelemetryChangeDetection, str]] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_FIELD_NUMBER: _ClassVar[int]
    MAX_DATA_AREA_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    HOST_LOG_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_LOG_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    supported: bool
    max_data_area: int
    max_transfer_bytes: int
    host_log: TelemetryCapabilities.Log
    controller_log: TelemetryCapabilities.Log
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., supported: _Optional[bool] = ..., max_data_area: _Optional[int] = ..., max_transfer_bytes: _Optional[int] = ..., host_log: _Optional[_Union[TelemetryCapabilities.Log, _Mapping[str, _Any]]] = ..., controller_log: _Optional[_Union[TelemetryCapabilities.Log, _Mapping[str, _Any]]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class StreamTelemetryRequest(_message.Message):
    __slots__ = ("controller", "source", "data_area", "create", "retain_async_event", "max_transfer_bytes", "chunk_bytes", "window", "resume_token", "offset", "request_id", "require_change_detection", "digest")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DATA_AREA_FIELD_NUMBER: _ClassVar[int]
    CREATE_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_CHANGE_DETECTION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    controller: str
    source: TelemetrySource
    data_area: TelemetryDataArea
    create: bool
    retain_async_event: bool
    max_transfer_bytes: int
    chunk_bytes: int
    window: int
    resume_token: str
    offset: int
    request_id: str
    require_change_detection: bool
    digest: _common_pb2.StreamDigest
    def __init__(self, controller: _Optional[str] = ..., source: _Optional[_Union[TelemetrySource, str]] = ..., data_area: _Optional[_Union[TelemetryDataArea, str]] = ..., create: _Optional[bool] = ..., retain_async_event: _Optional[bool] = ..., max_transfer_bytes: _Optional[int] = ..., chunk_bytes: _Optional[int] = ..., window: _Optional[int] = ..., resume_token: _Optional[str] = ..., offset: _Optional[int] = ..., request_id: _Optional[str] = ..., require_change_detection: _Optional[bool] = ..., digest: _Optional[_Union[_common_pb2.StreamDigest, str]] = ...) -> None: ...

class StreamTelemetryResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: TelemetryHeader
    chunk: _common_pb2.Chunk
    trailer: TelemetryTrailer
    def __init__(self, header: _Optional[_Union[TelemetryHeader, _Mapping[str, _Any]]] = ..., chunk: _Optional[_Union[_common_pb2.Chunk, _Mapping[str, _Any]]] = ..., trailer: _Optional[_Union[TelemetryTrailer, _Mapping[str, _Any]]] = ...) -> None: ...

class TelemetryHeader(_message.Message):
    __slots__ = ("controller", "source", "data_area", "total_bytes", "start_offset", "generation_number", "area_end_bytes", "reason_identifier", "resume_token", "chunk_bytes", "change_detection", "omissions")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DATA_AREA_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    AREA_END_BYTES_FIELD_NUMBER: _ClassVar[int]
    REASON_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHANGE_DETECTION_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    source: TelemetrySource
    data_area: TelemetryDataArea
    total_bytes: int
    start_offset: int
    generation_number: int
    area_end_bytes: _containers.RepeatedScalarFieldContainer[int]
    reason_identifier: bytes
    resume_token: str
    chunk_bytes: int
    change_detection: TelemetryChangeDetection
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., source: _Optional[_Union[TelemetrySource, str]] = ..., data_area: _Optional[_Union[TelemetryDataArea, str]] = ..., total_bytes: _Optional[int] = ..., start_offset: _Optional[int] = ..., generation_number: _Optional[int] = ..., area_end_bytes: _Optional[_Iterable[int]] = ..., reason_identifier: _Optional[bytes] = ..., resume_token: _Optional[str] = ..., chunk_bytes: _Optional[int] = ..., change_detection: _Optional[_Union[TelemetryChangeDetection, str]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class TelemetryTrailer(_message.Message):
    __slots__ = ("total_bytes", "sha256", "hash_covers_from_offset", "generation_number", "async_event_retained", "change_detection", "digest")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    HASH_COVERS_FROM_OFFSET_FIELD_NUMBER: _ClassVar[int]
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    CHANGE_DETECTION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    sha256: bytes
    hash_covers_from_offset: int
    generation_number: int
    async_event_retained: bool
    change_detection: TelemetryChangeDetection
    digest: _common_pb2.StreamDigest
    def __init__(self, total_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., hash_covers_from_offset: _Optional[int] = ..., generation_number: _Optional[int] = ..., async_event_retained: _Optional[bool] = ..., change_detection: _Optional[_Union[TelemetryChangeDetection, str]] = ..., digest: _Optional[_Union[_common_pb2.StreamDigest, str]] = ...) -> None: ...

class AcknowledgeTelemetryRequest(_message.Message):
    __slots__ = ("controller", "generation_number", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    generation_number: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., generation_number: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class AcknowledgeTelemetryResponse(_message.Message):
    __slots__ = ("controller", "generation_number")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    controller: str
    generation_number: int
    def __init__(self, controller: _Optional[str] = ..., generation_number: _Optional[int] = ...) -> None: ...

class Capture(_message.Message):
    __slots__ = ("name", "controller", "source", "data_area", "size_bytes", "sha256", "generation_number", "change_detection", "reason_identifier", "model_number", "serial_number", "firmware_revision", "create_time", "expire_time", "automatic", "principal", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DATA_AREA_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_DETECTION_FIELD_NUMBER: _ClassVar[int]
    REASON_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    AUTOMATIC_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    controller: str
    source: TelemetrySource
    data_area: TelemetryDataArea
    size_bytes: int
    sha256: bytes
    generation_number: int
    change_detection: TelemetryChangeDetection
    reason_identifier: bytes
    model_number: str
    serial_number: str
    firmware_revision: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    automatic: bool
    principal: str
    labels: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., controller: _Optional[str] = ..., source: _Optional[_Union[TelemetrySource, str]] = ..., data_area: _Optional[_Union[TelemetryDataArea, str]] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., generation_number: _Optional[int] = ..., change_detection: _Optional[_Union[TelemetryChangeDetection, str]] = ..., reason_identifier: _Optional[bytes] = ..., model_number: _Optional[str] = ..., serial_number: _Optional[str] = ..., firmware_revision: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., automatic: _Optional[bool] = ..., principal: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CaptureTelemetryRequest(_message.Message):
    __slots__ = ("controller", "source", "data_area", "create", "acknowledge", "labels", "ttl_s", "validate_only", "request_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DATA_AREA_FIELD_NUMBER: _ClassVar[int]
    CREATE_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    source: TelemetrySource
    data_area: TelemetryDataArea
    create: bool
    acknowledge: bool
    labels: _containers.ScalarMap[str, str]
    ttl_s: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., source: _Optional[_Union[TelemetrySource, str]] = ..., data_area: _Optional[_Union[TelemetryDataArea, str]] = ..., create: _Optional[bool] = ..., acknowledge: _Optional[bool] = ..., labels: _Optional[_Mapping[str, str]] = ..., ttl_s: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class CaptureTelemetryResponse(_message.Message):
    __slots__ = ("capture", "controller", "source", "data_area", "size_bytes", "sha256", "generation_number", "acknowledged")
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DATA_AREA_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    capture: str
    controller: str
    source: TelemetrySource
    data_area: TelemetryDataArea
    size_bytes: int
    sha256: bytes
    generation_number: int
    acknowledged: bool
    def __init__(self, capture: _Optional[str] = ..., controller: _Optional[str] = ..., source: _Optional[_Union[TelemetrySource, str]] = ..., data_area: _Optional[_Union[TelemetryDataArea, str]] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., generation_number: _Optional[int] = ..., acknowledged: _Optional[bool] = ...) -> None: ...

class ReadCaptureRequest(_message.Message):
    __slots__ = ("name", "offset", "chunk_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    offset: int
    chunk_bytes: int
    def __init__(self, name: _Optional[str] = ..., offset: _Optional[int] = ..., chunk_bytes: _Optional[int] = ...) -> None: ...

class ReadCaptureResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: CaptureHeader
    chunk: _common_pb2.Chunk
    trailer: CaptureTrailer
    def __init__(self, header: _Optional[_Union[CaptureHeader, _Mapping[str, _Any]]] = ..., chunk: _Optional[_Union[_common_pb2.Chunk, _Mapping[str, _Any]]] = ..., trailer: _Optional[_Union[CaptureTrailer, _Mapping[str, _Any]]] = ...) -> None: ...

class CaptureHeader(_message.Message):
    __slots__ = ("capture", "start_offset", "chunk_bytes")
    CAPTURE_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    capture: Capture
    start_offset: int
    chunk_bytes: int
    def __init__(self, capture: _Optional[_Union[Capture, _Mapping[str, _Any]]] = ..., start_offset: _Optional[int] = ..., chunk_bytes: _Optional[int] = ...) -> None: ...

class CaptureTrailer(_message.Message):
    __slots__ = ("total_bytes", "sha256")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    sha256: bytes
    def __init__(self, total_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class ListCapturesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter", "order_by")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    order_by: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListCapturesResponse(_message.Message):
    __slots__ = ("captures", "next_page_token")
    CAPTURES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    captures: _containers.RepeatedCompositeFieldContainer[Capture]
    next_page_token: str
    def __init__(self, captures: _Optional[_Iterable[_Union[Capture, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetCaptureRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteCaptureRequest(_message.Message):
    __slots__ = ("name", "validate_only", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteCaptureResponse(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
