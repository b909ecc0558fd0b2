from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from nvmed.v1 import log_pb2 as _log_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunSelfTestRequest(_message.Message):
    __slots__ = ("controller", "test", "nsid", "timeout_ms", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    test: _log_pb2.SelfTest
    nsid: int
    timeout_ms: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., test: _Optional[_Union[_log_pb2.SelfTest, str]] = ..., nsid: _Optional[int] = ..., timeout_ms: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class RunSelfTestResponse(_message.Message):
    __slots__ = ("controller", "test", "nsid", "expected_s", "result")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_S_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    controller: str
    test: _log_pb2.SelfTest
    nsid: int
    expected_s: int
    result: _log_pb2.SelfTestResult
    def __init__(self, controller: _Optional[str] = ..., test: _Optional[_Union[_log_pb2.SelfTest, str]] = ..., nsid: _Optional[int] = ..., expected_s: _Optional[int] = ..., result: _Optional[_Union[_log_pb2.SelfTestResult, _Mapping[str, _Any]]] = ...) -> None: ...
