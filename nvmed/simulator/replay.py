"""A drive that answers what another one answered: `nvmed --simulate-from`.

What was recorded is answered, to the bit; all else is refused, above all what would change something. Resets, faults
and events it has as every simulated drive.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nvmed.nvme import identify, logpage
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.opcodes import IDENTIFY_BYTES, AdminOpcode
from nvmed.nvme.status import Queue
from nvmed.simulator.commands.request import Request
from nvmed.simulator.controller import Controller
from nvmed.simulator.recording import FILE_BYTES_MAX, Recording, parse
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import DriveSpec, FirmwareSpec
from nvmed.simulator.state.drive import SubsystemState
from nvmed.simulator.subsystem import Subsystem
from nvmed.trusted import invalid, read_trusted

_UNKNOWN: Final[dict[int, Sc]] = {AdminOpcode.GET_LOG_PAGE: Sc.INVALID_LOG_PAGE, AdminOpcode.IDENTIFY: Sc.INVALID_FIELD,
                   AdminOpcode.GET_FEATURES: Sc.INVALID_FIELD}  # fmt: skip
"""The commands that are recorded, and how one that was not is refused."""


def load(path: Path) -> Subsystem:
    """The drive of a file; CONFIG_INVALID says what is wrong with it."""
    return replayed(parse(read_trusted(path, FILE_BYTES_MAX).encode(), str(path)), str(path))


def replayed(recording: Recording, source: str) -> Subsystem:
    """The drive of a recording; CONFIG_INVALID if it does not even identify itself."""
    data = recording.data(identify.identify_controller())
    if len(data) != IDENTIFY_BYTES:
        raise invalid(source, "answers", "have no Identify Controller")
    return _Replayed(recording, IdentifyController.parse(data))


class _Replayed(Subsystem):
    def __init__(self, recording: Recording, about: IdentifyController) -> None:
        self._recording = recording
        spec = DriveSpec(
            serial=_ascii(about.sn), model=_ascii(about.mn), nqn=about.subnqn, nvme_version=about.ver,
            vendor_id=about.vid, oui=about.ieee, first_controller_id=about.cntlid, mdts=about.mdts, namespaces=(),
            firmware=FirmwareSpec((_ascii(about.fr), "", "")), log_attributes=about.lpa,
        )  # fmt: skip
        super().__init__(spec)

    def make_controller(self, controller_id: int) -> Controller:
        return _ReplayedController(self, controller_id, self._recording)


class _ReplayedController(Controller):
    def __init__(self, subsystem: SubsystemState[Controller], controller_id: int, recording: Recording) -> None:
        super().__init__(subsystem, controller_id)
        self._recording = recording

    def _handle(self, queue: Queue, request: Request) -> int:
        command = request.command
        if queue is not Queue.ADMIN or command.opcode not in _UNKNOWN:
            raise Refused(Sc.INVALID_OPCODE)
        found = self._recording.find(command)
        if found is None:
            raise Refused(_UNKNOWN[command.opcode])
        status, result, data = found
        if status:
            refused = Refused(Sc.INVALID_FIELD, result)
            refused.status = status
            raise refused
        start = logpage.decode(command).offset_bytes if command.opcode == AdminOpcode.GET_LOG_PAGE else 0
        if start > len(data):
            raise Refused(Sc.INVALID_FIELD)
        if request.data:
            request.fill(data[start : start + len(request.data)], len(request.data))
        return result


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
