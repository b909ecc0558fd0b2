from google.longrunning import operations_pb2 as _operations_pb2
from nvmed.v1 import operations_pb2 as _operations_pb2_1
from nvmed.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListControllersRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListControllersResponse(_message.Message):
    __slots__ = ("controllers", "next_page_token")
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    controllers: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Controller]
    next_page_token: str
    def __init__(self, controllers: _Optional[_Iterable[_Union[_resources_pb2.Controller, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

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
    def __init__(self, controller: _Optional[str] = ..., capabilities: _Optional[_Iterable[_Union[ControllerCapabilities.Capability, _Mapping]]] = ..., nvme_version: _Optional[str] = ..., max_transfer_bytes: _Optional[int] = ..., firmware_slots: _Optional[int] = ..., firmware_slot1_read_only: _Optional[bool] = ..., firmware_update_granularity_bytes: _Optional[int] = ...) -> None: ...

class ListSubsystemsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListSubsystemsResponse(_message.Message):
    __slots__ = ("subsystems", "next_page_token")
    SUBSYSTEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subsystems: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Subsystem]
    next_page_token: str
    def __init__(self, subsystems: _Optional[_Iterable[_Union[_resources_pb2.Subsystem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetSubsystemRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("namespaces", "next_page_token")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Namespace]
    next_page_token: str
    def __init__(self, namespaces: _Optional[_Iterable[_Union[_resources_pb2.Namespace, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

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
    def __init__(self, controller: _Optional[str] = ..., previous_revision: _Optional[str] = ..., running_revision: _Optional[str] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2_1.GateResult, _Mapping]]] = ...) -> None: ...

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
    def __init__(self, subsystem: _Optional[str] = ..., previous_revision: _Optional[str] = ..., running_revision: _Optional[str] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2_1.GateResult, _Mapping]]] = ...) -> None: ...
