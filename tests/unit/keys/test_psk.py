"""TLS PSKs: everything libnvme was observed to compute, or a named deviation; and every limit with its reason."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import InvalidArgument, NvmedError
from nvmed.keys.psk import Derivation, PskHash, derive, derive_tls_key, derive_variants
from nvmed.keys.secret import Secret

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors" / "tls_psk.json").read_text())


class Deviation(Enum):
    """What libnvme computes and nvmed refuses, and why: (field of the violation, words of its description)."""

    EMPTY_NQN = "host_nqn", "empty"
    """An identity with an empty name belongs to nobody."""
    LONG_NQN = "host_nqn", "over the limit of 223"
    """No Connect command can carry the name, so no peer has it."""
    LONG_IDENTITY = "identity_version", "over the limit of 255 in version 0"
    """RFC 8446 gives the context one length byte; the older derivation has no such field and takes more."""
    KEY_LENGTH = "psk", "a PSK has 32 or 48"
    """No interchange text can carry it."""
    HASH_LENGTH = "psk", "goes with"
    """HKDF to the key's length where the specification says the digest's: peers end up with different keys."""


def deviation_of(case: dict[str, Any]) -> Deviation | None:
    host, subsystem = case["hostnqn"].encode(), case["subsysnqn"].encode()
    fitting = {0: (32, 48), 1: (32,), 2: (48,)}[case["hmac"]]
    rules = {
        Deviation.EMPTY_NQN: not host,
        Deviation.LONG_NQN: len(host) > 223,
        Deviation.KEY_LENGTH: case["key_len"] not in (32, 48),
        Deviation.HASH_LENGTH: case["key_len"] not in fitting,
        Deviation.LONG_IDENTITY: case["version"] == 0 and len(host) + len(subsystem) > 245,
    }
    return next((deviation for deviation, applies in rules.items() if applies), None)


def derivation_of(case: dict[str, Any]) -> Derivation:
    """libnvme 1.11's default is what 1.16 calls compat."""
    return Derivation.RFC8446 if (case["library"], case["algorithm"]) == ("1.16", "default") else Derivation.COMPAT


def name_of(case: dict[str, Any]) -> str:
    return "-".join(str(case[key]) for key in ("library", "algorithm", "case", "version", "hmac", "key_len"))


def configured(case: dict[str, Any]) -> Secret:
    return Secret(bytes.fromhex(case["key_hex"]))


@pytest.mark.parametrize("case", [c for c in CASES if "psk_hex" in c], ids=name_of)
def test_the_derivation_equals_libnvme(case: dict[str, Any]) -> None:
    identity, psk, digest = derive(
        configured(case),
        case["hostnqn"].encode(),
        case["subsysnqn"].encode(),
        version=case["version"],
        hash_=PskHash(case["hmac"]),
        derivation=derivation_of(case),
    )
    assert identity.decode() == case["identity"]
    assert psk.matches(bytes.fromhex(case["psk_hex"]))
    assert identity.endswith(digest.encode())


@pytest.mark.parametrize("case", [c for c in CASES if "psk_hex" in c], ids=name_of)
def test_what_is_offered_equals_libnvme_or_deviates_by_name(case: dict[str, Any]) -> None:
    deviation = deviation_of(case)
    if deviation is not None:
        with pytest.raises(InvalidArgument) as refusal:
            derive_case(case)
        (violation,) = refusal.value.fields
        assert violation.field == deviation.value[0]
        assert deviation.value[1] in violation.description
        return
    key = derive_case(case)
    assert key.identity == case["identity"]
    assert key.psk.matches(bytes.fromhex(case["psk_hex"]))
    assert (key.version, key.hash, key.derivation) == (case["version"], case["hmac"], derivation_of(case))
    assert key.identity.startswith(f"NVMe{key.version}R{key.cipher:02d} ")
    assert (key.host_nqn, key.subsystem_nqn) == (case["hostnqn"], case["subsysnqn"])


@pytest.mark.parametrize("case", [c for c in CASES if "error" in c and c["hostnqn"] is not None], ids=name_of)
def test_what_libnvme_refuses_is_refused(case: dict[str, Any]) -> None:
    """A hash beyond the enumeration (3) is no value that `derive_tls_key` can be given."""
    if case["hmac"] not in list(PskHash):
        with pytest.raises(ValueError, match="not a valid PskHash"):
            PskHash(case["hmac"])
        return
    with pytest.raises(InvalidArgument):
        derive_case(case)


def derive_case(case: dict[str, Any]) -> Any:
    return derive_tls_key(
        configured(case),
        case["hostnqn"],
        case["subsysnqn"],
        version=case["version"],
        hash_=PskHash(case["hmac"]),
        derivation=derivation_of(case),
    )


def test_every_case_is_covered_and_every_deviation_occurs() -> None:
    without_host = [case for case in CASES if case["hostnqn"] is None]
    assert [case["error"] for case in without_host] == ["EINVAL", "EINVAL"]  # NULL: a string here is never None
    found = {deviation_of(case) for case in CASES if "psk_hex" in case}
    assert found == {None, *Deviation}


KEY_32 = bytes(range(32))
KEY_48 = bytes(range(48))
HOST = "nqn.2014-08.org.nvmexpress:uuid:f8131ac0-cdef-4165-866b-5998c1e67890"
SUBSYSTEM = "nqn.2024-01.io.example:subsys1"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"host_nqn": ""}, "host_nqn", "empty"),
        ({"subsystem_nqn": ""}, "subsystem_nqn", "empty"),
        ({"host_nqn": "n" * 224}, "host_nqn", "224 bytes, over the limit of 223"),
        ({"subsystem_nqn": "é" * 112}, "subsystem_nqn", "224 bytes, over the limit of 223"),
        ({"host_nqn": "nqn with blank"}, "host_nqn", "blank"),
        ({"subsystem_nqn": "nqn\0"}, "subsystem_nqn", "NUL"),
        ({"host_nqn": "nqn\n"}, "host_nqn", "control character"),
        ({"host_nqn": "nqn\ud800"}, "host_nqn", "not valid Unicode"),
        ({"configured": Secret(bytes(31))}, "psk", "31 bytes; a PSK has 32 or 48"),
        ({"configured": Secret(bytes(33))}, "psk", "33 bytes; a PSK has 32 or 48"),
        ({"configured": Secret(bytes(47))}, "psk", "47 bytes; a PSK has 32 or 48"),
        ({"configured": Secret(b"")}, "psk", "0 bytes; a PSK has 32 or 48"),
        ({"configured": Secret(KEY_48)}, "psk", "48 bytes, but SHA256 goes with 32"),
        ({"hash_": PskHash.SHA384}, "psk", "32 bytes, but SHA384 goes with 48"),
        ({"version": 2}, "identity_version", "no identity version 2"),
        ({"version": -1}, "identity_version", "no identity version -1"),
        ({"version": 0, "host_nqn": "h" * 123, "subsystem_nqn": "s" * 123}, "identity_version", "256 bytes, over"),
        ({"version": 0, "host_nqn": "h" * 223, "subsystem_nqn": "s" * 223}, "identity_version", "use version 1"),
    ],
)
@pytest.mark.parametrize("derivation", Derivation)
def test_limits_say_which_and_why(change: dict[str, Any], field: str, words: str, derivation: Derivation) -> None:
    arguments: dict[str, Any] = {
        "configured": Secret(KEY_32),
        "host_nqn": HOST,
        "subsystem_nqn": SUBSYSTEM,
        "version": 1,
        "hash_": PskHash.SHA256,
        "derivation": derivation,
    }
    with pytest.raises(InvalidArgument) as refusal:
        derive_tls_key(**{**arguments, **change})
    assert refusal.value.reason == "INVALID_FIELD"
    assert refusal.value.fields[0].field == field
    assert words in refusal.value.message


@pytest.mark.parametrize("derivation", Derivation)
def test_the_longest_names(derivation: Derivation) -> None:
    longest = derive_tls_key(
        Secret(KEY_48), "h" * 223, "s" * 223, version=1, hash_=PskHash.SHA384, derivation=derivation
    )
    assert len(longest.identity) == 9 + 223 + 1 + 223 + 1 + 64
    edge = derive_tls_key(Secret(KEY_32), "h" * 122, "s" * 123, version=0, hash_=PskHash.NONE, derivation=derivation)
    assert len(edge.identity) == 255


def test_rfc8446_is_the_default_and_differs() -> None:
    keys = [
        derive_tls_key(Secret(KEY_32), HOST, SUBSYSTEM, version=1, hash_=PskHash.SHA256, **choice)
        for choice in ({}, {"derivation": Derivation.RFC8446}, {"derivation": Derivation.COMPAT})
    ]
    assert keys[0].psk.matches(keys[1].psk)
    assert keys[0].identity == keys[1].identity
    assert not keys[0].psk.matches(keys[2].psk)
    assert keys[0].identity != keys[2].identity


def test_variants() -> None:
    variants, omitted = derive_variants(Secret(KEY_32), HOST, SUBSYSTEM, hash_=PskHash.SHA256)
    assert [(v.version, v.derivation) for v in variants] == [
        (1, Derivation.RFC8446),
        (1, Derivation.COMPAT),
        (0, Derivation.RFC8446),
        (0, Derivation.COMPAT),
    ]
    assert variants[2].identity == variants[3].identity
    assert not variants[2].psk.matches(variants[3].psk)
    assert omitted == ()


def test_variants_that_the_names_forbid_are_named() -> None:
    variants, omitted = derive_variants(Secret(KEY_32), "h" * 223, "s" * 223, hash_=PskHash.NONE)
    assert [v.version for v in variants] == [1, 1]
    assert [(o.version, o.derivation) for o in omitted] == [(0, Derivation.RFC8446), (0, Derivation.COMPAT)]
    assert all("over the limit" in o.error.message for o in omitted)
    with pytest.raises(NvmedError, match="empty"):
        derive_variants(Secret(KEY_32), "", SUBSYSTEM, hash_=PskHash.NONE)


def test_a_context_that_no_length_byte_holds_cannot_be_computed() -> None:
    with pytest.raises(ValueError, match="255"):
        derive(Secret(KEY_32), b"h" * 256, b"s", version=1, hash_=PskHash.SHA256, derivation=Derivation.RFC8446)
