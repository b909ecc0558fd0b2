"""DH-HMAC-CHAP: what libnvme was observed to compute, or a named deviation; DHHC-1 texts in both readings."""

from __future__ import annotations

import hashlib
import hmac
import json
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import InvalidArgument
from nvmed.keys.dhchap import (
    KEY_BYTES,
    SECRET_BYTES,
    HmacAlgorithm,
    Reading,
    build_text,
    generate_secret,
    make_key,
    parse_text,
    transform,
    transform_key,
)
from nvmed.keys.secret import Secret

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors" / "dhchap.json").read_text())
HOST = "nqn.2014-08.org.nvmexpress:uuid:f8131ac0-cdef-4165-866b-5998c1e67890"
REASONS = {f"KEY_TEXT_{part}" for part in ("STRUCTURE", "VERSION", "HASH", "LENGTH", "BASE64", "CRC")}


class Deviation(Enum):
    """What libnvme computes and nvmed refuses: (field of the violation, why)."""

    SECRET_LENGTH = "secret", "without a hash libnvme copies any length, but no DHHC-1 text can hold it"
    EMPTY_NQN = "nqn", "a key bound to no host authenticates nobody"


def deviation_of(case: dict[str, Any]) -> Deviation | None:
    if case["key_len"] not in SECRET_BYTES:
        return Deviation.SECRET_LENGTH
    return Deviation.EMPTY_NQN if case["hmac"] and not case["hostnqn"] else None


@pytest.mark.parametrize("case", [c for c in CASES if "key_hex" in c])
def test_the_transformation_equals_libnvme(case: dict[str, Any]) -> None:
    secret, algorithm = Secret(bytes.fromhex(case["secret_hex"])), HmacAlgorithm(case["hmac"])
    assert transform(secret, algorithm, case["hostnqn"].encode()).matches(bytes.fromhex(case["key_hex"]))


@pytest.mark.parametrize("case", [c for c in CASES if "key_hex" in c])
def test_what_is_offered_equals_libnvme_or_deviates_by_name(case: dict[str, Any]) -> None:
    secret, algorithm = Secret(bytes.fromhex(case["secret_hex"])), HmacAlgorithm(case["hmac"])
    deviation = deviation_of(case)
    if deviation is not None:
        with pytest.raises(InvalidArgument) as refusal:
            make_key(secret, algorithm, case["hostnqn"])
        assert refusal.value.fields[0].field == deviation.value[0]
        return
    made = make_key(secret, algorithm, case["hostnqn"])
    assert made.key is not None
    assert made.transformed_text is not None
    assert made.key.matches(bytes.fromhex(case["key_hex"]))
    assert made.transformed_text.reveal_text() == case["dhhc1"]
    parsed = parse_text(made.secret_text, Reading.SECRET)
    assert parsed.payload.matches(secret)
    assert (parsed.hmac, parsed.reading) == (algorithm, Reading.SECRET)


@pytest.mark.parametrize("case", [c for c in CASES if "error" in c])
def test_what_libnvme_refuses_is_refused(case: dict[str, Any]) -> None:
    secret = Secret(bytes.fromhex(case["secret_hex"]))
    if case["error"] == "EINVAL":
        with pytest.raises(ValueError, match="not a valid HmacAlgorithm"):
            HmacAlgorithm(case["hmac"])
        return
    with pytest.raises(InvalidArgument) as refusal:
        transform_key(secret, HmacAlgorithm(case["hmac"]), case["hostnqn"])
    assert refusal.value.fields[0].field == "secret"


def test_every_deviation_occurs() -> None:
    assert {deviation_of(case) for case in CASES if "key_hex" in case} == {None, *Deviation}


@pytest.mark.parametrize("algorithm", HmacAlgorithm)
@pytest.mark.parametrize("size", SECRET_BYTES)
def test_a_secret_of_any_length_goes_with_any_hash_but_has_a_key_only_where_it_fits(
    algorithm: HmacAlgorithm, size: int
) -> None:
    made = make_key(Secret(bytes(range(size))), algorithm, HOST)
    assert made.secret_text.reveal_text().startswith(f"DHHC-1:{algorithm:02x}:")
    fits = size in KEY_BYTES[algorithm]
    assert (made.key is not None) == (made.transformed_text is not None) == fits
    if algorithm and made.key is not None:
        digest = {32: hashlib.sha256, 48: hashlib.sha384, 64: hashlib.sha512}[size]
        assert made.key.matches(hmac.digest(bytes(range(size)), HOST.encode() + b"NVMe-over-Fabrics", digest))


def test_the_readings_differ_in_what_they_hold_and_in_what_they_take() -> None:
    secret = Secret(bytes(range(32)))
    made = make_key(secret, HmacAlgorithm.SHA256, HOST)
    assert made.transformed_text is not None
    assert not made.secret_text.matches(made.transformed_text)
    long = build_text(Secret(bytes(48)), HmacAlgorithm.SHA256, Reading.SECRET)
    assert len(parse_text(long, Reading.SECRET).payload) == 48
    with pytest.raises(InvalidArgument) as refusal:
        parse_text(long, Reading.TRANSFORMED)
    assert refusal.value.reason == "KEY_TEXT_LENGTH"
    with pytest.raises(InvalidArgument) as refusal:
        build_text(Secret(bytes(48)), HmacAlgorithm.SHA256, Reading.TRANSFORMED)
    assert refusal.value.fields[0].field == "secret"


def test_without_a_hash_the_host_is_not_used() -> None:
    made = make_key(Secret(bytes(48)), HmacAlgorithm.NONE, "")
    assert made.key is not None
    assert made.key.matches(bytes(48))


@pytest.mark.parametrize("nqn", ["", "n" * 224, "with blank", "nul\0"])
def test_hosts_that_are_none(nqn: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        transform_key(Secret(bytes(32)), HmacAlgorithm.SHA256, nqn)
    assert refusal.value.fields[0].field == "nqn"


GOOD = "DHHC-1:00:AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj6vH4/wYNFBsiKTA3PkVMRdxyRQ==:"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "KEY_TEXT_STRUCTURE"),
        (GOOD[:-1], "KEY_TEXT_STRUCTURE"),
        (GOOD + "\n", "KEY_TEXT_STRUCTURE"),
        (GOOD.replace("DHHC-", "dhhc-"), "KEY_TEXT_STRUCTURE"),
        (GOOD.replace("DHHC-1", "DHHC-2"), "KEY_TEXT_VERSION"),
        (GOOD.replace(":00:", ":04:"), "KEY_TEXT_HASH"),
        (GOOD.replace(":00:", ":0:"), "KEY_TEXT_HASH"),
        (GOOD.replace("AwoR", ""), "KEY_TEXT_LENGTH"),
        (GOOD.replace("AwoR", "Awo-"), "KEY_TEXT_BASE64"),
        (GOOD.replace("RQ==", "RR=="), "KEY_TEXT_BASE64"),
        (GOOD.replace("AwoR", "AwoS"), "KEY_TEXT_CRC"),
    ],
)
@pytest.mark.parametrize("reading", Reading)
def test_each_fault_has_its_reason(text: str, reason: str, reading: Reading) -> None:
    assert len(parse_text(Secret.from_text(GOOD), reading).payload) == 48
    with pytest.raises(InvalidArgument) as refusal:
        parse_text(Secret.from_text(text), reading)
    assert refusal.value.reason == reason
    assert "HzU" not in refusal.value.message


@given(st.sampled_from(HmacAlgorithm), st.sampled_from(Reading), st.data())
def test_round_trip(algorithm: HmacAlgorithm, reading: Reading, data: st.DataObject) -> None:
    sizes = SECRET_BYTES if reading is Reading.SECRET else KEY_BYTES[algorithm]
    size = data.draw(st.sampled_from(sizes))
    payload = data.draw(st.binary(min_size=size, max_size=size))
    text = build_text(Secret(payload), algorithm, reading)
    assert len(text) == {32: 59, 48: 83, 64: 103}[size]
    parsed = parse_text(text, reading)
    assert parsed.payload.matches(payload)
    assert (parsed.hmac, parsed.reading) == (algorithm, reading)


@given(
    st.one_of(st.binary(max_size=120), st.text(max_size=110).map(lambda text: f"DHHC-1:{text}".encode())),
    st.sampled_from(Reading),
)
def test_arbitrary_text_is_refused_with_a_reason(text: bytes, reading: Reading) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_text(Secret(text), reading)
    assert refusal.value.reason in REASONS


@pytest.mark.parametrize("algorithm", HmacAlgorithm)
def test_generated_secrets(algorithm: HmacAlgorithm) -> None:
    assert len(generate_secret(algorithm)) == KEY_BYTES[algorithm][0]
    assert len(generate_secret(algorithm, size_bytes=64)) == 64
    with pytest.raises(InvalidArgument) as refusal:
        generate_secret(algorithm, size_bytes=33)
    assert refusal.value.fields[0].field == "size_bytes"
