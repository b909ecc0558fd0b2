"""How much one caller may take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from nvmed.config import Limits
from nvmed.errors import NvmedError, ResourceExhausted
from nvmed.reasons import Reason
from nvmed.rpc.throttle import ACCOUNTS_MAX, Throttle


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


LIMITS = Limits(calls_per_second=10, calls_burst=5, calls_at_once=3, streams_at_once=2)


def refused(throttle: Throttle, caller: str, *, stream: bool = False) -> NvmedError | None:
    """Why a call is not let in, None if it is."""
    try:
        throttle.enter(caller, stream=stream)
    except ResourceExhausted as exc:
        failure = exc
    else:
        return None
    assert failure.reason == Reason.TOO_MANY_CALLS.name
    assert failure.retry_delay_ms is not None
    assert failure.retry_delay_ms > 0
    return failure


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    throttle = Throttle(LIMITS, clock)
    for _ in range(5):
        assert refused(throttle, "a") is None
        throttle.leave("a", stream=False)
    late = refused(throttle, "a")
    assert late is not None
    assert (late.metadata["limit"], late.retry_delay_ms) == ("calls_per_second", 100)
    assert refused(throttle, "b") is None
    clock.now += 0.1
    assert refused(throttle, "a") is None
    assert refused(throttle, "a") is not None


def test_calls_and_streams_at_once_are_counted_apart() -> None:
    throttle = Throttle(LIMITS, Clock())
    assert [refused(throttle, "a", stream=True) is None for _ in range(3)] == [True, True, False]
    assert [refused(throttle, "a") is None for _ in range(4)] == [True, True, True, False]
    throttle.leave("a", stream=True)
    assert refused(throttle, "b", stream=True) is None


def test_a_reload_counts_for_those_who_run() -> None:
    clock = Clock()
    throttle = Throttle(LIMITS, clock)
    assert [refused(throttle, "a") is None for _ in range(4)] == [True, True, True, False]
    throttle.limits = Limits(calls_per_second=10, calls_burst=5, calls_at_once=4, streams_at_once=2)
    assert refused(throttle, "a") is None
    assert refused(throttle, "a") is not None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0, 1)), max_size=60))
def test_nobody_ever_has_more_than_the_limits(calls: list[tuple[str, bool, float]]) -> None:
    clock = Clock()
    throttle = Throttle(LIMITS, clock)
    running: dict[tuple[str, bool], int] = {}
    let_in: dict[str, int] = {}
    for caller, stream, pause in calls:
        clock.now += pause
        if refused(throttle, caller, stream=stream) is None:
            running[caller, stream] = running.get((caller, stream), 0) + 1
            let_in[caller] = let_in.get(caller, 0) + 1
        elif running.get((caller, stream)):
            throttle.leave(caller, stream=stream)
            running[caller, stream] -= 1
        elapsed = clock.now - 1000
        assert all(count <= (2 if is_stream else 3) for (_, is_stream), count in running.items())
        assert all(count <= 5 + elapsed * 10 + 1e-6 for count in let_in.values())


def test_callers_that_do_nothing_are_forgotten() -> None:
    throttle = Throttle(LIMITS, Clock())
    throttle.enter("busy", stream=True)
    for number in range(3 * ACCOUNTS_MAX):
        throttle.enter(str(number), stream=False)
        throttle.leave(str(number), stream=False)
    assert len(throttle._accounts) <= ACCOUNTS_MAX
    throttle.leave("busy", stream=True)


def test_whoever_is_refused_all_the_time_is_told_once_a_second() -> None:
    clock = Clock()
    throttle = Throttle(Limits(calls_per_second=1, calls_burst=1), clock)
    throttle.enter("a", stream=False)
    with capture_logs() as logged:
        for _ in range(100):
            assert refused(throttle, "a") is not None
            clock.now += 0.005
    assert [line["event"] for line in logged] == ["too_many_calls"]
