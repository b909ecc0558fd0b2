"""Which logical blocks cannot be read: Get LBA Status, and the LBA Status Information log (NVM 1.0, 4.2.1, 4.1.4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise

from nvmed.nvme.ana import (
    LbaRange,
    LbaStatusAction,
    LbaStatusElement,
    LbaStatusLog,
    build_lba_status_log,
)
from nvmed.nvme.layout import bits
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState

HEADER = struct.Struct("<IB3x")
"""LBA Status Descriptor List: number of descriptors, completion condition."""

DESCRIPTOR = struct.Struct("<QI4x")
"""LBA Status Descriptor: first block, number of blocks."""

COMPLETE, TRUNCATED = 1, 2
"""Completion condition: all blocks of the range were looked at, or the list ended before."""


def runs(blocks: Iterable[int]) -> Iterator[LbaRange]:
    """The contiguous ranges of a set of blocks, ascending."""
    ordered = sorted(blocks)
    if not ordered:
        return
    breaks = [index for index, (one, two) in enumerate(pairwise(ordered), 1) if two != one + 1]
    for start, end in pairwise([0, *breaks, len(ordered)]):
        yield LbaRange(ordered[start], end - start)


def log(controller: ControllerState, generation: int) -> bytes:
    """The whole log: every attached namespace with blocks that cannot be read."""
    bad = [one for one in controller.subsystem.namespaces.attached(controller.controller_id) if one.bad_blocks]
    elements = tuple(
        LbaStatusElement(one.nsid, LbaStatusAction.RETURN_TRACKED, tuple(runs(one.bad_blocks))) for one in bad
    )
    return build_lba_status_log(LbaStatusLog(generation, sum(len(one.bad_blocks) for one in bad), elements))


def get_lba_status(controller: ControllerState, request: Request) -> int:
    """Get LBA Status: the unreadable ranges from a block on, as many as there is room for."""
    command = request.command
    namespace = controller.subsystem.namespaces.active(command.nsid, controller.controller_id)
    length, action = (command.cdw12 + 1) * 4, bits(command.cdw13, 31, 24)
    first, count = command.cdw10 | command.cdw11 << 32, bits(command.cdw13, 15, 0)
    limit = controller.subsystem.spec.maximum_transfer_bytes
    if action not in set(LbaStatusAction) or (limit is not None and length > limit):
        raise Refused(Sc.INVALID_FIELD)
    end = first + count if count else namespace.size_blocks
    if first >= namespace.size_blocks or end > namespace.size_blocks:
        raise Refused(Sc.LBA_OUT_OF_RANGE)
    found = list(runs(block for block in namespace.bad_blocks if first <= block < end))
    room = max(0, length - HEADER.size) // DESCRIPTOR.size
    condition = COMPLETE if len(found) <= room else TRUNCATED
    content = HEADER.pack(min(len(found), room), condition)
    content += b"".join(DESCRIPTOR.pack(one.rslba, one.rnlb) for one in found[:room])
    request.fill(content, length)
    return 0
