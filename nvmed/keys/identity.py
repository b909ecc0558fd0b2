"""TLS PSK identities: the name under which a key lies in the keyring and by which both ends of a handshake know it.

    NVMe0R01 <host NQN> <subsystem NQN>
    NVMe1R02 <host NQN> <subsystem NQN> <digest>

The first digit is the version, the letter who made the key (R: an administrator retained it; G: the kernel generated
it after DH-HMAC-CHAP), the two digits the hash (NVMe TCP Transport 1.1, section 3.6.1.3).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from nvmed.errors import NvmedError
from nvmed.keys.names import check_nqn
from nvmed.keys.psk import KEY_BYTES, MAX_IDENTITY_BYTES, PskHash
from nvmed.reasons import invalid_field

_PREFIX = re.compile(r"NVMe([01])([RG])(0[12])")
KINDS = {"R": "retained", "G": "generated"}
"""Who made the key, by the letter in its identity."""


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """A parsed identity; `str()` is the text again. `digest` is "" in version 0, `kind` a letter of KINDS."""

    version: int
    kind: str
    hash: PskHash
    host_nqn: str
    subsystem_nqn: str
    digest: str = ""

    def __str__(self) -> str:
        words = [f"NVMe{self.version}{self.kind}{self.hash:02d}", self.host_nqn, self.subsystem_nqn]
        return " ".join([*words, self.digest] if self.version else words)


def parse_identity(text: str, field: str = "identity") -> TlsIdentity:
    """The parts of an identity; raises a validation error of `field` that names the part and its limit.

    Strict, so that nothing is inserted that the kernel never asks for: single blanks, valid NQNs, hash 01 or 02, in
    version 1 a canonical base64 digest of the hash's length, in version 0 at most 255 bytes.
    """
    prefix, *names = text.split(" ")
    head = _PREFIX.fullmatch(prefix)
    if head is None:
        raise invalid_field(field, "the identity does not begin with NVMe, version 0 or 1, R or G, and hash 01 or 02")
    version, kind, hash_ = int(head[1]), head[2], PskHash(int(head[3]))
    if len(names) != 2 + version:
        raise invalid_field(
            field,
            f"the identity of version {version} has {3 + version} words between single blanks, not {1 + len(names)}",
        )
    identity = TlsIdentity(version, kind, hash_, *names)
    check_nqn(f"{field}.host_nqn", identity.host_nqn)
    check_nqn(f"{field}.subsystem_nqn", identity.subsystem_nqn)
    if version == 0 and len(text.encode()) > MAX_IDENTITY_BYTES:
        raise invalid_field(field, f"an identity of version 0 has at most {MAX_IDENTITY_BYTES} bytes; use version 1")
    if version == 1 and not _is_digest(identity.digest, *KEY_BYTES[hash_]):
        raise invalid_field(field, f"the digest is not the base64 of {KEY_BYTES[hash_][0]} bytes")
    return identity


def try_parse_identity(text: str) -> TlsIdentity | None:
    """The parts of an identity, or None where the text is none: for keys that somebody else put into a keyring."""
    try:
        return parse_identity(text)
    except NvmedError:
        return None


def _is_digest(text: str, size_bytes: int) -> bool:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(data) == size_bytes and base64.b64encode(data).decode() == text
