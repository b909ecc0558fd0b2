"""What a method that returns an Operation does: replays an earlier answer, only validates, or begins the operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from google.longrunning import operations_pb2 as longrunning

from nvmed.operations.journal import Record
from nvmed.operations.manager import Manager, Run
from nvmed.operations.running import Result
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import operations as convert
from nvmed.rpc.mutation import mutation


async def show(operations: Manager, record: Record) -> longrunning.Operation:
    """An operation with its steps and parts."""
    parts = [convert.part(part, operations.running(part.id)) for part in await operations.parts(record.id)]
    steps = await operations.steps(record.id)
    return convert.operation(record, operations.running(record.id), steps, parts)


async def replayed(operations: Manager, request: Any) -> longrunning.Operation | None:
    """The operation that the request's request_id began before, if it did: before anything is looked up for it.

    Raises REQUEST_ID_REUSED if the request was another one then.
    """
    if request.validate_only or not request.request_id:
        return None
    record = await operations.replay(mutation(request, ""))
    return None if record is None else await show(operations, record)


async def begin(
    operations: Manager, request: Any, target: str, check: Callable[[], Awaitable[Result]], run: Run, **parameters: Any
) -> longrunning.Operation:
    """Begin what `request` asks for on `target`; with validate_only, just `check`."""
    if request.validate_only:
        return convert.checked(current_call.get().method.removeprefix("/"), await check())
    return await show(operations, await operations.start(mutation(request, target, **parameters), run))
