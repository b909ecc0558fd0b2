"""A Secret shows itself only to who asks by name."""

from __future__ import annotations

import copy
import dataclasses
import gc
import json
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.keys.secret import Secret, wipe

PLANTED = b"planted-secret-bytes-0123456789"


@pytest.fixture
def secret() -> Secret:
    return Secret(PLANTED)


REFUSED: dict[str, Callable[[Secret], object]] = {
    "f-string": lambda secret: f"{secret}",
    "f-string with a width": lambda secret: f"{secret:>10}",
    "str.format": lambda secret: "{}".format(secret),  # noqa: UP032 (the call itself is under test)
    "pickle": pickle.dumps,
    "pickle protocol 0": lambda secret: pickle.dumps(secret, protocol=0),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "==": lambda secret: secret == Secret(PLANTED),
    "== with bytes": lambda secret: secret == PLANTED,
    "!=": lambda secret: secret != PLANTED,
    "in": lambda secret: PLANTED in [secret],
    "hash": hash,
    "set": lambda secret: {secret},
    "bytes": lambda secret: bytes(secret),  # type: ignore[call-overload]
    "memoryview": lambda secret: memoryview(secret),  # type: ignore[arg-type]
    "iteration": lambda secret: list(secret),  # type: ignore[call-overload]
    "index": lambda secret: secret[0],  # type: ignore[index]
    "json": json.dumps,
    "vars": vars,
}


@pytest.mark.parametrize("way", REFUSED.values(), ids=REFUSED)
def test_ways_out_are_shut(secret: Secret, way: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as refusal:
        way(secret)
    assert "planted" not in str(refusal.value)


def test_printing_shows_the_length_alone(secret: Secret) -> None:
    assert repr(secret) == str(secret) == "<Secret 31 bytes>"
    assert "%s" % secret == f"{secret!r}" == "<Secret 31 bytes>"  # noqa: UP031 (the operator itself is under test)
    assert repr([secret]) == "[<Secret 31 bytes>]"


def test_a_dataclass_with_a_secret_prints_but_is_not_taken_apart(secret: Secret) -> None:
    @dataclasses.dataclass(frozen=True)
    class Holder:
        key: Secret

    assert repr(Holder(secret)).endswith(".Holder(key=<Secret 31 bytes>)")
    with pytest.raises(TypeError):
        dataclasses.asdict(Holder(secret))


def test_who_asks_gets_it(secret: Secret) -> None:
    assert secret.reveal() == PLANTED
    assert secret.reveal_text() == PLANTED.decode()
    with secret.borrow() as view:
        assert view == PLANTED
        assert view.readonly
    with pytest.raises(ValueError, match="released"):
        bytes(view)


def test_only_ascii_is_text() -> None:
    with pytest.raises(ValueError, match="not ASCII") as refusal:
        Secret("gehéim".encode()).reveal_text()
    assert "h" not in str(refusal.value).replace("this", "")
    assert Secret.from_text("gehéim").reveal() == "gehéim".encode()


@given(st.binary(), st.binary())
def test_matches_is_equality(mine: bytes, theirs: bytes) -> None:
    assert Secret(mine).matches(mine)
    assert Secret(mine).matches(Secret(theirs)) == (mine == theirs)
    assert Secret(mine).matches(bytearray(theirs)) == (mine == theirs)


def test_length_and_truth(secret: Secret) -> None:
    assert len(secret) == 31
    assert secret
    assert not Secret(b"")


def test_it_has_its_own_copy() -> None:
    source = bytearray(PLANTED)
    secret = Secret(source)
    wipe(source)
    assert source == bytes(31)
    assert secret.reveal() == PLANTED


def test_wiping(secret: Secret) -> None:
    with secret.borrow() as view:
        secret.wipe()
        secret.wipe()
        assert view == bytes(31)
    assert repr(secret) == "<Secret 31 bytes, wiped>"
    for use in (secret.reveal, secret.reveal_text, lambda: secret.matches(b""), lambda: Secret(b"").matches(secret)):
        with pytest.raises(ValueError, match="was wiped"):
            use()
    with pytest.raises(ValueError, match="was wiped"), secret.borrow():
        pass


def test_a_with_block_wipes() -> None:
    with Secret(PLANTED) as secret:
        assert secret.reveal() == PLANTED
    with pytest.raises(ValueError, match="was wiped"):
        secret.reveal()


def test_dropping_wipes() -> None:
    secret = Secret(PLANTED)
    buffer = secret._open()
    assert buffer == PLANTED
    del secret
    gc.collect()
    assert buffer == bytes(31)


def test_what_is_no_bytes_is_no_secret() -> None:
    with pytest.raises(TypeError):
        Secret("text")  # type: ignore[arg-type]


def test_random_secrets_differ() -> None:
    first, second = Secret.random(32), Secret.random(32)
    assert len(first) == len(second) == 32
    assert not first.matches(second)
