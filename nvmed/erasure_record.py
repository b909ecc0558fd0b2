"""Signed records of erasures: their form, and whether one still is what a host signed. For daemon and client.

A record is a DSSE envelope (Dead Simple Signing Envelope 1.0), a JSON object:

    {"payload": BASE64, "payloadType": TYPE, "signatures": [{"keyid": KEY, "sig": BASE64}]}

The payload is a JSON object in one form only: UTF-8, members ordered by name, no blanks, nothing but strings, integers,
booleans, null, lists and objects. The signature is Ed25519 (RFC 8032) over DSSE's pre-authentication encoding of type
and payload, the key is named by the SHA-256 of its 32 bytes. Any other verifier of DSSE can check one as well.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PAYLOAD_TYPE: Final = "application/vnd.nvmed.erasure-record.v1+json"
ENVELOPE_BYTES_MAX: Final = 1 << 20
"""A record is some 10 KiB: nothing larger is read, written or verified."""

SIGNATURES_MAX: Final = 16
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_PEM_BEGIN: Final = "-----BEGIN PUBLIC KEY-----"
_PEM_END: Final = "-----END PUBLIC KEY-----"
_DER_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")
"""SubjectPublicKeyInfo of an Ed25519 key, up to the key (RFC 8410, section 10.1)."""


class BadRecord(Exception):
    """Why something is no erasure record, or not the one that was signed."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key: 32 bytes."""

    raw: bytes

    @property
    def id(self) -> str:
        """What signatures name it by."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def pem(self) -> str:
        """The key as SubjectPublicKeyInfo, which OpenSSL reads."""
        return f"{_PEM_BEGIN}\n{base64.b64encode(_DER_PREFIX + self.raw).decode()}\n{_PEM_END}\n"

    @classmethod
    def of_pem(cls, text: str) -> PublicKey:
        """The key of a PEM text; `BadRecord` if it is none of Ed25519."""
        lines = [line.strip() for line in text.strip().splitlines()]
        if len(lines) < 3 or lines[0] != _PEM_BEGIN or lines[-1] != _PEM_END:
            raise BadRecord("the key is no PEM text of a public key")
        der = _base64("the key", "".join(lines[1:-1]))
        if len(der) != len(_DER_PREFIX) + KEY_BYTES or not der.startswith(_DER_PREFIX):
            raise BadRecord("the key is no Ed25519 key")
        return cls(der[len(_DER_PREFIX) :])


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and the name of its key, which nothing vouches for."""

    key_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope whose form is right; whether its signatures are is for `signed_by`."""

    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def content(self) -> Mapping[str, Any]:
        """The payload's object; `BadRecord` if it is none, or not in its one form."""
        found = _json("the payload", self.payload)
        if not isinstance(found, dict) or canonical(found) != self.payload:
            raise BadRecord("the payload is no JSON object in canonical form")
        return found

    @property
    def signed_bytes(self) -> bytes:
        """What is signed: DSSE's pre-authentication encoding."""
        kind = PAYLOAD_TYPE.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)

    def build(self) -> bytes:
        """The envelope as bytes, in canonical form with a newline behind it."""
        signatures = [{"keyid": one.key_id, "sig": base64.b64encode(one.value).decode()} for one in self.signatures]
        payload = base64.b64encode(self.payload).decode()
        return canonical({"payload": payload, "payloadType": PAYLOAD_TYPE, "signatures": signatures}) + b"\n"


def parse(data: bytes) -> Envelope:
    """The envelope that `data` is, of whatever origin; `BadRecord` says why it is none."""
    if len(data) > ENVELOPE_BYTES_MAX:
        raise BadRecord(f"it has more than {ENVELOPE_BYTES_MAX} bytes")
    found = _json("it", data)
    if not isinstance(found, dict) or not {"payload", "payloadType", "signatures"} <= found.keys():
        raise BadRecord("it is no DSSE envelope: payload, payloadType and signatures are its members")
    if found["payloadType"] != PAYLOAD_TYPE:
        raise BadRecord(f"it is a DSSE envelope of another type than {PAYLOAD_TYPE}")
    signatures = found["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= SIGNATURES_MAX:
        raise BadRecord(f"signatures: must be a list of 1 to {SIGNATURES_MAX}")
    return Envelope(_base64("payload", found["payload"]), tuple(_signature(one) for one in signatures))


def signed_by(envelope: Envelope, key: PublicKey) -> bool:
    """Whether one of the signatures is `key`'s; `ImportError` where `cryptography` is not installed."""
    from cryptography.exceptions import InvalidSignature  # only who verifies needs it: the extra `verify`
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        verifier = Ed25519PublicKey.from_public_bytes(key.raw)
    except ValueError as exc:
        raise BadRecord("the key is no point of Ed25519") from exc
    for signature in envelope.signatures:
        try:
            verifier.verify(signature.value, envelope.signed_bytes)
        except InvalidSignature:
            continue
        return True
    return False


def canonical(value: Mapping[str, Any]) -> bytes:
    """The one form of a JSON object of strings, integers, booleans, null, lists and objects."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def _signature(found: Any) -> Signature:
    if not isinstance(found, dict) or not isinstance(found.get("keyid"), str):
        raise BadRecord("signatures: each has a keyid and a sig")
    value = _base64("sig", found.get("sig"))
    if len(value) != SIGNATURE_BYTES:
        raise BadRecord(f"sig: has {len(value)} bytes; a signature has {SIGNATURE_BYTES}")
    return Signature(found["keyid"], value)


def _base64(name: str, text: Any) -> bytes:
    if not isinstance(text, str):
        raise BadRecord(f"{name}: is no text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadRecord(f"{name}: is no base64") from exc


def _json(name: str, data: bytes) -> Any:
    """JSON of any origin: no member twice, no number but integers, and not as deep as Python would follow."""
    try:
        return json.loads(data.decode(), object_pairs_hook=_object, parse_float=_no_number, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise BadRecord(f"{name} is no JSON of this kind: {exc}") from exc


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text[:32]} is no integer")
