"""The form of signed records: what is signed verifies, what is anything else is refused in words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from nvmed.erasure_record import BadRecord, Envelope, PublicKey, Signature, canonical, parse, signed_by

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PublicKey(KEY.public_key().public_bytes_raw())

leaves = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner), max_leaves=8
)


def signed(content: dict[str, Any]) -> Envelope:
    unsigned = Envelope(canonical(content), ())
    return Envelope(unsigned.payload, (Signature(PUBLIC.id, KEY.sign(unsigned.signed_bytes)),))


@given(st.dictionaries(st.text("abc"), values, max_size=4))
def test_what_is_signed_verifies(content: dict[str, Any]) -> None:
    found = parse(signed(content).build())
    assert found.content == content
    assert signed_by(found, PUBLIC)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_refused(data: bytes) -> None:
    with pytest.raises(BadRecord):
        parse(data)


@given(st.binary(max_size=100))
def test_any_payload_is_an_object_or_refused(payload: bytes) -> None:
    try:
        content = Envelope(payload, ()).content
    except BadRecord:
        return
    assert canonical(content) == payload


@given(st.integers(0, 8 * len(signed({"who": "admin"}).payload) - 1))
def test_no_bit_of_the_payload_can_be_changed(bit: int) -> None:
    whole = signed({"who": "admin"})
    payload = bytearray(whole.payload)
    payload[bit // 8] ^= 1 << bit % 8
    assert not signed_by(Envelope(bytes(payload), whole.signatures), PUBLIC)


def test_another_hosts_key_did_not_sign_it() -> None:
    other = PublicKey(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    assert not signed_by(signed({}), other)


def test_the_bytes_that_are_signed_are_dsse_s() -> None:
    assert Envelope(b"{}", ()).signed_bytes == b"DSSEv1 44 application/vnd.nvmed.erasure-record.v1+json 2 {}"


def test_a_key_is_openssl_s() -> None:
    assert PUBLIC.pem == KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert PublicKey.of_pem(PUBLIC.pem) == PUBLIC


@pytest.mark.parametrize(
    "text", ["", "key", PUBLIC.pem.replace("MCow", "MCox"), PUBLIC.pem.replace("=", "!"), "a\nb\nc"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadRecord):
        PublicKey.of_pem(text)


def _changed(**members: Any) -> bytes:
    return json.dumps({**json.loads(signed({}).build()), **members}).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[]", "no DSSE envelope"),
        (b'{"payload":"","payload":""}', "twice"),
        (b"[" * 100_000, "no JSON"),
        (b" " * ((1 << 20) + 1), "more than"),
        (_changed(payloadType="text/plain"), "another type"),
        (_changed(payload=7), "no text"),
        (_changed(payload="e30"), "no base64"),
        (_changed(signatures=[]), "list of 1 to"),
        (_changed(signatures=[{}]), "keyid"),
        (_changed(signatures=[{"keyid": "", "sig": base64.b64encode(b"short").decode()}]), "has 5 bytes"),
        (_changed(signatures=[1.5]), "no integer"),
    ],
)
def test_a_foreign_file_is_refused_in_words(data: bytes, says: str) -> None:
    with pytest.raises(BadRecord, match=says):
        parse(data)


@pytest.mark.parametrize("payload", [b"{ }", b'{"b":1,"a":2}', b'{"a":1.0}', b"[]", b'"text"', b'{"a":"\\u0041"}'])
def test_a_payload_has_one_form(payload: bytes) -> None:
    with pytest.raises(BadRecord):
        _ = Envelope(payload, ()).content
