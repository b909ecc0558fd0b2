from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from nvmed.v1 import feature_pb2 as _feature_pb2
from nvmed.v1 import firmware_pb2 as _firmware_pb2
from nvmed.v1 import operations_pb2 as _operations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DesiredState(_message.Message):
    __slots__ = ("firmware", "namespaces", "features")
    class Firmware(_message.Message):
        __slots__ = ("revision", "image", "activation_mode")
        REVISION_FIELD_NUMBER: _ClassVar[int]
        IMAGE_FIELD_NUMBER: _ClassVar[int]
        ACTIVATION_MODE_FIELD_NUMBER: _ClassVar[int]
        revision: str
        image: str
        activation_mode: _firmware_pb2.ActivationMode
        def __init__(self, revision: _Optional[str] = ..., image: _Optional[str] = ..., activation_mode: _Optional[_Union[_firmware_pb2.ActivationMode, str]] = ...) -> None: ...
    class Namespaces(_message.Message):
        __slots__ = ("logical_block_bytes", "capacity_percent")
        LOGICAL_BLOCK_BYTES_FIELD_NUMBER: _ClassVar[int]
        CAPACITY_PERCENT_FIELD_NUMBER: _ClassVar[int]
        logical_block_bytes: int
        capacity_percent: int
        def __init__(self, logical_block_bytes: _Optional[int] = ..., capacity_percent: _Optional[int] = ...) -> None: ...
    class Feature(_message.Message):
        __slots__ = ("feature", "nsid", "selectors", "fields", "save")
        FEATURE_FIELD_NUMBER: _ClassVar[int]
        NSID_FIELD_NUMBER: _ClassVar[int]
        SELECTORS_FIELD_NUMBER: _ClassVar[int]
        FIELDS_FIELD_NUMBER: _ClassVar[int]
        SAVE_FIELD_NUMBER: _ClassVar[int]
        feature: str
        nsid: int
        selectors: _containers.RepeatedCompositeFieldContainer[_feature_pb2.FeatureFieldValue]
        fields: _containers.RepeatedCompositeFieldContainer[_feature_pb2.FeatureFieldValue]
        save: bool
        def __init__(self, feature: _Optional[str] = ..., nsid: _Optional[int] = ..., selectors: _Optional[_Iterable[_Union[_feature_pb2.FeatureFieldValue, _Mapping[str, _Any]]]] = ..., fields: _Optional[_Iterable[_Union[_feature_pb2.FeatureFieldValue, _Mapping[str, _Any]]]] = ..., save: _Optional[bool] = ...) -> None: ...
    FIRMWARE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    firmware: DesiredState.Firmware
    namespaces: DesiredState.Namespaces
    features: _containers.RepeatedCompositeFieldContainer[DesiredState.Feature]
    def __init__(self, firmware: _Optional[_Union[DesiredState.Firmware, _Mapping[str, _Any]]] = ..., namespaces: _Optional[_Union[DesiredState.Namespaces, _Mapping[str, _Any]]] = ..., features: _Optional[_Iterable[_Union[DesiredState.Feature, _Mapping[str, _Any]]]] = ...) -> None: ...

class DriveDifference(_message.Message):
    __slots__ = ("kind", "subject", "current", "desired", "loses_data", "disrupts")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[DriveDifference.Kind]
        KIND_FIRMWARE: _ClassVar[DriveDifference.Kind]
        KIND_NAMESPACES: _ClassVar[DriveDifference.Kind]
        KIND_FORMAT: _ClassVar[DriveDifference.Kind]
        KIND_FEATURE: _ClassVar[DriveDifference.Kind]
    KIND_UNSPECIFIED: DriveDifference.Kind
    KIND_FIRMWARE: DriveDifference.Kind
    KIND_NAMESPACES: DriveDifference.Kind
    KIND_FORMAT: DriveDifference.Kind
    KIND_FEATURE: DriveDifference.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    LOSES_DATA_FIELD_NUMBER: _ClassVar[int]
    DISRUPTS_FIELD_NUMBER: _ClassVar[int]
    kind: DriveDifference.Kind
    subject: str
    current: str
    desired: str
    loses_data: bool
    disrupts: bool
    def __init__(self, kind: _Optional[_Union[DriveDifference.Kind, str]] = ..., subject: _Optional[str] = ..., current: _Optional[str] = ..., desired: _Optional[str] = ..., loses_data: _Optional[bool] = ..., disrupts: _Optional[bool] = ...) -> None: ...

class PlanDriveRequest(_message.Message):
    __slots__ = ("controller", "desired")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    controller: str
    desired: DesiredState
    def __init__(self, controller: _Optional[str] = ..., desired: _Optional[_Union[DesiredState, _Mapping[str, _Any]]] = ...) -> None: ...

class PlanDriveResponse(_message.Message):
    __slots__ = ("controller", "differences")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    differences: _containers.RepeatedCompositeFieldContainer[DriveDifference]
    def __init__(self, controller: _Optional[str] = ..., differences: _Optional[_Iterable[_Union[DriveDifference, _Mapping[str, _Any]]]] = ...) -> None: ...

class ApplyDriveRequest(_message.Message):
    __slots__ = ("controller", "desired", "acknowledge_data_loss", "acknowledge_disruption", "acknowledge_risk", "override_gates", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DATA_LOSS_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_RISK_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    desired: DesiredState
    acknowledge_data_loss: bool
    acknowledge_disruption: bool
    acknowledge_risk: bool
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2.Gate]
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., desired: _Optional[_Union[DesiredState, _Mapping[str, _Any]]] = ..., acknowledge_data_loss: _Optional[bool] = ..., acknowledge_disruption: _Optional[bool] = ..., acknowledge_risk: _Optional[bool] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2.Gate, str]]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class ApplyDriveResponse(_message.Message):
    __slots__ = ("controller", "differences", "remaining")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    controller: str
    differences: _containers.RepeatedCompositeFieldContainer[DriveDifference]
    remaining: _containers.RepeatedCompositeFieldContainer[DriveDifference]
    def __init__(self, controller: _Optional[str] = ..., differences: _Optional[_Iterable[_Union[DriveDifference, _Mapping[str, _Any]]]] = ..., remaining: _Optional[_Iterable[_Union[DriveDifference, _Mapping[str, _Any]]]] = ...) -> None: ...
