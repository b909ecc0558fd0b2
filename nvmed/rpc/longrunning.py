"""What a method that returns an Operation does: replays an earlier answer, only validates, or begins the operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from google.longrunning import operations_pb2 as longrunning

from nvmed.errors import FailedPrecondition
from nvmed.operations import failure
from nvmed.operations.manager import Manager, Run
from nvmed.operations.records import Record, State, now_ms
from nvmed.operations.request_digest import RequestDigests
from nvmed.operations.running import Result
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import operations as convert
from nvmed.rpc.mutation import mutation


async def show(operations: Manager, record: Record) -> longrunning.Operation:
    """An operation with its steps and parts."""
    parts = [convert.part(part, operations.running(part.id)) for part in await operations.parts(record.id)]
    steps = await operations.steps(record.id)
    return convert.operation(record, operations.running(record.id), steps, parts)


async def replayed(
    operations: Manager, request: Any, digests: RequestDigests | None = None
) -> longrunning.Operation | None:
    """The operation that the request's request_id began before, if it did: before anything is looked up for it.

    `digests` are for a request that holds a secret, here and in `begin`, as `mutation` has them.
    Raises REQUEST_ID_REUSED if the request was another one then.
    """
    if request.validate_only or not request.request_id:
        return None
    record = await operations.replay(mutation(request, "", digests))
    return None if record is None else await show(operations, record)


async def answered(request: Any, target: str, ask: Callable[[], Awaitable[Result]]) -> longrunning.Operation:
    """What a method answers that asks a drive and changes nothing: an operation that is done and that nobody keeps.

    An answer that is no is its error, as that of an operation that was waited for; with validate_only it is raised.
    """
    call, now = current_call.get(), now_ms()
    if request.validate_only:
        return convert.checked(call.method.removeprefix("/"), await ask())
    record = Record(
        id="",
        kind=call.method.removeprefix("/"),
        target=target,
        principal=call.principal.name,
        request_id="",
        digest=b"",
        created_ms=now,
        updated_ms=now,
    )
    try:
        ended = replace(record, state=State.SUCCEEDED, result=await ask())
    except FailedPrecondition as exc:
        ended = replace(record, state=State.FAILED, failure=failure.dump(exc))
    shown = convert.operation(replace(ended, id=call.request_id, updated_ms=now_ms()), None)
    shown.ClearField("name")
    return shown


async def begin(
    operations: Manager,
    request: Any,
    target: str,
    check: Callable[[], Awaitable[Result]],
    run: Run,
    digests: RequestDigests | None = None,
    /,
    **parameters: Any,
) -> longrunning.Operation:
    """Begin what `request` asks for on `target`; with validate_only, just `check`."""
    if request.validate_only:
        return convert.checked(current_call.get().method.removeprefix("/"), await check())
    return await show(operations, await operations.start(mutation(request, target, digests, **parameters), run))
