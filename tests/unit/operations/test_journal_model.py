"""The journal against a dictionary: whatever is written in whichever order, read by the same daemon or the next."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from nvmed.errors import NvmedError
from nvmed.operations.journal import Journal
from nvmed.operations.records import Record, State
from tests.support.memory import MEMORY

OPEN = [State.PENDING, State.RUNNING]
ENDED = [state for state in State if not state.is_open]
VALUES = st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=4), max_size=3)
ANSWERS_MAX = 1


@dataclass
class Known:
    """An operation as the model has it."""

    kind: str
    principal: str
    request_id: str
    parent: str
    parameters: dict[str, Any]
    state: State = State.PENDING
    phase: str = ""
    result: dict[str, Any] | None = None
    steps: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = field(default_factory=list)


class JournalModel(RuleBasedStateMachine):
    """Callers begin operations, take steps and end; time goes by and what has ended is forgotten; daemons restart."""

    operations = Bundle("operations")

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = Path(self.directory.name) / "journal.sqlite"
        self.journal = Journal(self.path, answers_max=ANSWERS_MAX)
        self.known: dict[str, Known] = {}
        self.begun = 0

    def teardown(self) -> None:
        self.journal.close()
        self.directory.cleanup()

    def first_of(self, principal: str, request_id: str) -> str | None:
        found = [
            name
            for name, one in self.known.items()
            if request_id and (one.principal, one.request_id) == (principal, request_id)
        ]
        return found[0] if found else None

    @rule(
        target=operations,
        kind=st.sampled_from(["stage", "sanitize"]),
        principal=st.sampled_from(["alice", "bob"]),
        request_id=st.sampled_from(["", "r1", "r2", "r3"]),
        parent=st.just("") | operations,
        parameters=VALUES,
    )
    def begins(self, kind: str, principal: str, request_id: str, parent: str, parameters: dict[str, Any]) -> Any:
        self.begun += 1
        record = Record(
            f"op{self.begun}", kind, "controllers/one", principal, request_id, b"digest", parameters, parent=parent
        )
        before = self.first_of(principal, request_id)
        answers = sum(one.principal == principal and bool(one.request_id) for one in self.known.values())
        if before is None and request_id and answers >= ANSWERS_MAX:
            with pytest.raises(NvmedError, match="within a day"):
                self.journal.begin(record)
            return multiple()
        assert self.journal.begin(record).id == (before or record.id)
        if before is not None:
            return multiple()
        self.known[record.id] = Known(kind, principal, request_id, parent, parameters)
        return record.id

    @rule(operation=operations, name=st.sampled_from(["download", "commit"]), detail=VALUES)
    def intends(self, operation: str, name: str, detail: dict[str, Any]) -> None:
        one = self.known.get(operation)
        if one is None or not one.state.is_open:
            return
        assert self.journal.intend(operation, name, detail) == len(one.steps) + 1
        one.steps.append((name, detail, None))
        one.state, one.phase = State.RUNNING, name

    @rule(operations=st.lists(operations, max_size=4), detail=VALUES)
    def intend_together(self, operations: list[str], detail: dict[str, Any]) -> None:
        """Some of them may be gone: those fail, and undo nothing of the others."""
        there = [name for name in operations if name not in self.known or self.known[name].state.is_open]
        calls = [lambda name=name: self.journal.intend(name, "download", detail) for name in there]
        for name, (number, raised) in zip(there, self.journal.together(calls), strict=True):
            if name not in self.known:
                assert raised is not None
                continue
            one = self.known[name]
            one.steps.append(("download", detail, None))
            one.state, one.phase = State.RUNNING, "download"
            assert (number, raised) == (len(one.steps), None)

    @rule(operation=operations, outcome=VALUES)
    def settles(self, operation: str, outcome: dict[str, Any]) -> None:
        one = self.known.get(operation)
        if one is None or not one.steps or "failure" in outcome:
            return
        self.journal.settle(operation, len(one.steps), outcome)
        name, detail, _ = one.steps[-1]
        one.steps[-1] = (name, detail, outcome)

    @rule(operation=operations, state=st.sampled_from(ENDED), result=st.none() | VALUES)
    def ends(self, operation: str, state: State, result: dict[str, Any] | None) -> None:
        one = self.known.get(operation)
        if one is None or not one.state.is_open:
            return
        assert self.journal.finish(operation, state, result=result).state is state
        one.state, one.result = state, result

    @precondition(lambda self: self.known)
    @rule(operations=st.lists(operations, max_size=4))
    def is_forgotten(self, operations: list[str]) -> None:
        """Only what has ended, whatever is asked for."""
        gone = {name for name in operations if name in self.known and not self.known[name].state.is_open}
        assert self.journal.forget(operations) == len(gone)
        for name in gone:
            del self.known[name]

    @rule()
    def restarts(self) -> None:
        self.journal.close()
        self.journal = Journal(self.path, answers_max=ANSWERS_MAX)

    @invariant()
    def all_is_there(self) -> None:
        for name, one in self.known.items():
            record = self.journal.operation(name)
            shown = (record.kind, record.principal, record.request_id, record.parent, record.parameters)
            assert shown == (one.kind, one.principal, one.request_id, one.parent, one.parameters)
            assert (record.state, record.phase, record.result) == (one.state, one.phase, one.result)
            steps = self.journal.steps(name)
            assert [step.number for step in steps] == list(range(1, len(steps) + 1))
            assert [(step.name, step.detail, step.outcome) for step in steps] == one.steps
            parts = [part.id for part in self.journal.parts(name)]
            assert parts == [other for other in self.known if self.known[other].parent == name]

    @invariant()
    def what_runs_is_found(self) -> None:
        found = {record.id for record in self.journal.open_operations()}
        assert found == {name for name, one in self.known.items() if one.state in OPEN}


JournalModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestJournal = JournalModel.TestCase
