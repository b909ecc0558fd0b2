"""The protocol data units of NVMe/TCP (NVMe TCP Transport Specification 1.0, section 3.6): values to bytes and back.

A PDU is a common header of 8 bytes, a header of a fixed length for its type, an optional digest of that, padding up
to the data offset, data, and an optional digest of the data. `parse_*` take the whole header (HLEN bytes) and raise
`MalformedPdu`, which says what a termination request has to say; `build_*` give whole headers without digests.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, unique

from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command, Completion

COMMON_HEADER_BYTES = 8
DIGEST_BYTES = 4
TERMINATION_DATA_MAX_BYTES = 128
"""How much of the offending PDU's header a termination request may carry (figure 25)."""

# Flags of the common header.
FLAG_HEADER_DIGEST = 0x01
FLAG_DATA_DIGEST = 0x02
FLAG_LAST = 0x04
FLAG_SUCCESS = 0x08


@unique
class PduType(IntEnum):
    """PDU-Type (figure 20)."""

    IC_REQUEST = 0x00
    IC_RESPONSE = 0x01
    H2C_TERMINATION = 0x02
    C2H_TERMINATION = 0x03
    CAPSULE_COMMAND = 0x04
    CAPSULE_RESPONSE = 0x05
    H2C_DATA = 0x06
    C2H_DATA = 0x07
    R2T = 0x09


HEADER_BYTES: dict[int, int] = {
    PduType.IC_REQUEST: 128,
    PduType.IC_RESPONSE: 128,
    PduType.H2C_TERMINATION: 24,
    PduType.C2H_TERMINATION: 24,
    PduType.CAPSULE_COMMAND: 72,
    PduType.CAPSULE_RESPONSE: 24,
    PduType.H2C_DATA: 24,
    PduType.C2H_DATA: 24,
    PduType.R2T: 24,
}
"""HLEN of every type."""

UNDIGESTED = frozenset({PduType.IC_REQUEST, PduType.IC_RESPONSE, PduType.H2C_TERMINATION, PduType.C2H_TERMINATION})
"""Types that never carry a digest."""


@unique
class FatalError(IntEnum):
    """Fatal Error Status of a termination request (figures 24 and 26)."""

    INVALID_HEADER_FIELD = 0x01
    PDU_SEQUENCE_ERROR = 0x02
    HEADER_DIGEST_ERROR = 0x03
    DATA_TRANSFER_OUT_OF_RANGE = 0x04
    DATA_TRANSFER_LIMIT_EXCEEDED = 0x05
    UNSUPPORTED_PARAMETER = 0x06


class MalformedPdu(Exception):
    """A PDU that ends the connection: `status`, and `information`, the offset of the wrong field or the digest."""

    def __init__(self, status: FatalError, information: int = 0) -> None:
        super().__init__(f"{status.name.lower().replace('_', ' ')} ({information:#x})")
        self.status = status
        self.information = information


@dataclass(frozen=True, slots=True)
class CommonHeader:
    """The first 8 bytes of every PDU; `length` counts everything, `data_offset` is 0 without data."""

    type: int
    flags: int
    header_bytes: int
    data_offset: int
    length: int


_COMMON = struct.Struct("<BBBBI")


def parse_common_header(raw: bytes | bytearray | memoryview) -> CommonHeader:
    """Take apart 8 bytes: the type is known, its HLEN right, and PDO and PLEN fit together."""
    header = CommonHeader(*_COMMON.unpack(raw))
    if HEADER_BYTES.get(header.type) is None:
        raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 0)
    if header.header_bytes != HEADER_BYTES[header.type]:
        raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 2)
    if header.length < header.header_bytes:
        raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 4)
    if header.data_offset and not header.header_bytes <= header.data_offset <= header.length:
        raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 3)
    return header


def build_common_header(type_: int, *, flags: int = 0, data_offset: int = 0, length: int = 0) -> bytes:
    """The 8 bytes in front of a header of `type_`; `length` defaults to that of a PDU without data."""
    header_bytes = HEADER_BYTES[type_]
    return _COMMON.pack(type_, flags, header_bytes, data_offset, length or header_bytes)


@dataclass(frozen=True, slots=True)
class InitializeRequest:
    """ICReq (figure 22): `data_alignment` (HPDA) is in dwords and 0's based, so is `max_r2t`."""

    version: int = 0
    data_alignment: int = 0
    header_digest: bool = False
    data_digest: bool = False
    max_r2t: int = 0


@dataclass(frozen=True, slots=True)
class InitializeResponse:
    """ICResp (figure 23): `max_h2c_data_bytes` (MAXH2CDATA) limits one H2CData PDU."""

    version: int = 0
    data_alignment: int = 0
    header_digest: bool = False
    data_digest: bool = False
    max_h2c_data_bytes: int = 4096


_INITIALIZE = struct.Struct("<HBBI112x")


def parse_initialize_request(raw: bytes | bytearray | memoryview) -> InitializeRequest:
    """Take apart the 128 bytes of an ICReq."""
    version, alignment, digests, max_r2t = _INITIALIZE.unpack_from(raw, COMMON_HEADER_BYTES)
    if version != 0:
        raise MalformedPdu(FatalError.UNSUPPORTED_PARAMETER, 8)
    if alignment > 31:
        raise MalformedPdu(FatalError.INVALID_HEADER_FIELD, 10)
    return InitializeRequest(version, alignment, bool(digests & 1), bool(digests & 2), max_r2t)


def build_initialize_request(request: InitializeRequest) -> bytes:
    digests = request.header_digest | request.data_digest << 1
    body = _INITIALIZE.pack(request.version, request.data_alignment, digests, request.max_r2t)
    return build_common_header(PduType.IC_REQUEST) + body


def parse_initialize_response(raw: bytes | bytearray | memoryview) -> InitializeResponse:
    """Take apart the 128 bytes of an ICResp."""
    version, alignment, digests, max_data = _INITIALIZE.unpack_from(raw, COMMON_HEADER_BYTES)
    return InitializeResponse(version, alignment, bool(digests & 1), bool(digests & 2), max_data)


def build_initialize_response(response: InitializeResponse) -> bytes:
    digests = response.header_digest | response.data_digest << 1
    body = _INITIALIZE.pack(response.version, response.data_alignment, digests, response.max_h2c_data_bytes)
    return build_common_header(PduType.IC_RESPONSE) + body


SGL_IN_CAPSULE = 0x01
"""SGL identifier of a data block at an offset in the capsule (Base 2.0, figure 109)."""

SGL_TRANSPORT = 0x5A
"""SGL identifier of a transport data block: data comes in PDUs of its own."""


@dataclass(frozen=True, slots=True)
class DataDescriptor:
    """SGL1 of a command over TCP: `offset` counts from the in-capsule data offset and is 0 for other kinds."""

    kind: int = SGL_TRANSPORT
    offset: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class CapsuleCommand:
    """A submission queue entry (64 bytes) as it travels: the command, its identifier and where its data is."""

    command: Command
    command_id: int
    data: DataDescriptor = DataDescriptor()
    sgl_selector: int = 1
    """PSDT: 1 (SGLs, one metadata buffer) over fabrics."""


_SUBMISSION = struct.Struct("<BBHIII8xQI3xB6I")


def parse_capsule_command(raw: bytes | bytearray | memoryview) -> CapsuleCommand:
    """Take apart the 72 bytes of a CapsuleCmd's header."""
    entry = _SUBMISSION.unpack_from(raw, COMMON_HEADER_BYTES)
    opcode, flags, cid, nsid, cdw2, cdw3, address, length, kind, cdw10, cdw11, cdw12, cdw13, cdw14, cdw15 = entry
    command = Command(opcode, nsid, cdw2, cdw3, cdw10, cdw11, cdw12, cdw13, cdw14, cdw15, flags=flags & 0x3F)
    return CapsuleCommand(command, cid, DataDescriptor(kind, address, length), flags >> 6)


def build_capsule_command(capsule: CapsuleCommand, *, flags: int = 0, data_offset: int = 0, length: int = 0) -> bytes:
    command, data = capsule.command, capsule.data
    return build_common_header(
        PduType.CAPSULE_COMMAND, flags=flags, data_offset=data_offset, length=length
    ) + _SUBMISSION.pack(
        command.opcode, command.flags | capsule.sgl_selector << 6, capsule.command_id,
        command.nsid, command.cdw2, command.cdw3, data.offset, data.length, data.kind,
        command.cdw10, command.cdw11, command.cdw12, command.cdw13, command.cdw14, command.cdw15,
    )  # fmt: skip


def _direction(command: Command) -> int:
    """Bits 1:0 of the opcode, of FCTYPE for a fabrics command: 1 the host sends, 2 the controller does."""
    return (command.nsid if command.opcode == AdminOpcode.FABRICS else command.opcode) & 0x3


def is_from_host(command: Command) -> bool:
    """Whether the host sends data with `command`."""
    return bool(_direction(command) & 1)


def is_to_host(command: Command) -> bool:
    """Whether the controller sends data with the answer to `command`."""
    return bool(_direction(command) & 2)


@dataclass(frozen=True, slots=True)
class CapsuleResponse:
    """A completion queue entry (16 bytes); `sq_head` is FFFFh where flow control is off (Base 2.0, figure 92)."""

    completion: Completion
    command_id: int
    sq_head: int = 0xFFFF


_COMPLETION = struct.Struct("<QHHHH")


def parse_capsule_response(raw: bytes | bytearray | memoryview) -> CapsuleResponse:
    """Take apart the 24 bytes of a CapsuleResp."""
    result, sq_head, _, cid, status = _COMPLETION.unpack_from(raw, COMMON_HEADER_BYTES)
    return CapsuleResponse(Completion(status >> 1, result), cid, sq_head)


def build_capsule_response(response: CapsuleResponse, *, flags: int = 0, length: int = 0) -> bytes:
    completion = response.completion
    return build_common_header(PduType.CAPSULE_RESPONSE, flags=flags, length=length) + _COMPLETION.pack(
        completion.result, response.sq_head, 0, response.command_id, completion.status << 1
    )


@dataclass(frozen=True, slots=True)
class DataTransfer:
    """H2CData, C2HData or R2T: `length` bytes at `offset` of a command's data (figures 29 to 31)."""

    command_id: int
    transfer_tag: int
    offset: int
    length: int


_TRANSFER = struct.Struct("<HHII4x")


def parse_data_transfer(raw: bytes | bytearray | memoryview) -> DataTransfer:
    """Take apart the 24 bytes of an H2CData, C2HData or R2T header."""
    return DataTransfer(*_TRANSFER.unpack_from(raw, COMMON_HEADER_BYTES))


def build_data_transfer(
    type_: PduType, transfer: DataTransfer, *, flags: int = 0, data_offset: int = 0, length: int = 0
) -> bytes:
    return build_common_header(type_, flags=flags, data_offset=data_offset, length=length) + _TRANSFER.pack(
        transfer.command_id, transfer.transfer_tag, transfer.offset, transfer.length
    )


@dataclass(frozen=True, slots=True)
class Termination:
    """H2CTermReq or C2HTermReq; `offender` is the start of the PDU that caused it."""

    status: int
    information: int = 0
    offender: bytes = b""


_TERMINATION = struct.Struct("<HI10x")


def parse_termination(raw: bytes | bytearray | memoryview) -> Termination:
    """Take apart a whole termination request, its data included."""
    status, information = _TERMINATION.unpack_from(raw, COMMON_HEADER_BYTES)
    return Termination(status, information, bytes(raw[24:]))


def build_termination(type_: PduType, termination: Termination) -> bytes:
    offender = termination.offender[:TERMINATION_DATA_MAX_BYTES]
    header = build_common_header(type_, length=24 + len(offender))
    return header + _TERMINATION.pack(termination.status, termination.information) + offender
