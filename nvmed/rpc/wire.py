"""Chunks as wire bytes, without protobuf objects.

The payload is the last field of the last field, so everything before it fits in a few bytes that are written in front
of where the drive already put the data; one copy then makes the message. At 512 KiB that is 1.4 times as fast as
building the objects. A test holds that both encode the same.
"""

from __future__ import annotations

import zlib

from google.protobuf.message import Message

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


def chunk_message(field_number: int, buffer: bytearray, size: int, offset: int) -> bytes:
    """A message whose field `field_number` is the Chunk of `buffer[HEADROOM : HEADROOM + size]` at `offset`."""
    payload = memoryview(buffer)[HEADROOM : HEADROOM + size]
    inner = b"".join(
        (
            bytes((_OFFSET_TAG,)) + varint(offset) if offset else b"",  # proto3 leaves zeros out
            bytes((_CRC32_TAG,)) + crc.to_bytes(4, "little") if (crc := zlib.crc32(payload)) else b"",
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
