"""PSK interchange texts, `NVMeTLSkey-1:HH:BASE64:` (NVMe TCP Transport 1.1, section 3.6.1.5).

The text says how its key is to be hashed, not what it is: the format is defined for configured PSKs, and nvme-cli also
stores derived TLS PSKs in it. Who reads one has to know which it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from nvmed.keys import checked
from nvmed.keys.psk import KEY_BYTES, PskHash, check_key_length
from nvmed.keys.secret import Secret
from nvmed.reasons import invalid_field

FORMAT = checked.Format(b"NVMeTLSkey-", b"1", {int(hash_): lengths for hash_, lengths in KEY_BYTES.items()})


@dataclass(frozen=True, slots=True, eq=False)
class InterchangeKey:
    """A key of 32 or 48 bytes and the hash it goes with."""

    key: Secret
    hash: PskHash


def export_psk(key: Secret, hash_: PskHash) -> Secret:
    """The interchange text of `key`, itself a secret: 65 characters for 32 bytes, 89 for 48.

    The version is always 1, the only one that can be imported: libnvme prints what it is given (nvme-cli#3887).
    Raises a validation error if the length is neither 32 nor 48 or does not fit the hash.
    """
    check_key_length("key", hash_, len(key))
    return checked.build(FORMAT, int(hash_), key)


def import_psk(text: Secret) -> InterchangeKey:
    """The key of an interchange text; raises KEY_TEXT_STRUCTURE, _VERSION, _HASH, _LENGTH, _BASE64 or _CRC."""
    hash_id, key = checked.parse(FORMAT, text)
    return InterchangeKey(key, PskHash(hash_id))


def generate_psk(hash_: PskHash, *, size_bytes: int = 0) -> InterchangeKey:
    """A fresh configured PSK from the kernel's random source, as long as the digest of `hash_`.

    For NONE, `size_bytes` chooses 32 or 48; otherwise it may be left 0.
    """
    if not size_bytes:
        if hash_ is PskHash.NONE:
            raise invalid_field("size_bytes", "a PSK without a hash has 32 or 48 bytes; say which")
        (size_bytes,) = KEY_BYTES[hash_]
    check_key_length("size_bytes", hash_, size_bytes)
    return InterchangeKey(Secret.random(size_bytes), hash_)
