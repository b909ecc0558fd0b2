"""Which result in a drive's log is that of a test that was started: the log has no names, only an order."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nvmed.nvme.health import SelfTestLog, SelfTestResult, SelfTestResultCode
from nvmed.nvme.layout import bits
from nvmed.nvme.opcodes import SelfTestCode

OUTCOMES: Final = {
    **{code.value: f"OUTCOME_{code.name}" for code in SelfTestResultCode},
    SelfTestResultCode.NOT_USED: "OUTCOME_UNSPECIFIED",
}
"""The contract's outcome of each result code."""


@dataclass(frozen=True, slots=True)
class Started:
    """A test as it was started: `before` are the results that the log had then, newest first, as hexadecimal."""

    code: SelfTestCode
    nsid: int
    before: tuple[str, ...]
    expected_s: int
    until_ms: int

    def detail(self) -> dict[str, Any]:
        """What the journal keeps."""
        return {
            "test": self.code.name,
            "nsid": self.nsid,
            "before": list(self.before),
            "expected_s": self.expected_s,
            "until_ms": self.until_ms,
        }

    @classmethod
    def of(cls, detail: dict[str, Any]) -> Started:
        """What `detail` made."""
        return cls(
            SelfTestCode[detail["test"]],
            detail["nsid"],
            tuple(detail["before"]),
            detail["expected_s"],
            detail["until_ms"],
        )


def kept(results: Sequence[SelfTestResult]) -> tuple[str, ...]:
    """Results as `Started.before` has them."""
    return tuple(result.build().hex() for result in results)


def is_running(log: SelfTestLog, started: Started) -> bool:
    """Whether a test of that kind runs."""
    return log.running == started.code


def new_result(log: SelfTestLog, started: Started) -> SelfTestResult | None:
    """The result of the test that was started: the oldest of those that are new since; None if there is none yet.

    The log is new at its head by as many results as the rest must move up to be what it was. Of a drive that writes
    old results anew it is the newest result of that kind.
    """
    now, before, found = kept(log.finished), started.before, log.finished
    if now == before:
        return None
    is_full = len(now) == len(log.results)
    for new in range(1, len(now) + 1):
        rest = now[new:]
        if (rest or not before) and rest == before[: len(rest)] and (is_full or len(rest) == len(before)):
            return found[new - 1]
    return next((one for one in found[:1] if one.code == started.code), None)


def shown(result: SelfTestResult) -> dict[str, Any]:
    """`SelfTestResult` of the contract."""
    found: dict[str, Any] = {
        "test": result.code,
        "outcome": OUTCOMES.get(result.result, "OUTCOME_UNSPECIFIED"),
        "segment": result.segment,
        "power_on_hours": str(result.power_on_hours),
        "vendor_specific": base64.b64encode(result.vendor_specific).decode(),
    }
    if result.has_nsid:
        found["nsid"] = result.nsid
    if result.has_failing_lba:
        found["failing_lba"] = str(result.failing_lba)
    if result.has_status:
        found["raw_status"] = bits(result.sct, 2, 0) << 8 | result.sc
    return found
