"""One budget of bytes for all callers: nobody takes what another needs to begin."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import ResourceExhausted
from nvmed.rpc import budget as budgets
from nvmed.rpc.budget import Budget, Lease


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 400), st.booleans()), max_size=200))
def test_a_caller_holds_at_most_a_third_of_what_it_leaves_free(steps: list[tuple[str, int, bool]]) -> None:
    budget = Budget(1000)
    held: dict[str, list[int]] = {}
    for caller, size, gives in steps:
        mine = held.setdefault(caller, [])
        if gives and mine:
            budget.give(caller, mine.pop())
        elif budget.take(caller, size):
            mine.append(size)
            assert 3 * sum(mine) <= budget.total - budget.used
    assert budget.used == sum(map(sum, held.values())) <= budget.total


def test_a_newcomer_finds_room_whoever_the_others_are() -> None:
    budget = Budget(1000)
    for caller in "abcd":
        while budget.take(caller, 1):
            pass
    assert budget.take("newcomer", 75)


async def test_those_who_wait_are_served_in_order_and_others_are_not_held_up() -> None:
    budget = Budget(100)
    first, second, third = (Lease(budget, "a") for _ in range(3))
    await first.resize(25)
    served: list[str] = []

    async def take(lease: Lease, size: int, name: str) -> None:
        await lease.resize(size)
        served.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(take(second, 20, "second"))
        group.create_task(take(third, 1, "third"))
        await asyncio.sleep(0)
        assert not budget.take("a", 1)
        assert budget.take("b", 10)
        first.shrink(0)
    assert served == ["second", "third"]
    assert budget.used == 31


async def test_past_a_deadline_a_call_is_told_when_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "WAIT_S", 0.01)
    budget = Budget(100)
    lease = Lease(budget, "a")
    with pytest.raises(ResourceExhausted, match="bytes_in_flight = 100") as refused:
        await lease.resize(26)
    assert refused.value.retry_delay_ms == budgets.RETRY_MS
    assert (budget.used, budget.refused, lease.size) == (0, 1, 0)
    assert budget.take("a", 25)


async def test_those_who_give_up_at_once_hold_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "WAIT_S", 0.01)
    budget = Budget(100)
    held = Lease(budget, "a")
    await held.resize(25)
    leases = [Lease(budget, "a") for _ in range(20)]
    outcomes = await asyncio.gather(*(lease.resize(10) for lease in leases), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ResourceExhausted}
    held.shrink(0)
    assert budget.used == 0
    assert budget.take("a", 25)


async def test_a_call_that_is_cancelled_while_it_waits_holds_nothing() -> None:
    budget = Budget(100)
    waiting = asyncio.create_task(Lease(budget, "a").resize(80))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert budget.used == 0
    assert budget.take("a", 25)


async def test_a_stream_reads_less_ahead_where_there_is_less_room() -> None:
    budget = Budget(6200)
    windows = [await Lease(budget, "a").window(100, 4, 400) for _ in range(3)]
    assert windows == [4, 4, 1]
    assert await Lease(budget, "b").window(100, 8, 200) == 2
    assert await Lease(budget, "c").window(300, 8, 200) == 1
