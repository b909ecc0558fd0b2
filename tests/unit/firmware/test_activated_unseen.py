"""An activation that a drive took, and after which nobody can look at it: its operation does not say that it failed."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nvmed.firmware.activation import Mode
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.transport import Command, Completion
from nvmed.operations.records import State
from nvmed.simulator.faults import Data, Fail, Fault
from nvmed.simulator.state.drive import ControllerState
from tests.unit.firmware.firmware_lab import REVISION, Labs


@dataclass
class HidesAfterCommit:
    """Lets Identify fail so often, once the drive has committed."""

    labs: Labs
    times: int | None
    commits: list[Command] = field(default_factory=list)

    def before(self, controller: ControllerState, command: Command, data: Data) -> Completion | None:
        return None

    def after(self, controller: ControllerState, command: Command, data: Data) -> None:
        self.commits.append(command)
        fails = Fault(Fail(errno.EINTR), opcode=AdminOpcode.IDENTIFY, times=self.times)
        self.labs.host.controller("nvme0").faults.add(fails)


@pytest.mark.parametrize(("times", "state"), [(1, State.SUCCEEDED), (None, State.NEEDS_ATTENTION)])
async def test_it_is_asked_again_and_else_somebody_has_to_look(tmp_path: Path, times: int | None, state: State) -> None:
    labs = Labs(tmp_path / "state")
    drive = labs.host.controller("nvme0")
    async with labs.start() as lab:
        assert (await lab.end(await lab.stage())).state is State.SUCCEEDED
        hides = HidesAfterCommit(labs, times)
        drive.faults.add(Fault(hides, opcode=AdminOpcode.FIRMWARE_COMMIT))
        ended = await lab.end(await lab.activate(mode=Mode.IMMEDIATE))
    assert hides.commits
    assert drive.subsystem.firmware.revision == REVISION
    assert ended.state is state
