"""The self-test of a controller, and its last results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from nvmed.nvme.health import SELF_TEST_RESULTS, SelfTestResultCode
from nvmed.nvme.opcodes import SelfTestCode
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import DriveSpec


@dataclass(frozen=True, slots=True)
class Result:
    """One self-test that is over. `failing_lba` and `status` (SCT, SC) are None unless there is one."""

    code: int
    outcome: SelfTestResultCode
    nsid: int
    power_on_hours: int
    failing_lba: int | None = None
    segment: int = 0
    status: tuple[int, int] | None = None


class SelfTest:
    """The self-test of one controller, which takes its time by the subsystem's clock. Lock held throughout.

    `failing_lba` makes tests end with a failed segment, `failing_segment`, and `failing_status` (SCT, SC).
    `fatal` makes them end with a fatal error half way. `hangs` stops them for ever at 40 %; with `forgets` none leaves
    a result.
    """

    def __init__(self, spec: DriveSpec, clock: Callable[[], float], power_on_hours: Callable[[], int]) -> None:
        self._durations_s = {
            SelfTestCode.SHORT: spec.short_self_test_s,
            SelfTestCode.EXTENDED: spec.extended_self_test_min * 60.0,
            SelfTestCode.HOST_INITIATED_REFRESH: spec.extended_self_test_min * 60.0,
        }
        self._clock = clock
        self._power_on_hours = power_on_hours
        self._code: SelfTestCode | None = None
        self._started = 0.0
        self._nsid = 0
        self._results: deque[Result] = deque(maxlen=SELF_TEST_RESULTS)
        self.failing_lba: int | None = None
        self.failing_segment = 1
        self.failing_status: tuple[int, int] | None = None
        self.fatal = False
        self.hangs = False
        self.forgets = False

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
        if self._code is None:
            return
        elapsed = self._elapsed(self._code)
        if self.fatal and elapsed >= 0.5:
            self._end(SelfTestResultCode.FATAL_ERROR)
        elif elapsed >= 1:
            failed = self.failing_lba is not None
            self._end(SelfTestResultCode.FAILED_SEGMENT if failed else SelfTestResultCode.PASSED)

    def _elapsed(self, code: SelfTestCode) -> float:
        duration = self._durations_s[code]
        elapsed = (self._clock() - self._started) / duration if duration > 0 else 1.0
        return min(elapsed, 0.4) if self.hangs else elapsed

    def _end(self, outcome: SelfTestResultCode) -> None:
        result = Result(self._code or 0, outcome, self._nsid, self._power_on_hours())
        if outcome is SelfTestResultCode.FAILED_SEGMENT:
            result = replace(
                result, failing_lba=self.failing_lba, segment=self.failing_segment, status=self.failing_status
            )
        if not self.forgets:
            self._results.appendleft(result)
        self._code = None
