import datetime

from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Gate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GATE_UNSPECIFIED: _ClassVar[Gate]
    GATE_SUPPORTED: _ClassVar[Gate]
    GATE_EXPECTED_MODEL: _ClassVar[Gate]
    GATE_EXPECTED_REVISION: _ClassVar[Gate]
    GATE_IMAGE: _ClassVar[Gate]
    GATE_GRANULARITY: _ClassVar[Gate]
    GATE_TRANSFER_SIZE: _ClassVar[Gate]
    GATE_SLOT_EXISTS: _ClassVar[Gate]
    GATE_SLOT_WRITABLE: _ClassVar[Gate]
    GATE_SLOT_CONTENT: _ClassVar[Gate]
    GATE_TRANSITION: _ClassVar[Gate]
    GATE_IMAGE_LISTED: _ClassVar[Gate]
    GATE_BOOT_DEVICE: _ClassVar[Gate]
    GATE_IN_USE: _ClassVar[Gate]
    GATE_SUBSYSTEM_BUSY: _ClassVar[Gate]
    GATE_LIVE_ACTIVATION: _ClassVar[Gate]
    GATE_DISRUPTION_ACKNOWLEDGED: _ClassVar[Gate]
    GATE_RISK_ACKNOWLEDGED: _ClassVar[Gate]
    GATE_ATTACHED_ELSEWHERE: _ClassVar[Gate]
    GATE_POWER: _ClassVar[Gate]
    GATE_SANITIZE_RUNNING: _ClassVar[Gate]
    GATE_SANITIZE_FAILURE_MODE: _ClassVar[Gate]
GATE_UNSPECIFIED: Gate
GATE_SUPPORTED: Gate
GATE_EXPECTED_MODEL: Gate
GATE_EXPECTED_REVISION: Gate
GATE_IMAGE: Gate
GATE_GRANULARITY: Gate
GATE_TRANSFER_SIZE: Gate
GATE_SLOT_EXISTS: Gate
GATE_SLOT_WRITABLE: Gate
GATE_SLOT_CONTENT: Gate
GATE_TRANSITION: Gate
GATE_IMAGE_LISTED: Gate
GATE_BOOT_DEVICE: Gate
GATE_IN_USE: Gate
GATE_SUBSYSTEM_BUSY: Gate
GATE_LIVE_ACTIVATION: Gate
GATE_DISRUPTION_ACKNOWLEDGED: Gate
GATE_RISK_ACKNOWLEDGED: Gate
GATE_ATTACHED_ELSEWHERE: Gate
GATE_POWER: Gate
GATE_SANITIZE_RUNNING: Gate
GATE_SANITIZE_FAILURE_MODE: Gate

class GateResult(_message.Message):
    __slots__ = ("controller", "gate", "state", "description")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[GateResult.State]
        STATE_HOLDS: _ClassVar[GateResult.State]
        STATE_OVERRIDDEN: _ClassVar[GateResult.State]
        STATE_NOT_APPLICABLE: _ClassVar[GateResult.State]
    STATE_UNSPECIFIED: GateResult.State
    STATE_HOLDS: GateResult.State
    STATE_OVERRIDDEN: GateResult.State
    STATE_NOT_APPLICABLE: GateResult.State
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    controller: str
    gate: Gate
    state: GateResult.State
    description: str
    def __init__(self, controller: _Optional[str] = ..., gate: _Optional[_Union[Gate, str]] = ..., state: _Optional[_Union[GateResult.State, str]] = ..., description: _Optional[str] = ...) -> None: ...

class OperationMetadata(_message.Message):
    __slots__ = ("method", "target", "principal", "request_id", "state", "phase", "bytes_done", "bytes_total", "bytes_per_second", "cancellable", "cancel_requested", "create_time", "update_time", "steps", "parts", "next_step", "percent_complete", "remaining_seconds")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[OperationMetadata.State]
        STATE_PENDING: _ClassVar[OperationMetadata.State]
        STATE_RUNNING: _ClassVar[OperationMetadata.State]
        STATE_SUCCEEDED: _ClassVar[OperationMetadata.State]
        STATE_FAILED: _ClassVar[OperationMetadata.State]
        STATE_CANCELLED: _ClassVar[OperationMetadata.State]
        STATE_SAFE_TO_RETRY: _ClassVar[OperationMetadata.State]
        STATE_NEEDS_ATTENTION: _ClassVar[OperationMetadata.State]
    STATE_UNSPECIFIED: OperationMetadata.State
    STATE_PENDING: OperationMetadata.State
    STATE_RUNNING: OperationMetadata.State
    STATE_SUCCEEDED: OperationMetadata.State
    STATE_FAILED: OperationMetadata.State
    STATE_CANCELLED: OperationMetadata.State
    STATE_SAFE_TO_RETRY: OperationMetadata.State
    STATE_NEEDS_ATTENTION: OperationMetadata.State
    class NextStep(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NEXT_STEP_UNSPECIFIED: _ClassVar[OperationMetadata.NextStep]
        NEXT_STEP_REQUEST_AGAIN: _ClassVar[OperationMetadata.NextStep]
        NEXT_STEP_CHECK_FIRMWARE: _ClassVar[OperationMetadata.NextStep]
        NEXT_STEP_RESET: _ClassVar[OperationMetadata.NextStep]
        NEXT_STEP_CHECK_NAMESPACES: _ClassVar[OperationMetadata.NextStep]
        NEXT_STEP_CHECK_KEYS: _ClassVar[OperationMetadata.NextStep]
        NEXT_STEP_CHECK_CONTROLLER: _ClassVar[OperationMetadata.NextStep]
    NEXT_STEP_UNSPECIFIED: OperationMetadata.NextStep
    NEXT_STEP_REQUEST_AGAIN: OperationMetadata.NextStep
    NEXT_STEP_CHECK_FIRMWARE: OperationMetadata.NextStep
    NEXT_STEP_RESET: OperationMetadata.NextStep
    NEXT_STEP_CHECK_NAMESPACES: OperationMetadata.NextStep
    NEXT_STEP_CHECK_KEYS: OperationMetadata.NextStep
    NEXT_STEP_CHECK_CONTROLLER: OperationMetadata.NextStep
    class Step(_message.Message):
        __slots__ = ("name", "detail", "intend_time", "settle_time", "outcome", "failure_reason", "failure_message")
        class DetailEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        class OutcomeEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        NAME_FIELD_NUMBER: _ClassVar[int]
        DETAIL_FIELD_NUMBER: _ClassVar[int]
        INTEND_TIME_FIELD_NUMBER: _ClassVar[int]
        SETTLE_TIME_FIELD_NUMBER: _ClassVar[int]
        OUTCOME_FIELD_NUMBER: _ClassVar[int]
        FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
        FAILURE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
        name: str
        detail: _containers.ScalarMap[str, str]
        intend_time: _timestamp_pb2.Timestamp
        settle_time: _timestamp_pb2.Timestamp
        outcome: _containers.ScalarMap[str, str]
        failure_reason: str
        failure_message: str
        def __init__(self, name: _Optional[str] = ..., detail: _Optional[_Mapping[str, str]] = ..., intend_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., settle_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., outcome: _Optional[_Mapping[str, str]] = ..., failure_reason: _Optional[str] = ..., failure_message: _Optional[str] = ...) -> None: ...
    class Part(_message.Message):
        __slots__ = ("operation", "target", "state", "phase", "bytes_done", "bytes_total", "failure_reason", "failure_message", "next_step")
        OPERATION_FIELD_NUMBER: _ClassVar[int]
        TARGET_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        PHASE_FIELD_NUMBER: _ClassVar[int]
        BYTES_DONE_FIELD_NUMBER: _ClassVar[int]
        BYTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
        FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
        FAILURE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
        NEXT_STEP_FIELD_NUMBER: _ClassVar[int]
        operation: str
        target: str
        state: OperationMetadata.State
        phase: str
        bytes_done: int
        bytes_total: int
        failure_reason: str
        failure_message: str
        next_step: OperationMetadata.NextStep
        def __init__(self, operation: _Optional[str] = ..., target: _Optional[str] = ..., state: _Optional[_Union[OperationMetadata.State, str]] = ..., phase: _Optional[str] = ..., bytes_done: _Optional[int] = ..., bytes_total: _Optional[int] = ..., failure_reason: _Optional[str] = ..., failure_message: _Optional[str] = ..., next_step: _Optional[_Union[OperationMetadata.NextStep, str]] = ...) -> None: ...
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    BYTES_DONE_FIELD_NUMBER: _ClassVar[int]
    BYTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    CANCELLABLE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEP_FIELD_NUMBER: _ClassVar[int]
    PERCENT_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    REMAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    method: str
    target: str
    principal: str
    request_id: str
    state: OperationMetadata.State
    phase: str
    bytes_done: int
    bytes_total: int
    bytes_per_second: int
    cancellable: bool
    cancel_requested: bool
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    steps: _containers.RepeatedCompositeFieldContainer[OperationMetadata.Step]
    parts: _containers.RepeatedCompositeFieldContainer[OperationMetadata.Part]
    next_step: OperationMetadata.NextStep
    percent_complete: float
    remaining_seconds: int
    def __init__(self, method: _Optional[str] = ..., target: _Optional[str] = ..., principal: _Optional[str] = ..., request_id: _Optional[str] = ..., state: _Optional[_Union[OperationMetadata.State, str]] = ..., phase: _Optional[str] = ..., bytes_done: _Optional[int] = ..., bytes_total: _Optional[int] = ..., bytes_per_second: _Optional[int] = ..., cancellable: _Optional[bool] = ..., cancel_requested: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., steps: _Optional[_Iterable[_Union[OperationMetadata.Step, _Mapping[str, _Any]]]] = ..., parts: _Optional[_Iterable[_Union[OperationMetadata.Part, _Mapping[str, _Any]]]] = ..., next_step: _Optional[_Union[OperationMetadata.NextStep, str]] = ..., percent_complete: _Optional[float] = ..., remaining_seconds: _Optional[int] = ...) -> None: ...
