"""Keys, as the messages of the contract, and back.

Requests bring secrets as `str` and `bytes`; the first thing that happens to one is that it becomes a `Secret`. What
gRPC and protobuf hold of it until the call ends cannot be wiped, and is shown nowhere: messages are never printed.
"""

from __future__ import annotations

from typing import Final

from nvmed.keyring.calls import DEFAULT_KEYRING, KeyInfo, KeyringRef, UpdatedKey, UpdateOutcome
from nvmed.keyring.keyring import CheckedTlsKey, LoadedPayload
from nvmed.keys.description import ExpiryState
from nvmed.keys.dhchap import HmacAlgorithm, Reading, parse_text
from nvmed.keys.identity import TlsIdentity
from nvmed.keys.interchange import InterchangeKey, import_psk
from nvmed.keys.psk import Derivation, DerivedTlsKey, PskHash, check_key_length, cipher_of
from nvmed.keys.secret import Secret
from nvmed.linux.fabrics import ConnectionOptions, DhchapSecrets
from nvmed.reasons import invalid_field
from nvmed.rpc.convert.fitted import fitted
from nvmed.v1 import key_pb2

IDENTITY_VERSION_DEFAULT: Final = 1

_HASHES: Final = {
    PskHash.NONE: key_pb2.HMAC_ALGORITHM_NONE,
    PskHash.SHA256: key_pb2.HMAC_ALGORITHM_SHA256,
    PskHash.SHA384: key_pb2.HMAC_ALGORITHM_SHA384,
}
_PSK_HASHES: Final = {message: hash_ for hash_, message in _HASHES.items()}
_HMACS: Final = {
    HmacAlgorithm.NONE: key_pb2.HMAC_ALGORITHM_NONE,
    HmacAlgorithm.SHA256: key_pb2.HMAC_ALGORITHM_SHA256,
    HmacAlgorithm.SHA384: key_pb2.HMAC_ALGORITHM_SHA384,
    HmacAlgorithm.SHA512: key_pb2.HMAC_ALGORITHM_SHA512,
}
_HMAC_ALGORITHMS: Final = {message: hmac for hmac, message in _HMACS.items()}
_DERIVATIONS: Final = {
    Derivation.RFC8446: key_pb2.TLS_KEY_DERIVATION_RFC8446,
    Derivation.COMPAT: key_pb2.TLS_KEY_DERIVATION_COMPAT,
}
_OUTCOMES: Final = {
    UpdateOutcome.CREATED: key_pb2.KEY_UPDATE_OUTCOME_CREATED,
    UpdateOutcome.UPDATED: key_pb2.KEY_UPDATE_OUTCOME_UPDATED,
    UpdateOutcome.REPLACED: key_pb2.KEY_UPDATE_OUTCOME_REPLACED,
}
_ORIGINS: Final = {
    "R": key_pb2.TlsKeyIdentity.ORIGIN_RETAINED,
    "G": key_pb2.TlsKeyIdentity.ORIGIN_GENERATED,
}
_EXPIRY_STATES: Final = {
    ExpiryState.UNKNOWN: key_pb2.KernelKey.EXPIRY_STATE_UNSPECIFIED,
    ExpiryState.PERMANENT: key_pb2.KernelKey.EXPIRY_STATE_PERMANENT,
    ExpiryState.EXPIRES: key_pb2.KernelKey.EXPIRY_STATE_EXPIRES,
    ExpiryState.EXPIRED: key_pb2.KernelKey.EXPIRY_STATE_EXPIRED,
}
_LOADED: Final = {
    LoadedPayload.NOT_LOADED: key_pb2.CheckTlsKeyResponse.LOADED_NOTHING,
    LoadedPayload.DERIVED: key_pb2.CheckTlsKeyResponse.LOADED_DERIVED,
    LoadedPayload.VERBATIM: key_pb2.CheckTlsKeyResponse.LOADED_VERBATIM,
    LoadedPayload.OTHER: key_pb2.CheckTlsKeyResponse.LOADED_OTHER,
    LoadedPayload.UNREADABLE: key_pb2.CheckTlsKeyResponse.LOADED_UNREADABLE,
}


# -- from requests


def keyring_of(ref: key_pb2.KeyringRef) -> KeyringRef:
    """The keyring that a request names; `.nvme` where it names none."""
    which = ref.WhichOneof("keyring")
    if which == "name":
        return ref.name or DEFAULT_KEYRING
    return ref.serial if which == "serial" else DEFAULT_KEYRING


def psk_of(message: key_pb2.ConfiguredPsk, field: str = "psk") -> InterchangeKey:
    """The configured PSK of a request.

    Raises a validation error if there is none, or its length or hash does not fit; the KEY_TEXT reasons for a text.
    """
    wanted = None
    if message.hash != key_pb2.HMAC_ALGORITHM_UNSPECIFIED:
        wanted = psk_hash_of(message.hash, f"{field}.hash")
    which = message.WhichOneof("psk")
    if which == "text":
        found = import_psk(Secret.from_text(message.text))
        if wanted is not None and wanted is not found.hash:
            raise invalid_field(
                f"{field}.hash", f"it is {wanted.name}, but the text says {found.hash.name}; leave it out"
            )
        return found
    if which is None:
        raise invalid_field(field, "it is empty; give the key's bytes or its interchange text")
    key = Secret(message.key)
    check_key_length(f"{field}.key", wanted or PskHash.NONE, len(key))
    return InterchangeKey(key, cipher_of(PskHash.NONE, len(key)) if wanted is None else wanted)


def psk_hash_of(value: key_pb2.HmacAlgorithm, field: str) -> PskHash:
    """The hash of a TLS PSK; raises a validation error for SHA-512, which has none."""
    if value not in _PSK_HASHES:
        raise invalid_field(field, "there is no TLS PSK with SHA-512; use NONE, SHA256 or SHA384")
    return _PSK_HASHES[value]


def hmac_of(value: key_pb2.HmacAlgorithm) -> HmacAlgorithm:
    """The hash of a DH-HMAC-CHAP transformation; none where it is unspecified."""
    return _HMAC_ALGORITHMS.get(value, HmacAlgorithm.NONE)


def derivation_of(value: key_pb2.TlsKeyDerivation) -> Derivation:
    """How to derive; RFC8446 where it is unspecified."""
    return Derivation.COMPAT if value == key_pb2.TLS_KEY_DERIVATION_COMPAT else Derivation.RFC8446


def connection_options(message: key_pb2.ConnectionOptions) -> ConnectionOptions:
    """What a connection is to have that the kernel does not show of the one it replaces."""
    return ConnectionOptions(
        header_digest=message.header_digest,
        data_digest=message.data_digest,
        write_queues=message.write_queues,
        poll_queues=message.poll_queues,
        type_of_service=message.type_of_service if message.HasField("type_of_service") else None,
    )


def dhchap_secrets(request: key_pb2.RotateDhchapKeyRequest) -> DhchapSecrets:
    """The new secrets, once they are known to be sound; raises the KEY_TEXT reasons, or INVALID_FIELD for none."""
    texts = {"host": request.host_secret, "controller": request.controller_secret}
    if not any(texts.values()):
        raise invalid_field("host_secret", "there is no secret; give that of the host, of the controller, or both")
    secrets = {name: Secret.from_text(text) for name, text in texts.items() if text}
    for secret in secrets.values():
        parse_text(secret, Reading.SECRET).payload.wipe()
    return DhchapSecrets(**secrets)


# -- to answers


def kernel_key(info: KeyInfo) -> key_pb2.KernelKey:
    """A key, without its payload."""
    about, expiry = info.about, info.expiry
    raw = about.description.encode("utf-8", "surrogateescape")
    shown = raw.decode("utf-8", "replace")
    identity = about.identity
    return fitted(
        key_pb2.KernelKey,
        serial=info.serial,
        type=about.type,
        uid=about.uid,
        gid=about.gid,
        permissions=about.permissions,
        description=shown,
        description_bytes=b"" if shown.encode() == raw else raw,
        expiry_state=_EXPIRY_STATES[expiry.state],
        remaining_s=expiry.remaining_s,
        resolution_s=expiry.resolution_s,
        identity=None if identity is None else tls_identity(identity),
    )


def tls_identity(identity: TlsIdentity) -> key_pb2.TlsKeyIdentity:
    """What an identity says; not how its key was derived, which it does not."""
    return fitted(
        key_pb2.TlsKeyIdentity,
        identity=str(identity),
        version=identity.version,
        origin=_ORIGINS[identity.kind],
        cipher=_HASHES[identity.hash],
        host_nqn=identity.host_nqn,
        subsystem_nqn=identity.subsystem_nqn,
        digest=identity.digest,
    )


def derived_identity(derived: DerivedTlsKey) -> key_pb2.TlsKeyIdentity:
    """The identity of a key that was derived here."""
    return fitted(
        key_pb2.TlsKeyIdentity,
        identity=derived.identity,
        version=derived.version,
        origin=key_pb2.TlsKeyIdentity.ORIGIN_RETAINED,
        cipher=_HASHES[derived.cipher],
        host_nqn=derived.host_nqn,
        subsystem_nqn=derived.subsystem_nqn,
        digest=derived.digest,
        hash=_HASHES[derived.hash],
        derivation=_DERIVATIONS[derived.derivation],
    )


def inserted(identity: key_pb2.TlsKeyIdentity, key: UpdatedKey) -> key_pb2.InsertedTlsKey:
    """A TLS key in the keyring."""
    return fitted(
        key_pb2.InsertedTlsKey,
        serial=key.serial,
        previous_serial=key.previous_serial,
        outcome=_OUTCOMES[key.outcome],
        identity=identity,
    )


def updated(key: UpdatedKey) -> key_pb2.UpdateKeyResponse:
    """A key in the keyring."""
    return fitted(
        key_pb2.UpdateKeyResponse,
        serial=key.serial,
        previous_serial=key.previous_serial,
        outcome=_OUTCOMES[key.outcome],
    )


def psk_hash(hash_: PskHash) -> key_pb2.HmacAlgorithm:
    """The hash of a TLS PSK."""
    return _HASHES[hash_]


def hmac_algorithm(hmac: HmacAlgorithm) -> key_pb2.HmacAlgorithm:
    """The hash of a DH-HMAC-CHAP transformation."""
    return _HMACS[hmac]


def checked(found: CheckedTlsKey, host_nqn: str, subsystem_nqn: str, psk_bytes: int) -> key_pb2.CheckTlsKeyResponse:
    """What a key yields and what is loaded of it."""
    answer = key_pb2.CheckTlsKeyResponse
    return fitted(
        answer,
        variants=[
            fitted(
                answer.Variant,
                identity=fitted(
                    key_pb2.TlsKeyIdentity,
                    identity=variant.identity,
                    version=variant.version,
                    origin=key_pb2.TlsKeyIdentity.ORIGIN_RETAINED,
                    cipher=_HASHES[cipher_of(variant.hash, psk_bytes)],
                    host_nqn=host_nqn,
                    subsystem_nqn=subsystem_nqn,
                    digest=variant.digest,
                    hash=_HASHES[variant.hash],
                    derivation=_DERIVATIONS[variant.derivation],
                ),
                loaded=_LOADED[variant.loaded],
                serial=variant.serial,
            )
            for variant in found.variants
        ],
        omitted=[
            fitted(
                answer.OmittedVariant,
                identity_version=variant.version,
                derivation=_DERIVATIONS[variant.derivation],
                why=variant.error.message,
            )
            for variant in found.omitted
        ],
    )
