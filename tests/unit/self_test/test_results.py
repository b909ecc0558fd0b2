"""Which result is that of the test that was started."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme.health import SELF_TEST_RESULTS, SelfTestLog, SelfTestResult, self_test_results
from nvmed.nvme.opcodes import SelfTestCode
from nvmed.self_test.results import Started, kept, new_result, shown

RESULTS = st.builds(
    SelfTestResult,
    dsts=st.sampled_from([0x10, 0x11, 0x17, 0x20, 0x22, 0x15]),
    segment=st.integers(0, 255),
    valid=st.integers(0, 15),
    power_on_hours=st.integers(0, 2**64 - 1),
    nsid=st.integers(0, 2**32 - 1),
    failing_lba=st.integers(0, 2**64 - 1),
)
UNIQUE = st.lists(RESULTS, max_size=SELF_TEST_RESULTS + 3, unique_by=lambda one: one.power_on_hours)


def log_of(newest_first: list[SelfTestResult]) -> SelfTestLog:
    return SelfTestLog(0, 0, self_test_results(*newest_first[:SELF_TEST_RESULTS]))


@given(UNIQUE, st.integers(1, 3))
def test_it_is_the_oldest_of_those_that_are_new(results: list[SelfTestResult], new: int) -> None:
    """However many were there, and others behind it."""
    if len(results) < new:
        return
    before = log_of(results[new:])
    started = Started(SelfTestCode.SHORT, 0, kept(before.finished), 120, 0)
    assert new_result(before, started) is None
    found = new_result(log_of(results), started)
    assert found is not None
    if len(results) > new or len(results) < SELF_TEST_RESULTS:
        assert found == results[new - 1]


@given(st.binary(min_size=SelfTestLog.SIZE, max_size=SelfTestLog.SIZE), st.lists(st.text(max_size=56), max_size=20))
def test_whatever_a_log_holds_something_is_answered(data: bytes, before: list[str]) -> None:
    log = SelfTestLog.parse(data)
    found = new_result(log, Started(SelfTestCode.SHORT, 0, tuple(before), 120, 0))
    assert found is None or found in log.finished
    for one in log.finished:
        assert shown(one)["outcome"].startswith("OUTCOME_")


def test_what_is_kept_is_what_was_started() -> None:
    started = Started(SelfTestCode.EXTENDED, 3, kept([SelfTestResult(0x10)]), 1800, 5)
    assert Started.of(started.detail()) == started
