from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from nvmed.v1 import common_pb2 as _common_pb2
from nvmed.v1 import operations_pb2 as _operations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FeatureScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEATURE_SCOPE_UNSPECIFIED: _ClassVar[FeatureScope]
    FEATURE_SCOPE_CONTROLLER: _ClassVar[FeatureScope]
    FEATURE_SCOPE_NAMESPACE: _ClassVar[FeatureScope]
    FEATURE_SCOPE_SUBSYSTEM: _ClassVar[FeatureScope]
    FEATURE_SCOPE_ENDURANCE_GROUP: _ClassVar[FeatureScope]
    FEATURE_SCOPE_NVM_SET: _ClassVar[FeatureScope]
FEATURE_SCOPE_UNSPECIFIED: FeatureScope
FEATURE_SCOPE_CONTROLLER: FeatureScope
FEATURE_SCOPE_NAMESPACE: FeatureScope
FEATURE_SCOPE_SUBSYSTEM: FeatureScope
FEATURE_SCOPE_ENDURANCE_GROUP: FeatureScope
FEATURE_SCOPE_NVM_SET: FeatureScope

class FeatureFieldValue(_message.Message):
    __slots__ = ("name", "value", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: int
    text: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class FeatureValue(_message.Message):
    __slots__ = ("raw", "data", "fields")
    RAW_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    raw: int
    data: bytes
    fields: _containers.RepeatedCompositeFieldContainer[FeatureFieldValue]
    def __init__(self, raw: _Optional[int] = ..., data: _Optional[bytes] = ..., fields: _Optional[_Iterable[_Union[FeatureFieldValue, _Mapping[str, _Any]]]] = ...) -> None: ...

class Feature(_message.Message):
    __slots__ = ("feature", "feature_id", "title", "scope", "nsid", "selectors", "current_value", "default_value", "saved_value", "saveable", "namespace_specific", "changeable", "owner", "is_action", "omissions")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    FEATURE_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    SELECTORS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VALUE_FIELD_NUMBER: _ClassVar[int]
    SAVED_VALUE_FIELD_NUMBER: _ClassVar[int]
    SAVEABLE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_SPECIFIC_FIELD_NUMBER: _ClassVar[int]
    CHANGEABLE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    IS_ACTION_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    feature: str
    feature_id: int
    title: str
    scope: FeatureScope
    nsid: int
    selectors: _containers.RepeatedCompositeFieldContainer[FeatureFieldValue]
    current_value: FeatureValue
    default_value: FeatureValue
    saved_value: FeatureValue
    saveable: bool
    namespace_specific: bool
    changeable: bool
    owner: str
    is_action: bool
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, feature: _Optional[str] = ..., feature_id: _Optional[int] = ..., title: _Optional[str] = ..., scope: _Optional[_Union[FeatureScope, str]] = ..., nsid: _Optional[int] = ..., selectors: _Optional[_Iterable[_Union[FeatureFieldValue, _Mapping[str, _Any]]]] = ..., current_value: _Optional[_Union[FeatureValue, _Mapping[str, _Any]]] = ..., default_value: _Optional[_Union[FeatureValue, _Mapping[str, _Any]]] = ..., saved_value: _Optional[_Union[FeatureValue, _Mapping[str, _Any]]] = ..., saveable: _Optional[bool] = ..., namespace_specific: _Optional[bool] = ..., changeable: _Optional[bool] = ..., owner: _Optional[str] = ..., is_action: _Optional[bool] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class ListFeaturesRequest(_message.Message):
    __slots__ = ("controller", "nsid", "page_size", "page_token", "filter", "order_by")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    page_size: int
    page_token: str
    filter: str
    order_by: str
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListFeaturesResponse(_message.Message):
    __slots__ = ("controller", "features", "omissions", "next_page_token")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    controller: str
    features: _containers.RepeatedCompositeFieldContainer[Feature]
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    next_page_token: str
    def __init__(self, controller: _Optional[str] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping[str, _Any]]]] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetFeatureRequest(_message.Message):
    __slots__ = ("controller", "feature", "nsid", "selectors", "data_bytes")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    SELECTORS_FIELD_NUMBER: _ClassVar[int]
    DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    feature: str
    nsid: int
    selectors: _containers.RepeatedCompositeFieldContainer[FeatureFieldValue]
    data_bytes: int
    def __init__(self, controller: _Optional[str] = ..., feature: _Optional[str] = ..., nsid: _Optional[int] = ..., selectors: _Optional[_Iterable[_Union[FeatureFieldValue, _Mapping[str, _Any]]]] = ..., data_bytes: _Optional[int] = ...) -> None: ...

class SetFeatureRequest(_message.Message):
    __slots__ = ("controller", "feature", "nsid", "selectors", "fields", "raw_value", "raw_data", "save", "expected", "expected_raw", "acknowledge_risk", "override_gates", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    SELECTORS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    RAW_VALUE_FIELD_NUMBER: _ClassVar[int]
    RAW_DATA_FIELD_NUMBER: _ClassVar[int]
    SAVE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_RAW_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_RISK_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    feature: str
    nsid: int
    selectors: _containers.RepeatedCompositeFieldContainer[FeatureFieldValue]
    fields: _containers.RepeatedCompositeFieldContainer[FeatureFieldValue]
    raw_value: int
    raw_data: bytes
    save: bool
    expected: _containers.RepeatedCompositeFieldContainer[FeatureFieldValue]
    expected_raw: int
    acknowledge_risk: bool
    override_gates: _containers.RepeatedScalarFieldContainer[_operations_pb2.Gate]
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., feature: _Optional[str] = ..., nsid: _Optional[int] = ..., selectors: _Optional[_Iterable[_Union[FeatureFieldValue, _Mapping[str, _Any]]]] = ..., fields: _Optional[_Iterable[_Union[FeatureFieldValue, _Mapping[str, _Any]]]] = ..., raw_value: _Optional[int] = ..., raw_data: _Optional[bytes] = ..., save: _Optional[bool] = ..., expected: _Optional[_Iterable[_Union[FeatureFieldValue, _Mapping[str, _Any]]]] = ..., expected_raw: _Optional[int] = ..., acknowledge_risk: _Optional[bool] = ..., override_gates: _Optional[_Iterable[_Union[_operations_pb2.Gate, str]]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetFeatureResponse(_message.Message):
    __slots__ = ("controller", "feature", "feature_id", "nsid", "selectors", "before", "after", "saved", "changed", "gates")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    FEATURE_ID_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    SELECTORS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    SAVED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    feature: str
    feature_id: int
    nsid: int
    selectors: _containers.RepeatedCompositeFieldContainer[FeatureFieldValue]
    before: FeatureValue
    after: FeatureValue
    saved: bool
    changed: bool
    gates: _containers.RepeatedCompositeFieldContainer[_operations_pb2.GateResult]
    def __init__(self, controller: _Optional[str] = ..., feature: _Optional[str] = ..., feature_id: _Optional[int] = ..., nsid: _Optional[int] = ..., selectors: _Optional[_Iterable[_Union[FeatureFieldValue, _Mapping[str, _Any]]]] = ..., before: _Optional[_Union[FeatureValue, _Mapping[str, _Any]]] = ..., after: _Optional[_Union[FeatureValue, _Mapping[str, _Any]]] = ..., saved: _Optional[bool] = ..., changed: _Optional[bool] = ..., gates: _Optional[_Iterable[_Union[_operations_pb2.GateResult, _Mapping[str, _Any]]]] = ...) -> None: ...
