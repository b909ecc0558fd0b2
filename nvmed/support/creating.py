"""CreateSupportBundle: an operation whose id is the bundle's. It has one step, whose end is a bundle on disk."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import nvmed
from nvmed import limits
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State
from nvmed.operations.running import Result, Running
from nvmed.support.collecting import Collector, Deadlines, Group, manifest
from nvmed.support.files import Bundle
from nvmed.support.store import Bundles

CREATE: Final = "nvmed.v1.SupportService/CreateSupportBundle"
COLLECT: Final = "collect"
"""The step."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to collect, for whom. `controllers` is empty for the whole host; 0 ms is nvmed's own choice."""

    groups: Sequence[Group]
    principal: str
    controllers: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    part_timeout_ms: int = 0
    timeout_ms: int = 0

    @property
    def parts(self) -> int:
        """How many parts will be asked for."""
        return sum(len(group.parts) for group in self.groups)


class Supports:
    """A check, which asks no drive, and a run."""

    def __init__(self, store: Bundles, at_once: int = limits.SUPPORT_AT_ONCE) -> None:
        self.store = store
        self._turns = asyncio.Semaphore(at_once)

    async def check(self, wanted: Wanted) -> Result:
        """What would be collected; raises what keeps it from being."""
        self.store.require_room(wanted.principal)
        return {"controllers": list(wanted.controllers), "parts_complete": wanted.parts}

    async def run(self, running: Running, wanted: Wanted) -> Result:
        """Collect it. Cancelled, nothing of it is kept."""
        await running.until_stopped(self._turns.acquire())
        try:
            async with running.step(COLLECT, cancellable=True) as outcome:
                bundle = await running.until_stopped(self._make(running, wanted))
                outcome["size_bytes"] = bundle.size_bytes
        finally:
            self._turns.release()
        return shown(bundle)

    async def _make(self, running: Running, wanted: Wanted) -> Bundle:
        draft = Bundle(running.record.id, wanted.principal, wanted.controllers, wanted.subjects)
        end = asyncio.get_running_loop().time() + (wanted.timeout_ms or limits.SUPPORT_MS_DEFAULT) / 1000
        deadlines = Deadlines((wanted.part_timeout_ms or limits.SUPPORT_PART_MS_DEFAULT) / 1000, end)
        async with self.store.writing(draft) as writer:
            collector = Collector(
                writer, deadlines, lambda done: running.estimate(100 * done / max(wanted.parts, 1), None)
            )
            await collector.collect(wanted.groups)
            entries = collector.entries
            complete = sum(entry.complete for entry in entries)
            facts = {
                "support_bundle": draft.name,
                "nvmed_version": nvmed.__version__,
                "principal": wanted.principal,
                "controllers": list(wanted.controllers),
                "part_timeout_ms": int(deadlines.part_s * 1000),
                "timeout_ms": wanted.timeout_ms or limits.SUPPORT_MS_DEFAULT,
            }
            return await writer.finish(manifest(entries, facts), complete, len(entries) - complete)

    async def delete(self, running: Running, bundle: str) -> Result:
        """Delete a bundle as a step."""
        async with running.step("delete"):
            await self.store.delete(bundle)
        return {"name": f"supportBundles/{bundle}"}

    def reconcilers(self) -> Mapping[str, Reconcile]:
        """What became of a bundle whose operation was cut off: it is there, or nothing of it is."""

        async def created(case: Interrupted) -> Verdict:
            if (bundle := self.store.find(case.record.id)) is not None:
                return Verdict(State.SUCCEEDED, result=shown(bundle))
            return Verdict(State.SAFE_TO_RETRY, "nothing of the bundle was kept")

        async def deleted(case: Interrupted) -> Verdict:
            name = case.record.target
            if self.store.find(name.rpartition("/")[2]) is None:
                return Verdict(State.SUCCEEDED, result={"name": name})
            return Verdict(State.SAFE_TO_RETRY, "the bundle is still there")

        return {CREATE: created, "nvmed.v1.SupportService/DeleteSupportBundle": deleted}


def shown(bundle: Bundle) -> dict[str, Any]:
    """A bundle as the operation's response."""
    return {
        "support_bundle": bundle.name,
        "controllers": list(bundle.controllers),
        "size_bytes": bundle.size_bytes,
        "sha256": base64.b64encode(bundle.sha256).decode(),
        "parts_complete": bundle.parts_complete,
        "parts_missing": bundle.parts_missing,
    }
