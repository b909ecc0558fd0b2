"""The daemon killed at every point where anything is written or sent, and started again on the same drives.

A point is just before or just after a write of the journal, a command to a drive or a reset. After each the verdict on
the operation is compared with what the drive really is; once more with a power cycle in between; and once more with
the daemon killed again while it recovers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nvmed.firmware.activation import Mode
from nvmed.firmware.resets import Kind
from nvmed.operations.records import Record, State
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Fault
from nvmed.simulator.spec import Activation, DriveSpec, FirmwareSpec
from nvmed.simulator.state.drive import SubsystemState
from nvmed.simulator.transport import SimulatedTransport
from tests.support.kills import Killed, Mortal, Reaper, Watch
from tests.support.operations import remembered
from tests.unit.firmware.firmware_lab import REVISION, Lab, Labs

OLD = "1.0.0"


@dataclass(frozen=True)
class Scenario:
    """What is begun, on how many drives after which preparation, and what must be true of each operation's verdict."""

    begin: Callable[[Lab], Awaitable[Record]]
    check: Callable[[Labs, Record, bool], None]
    drives: int = 1
    prepare: Callable[[SubsystemState[Controller]], None] = lambda drive: None
    firmware: FirmwareSpec = field(default_factory=FirmwareSpec)


def drive(labs: Labs, number: int = 0) -> SubsystemState[Controller]:
    return labs.host.controller(f"nvme{number}").subsystem


def staged_before(subsystem: SubsystemState[Controller]) -> None:
    subsystem.firmware.slots[1] = REVISION


def activated_before(subsystem: SubsystemState[Controller]) -> None:
    subsystem.firmware.slots[1] = REVISION
    subsystem.firmware.activate(2)


# -- what must be true


def staging_is_true(labs: Labs, record: Record, power_cycled: bool) -> None:
    """The verdict on one drive's staging is what its slot says; an operation of known revision is always decided."""
    number = int(record.target.removeprefix("controllers/a").partition("-")[0] or 0)
    held = drive(labs, number).firmware.slots[1]
    assert drive(labs, number).firmware.revision == OLD
    if record.state is State.SUCCEEDED:
        assert record.result is not None
        (result,) = record.result["drives"]
        assert (result["outcome"], result["slot"], result["slot_revision"]) == ("FIRMWARE_OUTCOME_STAGED", 2, REVISION)
        assert held == REVISION
    else:
        assert record.state is State.SAFE_TO_RETRY
        assert held == ""


def stagings_are_true(labs: Labs, record: Record, power_cycled: bool) -> None:
    """The whole is done if every part is, and safe to retry otherwise."""
    if record.parent:
        staging_is_true(labs, record, power_cycled)
        return
    held = [drive(labs, number).firmware.slots[1] == REVISION for number in range(3)]
    assert record.state is (State.SUCCEEDED if all(held) else State.SAFE_TO_RETRY)
    if all(held):
        assert len((record.result or {})["drives"]) == 3


def activation_is_true(labs: Labs, record: Record, power_cycled: bool, mode: Mode) -> None:
    """The verdict is what runs, and what waits for a reset."""
    firmware = drive(labs).firmware
    runs, waits = firmware.revision == REVISION and firmware.active == 2, firmware.pending == 2
    outcome = (record.result or {}).get("outcome")
    if record.state is State.SUCCEEDED and outcome == "FIRMWARE_OUTCOME_ACTIVATED":
        assert runs
    elif record.state is State.SUCCEEDED:
        assert outcome == "FIRMWARE_OUTCOME_PENDING_RESET"
        assert waits or (runs and power_cycled)  # the power cycle came after it had succeeded
        assert not (waits and runs)
    elif record.state is State.NEEDS_ATTENTION:
        assert waits
        assert not runs
        assert mode in (Mode.CONTROLLER_RESET, Mode.SUBSYSTEM_RESET)
    else:
        assert record.state is State.SAFE_TO_RETRY
        assert not runs
        assert not waits


def rollback_is_true(labs: Labs, record: Record, power_cycled: bool) -> None:
    """A rollback from slot 2 to slot 1."""
    firmware = drive(labs).firmware
    if record.state is State.SUCCEEDED:
        assert (firmware.active, firmware.revision) == (1, OLD)
    elif record.state is State.NEEDS_ATTENTION:
        assert (firmware.active, firmware.pending) == (2, 1)
    else:
        assert record.state is State.SAFE_TO_RETRY
        assert (firmware.active, firmware.pending) == (2, 0)


def reset_is_true(labs: Labs, record: Record, power_cycled: bool) -> None:
    """A reset that activated something shows; whether one that did not was made, the verdict does not claim."""
    revision = drive(labs).firmware.revision
    if record.state is State.SUCCEEDED:
        assert (record.result or {})["running_revision"] == revision
    else:
        assert record.state is State.SAFE_TO_RETRY
        assert revision == OLD


def activating(mode: Mode, firmware: FirmwareSpec | None = None) -> Scenario:
    return Scenario(
        begin=lambda lab: lab.activate(2, mode),
        check=lambda labs, record, cycled: activation_is_true(labs, record, cycled, mode),
        prepare=staged_before,
        firmware=firmware or FirmwareSpec(),
    )


SCENARIOS = {
    "stage": Scenario(lambda lab: lab.stage(), staging_is_true),
    "stage-many": Scenario(lambda lab: lab.stage(("nvme0", "nvme1", "nvme2")), stagings_are_true, drives=3),
    "activate-on-next-reset": activating(Mode.ON_NEXT_RESET),
    "activate-by-controller-reset": activating(Mode.CONTROLLER_RESET),
    "activate-by-subsystem-reset": activating(
        Mode.SUBSYSTEM_RESET, FirmwareSpec(activation=Activation.SUBSYSTEM_RESET)
    ),
    "activate-immediately": activating(Mode.IMMEDIATE),
    "activate-needs-more": activating(Mode.CONTROLLER_RESET, FirmwareSpec(activation=Activation.CONVENTIONAL_RESET)),
    "roll-back": Scenario(
        lambda lab: lab.activate(0, Mode.CONTROLLER_RESET, rollback=True), rollback_is_true, prepare=activated_before
    ),
    "reset": Scenario(lambda lab: lab.reset(Kind.CONTROLLER), reset_is_true),
    "reset-subsystem": Scenario(lambda lab: lab.reset(Kind.SUBSYSTEM), reset_is_true),
}


class Trial:
    """One scenario on fresh drives, killed at one point (0: at none)."""

    def __init__(self, scenario: Scenario, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        specs = [DriveSpec(serial=f"A{number}", firmware=scenario.firmware) for number in range(scenario.drives)]
        self.labs = Labs(state, specs)
        self._scenario = scenario
        self._monkeypatch = monkeypatch
        for number in range(scenario.drives):
            scenario.prepare(drive(self.labs, number))

    async def run(self, at: int) -> Reaper:
        """Begin, and die at the point of that number; the reaper says where that was."""
        reaper = self._watch(at)
        async with self.labs.start(Mortal, recover=False) as lab:
            self._expose(reaper)
            doing = asyncio.create_task(self._finish(lab))
            dying = asyncio.create_task(reaper.is_dead.wait())
            await asyncio.wait((doing, dying), return_when=asyncio.FIRST_COMPLETED)
            if reaper.is_dead.is_set():
                await kill(lab)
                doing.cancel()
                await asyncio.gather(doing, return_exceptions=True)
            dying.cancel()
            self._conceal()
        return reaper

    async def recover(self, at: int = 0) -> list[Record]:
        """Start again, and die while recovering if `at` says so; the operations, and what they became."""
        Mortal.reaper = Reaper(at)
        async with self.labs.start(Mortal, recover=False) as lab:
            recovering = asyncio.create_task(lab.operations.recover())
            await asyncio.wait([recovering])
            if Mortal.reaper.is_dead.is_set():
                assert isinstance(recovering.exception(), Killed)
                await kill(lab)
                return []
            recovering.result()
            return [*await remembered(lab.operations)]

    async def repeat(self) -> Record:
        """What a client does that is told to retry."""
        async with self.labs.start() as lab:
            return await self._finish(lab)

    async def _finish(self, lab: Lab) -> Record:
        return await lab.end(await self._scenario.begin(lab))

    def _watch(self, at: int) -> Reaper:
        Mortal.reaper = reaper = Reaper(at)
        return reaper

    def _expose(self, reaper: Reaper) -> None:
        for number in range(self._scenario.drives):
            self.labs.host.controller(f"nvme{number}").faults.add(Fault(Watch(reaper), times=None))
        for name in ("reset_controller", "reset_subsystem"):
            original = getattr(SimulatedTransport, name)

            def reset(transport: SimulatedTransport, original: Any = original, name: str = name) -> None:
                with reaper.around(name):
                    original(transport)

            self._monkeypatch.setattr(SimulatedTransport, name, reset)

    def _conceal(self) -> None:
        self._monkeypatch.undo()
        for number in range(self._scenario.drives):
            self.labs.host.controller(f"nvme{number}").faults.clear()


async def kill(lab: Lab) -> None:
    """End everything at once: nothing is written, and threads that are with a drive return to nobody."""
    tasks = [*lab.operations._tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    lab.operations._running.clear()
    while any(device.lane.busy for device in lab.inventory.known):  # noqa: ASYNC110  # a lane tells nobody
        await asyncio.sleep(0)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_verdict_is_the_drives_truth(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = SCENARIOS[name]
    everything = await Trial(scenario, tmp_path / "none", monkeypatch).run(0)
    points = everything.count
    killed = 0
    verdicts: dict[State, int] = {}
    for at in range(1, points + 1):
        for power_cycle in (False, True):
            trial = Trial(scenario, tmp_path / f"{at}-{power_cycle}", monkeypatch)
            reaper = await trial.run(at)
            if not reaper.is_dead.is_set():
                continue  # parts run side by side: this time there were fewer points
            killed += 1
            if power_cycle:
                for number in range(scenario.drives):
                    drive(trial.labs, number).power_cycle()
            assert await trial.recover(at=1 + at % 2) == [] or reaper.where.endswith(ENDED)
            found = await trial.recover()
            for record in found:
                try:
                    scenario.check(trial.labs, record, power_cycle)
                except AssertionError as exc:
                    exc.add_note(f"killed {reaper.where}, power cycled {power_cycle}: {record}")
                    raise
                verdicts[record.state] = verdicts.get(record.state, 0) + 1
            if found and found[0].state is State.SAFE_TO_RETRY and not power_cycle:
                assert (await trial.repeat()).state is State.SUCCEEDED
    assert killed >= points
    with capsys.disabled():
        shown = ", ".join(f"{count} {state.value}" for state, count in verdicts.items())
        KILLS.append(killed)
        sys.stdout.write(f"\n{name}: killed {killed} times, and again while recovering: {shown}; {sum(KILLS)} so far\n")


KILLS: list[int] = []
"""How often each scenario of this run was killed."""

ENDED = ("before begin", "after finish SUCCEEDED")
"""Points after which there is nothing to recover."""
