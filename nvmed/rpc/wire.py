"""Chunks as wire bytes, without protobuf objects: those that are sent, and those that are received.

The payload is the last field of the last field, so everything before it fits in a few bytes that are written in front
of where the drive already put the data; one copy then makes the message. At 512 KiB that is 1.4 times as fast as
building the objects. A test holds that both encode the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message
from isal import isal_zlib

M = TypeVar("M", bound=Message)

HEADROOM = 48
"""Bytes to keep free in front of a payload: more than every tag, length, offset and CRC can need."""

_OFFSET_TAG = 0x08  # Chunk.offset = 1, varint
_CRC32_TAG = 0x15  # Chunk.crc32 = 2, fixed32
_DATA_TAG = 0x1A  # Chunk.data = 3, length-delimited


def varint(value: int) -> bytes:
    """A protobuf base 128 varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def chunk_message(field_number: int, buffer: bytearray | memoryview, size: int, offset: int) -> bytes:
    """A message whose field `field_number` is the Chunk of `buffer[HEADROOM : HEADROOM + size]` at `offset`."""
    payload = memoryview(buffer)[HEADROOM : HEADROOM + size]
    inner = b"".join(
        (
            bytes((_OFFSET_TAG,)) + varint(offset) if offset else b"",  # proto3 leaves zeros out
            bytes((_CRC32_TAG,)) + crc.to_bytes(4, "little") if (crc := isal_zlib.crc32(payload)) else b"",
            bytes((_DATA_TAG,)) + varint(size) if size else b"",
        )
    )
    head = varint(field_number << 3 | 2) + varint(len(inner) + size) + inner
    start = HEADROOM - len(head)
    buffer[start:HEADROOM] = head
    return bytes(memoryview(buffer)[start : HEADROOM + size])


def serialize(message: Message | bytes) -> bytes:
    """The response serializer of methods that stream bulk: what is bytes is encoded already."""
    return message if isinstance(message, bytes) else message.SerializeToString()


@dataclass(frozen=True, slots=True)
class ReceivedChunk:
    """A Chunk whose bytes are still where they arrived."""

    offset: int
    crc32: int
    data: memoryview


def deserializer(kind: type[M], field_number: int) -> Callable[[bytes], M | ReceivedChunk]:
    """The deserializer of a request `kind` whose field `field_number`, below 16, is a Chunk.

    A message of nothing but a Chunk, written in the order of its fields as every protobuf library does, is not copied;
    any other becomes the protobuf object.
    """
    tag = field_number << 3 | 2

    def deserialize(message: bytes) -> M | ReceivedChunk:
        if message[:1] == bytes((tag,)) and (chunk := _received_chunk(message)) is not None:
            return chunk
        return kind.FromString(message)

    return deserialize


def _received_chunk(message: bytes) -> ReceivedChunk | None:
    """The Chunk that `message` consists of behind its first tag; None unless it is exactly that."""
    at, length = _read_varint(message, 1)
    if length is None or at + length != len(message):
        return None
    offset: int | None = 0
    if message[at : at + 1] == bytes((_OFFSET_TAG,)):
        at, offset = _read_varint(message, at + 1)
    crc32 = 0
    if message[at : at + 1] == bytes((_CRC32_TAG,)):
        crc32, at = int.from_bytes(message[at + 1 : at + 5], "little"), at + 5
    if offset is None or message[at : at + 1] != bytes((_DATA_TAG,)):
        return None
    at, size = _read_varint(message, at + 1)
    if size is None or at + size != len(message):
        return None
    return ReceivedChunk(offset, crc32, memoryview(message)[at:])


def _read_varint(message: bytes, at: int) -> tuple[int, int | None]:
    """(where it ends, a varint of at most 64 bits); None for what is no such thing."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at : at + 1]
        if not byte:
            break
        value, at = value | (byte[0] & 0x7F) << shift, at + 1
        if byte[0] < 0x80:
            return at, value if value < 1 << 64 else None
    return at, None
