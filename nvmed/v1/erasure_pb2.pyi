import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import operations_pb2 as _operations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErasureMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERASURE_METHOD_UNSPECIFIED: _ClassVar[ErasureMethod]
    ERASURE_METHOD_SANITIZE_BLOCK_ERASE: _ClassVar[ErasureMethod]
    ERASURE_METHOD_SANITIZE_CRYPTO_ERASE: _ClassVar[ErasureMethod]
    ERASURE_METHOD_SANITIZE_OVERWRITE: _ClassVar[ErasureMethod]
    ERASURE_METHOD_FORMAT_USER_DATA: _ClassVar[ErasureMethod]
    ERASURE_METHOD_FORMAT_CRYPTO_ERASE: _ClassVar[ErasureMethod]
    ERASURE_METHOD_REVERT: _ClassVar[ErasureMethod]

class ErasureOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERASURE_OUTCOME_UNSPECIFIED: _ClassVar[ErasureOutcome]
    ERASURE_OUTCOME_ERASED: _ClassVar[ErasureOutcome]
    ERASURE_OUTCOME_FAILED: _ClassVar[ErasureOutcome]
    ERASURE_OUTCOME_CONTRADICTED: _ClassVar[ErasureOutcome]
    ERASURE_OUTCOME_UNCONFIRMED: _ClassVar[ErasureOutcome]

class SampleFinding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAMPLE_FINDING_UNSPECIFIED: _ClassVar[SampleFinding]
    SAMPLE_FINDING_AS_EXPECTED: _ClassVar[SampleFinding]
    SAMPLE_FINDING_CHANGED: _ClassVar[SampleFinding]
    SAMPLE_FINDING_CONTRADICTED: _ClassVar[SampleFinding]
    SAMPLE_FINDING_INCONCLUSIVE: _ClassVar[SampleFinding]
ERASURE_METHOD_UNSPECIFIED: ErasureMethod
ERASURE_METHOD_SANITIZE_BLOCK_ERASE: ErasureMethod
ERASURE_METHOD_SANITIZE_CRYPTO_ERASE: ErasureMethod
ERASURE_METHOD_SANITIZE_OVERWRITE: ErasureMethod
ERASURE_METHOD_FORMAT_USER_DATA: ErasureMethod
ERASURE_METHOD_FORMAT_CRYPTO_ERASE: ErasureMethod
ERASURE_METHOD_REVERT: ErasureMethod
ERASURE_OUTCOME_UNSPECIFIED: ErasureOutcome
ERASURE_OUTCOME_ERASED: ErasureOutcome
ERASURE_OUTCOME_FAILED: ErasureOutcome
ERASURE_OUTCOME_CONTRADICTED: ErasureOutcome
ERASURE_OUTCOME_UNCONFIRMED: ErasureOutcome
SAMPLE_FINDING_UNSPECIFIED: SampleFinding
SAMPLE_FINDING_AS_EXPECTED: SampleFinding
SAMPLE_FINDING_CHANGED: SampleFinding
SAMPLE_FINDING_CONTRADICTED: SampleFinding
SAMPLE_FINDING_INCONCLUSIVE: SampleFinding

class OverwriteSettings(_message.Message):
    __slots__ = ("passes", "pattern", "invert")
    PASSES_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    INVERT_FIELD_NUMBER: _ClassVar[int]
    passes: int
    pattern: int
    invert: bool
    def __init__(self, passes: _Optional[int] = ..., pattern: _Optional[int] = ..., invert: _Optional[bool] = ...) -> None: ...

class SanitizeDriveRequest(_message.Message):
    __slots__ = ("controller", "methods", "overwrite", "no_deallocate", "allow_unrestricted_exit", "media_verification", "samples_max", "skip_samples", "stall_timeout_seconds", "override_gates", "acknowledge_data_loss", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    NO_DEALLOCATE_FIELD_NUMBER: _ClassVar[int]
    ALLOW_UNRESTRICTED_EXIT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_MAX_FIELD_NUMBER: _ClassVar[int]
    SKIP_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    STALL_TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DATA_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    methods: _containers.RepeatedScalarFieldContainer[ErasureMethod]
    overwrite: OverwriteSettings
    no_deallocate: bool
    allow_unrestricted_exit: bool
    media_verification: bool
    samples_max: int
    skip_samples: bool
    stall_timeout_seconds: int
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2.Gate]
    acknowledge_data_loss: bool
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., methods: _Optional[_Iterable[_Union[ErasureMethod, str]]] = ..., overwrite: _Optional[_Union[OverwriteSettings, _Mapping[str, _Any]]] = ..., no_deallocate: _Optional[bool] = ..., allow_unrestricted_exit: _Optional[bool] = ..., media_verification: _Optional[bool] = ..., samples_max: _Optional[int] = ..., skip_samples: _Optional[bool] = ..., stall_timeout_seconds: _Optional[int] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2.Gate, str]]] = ..., acknowledge_data_loss: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class SanitizeDriveResponse(_message.Message):
    __slots__ = ("controller", "method", "erasure_record", "sample_finding", "gates", "estimated_seconds")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    ERASURE_RECORD_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FINDING_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    method: ErasureMethod
    erasure_record: str
    sample_finding: SampleFinding
    gates: _containers.RepeatedCompositeFieldContainer[_operations_pb2.GateResult]
    estimated_seconds: int
    def __init__(self, controller: _Optional[str] = ..., method: _Optional[_Union[ErasureMethod, str]] = ..., erasure_record: _Optional[str] = ..., sample_finding: _Optional[_Union[SampleFinding, str]] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2.GateResult, _Mapping[str, _Any]]]] = ..., estimated_seconds: _Optional[int] = ...) -> None: ...

class RevertDriveRequest(_message.Message):
    __slots__ = ("controller", "psid", "samples_max", "skip_samples", "override_gates", "acknowledge_data_loss", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PSID_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_MAX_FIELD_NUMBER: _ClassVar[int]
    SKIP_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DATA_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    psid: str
    samples_max: int
    skip_samples: bool
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2.Gate]
    acknowledge_data_loss: bool
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., psid: _Optional[str] = ..., samples_max: _Optional[int] = ..., skip_samples: _Optional[bool] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2.Gate, str]]] = ..., acknowledge_data_loss: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class RevertDriveResponse(_message.Message):
    __slots__ = ("controller", "erasure_record", "outcome", "media_encryption", "sample_finding", "gates")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ERASURE_RECORD_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ENCRYPTION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FINDING_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    erasure_record: str
    outcome: ErasureOutcome
    media_encryption: bool
    sample_finding: SampleFinding
    gates: _containers.RepeatedCompositeFieldContainer[_operations_pb2.GateResult]
    def __init__(self, controller: _Optional[str] = ..., erasure_record: _Optional[str] = ..., outcome: _Optional[_Union[ErasureOutcome, str]] = ..., media_encryption: _Optional[bool] = ..., sample_finding: _Optional[_Union[SampleFinding, str]] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2.GateResult, _Mapping[str, _Any]]]] = ...) -> None: ...

class ExitSanitizeFailureModeRequest(_message.Message):
    __slots__ = ("controller", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class ExitSanitizeFailureModeResponse(_message.Message):
    __slots__ = ("controller",)
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    controller: str
    def __init__(self, controller: _Optional[str] = ...) -> None: ...

class ErasureRecord(_message.Message):
    __slots__ = ("name", "sequence", "outcome", "method", "controller", "serial_number", "model_number", "principal", "start_time", "end_time", "ieee_2883", "nist_800_88", "sample_finding", "failure_reason", "failure_message", "key_id", "damage", "envelope", "nsids")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    IEEE_2883_FIELD_NUMBER: _ClassVar[int]
    NIST_800_88_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FINDING_FIELD_NUMBER: _ClassVar[int]
    FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
    FAILURE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    NSIDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    sequence: int
    outcome: ErasureOutcome
    method: ErasureMethod
    controller: str
    serial_number: str
    model_number: str
    principal: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    ieee_2883: str
    nist_800_88: str
    sample_finding: SampleFinding
    failure_reason: str
    failure_message: str
    key_id: str
    damage: str
    envelope: bytes
    nsids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., sequence: _Optional[int] = ..., outcome: _Optional[_Union[ErasureOutcome, str]] = ..., method: _Optional[_Union[ErasureMethod, str]] = ..., controller: _Optional[str] = ..., serial_number: _Optional[str] = ..., model_number: _Optional[str] = ..., principal: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., ieee_2883: _Optional[str] = ..., nist_800_88: _Optional[str] = ..., sample_finding: _Optional[_Union[SampleFinding, str]] = ..., failure_reason: _Optional[str] = ..., failure_message: _Optional[str] = ..., key_id: _Optional[str] = ..., damage: _Optional[str] = ..., envelope: _Optional[bytes] = ..., nsids: _Optional[_Iterable[int]] = ...) -> None: ...

class ListErasureRecordsRequest(_message.Message):
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

class ListErasureRecordsResponse(_message.Message):
    __slots__ = ("erasure_records", "next_page_token")
    ERASURE_RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    erasure_records: _containers.RepeatedCompositeFieldContainer[ErasureRecord]
    next_page_token: str
    def __init__(self, erasure_records: _Optional[_Iterable[_Union[ErasureRecord, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetErasureRecordRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetErasureKeyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ErasureKey(_message.Message):
    __slots__ = ("key_id", "public_key", "pem")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    PEM_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    public_key: bytes
    pem: str
    def __init__(self, key_id: _Optional[str] = ..., public_key: _Optional[bytes] = ..., pem: _Optional[str] = ...) -> None: ...
