"""Get Log Page: the command, its decoding, and how a long log is cut into commands (Base 2.0, section 5.16)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nvmed.nvme.layout import bit, bits
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command
from nvmed.reasons import invalid_field

LENGTH_MAX = 1 << 34
"""NUMD is a zero-based 32-bit count of dwords."""

PLAIN_BYTES_MAX = 16 * 1024
"""What a controller without extended data for Get Log Page (LPA bit 2) can be asked for, from offset 0 on: NUMDL has
12 bits there."""

_MAXIMA = {
    "lid": 0xFF,
    "lsp": 0x7F,
    "lsi": 0xFFFF,
    "uuid_index": 0x7F,
    "csi": 0xFF,
    "nsid": 0xFFFF_FFFF,
    "offset_bytes": (1 << 64) - 1,
}


@dataclass(frozen=True, slots=True)
class LogPageRequest:
    """What a Get Log Page command asks for.

    `lsp` is the log specific parameter, `lsi` the log specific identifier; `rae` keeps the asynchronous event pending.
    `offset_bytes` is LPO; with `ot` (offset type) set it counts data structures instead of bytes.
    """

    lid: int
    length_bytes: int
    offset_bytes: int = 0
    lsp: int = 0
    lsi: int = 0
    rae: bool = False
    uuid_index: int = 0
    csi: int = 0
    ot: bool = False
    nsid: int = 0


def get_log_page(
    lid: int,
    length_bytes: int,
    offset_bytes: int = 0,
    *,
    lsp: int = 0,
    lsi: int = 0,
    rae: bool = False,
    uuid_index: int = 0,
    csi: int = 0,
    ot: bool = False,
    nsid: int = 0,
) -> Command:
    """A Get Log Page command for `LogPageRequest` of the same fields.

    `invalid_field` names the field that does not fit: the length must be 4 to 2^34 bytes in dwords, and the offset
    dword aligned unless it is an index. libnvme sends what it is given, so that a length of 0 asks for 16 GiB.
    """
    if length_bytes % 4 or not 4 <= length_bytes <= LENGTH_MAX:
        raise invalid_field("length_bytes", f"{length_bytes}; it must be a multiple of 4, from 4 to {LENGTH_MAX}.")
    if offset_bytes % 4 and not ot:
        raise invalid_field("offset_bytes", f"{offset_bytes}; it must be a multiple of 4.")
    given = {
        "lid": lid,
        "lsp": lsp,
        "lsi": lsi,
        "uuid_index": uuid_index,
        "csi": csi,
        "nsid": nsid,
        "offset_bytes": offset_bytes,
    }
    for name, value in given.items():
        if not 0 <= value <= _MAXIMA[name]:
            raise invalid_field(name, f"{value} does not fit the field, which holds 0 to {_MAXIMA[name]}.")
    numd = length_bytes // 4 - 1
    return Command(
        AdminOpcode.GET_LOG_PAGE,
        nsid,
        cdw10=lid | lsp << 8 | rae << 15 | (numd & 0xFFFF) << 16,
        cdw11=numd >> 16 | lsi << 16,
        cdw12=offset_bytes & 0xFFFF_FFFF,
        cdw13=offset_bytes >> 32,
        cdw14=uuid_index | ot << 23 | csi << 24,
    )


def decode(command: Command) -> LogPageRequest:
    """What a Get Log Page command asks for: the inverse of `get_log_page`, for any values of its dwords."""
    return LogPageRequest(
        lid=bits(command.cdw10, 7, 0),
        length_bytes=((bits(command.cdw11, 15, 0) << 16 | bits(command.cdw10, 31, 16)) + 1) * 4,
        offset_bytes=command.cdw13 << 32 | command.cdw12,
        lsp=bits(command.cdw10, 14, 8),
        lsi=bits(command.cdw11, 31, 16),
        rae=bit(command.cdw10, 15),
        uuid_index=bits(command.cdw14, 6, 0),
        csi=bits(command.cdw14, 31, 24),
        ot=bit(command.cdw14, 23),
        nsid=command.nsid,
    )


def plan_reads(total_bytes: int, chunk_bytes: int, offset_bytes: int = 0) -> Iterator[tuple[int, int]]:
    """Cut a log into (offset, length) of one command each, from `offset_bytes` to `total_bytes`.

    All three must be multiples of 4 and the chunk at least 4: libnvme loops forever on a chunk of 0. This is checked at
    once, not when the first piece is asked for.
    """
    for name, value, least in (
        ("total_bytes", total_bytes, 0),
        ("chunk_bytes", chunk_bytes, 4),
        ("offset_bytes", offset_bytes, 0),
    ):
        if value % 4 or value < least:
            raise invalid_field(name, f"{value}; it must be a multiple of 4, at least {least}.")
    return (
        (offset, min(chunk_bytes, total_bytes - offset)) for offset in range(offset_bytes, total_bytes, chunk_bytes)
    )
