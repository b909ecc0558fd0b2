"""What a log page of a simulated drive is: who fills it, whether a drive has it, and what reading it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nvmed.nvme.logpage import LogPageRequest
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState

Reader = Callable[[ControllerState, LogPageRequest], bytes]
Filler = Callable[[ControllerState, LogPageRequest, memoryview], None]
Support = Callable[[ControllerState], bool]


@dataclass(frozen=True, slots=True)
class Page:
    """A log page: `fill` gives the part that is asked for, `supported` says whether this drive has it.

    `acknowledge` is what reading it with RAE clear does, besides letting its events be told again.
    """

    fill: Filler
    supported: Support = lambda controller: True
    acknowledge: Callable[[ControllerState], None] | None = None


def whole(read: Reader) -> Filler:
    """The filler of a log that `read` makes as a whole: beyond its end are zeros, but a read must not begin there."""

    def fill(controller: ControllerState, request: LogPageRequest, into: memoryview) -> None:
        part = read(controller, request)
        if request.offset_bytes > len(part):
            raise Refused(Sc.INVALID_FIELD)
        part = part[request.offset_bytes : request.offset_bytes + len(into)]
        into[: len(part)] = part
        into[len(part) :] = bytes(len(into) - len(part))

    return fill


def attribute(bit: int) -> Support:
    """Whether a bit of LPA is set."""
    return lambda controller: bool(controller.subsystem.spec.log_attributes >> bit & 1)


def capability(bit: int) -> Support:
    """Whether a bit of OACS is set."""
    return lambda controller: bool(controller.subsystem.spec.optional_admin_commands >> bit & 1)
