from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from nvmed.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HostView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOST_VIEW_UNSPECIFIED: _ClassVar[HostView]
    HOST_VIEW_SHOWN: _ClassVar[HostView]
    HOST_VIEW_NOT_SHOWN: _ClassVar[HostView]
    HOST_VIEW_ELSEWHERE: _ClassVar[HostView]

class SecureErase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SECURE_ERASE_UNSPECIFIED: _ClassVar[SecureErase]
    SECURE_ERASE_USER_DATA: _ClassVar[SecureErase]
    SECURE_ERASE_CRYPTOGRAPHIC: _ClassVar[SecureErase]
HOST_VIEW_UNSPECIFIED: HostView
HOST_VIEW_SHOWN: HostView
HOST_VIEW_NOT_SHOWN: HostView
HOST_VIEW_ELSEWHERE: HostView
SECURE_ERASE_UNSPECIFIED: SecureErase
SECURE_ERASE_USER_DATA: SecureErase
SECURE_ERASE_CRYPTOGRAPHIC: SecureErase

class ControllerReport(_message.Message):
    __slots__ = ("controller_id", "controller", "outcome", "host_view", "device_node")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[ControllerReport.Outcome]
        OUTCOME_CHANGED: _ClassVar[ControllerReport.Outcome]
        OUTCOME_UNCHANGED: _ClassVar[ControllerReport.Outcome]
    OUTCOME_UNSPECIFIED: ControllerReport.Outcome
    OUTCOME_CHANGED: ControllerReport.Outcome
    OUTCOME_UNCHANGED: ControllerReport.Outcome
    CONTROLLER_ID_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    HOST_VIEW_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
    controller_id: int
    controller: str
    outcome: ControllerReport.Outcome
    host_view: HostView
    device_node: str
    def __init__(self, controller_id: _Optional[int] = ..., controller: _Optional[str] = ..., outcome: _Optional[_Union[ControllerReport.Outcome, str]] = ..., host_view: _Optional[_Union[HostView, str]] = ..., device_node: _Optional[str] = ...) -> None: ...

class ListAllocatedNamespacesRequest(_message.Message):
    __slots__ = ("controller", "attached_only", "page_size", "page_token", "filter")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    controller: str
    attached_only: bool
    page_size: int
    page_token: str
    filter: str
    def __init__(self, controller: _Optional[str] = ..., attached_only: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class AllocatedNamespace(_message.Message):
    __slots__ = ("nsid", "attached", "controller_ids", "device_node")
    NSID_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_IDS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NODE_FIELD_NUMBER: _ClassVar[int]
    nsid: int
    attached: bool
    controller_ids: _containers.RepeatedScalarFieldContainer[int]
    device_node: str
    def __init__(self, nsid: _Optional[int] = ..., attached: _Optional[bool] = ..., controller_ids: _Optional[_Iterable[int]] = ..., device_node: _Optional[str] = ...) -> None: ...

class ListAllocatedNamespacesResponse(_message.Message):
    __slots__ = ("controller", "namespaces", "next_page_token", "omissions")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    namespaces: _containers.RepeatedCompositeFieldContainer[AllocatedNamespace]
    next_page_token: str
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., namespaces: _Optional[_Iterable[_Union[AllocatedNamespace, _Mapping[str, _Any]]]] = ..., next_page_token: _Optional[str] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class GetNamespaceIdentityRequest(_message.Message):
    __slots__ = ("controller", "nsid", "include_raw")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RAW_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    include_raw: bool
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., include_raw: _Optional[bool] = ...) -> None: ...

class LbaFormat(_message.Message):
    __slots__ = ("index", "logical_block_bytes", "metadata_bytes", "relative_performance", "in_use")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_BLOCK_BYTES_FIELD_NUMBER: _ClassVar[int]
    METADATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    IN_USE_FIELD_NUMBER: _ClassVar[int]
    index: int
    logical_block_bytes: int
    metadata_bytes: int
    relative_performance: int
    in_use: bool
    def __init__(self, index: _Optional[int] = ..., logical_block_bytes: _Optional[int] = ..., metadata_bytes: _Optional[int] = ..., relative_performance: _Optional[int] = ..., in_use: _Optional[bool] = ...) -> None: ...

class NamespaceIdentity(_message.Message):
    __slots__ = ("controller", "nsid", "attached", "size_blocks", "capacity_blocks", "utilization_blocks", "size_bytes", "lba_formats", "extended_metadata", "shared", "protection_type", "write_protected", "ana_group_id", "nvm_set_id", "endurance_group_id", "nvm_capacity_bytes", "format_remaining_percent", "nguid", "eui64", "controller_ids", "raw", "omissions")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    SIZE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LBA_FORMATS_FIELD_NUMBER: _ClassVar[int]
    EXTENDED_METADATA_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    WRITE_PROTECTED_FIELD_NUMBER: _ClassVar[int]
    ANA_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    NVM_SET_ID_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    NVM_CAPACITY_BYTES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_REMAINING_PERCENT_FIELD_NUMBER: _ClassVar[int]
    NGUID_FIELD_NUMBER: _ClassVar[int]
    EUI64_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_IDS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    OMISSIONS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    attached: bool
    size_blocks: int
    capacity_blocks: int
    utilization_blocks: int
    size_bytes: int
    lba_formats: _containers.RepeatedCompositeFieldContainer[LbaFormat]
    extended_metadata: bool
    shared: bool
    protection_type: int
    write_protected: bool
    ana_group_id: int
    nvm_set_id: int
    endurance_group_id: int
    nvm_capacity_bytes: int
    format_remaining_percent: int
    nguid: str
    eui64: str
    controller_ids: _containers.RepeatedScalarFieldContainer[int]
    raw: bytes
    omissions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Omission]
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., attached: _Optional[bool] = ..., size_blocks: _Optional[int] = ..., capacity_blocks: _Optional[int] = ..., utilization_blocks: _Optional[int] = ..., size_bytes: _Optional[int] = ..., lba_formats: _Optional[_Iterable[_Union[LbaFormat, _Mapping[str, _Any]]]] = ..., extended_metadata: _Optional[bool] = ..., shared: _Optional[bool] = ..., protection_type: _Optional[int] = ..., write_protected: _Optional[bool] = ..., ana_group_id: _Optional[int] = ..., nvm_set_id: _Optional[int] = ..., endurance_group_id: _Optional[int] = ..., nvm_capacity_bytes: _Optional[int] = ..., format_remaining_percent: _Optional[int] = ..., nguid: _Optional[str] = ..., eui64: _Optional[str] = ..., controller_ids: _Optional[_Iterable[int]] = ..., raw: _Optional[bytes] = ..., omissions: _Optional[_Iterable[_Union[_common_pb2.Omission, _Mapping[str, _Any]]]] = ...) -> None: ...

class GetLogicalBlockSizeRequest(_message.Message):
    __slots__ = ("controller", "nsid")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ...) -> None: ...

class LogicalBlockSize(_message.Message):
    __slots__ = ("controller", "nsid", "logical_block_bytes", "lba_format", "metadata_bytes", "extended_metadata")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_BLOCK_BYTES_FIELD_NUMBER: _ClassVar[int]
    LBA_FORMAT_FIELD_NUMBER: _ClassVar[int]
    METADATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXTENDED_METADATA_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    logical_block_bytes: int
    lba_format: int
    metadata_bytes: int
    extended_metadata: bool
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., logical_block_bytes: _Optional[int] = ..., lba_format: _Optional[int] = ..., metadata_bytes: _Optional[int] = ..., extended_metadata: _Optional[bool] = ...) -> None: ...

class AttachControllersRequest(_message.Message):
    __slots__ = ("controller", "nsid", "controller_ids", "wait_timeout_ms", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_IDS_FIELD_NUMBER: _ClassVar[int]
    WAIT_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    controller_ids: _containers.RepeatedScalarFieldContainer[int]
    wait_timeout_ms: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., controller_ids: _Optional[_Iterable[int]] = ..., wait_timeout_ms: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class AttachControllersResponse(_message.Message):
    __slots__ = ("controller", "nsid", "reports")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    reports: _containers.RepeatedCompositeFieldContainer[ControllerReport]
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., reports: _Optional[_Iterable[_Union[ControllerReport, _Mapping[str, _Any]]]] = ...) -> None: ...

class DetachControllersRequest(_message.Message):
    __slots__ = ("controller", "nsid", "controller_ids", "wait_timeout_ms", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_IDS_FIELD_NUMBER: _ClassVar[int]
    WAIT_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    controller_ids: _containers.RepeatedScalarFieldContainer[int]
    wait_timeout_ms: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., controller_ids: _Optional[_Iterable[int]] = ..., wait_timeout_ms: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DetachControllersResponse(_message.Message):
    __slots__ = ("controller", "nsid", "reports")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    reports: _containers.RepeatedCompositeFieldContainer[ControllerReport]
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., reports: _Optional[_Iterable[_Union[ControllerReport, _Mapping[str, _Any]]]] = ...) -> None: ...

class CreateNamespaceRequest(_message.Message):
    __slots__ = ("controller", "size_blocks", "size_bytes", "capacity_blocks", "lba_format", "logical_block_bytes", "extended_metadata", "shared", "protection_type", "ana_group_id", "nvm_set_id", "endurance_group_id", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    SIZE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    LBA_FORMAT_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_BLOCK_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXTENDED_METADATA_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    ANA_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    NVM_SET_ID_FIELD_NUMBER: _ClassVar[int]
    ENDURANCE_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    size_blocks: int
    size_bytes: int
    capacity_blocks: int
    lba_format: int
    logical_block_bytes: int
    extended_metadata: bool
    shared: bool
    protection_type: int
    ana_group_id: int
    nvm_set_id: int
    endurance_group_id: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., size_blocks: _Optional[int] = ..., size_bytes: _Optional[int] = ..., capacity_blocks: _Optional[int] = ..., lba_format: _Optional[int] = ..., logical_block_bytes: _Optional[int] = ..., extended_metadata: _Optional[bool] = ..., shared: _Optional[bool] = ..., protection_type: _Optional[int] = ..., ana_group_id: _Optional[int] = ..., nvm_set_id: _Optional[int] = ..., endurance_group_id: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateNamespaceResponse(_message.Message):
    __slots__ = ("controller", "nsid", "size_blocks", "lba_format", "logical_block_bytes")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    LBA_FORMAT_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_BLOCK_BYTES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    size_blocks: int
    lba_format: int
    logical_block_bytes: int
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., size_blocks: _Optional[int] = ..., lba_format: _Optional[int] = ..., logical_block_bytes: _Optional[int] = ...) -> None: ...

class DeleteNamespaceRequest(_message.Message):
    __slots__ = ("controller", "nsid", "acknowledge_data_loss", "wait_timeout_ms", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DATA_LOSS_FIELD_NUMBER: _ClassVar[int]
    WAIT_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    acknowledge_data_loss: bool
    wait_timeout_ms: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., acknowledge_data_loss: _Optional[bool] = ..., wait_timeout_ms: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteNamespaceResponse(_message.Message):
    __slots__ = ("controller", "nsid", "reports")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    reports: _containers.RepeatedCompositeFieldContainer[ControllerReport]
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., reports: _Optional[_Iterable[_Union[ControllerReport, _Mapping[str, _Any]]]] = ...) -> None: ...

class FormatNamespaceRequest(_message.Message):
    __slots__ = ("controller", "nsid", "all_namespaces", "lba_format", "logical_block_bytes", "secure_erase", "protection_type", "protection_first", "extended_metadata", "acknowledge_data_loss", "timeout_ms", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSID_FIELD_NUMBER: _ClassVar[int]
    ALL_NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    LBA_FORMAT_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_BLOCK_BYTES_FIELD_NUMBER: _ClassVar[int]
    SECURE_ERASE_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_FIRST_FIELD_NUMBER: _ClassVar[int]
    EXTENDED_METADATA_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DATA_LOSS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsid: int
    all_namespaces: bool
    lba_format: int
    logical_block_bytes: int
    secure_erase: SecureErase
    protection_type: int
    protection_first: bool
    extended_metadata: bool
    acknowledge_data_loss: bool
    timeout_ms: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., nsid: _Optional[int] = ..., all_namespaces: _Optional[bool] = ..., lba_format: _Optional[int] = ..., logical_block_bytes: _Optional[int] = ..., secure_erase: _Optional[_Union[SecureErase, str]] = ..., protection_type: _Optional[int] = ..., protection_first: _Optional[bool] = ..., extended_metadata: _Optional[bool] = ..., acknowledge_data_loss: _Optional[bool] = ..., timeout_ms: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class FormatNamespaceResponse(_message.Message):
    __slots__ = ("controller", "nsids", "lba_format", "logical_block_bytes", "host_view", "erasure_record")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    NSIDS_FIELD_NUMBER: _ClassVar[int]
    LBA_FORMAT_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_BLOCK_BYTES_FIELD_NUMBER: _ClassVar[int]
    HOST_VIEW_FIELD_NUMBER: _ClassVar[int]
    ERASURE_RECORD_FIELD_NUMBER: _ClassVar[int]
    controller: str
    nsids: _containers.RepeatedScalarFieldContainer[int]
    lba_format: int
    logical_block_bytes: int
    host_view: HostView
    erasure_record: str
    def __init__(self, controller: _Optional[str] = ..., nsids: _Optional[_Iterable[int]] = ..., lba_format: _Optional[int] = ..., logical_block_bytes: _Optional[int] = ..., host_view: _Optional[_Union[HostView, str]] = ..., erasure_record: _Optional[str] = ...) -> None: ...

class RescanControllerRequest(_message.Message):
    __slots__ = ("controller", "wait_timeout_ms", "validate_only", "request_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    WAIT_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    wait_timeout_ms: int
    validate_only: bool
    request_id: str
    def __init__(self, controller: _Optional[str] = ..., wait_timeout_ms: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class RescanControllerResponse(_message.Message):
    __slots__ = ("controller", "host_view", "namespaces")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    HOST_VIEW_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    controller: str
    host_view: HostView
    namespaces: _containers.RepeatedCompositeFieldContainer[AllocatedNamespace]
    def __init__(self, controller: _Optional[str] = ..., host_view: _Optional[_Union[HostView, str]] = ..., namespaces: _Optional[_Iterable[_Union[AllocatedNamespace, _Mapping[str, _Any]]]] = ...) -> None: ...
