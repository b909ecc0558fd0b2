import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import common_pb2 as _common_pb2
from nvmed.v1 import log_pages_pb2 as _log_pages_pb2
from nvmed.v1 import ocp_pb2 as _ocp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnaState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANA_STATE_UNSPECIFIED: _ClassVar[AnaState]
    ANA_STATE_OPTIMIZED: _ClassVar[AnaState]
    ANA_STATE_NON_OPTIMIZED: _ClassVar[AnaState]
    ANA_STATE_INACCESSIBLE: _ClassVar[AnaState]
    ANA_STATE_PERSISTENT_LOSS: _ClassVar[AnaState]
    ANA_STATE_CHANGE: _ClassVar[AnaState]

class SelfTest(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SELF_TEST_UNSPECIFIED: _ClassVar[SelfTest]
    SELF_TEST_SHORT: _ClassVar[SelfTest]
    SELF_TEST_EXTENDED: _ClassVar[SelfTest]
    SELF_TEST_HOST_INITIATED_REFRESH: _ClassVar[SelfTest]
    SELF_TEST_VENDOR_SPECIFIC: _ClassVar[SelfTest]
    SELF_TEST_ABORT: _ClassVar[SelfTest]
ANA_STATE_UNSPECIFIED: AnaState
ANA_STATE_OPTIMIZED: AnaState
ANA_STATE_NON_OPTIMIZED: AnaState
ANA_STATE_INACCESSIBLE: AnaState
ANA_STATE_PERSISTENT_LOSS: AnaState
ANA_STATE_CHANGE: AnaState
SELF_TEST_UNSPECIFIED: SelfTest
SELF_TEST_SHORT: SelfTest
SELF_TEST_EXTENDED: SelfTest
SELF_TEST_HOST_INITIATED_REFRESH: SelfTest
SELF_TEST_VENDOR_SPECIFIC: SelfTest
SELF_TEST_ABORT: SelfTest

class GetAnaLogSizeRequest(_message.Message):
    __slots__ = ("controller", "identify_controller", "groups_only")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    IDENTIFY_CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_ONLY_FIELD_NUMBER: _ClassVar[int]
    controller: str
    identify_controller: bytes
    groups_only: bool
    def __init__(self, controller: _Optional[str] = ..., identify_controller: _Optional[bytes] = ..., groups_only: _Optional[bool] = ...) -> None: ...

class AnaLogSize(_message.Message):
    __slots__ = ("controller", "size_bytes", "group_count", "namespaces_max", "groups_only", "supported")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    GROUP_COUNT_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_MAX_FIELD_NUMBER: _ClassVar[int]
    GROUPS_ONLY_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_FIELD_NUMBER: _ClassVar[int]
    controller: str
    size_bytes: int
    group_count: int
    namespaces_max: int
    groups_only: bool
    supported: bool
    def __init__(self, controller: _Optional[str] = ..., size_bytes: _Optional[int] = ..., group_count: _Optional[int] = ..., namespaces_max: _Optional[int] = ..., groups_only: _Optional[bool] = ..., supported: _Optional[bool] = ...) -> None: ...

class GetAnaLogRequest(_message.Message):
    __slots__ = ("controller", "groups_only", "retain_async_event", "include_raw", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_ONLY_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    groups_only: bool
    retain_async_event: bool
    include_raw: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., groups_only: _Optional[bool] = ..., retain_async_event: _Optional[bool] = ..., include_raw: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class AnaLog(_message.Message):
    __slots__ = ("controller", "change_count", "groups", "async_event_retained", "raw", "omissions")
    class Group(_message.Message):
        __slots__ = ("group_id", "change_count", "state", "nsids")
        GROUP_ID_FIELD_NUMBER: _ClassVar[int]
        CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        NSIDS_FIELD_NUMBER: _ClassVar[int]
        group_id: int
        change_count: int
        state: AnaState
        nsids: _containers.RepeatedScalarFieldContainer[int]
        def __init__(self, group_id: _Optional[int] = ..., change_count: _Optional[int] = ..., state: _Optional[_Union[AnaState, str]] = ..., nsids: _Optional[_Iterable[int]] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    change_count: int
    groups: _containers.RepeatedCompositeFieldContainer[AnaLog.Group]
    async_event_retained: bool
    raw: bytes
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., change_count: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[AnaLog.Group, _Mapping[str, _Any]]]] = ..., async_event_retained: _Optional[bool] = ..., raw: _Optional[bytes] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class GetLbaStatusLogRequest(_message.Message):
    __slots__ = ("controller", "retain_async_event", "include_raw", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    retain_async_event: bool
    include_raw: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., retain_async_event: _Optional[bool] = ..., include_raw: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class LbaStatusLog(_message.Message):
    __slots__ = ("controller", "size_bytes", "generation", "estimated_unrecoverable_blocks", "elements", "async_event_retained", "raw", "omissions")
    class Range(_message.Message):
        __slots__ = ("start_lba", "block_count")
        START_LBA_FIELD_NUMBER: _ClassVar[int]
        BLOCK_COUNT_FIELD_NUMBER: _ClassVar[int]
        start_lba: int
        block_count: int
        def __init__(self, start_lba: _Optional[int] = ..., block_count: _Optional[int] = ...) -> None: ...
    class Element(_message.Message):
        __slots__ = ("nsid", "recommended_action", "whole_namespace", "ranges")
        NSID_FIELD_NUMBER: _ClassVar[int]
        RECOMMENDED_ACTION_FIELD_NUMBER: _ClassVar[int]
        WHOLE_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
        RANGES_FIELD_NUMBER: _ClassVar[int]
        nsid: int
        recommended_action: int
        whole_namespace: bool
        ranges: _containers.RepeatedCompositeFieldContainer[LbaStatusLog.Range]
        def __init__(self, nsid: _Optional[int] = ..., recommended_action: _Optional[int] = ..., whole_namespace: _Optional[bool] = ..., ranges: _Optional[_Iterable[_Union[LbaStatusLog.Range, _Mapping[str, _Any]]]] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_UNRECOVERABLE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    size_bytes: int
    generation: int
    estimated_unrecoverable_blocks: int
    elements: _containers.RepeatedCompositeFieldContainer[LbaStatusLog.Element]
    async_event_retained: bool
    raw: bytes
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., size_bytes: _Optional[int] = ..., generation: _Optional[int] = ..., estimated_unrecoverable_blocks: _Optional[int] = ..., elements: _Optional[_Iterable[_Union[LbaStatusLog.Element, _Mapping[str, _Any]]]] = ..., async_event_retained: _Optional[bool] = ..., raw: _Optional[bytes] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class GetSmartLogRequest(_message.Message):
    __slots__ = ("controller", "nsid", "retain_async_event", "include_raw", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    retain_async_event: bool
    include_raw: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., retain_async_event: _Optional[bool] = ..., include_raw: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class SmartLog(_message.Message):
    __slots__ = ("controller", "nsid", "critical_warnings", "temperature_celsius", "available_spare_percent", "available_spare_threshold_percent", "percentage_used", "endurance_group_warning_bits", "data_units_read", "data_units_written", "bytes_read", "bytes_written", "host_read_commands", "host_write_commands", "controller_busy_minutes", "power_cycles", "power_on_hours", "unsafe_shutdowns", "media_errors", "error_log_entries", "warning_temperature_minutes", "critical_temperature_minutes", "temperature_sensors", "thermal_management_1_transitions", "thermal_management_2_transitions", "thermal_management_1_seconds", "thermal_management_2_seconds", "async_event_retained", "raw")
    class CriticalWarning(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CRITICAL_WARNING_UNSPECIFIED: _ClassVar[SmartLog.CriticalWarning]
        CRITICAL_WARNING_SPARE_BELOW_THRESHOLD: _ClassVar[SmartLog.CriticalWarning]
        CRITICAL_WARNING_TEMPERATURE: _ClassVar[SmartLog.CriticalWarning]
        CRITICAL_WARNING_RELIABILITY_DEGRADED: _ClassVar[SmartLog.CriticalWarning]
        CRITICAL_WARNING_READ_ONLY: _ClassVar[SmartLog.CriticalWarning]
        CRITICAL_WARNING_VOLATILE_MEMORY_BACKUP_FAILED: _ClassVar[SmartLog.CriticalWarning]
        CRITICAL_WARNING_PERSISTENT_MEMORY_READ_ONLY: _ClassVar[SmartLog.CriticalWarning]
    CRITICAL_WARNING_UNSPECIFIED: SmartLog.CriticalWarning
    CRITICAL_WARNING_SPARE_BELOW_THRESHOLD: SmartLog.CriticalWarning
    CRITICAL_WARNING_TEMPERATURE: SmartLog.CriticalWarning
    CRITICAL_WARNING_RELIABILITY_DEGRADED: SmartLog.CriticalWarning
    CRITICAL_WARNING_READ_ONLY: SmartLog.CriticalWarning
    CRITICAL_WARNING_VOLATILE_MEMORY_BACKUP_FAILED: SmartLog.CriticalWarning
    CRITICAL_WARNING_PERSISTENT_MEMORY_READ_ONLY: SmartLog.CriticalWarning
    class TemperatureSensor(_message.Message):
        __slots__ = ("number", "temperature_celsius")
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        TEMPERATURE_CELSIUS_FIELD_NUMBER: _ClassVar[int]
        number: int
        temperature_celsius: int
        def __init__(self, number: _Optional[int] = ..., temperature_celsius: _Optional[int] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_WARNINGS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_CELSIUS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_SPARE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_SPARE_THRESHOLD_PERCENT_FIELD_NUMBER: _ClassVar[int]
    PERCENTAGE_USED_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_GROUP_WARNING_BITS_FIELD_NUMBER: _ClassVar[int]
    DATA_UNITS_READ_FIELD_NUMBER: _ClassVar[int]
    DATA_UNITS_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    BYTES_READ_FIELD_NUMBER: _ClassVar[int]
    BYTES_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    HOST_READ_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    HOST_WRITE_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_BUSY_MINUTES_FIELD_NUMBER: _ClassVar[int]
    POWER_CYCLES_FIELD_NUMBER: _ClassVar[int]
    POWER_ON_HOURS_FIELD_NUMBER: _ClassVar[int]
    UNSAFE_SHUTDOWNS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ERRORS_FIELD_NUMBER: _ClassVar[int]
    ERROR_LOG_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    WARNING_TEMPERATURE_MINUTES_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_TEMPERATURE_MINUTES_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_SENSORS_FIELD_NUMBER: _ClassVar[int]
    THERMAL_MANAGEMENT_1_TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    THERMAL_MANAGEMENT_2_TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    THERMAL_MANAGEMENT_1_SECONDS_FIELD_NUMBER: _ClassVar[int]
    THERMAL_MANAGEMENT_2_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    critical_warnings: _containers.RepeatedScalarFieldContainer[SmartLog.CriticalWarning]
    temperature_celsius: int
    available_spare_percent: int
    available_spare_threshold_percent: int
    percentage_used: int
    endurance_group_warning_bits: int
    data_units_read: int
    data_units_written: int
    bytes_read: int
    bytes_written: int
    host_read_commands: int
    host_write_commands: int
    controller_busy_minutes: int
    power_cycles: int
    power_on_hours: int
    unsafe_shutdowns: int
    media_errors: int
    error_log_entries: int
    warning_temperature_minutes: int
    critical_temperature_minutes: int
    temperature_sensors: _containers.RepeatedCompositeFieldContainer[SmartLog.TemperatureSensor]
    thermal_management_1_transitions: int
    thermal_management_2_transitions: int
    thermal_management_1_seconds: int
    thermal_management_2_seconds: int
    async_event_retained: bool
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., critical_warnings: _Optional[_Iterable[_Union[SmartLog.CriticalWarning, str]]] = ..., temperature_celsius: _Optional[int] = ..., available_spare_percent: _Optional[int] = ..., available_spare_threshold_percent: _Optional[int] = ..., percentage_used: _Optional[int] = ..., endurance_group_warning_bits: _Optional[int] = ..., data_units_read: _Optional[int] = ..., data_units_written: _Optional[int] = ..., bytes_read: _Optional[int] = ..., bytes_written: _Optional[int] = ..., host_read_commands: _Optional[int] = ..., host_write_commands: _Optional[int] = ..., controller_busy_minutes: _Optional[int] = ..., power_cycles: _Optional[int] = ..., power_on_hours: _Optional[int] = ..., unsafe_shutdowns: _Optional[int] = ..., media_errors: _Optional[int] = ..., error_log_entries: _Optional[int] = ..., warning_temperature_minutes: _Optional[int] = ..., critical_temperature_minutes: _Optional[int] = ..., temperature_sensors: _Optional[_Iterable[_Union[SmartLog.TemperatureSensor, _Mapping[str, _Any]]]] = ..., thermal_management_1_transitions: _Optional[int] = ..., thermal_management_2_transitions: _Optional[int] = ..., thermal_management_1_seconds: _Optional[int] = ..., thermal_management_2_seconds: _Optional[int] = ..., async_event_retained: _Optional[bool] = ..., raw: _Optional[bytes] = ...) -> None: ...

class ListErrorLogEntriesRequest(_message.Message):
    __slots__ = ("controller", "entries_max", "retain_async_event", "include_raw", "request_id", "page_size", "page_token", "filter", "order_by")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_MAX_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    controller: str
    entries_max: int
    retain_async_event: bool
    include_raw: bool
    request_id: str
    page_size: int
    page_token: str
    filter: str
    order_by: str
    def __init__(self, controller: _Optional[str] = ..., entries_max: _Optional[int] = ..., retain_async_event: _Optional[bool] = ..., include_raw: _Optional[bool] = ..., request_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListErrorLogEntriesResponse(_message.Message):
    __slots__ = ("controller", "error_log_entries", "capacity", "async_event_retained", "raw", "omissions", "next_page_token")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ERROR_LOG_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    controller: str
    error_log_entries: _containers.RepeatedCompositeFieldContainer[ErrorLogEntry]
    capacity: int
    async_event_retained: bool
    raw: bytes
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    next_page_token: str
    def __init__(self, controller: _Optional[str] = ..., error_log_entries: _Optional[_Iterable[_Union[ErrorLogEntry, _Mapping[str, _Any]]]] = ..., capacity: _Optional[int] = ..., async_event_retained: _Optional[bool] = ..., raw: _Optional[bytes] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ErrorLogEntry(_message.Message):
    __slots__ = ("error_count", "submission_queue_id", "command_id", "raw_status", "status_mnemonic", "location", "lba", "nsid", "vendor_log_page", "opcode", "command_set", "transport_type", "command_specific", "transport_specific", "entry_version")
    class Location(_message.Message):
        __slots__ = ("byte", "bit")
        BYTE_FIELD_NUMBER: _ClassVar[int]
        BIT_FIELD_NUMBER: _ClassVar[int]
        byte: int
        bit: int
        def __init__(self, byte: _Optional[int] = ..., bit: _Optional[int] = ...) -> None: ...
    ERROR_COUNT_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    RAW_STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_MNEMONIC_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    LBA_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    VENDOR_LOG_PAGE_FIELD_NUMBER: _ClassVar[int]
    OPCODE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_SET_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_TYPE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_SPECIFIC_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_SPECIFIC_FIELD_NUMBER: _ClassVar[int]
    ENTRY_VERSION_FIELD_NUMBER: _ClassVar[int]
    error_count: int
    submission_queue_id: int
    command_id: int
    raw_status: int
    status_mnemonic: str
    location: ErrorLogEntry.Location
    lba: int
    nsid: int
    vendor_log_page: int
    opcode: int
    command_set: int
    transport_type: int
    command_specific: int
    transport_specific: int
    entry_version: int
    def __init__(self, error_count: _Optional[int] = ..., submission_queue_id: _Optional[int] = ..., command_id: _Optional[int] = ..., raw_status: _Optional[int] = ..., status_mnemonic: _Optional[str] = ..., location: _Optional[_Union[ErrorLogEntry.Location, _Mapping[str, _Any]]] = ..., lba: _Optional[int] = ..., nsid: _Optional[int] = ..., vendor_log_page: _Optional[int] = ..., opcode: _Optional[int] = ..., command_set: _Optional[int] = ..., transport_type: _Optional[int] = ..., command_specific: _Optional[int] = ..., transport_specific: _Optional[int] = ..., entry_version: _Optional[int] = ...) -> None: ...

class GetEffectsLogRequest(_message.Message):
    __slots__ = ("controller", "command_set", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    COMMAND_SET_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    command_set: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., command_set: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class CommandEffects(_message.Message):
    __slots__ = ("opcode", "command", "changes_data", "changes_namespace", "changes_inventory", "changes_controller", "submission", "selects_uuid", "scopes")
    class Submission(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SUBMISSION_UNSPECIFIED: _ClassVar[CommandEffects.Submission]
        SUBMISSION_ALONE_IN_NAMESPACE: _ClassVar[CommandEffects.Submission]
        SUBMISSION_ALONE: _ClassVar[CommandEffects.Submission]
        SUBMISSION_PROHIBITED: _ClassVar[CommandEffects.Submission]
    SUBMISSION_UNSPECIFIED: CommandEffects.Submission
    SUBMISSION_ALONE_IN_NAMESPACE: CommandEffects.Submission
    SUBMISSION_ALONE: CommandEffects.Submission
    SUBMISSION_PROHIBITED: CommandEffects.Submission
    class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SCOPE_UNSPECIFIED: _ClassVar[CommandEffects.Scope]
        SCOPE_NAMESPACE: _ClassVar[CommandEffects.Scope]
        SCOPE_CONTROLLER: _ClassVar[CommandEffects.Scope]
        SCOPE_NVM_SET: _ClassVar[CommandEffects.Scope]
        SCOPE_ENDURANCE_GROUP: _ClassVar[CommandEffects.Scope]
        SCOPE_DOMAIN: _ClassVar[CommandEffects.Scope]
        SCOPE_SUBSYSTEM: _ClassVar[CommandEffects.Scope]
    SCOPE_UNSPECIFIED: CommandEffects.Scope
    SCOPE_NAMESPACE: CommandEffects.Scope
    SCOPE_CONTROLLER: CommandEffects.Scope
    SCOPE_NVM_SET: CommandEffects.Scope
    SCOPE_ENDURANCE_GROUP: CommandEffects.Scope
    SCOPE_DOMAIN: CommandEffects.Scope
    SCOPE_SUBSYSTEM: CommandEffects.Scope
    OPCODE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    CHANGES_DATA_FIELD_NUMBER: _ClassVar[int]
    CHANGES_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_INVENTORY_FIELD_NUMBER: _ClassVar[int]
    CHANGES_CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    SELECTS_UUID_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    opcode: int
    command: str
    changes_data: bool
    changes_namespace: bool
    changes_inventory: bool
    changes_controller: bool
    submission: CommandEffects.Submission
    selects_uuid: bool
    scopes: _containers.RepeatedScalarFieldContainer[CommandEffects.Scope]
    def __init__(self, opcode: _Optional[int] = ..., command: _Optional[str] = ..., changes_data: _Optional[bool] = ..., changes_namespace: _Optional[bool] = ..., changes_inventory: _Optional[bool] = ..., changes_controller: _Optional[bool] = ..., submission: _Optional[_Union[CommandEffects.Submission, str]] = ..., selects_uuid: _Optional[bool] = ..., scopes: _Optional[_Iterable[_Union[CommandEffects.Scope, str]]] = ...) -> None: ...

class EffectsLog(_message.Message):
    __slots__ = ("controller", "admin_commands", "io_commands", "raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ADMIN_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    IO_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    admin_commands: _containers.RepeatedCompositeFieldContainer[CommandEffects]
    io_commands: _containers.RepeatedCompositeFieldContainer[CommandEffects]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., admin_commands: _Optional[_Iterable[_Union[CommandEffects, _Mapping[str, _Any]]]] = ..., io_commands: _Optional[_Iterable[_Union[CommandEffects, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetSelfTestLogRequest(_message.Message):
    __slots__ = ("controller", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class SelfTestResult(_message.Message):
    __slots__ = ("test", "outcome", "segment", "power_on_hours", "nsid", "failing_lba", "raw_status", "vendor_specific")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_PASSED: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_ABORTED_BY_COMMAND: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_ABORTED_BY_RESET: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_ABORTED_BY_NAMESPACE_REMOVAL: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_ABORTED_BY_FORMAT: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_FATAL_ERROR: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_FAILED_UNKNOWN_SEGMENT: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_FAILED_SEGMENT: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_ABORTED_UNKNOWN: _ClassVar[SelfTestResult.Outcome]
        OUTCOME_ABORTED_BY_SANITIZE: _ClassVar[SelfTestResult.Outcome]
    OUTCOME_UNSPECIFIED: SelfTestResult.Outcome
    OUTCOME_PASSED: SelfTestResult.Outcome
    OUTCOME_ABORTED_BY_COMMAND: SelfTestResult.Outcome
    OUTCOME_ABORTED_BY_RESET: SelfTestResult.Outcome
    OUTCOME_ABORTED_BY_NAMESPACE_REMOVAL: SelfTestResult.Outcome
    OUTCOME_ABORTED_BY_FORMAT: SelfTestResult.Outcome
    OUTCOME_FATAL_ERROR: SelfTestResult.Outcome
    OUTCOME_FAILED_UNKNOWN_SEGMENT: SelfTestResult.Outcome
    OUTCOME_FAILED_SEGMENT: SelfTestResult.Outcome
    OUTCOME_ABORTED_UNKNOWN: SelfTestResult.Outcome
    OUTCOME_ABORTED_BY_SANITIZE: SelfTestResult.Outcome
    TEST_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    POWER_ON_HOURS_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    FAILING_LBA_FIELD_NUMBER: _ClassVar[int]
    RAW_STATUS_FIELD_NUMBER: _ClassVar[int]
    VENDOR_SPECIFIC_FIELD_NUMBER: _ClassVar[int]
    test: SelfTest
    outcome: SelfTestResult.Outcome
    segment: int
    power_on_hours: int
    nsid: int
    failing_lba: int
    raw_status: int
    vendor_specific: bytes
    def __init__(self, test: _Optional[_Union[SelfTest, str]] = ..., outcome: _Optional[_Union[SelfTestResult.Outcome, str]] = ..., segment: _Optional[int] = ..., power_on_hours: _Optional[int] = ..., nsid: _Optional[int] = ..., failing_lba: _Optional[int] = ..., raw_status: _Optional[int] = ..., vendor_specific: _Optional[bytes] = ...) -> None: ...

class SelfTestLog(_message.Message):
    __slots__ = ("controller", "running", "percent_complete", "results", "raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    PERCENT_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    running: SelfTest
    percent_complete: int
    results: _containers.RepeatedCompositeFieldContainer[SelfTestResult]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., running: _Optional[_Union[SelfTest, str]] = ..., percent_complete: _Optional[int] = ..., results: _Optional[_Iterable[_Union[SelfTestResult, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...

class StartSelfTestRequest(_message.Message):
    __slots__ = ("controller", "test", "nsid", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    test: SelfTest
    nsid: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., test: _Optional[_Union[SelfTest, str]] = ..., nsid: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class StartSelfTestResponse(_message.Message):
    __slots__ = ("controller", "test", "expected_minutes")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_MINUTES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    test: SelfTest
    expected_minutes: int
    def __init__(self, controller: _Optional[str] = ..., test: _Optional[_Union[SelfTest, str]] = ..., expected_minutes: _Optional[int] = ...) -> None: ...

class GetSanitizeStatusRequest(_message.Message):
    __slots__ = ("controller", "retain_async_event", "include_raw", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    retain_async_event: bool
    include_raw: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., retain_async_event: _Optional[bool] = ..., include_raw: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class SanitizeStatus(_message.Message):
    __slots__ = ("controller", "state", "fraction_complete", "overwrite_passes", "global_data_erased", "command_dword_10", "overwrite_seconds", "block_erase_seconds", "crypto_erase_seconds", "overwrite_no_deallocate_seconds", "block_erase_no_deallocate_seconds", "crypto_erase_no_deallocate_seconds", "async_event_retained", "raw", "phase", "failed_in", "media_verification_canceled", "post_verification_deallocation_seconds")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[SanitizeStatus.State]
        STATE_NEVER_SANITIZED: _ClassVar[SanitizeStatus.State]
        STATE_COMPLETED: _ClassVar[SanitizeStatus.State]
        STATE_IN_PROGRESS: _ClassVar[SanitizeStatus.State]
        STATE_FAILED: _ClassVar[SanitizeStatus.State]
        STATE_COMPLETED_UNEXPECTED_DEALLOCATE: _ClassVar[SanitizeStatus.State]
    STATE_UNSPECIFIED: SanitizeStatus.State
    STATE_NEVER_SANITIZED: SanitizeStatus.State
    STATE_COMPLETED: SanitizeStatus.State
    STATE_IN_PROGRESS: SanitizeStatus.State
    STATE_FAILED: SanitizeStatus.State
    STATE_COMPLETED_UNEXPECTED_DEALLOCATE: SanitizeStatus.State
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PHASE_UNSPECIFIED: _ClassVar[SanitizeStatus.Phase]
        PHASE_RESTRICTED_PROCESSING: _ClassVar[SanitizeStatus.Phase]
        PHASE_RESTRICTED_FAILURE: _ClassVar[SanitizeStatus.Phase]
        PHASE_UNRESTRICTED_PROCESSING: _ClassVar[SanitizeStatus.Phase]
        PHASE_UNRESTRICTED_FAILURE: _ClassVar[SanitizeStatus.Phase]
        PHASE_MEDIA_VERIFICATION: _ClassVar[SanitizeStatus.Phase]
        PHASE_POST_VERIFICATION_DEALLOCATION: _ClassVar[SanitizeStatus.Phase]
    PHASE_UNSPECIFIED: SanitizeStatus.Phase
    PHASE_RESTRICTED_PROCESSING: SanitizeStatus.Phase
    PHASE_RESTRICTED_FAILURE: SanitizeStatus.Phase
    PHASE_UNRESTRICTED_PROCESSING: SanitizeStatus.Phase
    PHASE_UNRESTRICTED_FAILURE: SanitizeStatus.Phase
    PHASE_MEDIA_VERIFICATION: SanitizeStatus.Phase
    PHASE_POST_VERIFICATION_DEALLOCATION: SanitizeStatus.Phase
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_PASSES_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_DATA_ERASED_FIELD_NUMBER: _ClassVar[int]
    COMMAND_DWORD_10_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ERASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CRYPTO_ERASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_NO_DEALLOCATE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ERASE_NO_DEALLOCATE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CRYPTO_ERASE_NO_DEALLOCATE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    FAILED_IN_FIELD_NUMBER: _ClassVar[int]
    MEDIA_VERIFICATION_CANCELED_FIELD_NUMBER: _ClassVar[int]
    POST_VERIFICATION_DEALLOCATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    state: SanitizeStatus.State
    fraction_complete: float
    overwrite_passes: int
    global_data_erased: bool
    command_dword_10: int
    overwrite_seconds: int
    block_erase_seconds: int
    crypto_erase_seconds: int
    overwrite_no_deallocate_seconds: int
    block_erase_no_deallocate_seconds: int
    crypto_erase_no_deallocate_seconds: int
    async_event_retained: bool
    raw: bytes
    phase: SanitizeStatus.Phase
    failed_in: SanitizeStatus.Phase
    media_verification_canceled: bool
    post_verification_deallocation_seconds: int
    def __init__(self, controller: _Optional[str] = ..., state: _Optional[_Union[SanitizeStatus.State, str]] = ..., fraction_complete: _Optional[float] = ..., overwrite_passes: _Optional[int] = ..., global_data_erased: _Optional[bool] = ..., command_dword_10: _Optional[int] = ..., overwrite_seconds: _Optional[int] = ..., block_erase_seconds: _Optional[int] = ..., crypto_erase_seconds: _Optional[int] = ..., overwrite_no_deallocate_seconds: _Optional[int] = ..., block_erase_no_deallocate_seconds: _Optional[int] = ..., crypto_erase_no_deallocate_seconds: _Optional[int] = ..., async_event_retained: _Optional[bool] = ..., raw: _Optional[bytes] = ..., phase: _Optional[_Union[SanitizeStatus.Phase, str]] = ..., failed_in: _Optional[_Union[SanitizeStatus.Phase, str]] = ..., media_verification_canceled: _Optional[bool] = ..., post_verification_deallocation_seconds: _Optional[int] = ...) -> None: ...

class GetPersistentEventLogRequest(_message.Message):
    __slots__ = ("controller", "events_max", "take_over_context", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    EVENTS_MAX_FIELD_NUMBER: _ClassVar[int]
    TAKE_OVER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    events_max: int
    take_over_context: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., events_max: _Optional[int] = ..., take_over_context: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class PersistentEvent(_message.Message):
    __slots__ = ("type", "raw_type", "revision", "controller_id", "timestamp_ms", "event_time", "port_id", "vendor_specific", "data", "smart", "firmware_commit", "timestamp_change", "power_on_or_reset", "hardware_error_code", "namespace_change", "format_start", "format_completion", "sanitize_start", "sanitize_completion", "feature_change", "telemetry_capture", "thermal_excursion", "personality_change", "vendor_event")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TYPE_UNSPECIFIED: _ClassVar[PersistentEvent.Type]
        TYPE_SMART_HEALTH_SNAPSHOT: _ClassVar[PersistentEvent.Type]
        TYPE_FIRMWARE_COMMIT: _ClassVar[PersistentEvent.Type]
        TYPE_TIMESTAMP_CHANGE: _ClassVar[PersistentEvent.Type]
        TYPE_POWER_ON_OR_RESET: _ClassVar[PersistentEvent.Type]
        TYPE_NVM_SUBSYSTEM_HARDWARE_ERROR: _ClassVar[PersistentEvent.Type]
        TYPE_CHANGE_NAMESPACE: _ClassVar[PersistentEvent.Type]
        TYPE_FORMAT_NVM_START: _ClassVar[PersistentEvent.Type]
        TYPE_FORMAT_NVM_COMPLETION: _ClassVar[PersistentEvent.Type]
        TYPE_SANITIZE_START: _ClassVar[PersistentEvent.Type]
        TYPE_SANITIZE_COMPLETION: _ClassVar[PersistentEvent.Type]
        TYPE_SET_FEATURE: _ClassVar[PersistentEvent.Type]
        TYPE_TELEMETRY_LOG_CREATED: _ClassVar[PersistentEvent.Type]
        TYPE_THERMAL_EXCURSION: _ClassVar[PersistentEvent.Type]
        TYPE_SANITIZE_MEDIA_VERIFICATION: _ClassVar[PersistentEvent.Type]
        TYPE_PERSONALITY_CHANGE: _ClassVar[PersistentEvent.Type]
        TYPE_VENDOR_SPECIFIC: _ClassVar[PersistentEvent.Type]
        TYPE_TCG_DEFINED: _ClassVar[PersistentEvent.Type]
    TYPE_UNSPECIFIED: PersistentEvent.Type
    TYPE_SMART_HEALTH_SNAPSHOT: PersistentEvent.Type
    TYPE_FIRMWARE_COMMIT: PersistentEvent.Type
    TYPE_TIMESTAMP_CHANGE: PersistentEvent.Type
    TYPE_POWER_ON_OR_RESET: PersistentEvent.Type
    TYPE_NVM_SUBSYSTEM_HARDWARE_ERROR: PersistentEvent.Type
    TYPE_CHANGE_NAMESPACE: PersistentEvent.Type
    TYPE_FORMAT_NVM_START: PersistentEvent.Type
    TYPE_FORMAT_NVM_COMPLETION: PersistentEvent.Type
    TYPE_SANITIZE_START: PersistentEvent.Type
    TYPE_SANITIZE_COMPLETION: PersistentEvent.Type
    TYPE_SET_FEATURE: PersistentEvent.Type
    TYPE_TELEMETRY_LOG_CREATED: PersistentEvent.Type
    TYPE_THERMAL_EXCURSION: PersistentEvent.Type
    TYPE_SANITIZE_MEDIA_VERIFICATION: PersistentEvent.Type
    TYPE_PERSONALITY_CHANGE: PersistentEvent.Type
    TYPE_VENDOR_SPECIFIC: PersistentEvent.Type
    TYPE_TCG_DEFINED: PersistentEvent.Type
    class FirmwareCommit(_message.Message):
        __slots__ = ("previous_revision", "revision", "commit_action", "slot", "raw_status", "status_mnemonic", "vendor_result")
        PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
        REVISION_FIELD_NUMBER: _ClassVar[int]
        COMMIT_ACTION_FIELD_NUMBER: _ClassVar[int]
        SLOT_FIELD_NUMBER: _ClassVar[int]
        RAW_STATUS_FIELD_NUMBER: _ClassVar[int]
        STATUS_MNEMONIC_FIELD_NUMBER: _ClassVar[int]
        VENDOR_RESULT_FIELD_NUMBER: _ClassVar[int]
        previous_revision: str
        revision: str
        commit_action: int
        slot: int
        raw_status: int
        status_mnemonic: str
        vendor_result: int
        def __init__(self, previous_revision: _Optional[str] = ..., revision: _Optional[str] = ..., commit_action: _Optional[int] = ..., slot: _Optional[int] = ..., raw_status: _Optional[int] = ..., status_mnemonic: _Optional[str] = ..., vendor_result: _Optional[int] = ...) -> None: ...
    class TimestampChange(_message.Message):
        __slots__ = ("previous_timestamp_ms", "since_reset_ms")
        PREVIOUS_TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
        SINCE_RESET_MS_FIELD_NUMBER: _ClassVar[int]
        previous_timestamp_ms: int
        since_reset_ms: int
        def __init__(self, previous_timestamp_ms: _Optional[int] = ..., since_reset_ms: _Optional[int] = ...) -> None: ...
    class PowerOnOrReset(_message.Message):
        __slots__ = ("firmware_revision", "controllers")
        class ControllerReset(_message.Message):
            __slots__ = ("controller_id", "firmware_activation", "operation_in_progress", "power_cycles", "power_on_ms", "timestamp_ms")
            CONTROLLER_ID_FIELD_NUMBER: _ClassVar[int]
            FIRMWARE_ACTIVATION_FIELD_NUMBER: _ClassVar[int]
            OPERATION_IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
            POWER_CYCLES_FIELD_NUMBER: _ClassVar[int]
            POWER_ON_MS_FIELD_NUMBER: _ClassVar[int]
            TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
            controller_id: int
            firmware_activation: int
            operation_in_progress: int
            power_cycles: int
            power_on_ms: int
            timestamp_ms: int
            def __init__(self, controller_id: _Optional[int] = ..., firmware_activation: _Optional[int] = ..., operation_in_progress: _Optional[int] = ..., power_cycles: _Optional[int] = ..., power_on_ms: _Optional[int] = ..., timestamp_ms: _Optional[int] = ...) -> None: ...
        FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
        CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
        firmware_revision: str
        controllers: _containers.RepeatedCompositeFieldContainer[PersistentEvent.PowerOnOrReset.ControllerReset]
        def __init__(self, firmware_revision: _Optional[str] = ..., controllers: _Optional[_Iterable[_Union[PersistentEvent.PowerOnOrReset.ControllerReset, _Mapping[str, _Any]]]] = ...) -> None: ...
    class NamespaceChange(_message.Message):
        __slots__ = ("deleted", "nsid", "size_blocks", "capacity_blocks", "formatted_lba_size", "protection_settings", "shared", "ana_group_id", "nvm_set_id")
        DELETED_FIELD_NUMBER: _ClassVar[int]
        NSID_FIELD_NUMBER: _ClassVar[int]
        SIZE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
        CAPACITY_BLOCKS_FIELD_NUMBER: _ClassVar[int]
        FORMATTED_LBA_SIZE_FIELD_NUMBER: _ClassVar[int]
        PROTECTION_SETTINGS_FIELD_NUMBER: _ClassVar[int]
        SHARED_FIELD_NUMBER: _ClassVar[int]
        ANA_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
        NVM_SET_ID_FIELD_NUMBER: _ClassVar[int]
        deleted: bool
        nsid: int
        size_blocks: int
        capacity_blocks: int
        formatted_lba_size: int
        protection_settings: int
        shared: bool
        ana_group_id: int
        nvm_set_id: int
        def __init__(self, deleted: _Optional[bool] = ..., nsid: _Optional[int] = ..., size_blocks: _Optional[int] = ..., capacity_blocks: _Optional[int] = ..., formatted_lba_size: _Optional[int] = ..., protection_settings: _Optional[int] = ..., shared: _Optional[bool] = ..., ana_group_id: _Optional[int] = ..., nvm_set_id: _Optional[int] = ...) -> None: ...
    class FormatStart(_message.Message):
        __slots__ = ("nsid", "format_attributes", "command_dword_10")
        NSID_FIELD_NUMBER: _ClassVar[int]
        FORMAT_ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
        COMMAND_DWORD_10_FIELD_NUMBER: _ClassVar[int]
        nsid: int
        format_attributes: int
        command_dword_10: int
        def __init__(self, nsid: _Optional[int] = ..., format_attributes: _Optional[int] = ..., command_dword_10: _Optional[int] = ...) -> None: ...
    class FormatCompletion(_message.Message):
        __slots__ = ("nsid", "smallest_remaining_percent", "format_status_bits", "completion_information", "status_field")
        NSID_FIELD_NUMBER: _ClassVar[int]
        SMALLEST_REMAINING_PERCENT_FIELD_NUMBER: _ClassVar[int]
        FORMAT_STATUS_BITS_FIELD_NUMBER: _ClassVar[int]
        COMPLETION_INFORMATION_FIELD_NUMBER: _ClassVar[int]
        STATUS_FIELD_FIELD_NUMBER: _ClassVar[int]
        nsid: int
        smallest_remaining_percent: int
        format_status_bits: int
        completion_information: int
        status_field: int
        def __init__(self, nsid: _Optional[int] = ..., smallest_remaining_percent: _Optional[int] = ..., format_status_bits: _Optional[int] = ..., completion_information: _Optional[int] = ..., status_field: _Optional[int] = ...) -> None: ...
    class SanitizeStart(_message.Message):
        __slots__ = ("sanitize_capabilities", "command_dword_10", "command_dword_11")
        SANITIZE_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
        COMMAND_DWORD_10_FIELD_NUMBER: _ClassVar[int]
        COMMAND_DWORD_11_FIELD_NUMBER: _ClassVar[int]
        sanitize_capabilities: int
        command_dword_10: int
        command_dword_11: int
        def __init__(self, sanitize_capabilities: _Optional[int] = ..., command_dword_10: _Optional[int] = ..., command_dword_11: _Optional[int] = ...) -> None: ...
    class SanitizeCompletion(_message.Message):
        __slots__ = ("fraction_complete", "state", "completion_information")
        FRACTION_COMPLETE_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        COMPLETION_INFORMATION_FIELD_NUMBER: _ClassVar[int]
        fraction_complete: float
        state: SanitizeStatus.State
        completion_information: int
        def __init__(self, fraction_complete: _Optional[float] = ..., state: _Optional[_Union[SanitizeStatus.State, str]] = ..., completion_information: _Optional[int] = ...) -> None: ...
    class FeatureChange(_message.Message):
        __slots__ = ("command_dwords", "feature_id")
        COMMAND_DWORDS_FIELD_NUMBER: _ClassVar[int]
        FEATURE_ID_FIELD_NUMBER: _ClassVar[int]
        command_dwords: _containers.RepeatedScalarFieldContainer[int]
        feature_id: int
        def __init__(self, command_dwords: _Optional[_Iterable[int]] = ..., feature_id: _Optional[int] = ...) -> None: ...
    class TelemetryCapture(_message.Message):
        __slots__ = ("controller_initiated", "generation_number", "reason_identifier")
        CONTROLLER_INITIATED_FIELD_NUMBER: _ClassVar[int]
        GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
        REASON_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
        controller_initiated: bool
        generation_number: int
        reason_identifier: bytes
        def __init__(self, controller_initiated: _Optional[bool] = ..., generation_number: _Optional[int] = ..., reason_identifier: _Optional[bytes] = ...) -> None: ...
    class ThermalExcursion(_message.Message):
        __slots__ = ("over_temperature_celsius", "threshold")
        OVER_TEMPERATURE_CELSIUS_FIELD_NUMBER: _ClassVar[int]
        THRESHOLD_FIELD_NUMBER: _ClassVar[int]
        over_temperature_celsius: int
        threshold: int
        def __init__(self, over_temperature_celsius: _Optional[int] = ..., threshold: _Optional[int] = ...) -> None: ...
    class PersonalityChange(_message.Message):
        __slots__ = ("personality_id", "failed", "freeze_requested")
        PERSONALITY_ID_FIELD_NUMBER: _ClassVar[int]
        FAILED_FIELD_NUMBER: _ClassVar[int]
        FREEZE_REQUESTED_FIELD_NUMBER: _ClassVar[int]
        personality_id: int
        failed: bool
        freeze_requested: bool
        def __init__(self, personality_id: _Optional[int] = ..., failed: _Optional[bool] = ..., freeze_requested: _Optional[bool] = ...) -> None: ...
    class VendorEvent(_message.Message):
        __slots__ = ("descriptors", "tcg_activity")
        class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            DATA_TYPE_UNSPECIFIED: _ClassVar[PersistentEvent.VendorEvent.DataType]
            DATA_TYPE_EVENT_NAME: _ClassVar[PersistentEvent.VendorEvent.DataType]
            DATA_TYPE_TEXT: _ClassVar[PersistentEvent.VendorEvent.DataType]
            DATA_TYPE_BINARY: _ClassVar[PersistentEvent.VendorEvent.DataType]
            DATA_TYPE_SIGNED_INTEGER: _ClassVar[PersistentEvent.VendorEvent.DataType]
        DATA_TYPE_UNSPECIFIED: PersistentEvent.VendorEvent.DataType
        DATA_TYPE_EVENT_NAME: PersistentEvent.VendorEvent.DataType
        DATA_TYPE_TEXT: PersistentEvent.VendorEvent.DataType
        DATA_TYPE_BINARY: PersistentEvent.VendorEvent.DataType
        DATA_TYPE_SIGNED_INTEGER: PersistentEvent.VendorEvent.DataType
        class Descriptor(_message.Message):
            __slots__ = ("code", "data_type", "uuid_index", "data", "text", "number")
            CODE_FIELD_NUMBER: _ClassVar[int]
            DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
            UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
            DATA_FIELD_NUMBER: _ClassVar[int]
            TEXT_FIELD_NUMBER: _ClassVar[int]
            NUMBER_FIELD_NUMBER: _ClassVar[int]
            code: int
            data_type: PersistentEvent.VendorEvent.DataType
            uuid_index: int
            data: bytes
            text: str
            number: int
            def __init__(self, code: _Optional[int] = ..., data_type: _Optional[_Union[PersistentEvent.VendorEvent.DataType, str]] = ..., uuid_index: _Optional[int] = ..., data: _Optional[bytes] = ..., text: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...
        class TcgActivity(_message.Message):
            __slots__ = ("command_count", "invoking_id", "method_id", "com_id", "protocol_id", "status", "process_time_ms", "context")
            COMMAND_COUNT_FIELD_NUMBER: _ClassVar[int]
            INVOKING_ID_FIELD_NUMBER: _ClassVar[int]
            METHOD_ID_FIELD_NUMBER: _ClassVar[int]
            COM_ID_FIELD_NUMBER: _ClassVar[int]
            PROTOCOL_ID_FIELD_NUMBER: _ClassVar[int]
            STATUS_FIELD_NUMBER: _ClassVar[int]
            PROCESS_TIME_MS_FIELD_NUMBER: _ClassVar[int]
            CONTEXT_FIELD_NUMBER: _ClassVar[int]
            command_count: int
            invoking_id: int
            method_id: int
            com_id: int
            protocol_id: int
            status: int
            process_time_ms: int
            context: bytes
            def __init__(self, command_count: _Optional[int] = ..., invoking_id: _Optional[int] = ..., method_id: _Optional[int] = ..., com_id: _Optional[int] = ..., protocol_id: _Optional[int] = ..., status: _Optional[int] = ..., process_time_ms: _Optional[int] = ..., context: _Optional[bytes] = ...) -> None: ...
        DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
        TCG_ACTIVITY_FIELD_NUMBER: _ClassVar[int]
        descriptors: _containers.RepeatedCompositeFieldContainer[PersistentEvent.VendorEvent.Descriptor]
        tcg_activity: PersistentEvent.VendorEvent.TcgActivity
        def __init__(self, descriptors: _Optional[_Iterable[_Union[PersistentEvent.VendorEvent.Descriptor, _Mapping[str, _Any]]]] = ..., tcg_activity: _Optional[_Union[PersistentEvent.VendorEvent.TcgActivity, _Mapping[str, _Any]]] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    RAW_TYPE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    PORT_ID_FIELD_NUMBER: _ClassVar[int]
    VENDOR_SPECIFIC_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SMART_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_COMMIT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_CHANGE_FIELD_NUMBER: _ClassVar[int]
    POWER_ON_OR_RESET_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_START_FIELD_NUMBER: _ClassVar[int]
    FORMAT_COMPLETION_FIELD_NUMBER: _ClassVar[int]
    SANITIZE_START_FIELD_NUMBER: _ClassVar[int]
    SANITIZE_COMPLETION_FIELD_NUMBER: _ClassVar[int]
    FEATURE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_CAPTURE_FIELD_NUMBER: _ClassVar[int]
    THERMAL_EXCURSION_FIELD_NUMBER: _ClassVar[int]
    PERSONALITY_CHANGE_FIELD_NUMBER: _ClassVar[int]
    VENDOR_EVENT_FIELD_NUMBER: _ClassVar[int]
    type: PersistentEvent.Type
    raw_type: int
    revision: int
    controller_id: int
    timestamp_ms: int
    event_time: _timestamp_pb2.Timestamp
    port_id: int
    vendor_specific: bytes
    data: bytes
    smart: SmartLog
    firmware_commit: PersistentEvent.FirmwareCommit
    timestamp_change: PersistentEvent.TimestampChange
    power_on_or_reset: PersistentEvent.PowerOnOrReset
    hardware_error_code: int
    namespace_change: PersistentEvent.NamespaceChange
    format_start: PersistentEvent.FormatStart
    format_completion: PersistentEvent.FormatCompletion
    sanitize_start: PersistentEvent.SanitizeStart
    sanitize_completion: PersistentEvent.SanitizeCompletion
    feature_change: PersistentEvent.FeatureChange
    telemetry_capture: PersistentEvent.TelemetryCapture
    thermal_excursion: PersistentEvent.ThermalExcursion
    personality_change: PersistentEvent.PersonalityChange
    vendor_event: PersistentEvent.VendorEvent
    def __init__(self, type: _Optional[_Union[PersistentEvent.Type, str]] = ..., raw_type: _Optional[int] = ..., revision: _Optional[int] = ..., controller_id: _Optional[int] = ..., timestamp_ms: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., port_id: _Optional[int] = ..., vendor_specific: _Optional[bytes] = ..., data: _Optional[bytes] = ..., smart: _Optional[_Union[SmartLog, _Mapping[str, _Any]]] = ..., firmware_commit: _Optional[_Union[PersistentEvent.FirmwareCommit, _Mapping[str, _Any]]] = ..., timestamp_change: _Optional[_Union[PersistentEvent.TimestampChange, _Mapping[str, _Any]]] = ..., power_on_or_reset: _Optional[_Union[PersistentEvent.PowerOnOrReset, _Mapping[str, _Any]]] = ..., hardware_error_code: _Optional[int] = ..., namespace_change: _Optional[_Union[PersistentEvent.NamespaceChange, _Mapping[str, _Any]]] = ..., format_start: _Optional[_Union[PersistentEvent.FormatStart, _Mapping[str, _Any]]] = ..., format_completion: _Optional[_Union[PersistentEvent.FormatCompletion, _Mapping[str, _Any]]] = ..., sanitize_start: _Optional[_Union[PersistentEvent.SanitizeStart, _Mapping[str, _Any]]] = ..., sanitize_completion: _Optional[_Union[PersistentEvent.SanitizeCompletion, _Mapping[str, _Any]]] = ..., feature_change: _Optional[_Union[PersistentEvent.FeatureChange, _Mapping[str, _Any]]] = ..., telemetry_capture: _Optional[_Union[PersistentEvent.TelemetryCapture, _Mapping[str, _Any]]] = ..., thermal_excursion: _Optional[_Union[PersistentEvent.ThermalExcursion, _Mapping[str, _Any]]] = ..., personality_change: _Optional[_Union[PersistentEvent.PersonalityChange, _Mapping[str, _Any]]] = ..., vendor_event: _Optional[_Union[PersistentEvent.VendorEvent, _Mapping[str, _Any]]] = ...) -> None: ...

class PersistentEventLog(_message.Message):
    __slots__ = ("controller", "total_events", "total_bytes", "revision", "timestamp_ms", "power_on_hours", "power_cycles", "vendor_id", "subsystem_vendor_id", "serial_number", "model_number", "subsystem_nqn", "generation", "supported_types", "events", "complete", "omissions")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    TOTAL_EVENTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    POWER_ON_HOURS_FIELD_NUMBER: _ClassVar[int]
    POWER_CYCLES_FIELD_NUMBER: _ClassVar[int]
    VENDOR_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_VENDOR_ID_FIELD_NUMBER: _ClassVar[int]
    SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_NQN_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_TYPES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    total_events: int
    total_bytes: int
    revision: int
    timestamp_ms: int
    power_on_hours: int
    power_cycles: int
    vendor_id: int
    subsystem_vendor_id: int
    serial_number: str
    model_number: str
    subsystem_nqn: str
    generation: int
    supported_types: _containers.RepeatedScalarFieldContainer[int]
    events: _containers.RepeatedCompositeFieldContainer[PersistentEvent]
    complete: bool
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., total_events: _Optional[int] = ..., total_bytes: _Optional[int] = ..., revision: _Optional[int] = ..., timestamp_ms: _Optional[int] = ..., power_on_hours: _Optional[int] = ..., power_cycles: _Optional[int] = ..., vendor_id: _Optional[int] = ..., subsystem_vendor_id: _Optional[int] = ..., serial_number: _Optional[str] = ..., model_number: _Optional[str] = ..., subsystem_nqn: _Optional[str] = ..., generation: _Optional[int] = ..., supported_types: _Optional[_Iterable[int]] = ..., events: _Optional[_Iterable[_Union[PersistentEvent, _Mapping[str, _Any]]]] = ..., complete: _Optional[bool] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class GetSupportedLogPagesRequest(_message.Message):
    __slots__ = ("controller", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class SupportedLogPages(_message.Message):
    __slots__ = ("controller", "pages", "raw")
    class Page(_message.Message):
        __slots__ = ("log_page", "title", "index_offset_supported", "page_specific")
        LOG_PAGE_FIELD_NUMBER: _ClassVar[int]
        TITLE_FIELD_NUMBER: _ClassVar[int]
        INDEX_OFFSET_SUPPORTED_FIELD_NUMBER: _ClassVar[int]
        PAGE_SPECIFIC_FIELD_NUMBER: _ClassVar[int]
        log_page: int
        title: str
        index_offset_supported: bool
        page_specific: int
        def __init__(self, log_page: _Optional[int] = ..., title: _Optional[str] = ..., index_offset_supported: _Optional[bool] = ..., page_specific: _Optional[int] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PAGES_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    pages: _containers.RepeatedCompositeFieldContainer[SupportedLogPages.Page]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., pages: _Optional[_Iterable[_Union[SupportedLogPages.Page, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetOcpSmartLogRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class OcpSmartLog(_message.Message):
    __slots__ = ("controller", "physical_media_bytes_written", "physical_media_bytes_read", "bad_user_nand_blocks", "bad_user_nand_blocks_normalized", "bad_system_nand_blocks", "bad_system_nand_blocks_normalized", "xor_recoveries", "uncorrectable_read_errors", "soft_ecc_errors", "end_to_end_detected_errors", "end_to_end_corrected_errors", "system_data_percentage_used", "refreshes", "maximum_user_data_erases", "minimum_user_data_erases", "thermal_throttling_events", "thermal_throttling_status", "specification_version", "pcie_correctable_errors", "incomplete_shutdowns", "free_blocks_percent", "capacitor_health_percent", "nvme_errata_version", "unaligned_io", "security_version", "total_utilization_blocks", "power_loss_protection_starts", "endurance_estimate_bytes", "pcie_link_retrainings", "power_state_changes", "log_page_version", "raw", "command_set_errata_version", "lowest_permitted_firmware_revision", "pcie_transport_errata_version", "management_interface_errata_version", "total_media_dies", "die_failure_tolerance", "media_dies_offline", "maximum_temperature_celsius", "average_user_data_erases", "command_timeouts", "system_program_failures", "system_program_failures_normalized", "system_uncorrectable_reads", "system_uncorrectable_reads_normalized", "system_erase_failures", "system_erase_failures_normalized", "maximum_peak_power", "maximum_average_power", "lifetime_energy", "dssd_firmware_revision", "firmware_build_uuid", "firmware_build_label", "form_factor", "bad_blocks_of_dies_in_use", "bad_blocks_of_dies_in_use_normalized", "derived", "omissions")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PHYSICAL_MEDIA_BYTES_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    PHYSICAL_MEDIA_BYTES_READ_FIELD_NUMBER: _ClassVar[int]
    BAD_USER_NAND_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BAD_USER_NAND_BLOCKS_NORMALIZED_FIELD_NUMBER: _ClassVar[int]
    BAD_SYSTEM_NAND_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BAD_SYSTEM_NAND_BLOCKS_NORMALIZED_FIELD_NUMBER: _ClassVar[int]
    XOR_RECOVERIES_FIELD_NUMBER: _ClassVar[int]
    UNCORRECTABLE_READ_ERRORS_FIELD_NUMBER: _ClassVar[int]
    SOFT_ECC_ERRORS_FIELD_NUMBER: _ClassVar[int]
    END_TO_END_DETECTED_ERRORS_FIELD_NUMBER: _ClassVar[int]
    END_TO_END_CORRECTED_ERRORS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_DATA_PERCENTAGE_USED_FIELD_NUMBER: _ClassVar[int]
    REFRESHES_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_USER_DATA_ERASES_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_USER_DATA_ERASES_FIELD_NUMBER: _ClassVar[int]
    THERMAL_THROTTLING_EVENTS_FIELD_NUMBER: _ClassVar[int]
    THERMAL_THROTTLING_STATUS_FIELD_NUMBER: _ClassVar[int]
    SPECIFICATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    PCIE_CORRECTABLE_ERRORS_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_SHUTDOWNS_FIELD_NUMBER: _ClassVar[int]
    FREE_BLOCKS_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CAPACITOR_HEALTH_PERCENT_FIELD_NUMBER: _ClassVar[int]
    NVME_ERRATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    UNALIGNED_IO_FIELD_NUMBER: _ClassVar[int]
    SECURITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    TOTAL_UTILIZATION_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    POWER_LOSS_PROTECTION_STARTS_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_ESTIMATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PCIE_LINK_RETRAININGS_FIELD_NUMBER: _ClassVar[int]
    POWER_STATE_CHANGES_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    COMMAND_SET_ERRATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOWEST_PERMITTED_FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    PCIE_TRANSPORT_ERRATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    MANAGEMENT_INTERFACE_ERRATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MEDIA_DIES_FIELD_NUMBER: _ClassVar[int]
    DIE_FAILURE_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_DIES_OFFLINE_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_TEMPERATURE_CELSIUS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_USER_DATA_ERASES_FIELD_NUMBER: _ClassVar[int]
    COMMAND_TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROGRAM_FAILURES_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROGRAM_FAILURES_NORMALIZED_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_UNCORRECTABLE_READS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_UNCORRECTABLE_READS_NORMALIZED_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_ERASE_FAILURES_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_ERASE_FAILURES_NORMALIZED_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_PEAK_POWER_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_AVERAGE_POWER_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_ENERGY_FIELD_NUMBER: _ClassVar[int]
    DSSD_FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_BUILD_UUID_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_BUILD_LABEL_FIELD_NUMBER: _ClassVar[int]
    FORM_FACTOR_FIELD_NUMBER: _ClassVar[int]
    BAD_BLOCKS_OF_DIES_IN_USE_FIELD_NUMBER: _ClassVar[int]
    BAD_BLOCKS_OF_DIES_IN_USE_NORMALIZED_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    physical_media_bytes_written: int
    physical_media_bytes_read: int
    bad_user_nand_blocks: int
    bad_user_nand_blocks_normalized: int
    bad_system_nand_blocks: int
    bad_system_nand_blocks_normalized: int
    xor_recoveries: int
    uncorrectable_read_errors: int
    soft_ecc_errors: int
    end_to_end_detected_errors: int
    end_to_end_corrected_errors: int
    system_data_percentage_used: int
    refreshes: int
    maximum_user_data_erases: int
    minimum_user_data_erases: int
    thermal_throttling_events: int
    thermal_throttling_status: int
    specification_version: str
    pcie_correctable_errors: int
    incomplete_shutdowns: int
    free_blocks_percent: int
    capacitor_health_percent: int
    nvme_errata_version: str
    unaligned_io: int
    security_version: int
    total_utilization_blocks: int
    power_loss_protection_starts: int
    endurance_estimate_bytes: int
    pcie_link_retrainings: int
    power_state_changes: int
    log_page_version: int
    raw: bytes
    command_set_errata_version: str
    lowest_permitted_firmware_revision: int
    pcie_transport_errata_version: str
    management_interface_errata_version: str
    total_media_dies: int
    die_failure_tolerance: int
    media_dies_offline: int
    maximum_temperature_celsius: int
    average_user_data_erases: int
    command_timeouts: int
    system_program_failures: int
    system_program_failures_normalized: int
    system_uncorrectable_reads: int
    system_uncorrectable_reads_normalized: int
    system_erase_failures: int
    system_erase_failures_normalized: int
    maximum_peak_power: int
    maximum_average_power: int
    lifetime_energy: int
    dssd_firmware_revision: str
    firmware_build_uuid: str
    firmware_build_label: str
    form_factor: int
    bad_blocks_of_dies_in_use: int
    bad_blocks_of_dies_in_use_normalized: int
    derived: _ocp_pb2.OcpDerivedHealth
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., physical_media_bytes_written: _Optional[int] = ..., physical_media_bytes_read: _Optional[int] = ..., bad_user_nand_blocks: _Optional[int] = ..., bad_user_nand_blocks_normalized: _Optional[int] = ..., bad_system_nand_blocks: _Optional[int] = ..., bad_system_nand_blocks_normalized: _Optional[int] = ..., xor_recoveries: _Optional[int] = ..., uncorrectable_read_errors: _Optional[int] = ..., soft_ecc_errors: _Optional[int] = ..., end_to_end_detected_errors: _Optional[int] = ..., end_to_end_corrected_errors: _Optional[int] = ..., system_data_percentage_used: _Optional[int] = ..., refreshes: _Optional[int] = ..., maximum_user_data_erases: _Optional[int] = ..., minimum_user_data_erases: _Optional[int] = ..., thermal_throttling_events: _Optional[int] = ..., thermal_throttling_status: _Optional[int] = ..., specification_version: _Optional[str] = ..., pcie_correctable_errors: _Optional[int] = ..., incomplete_shutdowns: _Optional[int] = ..., free_blocks_percent: _Optional[int] = ..., capacitor_health_percent: _Optional[int] = ..., nvme_errata_version: _Optional[str] = ..., unaligned_io: _Optional[int] = ..., security_version: _Optional[int] = ..., total_utilization_blocks: _Optional[int] = ..., power_loss_protection_starts: _Optional[int] = ..., endurance_estimate_bytes: _Optional[int] = ..., pcie_link_retrainings: _Optional[int] = ..., power_state_changes: _Optional[int] = ..., log_page_version: _Optional[int] = ..., raw: _Optional[bytes] = ..., command_set_errata_version: _Optional[str] = ..., lowest_permitted_firmware_revision: _Optional[int] = ..., pcie_transport_errata_version: _Optional[str] = ..., management_interface_errata_version: _Optional[str] = ..., total_media_dies: _Optional[int] = ..., die_failure_tolerance: _Optional[int] = ..., media_dies_offline: _Optional[int] = ..., maximum_temperature_celsius: _Optional[int] = ..., average_user_data_erases: _Optional[int] = ..., command_timeouts: _Optional[int] = ..., system_program_failures: _Optional[int] = ..., system_program_failures_normalized: _Optional[int] = ..., system_uncorrectable_reads: _Optional[int] = ..., system_uncorrectable_reads_normalized: _Optional[int] = ..., system_erase_failures: _Optional[int] = ..., system_erase_failures_normalized: _Optional[int] = ..., maximum_peak_power: _Optional[int] = ..., maximum_average_power: _Optional[int] = ..., lifetime_energy: _Optional[int] = ..., dssd_firmware_revision: _Optional[str] = ..., firmware_build_uuid: _Optional[str] = ..., firmware_build_label: _Optional[str] = ..., form_factor: _Optional[int] = ..., bad_blocks_of_dies_in_use: _Optional[int] = ..., bad_blocks_of_dies_in_use_normalized: _Optional[int] = ..., derived: _Optional[_Union[_ocp_pb2.OcpDerivedHealth, _Mapping[str, _Any]]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class ReadLogPageRequest(_message.Message):
    __slots__ = ("controller", "log_page", "length_bytes", "offset_bytes", "log_specific_parameter", "log_specific_identifier", "uuid_index", "command_set", "nsid", "retain_async_event", "chunk_bytes", "window", "max_transfer_bytes", "request_id", "digest")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_FIELD_NUMBER: _ClassVar[int]
    LENGTH_BYTES_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOG_SPECIFIC_PARAMETER_FIELD_NUMBER: _ClassVar[int]
    LOG_SPECIFIC_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    COMMAND_SET_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    controller: str
    log_page: int
    length_bytes: int
    offset_bytes: int
    log_specific_parameter: int
    log_specific_identifier: int
    uuid_index: int
    command_set: int
    nsid: int
    retain_async_event: bool
    chunk_bytes: int
    window: int
    max_transfer_bytes: int
    request_id: str
    digest: _common_pb2.StreamDigest
    def __init__(self, controller: _Optional[str] = ..., log_page: _Optional[int] = ..., length_bytes: _Optional[int] = ..., offset_bytes: _Optional[int] = ..., log_specific_parameter: _Optional[int] = ..., log_specific_identifier: _Optional[int] = ..., uuid_index: _Optional[int] = ..., command_set: _Optional[int] = ..., nsid: _Optional[int] = ..., retain_async_event: _Optional[bool] = ..., chunk_bytes: _Optional[int] = ..., window: _Optional[int] = ..., max_transfer_bytes: _Optional[int] = ..., request_id: _Optional[str] = ..., digest: _Optional[_Union[_common_pb2.StreamDigest, str]] = ...) -> None: ...

class ReadLogPageResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: LogPageHeader
    chunk: _common_pb2.Chunk
    trailer: LogPageTrailer
    def __init__(self, header: _Optional[_Union[LogPageHeader, _Mapping[str, _Any]]] = ..., chunk: _Optional[_Union[_common_pb2.Chunk, _Mapping[str, _Any]]] = ..., trailer: _Optional[_Union[LogPageTrailer, _Mapping[str, _Any]]] = ...) -> None: ...

class LogPageHeader(_message.Message):
    __slots__ = ("controller", "log_page", "offset_bytes", "length_bytes", "chunk_bytes")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    LENGTH_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    log_page: int
    offset_bytes: int
    length_bytes: int
    chunk_bytes: int
    def __init__(self, controller: _Optional[str] = ..., log_page: _Optional[int] = ..., offset_bytes: _Optional[int] = ..., length_bytes: _Optional[int] = ..., chunk_bytes: _Optional[int] = ...) -> None: ...

class LogPageTrailer(_message.Message):
    __slots__ = ("length_bytes", "sha256", "async_event_retained", "omissions", "digest")
    LENGTH_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    length_bytes: int
    sha256: bytes
    async_event_retained: bool
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    digest: _common_pb2.StreamDigest
    def __init__(self, length_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., async_event_retained: _Optional[bool] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ..., digest: _Optional[_Union[_common_pb2.StreamDigest, str]] = ...) -> None: ...
