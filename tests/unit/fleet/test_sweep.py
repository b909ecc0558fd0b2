"""Sweeps against real daemons with simulated drives: stored, then acknowledged, gone on with, told in a manifest."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nvmed_fleet import sweep
from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.places import Folder
from nvmed_fleet.sweep import KINDS, Entry, HostSweep, Options, SweepPlan
from nvmedctl.hosts import Host

from nvmed.errors import NvmedError
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from tests.support import served_hosts
from tests.support.served_hosts import Served

GET_LOG_PAGE = AdminOpcode.GET_LOG_PAGE


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[dict[str, Served]]:
    async with served_hosts.hosts(tmp_path, "h1", "h2", drives=2) as found:
        yield found


def plan_of(served: dict[str, Served], tmp_path: Path, *kinds: str, **options: Any) -> SweepPlan:
    hosts = [one.host for one in served.values()]
    return sweep.make("20261128T120000Z", str(tmp_path / "to"), kinds or KINDS, hosts, Options(**options))


async def collected(plan: SweepPlan, host: str = "h1", place: Folder | None = None) -> HostSweep:
    return await sweep.collect(plan, host, place or Folder(Path(plan.into)))


def by_kind(found: HostSweep) -> dict[str, list[Entry]]:
    return {kind: [entry for entry in found.entries if entry.kind == kind] for kind in KINDS}


async def test_everything_is_collected_and_told(served: dict[str, Served], tmp_path: Path) -> None:
    served["h1"].drive().capture_controller_telemetry()
    plan, place = plan_of(served, tmp_path), Folder(tmp_path / "to")
    found = [await collected(plan, host) for host in ("h1", "h2")]
    assert [one.outcome for one in found] == ["stored", "stored"]
    first = by_kind(found[0])
    assert [entry.outcome for entry in first["smart"]] == ["stored"] * 2
    assert [entry.outcome for entry in first["telemetry-host"]] == ["stored"] * 2
    assert [(entry.outcome, entry.acknowledged) for entry in first["telemetry-controller"]] == [
        ("stored", True), ("absent", None),
    ]  # fmt: skip
    assert await sweep.finish(plan, place) == {"stored": 9, "absent": 3}
    folder = tmp_path / "to" / plan.sweep
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [host["host"] for host in manifest["hosts"]] == ["h1", "h2"]
    for entry in [entry for host in manifest["hosts"] for entry in host["entries"] if entry["outcome"] == "stored"]:
        content = (tmp_path / "to" / entry["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size_bytes"], entry["sha256"])
    checked = await asyncio.to_thread(
        subprocess.run, ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=False
    )
    assert checked.returncode == 0
    smart = json.loads((tmp_path / "to" / first["smart"][0].name).read_text())
    assert "raw" in smart


async def test_what_is_there_is_not_collected_again(served: dict[str, Served], tmp_path: Path) -> None:
    served["h1"].drive().capture_controller_telemetry()
    plan = plan_of(served, tmp_path)
    first = await collected(plan)
    read = len(served["h1"].drive().journal.commands(opcode=GET_LOG_PAGE))
    assert await collected(plan) == first
    again = [command.cdw10 & 0xFF for command in served["h1"].drive().journal.commands(opcode=GET_LOG_PAGE)[read:]]
    assert again == []


class Broken(Folder):
    """A place that takes nothing that ends so."""

    def __init__(self, folder: Path, ending: str) -> None:
        super().__init__(folder)
        self.ending = ending

    async def put_file(self, name: str, path: Path) -> None:
        self._refuse(name)
        await super().put_file(name, path)

    async def put(self, name: str, content: bytes) -> None:
        self._refuse(name)
        await super().put(name, content)

    def _refuse(self, name: str) -> None:
        if name.endswith(self.ending):
            raise error(FleetReason.PLACE_FAILED, "the disk is full")


@pytest.mark.parametrize("ending", [".bin", "controller.entry.json"])
async def test_nothing_is_acknowledged_that_is_not_durable(
    served: dict[str, Served], tmp_path: Path, ending: str
) -> None:
    drive = served["h1"].drive()
    drive.capture_controller_telemetry()
    plan = plan_of(served, tmp_path, "telemetry-controller")
    with pytest.raises(NvmedError) as caught:
        await collected(plan, place=Broken(tmp_path / "to", ending))
    assert caught.value.reason == "PLACE_FAILED"
    assert not _acknowledgements(drive)
    found = await collected(plan)  # mended
    assert [entry.acknowledged for entry in found.entries] == [True, None]
    assert _acknowledgements(drive)


async def test_a_worker_that_dies_before_it_acknowledged(
    served: dict[str, Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = served["h1"].drive()
    drive.capture_controller_telemetry()
    plan = plan_of(served, tmp_path, "telemetry-controller")

    async def dies(*_: object) -> bool:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(sweep._Collector, "_acknowledged", dies)
        with pytest.raises(RuntimeError, match="killed"):
            await collected(plan)
    assert not _acknowledgements(drive)
    assert (await collected(plan)).entries[0].acknowledged is True
    assert _acknowledgements(drive)


def _acknowledgements(drive: Any) -> list[Any]:
    """Reads of the controller's log that clear its event."""
    page, retain = LogPage.TELEMETRY_CONTROLLER_INITIATED, 1 << 15
    return [
        one
        for one in drive.journal.commands(opcode=GET_LOG_PAGE)
        if one.cdw10 & 0xFF == page and not one.cdw10 & retain
    ]


async def test_a_host_that_is_not_there(served: dict[str, Served], tmp_path: Path) -> None:
    gone = Host("h3", f"unix:{tmp_path}/gone.sock", "h3")
    hosts = [*(one.host for one in served.values()), gone]
    plan = sweep.make("s", str(tmp_path / "to"), ["smart"], hosts, Options(unreachable_after_s=1))
    assert (await collected(plan, "h3")).outcome == "unreachable"
    await collected(plan, "h1")
    assert await sweep.finish(plan, Folder(tmp_path / "to")) == {"stored": 2, "failed": 1, "unreachable": 1}


@pytest.mark.parametrize(
    ("name", "into", "kinds", "options"),
    [
        ("../s", "to", ["smart"], {}),
        ("s", "", ["smart"], {}),
        ("s", "to", [], {}),
        ("s", "to", ["everything"], {}),
        ("s", "to", ["smart"], {"data_area": 5}),
        ("s", "to", ["smart"], {"in_flight": 0}),
        ("s", "to", ["smart"], {"drives_at_once": 65}),
        ("s", "to", ["smart"], {"unreachable_after_s": 0}),
    ],
)
def test_what_can_be_no_sweep(name: str, into: str, kinds: list[str], options: dict[str, Any]) -> None:
    with pytest.raises(NvmedError) as caught:
        sweep.make(name, into, kinds, [Host("h", "/h")], Options(**options))
    assert caught.value.reason == "INVALID_FIELD"
    with pytest.raises(NvmedError, match="none to sweep"):
        sweep.make("s", "to", ["smart"], [])
