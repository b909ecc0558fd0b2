"""Whose drive it was, taken out of a recording: serial numbers, NQNs and identifiers of namespaces.

Each is replaced by another of the same form, wherever its bytes stand in whatever the drive answered: letters by
letters, digits by digits, so that what parses one parses the other, and the same by the same, so that what belonged
together still does. What they were cannot be told from what they are: that hangs on a secret that is thrown away.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator
from typing import Final

from nvmed.nvme.identify import IdentifyController, IdentifyNamespace
from nvmed.nvme.opcodes import IDENTIFY_BYTES, AdminOpcode, IdentifyCns
from nvmed.simulator.recording import Recording

NQN_PREFIX: Final = re.compile(rb"nqn\.(?:2014-08\.org\.nvmexpress:(?:uuid:)?|\d{4}-\d\d\.)?")
"""What of an NQN says nobody's name."""

BYTES_MIN: Final = 5
"""A shorter name is replaced in its own field alone: elsewhere its bytes may be there by chance."""

_CLASSES: Final = [kind.encode() for kind in (string.digits, string.ascii_lowercase, string.ascii_uppercase)]
_HEX: Final = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

SERIAL = slice(4, 24)
SUBSYSTEM_NQN = slice(768, 1024)
VENDORS: Final[dict[int, slice]] = {
    IdentifyCns.CONTROLLER: slice(3072, 4096),
    IdentifyCns.NAMESPACE: slice(384, 4096),
    IdentifyCns.ALLOCATED_NAMESPACE: slice(384, 4096),
}
"""What of these structures is the vendor's own."""


def masked(recording: Recording, secret: bytes, *, vendor_data: bool = False) -> Recording:
    """`recording` without whose it was, and without what of Identify is the vendor's own, unless `vendor_data`."""
    replaced = {name: _mask(name, secret) for name in _names(recording)}
    long = sorted((name for name in replaced if len(name) >= BYTES_MIN), key=len, reverse=True)
    found = re.compile(b"|".join(re.escape(name) for name in long)) if long else None
    result = Recording(masked=True)
    for key, (status, value, data) in recording.answers.items():
        changed = bytearray(found.sub(lambda match: replaced[match[0]], data) if found else data)
        if key[0] == AdminOpcode.IDENTIFY and len(changed) == IDENTIFY_BYTES:
            _mask_fields(changed, key[2] & 0xFF, replaced, vendor_data=vendor_data)
        result.answers[key] = (status, value, bytes(changed))
    return result


def _mask_fields(data: bytearray, cns: int, replaced: dict[bytes, bytes], *, vendor_data: bool) -> None:
    """Names that are too short to be looked for, and what is the vendor's own."""
    if cns == IdentifyCns.CONTROLLER:
        serial = bytes(data[SERIAL]).strip(b" \0")
        if len(serial) < BYTES_MIN and serial in replaced:
            data[SERIAL] = replaced[serial].ljust(20)
    vendor = VENDORS.get(cns)
    if vendor is not None and not vendor_data:
        data[vendor] = bytes(vendor.stop - vendor.start)


def _names(recording: Recording) -> Iterator[bytes]:
    """The bytes of everything that says whose drive it was."""
    for (opcode, _, cdw10, _, _), (status, _, data) in recording.answers.items():
        if opcode != AdminOpcode.IDENTIFY or status or len(data) != IDENTIFY_BYTES:
            continue
        match cdw10 & 0xFF:
            case IdentifyCns.CONTROLLER:
                yield from _some(data[SERIAL].strip(b" \0"), data[SUBSYSTEM_NQN].split(b"\0")[0])
                yield from _some(IdentifyController.parse(data).fguid)
            case IdentifyCns.NAMESPACE | IdentifyCns.ALLOCATED_NAMESPACE:
                names = IdentifyNamespace.parse(data)
                yield from _some(names.nguid, names.eui64)
            case IdentifyCns.NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST:
                yield from _some(*_descriptors(data))


def _descriptors(data: bytes) -> Iterator[bytes]:
    """The identifiers of a descriptor list, whatever their type: odd ones, too."""
    at = 0
    while at + 4 < len(data) and data[at + 1]:
        yield data[at + 4 : at + 4 + data[at + 1]]
        at += 4 + data[at + 1]


def _some(*names: bytes) -> Iterator[bytes]:
    """Those that name anything: not all bytes the same, and more than a command set's number."""
    return (name for name in names if len(name) > 1 and len({*name}) > 1)


def _mask(name: bytes, secret: bytes) -> bytes:
    """Another name of the same form and length."""
    kept = NQN_PREFIX.match(name)
    start = kept.end() if kept else 0
    is_text = all(0x20 <= byte < 0x7F for byte in name)
    stream = hashlib.shake_256(secret + name).digest(len(name))
    if not is_text:
        return stream
    rest = name[start:]
    hexadecimal = b"0123456789abcdef" if _HEX.fullmatch(rest) else b""
    return name[:start] + bytes(_letter(byte, chance, hexadecimal) for byte, chance in zip(rest, stream, strict=False))


def _letter(byte: int, chance: int, hexadecimal: bytes) -> int:
    """A letter of the same kind; what is no letter and no digit stays."""
    if hexadecimal and byte in hexadecimal:
        return hexadecimal[chance % 16]
    for letters in _CLASSES:
        if byte in letters:
            return letters[chance % len(letters)]
    return byte
