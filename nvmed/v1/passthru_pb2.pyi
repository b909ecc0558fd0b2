from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PassthruQueue(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PASSTHRU_QUEUE_UNSPECIFIED: _ClassVar[PassthruQueue]
    PASSTHRU_QUEUE_ADMIN: _ClassVar[PassthruQueue]
    PASSTHRU_QUEUE_IO: _ClassVar[PassthruQueue]
PASSTHRU_QUEUE_UNSPECIFIED: PassthruQueue
PASSTHRU_QUEUE_ADMIN: PassthruQueue
PASSTHRU_QUEUE_IO: PassthruQueue

class PassthruCommand(_message.Message):
    __slots__ = ("opcode", "nsid", "cdw2", "cdw3", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15", "timeout_ms", "data", "read_bytes", "metadata", "read_metadata_bytes")
    OPCODE_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    CDW2_FIELD_NUMBER: _ClassVar[int]
    CDW3_FIELD_NUMBER: _ClassVar[int]
    CDW10_FIELD_NUMBER: _ClassVar[int]
    CDW11_FIELD_NUMBER: _ClassVar[int]
    CDW12_FIELD_NUMBER: _ClassVar[int]
    CDW13_FIELD_NUMBER: _ClassVar[int]
    CDW14_FIELD_NUMBER: _ClassVar[int]
    CDW15_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    READ_METADATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    opcode: int
    nsid: int
    cdw2: int
    cdw3: int
    cdw10: int
    cdw11: int
    cdw12: int
    cdw13: int
    cdw14: int
    cdw15: int
    timeout_ms: int
    data: bytes
    read_bytes: int
    metadata: bytes
    read_metadata_bytes: int
    def __init__(self, opcode: _Optional[int] = ..., nsid: _Optional[int] = ..., cdw2: _Optional[int] = ..., cdw3: _Optional[int] = ..., cdw10: _Optional[int] = ..., cdw11: _Optional[int] = ..., cdw12: _Optional[int] = ..., cdw13: _Optional[int] = ..., cdw14: _Optional[int] = ..., cdw15: _Optional[int] = ..., timeout_ms: _Optional[int] = ..., data: _Optional[bytes] = ..., read_bytes: _Optional[int] = ..., metadata: _Optional[bytes] = ..., read_metadata_bytes: _Optional[int] = ...) -> None: ...

class ExecuteAdminRequest(_message.Message):
    __slots__ = ("controller", "command", "acknowledge_destructive", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DESTRUCTIVE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    command: PassthruCommand
    acknowledge_destructive: bool
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., command: _Optional[_Union[PassthruCommand, _Mapping[str, _Any]]] = ..., acknowledge_destructive: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class ExecuteAdminResponse(_message.Message):
    __slots__ = ("controller", "result", "data", "metadata", "rule", "changes_state")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_STATE_FIELD_NUMBER: _ClassVar[int]
    controller: str
    result: int
    data: bytes
    metadata: bytes
    rule: str
    changes_state: bool
    def __init__(self, controller: _Optional[str] = ..., result: _Optional[int] = ..., data: _Optional[bytes] = ..., metadata: _Optional[bytes] = ..., rule: _Optional[str] = ..., changes_state: _Optional[bool] = ...) -> None: ...

class ExecuteIoRequest(_message.Message):
    __slots__ = ("namespace", "command", "acknowledge_destructive", "validate_only", "request_id")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DESTRUCTIVE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    command: PassthruCommand
    acknowledge_destructive: bool
    validate_only: bool
    request_id: str
    def __init__(self, namespace: _Optional[str] = ..., command: _Optional[_Union[PassthruCommand, _Mapping[str, _Any]]] = ..., acknowledge_destructive: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class ExecuteIoResponse(_message.Message):
    __slots__ = ("namespace", "result", "data", "metadata", "rule", "changes_state")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_STATE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    result: int
    data: bytes
    metadata: bytes
    rule: str
    changes_state: bool
    def __init__(self, namespace: _Optional[str] = ..., result: _Optional[int] = ..., data: _Optional[bytes] = ..., metadata: _Optional[bytes] = ..., rule: _Optional[str] = ..., changes_state: _Optional[bool] = ...) -> None: ...

class TestPassthruRequest(_message.Message):
    __slots__ = ("queue", "resource", "command")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    queue: PassthruQueue
    resource: str
    command: PassthruCommand
    def __init__(self, queue: _Optional[_Union[PassthruQueue, str]] = ..., resource: _Optional[str] = ..., command: _Optional[_Union[PassthruCommand, _Mapping[str, _Any]]] = ...) -> None: ...

class TestPassthruResponse(_message.Message):
    __slots__ = ("allowed", "rule", "description", "changes_state", "needs_acknowledgement")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_STATE_FIELD_NUMBER: _ClassVar[int]
    NEEDS_ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    rule: str
    description: str
    changes_state: bool
    needs_acknowledgement: bool
    def __init__(self, allowed: _Optional[bool] = ..., rule: _Optional[str] = ..., description: _Optional[str] = ..., changes_state: _Optional[bool] = ..., needs_acknowledgement: _Optional[bool] = ...) -> None: ...
