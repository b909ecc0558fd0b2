import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from nvmed.v1 import operations_pb2 as _operations_pb2_1
from nvmed.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Indicator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INDICATOR_UNSPECIFIED: _ClassVar[Indicator]
    INDICATOR_LOCATE: _ClassVar[Indicator]
    INDICATOR_FAULT: _ClassVar[Indicator]
INDICATOR_UNSPECIFIED: Indicator
INDICATOR_LOCATE: Indicator
INDICATOR_FAULT: Indicator

class ListControllersRequest(_message.Message):
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

class ListControllersResponse(_message.Message):
    __slots__ = ("controllers", "next_page_token")
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    controllers: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Controller]
    next_page_token: str
    def __init__(self, controllers: _Optional[_Iterable[_Union[_resources_pb2.Controller, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetControllerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetControllerCapabilitiesRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ControllerCapabilities(_message.Message):
    __slots__ = ("controller", "capabilities", "nvme_version", "max_transfer_bytes", "firmware_slots", "firmware_slot1_read_only", "firmware_update_granularity_bytes")
    class Capability(_message.Message):
        __slots__ = ("capability", "supported", "source", "description")
        CAPABILITY_FIELD_NUMBER: _ClassVar[int]
        SUPPORTED_FIELD_NUMBER: _ClassVar[int]
        SOURCE_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
        capability: str
        supported: bool
        source: str
        description: str
        def __init__(self, capability: _Optional[str] = ..., supported: _Optional[bool] = ..., source: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    NVME_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_SLOTS_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_SLOT1_READ_ONLY_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_UPDATE_GRANULARITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    capabilities: _containers.RepeatedCompositeFieldContainer[ControllerCapabilities.Capability]
    nvme_version: str
    max_transfer_bytes: int
    firmware_slots: int
    firmware_slot1_read_only: bool
    firmware_update_granularity_bytes: int
    def __init__(self, controller: _Optional[str] = ..., capabilities: _Optional[_Iterable[_Union[ControllerCapabilities.Capability, _Mapping[str, _Any]]]] = ..., nvme_version: _Optional[str] = ..., max_transfer_bytes: _Optional[int] = ..., firmware_slots: _Optional[int] = ..., firmware_slot1_read_only: _Optional[bool] = ..., firmware_update_granularity_bytes: _Optional[int] = ...) -> None: ...

class ListSubsystemsRequest(_message.Message):
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

class ListSubsystemsResponse(_message.Message):
    __slots__ = ("subsystems", "next_page_token")
    SUBSYSTEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subsystems: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Subsystem]
    next_page_token: str
    def __init__(self, subsystems: _Optional[_Iterable[_Union[_resources_pb2.Subsystem, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetSubsystemRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter", "order_by")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    order_by: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("namespaces", "next_page_token")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Namespace]
    next_page_token: str
    def __init__(self, namespaces: _Optional[_Iterable[_Union[_resources_pb2.Namespace, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetNamespaceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ResetControllerRequest(_message.Message):
    __slots__ = ("name", "acknowledge_disruption", "override_gates", "validate_only", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    acknowledge_disruption: bool
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2_1.Gate]
    validate_only: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., acknowledge_disruption: _Optional[bool] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2_1.Gate, str]]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResetControllerResponse(_message.Message):
    __slots__ = ("controller", "previous_revision", "running_revision", "gates")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
    RUNNING_REVISION_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    previous_revision: str
    running_revision: str
    gates: _containers.RepeatedCompositeFieldContainer[_operations_pb2_1.GateResult]
    def __init__(self, controller: _Optional[str] = ..., previous_revision: _Optional[str] = ..., running_revision: _Optional[str] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2_1.GateResult, _Mapping[str, _Any]]]] = ...) -> None: ...

class ResetSubsystemRequest(_message.Message):
    __slots__ = ("name", "acknowledge_disruption", "override_gates", "validate_only", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    acknowledge_disruption: bool
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2_1.Gate]
    validate_only: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., acknowledge_disruption: _Optional[bool] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2_1.Gate, str]]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResetSubsystemResponse(_message.Message):
    __slots__ = ("subsystem", "previous_revision", "running_revision", "gates")
    SUBSYSTEM_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
    RUNNING_REVISION_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    subsystem: str
    previous_revision: str
    running_revision: str
    gates: _containers.RepeatedCompositeFieldContainer[_operations_pb2_1.GateResult]
    def __init__(self, subsystem: _Optional[str] = ..., previous_revision: _Optional[str] = ..., running_revision: _Optional[str] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2_1.GateResult, _Mapping[str, _Any]]]] = ...) -> None: ...

class GetControllerSurroundingsRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ControllerSurroundings(_message.Message):
    __slots__ = ("controller", "location", "link", "pci_errors", "queue_count", "queue_depth", "kernel_counters", "paths", "indicators")
    class KernelCountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    PCI_ERRORS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUEUE_DEPTH_FIELD_NUMBER: _ClassVar[int]
    KERNEL_COUNTERS_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    INDICATORS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    location: ControllerLocation
    link: PciLink
    pci_errors: PciErrors
    queue_count: int
    queue_depth: int
    kernel_counters: _containers.ScalarMap[str, int]
    paths: _containers.RepeatedCompositeFieldContainer[PathStatistics]
    indicators: _containers.RepeatedCompositeFieldContainer[IndicatorState]
    def __init__(self, controller: _Optional[str] = ..., location: _Optional[_Union[ControllerLocation, _Mapping[str, _Any]]] = ..., link: _Optional[_Union[PciLink, _Mapping[str, _Any]]] = ..., pci_errors: _Optional[_Union[PciErrors, _Mapping[str, _Any]]] = ..., queue_count: _Optional[int] = ..., queue_depth: _Optional[int] = ..., kernel_counters: _Optional[_Mapping[str, int]] = ..., paths: _Optional[_Iterable[_Union[PathStatistics, _Mapping[str, _Any]]]] = ..., indicators: _Optional[_Iterable[_Union[IndicatorState, _Mapping[str, _Any]]]] = ...) -> None: ...

class ControllerLocation(_message.Message):
    __slots__ = ("pci_address", "slot", "label", "enclosure", "bay", "numa_node")
    PCI_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    ENCLOSURE_FIELD_NUMBER: _ClassVar[int]
    BAY_FIELD_NUMBER: _ClassVar[int]
    NUMA_NODE_FIELD_NUMBER: _ClassVar[int]
    pci_address: str
    slot: str
    label: str
    enclosure: str
    bay: str
    numa_node: int
    def __init__(self, pci_address: _Optional[str] = ..., slot: _Optional[str] = ..., label: _Optional[str] = ..., enclosure: _Optional[str] = ..., bay: _Optional[str] = ..., numa_node: _Optional[int] = ...) -> None: ...

class PciLink(_message.Message):
    __slots__ = ("speed_mts", "width", "max_speed_mts", "max_width", "degraded")
    SPEED_MTS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEED_MTS_FIELD_NUMBER: _ClassVar[int]
    MAX_WIDTH_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    speed_mts: int
    width: int
    max_speed_mts: int
    max_width: int
    degraded: bool
    def __init__(self, speed_mts: _Optional[int] = ..., width: _Optional[int] = ..., max_speed_mts: _Optional[int] = ..., max_width: _Optional[int] = ..., degraded: _Optional[bool] = ...) -> None: ...

class PciErrors(_message.Message):
    __slots__ = ("correctable", "nonfatal", "fatal")
    class CorrectableEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class NonfatalEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class FatalEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CORRECTABLE_FIELD_NUMBER: _ClassVar[int]
    NONFATAL_FIELD_NUMBER: _ClassVar[int]
    FATAL_FIELD_NUMBER: _ClassVar[int]
    correctable: _containers.ScalarMap[str, int]
    nonfatal: _containers.ScalarMap[str, int]
    fatal: _containers.ScalarMap[str, int]
    def __init__(self, correctable: _Optional[_Mapping[str, int]] = ..., nonfatal: _Optional[_Mapping[str, int]] = ..., fatal: _Optional[_Mapping[str, int]] = ...) -> None: ...

class PathStatistics(_message.Message):
    __slots__ = ("device_node", "nsid", "ana_state", "read_count", "write_count", "read_bytes", "written_bytes", "in_flight_count", "kernel_counters", "read_ms", "write_ms")
    class KernelCountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    ANA_STATE_FIELD_NUMBER: _ClassVar[int]
    READ_COUNT_FIELD_NUMBER: _ClassVar[int]
    WRITE_COUNT_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_BYTES_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_COUNT_FIELD_NUMBER: _ClassVar[int]
    KERNEL_COUNTERS_FIELD_NUMBER: _ClassVar[int]
    READ_MS_FIELD_NUMBER: _ClassVar[int]
    WRITE_MS_FIELD_NUMBER: _ClassVar[int]
    device_node: str
    nsid: int
    ana_state: str
    read_count: int
    write_count: int
    read_bytes: int
    written_bytes: int
    in_flight_count: int
    kernel_counters: _containers.ScalarMap[str, int]
    read_ms: int
    write_ms: int
    def __init__(self, device_node: _Optional[str] = ..., nsid: _Optional[int] = ..., ana_state: _Optional[str] = ..., read_count: _Optional[int] = ..., write_count: _Optional[int] = ..., read_bytes: _Optional[int] = ..., written_bytes: _Optional[int] = ..., in_flight_count: _Optional[int] = ..., kernel_counters: _Optional[_Mapping[str, int]] = ..., read_ms: _Optional[int] = ..., write_ms: _Optional[int] = ...) -> None: ...

class IndicatorState(_message.Message):
    __slots__ = ("indicator", "on", "expire_time")
    INDICATOR_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    indicator: Indicator
    on: bool
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, indicator: _Optional[_Union[Indicator, str]] = ..., on: _Optional[bool] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ...) -> None: ...

class SetLocatorRequest(_message.Message):
    __slots__ = ("name", "indicator", "on", "timeout_ms", "validate_only", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INDICATOR_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    indicator: Indicator
    on: bool
    timeout_ms: int
    validate_only: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., indicator: _Optional[_Union[Indicator, str]] = ..., on: _Optional[bool] = ..., timeout_ms: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetLocatorResponse(_message.Message):
    __slots__ = ("controller", "indicator", "on", "expire_time")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    INDICATOR_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    controller: str
    indicator: Indicator
    on: bool
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, controller: _Optional[str] = ..., indicator: _Optional[_Union[Indicator, str]] = ..., on: _Optional[bool] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping[str, _Any]]] = ...) -> None: ...
