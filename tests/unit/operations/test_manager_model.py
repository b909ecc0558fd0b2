"""The manager against a model: callers begin, repeat and cancel, drives do and refuse, daemons stop and die anywhere.

What a drive did is a list of its own, which a crash does not lose: the verdict afterwards has to agree with it. A crash
is what the journal's files are at that moment: the next manager is opened on a copy of them.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from nvmed.errors import NvmedError
from nvmed.operations.journal import Journal
from nvmed.operations.manager import Interrupted, Manager, Mutation, Running, Verdict
from nvmed.operations.records import State
from nvmed.reasons import Reason, error
from tests.support.memory import MEMORY
from tests.support.waiting import until

T = TypeVar("T")
KIND = "nvmed.v1.Test/Do"


@dataclass
class Order:
    """An operation, and the drive that it is about: `done` are the steps that took effect."""

    principal: str
    request_id: str
    steps: int
    turns: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    done: list[int] = field(default_factory=list)
    state: State = State.PENDING
    is_waiting: bool = False
    stands_still: bool = False

    @property
    def found(self) -> State:
        """What somebody finds who asks the drive."""
        if not self.done:
            return State.SAFE_TO_RETRY
        return State.SUCCEEDED if len(self.done) == self.steps else State.NEEDS_ATTENTION

    async def run(self, running: Running, journal: Journal) -> dict[str, Any]:
        for number in range(self.steps):
            self.is_waiting = True
            turn = await running.until_stopped(self.turns.get())
            self.is_waiting = False
            async with running.step("write", number=number):
                assert len(journal.steps(running.record.id)) == number + 1, "the intent is there before the act"
                if turn == "hangs before":
                    await self._stand_still()
                if turn == "refuses":
                    raise error(Reason.NVME_REFUSED, "it does not want to")
                self.done.append(number)
                if turn == "hangs after":
                    await self._stand_still()
                if turn == "is silent":
                    running.uncertain()
                    raise error(Reason.COMMAND_TIMEOUT, "no answer")
        return {"steps": self.steps}

    async def _stand_still(self) -> None:
        self.stands_still = True
        await asyncio.Event().wait()


class ManagerModel(RuleBasedStateMachine):
    """`orders` is what the daemons of this host were asked, by the operation's name."""

    operations = Bundle("operations")

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(
            dir=MEMORY, ignore_cleanup_errors=True
        )  # dead ones may still close files
        self.runner = asyncio.Runner()
        self.orders: dict[str, Order] = {}
        self.starts = 0
        self.dead: list[tuple[Manager, Journal]] = []
        self.start(Path(self.directory.name, "0"))

    def teardown(self) -> None:
        for manager, journal in (*self.dead, (self.manager, self.journal)):
            self.bury(manager, journal)
        self.runner.close()
        self.directory.cleanup()

    def go(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def start(self, folder: Path) -> None:
        """The next daemon, on what is in `folder`."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.journal = Journal(folder / "journal.sqlite")
        self.manager = Manager(self.journal, {KIND: self.reconcile})
        self.go(self.manager.recover())

    def bury(self, manager: Manager, journal: Journal) -> None:
        async def buried() -> None:
            for task in [*manager._tasks]:
                task.cancel()
            await asyncio.gather(*manager._tasks, return_exceptions=True)
            await manager.close()

        self.go(buried())
        journal.close()

    async def reconcile(self, case: Interrupted) -> Verdict:
        order = self.orders[case.record.id]
        result = {"steps": order.steps} if order.found is State.SUCCEEDED else None
        return Verdict(order.found, "as the drive says", result=result)

    @rule(
        target=operations,
        principal=st.sampled_from(["alice", "bob"]),
        request_id=st.sampled_from(["", "r1", "r2"]),
        steps=st.integers(1, 3),
    )
    def begins(self, principal: str, request_id: str, steps: int) -> Any:
        wanted = Mutation(KIND, "controllers/a-1", principal, request_id, bytes([steps]), {"steps": steps})
        order = Order(principal, request_id, steps)
        same = [
            name
            for name, one in self.orders.items()
            if request_id and (one.principal, one.request_id) == (principal, request_id)
        ]
        if same and self.orders[same[0]].steps != steps:
            with pytest.raises(NvmedError, match="another request"):
                self.go(self.manager.start(wanted, lambda running: order.run(running, self.journal)))
            return multiple()

        async def begun() -> str:
            journal = self.journal
            record = await self.manager.start(wanted, lambda running: order.run(running, journal))
            if not same:
                self.orders[record.id] = order
                await until(lambda: order.is_waiting)
            return record.id

        name = self.go(begun())
        assert name in (same or [name])
        return multiple() if same else name

    @rule(operation=operations, turns=st.integers(1, 3))
    def does(self, operation: str, turns: int) -> None:
        for _ in range(turns):
            self.goes_on(operation, "does", State.RUNNING, State.SUCCEEDED)

    @rule(operation=operations)
    def does_and_is_silent(self, operation: str) -> None:
        """The drive has done it, and nobody is told: it is asked."""
        self.goes_on(operation, "is silent", State.NEEDS_ATTENTION, State.SUCCEEDED)

    @rule(operation=operations)
    def refuses(self, operation: str) -> None:
        self.goes_on(operation, "refuses", State.FAILED, State.FAILED)

    def goes_on(self, operation: str, turn: str, then: State, at_last: State) -> None:
        """Take the next step; afterwards it is `then`, or `at_last` if it was the last one."""
        order = self.orders[operation]
        if not order.is_waiting:
            return
        order.state = at_last if len(order.done) + 1 == order.steps else then

        async def gone_on() -> None:
            taken = len(order.done)
            order.is_waiting = False
            order.turns.put_nowait(turn)
            running = self.manager.running(operation)
            assert running is not None
            await until(lambda: running.done.is_set() or (order.is_waiting and len(order.done) > taken))

        self.go(gone_on())

    @rule(operation=operations, turn=st.sampled_from(["hangs before", "hangs after"]))
    def stands_still(self, operation: str, turn: str) -> None:
        """The drive does not answer for as long as this daemon lives."""
        order = self.orders[operation]
        if not order.is_waiting:
            return
        order.is_waiting, order.state = False, State.RUNNING

        async def stands() -> None:
            order.turns.put_nowait(turn)
            await until(lambda: order.stands_still)

        self.go(stands())

    @rule(operation=operations)
    def is_cancelled(self, operation: str) -> None:
        order = self.orders[operation]

        async def cancelled() -> None:
            await self.manager.cancel(operation)
            if order.is_waiting:
                await self.manager.wait(operation)

        self.go(cancelled())
        if order.is_waiting:
            order.is_waiting, order.state = False, State.CANCELLED

    @rule()
    def dies(self) -> None:
        """As of kill -9: what the files are now is what the next daemon finds."""
        self.starts += 1
        folder = Path(self.directory.name, str(self.starts))
        shutil.copytree(self.folder, folder)
        self.dead.append((self.manager, self.journal))
        for order in self.orders.values():
            if order.state.is_open:
                order.state, order.is_waiting, order.stands_still = order.found, False, False
        self.start(folder)

    @rule()
    def is_restarted(self) -> None:
        """In order: what waits stops where that is safe; what a drive does not answer for would be waited for."""
        if any(order.stands_still for order in self.orders.values()):
            return
        self.go(self.manager.close())
        self.journal.close()
        for order in self.orders.values():
            if order.state.is_open:
                order.state, order.is_waiting = State.SAFE_TO_RETRY, False
        self.start(self.folder)

    @invariant()
    def every_operation_is_as_it_is(self) -> None:
        async def all_of_them() -> dict[str, tuple[State, Any]]:
            found = [await self.manager.get(name) for name in self.orders]
            return {record.id: (record.state, record.result) for record in found}

        wanted = {
            name: (one.state, {"steps": one.steps} if one.state is State.SUCCEEDED else None)
            for name, one in self.orders.items()
        }
        assert self.go(all_of_them()) == wanted

    @invariant()
    def nothing_is_done_twice(self) -> None:
        assert all(one.done == list(range(len(one.done))) for one in self.orders.values())

    @invariant()
    def those_that_run_are_known(self) -> None:
        running = {record.id for record in self.manager.records_running()}
        assert running == {name for name, one in self.orders.items() if one.state.is_open}


ManagerModel.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestManager = ManagerModel.TestCase
