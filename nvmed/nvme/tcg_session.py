"""A session with a drive's trusted peripheral (TPer): what is sent, and what is answered, as bytes.

TCG Storage Architecture Core Specification 2.01, sections 3.2 (tokens and packets) and 5.3.4 (sessions), and the PSID
feature set 1.00. A message is a method call, or its answer, in tokens; around them a subpacket, a packet, a ComPacket:

    ComPacket 20 bytes | Packet 24 bytes | Subpacket 12 bytes | tokens, padded to 4 bytes

All of it is big endian. Each length is the sender's word: none leads out of the bytes that are there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from nvmed.nvme.layout import Buffer, malformed

ADMIN_SP: Final = bytes.fromhex("0000020500000001")
PSID: Final = bytes.fromhex("000000090001ff01")
SESSION_MANAGER: Final = bytes.fromhex("00000000000000ff")
START_SESSION: Final = bytes.fromhex("000000000000ff02")
SYNC_SESSION: Final = bytes.fromhex("000000000000ff03")
CLOSE_SESSION: Final = bytes.fromhex("000000000000ff06")
REVERT: Final = bytes.fromhex("0000000600000202")

HOST_SESSION: Final = 65
"""The number that the host gives its session; there is one at a time."""

HOST_CHALLENGE: Final = 0
HOST_SIGNING_AUTHORITY: Final = 3
"""Names of StartSession's optional parameters."""

MESSAGE_BYTES: Final = 2048
"""A ComPacket as it is sent and received: what every TPer takes, and more than any of these messages."""

UID_BYTES: Final = 8
TOKENS_MAX: Final = 512
INTEGER_BYTES_MAX: Final = 8

_COM_PACKET: Final = struct.Struct(">4xHHIII")
_PACKET: Final = struct.Struct(">IIIHHII")
_SUBPACKET: Final = struct.Struct(">6xHI")
HEADER_BYTES: Final = _COM_PACKET.size + _PACKET.size + _SUBPACKET.size
_DATA: Final = 0
"""Kind of a subpacket that is no credit control."""


@unique
class Mark(IntEnum):
    """A token that is no atom."""

    START_LIST = 0xF0
    END_LIST = 0xF1
    START_NAME = 0xF2
    END_NAME = 0xF3
    CALL = 0xF8
    END_OF_DATA = 0xF9
    END_OF_SESSION = 0xFA
    START_TRANSACTION = 0xFB
    END_TRANSACTION = 0xFC
    EMPTY = 0xFF


_MARKS: Final = frozenset(Mark)

Token = Mark | int | bytes
"""What a stream is made of: an integer or bytes are an atom's."""


@unique
class Status(IntEnum):
    """How a method ended (Core 2.01, section 5.1.5)."""

    SUCCESS = 0x00
    NOT_AUTHORIZED = 0x01
    SP_BUSY = 0x03
    SP_FAILED = 0x04
    SP_DISABLED = 0x05
    SP_FROZEN = 0x06
    NO_SESSIONS_AVAILABLE = 0x07
    UNIQUENESS_CONFLICT = 0x08
    INSUFFICIENT_SPACE = 0x09
    INSUFFICIENT_ROWS = 0x0A
    INVALID_PARAMETER = 0x0C
    TPER_MALFUNCTION = 0x0F
    TRANSACTION_FAILURE = 0x10
    RESPONSE_OVERFLOW = 0x11
    AUTHORITY_LOCKED_OUT = 0x12
    FAIL = 0x3F


@dataclass(frozen=True, slots=True)
class Message:
    """A ComPacket: whose it is, its tokens as bytes, and how much more the sender has; `payload` is empty for nothing
    yet.
    """

    com_id: int
    tper_session: int = 0
    host_session: int = 0
    payload: bytes = b""
    outstanding_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Called:
    """What a message says: a method of an object with its parameters, or, with neither, the results of the call before.

    `status` is None where there is none, as of a call.
    """

    invoking: bytes = b""
    method: bytes = b""
    values: tuple[Token, ...] = ()
    status: int | None = None


def build(message: Message, payload: bytes | bytearray | None = None) -> bytearray:
    """The bytes of a message, padded to what is sent; `payload` stands in for its own, as a secret is not copied."""
    tokens = message.payload if payload is None else payload
    padding = -len(tokens) % 4
    subpacket = _SUBPACKET.size + len(tokens) + padding
    made = bytearray(MESSAGE_BYTES)
    lengths = subpacket + _PACKET.size if tokens else 0
    _COM_PACKET.pack_into(made, 0, message.com_id, 0, message.outstanding_bytes, 0, lengths)
    if tokens:
        at = _COM_PACKET.size
        _PACKET.pack_into(made, at, message.tper_session, message.host_session, 0, 0, 0, 0, subpacket)
        _SUBPACKET.pack_into(made, at + _PACKET.size, _DATA, len(tokens))
        made[HEADER_BYTES : HEADER_BYTES + len(tokens)] = tokens
    return made


def parse(data: Buffer) -> Message:
    """The message that bytes are; NVME_DATA_INVALID if they are none, or of more packets than one."""
    raw = bytes(data)
    if len(raw) < _COM_PACKET.size:
        raise malformed(f"a ComPacket has {_COM_PACKET.size} bytes at least, but only {len(raw)} were read")
    com_id, _, outstanding, _, length = _COM_PACKET.unpack_from(raw)
    if not length:
        return Message(com_id, outstanding_bytes=outstanding)
    if length > len(raw) - _COM_PACKET.size or length < _PACKET.size + _SUBPACKET.size:
        raise malformed(f"a ComPacket of {length} bytes does not fit into the {len(raw)} that were read")
    tsn, hsn, _, _, _, _, packet = _PACKET.unpack_from(raw, _COM_PACKET.size)
    kind, subpacket = _SUBPACKET.unpack_from(raw, _COM_PACKET.size + _PACKET.size)
    if packet > length - _PACKET.size or subpacket > packet - _SUBPACKET.size or kind != _DATA:
        raise malformed(f"a packet of {packet} bytes with a subpacket of kind {kind} and {subpacket} bytes is none")
    return Message(com_id, tsn, hsn, raw[HEADER_BYTES : HEADER_BYTES + subpacket], outstanding)


def start_session(com_id: int, challenge: bytes | memoryview) -> bytearray:
    """Open a session with the Admin SP that may write, as the PSID's authority. `challenge`, a secret, is the PSID:
    wipe what is returned.
    """
    payload = bytearray((Mark.CALL, *_atom(SESSION_MANAGER), *_atom(START_SESSION), Mark.START_LIST))
    payload += bytes((*_atom(HOST_SESSION), *_atom(ADMIN_SP), *_atom(1), Mark.START_NAME, *_atom(HOST_CHALLENGE)))
    payload += _head(len(challenge))
    payload += challenge
    payload += bytes((Mark.END_NAME, Mark.START_NAME, *_atom(HOST_SIGNING_AUTHORITY), *_atom(PSID), Mark.END_NAME))
    payload += _ENDED
    made = build(Message(com_id), payload)
    payload[:] = bytes(len(payload))
    return made


def revert(com_id: int, tper_session: int) -> bytearray:
    """Revert the Admin SP, and with it all of the drive, to the state that it was made in."""
    payload = bytes((Mark.CALL, *_atom(ADMIN_SP), *_atom(REVERT), Mark.START_LIST)) + _ENDED
    return build(Message(com_id, tper_session, HOST_SESSION, payload))


def encode(*tokens: Token) -> bytes:
    """Tokens as bytes; `ValueError` for an integer that is negative or has more than 8 bytes."""
    return b"".join(bytes((token,)) if isinstance(token, Mark) else _atom(token) for token in tokens)


def decode(payload: bytes) -> tuple[Token, ...]:
    """The tokens of a payload; NVME_DATA_INVALID for what is none, or too many."""
    found = []
    for token in _tokens(payload):
        found.append(token)
        if len(found) > TOKENS_MAX:
            raise malformed(f"a message of more than {TOKENS_MAX} tokens")
    return tuple(found)


def read(payload: bytes) -> Called:
    """What a payload says; NVME_DATA_INVALID if it is neither call nor result."""
    tokens = decode(payload)
    if tokens[:1] == (Mark.END_OF_SESSION,):
        return Called(SESSION_MANAGER, CLOSE_SESSION)
    invoking = method = b""
    at = 0
    if tokens[:1] == (Mark.CALL,):
        named = [one for one in tokens[1:3] if isinstance(one, bytes) and len(one) == UID_BYTES]
        if len(named) < 2:
            raise malformed("a method call without the UIDs of an object and a method")
        (invoking, method), at = named, 3
    if tokens[at : at + 1] != (Mark.START_LIST,) or Mark.END_OF_DATA not in tokens:
        raise malformed("a message without a list of values, or without its end")
    end = tokens.index(Mark.END_OF_DATA)
    if end < at + 2 or tokens[end - 1] is not Mark.END_LIST:
        raise malformed("a message whose list of values does not end")
    return Called(invoking, method, tokens[at + 1 : end - 1], _status(tokens[end + 1 :]))


def session_of(called: Called) -> int | None:
    """The TPer's number of the session that it opened; None for an answer that says that it opened none.

    NVME_DATA_INVALID if it is no answer to `start_session`.
    """
    if (called.invoking, called.method) != (SESSION_MANAGER, SYNC_SESSION) or called.status is None:
        raise malformed("the drive answers StartSession with something else than SyncSession")
    if called.status:
        return None
    numbers = [one for one in called.values[:2] if type(one) is int]
    if len(numbers) < 2 or numbers[0] != HOST_SESSION:
        raise malformed("the drive opened another session than the one that was asked for")
    return numbers[1]


def named(values: Sequence[Token], number: int) -> Token | None:
    """The value of an optional parameter; None where it is not there."""
    for at, token in enumerate(values[:-3]):
        if token is Mark.START_NAME and values[at + 1] == number and values[at + 3] is Mark.END_NAME:
            return values[at + 2]
    return None


def _status(tokens: Sequence[Token]) -> int | None:
    """The first of the three numbers of the status list."""
    if len(tokens) > 1 and tokens[0] is Mark.START_LIST and type(tokens[1]) is int:
        return tokens[1]
    return None


def _atom(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return _head(len(value)) + value
    if value < 0 or value >> 8 * INTEGER_BYTES_MAX:
        raise ValueError(f"{value} is no integer of {INTEGER_BYTES_MAX} bytes")
    if value < 0x40:
        return bytes((value,))
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(data),)) + data


def _head(length: int) -> bytes:
    """What stands before bytes: a short, a medium or a long atom's header."""
    if length < 1 << 4:
        return bytes((0xA0 | length,))
    if length < 1 << 11:
        return (0xD000 | length).to_bytes(2, "big")
    return (0xE200_0000 | length).to_bytes(4, "big")


_ENDED: Final = bytes((Mark.END_LIST, Mark.END_OF_DATA, Mark.START_LIST, 0, 0, 0, Mark.END_LIST))
"""The end of a call: it is done at once, and goes well so far."""


def _tokens(payload: bytes) -> Iterator[Token]:
    at = 0
    while at < len(payload):
        head = payload[at]
        if head < 0x80:
            yield (head & 0x3F) - (head & 0x40)  # a tiny atom: six bits, and the sign
            at += 1
        elif head >= 0xE4:
            if head not in _MARKS:
                raise malformed(f"{head:#04x} is no token")
            if head != Mark.EMPTY:
                yield Mark(head)
            at += 1
        else:
            size, length, is_bytes, is_signed = _header(payload, at)
            data = payload[at + size : at + size + length]
            if len(data) < length or (not is_bytes and length > INTEGER_BYTES_MAX):
                raise malformed(f"an atom of {length} bytes where {len(data)} are left")
            yield data if is_bytes else int.from_bytes(data, "big", signed=is_signed)
            at += size + length


def _header(payload: bytes, at: int) -> tuple[int, int, bool, bool]:
    """Of the atom at a place: how long its header is, how long its data are, whether they are bytes, or have a sign."""
    head = payload[at]
    if head < 0xC0:
        return 1, head & 0x0F, bool(head & 0x20), bool(head & 0x10)
    if head < 0xE0:
        return 2, int.from_bytes(payload[at : at + 2], "big") & 0x7FF, bool(head & 0x10), bool(head & 0x08)
    return 4, int.from_bytes(payload[at + 1 : at + 4], "big"), bool(head & 0x02), bool(head & 0x01)
