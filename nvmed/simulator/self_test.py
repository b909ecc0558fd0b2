"""Device Self-test, and the log of its results (Base 2.0, sections 5.9 and 5.16.1.7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nvmed.nvme.health import SELF_TEST_RESULTS, SelfTestResultCode
from nvmed.nvme.layout import bits
from nvmed.nvme.opcodes import NSID_ALL, SelfTestCode
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.request import Request
from nvmed.simulator.spec import DriveSpec

if TYPE_CHECKING:
    from nvmed.simulator.controller import Controller


@dataclass(frozen=True, slots=True)
class Result:
    """One self-test that is over. `failing_lba` is None unless one was found."""

    code: int
    outcome: SelfTestResultCode
    nsid: int
    power_on_hours: int
    failing_lba: int | None = None


class SelfTest:
    """The self-test of one controller, which takes its time by the subsystem's clock. Lock held throughout.

    `failing_lba` makes tests end with a failed segment.
    """

    def __init__(self, spec: DriveSpec, clock: Callable[[], float], power_on_hours: Callable[[], int]) -> None:
        self._durations_s = {
            SelfTestCode.SHORT: spec.short_self_test_s,
            SelfTestCode.EXTENDED: spec.extended_self_test_min * 60.0,
        }
        self._clock = clock
        self._power_on_hours = power_on_hours
        self._code: SelfTestCode | None = None
        self._started = 0.0
        self._nsid = 0
        self._results: deque[Result] = deque(maxlen=SELF_TEST_RESULTS)
        self.failing_lba: int | None = None

    @property
    def running(self) -> SelfTestCode | None:
        """The test that runs now."""
        self._settle()
        return self._code

    @property
    def percent(self) -> int:
        """How much of the running test is done."""
        return 0 if self.running is None or self._code is None else int(self._elapsed(self._code) * 100)

    @property
    def results(self) -> tuple[Result, ...]:
        """The last 20, newest first."""
        self._settle()
        return tuple(self._results)

    def start(self, code: SelfTestCode, nsid: int) -> None:
        """Begin a test; refuses while one runs."""
        if self.running is not None:
            raise Refused(Sc.SELF_TEST_IN_PROGRESS)
        self._code, self._nsid, self._started = code, nsid, self._clock()

    def abort(self) -> None:
        """End the running test, if there is one."""
        if self.running is not None:
            self._end(SelfTestResultCode.ABORTED_BY_COMMAND)

    def reset(self) -> None:
        """A controller level reset ends a short test; an extended one goes on."""
        if self.running is SelfTestCode.SHORT:
            self._end(SelfTestResultCode.ABORTED_BY_RESET)

    def _settle(self) -> None:
        """End the test whose time is over."""
        if self._code is not None and self._elapsed(self._code) >= 1:
            failed = self.failing_lba is not None
            self._end(SelfTestResultCode.FAILED_SEGMENT if failed else SelfTestResultCode.PASSED)

    def _elapsed(self, code: SelfTestCode) -> float:
        duration = self._durations_s[code]
        return (self._clock() - self._started) / duration if duration > 0 else 1.0

    def _end(self, outcome: SelfTestResultCode) -> None:
        lba = self.failing_lba if outcome is SelfTestResultCode.FAILED_SEGMENT else None
        self._results.appendleft(Result(self._code or 0, outcome, self._nsid, self._power_on_hours(), lba))
        self._code = None


def device_self_test(controller: Controller, request: Request) -> int:
    """Device Self-test of the controller alone (NSID 0), a namespace, or all that are active."""
    code, nsid = bits(request.command.cdw10, 3, 0), request.command.nsid
    if code == SelfTestCode.ABORT:
        controller.self_test.abort()
        return 0
    if code not in (SelfTestCode.SHORT, SelfTestCode.EXTENDED):
        raise Refused(Sc.INVALID_FIELD)
    if nsid not in (0, NSID_ALL):
        controller.subsystem.namespaces.active(nsid, controller.controller_id)
    controller.self_test.start(SelfTestCode(code), nsid)
    return 0
