from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import Any as _Any, ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HmacAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HMAC_ALGORITHM_UNSPECIFIED: _ClassVar[HmacAlgorithm]
    HMAC_ALGORITHM_NONE: _ClassVar[HmacAlgorithm]
    HMAC_ALGORITHM_SHA256: _ClassVar[HmacAlgorithm]
    HMAC_ALGORITHM_SHA384: _ClassVar[HmacAlgorithm]
    HMAC_ALGORITHM_SHA512: _ClassVar[HmacAlgorithm]

class TlsKeyDerivation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TLS_KEY_DERIVATION_UNSPECIFIED: _ClassVar[TlsKeyDerivation]
    TLS_KEY_DERIVATION_RFC8446: _ClassVar[TlsKeyDerivation]
    TLS_KEY_DERIVATION_COMPAT: _ClassVar[TlsKeyDerivation]

class KeyUpdateOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_UPDATE_OUTCOME_UNSPECIFIED: _ClassVar[KeyUpdateOutcome]
    KEY_UPDATE_OUTCOME_CREATED: _ClassVar[KeyUpdateOutcome]
    KEY_UPDATE_OUTCOME_UPDATED: _ClassVar[KeyUpdateOutcome]
    KEY_UPDATE_OUTCOME_REPLACED: _ClassVar[KeyUpdateOutcome]

class RotationMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROTATION_METHOD_UNSPECIFIED: _ClassVar[RotationMethod]
    ROTATION_METHOD_RECONNECT: _ClassVar[RotationMethod]
    ROTATION_METHOD_RESET: _ClassVar[RotationMethod]
HMAC_ALGORITHM_UNSPECIFIED: HmacAlgorithm
HMAC_ALGORITHM_NONE: HmacAlgorithm
HMAC_ALGORITHM_SHA256: HmacAlgorithm
HMAC_ALGORITHM_SHA384: HmacAlgorithm
HMAC_ALGORITHM_SHA512: HmacAlgorithm
TLS_KEY_DERIVATION_UNSPECIFIED: TlsKeyDerivation
TLS_KEY_DERIVATION_RFC8446: TlsKeyDerivation
TLS_KEY_DERIVATION_COMPAT: TlsKeyDerivation
KEY_UPDATE_OUTCOME_UNSPECIFIED: KeyUpdateOutcome
KEY_UPDATE_OUTCOME_CREATED: KeyUpdateOutcome
KEY_UPDATE_OUTCOME_UPDATED: KeyUpdateOutcome
KEY_UPDATE_OUTCOME_REPLACED: KeyUpdateOutcome
ROTATION_METHOD_UNSPECIFIED: RotationMethod
ROTATION_METHOD_RECONNECT: RotationMethod
ROTATION_METHOD_RESET: RotationMethod

class KeyringRef(_message.Message):
    __slots__ = ("name", "serial")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    serial: int
    def __init__(self, name: _Optional[str] = ..., serial: _Optional[int] = ...) -> None: ...

class ConfiguredPsk(_message.Message):
    __slots__ = ("key", "text", "hash")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    text: str
    hash: HmacAlgorithm
    def __init__(self, key: _Optional[bytes] = ..., text: _Optional[str] = ..., hash: _Optional[_Union[HmacAlgorithm, str]] = ...) -> None: ...

class KernelKey(_message.Message):
    __slots__ = ("serial", "type", "uid", "gid", "permissions", "description", "description_bytes", "expiry_state", "remaining_s", "resolution_s", "identity")
    class ExpiryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        EXPIRY_STATE_UNSPECIFIED: _ClassVar[KernelKey.ExpiryState]
        EXPIRY_STATE_PERMANENT: _ClassVar[KernelKey.ExpiryState]
        EXPIRY_STATE_EXPIRES: _ClassVar[KernelKey.ExpiryState]
        EXPIRY_STATE_EXPIRED: _ClassVar[KernelKey.ExpiryState]
    EXPIRY_STATE_UNSPECIFIED: KernelKey.ExpiryState
    EXPIRY_STATE_PERMANENT: KernelKey.ExpiryState
    EXPIRY_STATE_EXPIRES: KernelKey.ExpiryState
    EXPIRY_STATE_EXPIRED: KernelKey.ExpiryState
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    GID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_STATE_FIELD_NUMBER: _ClassVar[int]
    REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_S_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    serial: int
    type: str
    uid: int
    gid: int
    permissions: int
    description: str
    description_bytes: bytes
    expiry_state: KernelKey.ExpiryState
    remaining_s: int
    resolution_s: int
    identity: TlsKeyIdentity
    def __init__(self, serial: _Optional[int] = ..., type: _Optional[str] = ..., uid: _Optional[int] = ..., gid: _Optional[int] = ..., permissions: _Optional[int] = ..., description: _Optional[str] = ..., description_bytes: _Optional[bytes] = ..., expiry_state: _Optional[_Union[KernelKey.ExpiryState, str]] = ..., remaining_s: _Optional[int] = ..., resolution_s: _Optional[int] = ..., identity: _Optional[_Union[TlsKeyIdentity, _Mapping[str, _Any]]] = ...) -> None: ...

class TlsKeyIdentity(_message.Message):
    __slots__ = ("identity", "version", "origin", "cipher", "host_nqn", "subsystem_nqn", "digest", "hash", "derivation")
    class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ORIGIN_UNSPECIFIED: _ClassVar[TlsKeyIdentity.Origin]
        ORIGIN_RETAINED: _ClassVar[TlsKeyIdentity.Origin]
        ORIGIN_GENERATED: _ClassVar[TlsKeyIdentity.Origin]
    ORIGIN_UNSPECIFIED: TlsKeyIdentity.Origin
    ORIGIN_RETAINED: TlsKeyIdentity.Origin
    ORIGIN_GENERATED: TlsKeyIdentity.Origin
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CIPHER_FIELD_NUMBER: _ClassVar[int]
    HOST_NQN_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_NQN_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    DERIVATION_FIELD_NUMBER: _ClassVar[int]
    identity: str
    version: int
    origin: TlsKeyIdentity.Origin
    cipher: HmacAlgorithm
    host_nqn: str
    subsystem_nqn: str
    digest: str
    hash: HmacAlgorithm
    derivation: TlsKeyDerivation
    def __init__(self, identity: _Optional[str] = ..., version: _Optional[int] = ..., origin: _Optional[_Union[TlsKeyIdentity.Origin, str]] = ..., cipher: _Optional[_Union[HmacAlgorithm, str]] = ..., host_nqn: _Optional[str] = ..., subsystem_nqn: _Optional[str] = ..., digest: _Optional[str] = ..., hash: _Optional[_Union[HmacAlgorithm, str]] = ..., derivation: _Optional[_Union[TlsKeyDerivation, str]] = ...) -> None: ...

class InsertedTlsKey(_message.Message):
    __slots__ = ("serial", "previous_serial", "outcome", "identity")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SERIAL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    serial: int
    previous_serial: int
    outcome: KeyUpdateOutcome
    identity: TlsKeyIdentity
    def __init__(self, serial: _Optional[int] = ..., previous_serial: _Optional[int] = ..., outcome: _Optional[_Union[KeyUpdateOutcome, str]] = ..., identity: _Optional[_Union[TlsKeyIdentity, _Mapping[str, _Any]]] = ...) -> None: ...

class LookupKeyringRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DescribeKeyRequest(_message.Message):
    __slots__ = ("serial",)
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    serial: int
    def __init__(self, serial: _Optional[int] = ...) -> None: ...

class LookupKeyRequest(_message.Message):
    __slots__ = ("keyring", "key_type", "description")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    key_type: str
    description: str
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., key_type: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class LinkKeyringRequest(_message.Message):
    __slots__ = ("keyring", "validate_only", "request_id")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    validate_only: bool
    request_id: str
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class LinkKeyringResponse(_message.Message):
    __slots__ = ("serial",)
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    serial: int
    def __init__(self, serial: _Optional[int] = ...) -> None: ...

class ReadKeyRequest(_message.Message):
    __slots__ = ("keyring", "serial")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    serial: int
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., serial: _Optional[int] = ...) -> None: ...

class ReadKeyResponse(_message.Message):
    __slots__ = ("payload",)
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    def __init__(self, payload: _Optional[bytes] = ...) -> None: ...

class UpdateKeyRequest(_message.Message):
    __slots__ = ("keyring", "key_type", "description", "payload", "ttl_s", "validate_only", "request_id")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    key_type: str
    description: str
    payload: bytes
    ttl_s: int
    validate_only: bool
    request_id: str
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., key_type: _Optional[str] = ..., description: _Optional[str] = ..., payload: _Optional[bytes] = ..., ttl_s: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateKeyResponse(_message.Message):
    __slots__ = ("serial", "previous_serial", "outcome")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SERIAL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    serial: int
    previous_serial: int
    outcome: KeyUpdateOutcome
    def __init__(self, serial: _Optional[int] = ..., previous_serial: _Optional[int] = ..., outcome: _Optional[_Union[KeyUpdateOutcome, str]] = ...) -> None: ...

class ScanTlsKeysRequest(_message.Message):
    __slots__ = ("keyring", "key_type")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    key_type: str
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., key_type: _Optional[str] = ...) -> None: ...

class ScanTlsKeysResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: KernelKey
    def __init__(self, key: _Optional[_Union[KernelKey, _Mapping[str, _Any]]] = ...) -> None: ...

class InsertTlsKeyRequest(_message.Message):
    __slots__ = ("keyring", "key_type", "host_nqn", "subsystem_nqn", "psk", "identity_version", "derivation", "ttl_s", "validate_only", "request_id")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    HOST_NQN_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_NQN_FIELD_NUMBER: _ClassVar[int]
    PSK_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    DERIVATION_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    key_type: str
    host_nqn: str
    subsystem_nqn: str
    psk: ConfiguredPsk
    identity_version: int
    derivation: TlsKeyDerivation
    ttl_s: int
    validate_only: bool
    request_id: str
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., key_type: _Optional[str] = ..., host_nqn: _Optional[str] = ..., subsystem_nqn: _Optional[str] = ..., psk: _Optional[_Union[ConfiguredPsk, _Mapping[str, _Any]]] = ..., identity_version: _Optional[int] = ..., derivation: _Optional[_Union[TlsKeyDerivation, str]] = ..., ttl_s: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class InsertTlsKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: InsertedTlsKey
    def __init__(self, key: _Optional[_Union[InsertedTlsKey, _Mapping[str, _Any]]] = ...) -> None: ...

class GenerateTlsKeyIdentityRequest(_message.Message):
    __slots__ = ("host_nqn", "subsystem_nqn", "psk", "identity_version", "derivation")
    HOST_NQN_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_NQN_FIELD_NUMBER: _ClassVar[int]
    PSK_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    DERIVATION_FIELD_NUMBER: _ClassVar[int]
    host_nqn: str
    subsystem_nqn: str
    psk: ConfiguredPsk
    identity_version: int
    derivation: TlsKeyDerivation
    def __init__(self, host_nqn: _Optional[str] = ..., subsystem_nqn: _Optional[str] = ..., psk: _Optional[_Union[ConfiguredPsk, _Mapping[str, _Any]]] = ..., identity_version: _Optional[int] = ..., derivation: _Optional[_Union[TlsKeyDerivation, str]] = ...) -> None: ...

class RevokeTlsKeyRequest(_message.Message):
    __slots__ = ("keyring", "key_type", "identity", "validate_only", "request_id")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    key_type: str
    identity: str
    validate_only: bool
    request_id: str
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., key_type: _Optional[str] = ..., identity: _Optional[str] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class RevokeTlsKeyResponse(_message.Message):
    __slots__ = ("serial",)
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    serial: int
    def __init__(self, serial: _Optional[int] = ...) -> None: ...

class ExportTlsKeyRequest(_message.Message):
    __slots__ = ("psk", "stored")
    class StoredTlsKey(_message.Message):
        __slots__ = ("keyring", "key_type", "identity")
        KEYRING_FIELD_NUMBER: _ClassVar[int]
        KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
        IDENTITY_FIELD_NUMBER: _ClassVar[int]
        keyring: KeyringRef
        key_type: str
        identity: str
        def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., key_type: _Optional[str] = ..., identity: _Optional[str] = ...) -> None: ...
    PSK_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    psk: ConfiguredPsk
    stored: ExportTlsKeyRequest.StoredTlsKey
    def __init__(self, psk: _Optional[_Union[ConfiguredPsk, _Mapping[str, _Any]]] = ..., stored: _Optional[_Union[ExportTlsKeyRequest.StoredTlsKey, _Mapping[str, _Any]]] = ...) -> None: ...

class ExportTlsKeyResponse(_message.Message):
    __slots__ = ("text", "key_file_line", "serial", "hash")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KEY_FILE_LINE_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    text: str
    key_file_line: str
    serial: int
    hash: HmacAlgorithm
    def __init__(self, text: _Optional[str] = ..., key_file_line: _Optional[str] = ..., serial: _Optional[int] = ..., hash: _Optional[_Union[HmacAlgorithm, str]] = ...) -> None: ...

class ImportTlsKeyRequest(_message.Message):
    __slots__ = ("keyring", "key_type", "key", "key_file", "ttl_s", "validate_only", "request_id")
    class DerivedTlsKey(_message.Message):
        __slots__ = ("identity", "text")
        IDENTITY_FIELD_NUMBER: _ClassVar[int]
        TEXT_FIELD_NUMBER: _ClassVar[int]
        identity: str
        text: str
        def __init__(self, identity: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_FILE_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    key_type: str
    key: ImportTlsKeyRequest.DerivedTlsKey
    key_file: bytes
    ttl_s: int
    validate_only: bool
    request_id: str
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., key_type: _Optional[str] = ..., key: _Optional[_Union[ImportTlsKeyRequest.DerivedTlsKey, _Mapping[str, _Any]]] = ..., key_file: _Optional[bytes] = ..., ttl_s: _Optional[int] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class ImportTlsKeyResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[InsertedTlsKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[InsertedTlsKey, _Mapping[str, _Any]]]] = ...) -> None: ...

class GenerateTlsKeyRequest(_message.Message):
    __slots__ = ("hash", "size_bytes")
    HASH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    hash: HmacAlgorithm
    size_bytes: int
    def __init__(self, hash: _Optional[_Union[HmacAlgorithm, str]] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class GenerateTlsKeyResponse(_message.Message):
    __slots__ = ("text", "hash", "size_bytes")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    text: str
    hash: HmacAlgorithm
    size_bytes: int
    def __init__(self, text: _Optional[str] = ..., hash: _Optional[_Union[HmacAlgorithm, str]] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class GenerateDhchapKeyRequest(_message.Message):
    __slots__ = ("hmac", "nqn", "secret", "size_bytes")
    HMAC_FIELD_NUMBER: _ClassVar[int]
    NQN_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    hmac: HmacAlgorithm
    nqn: str
    secret: bytes
    size_bytes: int
    def __init__(self, hmac: _Optional[_Union[HmacAlgorithm, str]] = ..., nqn: _Optional[str] = ..., secret: _Optional[bytes] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class GenerateDhchapKeyResponse(_message.Message):
    __slots__ = ("hmac", "secret_text", "transformed_text", "transformed_key")
    HMAC_FIELD_NUMBER: _ClassVar[int]
    SECRET_TEXT_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMED_TEXT_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMED_KEY_FIELD_NUMBER: _ClassVar[int]
    hmac: HmacAlgorithm
    secret_text: str
    transformed_text: str
    transformed_key: bytes
    def __init__(self, hmac: _Optional[_Union[HmacAlgorithm, str]] = ..., secret_text: _Optional[str] = ..., transformed_text: _Optional[str] = ..., transformed_key: _Optional[bytes] = ...) -> None: ...

class CheckTlsKeyRequest(_message.Message):
    __slots__ = ("keyring", "key_type", "host_nqn", "subsystem_nqn", "psk")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    HOST_NQN_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_NQN_FIELD_NUMBER: _ClassVar[int]
    PSK_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    key_type: str
    host_nqn: str
    subsystem_nqn: str
    psk: ConfiguredPsk
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., key_type: _Optional[str] = ..., host_nqn: _Optional[str] = ..., subsystem_nqn: _Optional[str] = ..., psk: _Optional[_Union[ConfiguredPsk, _Mapping[str, _Any]]] = ...) -> None: ...

class CheckTlsKeyResponse(_message.Message):
    __slots__ = ("variants", "omitted")
    class Loaded(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LOADED_UNSPECIFIED: _ClassVar[CheckTlsKeyResponse.Loaded]
        LOADED_NOTHING: _ClassVar[CheckTlsKeyResponse.Loaded]
        LOADED_DERIVED: _ClassVar[CheckTlsKeyResponse.Loaded]
        LOADED_VERBATIM: _ClassVar[CheckTlsKeyResponse.Loaded]
        LOADED_OTHER: _ClassVar[CheckTlsKeyResponse.Loaded]
        LOADED_UNREADABLE: _ClassVar[CheckTlsKeyResponse.Loaded]
    LOADED_UNSPECIFIED: CheckTlsKeyResponse.Loaded
    LOADED_NOTHING: CheckTlsKeyResponse.Loaded
    LOADED_DERIVED: CheckTlsKeyResponse.Loaded
    LOADED_VERBATIM: CheckTlsKeyResponse.Loaded
    LOADED_OTHER: CheckTlsKeyResponse.Loaded
    LOADED_UNREADABLE: CheckTlsKeyResponse.Loaded
    class Variant(_message.Message):
        __slots__ = ("identity", "loaded", "serial")
        IDENTITY_FIELD_NUMBER: _ClassVar[int]
        LOADED_FIELD_NUMBER: _ClassVar[int]
        SERIAL_FIELD_NUMBER: _ClassVar[int]
        identity: TlsKeyIdentity
        loaded: CheckTlsKeyResponse.Loaded
        serial: int
        def __init__(self, identity: _Optional[_Union[TlsKeyIdentity, _Mapping[str, _Any]]] = ..., loaded: _Optional[_Union[CheckTlsKeyResponse.Loaded, str]] = ..., serial: _Optional[int] = ...) -> None: ...
    class OmittedVariant(_message.Message):
        __slots__ = ("identity_version", "derivation", "why")
        IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
        DERIVATION_FIELD_NUMBER: _ClassVar[int]
        WHY_FIELD_NUMBER: _ClassVar[int]
        identity_version: int
        derivation: TlsKeyDerivation
        why: str
        def __init__(self, identity_version: _Optional[int] = ..., derivation: _Optional[_Union[TlsKeyDerivation, str]] = ..., why: _Optional[str] = ...) -> None: ...
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FIELD_NUMBER: _ClassVar[int]
    variants: _containers.RepeatedCompositeFieldContainer[CheckTlsKeyResponse.Variant]
    omitted: _containers.RepeatedCompositeFieldContainer[CheckTlsKeyResponse.OmittedVariant]
    def __init__(self, variants: _Optional[_Iterable[_Union[CheckTlsKeyResponse.Variant, _Mapping[str, _Any]]]] = ..., omitted: _Optional[_Iterable[_Union[CheckTlsKeyResponse.OmittedVariant, _Mapping[str, _Any]]]] = ...) -> None: ...

class ConnectionOptions(_message.Message):
    __slots__ = ("header_digest", "data_digest", "write_queues", "poll_queues", "type_of_service")
    HEADER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_DIGEST_FIELD_NUMBER: _ClassVar[int]
    WRITE_QUEUES_FIELD_NUMBER: _ClassVar[int]
    POLL_QUEUES_FIELD_NUMBER: _ClassVar[int]
    TYPE_OF_SERVICE_FIELD_NUMBER: _ClassVar[int]
    header_digest: bool
    data_digest: bool
    write_queues: int
    poll_queues: int
    type_of_service: int
    def __init__(self, header_digest: _Optional[bool] = ..., data_digest: _Optional[bool] = ..., write_queues: _Optional[int] = ..., poll_queues: _Optional[int] = ..., type_of_service: _Optional[int] = ...) -> None: ...

class RotateTlsKeyRequest(_message.Message):
    __slots__ = ("keyring", "host_nqn", "subsystem_nqn", "psk", "identity_version", "derivation", "ttl_s", "connection_options", "acknowledge_disruption", "validate_only", "request_id")
    KEYRING_FIELD_NUMBER: _ClassVar[int]
    HOST_NQN_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_NQN_FIELD_NUMBER: _ClassVar[int]
    PSK_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    DERIVATION_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    keyring: KeyringRef
    host_nqn: str
    subsystem_nqn: str
    psk: ConfiguredPsk
    identity_version: int
    derivation: TlsKeyDerivation
    ttl_s: int
    connection_options: ConnectionOptions
    acknowledge_disruption: bool
    validate_only: bool
    request_id: str
    def __init__(self, keyring: _Optional[_Union[KeyringRef, _Mapping[str, _Any]]] = ..., host_nqn: _Optional[str] = ..., subsystem_nqn: _Optional[str] = ..., psk: _Optional[_Union[ConfiguredPsk, _Mapping[str, _Any]]] = ..., identity_version: _Optional[int] = ..., derivation: _Optional[_Union[TlsKeyDerivation, str]] = ..., ttl_s: _Optional[int] = ..., connection_options: _Optional[_Union[ConnectionOptions, _Mapping[str, _Any]]] = ..., acknowledge_disruption: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class RotateTlsKeyResponse(_message.Message):
    __slots__ = ("key", "connections", "retired_keys")
    class Connection(_message.Message):
        __slots__ = ("controller", "previous_controller", "method", "previous_serial", "serial")
        CONTROLLER_FIELD_NUMBER: _ClassVar[int]
        PREVIOUS_CONTROLLER_FIELD_NUMBER: _ClassVar[int]
        METHOD_FIELD_NUMBER: _ClassVar[int]
        PREVIOUS_SERIAL_FIELD_NUMBER: _ClassVar[int]
        SERIAL_FIELD_NUMBER: _ClassVar[int]
        controller: str
        previous_controller: str
        method: RotationMethod
        previous_serial: int
        serial: int
        def __init__(self, controller: _Optional[str] = ..., previous_controller: _Optional[str] = ..., method: _Optional[_Union[RotationMethod, str]] = ..., previous_serial: _Optional[int] = ..., serial: _Optional[int] = ...) -> None: ...
    class RetiredKey(_message.Message):
        __slots__ = ("serial", "description", "revoked", "controllers")
        SERIAL_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
        REVOKED_FIELD_NUMBER: _ClassVar[int]
        CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
        serial: int
        description: str
        revoked: bool
        controllers: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, serial: _Optional[int] = ..., description: _Optional[str] = ..., revoked: _Optional[bool] = ..., controllers: _Optional[_Iterable[str]] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    RETIRED_KEYS_FIELD_NUMBER: _ClassVar[int]
    key: InsertedTlsKey
    connections: _containers.RepeatedCompositeFieldContainer[RotateTlsKeyResponse.Connection]
    retired_keys: _containers.RepeatedCompositeFieldContainer[RotateTlsKeyResponse.RetiredKey]
    def __init__(self, key: _Optional[_Union[InsertedTlsKey, _Mapping[str, _Any]]] = ..., connections: _Optional[_Iterable[_Union[RotateTlsKeyResponse.Connection, _Mapping[str, _Any]]]] = ..., retired_keys: _Optional[_Iterable[_Union[RotateTlsKeyResponse.RetiredKey, _Mapping[str, _Any]]]] = ...) -> None: ...

class RotateDhchapKeyRequest(_message.Message):
    __slots__ = ("host_nqn", "subsystem_nqn", "host_secret", "controller_secret", "acknowledge_disruption", "validate_only", "request_id")
    HOST_NQN_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_NQN_FIELD_NUMBER: _ClassVar[int]
    HOST_SECRET_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_SECRET_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    host_nqn: str
    subsystem_nqn: str
    host_secret: str
    controller_secret: str
    acknowledge_disruption: bool
    validate_only: bool
    request_id: str
    def __init__(self, host_nqn: _Optional[str] = ..., subsystem_nqn: _Optional[str] = ..., host_secret: _Optional[str] = ..., controller_secret: _Optional[str] = ..., acknowledge_disruption: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class RotateDhchapKeyResponse(_message.Message):
    __slots__ = ("controllers",)
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    controllers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, controllers: _Optional[_Iterable[str]] = ...) -> None: ...
