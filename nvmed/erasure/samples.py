"""What reads of erased blocks show: at places drawn by a seed that the record names, so that all can draw them again.

A read shows what the drive gives for a block, and nothing of media that no block leads to. So the findings are graded:
as expected, where the specification or the command says what is to be read; else whether the block changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum, unique
from typing import Any, Final

from nvmed.devices.controller import Device
from nvmed.devices.namespaces import block_bytes, read_active
from nvmed.errors import NvmedError
from nvmed.nvme.identify import IdentifyNamespace
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.opcodes import IoOpcode
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error

SEED_BYTES: Final = 16
DIGEST_BYTES: Final = 16
_ZEROS, _ONES = b"\0", b"\xff"

DEALLOCATED_READS: Final = {1: _ZEROS, 2: _ONES}
"""DLFEAT bits 2:0: what a deallocated block reads as; 0 is not said."""


@unique
class Finding(Enum):
    """What the samples show; the names are those of the contract's `SampleFinding`."""

    AS_EXPECTED = "AS_EXPECTED"
    CHANGED = "CHANGED"
    CONTRADICTED = "CONTRADICTED"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Sample:
    """One block: SHA-256 of what was read, cut to 16 bytes, in hexadecimal digits; "" where it could not be read.

    `filler` is the pattern of 1 or 4 bytes that it is made of, in hexadecimal digits, "" where there is none.
    """

    nsid: int
    lba: int
    digest: str = ""
    filler: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Samples after an erasure, compared with what is expected and with those before it."""

    seed: str = ""
    expected: str = ""
    samples: int = 0
    as_expected: int = 0
    unexpected: int = 0
    changed: int = 0
    unchanged: int = 0
    unreadable: int = 0
    finding: Finding = Finding.INCONCLUSIVE
    blocks: tuple[Sample, ...] = field(default=())

    def content(self) -> dict[str, Any]:
        """As a record has it."""
        return {**asdict(self), "finding": self.finding.value, "blocks": [asdict(one) for one in self.blocks]}


def draw(seed: bytes, nsid: int, blocks: int, count: int) -> tuple[int, ...]:
    """`count` places in a namespace of so many blocks: the first, the last, and by the seed in between, ascending."""
    found = {0, max(blocks - 1, 0)}
    number = 0
    while len(found) < min(count, blocks):
        digest = hashlib.sha256(seed + nsid.to_bytes(4, "big") + number.to_bytes(4, "big")).digest()
        found.add(int.from_bytes(digest[:8], "big") % blocks)
        number += 1
    return tuple(sorted(found))[: max(count, 0)]


async def take(device: Device, seed: bytes, nsids: Sequence[int], count: int) -> tuple[Sample, ...]:
    """`count` samples in all of namespaces that the kernel leads to; what cannot be read is a sample that says so."""
    nodes = {one.nsid: one.node or one.generic_node for one in device.node.namespaces}
    reachable = [nsid for nsid in nsids if nodes.get(nsid)]
    taken: list[Sample] = []
    for position, nsid in enumerate(reachable):
        share = (count - len(taken)) // (len(reachable) - position)
        taken += await _of_namespace(device, nodes[nsid], seed, nsid, share)
    return tuple(taken)


def expected_filler(
    namespace: IdentifyNamespace, *, is_deallocated: bool, pattern: int | None, inverted: bool
) -> tuple[str, ...]:
    """What blocks are made of afterwards, in hexadecimal digits; nothing where neither drive nor command says it.

    `pattern` is that of an overwrite. One that inverts it between passes may leave either.
    """
    if is_deallocated:
        filler = DEALLOCATED_READS.get(bits(namespace.dlfeat, 2, 0))
        return () if filler is None else (filler.hex(),)
    if pattern is None:
        return ()
    values = (pattern, pattern ^ 0xFFFF_FFFF) if inverted else (pattern,)
    return tuple(_shortest(value.to_bytes(4, "little")).hex() for value in values)


def compare(
    seed: bytes, before: Iterable[Sample], after: Sequence[Sample], expected: dict[int, tuple[str, ...]]
) -> Findings:
    """What samples show; `expected` is what blocks of each namespace are to be made of."""
    earlier = {(one.nsid, one.lba): one for one in before if one.digest}
    read = [one for one in after if one.digest]
    judged = [one for one in read if expected.get(one.nsid)]
    good = [one for one in judged if one.filler in expected[one.nsid]]
    comparable = [one for one in read if (one.nsid, one.lba) in earlier]
    unchanged = [one for one in comparable if earlier[one.nsid, one.lba].digest == one.digest]
    stale = [one for one in unchanged if not one.filler]
    if len(good) < len(judged) or stale:
        finding = Finding.CONTRADICTED
    elif judged and len(judged) == len(read):
        finding = Finding.AS_EXPECTED
    elif comparable and not unchanged:
        finding = Finding.CHANGED
    else:
        finding = Finding.INCONCLUSIVE
    return Findings(
        seed=seed.hex(),
        expected=" ".join(dict.fromkeys(filler for one in expected.values() for filler in one)),
        samples=len(after),
        as_expected=len(good),
        unexpected=len(judged) - len(good),
        changed=len(comparable) - len(unchanged),
        unchanged=len(unchanged),
        unreadable=len(after) - len(read),
        finding=finding,
        blocks=tuple(after),
    )


def require_erased(findings: Findings) -> None:
    """Raise ERASURE_CONTRADICTED if what was read says that data are there."""
    if findings.finding is Finding.CONTRADICTED:
        raise error(
            Reason.ERASURE_CONTRADICTED,
            f"of {findings.samples} blocks that were read, {findings.unexpected} are not what they must be, and "
            f"{findings.unchanged} are as before",
        )


async def _of_namespace(device: Device, node: str, seed: bytes, nsid: int, count: int) -> list[Sample]:
    async with device.open() as session:
        namespace, _ = await read_active(session, nsid)
    places = draw(seed, nsid, namespace.nsze, count)
    layout = namespace.format
    size = block_bytes(layout)
    extended = bit(namespace.flbas, 4)
    buffer_bytes = size + (layout.ms if extended else 0)
    metadata_bytes = 0 if extended else layout.ms
    if not size:
        return [Sample(nsid, lba) for lba in places]
    found = []
    async with device.open(node) as session:
        for lba in places:
            data, metadata = bytearray(buffer_bytes), bytearray(metadata_bytes)
            command = Command(IoOpcode.READ, nsid, cdw10=lba & 0xFFFF_FFFF, cdw11=lba >> 32)

            def read(command: Command = command, data: bytearray = data, metadata: bytearray = metadata) -> None:
                session.submit(command, data, metadata or None, queue=Queue.IO)

            try:
                await session.run(read)
            except NvmedError as exc:
                if exc.nvme is None:
                    raise
                found.append(Sample(nsid, lba))
            else:
                found.append(_sample(nsid, lba, bytes(data[:size])))
    return found


def _sample(nsid: int, lba: int, data: bytes) -> Sample:
    head = _shortest(data[:4])
    filler = head if head * (len(data) // len(head)) == data else b""
    return Sample(nsid, lba, hashlib.sha256(data).digest()[:DIGEST_BYTES].hex(), filler.hex())


def _shortest(word: bytes) -> bytes:
    """One byte where all four are the same."""
    return word[:1] if word == word[:1] * len(word) else word
