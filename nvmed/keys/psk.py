"""From a configured PSK to the TLS PSK: the three keys of NVMe/TCP (NVMe TCP Transport 1.1, section 3.6.1).

The *configured* PSK is what an administrator types at both ends. A hash makes it the *retained* PSK, bound to the
host. From that, the names of both ends and their PSK identity comes the *TLS PSK*, which the handshake uses and the
kernel's keyring holds.

There are two derivations in the field, and they yield different keys from the same text: `Derivation`. So every answer
says by which it was made. `derive` is the computation alone, for any input; `derive_tls_key` refuses what two
implementations would not agree on.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import Enum, IntEnum, unique

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nvmed.errors import NvmedError
from nvmed.keys.names import check_nqn
from nvmed.keys.secret import Secret
from nvmed.reasons import invalid_field

MAX_IDENTITY_BYTES = 255
"""In version 0 the identity is a context of HkdfLabel, whose length is one byte (RFC 8446, section 7.1)."""

_SEED = b"NVMe-over-Fabrics"
_RETAINED_LABEL = b"tls13 HostNQN"
_TLS_LABEL = b"tls13 nvme-tls-psk"


@unique
class PskHash(IntEnum):
    """The hash of a PSK, numbered as in interchange texts and identities. NONE: the configured PSK is retained."""

    NONE = 0
    SHA256 = 1
    SHA384 = 2


@unique
class Derivation(Enum):
    """How labels and contexts go into HKDF. `value` is the name in files and on the command line.

    RFC8446 is HkdfLabel as TLS 1.3 has it: the specification, libnvme from 1.16 on, SPDK. COMPAT is what libnvme 1.10
    to 1.15 made by default: the length in little endian, and no length bytes before label and context.
    """

    RFC8446 = "rfc8446"
    COMPAT = "compat"


_ALGORITHMS: dict[PskHash, hashes.HashAlgorithm] = {PskHash.SHA256: hashes.SHA256(), PskHash.SHA384: hashes.SHA384()}
KEY_BYTES: dict[PskHash, tuple[int, ...]] = {PskHash.NONE: (32, 48), PskHash.SHA256: (32,), PskHash.SHA384: (48,)}
"""The key lengths that go with each hash: the digest's, because the retained PSK is one (section 3.6.1.2)."""


@dataclass(frozen=True, slots=True, eq=False)
class DerivedTlsKey:
    """A TLS PSK and what it was made of and by. Printing it shows no secret.

    `hash` is the one asked for; `cipher` the one that stands in `identity` and made the TLS PSK: the same, or for NONE
    the one of the key's length. `digest` is the base64 PSK digest of version 1, "" in version 0.
    """

    identity: str
    psk: Secret
    version: int
    hash: PskHash
    cipher: PskHash
    derivation: Derivation
    digest: str
    host_nqn: str
    subsystem_nqn: str


def cipher_of(hash_: PskHash, key_bytes: int) -> PskHash:
    """The hash of the TLS PSK: `hash_`, or for NONE the one whose digest is as long as the key.

    Raises ValueError where there is none.
    """
    if hash_ is not PskHash.NONE:
        return hash_
    for cipher, (length,) in ((PskHash.SHA256, KEY_BYTES[PskHash.SHA256]), (PskHash.SHA384, KEY_BYTES[PskHash.SHA384])):
        if length == key_bytes:
            return cipher
    raise ValueError("a PSK without a hash has 32 or 48 bytes")


def _info(derivation: Derivation, length: int, label: bytes, context: bytes) -> bytes:
    if derivation is Derivation.COMPAT:
        return length.to_bytes(2, "little") + label + context
    if len(context) > MAX_IDENTITY_BYTES:
        raise ValueError("the context of HkdfLabel has at most 255 bytes")
    return b"".join(
        (length.to_bytes(2, "big"), bytes([len(label)]), label, bytes([len(context)]), context),
    )


def _hkdf(derivation: Derivation, hash_: PskHash, key: Secret, label: bytes, context: bytes) -> Secret:
    """HKDF without salt (RFC 5869) to the length of `key`, not of the hash."""
    info = _info(derivation, len(key), label, context)
    with key.borrow() as material:
        return Secret(HKDF(_ALGORITHMS[hash_], len(key), salt=None, info=info).derive(material))


def _digest(cipher: PskHash, retained: Secret, host_nqn: bytes, subsystem_nqn: bytes) -> str:
    """The PSK digest of identity version 1, base64 with padding."""
    with retained.borrow() as key:
        mac = HMAC(key, _ALGORITHMS[cipher])
        mac.update(b" ".join((host_nqn, subsystem_nqn, _SEED)))
        return base64.b64encode(mac.finalize()).decode("ascii")


def derive(
    configured: Secret,
    host_nqn: bytes,
    subsystem_nqn: bytes,
    *,
    version: int,
    hash_: PskHash,
    derivation: Derivation,
) -> tuple[bytes, Secret, str]:
    """Identity, TLS PSK and digest ("" in version 0) of any input, as libnvme computes them.

    Checks nothing but what cannot be computed: ValueError for a context that RFC8446 cannot hold (COMPAT has no such
    limit, as libnvme 1.11 has none), and for NONE with a key of neither 32 nor 48 bytes.
    """
    cipher = cipher_of(hash_, len(configured))
    retained = configured
    if hash_ is not PskHash.NONE:
        retained = _hkdf(derivation, hash_, configured, _RETAINED_LABEL, host_nqn)
    prefix = b"NVMe%dR%02d" % (version, cipher)
    if version == 0:
        identity = b" ".join((prefix, host_nqn, subsystem_nqn))
        return identity, _hkdf(derivation, cipher, retained, _TLS_LABEL, identity), ""
    digest = _digest(cipher, retained, host_nqn, subsystem_nqn)
    identity = b" ".join((prefix, host_nqn, subsystem_nqn, digest.encode()))
    context = b"%02d %s" % (cipher, digest.encode())
    return identity, _hkdf(derivation, cipher, retained, _TLS_LABEL, context), digest


def check_version(version: int) -> None:
    """Raises the validation error of an identity version other than 0 and 1."""
    if version not in (0, 1):
        raise invalid_field("identity_version", f"there is no identity version {version}; use 1, or 0 for old peers")


def check_key_length(field: str, hash_: PskHash, key_bytes: int) -> None:
    """Raises the validation error of a key that is not 32 or 48 bytes long, or not as long as its hash's digest."""
    if key_bytes not in KEY_BYTES[PskHash.NONE]:
        raise invalid_field(field, f"the key has {key_bytes} bytes; a PSK has 32 or 48")
    if key_bytes not in KEY_BYTES[hash_]:
        fitting = KEY_BYTES[hash_][0]
        raise invalid_field(
            field,
            f"the key has {key_bytes} bytes, but {hash_.name} goes with {fitting}: peers disagree on the key derived "
            "from another length; use the hash that fits, or none",
        )


def derive_tls_key(
    configured: Secret,
    host_nqn: str,
    subsystem_nqn: str,
    *,
    version: int,
    hash_: PskHash,
    derivation: Derivation = Derivation.RFC8446,
) -> DerivedTlsKey:
    """The TLS PSK of `configured` for one host and one subsystem.

    `version` is that of the identity: 1 binds the key into it, 0 is for peers that know no other. Raises a validation
    error naming the limit: a version other than 0 and 1; an NQN that is empty, over 223 bytes, or with blanks; a key
    of neither 32 nor 48 bytes, or not as long as the digest of `hash_`; in version 0, an identity over 255 bytes.
    """
    check_version(version)
    host = check_nqn("host_nqn", host_nqn)
    subsystem = check_nqn("subsystem_nqn", subsystem_nqn)
    check_key_length("psk", hash_, len(configured))
    if version == 0:
        _check_identity_length(len(host) + len(subsystem))
    identity, psk, digest = derive(configured, host, subsystem, version=version, hash_=hash_, derivation=derivation)
    return DerivedTlsKey(
        identity=identity.decode(),
        psk=psk,
        version=version,
        hash=hash_,
        cipher=cipher_of(hash_, len(configured)),
        derivation=derivation,
        digest=digest,
        host_nqn=host_nqn,
        subsystem_nqn=subsystem_nqn,
    )


def _check_identity_length(name_bytes: int) -> None:
    length = len("NVMe0R01 ") + name_bytes + 1
    if length > MAX_IDENTITY_BYTES:
        raise invalid_field(
            "identity_version",
            f"the identity would have {length} bytes, over the limit of {MAX_IDENTITY_BYTES} in version 0: both NQNs "
            f"together may have {MAX_IDENTITY_BYTES - 10} bytes; use version 1 or shorter NQNs",
        )


@dataclass(frozen=True, slots=True)
class OmittedVariant:
    """A variant that this input cannot have, and the error that says why."""

    version: int
    derivation: Derivation
    error: NvmedError


def derive_variants(
    configured: Secret, host_nqn: str, subsystem_nqn: str, *, hash_: PskHash
) -> tuple[tuple[DerivedTlsKey, ...], tuple[OmittedVariant, ...]]:
    """Everything that peers make of this key: each identity version by each derivation, version 1 and RFC8446 first.

    Names and key must be valid for version 1. Version 0 is omitted where it cannot hold both names.
    """
    variants: list[DerivedTlsKey] = []
    omitted: list[OmittedVariant] = []
    for version in (1, 0):
        for derivation in Derivation:
            try:
                key = derive_tls_key(
                    configured, host_nqn, subsystem_nqn, version=version, hash_=hash_, derivation=derivation
                )
            except NvmedError as refusal:
                if version == 1:
                    raise
                omitted.append(OmittedVariant(version, derivation, refusal))
            else:
                variants.append(key)
    return tuple(variants), tuple(omitted)
