from google.rpc import error_details_pb2 as _error_details_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorDetails(_message.Message):
    __slots__ = ("error_info", "request_info", "nvme_status", "os_error", "bad_request", "precondition_failure", "retry_info", "help")
    ERROR_INFO_FIELD_NUMBER: _ClassVar[int]
    REQUEST_INFO_FIELD_NUMBER: _ClassVar[int]
    NVME_STATUS_FIELD_NUMBER: _ClassVar[int]
    OS_ERROR_FIELD_NUMBER: _ClassVar[int]
    BAD_REQUEST_FIELD_NUMBER: _ClassVar[int]
    PRECONDITION_FAILURE_FIELD_NUMBER: _ClassVar[int]
    RETRY_INFO_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    error_info: _error_details_pb2.ErrorInfo
    request_info: _error_details_pb2.RequestInfo
    nvme_status: NvmeStatus
    os_error: OsError
    bad_request: _error_details_pb2.BadRequest
    precondition_failure: _error_details_pb2.PreconditionFailure
    retry_info: _error_details_pb2.RetryInfo
    help: _error_details_pb2.Help
    def __init__(self, error_info: _Optional[_Union[_error_details_pb2.ErrorInfo, _Mapping[str, _Any]]] = ..., request_info: _Optional[_Union[_error_details_pb2.RequestInfo, _Mapping[str, _Any]]] = ..., nvme_status: _Optional[_Union[NvmeStatus, _Mapping[str, _Any]]] = ..., os_error: _Optional[_Union[OsError, _Mapping[str, _Any]]] = ..., bad_request: _Optional[_Union[_error_details_pb2.BadRequest, _Mapping[str, _Any]]] = ..., precondition_failure: _Optional[_Union[_error_details_pb2.PreconditionFailure, _Mapping[str, _Any]]] = ..., retry_info: _Optional[_Union[_error_details_pb2.RetryInfo, _Mapping[str, _Any]]] = ..., help: _Optional[_Union[_error_details_pb2.Help, _Mapping[str, _Any]]] = ...) -> None: ...

class NvmeStatus(_message.Message):
    __slots__ = ("status_code_type", "status_code", "do_not_retry", "more", "command_retry_delay", "raw_status", "result", "opcode", "nsid", "mnemonic")
    STATUS_CODE_TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    DO_NOT_RETRY_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_RETRY_DELAY_FIELD_NUMBER: _ClassVar[int]
    RAW_STATUS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    OPCODE_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    MNEMONIC_FIELD_NUMBER: _ClassVar[int]
    status_code_type: int
    status_code: int
    do_not_retry: bool
    more: bool
    command_retry_delay: int
    raw_status: int
    result: int
    opcode: int
    nsid: int
    mnemonic: str
    def __init__(self, status_code_type: _Optional[int] = ..., status_code: _Optional[int] = ..., do_not_retry: _Optional[bool] = ..., more: _Optional[bool] = ..., command_retry_delay: _Optional[int] = ..., raw_status: _Optional[int] = ..., result: _Optional[int] = ..., opcode: _Optional[int] = ..., nsid: _Optional[int] = ..., mnemonic: _Optional[str] = ...) -> None: ...

class OsError(_message.Message):
    __slots__ = ("errno", "symbol", "syscall", "path")
    ERRNO_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    SYSCALL_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    errno: int
    symbol: str
    syscall: str
    path: str
    def __init__(self, errno: _Optional[int] = ..., symbol: _Optional[str] = ..., syscall: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...
