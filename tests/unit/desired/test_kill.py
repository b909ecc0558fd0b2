"""The daemon killed at every boundary of a step of ApplyDrive and SetFeature, and started again on the same drive.

What the verdict says was done is what the drive has; applying again does what still differs, and formats once in all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from nvmed.desired.apply import DesiredStates
from nvmed.desired.state import Consent, Desired, DesiredFeature, DesiredFirmware, DesiredLayout
from nvmed.features.changes import Features, Setting
from nvmed.features.recovery import SET
from nvmed.firmware.activation import APPLY
from nvmed.nvme.feature_table import row_of
from nvmed.nvme.opcodes import AdminOpcode, FeatureId
from nvmed.operations.records import Record, State
from nvmed.simulator.controller import Controller
from nvmed.simulator.spec import GIB, MIB, DriveSpec, NamespaceSpec
from tests.support.kills import Mortal, Reaper
from tests.support.operations import remembered
from tests.unit.firmware.firmware_lab import REVISION, SHA256, Lab, Labs
from tests.unit.firmware.test_kill import ENDED, kill

SPEC = DriveSpec(serial="A", capacity_bytes=2 * GIB, namespaces=(NamespaceSpec(size_bytes=64 * MIB),) * 2)

THRESHOLD, CACHE = row_of(FeatureId.TEMPERATURE_THRESHOLD), row_of(FeatureId.VOLATILE_WRITE_CACHE)
assert THRESHOLD is not None
assert CACHE is not None
DESIRED = Desired(
    firmware=DesiredFirmware(REVISION, SHA256),
    layout=DesiredLayout(block_bytes=4096),
    features=(
        DesiredFeature(THRESHOLD, {"threshold_kelvin": 340}, save=True),
        DesiredFeature(CACHE, {"enabled": 0}),
    ),
)
CONSENT = Consent(data_loss=True, disruption=True, risk=True)


async def apply(lab: Lab) -> Record:
    device = await lab.device()
    states = DesiredStates(lab.firmware.drives, lab.firmware, lab.erasures.formats)
    run = partial(states.run, device=device, desired=DESIRED, consent=CONSENT)
    return await lab.begin(APPLY, device.resource_name, run)


async def set_threshold(lab: Lab) -> Record:
    device = await lab.device()
    setting = Setting(device, FeatureId.TEMPERATURE_THRESHOLD, THRESHOLD, fields={"threshold_kelvin": 340}, save=True)
    return await lab.begin(SET, device.resource_name, partial(Features(lab.firmware.drives).set, wanted=setting))


def sent(drive: Controller, opcode: AdminOpcode) -> int:
    return len(drive.journal.commands(opcode=opcode))


async def run(labs: Labs, begin: Callable[[Lab], Awaitable[Record]], at: int) -> Reaper:
    """Begin, and die at the journal's point of that number (0: at none)."""
    Mortal.reaper = reaper = Reaper(at)
    async with labs.start(Mortal, recover=False) as lab:

        async def whole() -> Record:
            return await lab.end(await begin(lab))

        doing, dying = asyncio.create_task(whole()), asyncio.create_task(reaper.is_dead.wait())
        await asyncio.wait((doing, dying), return_when=asyncio.FIRST_COMPLETED)
        if reaper.is_dead.is_set():
            await kill(lab)
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
        else:
            assert doing.result().state is State.SUCCEEDED, doing.result().failure
        dying.cancel()
    return reaper


async def recovered(labs: Labs) -> list[Record]:
    async with labs.start() as lab:
        return [*await remembered(lab.operations)]


async def again(labs: Labs, begin: Callable[[Lab], Awaitable[Record]]) -> Record:
    async with labs.start() as lab:
        return await lab.end(await begin(lab))


def told_truly(record: Record, drive: Controller, where: str) -> None:
    """That the steps which the verdict calls done are those that were; a format without an outcome is looked at."""
    assert record.failure is not None, where
    done = record.failure["message"].partition("done: ")[2].partition(";")[0].split(", ")
    formats, features = sent(drive, AdminOpcode.FORMAT_NVM), sent(drive, AdminOpcode.SET_FEATURES)
    assert formats - 1 <= done.count("format") <= formats, where
    assert features - 1 <= done.count("set_feature") <= features, where
    if done.count("format") < formats:
        assert record.state is State.NEEDS_ATTENTION, where
    if features:
        assert record.state is State.SAFE_TO_RETRY, where


@pytest.mark.timeout(120)
async def test_desired_state_is_gone_on_with(tmp_path: Path) -> None:
    points = (await run(Labs(tmp_path / "none", (SPEC,)), apply, 0)).count
    assert points >= 2 * (1 + 2 * 5 + 1)  # begin, finish; download, commit, reset, format, features
    for at in range(1, points + 1):
        labs = Labs(tmp_path / str(at), (SPEC,))
        reaper = await run(labs, apply, at)
        drive = labs.host.controller("nvme0")
        for record in await recovered(labs):
            if not reaper.where.endswith(ENDED):
                told_truly(record, drive, reaper.where)
        last = await again(labs, apply)
        assert last.state is State.SUCCEEDED, (reaper.where, last.failure)
        assert last.result is not None
        assert last.result["remaining"] == []
        assert drive.subsystem.firmware.revision == REVISION
        assert sent(drive, AdminOpcode.FORMAT_NVM) == 2, reaper.where
        before = sent(drive, AdminOpcode.SET_FEATURES)
        idle = await again(labs, apply)
        assert idle.result is not None
        assert idle.result["differences"] == []
        assert sent(drive, AdminOpcode.SET_FEATURES) == before


@pytest.mark.timeout(60)
async def test_the_verdict_on_a_feature_is_the_drives(tmp_path: Path) -> None:
    points = (await run(Labs(tmp_path / "none", (SPEC,)), set_threshold, 0)).count
    for at in range(1, points + 1):
        labs = Labs(tmp_path / str(at), (SPEC,))
        reaper = await run(labs, set_threshold, at)
        was_set = sent(labs.host.controller("nvme0"), AdminOpcode.SET_FEATURES) == 1
        for record in await recovered(labs):
            assert record.state is (State.SUCCEEDED if was_set else State.SAFE_TO_RETRY), reaper.where
        last = await again(labs, set_threshold)
        assert last.state is State.SUCCEEDED
        assert last.result is not None
        assert last.result["changed"] is not was_set
        assert sent(labs.host.controller("nvme0"), AdminOpcode.SET_FEATURES) == 1
