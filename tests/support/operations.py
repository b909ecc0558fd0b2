"""What the tests of several rooms ask of a manager of operations."""

from __future__ import annotations

from nvmed.operations.journal_reader import Query
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record


async def remembered(operations: Manager) -> list[Record]:
    """Every operation, oldest first."""
    return [record for _, record in reversed(await operations.page(Query(10_000)))]
