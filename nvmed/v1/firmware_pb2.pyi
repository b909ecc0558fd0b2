import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import common_pb2 as _common_pb2
from nvmed.v1 import operations_pb2 as _operations_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ActivationMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTIVATION_MODE_UNSPECIFIED: _ClassVar[ActivationMode]
    ACTIVATION_MODE_ON_NEXT_RESET: _ClassVar[ActivationMode]
    ACTIVATION_MODE_CONTROLLER_RESET: _ClassVar[ActivationMode]
    ACTIVATION_MODE_SUBSYSTEM_RESET: _ClassVar[ActivationMode]
    ACTIVATION_MODE_IMMEDIATE: _ClassVar[ActivationMode]

class RequiredReset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUIRED_RESET_UNSPECIFIED: _ClassVar[RequiredReset]
    REQUIRED_RESET_CONTROLLER: _ClassVar[RequiredReset]
    REQUIRED_RESET_SUBSYSTEM: _ClassVar[RequiredReset]
    REQUIRED_RESET_CONVENTIONAL: _ClassVar[RequiredReset]

class FirmwareOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIRMWARE_OUTCOME_UNSPECIFIED: _ClassVar[FirmwareOutcome]
    FIRMWARE_OUTCOME_STAGED: _ClassVar[FirmwareOutcome]
    FIRMWARE_OUTCOME_ACTIVATED: _ClassVar[FirmwareOutcome]
    FIRMWARE_OUTCOME_PENDING_RESET: _ClassVar[FirmwareOutcome]
    FIRMWARE_OUTCOME_ALREADY_CURRENT: _ClassVar[FirmwareOutcome]
    FIRMWARE_OUTCOME_UNVERIFIED: _ClassVar[FirmwareOutcome]
ACTIVATION_MODE_UNSPECIFIED: ActivationMode
ACTIVATION_MODE_ON_NEXT_RESET: ActivationMode
ACTIVATION_MODE_CONTROLLER_RESET: ActivationMode
ACTIVATION_MODE_SUBSYSTEM_RESET: ActivationMode
ACTIVATION_MODE_IMMEDIATE: ActivationMode
REQUIRED_RESET_UNSPECIFIED: RequiredReset
REQUIRED_RESET_CONTROLLER: RequiredReset
REQUIRED_RESET_SUBSYSTEM: RequiredReset
REQUIRED_RESET_CONVENTIONAL: RequiredReset
FIRMWARE_OUTCOME_UNSPECIFIED: FirmwareOutcome
FIRMWARE_OUTCOME_STAGED: FirmwareOutcome
FIRMWARE_OUTCOME_ACTIVATED: FirmwareOutcome
FIRMWARE_OUTCOME_PENDING_RESET: FirmwareOutcome
FIRMWARE_OUTCOME_ALREADY_CURRENT: FirmwareOutcome
FIRMWARE_OUTCOME_UNVERIFIED: FirmwareOutcome

class Image(_message.Message):
    __slots__ = ("name", "sha256", "size_bytes", "create_time", "expire_time", "firmware_revision", "model_number", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: bytes
    size_bytes: int
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    firmware_revision: str
    model_number: str
    labels: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., firmware_revision: _Optional[str] = ..., model_number: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Upload(_message.Message):
    __slots__ = ("name", "sha256", "size_bytes", "committed_bytes", "create_time", "expire_time", "principal", "received_bytes", "receiving")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    RECEIVING_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: bytes
    size_bytes: int
    committed_bytes: int
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    principal: str
    received_bytes: int
    receiving: bool
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., committed_bytes: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., principal: _Optional[str] = ..., received_bytes: _Optional[int] = ..., receiving: _Optional[bool] = ...) -> None: ...

class UploadImageRequest(_message.Message):
    __slots__ = ("header", "chunk", "finish")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    header: UploadHeader
    chunk: _common_pb2.Chunk
    finish: UploadFinish
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping[str, _Any]]] = ..., chunk: _Optional[_Union[_common_pb2.Chunk, _Mapping[str, _Any]]] = ..., finish: _Optional[_Union[UploadFinish, _Mapping[str, _Any]]] = ...) -> None: ...

class UploadHeader(_message.Message):
    __slots__ = ("sha256", "size_bytes", "firmware_revision", "model_number", "labels", "validate_only", "request_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    size_bytes: int
    firmware_revision: str
    model_number: str
    labels: _containers.ScalarMap[str, str]
    validate_only: bool
    request_id: str
    def __init__(self, sha256: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., firmware_revision: _Optional[str] = ..., model_number: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class UploadFinish(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UploadImageResponse(_message.Message):
    __slots__ = ("ready", "progress", "image")
    READY_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    ready: UploadReady
    progress: UploadProgress
    image: Image
    def __init__(self, ready: _Optional[_Union[UploadReady, _Mapping[str, _Any]]] = ..., progress: _Optional[_Union[UploadProgress, _Mapping[str, _Any]]] = ..., image: _Optional[_Union[Image, _Mapping[str, _Any]]] = ...) -> None: ...

class UploadReady(_message.Message):
    __slots__ = ("upload", "committed_bytes", "chunk_bytes_max")
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    upload: str
    committed_bytes: int
    chunk_bytes_max: int
    def __init__(self, upload: _Optional[str] = ..., committed_bytes: _Optional[int] = ..., chunk_bytes_max: _Optional[int] = ...) -> None: ...

class UploadProgress(_message.Message):
    __slots__ = ("committed_bytes",)
    COMMITTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    committed_bytes: int
    def __init__(self, committed_bytes: _Optional[int] = ...) -> None: ...

class FetchImageRequest(_message.Message):
    __slots__ = ("url", "sha256", "size_bytes", "firmware_revision", "model_number", "labels", "validate_only", "request_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    URL_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    url: str
    sha256: bytes
    size_bytes: int
    firmware_revision: str
    model_number: str
    labels: _containers.ScalarMap[str, str]
    validate_only: bool
    request_id: str
    def __init__(self, url: _Optional[str] = ..., sha256: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., firmware_revision: _Optional[str] = ..., model_number: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class FetchImageResponse(_message.Message):
    __slots__ = ("image", "size_bytes", "fetched_bytes")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FETCHED_BYTES_FIELD_NUMBER: _ClassVar[int]
    image: str
    size_bytes: int
    fetched_bytes: int
    def __init__(self, image: _Optional[str] = ..., size_bytes: _Optional[int] = ..., fetched_bytes: _Optional[int] = ...) -> None: ...

class GetUploadRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListUploadsRequest(_message.Message):
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

class ListUploadsResponse(_message.Message):
    __slots__ = ("uploads", "next_page_token")
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[Upload]
    next_page_token: str
    def __init__(self, uploads: _Optional[_Iterable[_Union[Upload, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AbortUploadRequest(_message.Message):
    __slots__ = ("name", "validate_only", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class AbortUploadResponse(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListImagesRequest(_message.Message):
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

class ListImagesResponse(_message.Message):
    __slots__ = ("images", "next_page_token")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[Image]
    next_page_token: str
    def __init__(self, images: _Optional[_Iterable[_Union[Image, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetImageRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteImageRequest(_message.Message):
    __slots__ = ("name", "validate_only", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteImageResponse(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DownloadFirmwareRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: DownloadHeader
    chunk: _common_pb2.Chunk
    def __init__(self, header: _Optional[_Union[DownloadHeader, _Mapping[str, _Any]]] = ..., chunk: _Optional[_Union[_common_pb2.Chunk, _Mapping[str, _Any]]] = ...) -> None: ...

class DownloadHeader(_message.Message):
    __slots__ = ("controller", "size_bytes", "offset_bytes", "transfer_bytes", "ignore_overlap", "override_gates", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    IGNORE_OVERLAP_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    size_bytes: int
    offset_bytes: int
    transfer_bytes: int
    ignore_overlap: bool
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2_1.Gate]
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., size_bytes: _Optional[int] = ..., offset_bytes: _Optional[int] = ..., transfer_bytes: _Optional[int] = ..., ignore_overlap: _Optional[bool] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2_1.Gate, str]]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DownloadFirmwareResponse(_message.Message):
    __slots__ = ("controller", "size_bytes", "transfer_bytes", "commands", "sha256")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    controller: str
    size_bytes: int
    transfer_bytes: int
    commands: int
    sha256: bytes
    def __init__(self, controller: _Optional[str] = ..., size_bytes: _Optional[int] = ..., transfer_bytes: _Optional[int] = ..., commands: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class FirmwarePreconditions(_message.Message):
    __slots__ = ("model_number", "firmware_revision")
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    model_number: str
    firmware_revision: str
    def __init__(self, model_number: _Optional[str] = ..., firmware_revision: _Optional[str] = ...) -> None: ...

class StageFirmwareRequest(_message.Message):
    __slots__ = ("controllers", "image", "slot", "firmware_revision", "preconditions", "override_gates", "max_concurrency", "validate_only", "request_id")
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    PRECONDITIONS_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controllers: _containers.RepeatedScalarFieldContainer[str]
    image: str
    slot: int
    firmware_revision: str
    preconditions: FirmwarePreconditions
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2_1.Gate]
    max_concurrency: int
    validate_only: bool
    request_id: str
    def __init__(self, controllers: _Optional[_Iterable[str]] = ..., image: _Optional[str] = ..., slot: _Optional[int] = ..., firmware_revision: _Optional[str] = ..., preconditions: _Optional[_Union[FirmwarePreconditions, _Mapping[str, _Any]]] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2_1.Gate, str]]] = ..., max_concurrency: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class StageFirmwareResponse(_message.Message):
    __slots__ = ("drives", "gates")
    class Drive(_message.Message):
        __slots__ = ("controller", "operation", "outcome", "slot", "slot_revision", "running_revision", "required_reset", "staged_revision")
        CONTROLLER_FIELD_NUMBER: _ClassVar[int]
        OPERATION_FIELD_NUMBER: _ClassVar[int]
        OUTCOME_FIELD_NUMBER: _ClassVar[int]
        SLOT_FIELD_NUMBER: _ClassVar[int]
        SLOT_REVISION_FIELD_NUMBER: _ClassVar[int]
        RUNNING_REVISION_FIELD_NUMBER: _ClassVar[int]
        REQUIRED_RESET_FIELD_NUMBER: _ClassVar[int]
        STAGED_REVISION_FIELD_NUMBER: _ClassVar[int]
        controller: str
        operation: str
        outcome: FirmwareOutcome
        slot: int
        slot_revision: str
        running_revision: str
        required_reset: RequiredReset
        staged_revision: str
        def __init__(self, controller: _Optional[str] = ..., operation: _Optional[str] = ..., outcome: _Optional[_Union[FirmwareOutcome, str]] = ..., slot: _Optional[int] = ..., slot_revision: _Optional[str] = ..., running_revision: _Optional[str] = ..., required_reset: _Optional[_Union[RequiredReset, str]] = ..., staged_revision: _Optional[str] = ...) -> None: ...
    DRIVES_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    drives: _containers.RepeatedCompositeFieldContainer[StageFirmwareResponse.Drive]
    gates: _containers.RepeatedCompositeFieldContainer[_operations_pb2_1.GateResult]
    def __init__(self, drives: _Optional[_Iterable[_Union[StageFirmwareResponse.Drive, _Mapping[str, _Any]]]] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2_1.GateResult, _Mapping[str, _Any]]]] = ...) -> None: ...

class ActivateFirmwareRequest(_message.Message):
    __slots__ = ("controller", "slot", "activation_mode", "slot_revision", "preconditions", "override_gates", "acknowledge_disruption", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_MODE_FIELD_NUMBER: _ClassVar[int]
    SLOT_REVISION_FIELD_NUMBER: _ClassVar[int]
    PRECONDITIONS_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    slot: int
    activation_mode: ActivationMode
    slot_revision: str
    preconditions: FirmwarePreconditions
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2_1.Gate]
    acknowledge_disruption: bool
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., slot: _Optional[int] = ..., activation_mode: _Optional[_Union[ActivationMode, str]] = ..., slot_revision: _Optional[str] = ..., preconditions: _Optional[_Union[FirmwarePreconditions, _Mapping[str, _Any]]] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2_1.Gate, str]]] = ..., acknowledge_disruption: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class ActivateFirmwareResponse(_message.Message):
    __slots__ = ("controller", "outcome", "required_reset", "slot", "slot_revision", "previous_revision", "running_revision", "gates")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_RESET_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    SLOT_REVISION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
    RUNNING_REVISION_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    outcome: FirmwareOutcome
    required_reset: RequiredReset
    slot: int
    slot_revision: str
    previous_revision: str
    running_revision: str
    gates: _containers.RepeatedCompositeFieldContainer[_operations_pb2_1.GateResult]
    def __init__(self, controller: _Optional[str] = ..., outcome: _Optional[_Union[FirmwareOutcome, str]] = ..., required_reset: _Optional[_Union[RequiredReset, str]] = ..., slot: _Optional[int] = ..., slot_revision: _Optional[str] = ..., previous_revision: _Optional[str] = ..., running_revision: _Optional[str] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2_1.GateResult, _Mapping[str, _Any]]]] = ...) -> None: ...

class VerifyFirmwareRequest(_message.Message):
    __slots__ = ("controller", "firmware_revision", "slot", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    firmware_revision: str
    slot: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., firmware_revision: _Optional[str] = ..., slot: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class VerifyFirmwareResponse(_message.Message):
    __slots__ = ("controller", "running_revision", "active_slot", "kernel_revision")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    RUNNING_REVISION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SLOT_FIELD_NUMBER: _ClassVar[int]
    KERNEL_REVISION_FIELD_NUMBER: _ClassVar[int]
    controller: str
    running_revision: str
    active_slot: int
    kernel_revision: str
    def __init__(self, controller: _Optional[str] = ..., running_revision: _Optional[str] = ..., active_slot: _Optional[int] = ..., kernel_revision: _Optional[str] = ...) -> None: ...

class RollbackFirmwareRequest(_message.Message):
    __slots__ = ("controller", "slot", "activation_mode", "preconditions", "override_gates", "acknowledge_disruption", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_MODE_FIELD_NUMBER: _ClassVar[int]
    PRECONDITIONS_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    slot: int
    activation_mode: ActivationMode
    preconditions: FirmwarePreconditions
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2_1.Gate]
    acknowledge_disruption: bool
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., slot: _Optional[int] = ..., activation_mode: _Optional[_Union[ActivationMode, str]] = ..., preconditions: _Optional[_Union[FirmwarePreconditions, _Mapping[str, _Any]]] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2_1.Gate, str]]] = ..., acknowledge_disruption: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetFirmwareSlotsRequest(_message.Message):
    __slots__ = ("controller",)
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    controller: str
    def __init__(self, controller: _Optional[str] = ...) -> None: ...

class FirmwareSlots(_message.Message):
    __slots__ = ("controller", "slots", "running_revision", "kernel_revision", "activates_without_reset", "activation_time_ms", "granularity_bytes", "granularity_reported", "max_transfer_bytes", "slots_not_shown")
    class Slot(_message.Message):
        __slots__ = ("slot", "revision", "writable", "active", "next")
        SLOT_FIELD_NUMBER: _ClassVar[int]
        REVISION_FIELD_NUMBER: _ClassVar[int]
        WRITABLE_FIELD_NUMBER: _ClassVar[int]
        ACTIVE_FIELD_NUMBER: _ClassVar[int]
        NEXT_FIELD_NUMBER: _ClassVar[int]
        slot: int
        revision: str
        writable: bool
        active: bool
        next: bool
        def __init__(self, slot: _Optional[int] = ..., revision: _Optional[str] = ..., writable: _Optional[bool] = ..., active: _Optional[bool] = ..., next: _Optional[bool] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_REVISION_FIELD_NUMBER: _ClassVar[int]
    KERNEL_REVISION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATES_WITHOUT_RESET_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_REPORTED_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    SLOTS_NOT_SHOWN_FIELD_NUMBER: _ClassVar[int]
    controller: str
    slots: _containers.RepeatedCompositeFieldContainer[FirmwareSlots.Slot]
    running_revision: str
    kernel_revision: str
    activates_without_reset: bool
    activation_time_ms: int
    granularity_bytes: int
    granularity_reported: bool
    max_transfer_bytes: int
    slots_not_shown: bool
    def __init__(self, controller: _Optional[str] = ..., slots: _Optional[_Iterable[_Union[FirmwareSlots.Slot, _Mapping[str, _Any]]]] = ..., running_revision: _Optional[str] = ..., kernel_revision: _Optional[str] = ..., activates_without_reset: _Optional[bool] = ..., activation_time_ms: _Optional[int] = ..., granularity_bytes: _Optional[int] = ..., granularity_reported: _Optional[bool] = ..., max_transfer_bytes: _Optional[int] = ..., slots_not_shown: _Optional[bool] = ...) -> None: ...

class ListFirmwareHistoryRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListFirmwareHistoryResponse(_message.Message):
    __slots__ = ("records", "next_page_token")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[FirmwareRecord]
    next_page_token: str
    def __init__(self, records: _Optional[_Iterable[_Union[FirmwareRecord, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class FirmwareRecord(_message.Message):
    __slots__ = ("operation", "controller", "method", "principal", "state", "create_time", "update_time", "image", "slot", "activation_mode", "outcome", "required_reset", "previous_revision", "running_revision", "slot_revision", "failure_reason", "failure_message")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_MODE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_RESET_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
    RUNNING_REVISION_FIELD_NUMBER: _ClassVar[int]
    SLOT_REVISION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
    FAILURE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    operation: str
    controller: str
    method: str
    principal: str
    state: _operations_pb2_1.OperationMetadata.State
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    image: str
    slot: int
    activation_mode: ActivationMode
    outcome: FirmwareOutcome
    required_reset: RequiredReset
    previous_revision: str
    running_revision: str
    slot_revision: str
    failure_reason: str
    failure_message: str
    def __init__(self, operation: _Optional[str] = ..., controller: _Optional[str] = ..., method: _Optional[str] = ..., principal: _Optional[str] = ..., state: _Optional[_Union[_operations_pb2_1.OperationMetadata.State, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., image: _Optional[str] = ..., slot: _Optional[int] = ..., activation_mode: _Optional[_Union[ActivationMode, str]] = ..., outcome: _Optional[_Union[FirmwareOutcome, str]] = ..., required_reset: _Optional[_Union[RequiredReset, str]] = ..., previous_revision: _Optional[str] = ..., running_revision: _Optional[str] = ..., slot_revision: _Optional[str] = ..., failure_reason: _Optional[str] = ..., failure_message: _Optional[str] = ...) -> None: ...
