"""Sessions with a TPer: the bytes that the specifications ask for, and any bytes read within their bounds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.nvme import tcg_session as tcg
from nvmed.nvme.tcg_session import Called, Mark, Message

PSID = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
ENDED = (Mark.END_LIST, Mark.END_OF_DATA, Mark.START_LIST, 0, 0, 0, Mark.END_LIST)

tokens = st.one_of(
    st.sampled_from([mark for mark in Mark if mark is not Mark.EMPTY]),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=40),
    st.integers(2040, 2100).map(bytes),
)


def test_a_session_is_opened_by_these_bytes() -> None:
    made = tcg.start_session(0x07FE, PSID)
    payload = bytes.fromhex(
        "f8 a8 00000000000000ff a8 000000000000ff02 f0 8141 a8 0000020500000001 01"
        f"f2 00 d020 {PSID.hex()} f3 f2 03 a8 000000090001ff01 f3 f1 f9 f0 000000 f1"
    )
    length = len(payload)
    padded = length + -length % 4
    head = bytes.fromhex("00000000 07fe 0000 00000000 00000000") + (padded + 36).to_bytes(4, "big")
    packet = bytes(20) + (padded + 12).to_bytes(4, "big")
    subpacket = bytes(8) + length.to_bytes(4, "big")
    assert made == (head + packet + subpacket + payload).ljust(tcg.MESSAGE_BYTES, b"\0")


def test_a_revert_is_these_bytes_in_its_session() -> None:
    made = tcg.revert(0x1234, 0xAABBCCDD)
    assert made[4:6].hex() == "1234"
    assert made[20:28].hex() == "aabbccdd00000041"
    assert made[56:84].hex() == "f8a80000020500000001a80000000600000202f0f1f9f0000000f100"[: 2 * 28]


def test_answers_are_read() -> None:
    opened = Called(tcg.SESSION_MANAGER, tcg.SYNC_SESSION, (tcg.HOST_SESSION, 7), 0)
    payload = tcg.encode(Mark.CALL, tcg.SESSION_MANAGER, tcg.SYNC_SESSION, Mark.START_LIST, 65, 7, *ENDED)
    assert tcg.read(payload) == opened
    assert tcg.session_of(opened) == 7
    assert tcg.session_of(Called(tcg.SESSION_MANAGER, tcg.SYNC_SESSION, (), 1)) is None
    assert tcg.read(tcg.encode(Mark.START_LIST, *ENDED)) == Called(status=0)
    assert tcg.read(tcg.encode(Mark.END_OF_SESSION)).method == tcg.CLOSE_SESSION
    assert tcg.read(tcg.encode(Mark.START_LIST, Mark.END_LIST, Mark.END_OF_DATA)).status is None


@pytest.mark.parametrize(
    "called",
    [
        Called(status=0),
        Called(tcg.SESSION_MANAGER, tcg.SYNC_SESSION, (tcg.HOST_SESSION, 7)),
        Called(tcg.SESSION_MANAGER, tcg.SYNC_SESSION, (66, 7), 0),
        Called(tcg.SESSION_MANAGER, tcg.SYNC_SESSION, (65, b"7"), 0),
        Called(tcg.SESSION_MANAGER, tcg.SYNC_SESSION, (65, Mark.CALL), 0),
    ],
)
def test_another_answer_opens_no_session(called: Called) -> None:
    with pytest.raises(NvmedError):
        tcg.session_of(called)


def test_optional_parameters_are_found_by_their_number() -> None:
    called = tcg.read(tcg.parse(tcg.start_session(1, PSID)).payload)
    assert tcg.named(called.values, tcg.HOST_CHALLENGE) == PSID
    assert tcg.named(called.values, tcg.HOST_SIGNING_AUTHORITY) == tcg.PSID
    assert tcg.named(called.values, 4) is None


@given(st.lists(tokens, max_size=40))
def test_what_is_encoded_is_decoded(wanted: list[tcg.Token]) -> None:
    assert tcg.decode(tcg.encode(*wanted)) == tuple(wanted)


@given(st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(min_size=1, max_size=99))
def test_what_is_built_is_read(com_id: int, tsn: int, hsn: int, payload: bytes) -> None:
    message = Message(com_id, tsn, hsn, payload)
    assert tcg.parse(tcg.build(message)) == message


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, framed: bool) -> None:
    with suppress(NvmedError):
        message = tcg.parse(bytes(tcg.build(Message(1, payload=data))) if framed else data)
        assert len(message.payload) <= len(data)
        called = tcg.read(message.payload)
        tcg.named(called.values, 0)
        tcg.session_of(called)


def test_numbers_that_are_none_and_messages_without_end_are_refused() -> None:
    for value in (-1, 2**64):
        with pytest.raises(ValueError, match="is no integer"):
            tcg.encode(value)
    for payload in (bytes(tcg.TOKENS_MAX + 1), b"\xe5", b"\x89" + bytes(9), b"\xd7\xff", b"\xe2\xff\xff\xff"):
        with pytest.raises(NvmedError):
            tcg.decode(payload)
    assert tcg.decode(b"\x41\x91\xfe\xff\xc0\x01\x05") == (-63, -2, 5)
