"""What every way of erasing is made of: the drive before it, its gates, and the record after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.lane import Lane
from nvmed.devices.namespaces import block_bytes, list_nsids, read_active
from nvmed.erasure import evidence as evidences
from nvmed.erasure import samples
from nvmed.erasure.certificate import Certificate, HostFacts
from nvmed.erasure.evidence import Evidence
from nvmed.erasure.records import Records
from nvmed.erasure.samples import Findings
from nvmed.nvme.capabilities import Capabilities
from nvmed.nvme.health import SanitizeStatus
from nvmed.nvme.sanitize import is_failed, is_running
from nvmed.operations.records import now_ms
from nvmed.operations.running import Running
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.erase_gates import EraseState, evaluate
from nvmed.preconditions.gates import DriveState, GateResult

NAMED: str = "erasureRecords/"


@dataclass(frozen=True, slots=True)
class Gated:
    """How the gates of erasing were found, and the sanitize log that they saw; None of a drive without."""

    results: tuple[GateResult, ...]
    status: SanitizeStatus | None


class Kit:
    """`on_battery` blocks; `records` are for the threads of `lane`."""

    def __init__(
        self, drives: Drives, records: Records, lane: Lane, host: HostFacts, on_battery: Callable[[], bool | None]
    ) -> None:
        self.drives = drives
        self._records = records
        self._lane = lane
        self._host = host
        self._on_battery = on_battery

    @property
    def inventory(self) -> Inventory:
        return self.drives.inventory

    async def evidence(self, device: Device, samples_max: int, nsids: Sequence[int] | None = None) -> Evidence:
        """What the drive is now, of all its namespaces or of `nsids`; with samples of their blocks, where they can be
        read.
        """
        seed = os.urandom(samples.SEED_BYTES)
        async with device.open() as session:
            identity = await device.identify(session)
            nsids = await list_nsids(session, allocated=False) if nsids is None else nsids
            drive = await evidences.describe(session, nsids)
            log = await evidences.read_log(session) if Capabilities(identity).has("sanitize") else b""
        status = SanitizeStatus.parse(log, identity.ver) if log else None
        readable = status is None or not (is_running(status) or is_failed(status, identity.ver))
        taken = await samples.take(device, seed, nsids[: evidences.NAMESPACES_MAX], samples_max) if readable else ()
        return Evidence(drive, log.hex(), seed.hex(), taken, identity.ver, device.subsystem, now_ms())

    async def look(
        self,
        evidence: Evidence,
        samples_max: int,
        *,
        is_deallocated: bool,
        pattern: int | None = None,
        inverted: bool = False,
    ) -> Findings:
        """What blocks read as now, by `samples.expected_filler` and compared with those of `evidence`."""
        seed = bytes.fromhex(evidence.seed)
        sizes = {one["nsid"]: one["logical_block_bytes"] for one in evidence.drive["namespaces"]}
        device = (await self.inventory.find(str(evidence.drive["controller"]))).device
        expected, kept = {}, set()
        async with device.open() as session:
            there = await list_nsids(session, allocated=False)
            for nsid in (one for one in evidence.nsids if one in there):
                namespace, _ = await read_active(session, nsid)
                expected[nsid] = samples.expected_filler(
                    namespace, is_deallocated=is_deallocated, pattern=pattern, inverted=inverted
                )
                if block_bytes(namespace.format) == sizes[nsid]:
                    kept.add(nsid)  # blocks of another size are others, not blocks that changed
        after = await samples.take(device, seed, tuple(expected), samples_max)
        return samples.compare(seed, (one for one in evidence.samples if one.nsid in kept), after, expected)

    async def gates(
        self,
        device: Device,
        state: DriveState,
        overrides: frozenset[str],
        *,
        unrestricted_exit: bool = False,
        sanitizes: bool = True,
    ) -> Gated:
        """Every gate of erasing `device`, by a sanitize or otherwise."""
        status = None
        if Capabilities(state.identity).has("sanitize"):
            async with device.open() as session:
                status = SanitizeStatus.parse(await evidences.read_log(session), state.identity.ver)
        family = [one for one in await self.inventory.controllers() if one.subsystem == device.subsystem]
        here = frozenset({state.identity.cntlid, *(one.node.controller_id for one in family)})
        others, unknown = await evidences.elsewhere(device, here)
        on_battery = await self._lane.run(self._on_battery)
        asked = EraseState(state, status, others, unknown, on_battery, unrestricted_exit, sanitizes)
        return Gated(evaluate(asked, overrides), status)

    async def write(self, running: Running, certificate: Certificate) -> str:
        """Sign and keep a record; gives its resource name."""
        async with running.step("record", outcome=certificate.outcome.value):
            return await self.keep(certificate)

    async def keep(self, certificate: Certificate) -> str:
        """The same without a step, for who is asked about an operation that runs no more; once for each operation."""
        stored = await self._lane.run(
            lambda: self._records.write(certificate.operation.id, certificate.content(self._host))
        )
        return NAMED + stored.id


def shown(result: GateResult) -> dict[str, Any]:
    """A `GateResult` of the contract."""
    return {
        "controller": result.controller, "gate": f"GATE_{result.gate}", "state": f"STATE_{result.found.value}",
        "description": result.description,
    }  # fmt: skip
