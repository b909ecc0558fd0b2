"""A manager of operations, what it is given to do, and a crash, for the tests of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nvmed.operations.journal import Journal
from nvmed.operations.manager import Manager, Mutation, Reconcile, Running
from nvmed.operations.records import Record

WANTED = Mutation("nvmed.v1.Test/Do", "controllers/a-1", "tester", "r1", b"digest", {"slot": 2})


@asynccontextmanager
async def manager(
    path: Path, reconcilers: Mapping[str, Reconcile] | None = None, journal: Journal | None = None
) -> AsyncIterator[Manager]:
    made = Manager(journal or Journal(path / "journal.sqlite"), reconcilers or {})
    await made.recover()
    try:
        yield made
    finally:
        await made.close()


async def one_step(running: Running) -> dict[str, Any]:
    async with running.step("only", slot=2) as outcome:
        outcome["seen"] = True
    return {"controller": running.record.target}


def raiser(exc: Exception) -> Callable[[Running], Any]:
    async def run(running: Running) -> dict[str, Any]:
        async with running.step("fails"):
            raise exc

    return run


async def crashed(path: Path, kind: str = WANTED.kind) -> str:
    """A journal as a crash in the middle of a step leaves it."""
    journal = Journal(path / "journal.sqlite")
    journal.begin(Record("crashed", kind, WANTED.target, "tester", "r1", b"digest"))
    journal.intend("crashed", "commit", {"slot": 2})
    journal.close()
    return "crashed"
