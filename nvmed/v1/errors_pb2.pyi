from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

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
