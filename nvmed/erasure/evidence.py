"""What is known of a drive before and after it is erased: all its names, its sanitize log, samples of its blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from nvmed.devices import namespaces
from nvmed.devices.controller import Device, Session
from nvmed.erasure.samples import Sample
from nvmed.errors import NvmedError
from nvmed.nvme import identify
from nvmed.nvme.health import SanitizeStatus, read_sanitize_status
from nvmed.nvme.opcodes import IDENTIFY_BYTES

NAMESPACES_MAX: Final = 64
"""Of so many namespaces a record tells the names, and samples are taken."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A drive before it is erased; JSON throughout, as the journal keeps it for the daemon that comes after a crash."""

    drive: Mapping[str, Any]
    log: str
    seed: str
    samples: tuple[Sample, ...]
    version: int
    subsystem: str
    started_ms: int

    @property
    def nsids(self) -> tuple[int, ...]:
        """The namespaces that it is about."""
        return tuple(one["nsid"] for one in self.drive["namespaces"])

    def dump(self) -> dict[str, Any]:
        """As a step's detail has it."""
        return {**asdict(self), "samples": [asdict(one) for one in self.samples]}

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> Self:
        """What `dump` gave."""
        return cls(**{**saved, "samples": tuple(Sample(**one) for one in saved["samples"])})


async def read_log(session: Session) -> bytes:
    """The Sanitize Status log, by one command that keeps its event."""
    data = bytearray(SanitizeStatus.SIZE)
    await session.admin(read_sanitize_status(), data)
    return bytes(data)


async def describe(session: Session, nsids: Sequence[int]) -> dict[str, Any]:
    """A drive by all its names, from a fresh Identify, with those of its namespaces."""
    device, data = session.device, bytearray(IDENTIFY_BYTES)
    await session.admin(identify.identify_controller(), data)
    found = identify.IdentifyController.parse(bytes(data))
    return {
        "controller": device.resource_name,
        "serial_number": found.sn,
        "model_number": found.mn,
        "firmware_revision": found.fr,
        "subsystem_nqn": device.node.subsystem_nqn,
        "controller_id": found.cntlid,
        "pci_vendor_id": found.vid,
        "transport": device.node.transport,
        "address": device.node.address,
        "nvm_capacity_bytes": str(found.tnvmcap),
        "namespaces": [await _namespace(session, nsid) for nsid in nsids[:NAMESPACES_MAX]],
    }


async def _namespace(session: Session, nsid: int) -> dict[str, Any]:
    """The names of a namespace, as far as the drive tells them."""
    data, _ = await namespaces.read_active(session, nsid)
    try:
        raw = bytearray(IDENTIFY_BYTES)
        await session.admin(identify.identify_namespace_descriptors(nsid), raw)
        uuid = identify.parse_namespace_descriptors(bytes(raw)).uuid
    except NvmedError as exc:
        if exc.nvme is None:
            raise
        uuid = None  # a controller before 1.3 has no such list
    return {
        "nsid": nsid,
        "size_blocks": str(data.nsze),
        "logical_block_bytes": namespaces.block_bytes(data.format),
        "eui64": data.eui64.hex() if any(data.eui64) else "",
        "nguid": data.nguid.hex() if any(data.nguid) else "",
        "uuid": str(uuid) if uuid else "",
    }


async def elsewhere(device: Device, here: frozenset[int]) -> tuple[tuple[str, ...], str]:
    """Who, of controllers that are not on this host (`here` are those that are), has namespaces attached; and why that
    cannot be told.
    """
    async with device.open() as session:
        if not (await device.capabilities(session)).has(namespaces.MANAGEMENT):
            return (), "the drive has no namespace management, and does not tell who has what attached"
        try:
            found = []
            for nsid in await namespaces.list_nsids(session, allocated=True):
                others = sorted(set(await namespaces.list_controllers(session, nsid)) - here)
                if others:
                    found.append(f"namespace {nsid} is attached to controllers {', '.join(map(str, others[:8]))}")
        except NvmedError as exc:
            if exc.nvme is None:
                raise
            return (), f"the drive does not tell who has what attached: {exc.message}"
        return tuple(found), ""
