"""The simulator's image format: a header of 64 bytes and a payload; all of it random but the header, whose CRC the
drive checks, so that a gap, a swapped portion or a foreign file is an Invalid Firmware Image:

    0  8  magic "NVMEDSIM"
    8  8  revision, ASCII, blank filled
   16 40  model that the image is for, ASCII, blank filled; all blanks is any model
   56  4  size of the whole image in bytes
   60  4  CRC-32 of the payload
"""

from __future__ import annotations

import random
import struct
import zlib

from nvmed.simulator.refusal import Refused, Sc

MAGIC = b"NVMEDSIM"
HEADER = struct.Struct("<8s8s40sII")


def build_image(revision: str, size: int = 64 * 1024, model: str = "") -> bytes:
    """An image that a simulated drive of `model` (default: any) accepts; the same arguments make the same bytes.

    `ValueError` for a name that does not fit its field, or is no printable ASCII, and for a size below the header's.
    """
    for name, text, limit in (("revision", revision, 8), ("model", model, 40)):
        if len(text) > limit or not text.isascii() or not text.isprintable():
            raise ValueError(f"{name}: {text!r} must be printable ASCII of at most {limit} characters")
    if not revision.strip():
        raise ValueError("revision: it is blank; give 1 to 8 characters")
    if size < HEADER.size:
        raise ValueError(f"size: {size} is smaller than the header of {HEADER.size} bytes")
    payload = random.Random(f"{revision}/{size}/{model}").randbytes(size - HEADER.size)  # noqa: S311
    names = revision.encode("ascii").ljust(8), model.encode("ascii").ljust(40)
    return HEADER.pack(MAGIC, *names, size, zlib.crc32(payload)) + payload


def image_revision(image: bytes, model: str) -> str:
    """The revision of an image for a drive of `model`; refuses what is no such image. Padding behind it is ignored."""
    if len(image) < HEADER.size:
        raise Refused(Sc.INVALID_FIRMWARE_IMAGE)
    magic, revision, for_model, size, crc = HEADER.unpack_from(image)
    intact = magic == MAGIC and size <= len(image) and zlib.crc32(memoryview(image)[HEADER.size : size]) == crc
    if not intact or for_model.strip() not in (b"", model.encode("ascii", "replace")):
        raise Refused(Sc.INVALID_FIRMWARE_IMAGE)
    return str(revision, "ascii", "replace").strip(" \0")
