"""Interchange texts: as libnvme reads and writes them, or a named deviation; strict on every character."""

from __future__ import annotations

import base64
import json
import zlib
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import InvalidArgument
from nvmed.keys.interchange import export_psk, generate_psk, import_psk
from nvmed.keys.psk import PskHash
from nvmed.keys.secret import Secret

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors" / "psk_interchange.json").read_text())
REASONS = {f"KEY_TEXT_{part}" for part in ("STRUCTURE", "VERSION", "HASH", "LENGTH", "BASE64", "CRC")}

KEYS = st.one_of(
    st.tuples(st.sampled_from([PskHash.NONE, PskHash.SHA256]), st.binary(min_size=32, max_size=32)),
    st.tuples(st.sampled_from([PskHash.NONE, PskHash.SHA384]), st.binary(min_size=48, max_size=48)),
)


class Deviation(Enum):
    """Where nvmed answers otherwise than libnvme, on purpose."""

    EXPORT_VERSION = "libnvme prints any version; only 1 exists, and only 1 can be imported (nvme-cli#3887)"
    LAST_CHARACTER = "libnvme does not look at the last character"
    THIRD_SEPARATOR = "libnvme does not look at the separator behind the hash"


READ_BY_LIBNVME = {
    "trailing colon replaced by x": (Deviation.LAST_CHARACTER, "KEY_TEXT_STRUCTURE"),
    "hmac 01x": (Deviation.THIRD_SEPARATOR, "KEY_TEXT_STRUCTURE"),
}
REFUSED_BY_BOTH = {
    "hmac 02 but 32 bytes": "KEY_TEXT_LENGTH",
    "hmac 03": "KEY_TEXT_HASH",
    "hmac ff": "KEY_TEXT_HASH",
    "version 0": "KEY_TEXT_VERSION",
    "version 2": "KEY_TEXT_VERSION",
    "version +1": "KEY_TEXT_VERSION",
    "hmac single digit 1: (len 64)": "KEY_TEXT_HASH",
    "hmac upper 0A": "KEY_TEXT_HASH",
    "crc big endian": "KEY_TEXT_CRC",
    "trailing newline": "KEY_TEXT_STRUCTURE",
    "empty": "KEY_TEXT_STRUCTURE",
    "bad base64 char": "KEY_TEXT_BASE64",
    "base64 url-safe char": "KEY_TEXT_BASE64",
    "padding mid string": "KEY_TEXT_BASE64",
    "one base64 char flipped (crc)": "KEY_TEXT_CRC",
    "space in base64": "KEY_TEXT_BASE64",
    "31-byte key same text length": "KEY_TEXT_LENGTH",
    "30-byte key same text length": "KEY_TEXT_LENGTH",
    "padding replaced by A (48B)": "KEY_TEXT_LENGTH",
    "padding === (48B)": "KEY_TEXT_BASE64",
    "padding at the end of 32B": "KEY_TEXT_BASE64",
    "all = base64": "KEY_TEXT_BASE64",
    "non-ascii byte": "KEY_TEXT_BASE64",
}


@pytest.mark.parametrize("case", [c for c in CASES if c["operation"] == "import"], ids=lambda c: c["case"])
def test_import_equals_libnvme_or_deviates_by_name(case: dict[str, Any]) -> None:
    name, text = case["case"], Secret.from_text(case["input"])
    if name in REFUSED_BY_BOTH or name in READ_BY_LIBNVME:
        assert ("error" in case["versioned"]) == (name in REFUSED_BY_BOTH)
        with pytest.raises(InvalidArgument) as refusal:
            import_psk(text)
        assert refusal.value.reason == (REFUSED_BY_BOTH.get(name) or READ_BY_LIBNVME[name][1])
        assert "VRLb" not in refusal.value.message + str(refusal.value.metadata)
        return
    imported = import_psk(text)
    assert imported.key.matches(bytes.fromhex(case["versioned"]["key_hex"]))
    assert imported.hash == case["versioned"]["hmac"]


@pytest.mark.parametrize("case", [c for c in CASES if c["operation"] == "export_versioned"])
def test_export_equals_libnvme_or_deviates_by_name(case: dict[str, Any]) -> None:
    key = Secret(bytes.fromhex(case["key_hex"]))
    if "error" in case["result"]:
        if case["hmac"] not in list(PskHash):
            return  # no value of the enumeration: it cannot be asked for
        with pytest.raises(InvalidArgument) as refusal:
            export_psk(key, PskHash(case["hmac"]))
        assert refusal.value.fields[0].field == "key"
        return
    version, expected = case["version"], case["result"]["encoded"]
    if version != 1:  # Deviation.EXPORT_VERSION
        assert expected.startswith(f"NVMeTLSkey-{version:x}:")
        expected = expected.replace(f"-{version:x}:", "-1:", 1)
    assert export_psk(key, PskHash(case["hmac"])).reveal_text() == expected


@pytest.mark.parametrize("case", [c for c in CASES if c["operation"] == "export"])
def test_export_without_version_equals_libnvme(case: dict[str, Any]) -> None:
    """`nvme_export_tls_key` takes the hash from the length."""
    key, hash_ = Secret(bytes.fromhex(case["key_hex"])), PskHash.SHA256 if case["key_len"] == 32 else PskHash.SHA384
    if "error" in case["result"]:
        with pytest.raises(InvalidArgument):
            export_psk(key, hash_)
    else:
        assert export_psk(key, hash_).reveal_text() == case["result"]["encoded"]


def test_every_import_case_is_named() -> None:
    names = {case["case"] for case in CASES if case["operation"] == "import"}
    assert names == {"good sha256", "good sha384", "good none 32", *REFUSED_BY_BOTH, *READ_BY_LIBNVME}
    assert {deviation for deviation, _ in READ_BY_LIBNVME.values()} | {Deviation.EXPORT_VERSION} == set(Deviation)


def test_bits_that_base64_does_not_use_must_be_zero() -> None:
    """libnvme takes `ZR==` for `ZQ==`."""
    text = export_psk(Secret(bytes(47) + b"\x01"), PskHash.SHA384).reveal_text()
    assert text.endswith("==:")
    last = text[-4]
    crooked = text[:-4] + chr(ord(last) + 1) + "==:"
    assert base64.b64decode(text[16:-1]) == base64.b64decode(crooked[16:-1])
    with pytest.raises(InvalidArgument) as refusal:
        import_psk(Secret.from_text(crooked))
    assert refusal.value.reason == "KEY_TEXT_BASE64"


def test_the_remedies_are_told() -> None:
    text = export_psk(Secret(bytes(32)), PskHash.SHA256).reveal_text()
    with pytest.raises(InvalidArgument, match="nvme-cli#3887"):
        import_psk(Secret.from_text(text.replace("-1:", "-0:", 1)))
    with pytest.raises(InvalidArgument, match="newline"):
        import_psk(Secret.from_text(text + "\n"))
    with pytest.raises(InvalidArgument, match="colons"):
        import_psk(Secret.from_text(text + ":"))
    with pytest.raises(InvalidArgument, match="does not begin with NVMeTLSkey-"):
        import_psk(Secret.from_text(" " + text))


def test_the_checksum_is_of_the_key_alone_and_little_endian() -> None:
    decoded = base64.b64decode(export_psk(Secret(bytes(range(32))), PskHash.NONE).reveal_text().split(":")[2])
    assert decoded[:32] == bytes(range(32))
    assert decoded[32:] == zlib.crc32(bytes(range(32))).to_bytes(4, "little")


@given(KEYS)
def test_round_trip(case: tuple[PskHash, bytes]) -> None:
    hash_, key = case
    text = export_psk(Secret(key), hash_)
    assert len(text) == {32: 65, 48: 89}[len(key)]
    imported = import_psk(text)
    assert imported.hash is hash_
    assert imported.key.matches(key)


@given(KEYS, st.data())
def test_any_single_changed_character_is_noticed(case: tuple[PskHash, bytes], data: st.DataObject) -> None:
    """Only the hash of a key may change unnoticed: the checksum does not cover it."""
    hash_, key = case
    text = bytearray(export_psk(Secret(key), hash_).reveal())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255).filter(lambda value: value != text[at]))
    if at == 14 and text[at] in (ord("0"), ord("1" if len(key) == 32 else "2")):
        assert import_psk(Secret(text)).key.matches(key)
        return
    with pytest.raises(InvalidArgument) as refusal:
        import_psk(Secret(text))
    assert refusal.value.reason in REASONS


@given(st.one_of(st.binary(max_size=120), st.text(max_size=100).map(lambda text: f"NVMeTLSkey-{text}".encode())))
def test_arbitrary_text_is_refused_with_a_reason(text: bytes) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        import_psk(Secret(text))
    assert refusal.value.reason in REASONS


@pytest.mark.parametrize(
    ("hash_", "size_bytes", "expected"),
    [
        (PskHash.SHA256, 0, 32),
        (PskHash.SHA384, 0, 48),
        (PskHash.NONE, 32, 32),
        (PskHash.NONE, 48, 48),
        (PskHash.SHA256, 32, 32),
    ],
)
def test_generated_keys(hash_: PskHash, size_bytes: int, expected: int) -> None:
    generated = generate_psk(hash_, size_bytes=size_bytes)
    assert (len(generated.key), generated.hash) == (expected, hash_)
    assert import_psk(export_psk(generated.key, hash_)).key.matches(generated.key)
    assert not generated.key.matches(generate_psk(hash_, size_bytes=size_bytes).key)


@pytest.mark.parametrize(("hash_", "size_bytes"), [(PskHash.NONE, 0), (PskHash.NONE, 31), (PskHash.SHA256, 48)])
def test_sizes_that_cannot_be_generated(hash_: PskHash, size_bytes: int) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        generate_psk(hash_, size_bytes=size_bytes)
    assert refusal.value.fields[0].field == "size_bytes"
