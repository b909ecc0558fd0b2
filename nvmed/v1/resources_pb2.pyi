from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from nvmed.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Controller(_message.Message):
    __slots__ = ("name", "device_node", "serial_number", "model_number", "firmware_revision", "controller_id", "subsystem", "subsystem_nqn", "transport", "address", "state", "lane_state", "controller_type", "numa_node", "queue_max_transfer_bytes", "host_nqn", "namespaces", "omissions")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Controller.State]
        STATE_LIVE: _ClassVar[Controller.State]
        STATE_NEW: _ClassVar[Controller.State]
        STATE_RESETTING: _ClassVar[Controller.State]
        STATE_CONNECTING: _ClassVar[Controller.State]
        STATE_DELETING: _ClassVar[Controller.State]
        STATE_DEAD: _ClassVar[Controller.State]
    STATE_UNSPECIFIED: Controller.State
    STATE_LIVE: Controller.State
    STATE_NEW: Controller.State
    STATE_RESETTING: Controller.State
    STATE_CONNECTING: Controller.State
    STATE_DELETING: Controller.State
    STATE_DEAD: Controller.State
    class LaneState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LANE_STATE_UNSPECIFIED: _ClassVar[Controller.LaneState]
        LANE_STATE_SERVING: _ClassVar[Controller.LaneState]
        LANE_STATE_STALLED: _ClassVar[Controller.LaneState]
    LANE_STATE_UNSPECIFIED: Controller.LaneState
    LANE_STATE_SERVING: Controller.LaneState
    LANE_STATE_STALLED: Controller.LaneState
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
    SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_REVISION_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_NQN_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LANE_STATE_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_TYPE_FIELD_NUMBER: _ClassVar[int]
    NUMA_NODE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_MAX_TRANSFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    HOST_NQN_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    device_node: str
    serial_number: str
    model_number: str
    firmware_revision: str
    controller_id: int
    subsystem: str
    subsystem_nqn: str
    transport: str
    address: str
    state: Controller.State
    lane_state: Controller.LaneState
    controller_type: str
    numa_node: int
    queue_max_transfer_bytes: int
    host_nqn: str
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, name: _Optional[str] = ..., device_node: _Optional[str] = ..., serial_number: _Optional[str] = ..., model_number: _Optional[str] = ..., firmware_revision: _Optional[str] = ..., controller_id: _Optional[int] = ..., subsystem: _Optional[str] = ..., subsystem_nqn: _Optional[str] = ..., transport: _Optional[str] = ..., address: _Optional[str] = ..., state: _Optional[_Union[Controller.State, str]] = ..., lane_state: _Optional[_Union[Controller.LaneState, str]] = ..., controller_type: _Optional[str] = ..., numa_node: _Optional[int] = ..., queue_max_transfer_bytes: _Optional[int] = ..., host_nqn: _Optional[str] = ..., namespaces: _Optional[_Iterable[str]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class Subsystem(_message.Message):
    __slots__ = ("name", "nqn", "serial_number", "model_number", "controllers", "namespaces")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NQN_FIELD_NUMBER: _ClassVar[int]
    SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    name: str
    nqn: str
    serial_number: str
    model_number: str
    controllers: _containers.RepeatedScalarFieldContainer[str]
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., nqn: _Optional[str] = ..., serial_number: _Optional[str] = ..., model_number: _Optional[str] = ..., controllers: _Optional[_Iterable[str]] = ..., namespaces: _Optional[_Iterable[str]] = ...) -> None: ...

class Namespace(_message.Message):
    __slots__ = ("name", "nsid", "device_node", "generic_device_node", "size_bytes", "logical_block_bytes", "uuid", "nguid", "eui64", "paths", "omissions")
    class Path(_message.Message):
        __slots__ = ("controller", "ana_state", "device_node", "generic_device_node")
        CONTROLLER_FIELD_NUMBER: _ClassVar[int]
        ANA_STATE_FIELD_NUMBER: _ClassVar[int]
        DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
        GENERIC_DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
        controller: str
        ana_state: str
        device_node: str
        generic_device_node: str
        def __init__(self, controller: _Optional[str] = ..., ana_state: _Optional[str] = ..., device_node: _Optional[str] = ..., generic_device_node: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
    GENERIC_DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_BLOCK_BYTES_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    NGUID_FIELD_NUMBER: _ClassVar[int]
    EUI64_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    nsid: int
    device_node: str
    generic_device_node: str
    size_bytes: int
    logical_block_bytes: int
    uuid: str
    nguid: str
    eui64: str
    paths: _containers.RepeatedCompositeFieldContainer[Namespace.Path]
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, name: _Optional[str] = ..., nsid: _Optional[int] = ..., device_node: _Optional[str] = ..., generic_device_node: _Optional[str] = ..., size_bytes: _Optional[int] = ..., logical_block_bytes: _Optional[int] = ..., uuid: _Optional[str] = ..., nguid: _Optional[str] = ..., eui64: _Optional[str] = ..., paths: _Optional[_Iterable[_Union[Namespace.Path, _Mapping[str, _Any]]]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...
