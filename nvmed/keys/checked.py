"""Base64 of a key and its CRC-32: what `NVMeTLSkey-1` and `DHHC-1` texts have in common, read strictly.

    TAG-VERSION:HH:base64(key || CRC-32 of key, little endian):

Every character counts. libnvme takes any third separator, any last character and unused bits in the base64, and scans
numbers with signs; a text that only some tools take is worse than an error. No error here repeats any of the text.
"""

from __future__ import annotations

import binascii
import hmac
import zlib
from dataclasses import dataclass

from nvmed.keys.secret import Secret, wipe
from nvmed.reasons import Reason, error

_CRC_BYTES = 4


@dataclass(frozen=True, slots=True)
class Format:
    """One text format: `tag` as it begins, `version` as it must follow, and the key lengths that each hash id takes."""

    tag: bytes
    version: bytes
    key_bytes: dict[int, tuple[int, ...]]

    @property
    def example(self) -> str:
        return f"{(self.tag + self.version).decode()}:HH:BASE64:"


def build(fmt: Format, hash_id: int, key: Secret) -> Secret:
    """The text of `key`, whose length and hash the caller has checked."""
    with key.borrow() as view:
        checked = bytearray(view)
        checked += zlib.crc32(view).to_bytes(_CRC_BYTES, "little")
    text = bytearray(b"%s%s:%02x:" % (fmt.tag, fmt.version, hash_id))
    text += binascii.b2a_base64(checked, newline=False)
    text += b":"
    secret = Secret(text)
    wipe(checked)
    wipe(text)
    return secret


def parse(fmt: Format, text: Secret) -> tuple[int, Secret]:
    """Hash id and key of `text`; raises KEY_TEXT_STRUCTURE, _VERSION, _HASH, _LENGTH, _BASE64 or _CRC."""
    with text.borrow() as view:
        version, hash_text, encoded = _split(fmt, bytes(view))
    if version != fmt.version:
        raise error(
            Reason.KEY_TEXT_VERSION,
            f"the key text has a version other than {fmt.version.decode()}. {Reason.KEY_TEXT_VERSION.remedy}",
            format=fmt.example,
        )
    hash_id = _hash_id(fmt, hash_text)
    allowed = fmt.key_bytes[hash_id]
    if len(encoded) not in {_encoded_length(length) for length in allowed}:
        raise _wrong_length(fmt, hash_id, f"its base64 has {len(encoded)} characters")
    checked = _decode(fmt, encoded)
    key_bytes = len(checked) - _CRC_BYTES
    try:
        if key_bytes not in allowed:
            raise _wrong_length(fmt, hash_id, f"it holds a key of {key_bytes} bytes")
        with memoryview(checked)[:-_CRC_BYTES] as key:
            if zlib.crc32(key) != int.from_bytes(checked[-_CRC_BYTES:], "little"):
                raise error(
                    Reason.KEY_TEXT_CRC,
                    f"{Reason.KEY_TEXT_CRC.meaning} {Reason.KEY_TEXT_CRC.remedy}",
                    format=fmt.example,
                )
            return hash_id, Secret(key)
    finally:
        wipe(checked)


def _split(fmt: Format, text: bytes) -> tuple[bytes, bytes, bytes]:
    """Version, hash and base64 as they stand between tag and colons."""
    if not text:
        raise _bad_structure(fmt, "it is empty")
    if not text.startswith(fmt.tag):
        raise _bad_structure(fmt, f"it does not begin with {fmt.tag.decode()}")
    fields = text[len(fmt.tag) :].split(b":")
    if len(fields) != 4:
        raise _bad_structure(fmt, f"it has {len(fields) - 1} colons instead of 3")
    if fields[3]:
        raise _bad_structure(fmt, "something follows the last colon, perhaps a newline")
    return fields[0], fields[1], fields[2]


def _hash_id(fmt: Format, text: bytes) -> int:
    for known in fmt.key_bytes:
        if text == b"%02x" % known:
            return known
    raise error(
        Reason.KEY_TEXT_HASH,
        f"the key text's hash is none of {', '.join(f'{known:02x}' for known in fmt.key_bytes)}",
        format=fmt.example,
    )


def _decode(fmt: Format, encoded: bytes) -> bytearray:
    try:
        decoded = bytearray(binascii.a2b_base64(encoded, strict_mode=True))
    except (binascii.Error, ValueError):
        decoded = bytearray()
    # Strict mode lets the unused bits of the last character be anything: only what encodes back is canonical.
    if not hmac.compare_digest(binascii.b2a_base64(decoded, newline=False), encoded):
        wipe(decoded)
        raise error(
            Reason.KEY_TEXT_BASE64,
            f"{Reason.KEY_TEXT_BASE64.meaning} {Reason.KEY_TEXT_BASE64.remedy}",
            format=fmt.example,
        )
    return decoded


def _encoded_length(key_bytes: int) -> int:
    return (key_bytes + _CRC_BYTES + 2) // 3 * 4


def _bad_structure(fmt: Format, why: str) -> Exception:
    return error(Reason.KEY_TEXT_STRUCTURE, f"the key text is not {fmt.example} on one line: {why}", format=fmt.example)


def _wrong_length(fmt: Format, hash_id: int, what: str) -> Exception:
    fitting = " or ".join(str(length) for length in fmt.key_bytes[hash_id])
    return error(
        Reason.KEY_TEXT_LENGTH,
        f"the key text's length does not fit: {what}, but hash {hash_id:02x} goes with a key of {fitting} bytes",
        format=fmt.example,
        hash=f"{hash_id:02x}",
    )
