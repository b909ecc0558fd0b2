"""Batches on a real engine: done once for each host, gone on with after a kill, bounded, cancelled."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from nvmed_fleet import sweep
from nvmed_fleet.sweep import Options
from nvmed_fleet.temporal import batches
from nvmed_fleet.temporal.engine import Engine, session

from nvmed.errors import NvmedError
from tests.fleet.drilling import Drill, drilling
from tests.support import served_hosts


@pytest.fixture
def drill(place: Path) -> Iterator[Drill]:
    with drilling(place) as found:
        yield found


@pytest.fixture
def engine(place: Path) -> Engine:
    return Engine(place / "state")


async def test_a_sweep_on_the_engine(place: Path, engine: Engine) -> None:
    async with served_hosts.hosts(place, "h1", "h2", "h3") as served, session(engine) as client:
        served["h2"].drive().capture_controller_telemetry()
        hosts = [one.host for one in served.values()]
        plan = sweep.make("s", str(place / "to"), ["smart", "telemetry-controller"], hosts, Options(in_flight=2))
        digest = engine.store.put(msgspec.json.encode(plan, order="deterministic"))
        await batches.begin(client, "sweep", "s", digest)
        ended = await batches.ended(client, "sweep", "s")
        assert (ended.state, ended.good, ended.failures, ended.summary) == ("done", 3, 0, "2 absent, 4 stored")
        assert (await batches.status(client, "sweep", "s")).items == 3
        other = engine.store.put(msgspec.json.encode(sweep.make("s", str(place / "other"), ["smart"], hosts)))
        await batches.begin(client, "sweep", "s", other)  # the first has ended
        with pytest.raises(NvmedError) as caught:
            await batches.begin(client, "sweep", "s", digest)
        assert caught.value.reason == "CAMPAIGN_EXISTS"
        assert (await batches.ended(client, "sweep", "s")).summary == "3 stored"
        with pytest.raises(NvmedError) as caught:
            await batches.status(client, "sweep", "unknown")
        assert caught.value.reason == "CAMPAIGN_NOT_FOUND"
    manifest = json.loads((place / "to/s/manifest.json").read_text())
    assert [host["outcome"] for host in manifest["hosts"]] == ["stored"] * 3


def test_a_sweep_that_is_killed_goes_on(drill: Drill) -> None:
    """Engine, worker and command are one process group each: all of them are killed in the middle."""
    drill.serve("farm", 12)
    command = (
        "nvmed-fleet", "sweep", "run", "--hosts", str(drill.farm / "hosts.toml"), "--into", str(drill.place / "to"),
        "--collect", "smart", "--collect", "telemetry-host", "--id", "s", "--in-flight", "2",
    )  # fmt: skip
    first = drill.start("first", *command)
    drill.until(lambda: len(list((drill.place / "to").glob("s/*/host.json"))) >= 3, 60, "three hosts are collected")
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = [entry.parent for entry in (drill.place / "to").glob("s/*/host.json")]  # what has no entry is read again
    kept = {path: path.stat().st_mtime_ns for host in done for path in host.glob("*/*.bin")}
    assert len(kept) >= 3
    assert drill.start("second", *command).wait() == 0, drill.said("second", "err")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    manifest = json.loads((drill.place / "to/s/manifest.json").read_text())
    assert manifest["counts"] == {"stored": 24}
    assert "done, 12 of 12 done" in drill.said("second")
