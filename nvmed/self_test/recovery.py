"""What became of a self-test whose operation did not end: as a rule it goes on, or its result is in the drive's log."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from nvmed.devices.logs import read_self_tests
from nvmed.operations.manager import Interrupted, Reconcile, Resumption, Verdict
from nvmed.operations.records import State
from nvmed.preconditions.drives import Drives
from nvmed.self_test.results import Started, is_running, new_result
from nvmed.self_test.tests import START, SelfTests

RUN: Final = "nvmed.v1.DriveService/RunSelfTest"


def reconcilers(drives: Drives, tests: SelfTests) -> Mapping[str, Reconcile]:
    """How each kind is reconciled."""

    async def reconcile(case: Interrupted) -> Verdict | Resumption:
        step = [one for one in case.steps if one.name == START][-1]
        started = Started.of(dict(step.detail))
        resumed = Resumption(partial(tests.resume, started=started))
        outcome = step.outcome or {}
        if outcome.get("ok"):
            return resumed
        failure = outcome.get("failure")
        if failure and failure["nvme"] is not None:
            return Verdict(State.FAILED, failure=failure)
        device = (await drives.inventory.find(case.record.target)).device
        log = (await read_self_tests(device)).log
        if is_running(log, started) or new_result(log, started) is not None:
            return resumed
        return Verdict(State.SAFE_TO_RETRY, "the drive runs no self-test and has no result of one")

    return {RUN: reconcile}
