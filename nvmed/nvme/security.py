"""Security Send and Receive, and what a drive says of its locking without a password: TCG level 0 discovery.

NVMe Base 2.0, sections 5.25 and 5.26; SPC-5 for protocol 00h; TCG Storage Architecture Core Specification 2.01,
section 3.3.6, and the feature sets of Opal, Pyrite, Ruby and Block SID. All of it is big endian. Lengths are a drive's
word: each is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from nvmed.nvme.layout import Buffer, bit, malformed
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command

INFORMATION_PROTOCOL: Final = 0x00
TCG_PROTOCOL: Final = 0x01
LEVEL_0: Final = 0x0001

RECEIVE_BYTES: Final = 4096
"""What is asked for: a discovery is some hundred bytes."""

HEADER_BYTES: Final = 48
_LIST_AT: Final = 8

TPER, LOCKING, BLOCK_SID = 0x0001, 0x0002, 0x0402

SUBSYSTEM_CLASSES: Final = {
    0x0100: "Enterprise",
    0x0200: "Opal 1",
    0x0203: "Opal 2",
    0x0301: "Opalite",
    0x0302: "Pyrite 1",
    0x0303: "Pyrite 2",
    0x0304: "Ruby",
    0x0305: "Key per I/O",
}
"""Feature codes of the security subsystem classes."""

REVERTED_BY_PSID: Final = frozenset({0x0200, 0x0203, 0x0301, 0x0302, 0x0303, 0x0304})
"""Those whose sessions are opened alike and whose descriptor begins with the base ComID: Opal's family. Enterprise
names parameters by text, and the descriptor of Key per I/O is another.
"""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature descriptor: its code, its version, and what follows its header."""

    code: int
    version: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Discovery:
    """A level 0 discovery; `is_cut` is whether a descriptor did not fit into what the drive says that it wrote."""

    revision: int = 0
    features: tuple[Feature, ...] = ()
    vendor_specific: bytes = field(default=bytes(32), repr=False)
    is_cut: bool = False

    def find(self, code: int) -> Feature | None:
        """The first descriptor of a feature."""
        return next((one for one in self.features if one.code == code), None)

    def flag(self, code: int, number: int, byte: int = 0) -> bool | None:
        """A bit of a feature's data; None where the drive has not that feature, or not that much of it."""
        found = self.find(code)
        return None if found is None or len(found.data) <= byte else bit(found.data[byte], number)

    @property
    def base_com_id(self) -> int | None:
        """Where sessions are opened that revert by PSID; None of a drive of no such class."""
        found = next((one for one in self.features if one.code in REVERTED_BY_PSID and len(one.data) >= 2), None)
        return None if found is None else int.from_bytes(found.data[:2], "big")

    @property
    def classes(self) -> tuple[str, ...]:
        """The security subsystem classes, by name."""
        return tuple(SUBSYSTEM_CLASSES[one.code] for one in self.features if one.code in SUBSYSTEM_CLASSES)


def receive(protocol: int, specific: int, length_bytes: int = RECEIVE_BYTES) -> Command:
    """Security Receive of a protocol and what is specific to it (SECP, SPSP)."""
    return Command(AdminOpcode.SECURITY_RECEIVE, cdw10=protocol << 24 | specific << 8, cdw11=length_bytes)


def send(protocol: int, specific: int, length_bytes: int) -> Command:
    """Security Send of so many bytes to a protocol, in the same way."""
    return Command(AdminOpcode.SECURITY_SEND, cdw10=protocol << 24 | specific << 8, cdw11=length_bytes)


def parse_protocols(data: Buffer) -> tuple[int, ...]:
    """The security protocols that a drive lists; NVME_DATA_INVALID if there is no list."""
    raw = bytes(data)
    if len(raw) < _LIST_AT:
        raise malformed(f"a list of security protocols has {_LIST_AT} bytes at least, but only {len(raw)} were read")
    return tuple(raw[_LIST_AT : _LIST_AT + int.from_bytes(raw[6:8], "big")])


def build_protocols(protocols: Iterable[int]) -> bytes:
    """The list of `protocols`."""
    listed = bytes(protocols)
    return bytes(6) + len(listed).to_bytes(2, "big") + listed


def parse_discovery(data: Buffer) -> Discovery:
    """Read a level 0 discovery, as far as its length and the buffer go; NVME_DATA_INVALID if it has no header."""
    raw = bytes(data)
    if len(raw) < HEADER_BYTES:
        raise malformed(f"a level 0 discovery has {HEADER_BYTES} bytes at least, but only {len(raw)} were read")
    end = 4 + int.from_bytes(raw[:4], "big")
    body = raw[HEADER_BYTES : min(end, len(raw))]
    features = tuple(_features(body))
    read = sum(4 + len(one.data) for one in features)
    return Discovery(int.from_bytes(raw[4:8], "big"), features, raw[16:48], end > len(raw) or read < len(body))


def build_discovery(discovery: Discovery) -> bytes:
    """The bytes of a discovery."""
    body = b"".join(
        one.code.to_bytes(2, "big") + bytes((one.version << 4, len(one.data))) + one.data for one in discovery.features
    )
    head = (HEADER_BYTES - 4 + len(body)).to_bytes(4, "big") + discovery.revision.to_bytes(4, "big") + bytes(8)
    return head + discovery.vendor_specific + body


def _features(body: bytes) -> Iterator[Feature]:
    at = 0
    while at + 4 <= len(body):
        code, length = int.from_bytes(body[at : at + 2], "big"), body[at + 3]
        data = body[at + 4 : at + 4 + length]
        if len(data) < length:
            return
        yield Feature(code, body[at + 2] >> 4, data)
        at += 4 + length
