"""Security Send and Receive: which protocols there are, and TCG's (Base 2.0, sections 5.25 and 5.26)."""

from __future__ import annotations

from nvmed.nvme import tcg_session
from nvmed.nvme.layout import bits
from nvmed.nvme.security import INFORMATION_PROTOCOL, LEVEL_0, TCG_PROTOCOL, build_discovery, build_protocols
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.tper import BASE_COM_ID


def security_receive(controller: ControllerState, request: Request) -> int:
    """What a drive says to everybody, and what it answers to a session."""
    tper, asked = controller.subsystem.tper, _asked(request)
    if asked == (INFORMATION_PROTOCOL, 0):
        answer = build_protocols([INFORMATION_PROTOCOL, *([TCG_PROTOCOL] if tper else [])])
    elif asked == (TCG_PROTOCOL, LEVEL_0) and tper:
        answer = build_discovery(tper.discovery())
    elif asked == (TCG_PROTOCOL, BASE_COM_ID) and tper:
        if request.command.cdw11 < tcg_session.MESSAGE_BYTES:
            raise Refused(Sc.INVALID_FIELD)
        answer = tper.receive()
    else:
        raise Refused(Sc.INVALID_FIELD)
    request.fill(answer, request.command.cdw11)
    return 0


def security_send(controller: ControllerState, request: Request) -> int:
    """What a session is told: the command is done when it was heard, its answer is to be asked for."""
    tper = controller.subsystem.tper
    if _asked(request) != (TCG_PROTOCOL, BASE_COM_ID) or tper is None:
        raise Refused(Sc.INVALID_FIELD)
    tper.send(request.take(request.command.cdw11))
    return 0


def _asked(request: Request) -> tuple[int, int]:
    cdw10 = request.command.cdw10
    return bits(cdw10, 31, 24), bits(cdw10, 23, 8)
