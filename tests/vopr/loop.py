"""An event loop that waits for nothing: time is that of its next timer, and what runs next is drawn.

Only what asyncio promises nobody is drawn: which of the tasks that are ready goes first, and how long a thread takes.
Threads are steps of the loop, each at once from where it begins; in what it sleeps time passes for it alone.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from tests.vopr.clock import Clock

PAUSES_S: Final = (1e-5, 1e-4, 1e-3, 1e-2)
"""How long a thread takes to begin, and to be heard of."""

TIDYINGS_MAX: Final = 64
"""How many `finally`s one may be in."""

LONG_S: Final = 2.0
LONG_CHANCE: Final = 0.002


class Killed(BaseException):
    """In place of kill -9: whoever does anything after that gets it as well. Nothing catches it to tidy up."""


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set is that of its number, and not of its address."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **more: Any) -> None:
        self.number = number  # first: it is hashed while it is made
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self.number


class SimulatedLoop(asyncio.BaseEventLoop):
    """`reached` is called before each step, and raises Killed at the one that was the last."""

    _scheduled: list[Any]
    _ready: deque[Any]
    _asyncgens: Any
    _timer_cancelled_count: int

    def __init__(self, clock: Clock, chance: random.Random, reached: Callable[[str], None]) -> None:
        super().__init__()
        self.is_dead = False
        self.steps = 0
        self.all_tasks: list[NumberedTask] = []
        self._virtual = clock
        self._chance = chance
        self._reached = reached
        self._numbers = 0
        self.set_task_factory(self._numbered)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._virtual.now_s

    def pause_s(self) -> float:
        """How long a thread takes now."""
        if self._chance.random() < LONG_CHANCE:
            return self._chance.random() * LONG_S
        return self._chance.choice(PAUSES_S) * self._chance.random()

    def in_thread(self, function: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """Call `function` as a thread would, and `done` with what it returned or raised."""
        self.call_later(self.pause_s(), self._thread, function, done)

    def _thread(self, function: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        result, failure = None, None
        self._virtual.debt_s = 0.0
        try:
            result = function()
        except BaseException as exc:
            failure = exc
        took_s, self._virtual.debt_s = self._virtual.debt_s, 0.0
        if not self.is_dead:
            self.call_later(took_s + self.pause_s(), done, result, failure)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        future = self.create_future()

        def done(result: Any, failure: BaseException | None) -> None:
            if future.done():
                return
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

        self.in_thread(lambda: func(*args), done)
        return future

    def abandon(self) -> None:
        """Let go of every task as if its process were gone: nothing of them runs on, whatever they wait for."""
        for task in self.all_tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            _end(task.get_coro().close)
        for generator in [*self._asyncgens]:
            _end(partial(generator.aclose().send, None))
        self.all_tasks.clear()
        self._ready.clear()
        self._scheduled.clear()
        self.close()

    # -- what BaseEventLoop leaves to others

    def _process_events(self, event_list: Any) -> None:
        raise NotImplementedError

    def _write_to_self(self) -> None:
        """All is in one thread: nobody has to be woken."""

    def _numbered(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **more: Any) -> NumberedTask:
        self._numbers += 1
        task = NumberedTask(self._numbers, coro, loop=loop, **more)
        if self._numbers % 256 == 0:
            self.all_tasks = [one for one in self.all_tasks if not one.done()]
        self.all_tasks.append(task)
        return task

    def _run_once(self) -> None:
        self._drop_cancelled()
        scheduled, ready = self._scheduled, self._ready
        if not ready:
            if not scheduled:
                raise RuntimeError("nothing is ever going to happen")
            self._virtual.now_s = max(self._virtual.now_s, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self._virtual.now_s:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if handle._cancelled:
                self._timer_cancelled_count -= 1
            else:
                ready.append(handle)
        batch = self._drawn([ready.popleft() for _ in range(len(ready))])
        for handle in batch:
            if not handle._cancelled:
                self.steps += 1
                self._reached("step")
                handle._run()
                if self.is_dead:
                    raise Killed

    def _drawn(self, batch: list[Any]) -> list[Any]:
        """`batch` with the tasks in it in another order; what is called back stays where it is."""
        places = [place for place, handle in enumerate(batch) if _is_of_task(handle)]
        if len(places) > 1:
            mixed = [batch[place] for place in places]
            self._chance.shuffle(mixed)
            for place, handle in zip(places, mixed, strict=True):
                batch[place] = handle
        return batch

    def _drop_cancelled(self) -> None:
        scheduled = self._scheduled
        if self._timer_cancelled_count * 2 > len(scheduled) > 100:
            kept = []
            for handle in scheduled:
                if handle._cancelled:
                    handle._scheduled = False
                else:
                    kept.append(handle)
            heapq.heapify(kept)
            self._scheduled, self._timer_cancelled_count = kept, 0


def _end(end: Callable[[], object]) -> None:
    """End what wants to tidy up before, and must not: as often as it tries."""
    for _ in range(TIDYINGS_MAX):
        try:
            end()
        except RuntimeError:  # it awaits something more
            continue
        except (Exception, Killed, asyncio.CancelledError):
            return
        else:
            return


def _is_of_task(handle: Any) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)


class SteppedWorker:
    """A lane's thread, as steps of the loop."""

    is_alive = True

    def __init__(self, name: str, loop: SimulatedLoop, done: Callable[..., None]) -> None:
        self._loop = loop
        self._done = done

    def give(self, job: Any) -> None:
        """As of a lane's own."""
        if job is not None:
            self._loop.in_thread(job.function, lambda result, failure: self._done(self, job, result, failure))
