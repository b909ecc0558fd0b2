import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OcpDerivedHealth(_message.Message):
    __slots__ = ("write_amplification", "read_amplification", "endurance_used_percent", "user_spare_percent", "system_spare_percent", "capacitor_health_percent", "host_bytes_written", "host_bytes_read")
    WRITE_AMPLIFICATION_FIELD_NUMBER: _ClassVar[int]
    READ_AMPLIFICATION_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_USED_PERCENT_FIELD_NUMBER: _ClassVar[int]
    USER_SPARE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_SPARE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CAPACITOR_HEALTH_PERCENT_FIELD_NUMBER: _ClassVar[int]
    HOST_BYTES_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    HOST_BYTES_READ_FIELD_NUMBER: _ClassVar[int]
    write_amplification: float
    read_amplification: float
    endurance_used_percent: float
    user_spare_percent: int
    system_spare_percent: int
    capacitor_health_percent: int
    host_bytes_written: int
    host_bytes_read: int
    def __init__(self, write_amplification: _Optional[float] = ..., read_amplification: _Optional[float] = ..., endurance_used_percent: _Optional[float] = ..., user_spare_percent: _Optional[int] = ..., system_spare_percent: _Optional[int] = ..., capacitor_health_percent: _Optional[int] = ..., host_bytes_written: _Optional[int] = ..., host_bytes_read: _Optional[int] = ...) -> None: ...

class GetOcpErrorRecoveryLogRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class OcpErrorRecoveryLog(_message.Message):
    __slots__ = ("controller", "panic_id", "panic_reset_wait_ms", "reset_actions", "recovery_actions", "vendor_opcode", "vendor_command_dword_12", "vendor_command_dword_13", "vendor_timeout_seconds", "later_reset_actions", "later_reset_timeout_seconds", "panic_count", "previous_panic_ids", "reports_by_event", "reports_by_fatal_status", "log_page_version", "raw")
    class ResetAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESET_ACTION_UNSPECIFIED: _ClassVar[OcpErrorRecoveryLog.ResetAction]
        RESET_ACTION_CONTROLLER_RESET: _ClassVar[OcpErrorRecoveryLog.ResetAction]
        RESET_ACTION_NVM_SUBSYSTEM_RESET: _ClassVar[OcpErrorRecoveryLog.ResetAction]
        RESET_ACTION_FUNCTION_LEVEL_RESET: _ClassVar[OcpErrorRecoveryLog.ResetAction]
        RESET_ACTION_PERST: _ClassVar[OcpErrorRecoveryLog.ResetAction]
        RESET_ACTION_POWER_CYCLE: _ClassVar[OcpErrorRecoveryLog.ResetAction]
        RESET_ACTION_HOT_RESET: _ClassVar[OcpErrorRecoveryLog.ResetAction]
    RESET_ACTION_UNSPECIFIED: OcpErrorRecoveryLog.ResetAction
    RESET_ACTION_CONTROLLER_RESET: OcpErrorRecoveryLog.ResetAction
    RESET_ACTION_NVM_SUBSYSTEM_RESET: OcpErrorRecoveryLog.ResetAction
    RESET_ACTION_FUNCTION_LEVEL_RESET: OcpErrorRecoveryLog.ResetAction
    RESET_ACTION_PERST: OcpErrorRecoveryLog.ResetAction
    RESET_ACTION_POWER_CYCLE: OcpErrorRecoveryLog.ResetAction
    RESET_ACTION_HOT_RESET: OcpErrorRecoveryLog.ResetAction
    class RecoveryAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RECOVERY_ACTION_UNSPECIFIED: _ClassVar[OcpErrorRecoveryLog.RecoveryAction]
        RECOVERY_ACTION_NONE_REQUIRED: _ClassVar[OcpErrorRecoveryLog.RecoveryAction]
        RECOVERY_ACTION_FORMAT: _ClassVar[OcpErrorRecoveryLog.RecoveryAction]
        RECOVERY_ACTION_VENDOR_COMMAND: _ClassVar[OcpErrorRecoveryLog.RecoveryAction]
        RECOVERY_ACTION_VENDOR_ANALYSIS: _ClassVar[OcpErrorRecoveryLog.RecoveryAction]
        RECOVERY_ACTION_REPLACE: _ClassVar[OcpErrorRecoveryLog.RecoveryAction]
        RECOVERY_ACTION_SANITIZE: _ClassVar[OcpErrorRecoveryLog.RecoveryAction]
        RECOVERY_ACTION_UNREADABLE_BLOCKS: _ClassVar[OcpErrorRecoveryLog.RecoveryAction]
    RECOVERY_ACTION_UNSPECIFIED: OcpErrorRecoveryLog.RecoveryAction
    RECOVERY_ACTION_NONE_REQUIRED: OcpErrorRecoveryLog.RecoveryAction
    RECOVERY_ACTION_FORMAT: OcpErrorRecoveryLog.RecoveryAction
    RECOVERY_ACTION_VENDOR_COMMAND: OcpErrorRecoveryLog.RecoveryAction
    RECOVERY_ACTION_VENDOR_ANALYSIS: OcpErrorRecoveryLog.RecoveryAction
    RECOVERY_ACTION_REPLACE: OcpErrorRecoveryLog.RecoveryAction
    RECOVERY_ACTION_SANITIZE: OcpErrorRecoveryLog.RecoveryAction
    RECOVERY_ACTION_UNREADABLE_BLOCKS: OcpErrorRecoveryLog.RecoveryAction
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PANIC_ID_FIELD_NUMBER: _ClassVar[int]
    PANIC_RESET_WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    RESET_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    VENDOR_OPCODE_FIELD_NUMBER: _ClassVar[int]
    VENDOR_COMMAND_DWORD_12_FIELD_NUMBER: _ClassVar[int]
    VENDOR_COMMAND_DWORD_13_FIELD_NUMBER: _ClassVar[int]
    VENDOR_TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LATER_RESET_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    LATER_RESET_TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PANIC_COUNT_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_PANIC_IDS_FIELD_NUMBER: _ClassVar[int]
    REPORTS_BY_EVENT_FIELD_NUMBER: _ClassVar[int]
    REPORTS_BY_FATAL_STATUS_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    panic_id: int
    panic_reset_wait_ms: int
    reset_actions: _containers.RepeatedScalarFieldContainer[OcpErrorRecoveryLog.ResetAction]
    recovery_actions: _containers.RepeatedScalarFieldContainer[OcpErrorRecoveryLog.RecoveryAction]
    vendor_opcode: int
    vendor_command_dword_12: int
    vendor_command_dword_13: int
    vendor_timeout_seconds: int
    later_reset_actions: _containers.RepeatedScalarFieldContainer[OcpErrorRecoveryLog.ResetAction]
    later_reset_timeout_seconds: int
    panic_count: int
    previous_panic_ids: _containers.RepeatedScalarFieldContainer[int]
    reports_by_event: bool
    reports_by_fatal_status: bool
    log_page_version: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., panic_id: _Optional[int] = ..., panic_reset_wait_ms: _Optional[int] = ..., reset_actions: _Optional[_Iterable[_Union[OcpErrorRecoveryLog.ResetAction, str]]] = ..., recovery_actions: _Optional[_Iterable[_Union[OcpErrorRecoveryLog.RecoveryAction, str]]] = ..., vendor_opcode: _Optional[int] = ..., vendor_command_dword_12: _Optional[int] = ..., vendor_command_dword_13: _Optional[int] = ..., vendor_timeout_seconds: _Optional[int] = ..., later_reset_actions: _Optional[_Iterable[_Union[OcpErrorRecoveryLog.ResetAction, str]]] = ..., later_reset_timeout_seconds: _Optional[int] = ..., panic_count: _Optional[int] = ..., previous_panic_ids: _Optional[_Iterable[int]] = ..., reports_by_event: _Optional[bool] = ..., reports_by_fatal_status: _Optional[bool] = ..., log_page_version: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetOcpFirmwareActivationHistoryRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class OcpFirmwareActivationHistory(_message.Message):
    __slots__ = ("controller", "activations", "log_page_version", "raw")
    class Activation(_message.Message):
        __slots__ = ("activation_count", "timestamp_ms", "event_time", "power_cycles", "previous_revision", "new_revision", "slot", "commit_action", "raw_status", "status_mnemonic")
        ACTIVATION_COUNT_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
        EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
        POWER_CYCLES_FIELD_NUMBER: _ClassVar[int]
        PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
        NEW_REVISION_FIELD_NUMBER: _ClassVar[int]
        SLOT_FIELD_NUMBER: _ClassVar[int]
        COMMIT_ACTION_FIELD_NUMBER: _ClassVar[int]
        RAW_STATUS_FIELD_NUMBER: _ClassVar[int]
        STATUS_MNEMONIC_FIELD_NUMBER: _ClassVar[int]
        activation_count: int
        timestamp_ms: int
        event_time: _timestamp_pb2.Timestamp
        power_cycles: int
        previous_revision: str
        new_revision: str
        slot: int
        commit_action: int
        raw_status: int
        status_mnemonic: str
        def __init__(self, activation_count: _Optional[int] = ..., timestamp_ms: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., power_cycles: _Optional[int] = ..., previous_revision: _Optional[str] = ..., new_revision: _Optional[str] = ..., slot: _Optional[int] = ..., commit_action: _Optional[int] = ..., raw_status: _Optional[int] = ..., status_mnemonic: _Optional[str] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    activations: _containers.RepeatedCompositeFieldContainer[OcpFirmwareActivationHistory.Activation]
    log_page_version: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., activations: _Optional[_Iterable[_Union[OcpFirmwareActivationHistory.Activation, _Mapping[str, _Any]]]] = ..., log_page_version: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class ClearOcpFirmwareActivationHistoryRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "request_id", "validate_only")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    request_id: str
    validate_only: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ClearOcpFirmwareActivationHistoryResponse(_message.Message):
    __slots__ = ("controller", "cleared_activations")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    CLEARED_ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    cleared_activations: int
    def __init__(self, controller: _Optional[str] = ..., cleared_activations: _Optional[int] = ...) -> None: ...

class GetLatencyMonitorLogRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class LatencyMonitorLog(_message.Message):
    __slots__ = ("controller", "enabled", "measures_latency", "supports_largest", "timer_minutes", "timer_threshold_minutes", "latency_mode_bits", "minimum_window_ms", "active_buckets", "static_buckets", "debug_trigger_bits", "debug_measurement", "debug_source_bits", "debug_pointer", "log_page_version", "raw")
    class Measurement(_message.Message):
        __slots__ = ("latency_ms", "timestamp_ms", "event_time")
        LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
        EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
        latency_ms: int
        timestamp_ms: int
        event_time: _timestamp_pb2.Timestamp
        def __init__(self, latency_ms: _Optional[int] = ..., timestamp_ms: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ...) -> None: ...
    class Counter(_message.Message):
        __slots__ = ("count", "measurement")
        COUNT_FIELD_NUMBER: _ClassVar[int]
        MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
        count: int
        measurement: LatencyMonitorLog.Measurement
        def __init__(self, count: _Optional[int] = ..., measurement: _Optional[_Union[LatencyMonitorLog.Measurement, _Mapping[str, _Any]]] = ...) -> None: ...
    class Bucket(_message.Message):
        __slots__ = ("number", "from_ms", "read", "write", "deallocate")
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        FROM_MS_FIELD_NUMBER: _ClassVar[int]
        READ_FIELD_NUMBER: _ClassVar[int]
        WRITE_FIELD_NUMBER: _ClassVar[int]
        DEALLOCATE_FIELD_NUMBER: _ClassVar[int]
        number: int
        from_ms: int
        read: LatencyMonitorLog.Counter
        write: LatencyMonitorLog.Counter
        deallocate: LatencyMonitorLog.Counter
        def __init__(self, number: _Optional[int] = ..., from_ms: _Optional[int] = ..., read: _Optional[_Union[LatencyMonitorLog.Counter, _Mapping[str, _Any]]] = ..., write: _Optional[_Union[LatencyMonitorLog.Counter, _Mapping[str, _Any]]] = ..., deallocate: _Optional[_Union[LatencyMonitorLog.Counter, _Mapping[str, _Any]]] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    MEASURES_LATENCY_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_LARGEST_FIELD_NUMBER: _ClassVar[int]
    TIMER_MINUTES_FIELD_NUMBER: _ClassVar[int]
    TIMER_THRESHOLD_MINUTES_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MODE_BITS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_WINDOW_MS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    STATIC_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    DEBUG_TRIGGER_BITS_FIELD_NUMBER: _ClassVar[int]
    DEBUG_MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    DEBUG_SOURCE_BITS_FIELD_NUMBER: _ClassVar[int]
    DEBUG_POINTER_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    enabled: bool
    measures_latency: bool
    supports_largest: bool
    timer_minutes: int
    timer_threshold_minutes: int
    latency_mode_bits: int
    minimum_window_ms: int
    active_buckets: _containers.RepeatedCompositeFieldContainer[LatencyMonitorLog.Bucket]
    static_buckets: _containers.RepeatedCompositeFieldContainer[LatencyMonitorLog.Bucket]
    debug_trigger_bits: int
    debug_measurement: LatencyMonitorLog.Measurement
    debug_source_bits: int
    debug_pointer: int
    log_page_version: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., enabled: _Optional[bool] = ..., measures_latency: _Optional[bool] = ..., supports_largest: _Optional[bool] = ..., timer_minutes: _Optional[int] = ..., timer_threshold_minutes: _Optional[int] = ..., latency_mode_bits: _Optional[int] = ..., minimum_window_ms: _Optional[int] = ..., active_buckets: _Optional[_Iterable[_Union[LatencyMonitorLog.Bucket, _Mapping[str, _Any]]]] = ..., static_buckets: _Optional[_Iterable[_Union[LatencyMonitorLog.Bucket, _Mapping[str, _Any]]]] = ..., debug_trigger_bits: _Optional[int] = ..., debug_measurement: _Optional[_Union[LatencyMonitorLog.Measurement, _Mapping[str, _Any]]] = ..., debug_source_bits: _Optional[int] = ..., debug_pointer: _Optional[int] = ..., log_page_version: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class ConfigureLatencyMonitorRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "enabled", "timer_threshold_minutes", "threshold_a_ms", "threshold_b_ms", "threshold_c_ms", "threshold_d_ms", "latency_mode_bits", "minimum_window_ms", "debug_trigger_bits", "discard_debug_log", "save", "request_id", "validate_only")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    TIMER_THRESHOLD_MINUTES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_A_MS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_B_MS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_C_MS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_D_MS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MODE_BITS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_WINDOW_MS_FIELD_NUMBER: _ClassVar[int]
    DEBUG_TRIGGER_BITS_FIELD_NUMBER: _ClassVar[int]
    DISCARD_DEBUG_LOG_FIELD_NUMBER: _ClassVar[int]
    SAVE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    enabled: bool
    timer_threshold_minutes: int
    threshold_a_ms: int
    threshold_b_ms: int
    threshold_c_ms: int
    threshold_d_ms: int
    latency_mode_bits: int
    minimum_window_ms: int
    debug_trigger_bits: int
    discard_debug_log: bool
    save: bool
    request_id: str
    validate_only: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., enabled: _Optional[bool] = ..., timer_threshold_minutes: _Optional[int] = ..., threshold_a_ms: _Optional[int] = ..., threshold_b_ms: _Optional[int] = ..., threshold_c_ms: _Optional[int] = ..., threshold_d_ms: _Optional[int] = ..., latency_mode_bits: _Optional[int] = ..., minimum_window_ms: _Optional[int] = ..., debug_trigger_bits: _Optional[int] = ..., discard_debug_log: _Optional[bool] = ..., save: _Optional[bool] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ConfigureLatencyMonitorResponse(_message.Message):
    __slots__ = ("controller", "buckets_reset")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_RESET_FIELD_NUMBER: _ClassVar[int]
    controller: str
    buckets_reset: bool
    def __init__(self, controller: _Optional[str] = ..., buckets_reset: _Optional[bool] = ...) -> None: ...

class GetOcpDeviceCapabilitiesRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class OcpDeviceCapabilities(_message.Message):
    __slots__ = ("controller", "pcie_ports", "out_of_band", "write_zeroes", "sanitize", "dataset_management", "write_uncorrectable", "fused_compare_and_write", "fused_compliant", "minimum_power_state_watts", "power_states", "log_page_version", "raw")
    class OutOfBand(_message.Message):
        __slots__ = ("mctp_over_smbus", "mctp_over_pcie", "basic_management_command", "compliant")
        MCTP_OVER_SMBUS_FIELD_NUMBER: _ClassVar[int]
        MCTP_OVER_PCIE_FIELD_NUMBER: _ClassVar[int]
        BASIC_MANAGEMENT_COMMAND_FIELD_NUMBER: _ClassVar[int]
        COMPLIANT_FIELD_NUMBER: _ClassVar[int]
        mctp_over_smbus: bool
        mctp_over_pcie: bool
        basic_management_command: bool
        compliant: bool
        def __init__(self, mctp_over_smbus: _Optional[bool] = ..., mctp_over_pcie: _Optional[bool] = ..., basic_management_command: _Optional[bool] = ..., compliant: _Optional[bool] = ...) -> None: ...
    class WriteZeroes(_message.Message):
        __slots__ = ("supported", "deallocate", "force_unit_access", "meets_nvme_io_5", "meets_nvme_io_6", "compliant")
        SUPPORTED_FIELD_NUMBER: _ClassVar[int]
        DEALLOCATE_FIELD_NUMBER: _ClassVar[int]
        FORCE_UNIT_ACCESS_FIELD_NUMBER: _ClassVar[int]
        MEETS_NVME_IO_5_FIELD_NUMBER: _ClassVar[int]
        MEETS_NVME_IO_6_FIELD_NUMBER: _ClassVar[int]
        COMPLIANT_FIELD_NUMBER: _ClassVar[int]
        supported: bool
        deallocate: bool
        force_unit_access: bool
        meets_nvme_io_5: bool
        meets_nvme_io_6: bool
        compliant: bool
        def __init__(self, supported: _Optional[bool] = ..., deallocate: _Optional[bool] = ..., force_unit_access: _Optional[bool] = ..., meets_nvme_io_5: _Optional[bool] = ..., meets_nvme_io_6: _Optional[bool] = ..., compliant: _Optional[bool] = ...) -> None: ...
    class Sanitize(_message.Message):
        __slots__ = ("supported", "crypto_erase", "block_erase", "overwrite", "deallocate", "compliant")
        SUPPORTED_FIELD_NUMBER: _ClassVar[int]
        CRYPTO_ERASE_FIELD_NUMBER: _ClassVar[int]
        BLOCK_ERASE_FIELD_NUMBER: _ClassVar[int]
        OVERWRITE_FIELD_NUMBER: _ClassVar[int]
        DEALLOCATE_FIELD_NUMBER: _ClassVar[int]
        COMPLIANT_FIELD_NUMBER: _ClassVar[int]
        supported: bool
        crypto_erase: bool
        block_erase: bool
        overwrite: bool
        deallocate: bool
        compliant: bool
        def __init__(self, supported: _Optional[bool] = ..., crypto_erase: _Optional[bool] = ..., block_erase: _Optional[bool] = ..., overwrite: _Optional[bool] = ..., deallocate: _Optional[bool] = ..., compliant: _Optional[bool] = ...) -> None: ...
    class DatasetManagement(_message.Message):
        __slots__ = ("supported", "deallocate", "compliant")
        SUPPORTED_FIELD_NUMBER: _ClassVar[int]
        DEALLOCATE_FIELD_NUMBER: _ClassVar[int]
        COMPLIANT_FIELD_NUMBER: _ClassVar[int]
        supported: bool
        deallocate: bool
        compliant: bool
        def __init__(self, supported: _Optional[bool] = ..., deallocate: _Optional[bool] = ..., compliant: _Optional[bool] = ...) -> None: ...
    class WriteUncorrectable(_message.Message):
        __slots__ = ("supported", "single_block", "maximum_blocks", "meets_nvme_io_14", "compliant")
        SUPPORTED_FIELD_NUMBER: _ClassVar[int]
        SINGLE_BLOCK_FIELD_NUMBER: _ClassVar[int]
        MAXIMUM_BLOCKS_FIELD_NUMBER: _ClassVar[int]
        MEETS_NVME_IO_14_FIELD_NUMBER: _ClassVar[int]
        COMPLIANT_FIELD_NUMBER: _ClassVar[int]
        supported: bool
        single_block: bool
        maximum_blocks: bool
        meets_nvme_io_14: bool
        compliant: bool
        def __init__(self, supported: _Optional[bool] = ..., single_block: _Optional[bool] = ..., maximum_blocks: _Optional[bool] = ..., meets_nvme_io_14: _Optional[bool] = ..., compliant: _Optional[bool] = ...) -> None: ...
    class PowerState(_message.Message):
        __slots__ = ("watts", "nvme_power_state")
        WATTS_FIELD_NUMBER: _ClassVar[int]
        NVME_POWER_STATE_FIELD_NUMBER: _ClassVar[int]
        watts: int
        nvme_power_state: int
        def __init__(self, watts: _Optional[int] = ..., nvme_power_state: _Optional[int] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PCIE_PORTS_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_BAND_FIELD_NUMBER: _ClassVar[int]
    WRITE_ZEROES_FIELD_NUMBER: _ClassVar[int]
    SANITIZE_FIELD_NUMBER: _ClassVar[int]
    DATASET_MANAGEMENT_FIELD_NUMBER: _ClassVar[int]
    WRITE_UNCORRECTABLE_FIELD_NUMBER: _ClassVar[int]
    FUSED_COMPARE_AND_WRITE_FIELD_NUMBER: _ClassVar[int]
    FUSED_COMPLIANT_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_POWER_STATE_WATTS_FIELD_NUMBER: _ClassVar[int]
    POWER_STATES_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    pcie_ports: int
    out_of_band: OcpDeviceCapabilities.OutOfBand
    write_zeroes: OcpDeviceCapabilities.WriteZeroes
    sanitize: OcpDeviceCapabilities.Sanitize
    dataset_management: OcpDeviceCapabilities.DatasetManagement
    write_uncorrectable: OcpDeviceCapabilities.WriteUncorrectable
    fused_compare_and_write: bool
    fused_compliant: bool
    minimum_power_state_watts: int
    power_states: _containers.RepeatedCompositeFieldContainer[OcpDeviceCapabilities.PowerState]
    log_page_version: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., pcie_ports: _Optional[int] = ..., out_of_band: _Optional[_Union[OcpDeviceCapabilities.OutOfBand, _Mapping[str, _Any]]] = ..., write_zeroes: _Optional[_Union[OcpDeviceCapabilities.WriteZeroes, _Mapping[str, _Any]]] = ..., sanitize: _Optional[_Union[OcpDeviceCapabilities.Sanitize, _Mapping[str, _Any]]] = ..., dataset_management: _Optional[_Union[OcpDeviceCapabilities.DatasetManagement, _Mapping[str, _Any]]] = ..., write_uncorrectable: _Optional[_Union[OcpDeviceCapabilities.WriteUncorrectable, _Mapping[str, _Any]]] = ..., fused_compare_and_write: _Optional[bool] = ..., fused_compliant: _Optional[bool] = ..., minimum_power_state_watts: _Optional[int] = ..., power_states: _Optional[_Iterable[_Union[OcpDeviceCapabilities.PowerState, _Mapping[str, _Any]]]] = ..., log_page_version: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetOcpUnsupportedRequirementsRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class OcpUnsupportedRequirements(_message.Message):
    __slots__ = ("controller", "count", "requirement_ids", "log_page_version", "raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENT_IDS_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    count: int
    requirement_ids: _containers.RepeatedScalarFieldContainer[str]
    log_page_version: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., count: _Optional[int] = ..., requirement_ids: _Optional[_Iterable[str]] = ..., log_page_version: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetOcpHardwareComponentsRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class OcpHardwareComponents(_message.Message):
    __slots__ = ("controller", "components", "log_page_version", "size_bytes", "raw", "omissions")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[OcpHardwareComponents.Kind]
        KIND_CONTROLLER: _ClassVar[OcpHardwareComponents.Kind]
        KIND_NAND: _ClassVar[OcpHardwareComponents.Kind]
        KIND_DRAM: _ClassVar[OcpHardwareComponents.Kind]
        KIND_POWER_MANAGEMENT: _ClassVar[OcpHardwareComponents.Kind]
        KIND_BOARD: _ClassVar[OcpHardwareComponents.Kind]
        KIND_CAPACITOR: _ClassVar[OcpHardwareComponents.Kind]
        KIND_REGULATOR: _ClassVar[OcpHardwareComponents.Kind]
        KIND_CASE: _ClassVar[OcpHardwareComponents.Kind]
        KIND_SERIAL_NUMBER: _ClassVar[OcpHardwareComponents.Kind]
        KIND_COUNTRY_OF_ORIGIN: _ClassVar[OcpHardwareComponents.Kind]
        KIND_HARDWARE_REVISION: _ClassVar[OcpHardwareComponents.Kind]
        KIND_BORN_ON_DATE: _ClassVar[OcpHardwareComponents.Kind]
    KIND_UNSPECIFIED: OcpHardwareComponents.Kind
    KIND_CONTROLLER: OcpHardwareComponents.Kind
    KIND_NAND: OcpHardwareComponents.Kind
    KIND_DRAM: OcpHardwareComponents.Kind
    KIND_POWER_MANAGEMENT: OcpHardwareComponents.Kind
    KIND_BOARD: OcpHardwareComponents.Kind
    KIND_CAPACITOR: OcpHardwareComponents.Kind
    KIND_REGULATOR: OcpHardwareComponents.Kind
    KIND_CASE: OcpHardwareComponents.Kind
    KIND_SERIAL_NUMBER: OcpHardwareComponents.Kind
    KIND_COUNTRY_OF_ORIGIN: OcpHardwareComponents.Kind
    KIND_HARDWARE_REVISION: OcpHardwareComponents.Kind
    KIND_BORN_ON_DATE: OcpHardwareComponents.Kind
    class Component(_message.Message):
        __slots__ = ("kind", "raw_kind", "manufacturer", "revision", "manufacturer_code", "lot_code", "additional_information")
        KIND_FIELD_NUMBER: _ClassVar[int]
        RAW_KIND_FIELD_NUMBER: _ClassVar[int]
        MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
        REVISION_FIELD_NUMBER: _ClassVar[int]
        MANUFACTURER_CODE_FIELD_NUMBER: _ClassVar[int]
        LOT_CODE_FIELD_NUMBER: _ClassVar[int]
        ADDITIONAL_INFORMATION_FIELD_NUMBER: _ClassVar[int]
        kind: OcpHardwareComponents.Kind
        raw_kind: int
        manufacturer: bytes
        revision: bytes
        manufacturer_code: bytes
        lot_code: bytes
        additional_information: bytes
        def __init__(self, kind: _Optional[_Union[OcpHardwareComponents.Kind, str]] = ..., raw_kind: _Optional[int] = ..., manufacturer: _Optional[bytes] = ..., revision: _Optional[bytes] = ..., manufacturer_code: _Optional[bytes] = ..., lot_code: _Optional[bytes] = ..., additional_information: _Optional[bytes] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    components: _containers.RepeatedCompositeFieldContainer[OcpHardwareComponents.Component]
    log_page_version: int
    size_bytes: int
    raw: bytes
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., components: _Optional[_Iterable[_Union[OcpHardwareComponents.Component, _Mapping[str, _Any]]]] = ..., log_page_version: _Optional[int] = ..., size_bytes: _Optional[int] = ..., raw: _Optional[bytes] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class GetOcpTcgConfigurationLogRequest(_message.Message):
    __slots__ = ("controller", "uuid_index", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class OcpTcgConfigurationLog(_message.Message):
    __slots__ = ("controller", "state_bits", "locking_sp_activations", "tper_reverts", "locking_sp_reverts", "locking_objects", "single_user_mode_objects", "range_provisioned_objects", "namespace_provisioned_objects", "read_locked_objects", "write_locked_objects", "read_unlocked_objects", "write_unlocked_objects", "sid_authentication_tries", "sid_authentication_limit", "programmatic_resets", "programmatic_reset_locks", "tcg_errors", "namespace_provisioned_objects_extended", "log_page_version", "raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    STATE_BITS_FIELD_NUMBER: _ClassVar[int]
    LOCKING_SP_ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    TPER_REVERTS_FIELD_NUMBER: _ClassVar[int]
    LOCKING_SP_REVERTS_FIELD_NUMBER: _ClassVar[int]
    LOCKING_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    SINGLE_USER_MODE_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    RANGE_PROVISIONED_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_PROVISIONED_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    READ_LOCKED_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    WRITE_LOCKED_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    READ_UNLOCKED_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    WRITE_UNLOCKED_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    SID_AUTHENTICATION_TRIES_FIELD_NUMBER: _ClassVar[int]
    SID_AUTHENTICATION_LIMIT_FIELD_NUMBER: _ClassVar[int]
    PROGRAMMATIC_RESETS_FIELD_NUMBER: _ClassVar[int]
    PROGRAMMATIC_RESET_LOCKS_FIELD_NUMBER: _ClassVar[int]
    TCG_ERRORS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_PROVISIONED_OBJECTS_EXTENDED_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    state_bits: int
    locking_sp_activations: int
    tper_reverts: int
    locking_sp_reverts: int
    locking_objects: int
    single_user_mode_objects: int
    range_provisioned_objects: int
    namespace_provisioned_objects: int
    read_locked_objects: int
    write_locked_objects: int
    read_unlocked_objects: int
    write_unlocked_objects: int
    sid_authentication_tries: int
    sid_authentication_limit: int
    programmatic_resets: int
    programmatic_reset_locks: int
    tcg_errors: int
    namespace_provisioned_objects_extended: int
    log_page_version: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., state_bits: _Optional[int] = ..., locking_sp_activations: _Optional[int] = ..., tper_reverts: _Optional[int] = ..., locking_sp_reverts: _Optional[int] = ..., locking_objects: _Optional[int] = ..., single_user_mode_objects: _Optional[int] = ..., range_provisioned_objects: _Optional[int] = ..., namespace_provisioned_objects: _Optional[int] = ..., read_locked_objects: _Optional[int] = ..., write_locked_objects: _Optional[int] = ..., read_unlocked_objects: _Optional[int] = ..., write_unlocked_objects: _Optional[int] = ..., sid_authentication_tries: _Optional[int] = ..., sid_authentication_limit: _Optional[int] = ..., programmatic_resets: _Optional[int] = ..., programmatic_reset_locks: _Optional[int] = ..., tcg_errors: _Optional[int] = ..., namespace_provisioned_objects_extended: _Optional[int] = ..., log_page_version: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetOcpTelemetryStringsRequest(_message.Message):
    __slots__ = ("controller", "uuid_index")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    UUID_INDEX_FIELD_NUMBER: _ClassVar[int]
    controller: str
    uuid_index: int
    def __init__(self, controller: _Optional[str] = ..., uuid_index: _Optional[int] = ...) -> None: ...

class OcpTelemetryStrings(_message.Message):
    __slots__ = ("controller", "firmware_revision", "log_page_version", "size_bytes", "data", "sha256")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    controller: str
    firmware_revision: str
    log_page_version: int
    size_bytes: int
    data: bytes
    sha256: bytes
    def __init__(self, controller: _Optional[str] = ..., firmware_revision: _Optional[str] = ..., log_page_version: _Optional[int] = ..., size_bytes: _Optional[int] = ..., data: _Optional[bytes] = ..., sha256: _Optional[bytes] = ...) -> None: ...
