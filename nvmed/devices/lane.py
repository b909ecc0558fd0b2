"""A controller's own threads: a drive that hangs blocks those, and no other drive's.

A thread inside an ioctl cannot be cancelled: Python cannot interrupt it and the kernel will not. So a lane never
pretends. When the caller goes away its result is dropped, but the token it held comes back only when the thread does;
when a command outlives its timeout the lane is *stalled*: the caller gets COMMAND_TIMEOUT, those who wait and those who
come later get DEVICE_STALLED at once, and the lane serves again when the thread returns. (The reasoning is that of
trio's `to_thread.run_sync`.)
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from nvmed import tracing
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error

T = TypeVar("T")

NOT_STARTED: Final = frozenset({Reason.DEVICE_STALLED.name, Reason.DEVICE_BUSY.name})
"""Reasons for which a command was never given to the drive."""

KERNEL_ADMIN_TIMEOUT_MS: Final = 60_000
"""What the kernel gives an admin command that names no timeout (`nvme_core.admin_timeout`)."""


class _Turns:
    """A fair semaphore whose waiters can all be turned away at once."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._handed = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def are_stuck(self) -> bool:
        """Whether somebody waits whom nobody will wake, if nobody has a turn: none is on its way to one who waited."""
        return not self._handed and any(not turn.done() for turn in self._waiting)

    async def take(self) -> None:
        """Wait for a turn; nothing is taken if this is cancelled or turned away."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._handed -= 1
                self.give()  # the turn came too late for us: pass it on
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        self._handed -= 1

    def give(self) -> None:
        """Return a turn: to the next who waits, so that nobody who comes later can snatch it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._handed += 1
                return
        self._free += 1

    def turn_away(self, why: NvmedError) -> None:
        """Fail everyone who waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(why.copy())


class _Job:
    """One function on its way through a thread; `future` is the loop's, touched only there."""

    __slots__ = ("function", "future", "on_return", "overdue", "timer", "worker")

    def __init__(
        self,
        function: Callable[[], Any],
        future: asyncio.Future[Any],
        on_return: Callable[[], None] | None,
        worker: _Worker,
    ) -> None:
        self.function = function
        self.future = future
        self.on_return = on_return
        self.worker = worker
        self.overdue = False
        self.timer: asyncio.TimerHandle | None = None


class _Worker:
    """A thread that serves one job after another; a daemon thread, as a hung drive must not keep the process alive."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, done: Callable[..., None]) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._loop = loop
        self._done = done
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def give(self, job: _Job | None) -> None:
        self._jobs.put(job)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            result: Any = None
            failure: BaseException | None = None
            try:
                result = job.function()
            except BaseException as exc:  # whatever it is belongs to the caller, not to this thread
                failure = exc
            try:
                self._loop.call_soon_threadsafe(self._done, self, job, result, failure)
            except RuntimeError:  # the loop has been closed: nobody is left to tell
                return


class Lane:
    """The threads of one controller: `threads` calls at once, `waiting_max` waiting, mutations one at a time.

    Belongs to one event loop; every method is called on it.
    """

    def __init__(self, name: str, *, threads: int = 8, waiting_max: int = 64, grace_ms: int = 5_000) -> None:
        self.name = name
        self._tokens = _Turns(threads)
        self._mutation = _Turns(1)
        self._waiting_max = waiting_max
        self._grace_ms = grace_ms
        self._idle: list[_Worker] = []
        self._running: dict[_Job, float] = {}
        self._spawned = 0
        self._closed = False

    @property
    def stalled(self) -> bool:
        """Whether a command has outlived its timeout and not returned yet."""
        return any(job.overdue for job in self._running)

    @property
    def busy(self) -> int:
        """Threads at work, abandoned by their callers or not."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Calls that wait for a thread, or for the mutation before them."""
        return self._tokens.waiting + self._mutation.waiting

    @property
    def fault(self) -> str:
        """What is wrong with the lane itself and not with its drive, "" if nothing: only a restart mends it."""
        if any(not job.worker.is_alive for job in self._running):
            return f"{self.name}: a thread ended without returning its command"
        if not self._running and self._tokens.are_stuck:
            return f"{self.name}: calls wait although no thread is at work"
        return ""

    @property
    def stalled_for_ms(self) -> int:
        """How long the oldest overdue command has been running, 0 if none is."""
        now = time.monotonic()
        return max((int((now - since) * 1000) for job, since in self._running.items() if job.overdue), default=0)

    async def run(self, function: Callable[[], T], *, timeout_ms: int = 0) -> T:
        """Call `function` in one of the lane's threads and return what it returns.

        `timeout_ms` is what the command in it was given, 0 for the kernel's default; the lane adds its grace before it
        calls itself stalled. Raises DEVICE_STALLED, DEVICE_BUSY, COMMAND_TIMEOUT, and whatever `function` raises.
        """
        await self._token()
        return await self._start(function, timeout_ms)

    async def mutate(self, function: Callable[[], T], *, timeout_ms: int = 0) -> T:
        """As `run`, but never beside another mutation, whatever becomes of the caller."""
        self._refuse_if_stalled()
        await self._mutation.take()
        try:
            await self._token()
        except BaseException:
            self._mutation.give()
            raise
        return await self._start(function, timeout_ms, on_return=self._mutation.give)

    def close(self) -> None:
        """End the threads that are idle; one in an ioctl ends when it returns."""
        self._closed = True
        while self._idle:
            self._idle.pop().give(None)
        self._turn_away(error(Reason.DEVICE_GONE, f"{self.name} went away", controller=self.name))

    def _refuse_if_stalled(self) -> None:
        if self._closed:
            raise error(Reason.DEVICE_GONE, f"{self.name} went away", controller=self.name)
        if self.stalled:
            raise self._stalled_error()

    def _stalled_error(self) -> NvmedError:
        return error(
            Reason.DEVICE_STALLED,
            f"{self.name}: a command has not returned for {self.stalled_for_ms / 1000:.0f} s; "
            "the drive is served again when it does",
            retry_delay_ms=self._grace_ms,
            controller=self.name,
        )

    async def _token(self) -> None:
        """Wait for a thread, first come first served."""
        self._refuse_if_stalled()
        if self._tokens.waiting >= self._waiting_max:
            raise error(
                Reason.DEVICE_BUSY,
                f"{self.name}: {self._waiting_max} calls are waiting for this drive already",
                controller=self.name,
                limit=self._waiting_max,
            )
        await self._tokens.take()

    def _start(
        self, function: Callable[[], T], timeout_ms: int, *, on_return: Callable[[], None] | None = None
    ) -> asyncio.Future[T]:
        """Give `function` to a thread; the token, which the caller has taken, comes back when the thread does."""
        loop = asyncio.get_running_loop()
        if self._idle:
            worker = self._idle.pop()
        else:
            self._spawned += 1
            worker = _Worker(f"{self.name}/{self._spawned}", loop, self._returned)
        job = _Job(tracing.carried(function), loop.create_future(), on_return, worker)
        self._running[job] = time.monotonic()
        allowed_ms = (timeout_ms or KERNEL_ADMIN_TIMEOUT_MS) + self._grace_ms
        job.timer = loop.call_later(allowed_ms / 1000, self._overdue, job, allowed_ms)
        worker.give(job)
        return job.future

    def _overdue(self, job: _Job, allowed_ms: int) -> None:
        job.overdue = True
        if not job.future.done():
            job.future.set_exception(
                error(
                    Reason.COMMAND_TIMEOUT,
                    f"{self.name}: a command has not returned within {allowed_ms} ms",
                    controller=self.name,
                    timeout_ms=allowed_ms,
                )
            )
        self._turn_away(self._stalled_error())

    def _returned(self, worker: _Worker, job: _Job, result: Any, failure: BaseException | None) -> None:
        del self._running[job]
        if job.timer is not None:
            job.timer.cancel()
        if job.on_return is not None:
            job.on_return()
        if not job.future.done():
            if failure is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(failure)
        if self._closed:
            worker.give(None)
        else:
            self._idle.append(worker)
        self._tokens.give()

    def _turn_away(self, why: NvmedError) -> None:
        self._tokens.turn_away(why)
        self._mutation.turn_away(why)
