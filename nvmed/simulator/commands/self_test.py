"""Device Self-test (Base 2.0, section 5.9)."""

from __future__ import annotations

from nvmed.nvme.layout import bits
from nvmed.nvme.opcodes import NSID_ALL, SelfTestCode
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState


def device_self_test(controller: ControllerState, request: Request) -> int:
    """Device Self-test of the controller alone (NSID 0), a namespace, or all that are active."""
    code, nsid = bits(request.command.cdw10, 3, 0), request.command.nsid
    if code == SelfTestCode.ABORT:
        controller.self_test.abort()
        return 0
    spec = controller.subsystem.spec
    known = [SelfTestCode.SHORT, SelfTestCode.EXTENDED]
    known += [SelfTestCode.HOST_INITIATED_REFRESH] if bits(spec.self_test_options, 1, 1) else []
    if code not in known or (nsid == NSID_ALL and not spec.self_test_of_all):
        raise Refused(Sc.INVALID_FIELD)
    if bits(spec.self_test_options, 0, 0) and any(
        one.self_test.running is not None for one in controller.subsystem.controllers.values()
    ):
        raise Refused(Sc.SELF_TEST_IN_PROGRESS)
    if nsid not in (0, NSID_ALL):
        controller.subsystem.namespaces.active(nsid, controller.controller_id)
    controller.self_test.start(SelfTestCode(code), nsid)
    return 0
