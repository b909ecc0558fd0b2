"""DH-HMAC-CHAP secrets and their DHHC-1 texts (NVMe Base 2.0, section 8.13.5.8).

A secret authenticates after HMAC(secret, host NQN || "NVMe-over-Fabrics"), the *transformed* key, unless its text says
hash 00. The kernel does that once, to whatever the text holds. Two tools given the same secret write different texts:
nvme-cli 3 writes the secret (as the specification says), nvme-cli 2 and libnvme transform it first, so that the kernel
transforms it again. Both authenticate, against a peer that holds the same text. Hence `Reading`, in every answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, unique

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from nvmed.keys import checked
from nvmed.keys.names import check_nqn
from nvmed.keys.secret import Secret
from nvmed.reasons import invalid_field

_SEED = b"NVMe-over-Fabrics"


@unique
class HmacAlgorithm(IntEnum):
    """`enum nvme_hmac_alg`: the transformation of a secret, numbered as in DHHC-1 texts."""

    NONE = 0
    SHA256 = 1
    SHA384 = 2
    SHA512 = 3


@unique
class Reading(Enum):
    """What a DHHC-1 text holds: the secret (nvme-cli 3, the specification) or the transformed key (nvme-cli 2)."""

    SECRET = "secret"  # noqa: S105 (the name of a reading)
    TRANSFORMED = "transformed"


_ALGORITHMS: dict[HmacAlgorithm, hashes.HashAlgorithm] = {
    HmacAlgorithm.SHA256: hashes.SHA256(),
    HmacAlgorithm.SHA384: hashes.SHA384(),
    HmacAlgorithm.SHA512: hashes.SHA512(),
}
SECRET_BYTES = (32, 48, 64)
"""The lengths that a DHHC-1 text can hold."""

KEY_BYTES: dict[HmacAlgorithm, tuple[int, ...]] = {
    HmacAlgorithm.NONE: SECRET_BYTES,
    HmacAlgorithm.SHA256: (32,),
    HmacAlgorithm.SHA384: (48,),
    HmacAlgorithm.SHA512: (64,),
}
"""The lengths of a transformed key."""

FORMATS: dict[Reading, checked.Format] = {
    Reading.SECRET: checked.Format(b"DHHC-", b"1", {int(hmac): SECRET_BYTES for hmac in HmacAlgorithm}),
    Reading.TRANSFORMED: checked.Format(b"DHHC-", b"1", {int(hmac): KEY_BYTES[hmac] for hmac in HmacAlgorithm}),
}


@dataclass(frozen=True, slots=True, eq=False)
class DhchapText:
    """What a DHHC-1 text holds, read as `reading`: `payload` is the secret or the transformed key."""

    payload: Secret
    hmac: HmacAlgorithm
    reading: Reading


@dataclass(frozen=True, slots=True, eq=False)
class DhchapKey:
    """All that one secret yields.

    `key` is what libnvme's `nvme_gen_dhchap_key` gives and `transformed_text` holds; both are None where the secret's
    length is not the digest's, which only the reading SECRET allows.
    """

    hmac: HmacAlgorithm
    secret_text: Secret
    key: Secret | None
    transformed_text: Secret | None


def transform(secret: Secret, hmac: HmacAlgorithm, host_nqn: bytes) -> Secret:
    """HMAC(secret, host NQN || seed) for any input, as the kernel does it; for NONE the secret itself."""
    with secret.borrow() as key:
        if hmac is HmacAlgorithm.NONE:
            return Secret(key)
        mac = HMAC(key, _ALGORITHMS[hmac])
        mac.update(host_nqn + _SEED)
        return Secret(mac.finalize())


def transform_key(secret: Secret, hmac: HmacAlgorithm, host_nqn: str) -> Secret:
    """The transformed key, as `nvme_gen_dhchap_key` makes it.

    Raises a validation error if the secret is not as long as the digest (32, 48 or 64 bytes for NONE), or, unless
    `hmac` is NONE, which does not use it, if the NQN is empty, over 223 bytes, or with blanks.
    """
    if len(secret) not in KEY_BYTES[hmac]:
        fitting = ", ".join(str(length) for length in KEY_BYTES[hmac])
        raise invalid_field("secret", f"the secret has {len(secret)} bytes; {hmac.name} transforms {fitting}")
    return transform(secret, hmac, b"" if hmac is HmacAlgorithm.NONE else check_nqn("nqn", host_nqn))


def build_text(payload: Secret, hmac: HmacAlgorithm, reading: Reading) -> Secret:
    """The DHHC-1 text of `payload`, itself a secret: 59, 83 or 103 characters.

    Raises a validation error if the length is not 32, 48 or 64 bytes, or, for TRANSFORMED, not the digest's.
    """
    allowed = FORMATS[reading].key_bytes[int(hmac)]
    if len(payload) not in allowed:
        fitting = ", ".join(str(length) for length in allowed)
        raise invalid_field(
            "secret", f"the {reading.value} has {len(payload)} bytes; with {hmac.name} the text takes {fitting}"
        )
    return checked.build(FORMATS[reading], int(hmac), payload)


def parse_text(text: Secret, reading: Reading) -> DhchapText:
    """What a DHHC-1 text holds; raises KEY_TEXT_STRUCTURE, _VERSION, _HASH, _LENGTH, _BASE64 or _CRC.

    The text itself does not tell its reading: TRANSFORMED differs only in that the length must fit the hash.
    """
    hash_id, payload = checked.parse(FORMATS[reading], text)
    return DhchapText(payload, HmacAlgorithm(hash_id), reading)


def make_key(secret: Secret, hmac: HmacAlgorithm, host_nqn: str) -> DhchapKey:
    """Both texts of `secret`, and the key between them; raises the validation errors of `build_text`."""
    secret_text = build_text(secret, hmac, Reading.SECRET)
    if len(secret) not in KEY_BYTES[hmac]:
        return DhchapKey(hmac, secret_text, None, None)
    key = transform_key(secret, hmac, host_nqn)
    return DhchapKey(hmac, secret_text, key, build_text(key, hmac, Reading.TRANSFORMED))


def generate_secret(hmac: HmacAlgorithm, *, size_bytes: int = 0) -> Secret:
    """A fresh secret from the kernel's random source: of `size_bytes`, or as long as the digest, 32 bytes for NONE."""
    size_bytes = size_bytes or KEY_BYTES[hmac][0]
    if size_bytes not in SECRET_BYTES:
        raise invalid_field("size_bytes", f"a secret has 32, 48 or 64 bytes, not {size_bytes}")
    return Secret.random(size_bytes)
