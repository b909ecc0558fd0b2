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

class EffectScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_SCOPE_UNSPECIFIED: _ClassVar[EffectScope]
    EFFECT_SCOPE_NAMESPACE: _ClassVar[EffectScope]
    EFFECT_SCOPE_CONTROLLER: _ClassVar[EffectScope]
    EFFECT_SCOPE_NVM_SET: _ClassVar[EffectScope]
    EFFECT_SCOPE_ENDURANCE_GROUP: _ClassVar[EffectScope]
    EFFECT_SCOPE_DOMAIN: _ClassVar[EffectScope]
    EFFECT_SCOPE_NVM_SUBSYSTEM: _ClassVar[EffectScope]
EFFECT_SCOPE_UNSPECIFIED: EffectScope
EFFECT_SCOPE_NAMESPACE: EffectScope
EFFECT_SCOPE_CONTROLLER: EffectScope
EFFECT_SCOPE_NVM_SET: EffectScope
EFFECT_SCOPE_ENDURANCE_GROUP: EffectScope
EFFECT_SCOPE_DOMAIN: EffectScope
EFFECT_SCOPE_NVM_SUBSYSTEM: EffectScope

class GetEnduranceGroupLogRequest(_message.Message):
    __slots__ = ("controller", "endurance_group_id", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    endurance_group_id: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., endurance_group_id: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class EnduranceGroupLog(_message.Message):
    __slots__ = ("controller", "endurance_group_id", "critical_warnings", "rotational", "available_spare_percent", "available_spare_threshold_percent", "percentage_used", "domain_id", "endurance_estimate_bytes", "bytes_read", "bytes_written", "media_bytes_written", "write_amplification", "host_read_commands", "host_write_commands", "media_errors", "error_log_entries", "total_capacity_bytes", "unallocated_capacity_bytes", "raw")
    class Warning(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WARNING_UNSPECIFIED: _ClassVar[EnduranceGroupLog.Warning]
        WARNING_SPARE_BELOW_THRESHOLD: _ClassVar[EnduranceGroupLog.Warning]
        WARNING_RELIABILITY_DEGRADED: _ClassVar[EnduranceGroupLog.Warning]
        WARNING_READ_ONLY: _ClassVar[EnduranceGroupLog.Warning]
    WARNING_UNSPECIFIED: EnduranceGroupLog.Warning
    WARNING_SPARE_BELOW_THRESHOLD: EnduranceGroupLog.Warning
    WARNING_RELIABILITY_DEGRADED: EnduranceGroupLog.Warning
    WARNING_READ_ONLY: EnduranceGroupLog.Warning
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ROTATIONAL_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_SPARE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_SPARE_THRESHOLD_PERCENT_FIELD_NUMBER: _ClassVar[int]
    PERCENTAGE_USED_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_ID_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_ESTIMATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_READ_FIELD_NUMBER: _ClassVar[int]
    BYTES_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    MEDIA_BYTES_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    WRITE_AMPLIFICATION_FIELD_NUMBER: _ClassVar[int]
    HOST_READ_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    HOST_WRITE_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ERRORS_FIELD_NUMBER: _ClassVar[int]
    ERROR_LOG_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNALLOCATED_CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    endurance_group_id: int
    critical_warnings: _containers.RepeatedScalarFieldContainer[EnduranceGroupLog.Warning]
    rotational: bool
    available_spare_percent: int
    available_spare_threshold_percent: int
    percentage_used: int
    domain_id: int
    endurance_estimate_bytes: int
    bytes_read: int
    bytes_written: int
    media_bytes_written: int
    write_amplification: float
    host_read_commands: int
    host_write_commands: int
    media_errors: int
    error_log_entries: int
    total_capacity_bytes: int
    unallocated_capacity_bytes: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., endurance_group_id: _Optional[int] = ..., critical_warnings: _Optional[_Iterable[_Union[EnduranceGroupLog.Warning, str]]] = ..., rotational: _Optional[bool] = ..., available_spare_percent: _Optional[int] = ..., available_spare_threshold_percent: _Optional[int] = ..., percentage_used: _Optional[int] = ..., domain_id: _Optional[int] = ..., endurance_estimate_bytes: _Optional[int] = ..., bytes_read: _Optional[int] = ..., bytes_written: _Optional[int] = ..., media_bytes_written: _Optional[int] = ..., write_amplification: _Optional[float] = ..., host_read_commands: _Optional[int] = ..., host_write_commands: _Optional[int] = ..., media_errors: _Optional[int] = ..., error_log_entries: _Optional[int] = ..., total_capacity_bytes: _Optional[int] = ..., unallocated_capacity_bytes: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetEventAggregateLogRequest(_message.Message):
    __slots__ = ("controller", "subject", "retain_async_event", "request_id", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    subject: EventAggregateLog.Subject
    retain_async_event: bool
    request_id: str
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., subject: _Optional[_Union[EventAggregateLog.Subject, str]] = ..., retain_async_event: _Optional[bool] = ..., request_id: _Optional[str] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class EventAggregateLog(_message.Message):
    __slots__ = ("controller", "subject", "ids", "async_event_retained", "raw")
    class Subject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SUBJECT_UNSPECIFIED: _ClassVar[EventAggregateLog.Subject]
        SUBJECT_ENDURANCE_GROUPS: _ClassVar[EventAggregateLog.Subject]
        SUBJECT_NVM_SETS: _ClassVar[EventAggregateLog.Subject]
    SUBJECT_UNSPECIFIED: EventAggregateLog.Subject
    SUBJECT_ENDURANCE_GROUPS: EventAggregateLog.Subject
    SUBJECT_NVM_SETS: EventAggregateLog.Subject
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    subject: EventAggregateLog.Subject
    ids: _containers.RepeatedScalarFieldContainer[int]
    async_event_retained: bool
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., subject: _Optional[_Union[EventAggregateLog.Subject, str]] = ..., ids: _Optional[_Iterable[int]] = ..., async_event_retained: _Optional[bool] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetPredictableLatencyLogRequest(_message.Message):
    __slots__ = ("controller", "nvm_set_id", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NVM_SET_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nvm_set_id: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., nvm_set_id: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class PredictableLatencyLog(_message.Message):
    __slots__ = ("controller", "nvm_set_id", "window", "event_bits", "typical_reads", "typical_writes", "maximum_deterministic_ms", "minimum_recovery_high_ms", "minimum_recovery_low_ms", "reads_left", "writes_left", "time_left_ms", "raw")
    class Window(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WINDOW_UNSPECIFIED: _ClassVar[PredictableLatencyLog.Window]
        WINDOW_DETERMINISTIC: _ClassVar[PredictableLatencyLog.Window]
        WINDOW_NON_DETERMINISTIC: _ClassVar[PredictableLatencyLog.Window]
    WINDOW_UNSPECIFIED: PredictableLatencyLog.Window
    WINDOW_DETERMINISTIC: PredictableLatencyLog.Window
    WINDOW_NON_DETERMINISTIC: PredictableLatencyLog.Window
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NVM_SET_ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    EVENT_BITS_FIELD_NUMBER: _ClassVar[int]
    TYPICAL_READS_FIELD_NUMBER: _ClassVar[int]
    TYPICAL_WRITES_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_DETERMINISTIC_MS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_RECOVERY_HIGH_MS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_RECOVERY_LOW_MS_FIELD_NUMBER: _ClassVar[int]
    READS_LEFT_FIELD_NUMBER: _ClassVar[int]
    WRITES_LEFT_FIELD_NUMBER: _ClassVar[int]
    TIME_LEFT_MS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nvm_set_id: int
    window: PredictableLatencyLog.Window
    event_bits: int
    typical_reads: int
    typical_writes: int
    maximum_deterministic_ms: int
    minimum_recovery_high_ms: int
    minimum_recovery_low_ms: int
    reads_left: int
    writes_left: int
    time_left_ms: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., nvm_set_id: _Optional[int] = ..., window: _Optional[_Union[PredictableLatencyLog.Window, str]] = ..., event_bits: _Optional[int] = ..., typical_reads: _Optional[int] = ..., typical_writes: _Optional[int] = ..., maximum_deterministic_ms: _Optional[int] = ..., minimum_recovery_high_ms: _Optional[int] = ..., minimum_recovery_low_ms: _Optional[int] = ..., reads_left: _Optional[int] = ..., writes_left: _Optional[int] = ..., time_left_ms: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetMediaUnitStatusLogRequest(_message.Message):
    __slots__ = ("controller", "domain_id", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    domain_id: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., domain_id: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class MediaUnitStatusLog(_message.Message):
    __slots__ = ("controller", "media_unit_count", "channel_count", "selected_configuration_id", "media_units", "omissions", "raw")
    class MediaUnit(_message.Message):
        __slots__ = ("media_unit_id", "domain_id", "endurance_group_id", "nvm_set_id", "capacity_adjustment", "available_spare_percent", "percentage_used", "channel_ids")
        MEDIA_UNIT_ID_FIELD_NUMBER: _ClassVar[int]
        DOMAIN_ID_FIELD_NUMBER: _ClassVar[int]
        ENDURANCE_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
        NVM_SET_ID_FIELD_NUMBER: _ClassVar[int]
        CAPACITY_ADJUSTMENT_FIELD_NUMBER: _ClassVar[int]
        AVAILABLE_SPARE_PERCENT_FIELD_NUMBER: _ClassVar[int]
        PERCENTAGE_USED_FIELD_NUMBER: _ClassVar[int]
        CHANNEL_IDS_FIELD_NUMBER: _ClassVar[int]
        media_unit_id: int
        domain_id: int
        endurance_group_id: int
        nvm_set_id: int
        capacity_adjustment: int
        available_spare_percent: int
        percentage_used: int
        channel_ids: _containers.RepeatedScalarFieldContainer[int]
        def __init__(self, media_unit_id: _Optional[int] = ..., domain_id: _Optional[int] = ..., endurance_group_id: _Optional[int] = ..., nvm_set_id: _Optional[int] = ..., capacity_adjustment: _Optional[int] = ..., available_spare_percent: _Optional[int] = ..., percentage_used: _Optional[int] = ..., channel_ids: _Optional[_Iterable[int]] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    MEDIA_UNIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    SELECTED_CONFIGURATION_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_UNITS_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    media_unit_count: int
    channel_count: int
    selected_configuration_id: int
    media_units: _containers.RepeatedCompositeFieldContainer[MediaUnitStatusLog.MediaUnit]
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., media_unit_count: _Optional[int] = ..., channel_count: _Optional[int] = ..., selected_configuration_id: _Optional[int] = ..., media_units: _Optional[_Iterable[_Union[MediaUnitStatusLog.MediaUnit, _Mapping[str, _Any]]]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetCapacityConfigurationsRequest(_message.Message):
    __slots__ = ("controller", "domain_id", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    domain_id: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., domain_id: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class CapacityConfigurations(_message.Message):
    __slots__ = ("controller", "configuration_count", "configurations", "omissions", "raw")
    class Channel(_message.Message):
        __slots__ = ("channel_id", "media_unit_ids")
        CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
        MEDIA_UNIT_IDS_FIELD_NUMBER: _ClassVar[int]
        channel_id: int
        media_unit_ids: _containers.RepeatedScalarFieldContainer[int]
        def __init__(self, channel_id: _Optional[int] = ..., media_unit_ids: _Optional[_Iterable[int]] = ...) -> None: ...
    class EnduranceGroup(_message.Message):
        __slots__ = ("endurance_group_id", "capacity_adjustment", "total_capacity_bytes", "spare_capacity_bytes", "endurance_estimate_bytes", "nvm_set_ids", "channels")
        ENDURANCE_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
        CAPACITY_ADJUSTMENT_FIELD_NUMBER: _ClassVar[int]
        TOTAL_CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
        SPARE_CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
        ENDURANCE_ESTIMATE_BYTES_FIELD_NUMBER: _ClassVar[int]
        NVM_SET_IDS_FIELD_NUMBER: _ClassVar[int]
        CHANNELS_FIELD_NUMBER: _ClassVar[int]
        endurance_group_id: int
        capacity_adjustment: int
        total_capacity_bytes: int
        spare_capacity_bytes: int
        endurance_estimate_bytes: int
        nvm_set_ids: _containers.RepeatedScalarFieldContainer[int]
        channels: _containers.RepeatedCompositeFieldContainer[CapacityConfigurations.Channel]
        def __init__(self, endurance_group_id: _Optional[int] = ..., capacity_adjustment: _Optional[int] = ..., total_capacity_bytes: _Optional[int] = ..., spare_capacity_bytes: _Optional[int] = ..., endurance_estimate_bytes: _Optional[int] = ..., nvm_set_ids: _Optional[_Iterable[int]] = ..., channels: _Optional[_Iterable[_Union[CapacityConfigurations.Channel, _Mapping[str, _Any]]]] = ...) -> None: ...
    class Configuration(_message.Message):
        __slots__ = ("configuration_id", "domain_id", "endurance_groups")
        CONFIGURATION_ID_FIELD_NUMBER: _ClassVar[int]
        DOMAIN_ID_FIELD_NUMBER: _ClassVar[int]
        ENDURANCE_GROUPS_FIELD_NUMBER: _ClassVar[int]
        configuration_id: int
        domain_id: int
        endurance_groups: _containers.RepeatedCompositeFieldContainer[CapacityConfigurations.EnduranceGroup]
        def __init__(self, configuration_id: _Optional[int] = ..., domain_id: _Optional[int] = ..., endurance_groups: _Optional[_Iterable[_Union[CapacityConfigurations.EnduranceGroup, _Mapping[str, _Any]]]] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATIONS_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    configuration_count: int
    configurations: _containers.RepeatedCompositeFieldContainer[CapacityConfigurations.Configuration]
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., configuration_count: _Optional[int] = ..., configurations: _Optional[_Iterable[_Union[CapacityConfigurations.Configuration, _Mapping[str, _Any]]]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetRotationalMediaLogRequest(_message.Message):
    __slots__ = ("controller", "endurance_group_id", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    endurance_group_id: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., endurance_group_id: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class RotationalMediaLog(_message.Message):
    __slots__ = ("controller", "endurance_group_id", "actuators", "nominal_speed_rpm", "spinups", "failed_spinups", "loads", "failed_loads", "raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ACTUATORS_FIELD_NUMBER: _ClassVar[int]
    NOMINAL_SPEED_RPM_FIELD_NUMBER: _ClassVar[int]
    SPINUPS_FIELD_NUMBER: _ClassVar[int]
    FAILED_SPINUPS_FIELD_NUMBER: _ClassVar[int]
    LOADS_FIELD_NUMBER: _ClassVar[int]
    FAILED_LOADS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    endurance_group_id: int
    actuators: int
    nominal_speed_rpm: int
    spinups: int
    failed_spinups: int
    loads: int
    failed_loads: int
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., endurance_group_id: _Optional[int] = ..., actuators: _Optional[int] = ..., nominal_speed_rpm: _Optional[int] = ..., spinups: _Optional[int] = ..., failed_spinups: _Optional[int] = ..., loads: _Optional[int] = ..., failed_loads: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetFeatureEffectsLogRequest(_message.Message):
    __slots__ = ("controller", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class FeatureEffectsLog(_message.Message):
    __slots__ = ("controller", "features", "raw")
    class Feature(_message.Message):
        __slots__ = ("feature_id", "title", "changes_data", "changes_namespace", "changes_inventory", "changes_controller", "selects_uuid", "scopes")
        FEATURE_ID_FIELD_NUMBER: _ClassVar[int]
        TITLE_FIELD_NUMBER: _ClassVar[int]
        CHANGES_DATA_FIELD_NUMBER: _ClassVar[int]
        CHANGES_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
        CHANGES_INVENTORY_FIELD_NUMBER: _ClassVar[int]
        CHANGES_CONTROLLER_FIELD_NUMBER: _ClassVar[int]
        SELECTS_UUID_FIELD_NUMBER: _ClassVar[int]
        SCOPES_FIELD_NUMBER: _ClassVar[int]
        feature_id: int
        title: str
        changes_data: bool
        changes_namespace: bool
        changes_inventory: bool
        changes_controller: bool
        selects_uuid: bool
        scopes: _containers.RepeatedScalarFieldContainer[EffectScope]
        def __init__(self, feature_id: _Optional[int] = ..., title: _Optional[str] = ..., changes_data: _Optional[bool] = ..., changes_namespace: _Optional[bool] = ..., changes_inventory: _Optional[bool] = ..., changes_controller: _Optional[bool] = ..., selects_uuid: _Optional[bool] = ..., scopes: _Optional[_Iterable[_Union[EffectScope, str]]] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    features: _containers.RepeatedCompositeFieldContainer[FeatureEffectsLog.Feature]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., features: _Optional[_Iterable[_Union[FeatureEffectsLog.Feature, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetManagementEffectsLogRequest(_message.Message):
    __slots__ = ("controller", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class ManagementEffectsLog(_message.Message):
    __slots__ = ("controller", "commands", "raw")
    class Command(_message.Message):
        __slots__ = ("opcode", "title", "changes_data", "changes_namespace", "changes_inventory", "changes_controller", "selects_uuid", "scopes")
        OPCODE_FIELD_NUMBER: _ClassVar[int]
        TITLE_FIELD_NUMBER: _ClassVar[int]
        CHANGES_DATA_FIELD_NUMBER: _ClassVar[int]
        CHANGES_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
        CHANGES_INVENTORY_FIELD_NUMBER: _ClassVar[int]
        CHANGES_CONTROLLER_FIELD_NUMBER: _ClassVar[int]
        SELECTS_UUID_FIELD_NUMBER: _ClassVar[int]
        SCOPES_FIELD_NUMBER: _ClassVar[int]
        opcode: int
        title: str
        changes_data: bool
        changes_namespace: bool
        changes_inventory: bool
        changes_controller: bool
        selects_uuid: bool
        scopes: _containers.RepeatedScalarFieldContainer[EffectScope]
        def __init__(self, opcode: _Optional[int] = ..., title: _Optional[str] = ..., changes_data: _Optional[bool] = ..., changes_namespace: _Optional[bool] = ..., changes_inventory: _Optional[bool] = ..., changes_controller: _Optional[bool] = ..., selects_uuid: _Optional[bool] = ..., scopes: _Optional[_Iterable[_Union[EffectScope, str]]] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    commands: _containers.RepeatedCompositeFieldContainer[ManagementEffectsLog.Command]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., commands: _Optional[_Iterable[_Union[ManagementEffectsLog.Command, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetChangedNamespacesRequest(_message.Message):
    __slots__ = ("controller", "allocated", "retain_async_event", "request_id", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ASYNC_EVENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    allocated: bool
    retain_async_event: bool
    request_id: str
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., allocated: _Optional[bool] = ..., retain_async_event: _Optional[bool] = ..., request_id: _Optional[str] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class ChangedNamespaces(_message.Message):
    __slots__ = ("controller", "allocated", "nsids", "too_many", "async_event_retained", "raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_FIELD_NUMBER: _ClassVar[int]
    NSIDS_FIELD_NUMBER: _ClassVar[int]
    TOO_MANY_FIELD_NUMBER: _ClassVar[int]
    ASYNC_EVENT_RETAINED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    allocated: bool
    nsids: _containers.RepeatedScalarFieldContainer[int]
    too_many: bool
    async_event_retained: bool
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., allocated: _Optional[bool] = ..., nsids: _Optional[_Iterable[int]] = ..., too_many: _Optional[bool] = ..., async_event_retained: _Optional[bool] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetBootPartitionRequest(_message.Message):
    __slots__ = ("controller", "partition_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PARTITION_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    partition_id: int
    def __init__(self, controller: _Optional[str] = ..., partition_id: _Optional[int] = ...) -> None: ...

class BootPartition(_message.Message):
    __slots__ = ("controller", "partition_id", "active_partition_id", "size_bytes", "offset_bytes")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PARTITION_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_PARTITION_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    partition_id: int
    active_partition_id: int
    size_bytes: int
    offset_bytes: int
    def __init__(self, controller: _Optional[str] = ..., partition_id: _Optional[int] = ..., active_partition_id: _Optional[int] = ..., size_bytes: _Optional[int] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class GetPowerMeasurementLogRequest(_message.Message):
    __slots__ = ("controller", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class PowerMeasurementLog(_message.Message):
    __slots__ = ("controller", "running", "generation_number", "measurement_type", "measurements", "has_gaps", "estimated", "minutes_left", "stopped_timestamp_ms", "average_milliwatts", "maximum_milliwatts", "maximum_time", "error_percent", "bin_width_milliwatts", "bins", "overflows", "omissions", "raw")
    class Bin(_message.Message):
        __slots__ = ("from_milliwatts", "count")
        FROM_MILLIWATTS_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        from_milliwatts: float
        count: int
        def __init__(self, from_milliwatts: _Optional[float] = ..., count: _Optional[int] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    GENERATION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    HAS_GAPS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    MINUTES_LEFT_FIELD_NUMBER: _ClassVar[int]
    STOPPED_TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_MILLIWATTS_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_MILLIWATTS_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_TIME_FIELD_NUMBER: _ClassVar[int]
    ERROR_PERCENT_FIELD_NUMBER: _ClassVar[int]
    BIN_WIDTH_MILLIWATTS_FIELD_NUMBER: _ClassVar[int]
    BINS_FIELD_NUMBER: _ClassVar[int]
    OVERFLOWS_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    running: bool
    generation_number: int
    measurement_type: int
    measurements: int
    has_gaps: bool
    estimated: bool
    minutes_left: int
    stopped_timestamp_ms: int
    average_milliwatts: float
    maximum_milliwatts: float
    maximum_time: _timestamp_pb2.Timestamp
    error_percent: int
    bin_width_milliwatts: int
    bins: _containers.RepeatedCompositeFieldContainer[PowerMeasurementLog.Bin]
    overflows: int
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., running: _Optional[bool] = ..., generation_number: _Optional[int] = ..., measurement_type: _Optional[int] = ..., measurements: _Optional[int] = ..., has_gaps: _Optional[bool] = ..., estimated: _Optional[bool] = ..., minutes_left: _Optional[int] = ..., stopped_timestamp_ms: _Optional[int] = ..., average_milliwatts: _Optional[float] = ..., maximum_milliwatts: _Optional[float] = ..., maximum_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ..., error_percent: _Optional[int] = ..., bin_width_milliwatts: _Optional[int] = ..., bins: _Optional[_Iterable[_Union[PowerMeasurementLog.Bin, _Mapping[str, _Any]]]] = ..., overflows: _Optional[int] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...

class GetSanitizedNamespacesRequest(_message.Message):
    __slots__ = ("controller", "in_progress", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    in_progress: bool
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., in_progress: _Optional[bool] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class SanitizedNamespaces(_message.Message):
    __slots__ = ("controller", "in_progress", "generation", "nsids", "omissions", "raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    NSIDS_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    in_progress: bool
    generation: int
    nsids: _containers.RepeatedScalarFieldContainer[int]
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    raw: bytes
    def __init__(self, controller: _Optional[str] = ..., in_progress: _Optional[bool] = ..., generation: _Optional[int] = ..., nsids: _Optional[_Iterable[int]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ..., raw: _Optional[bytes] = ...) -> None: ...
