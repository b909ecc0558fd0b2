"""What metrics say of self-tests, by their names: the newest result of each kind, read again when an operation ends."""

from __future__ import annotations

from nvmed.nvme import health
from nvmed.nvme.opcodes import LogPage, SelfTestCode
from nvmed.nvme.status import Queue
from nvmed.rpc.metrics import DRIVE_METRICS
from tests.unit.devices.test_rotation import TURNS, Lab

RESULT, AGE = "nvmed_drive_self_test_result", "nvmed_drive_self_test_age_seconds"


def shown(lab: Lab, name: str) -> list[str]:
    """The values of a metric, each with its labels, as they are scraped."""
    (metric,) = (each for each in DRIVE_METRICS if each.name == name)
    return metric.lines(lab.inventory.known[0], lab.sample).splitlines()


async def ended(lab: Lab, code: SelfTestCode) -> None:
    """A self-test has run, its operation has ended, and every log had its turn."""
    assert lab.drive.execute(Queue.ADMIN, health.device_self_test(code)).status == 0
    lab.sampler.operation_ended("controllers/one-1")
    for _ in range(2 * TURNS):
        await lab.round()


async def test_the_newest_result_of_each_kind() -> None:
    lab = Lab(short_self_test_s=0, extended_self_test_min=0)
    for _ in range(2 * TURNS):
        await lab.round()
    assert (shown(lab, RESULT), shown(lab, AGE)) == ([], [])
    await ended(lab, SelfTestCode.SHORT)
    await ended(lab, SelfTestCode.EXTENDED)
    lab.drive.self_test.fatal = True
    await ended(lab, SelfTestCode.SHORT)
    assert shown(lab, RESULT) == [
        f'{RESULT}{{controller="one-1",test="short",outcome="fatal_error"}} 1.0',
        f'{RESULT}{{controller="one-1",test="extended",outcome="passed"}} 1.0',
    ]
    assert shown(lab, AGE) == [f'{AGE}{{controller="one-1",test="{test}"}} 0.0' for test in ("short", "extended")]
    lab.inventory.close()


async def test_a_drive_without_self_tests_is_not_asked() -> None:
    lab = Lab(optional_admin_commands=0)
    for _ in range(2 * TURNS):
        await lab.round()
    assert lab.reads(LogPage.DEVICE_SELF_TEST) == 0
    assert shown(lab, RESULT) == []
    lab.inventory.close()
