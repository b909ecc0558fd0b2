"""The ring of events and its watchers: numbers, tokens, gaps, and who is woken."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import traceback
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import NvmedError
from nvmed.events.events import Events, Topic, Watcher
from nvmed.events.kinds import Event, Kind


def started(name: str = "controllers/a-1") -> Event:
    return Event(Kind.CONTROLLER_STARTED, controller=name)


def everything(_: Event) -> bool:
    return True


def filled(count: int, kept: int = 4096) -> Events:
    events = Events(kept)
    for _ in range(count):
        events.publish(started())
    return events


@given(count=st.integers(0, 40), kept=st.integers(1, 20), asked=st.integers(0, 40), at_most=st.integers(1, 50))
def test_what_is_read_and_what_is_missing_is_all_there_was(count: int, kept: int, asked: int, at_most: int) -> None:
    events = filled(count, kept)
    asked = min(asked, count)
    read = events.since(asked, at_most)
    numbers = [event.sequence for event in read.events]
    assert numbers == list(range(asked + read.missing + 1, min(asked + read.missing + at_most, count) + 1))
    assert read.missing == max(count - kept - asked, 0)
    assert events.last == count


@given(count=st.integers(0, 30), asked=st.integers(0, 30))
def test_a_token_is_a_place(count: int, asked: int) -> None:
    events = filled(count)
    asked = min(asked, count)
    assert events.position(events.token(asked)) == asked
    assert filled(count).position(events.token(asked)) is None, "another run's"


def refused(events: Events, token: str) -> bool:
    with pytest.raises(NvmedError) as failure:
        events.position(token)
    return failure.value.reason == "RESUME_TOKEN_INVALID"


def test_a_token_of_what_has_not_happened_is_refused() -> None:
    events = filled(3)
    assert refused(events, events.token(4))


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_anything_else_is_refused(token: str) -> None:
    assert refused(filled(3), token)


@given(place=st.integers(0, 28), flip=st.integers(1, 255))
def test_a_damaged_token_is_refused(place: int, flip: int) -> None:
    events = filled(3)
    data = bytearray(base64.urlsafe_b64decode(events.token(2)))
    data[place] ^= flip
    assert refused(events, base64.urlsafe_b64encode(data).decode())


async def test_a_watcher_is_woken_by_what_it_wants_alone() -> None:
    events = filled(0)
    with events.watch(lambda event: event.controller == "controllers/b-1", 0) as watcher:
        reading = asyncio.create_task(watcher.read(60))
        await asyncio.sleep(0)
        events.publish(started())
        await asyncio.sleep(0)
        assert not reading.done()
        events.publish(started("controllers/b-1"))
        read = await reading
        assert [event.sequence for event in read.events] == [2]
        assert (await watcher.read(0)).events == ()
        assert watcher.position == 2


async def test_who_waits_for_something_else_misses_nothing() -> None:
    """Its place moves on with what it passes over: an idle watcher is not a slow one."""
    events = Events(kept=4)
    with events.watch(lambda event: event.controller == "controllers/b-1", 0) as watcher:
        reading = asyncio.create_task(watcher.read(60))
        await asyncio.sleep(0)
        for _ in range(10):
            events.publish(started())
        events.publish(started("controllers/b-1"))
        read = await reading
        assert (read.missing, [event.sequence for event in read.events]) == (0, [11])


async def test_a_slow_watcher_learns_how_many_are_missing() -> None:
    events = Events(kept=4)
    with events.watch(everything, 0) as watcher:
        for _ in range(10):
            events.publish(started())
        assert ((await watcher.read(0)).missing, watcher.position) == (6, 6)
        assert [event.sequence for event in (await watcher.read(0)).events] == [7, 8, 9, 10]


async def test_nothing_in_time_is_nothing_and_the_place_moves_on() -> None:
    events = filled(3)
    with events.watch(lambda _: False, 0) as watcher:
        read = await watcher.read(0.001)
        assert (read.missing, list(read.events), watcher.position) == (0, [], 3)


async def test_a_watcher_that_goes_away_is_forgotten() -> None:
    events = Events(watchers_max=1)
    with events.watch(everything, 0) as watcher:
        reading = asyncio.create_task(watcher.read(60))
        await asyncio.sleep(0)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        events.publish(started())
        with pytest.raises(NvmedError, match="1 streams watch"), events.watch(everything, 0):
            pass
    with events.watch(everything, 0):
        pass


@given(
    asked=st.sets(st.sampled_from(Kind), max_size=3),
    happens=st.lists(st.sampled_from(Kind), max_size=12),
)
def test_a_topic_is_what_is_read_and_what_wakes(asked: set[Kind], happens: list[Kind]) -> None:
    """Whoever waits gets the same as whoever reads afterwards."""

    async def both() -> None:
        events = Events()
        topic = Topic(frozenset(asked))
        wanted = [number for number, kind in enumerate(happens, 1) if not asked or kind in asked]
        woken: list[int] = []

        async def wait(watcher: Watcher) -> None:
            while len(woken) < len(wanted):
                woken.extend(event.sequence for event in (await watcher.read(60)).events)

        with events.watch(everything, 0, topic) as watcher, events.watch(everything, 0, topic) as later:
            waiting = asyncio.create_task(wait(watcher))
            for kind in happens:
                await asyncio.sleep(0)
                events.publish(Event(kind))
            await waiting
            assert woken == wanted
            read = await later.read(0)
            assert [event.sequence for event in read.events] == wanted

    asyncio.run(both())


async def test_closing_ends_the_waiting() -> None:
    events = Events()

    async def read(watcher: Watcher) -> str:
        with pytest.raises(NvmedError) as failure:
            await watcher.read(60)
        return failure.value.reason

    with events.watch(everything, 0) as first, events.watch(everything, 0) as second:
        reading = asyncio.create_task(read(first))
        await asyncio.sleep(0)
        events.close()
        assert [await reading, await read(second)] == ["SHUTTING_DOWN"] * 2


async def test_each_who_waits_is_told_by_an_error_of_its_own() -> None:
    """One for all would hold the frames of all: ten thousand watchers took 12 GB and a quarter of an hour to end."""
    events, count = Events(), 50

    async def read(watcher: Watcher) -> BaseException | None:
        try:
            await watcher.read(60)
        except NvmedError as exc:
            return exc
        return None

    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(events.watch(everything, 0)) for _ in range(count)]
        reading = [asyncio.create_task(read(watcher)) for watcher in watchers]
        await asyncio.sleep(0)
        events.close()
        told = [error for error in await asyncio.gather(*reading) if error is not None]
    assert len({id(error) for error in told}) == count
    assert {len([*traceback.walk_tb(error.__traceback__)]) for error in told} == {3}


@contextlib.contextmanager
def timers() -> Iterator[list[Callable[[], None]]]:
    """What the loop is asked inside to call later, which this alone does."""
    asked: list[Callable[[], None]] = []
    loop = asyncio.get_running_loop()
    call_at = loop.call_at

    def kept(when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        asked.append(callback)
        return call_at(when, callback)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "call_at", kept)
        yield asked


async def test_who_waits_is_asked_once_and_looks_nothing_up() -> None:
    """Of an event that a thousand wait for, what is done for each is what it costs."""
    events = Events()
    asked: list[int] = []

    def may_see(event: Event) -> bool:
        asked.append(event.sequence)
        return True

    with timers() as made, events.watch(may_see, 0) as watcher:
        for number in range(1, 6):
            reading = asyncio.create_task(watcher.read(60))
            await asyncio.sleep(0)
            events.publish(started())
            assert [event.sequence for event in (await reading).events] == [number]
    assert asked == [1, 2, 3, 4, 5]
    assert len(made) == 1


async def test_what_happens_after_it_was_handed_something_is_read_next() -> None:
    events = Events(kept=2)
    with events.watch(everything, 0) as watcher:
        reading = asyncio.create_task(watcher.read(60))
        await asyncio.sleep(0)
        for _ in range(4):
            events.publish(started())
        assert [event.sequence for event in (await reading).events] == [1], "though it is forgotten since"
        assert (await watcher.read(0)).missing == 1
        assert [event.sequence for event in (await watcher.read(0)).events] == [3, 4]


async def test_a_timer_of_before_ends_no_later_waiting() -> None:
    events = Events()
    with timers() as made, events.watch(everything, 0) as watcher:
        for number, timeout_s in enumerate((60, 3600), 1):
            reading = asyncio.create_task(watcher.read(timeout_s))
            await asyncio.sleep(0)
            if number == 2:
                made[0]()  # which was for the first
            events.publish(started())
            assert [event.sequence for event in (await reading).events] == [number]
        assert len(made) == 2


async def test_a_timer_of_before_lengthens_no_waiting() -> None:
    events = Events()
    with events.watch(everything, 0) as watcher:
        reading = asyncio.create_task(watcher.read(3600))
        await asyncio.sleep(0)
        events.publish(started())
        await reading
        assert (await watcher.read(0)).events == ()
