"""Long-running operations: waiting for one, and what came of it.

    operation = await client.firmware.StageFirmware(request)
    response = await client.result(operation, StageFirmwareResponse)     # or raises the error that it ended with

An operation goes on whatever becomes of the client, of its connection and of the daemon: it is found again by its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from google.longrunning.operations_pb2 import Operation, WaitOperationRequest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.v1.operations_pb2 import OperationMetadata
from nvmedctl.errors import from_status
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy, is_transient

if TYPE_CHECKING:
    import grpc
    from google.longrunning.operations_pb2 import (
        CancelOperationRequest,
        DeleteOperationRequest,
        GetOperationRequest,
        ListOperationsRequest,
        ListOperationsResponse,
    )
    from google.protobuf.empty_pb2 import Empty
    from grpc import aio

M = TypeVar("M", bound=Message)

POLL_S = 0.25
"""How often whoever watches is told how far it is."""

WAIT_S = 20.0
"""How long one call waits: shorter than what proxies and deadlines bear."""

Watcher = Callable[[OperationMetadata], None]
"""Told what the operation is about and how far it is, in the event loop."""


class BlockingStub(Protocol):
    """google.longrunning.Operations as a blocking client has it; the package that it comes from tells no types."""

    ListOperations: grpc.UnaryUnaryMultiCallable[ListOperationsRequest, ListOperationsResponse]
    """Those of the daemon that pass a filter, newest first, by pages: see `pages`."""
    GetOperation: grpc.UnaryUnaryMultiCallable[GetOperationRequest, Operation]
    """One as it is now."""
    DeleteOperation: grpc.UnaryUnaryMultiCallable[DeleteOperationRequest, Empty]
    """Forgets one that is done."""
    CancelOperation: grpc.UnaryUnaryMultiCallable[CancelOperationRequest, Empty]
    """Asks that one ends; it says itself what became of it."""
    WaitOperation: grpc.UnaryUnaryMultiCallable[WaitOperationRequest, Operation]
    """One once it is done, or the timeout of the request over: see `wait`."""


class AsyncStub(Protocol):
    """As `BlockingStub`, with calls that are awaited."""

    ListOperations: aio.UnaryUnaryMultiCallable[ListOperationsRequest, ListOperationsResponse]
    GetOperation: aio.UnaryUnaryMultiCallable[GetOperationRequest, Operation]
    DeleteOperation: aio.UnaryUnaryMultiCallable[DeleteOperationRequest, Empty]
    CancelOperation: aio.UnaryUnaryMultiCallable[CancelOperationRequest, Empty]
    WaitOperation: aio.UnaryUnaryMultiCallable[WaitOperationRequest, Operation]


class Waiting(Protocol):
    """What waiting needs of `AsyncStub`."""

    def WaitOperation(self, request: WaitOperationRequest, /) -> Awaitable[Operation]: ...  # noqa: N802


async def wait(
    stub: Waiting,
    operation: Operation,
    progress: Watcher | None = None,
    *,
    timeout: float | None = None,  # noqa: ASYNC109  # raises the error that deadlines of calls raise
    retry: RetryPolicy = DEFAULT_RETRY,
) -> Operation:
    """`operation` once it is done; `progress` is told its metadata meanwhile. Cancelling ends the waiting alone.

    A connection that breaks is made again, and a daemon that starts anew is asked again: it knows by its journal what
    became of the operation. Raises what the `retry.attempts`-th attempt in a row raised that brought no answer, at once
    an error that is not transient (`is_transient`), and CALL_TIMEOUT after `timeout` seconds in all.
    """
    try:
        async with asyncio.timeout(timeout):
            return await _until_done(stub, operation, progress, retry)
    except TimeoutError as failure:
        if timeout is None:
            raise
        text = f"{operation.name} is not done after {timeout:g} s; it goes on, and is found by its name."
        raise error(Reason.CALL_TIMEOUT, text) from failure


async def _until_done(stub: Waiting, operation: Operation, progress: Watcher | None, retry: RetryPolicy) -> Operation:
    at_a_time = Duration()
    at_a_time.FromMilliseconds(int((POLL_S if progress else WAIT_S) * 1000))
    request, failures = WaitOperationRequest(name=operation.name, timeout=at_a_time), 0
    while not operation.done:
        try:
            operation = await stub.WaitOperation(request)
        except NvmedError as failure:
            failures += 1
            if not is_transient(failure) or failures >= retry.attempts:
                raise
            await asyncio.sleep(retry.delay(failures, failure))
        else:
            failures = 0
            if progress:
                progress(metadata(operation))
    return operation


async def result(
    stub: Waiting,
    operation: Operation,
    response: type[M],
    progress: Watcher | None = None,
    *,
    timeout: float | None = None,  # noqa: ASYNC109
    retry: RetryPolicy = DEFAULT_RETRY,
) -> M:
    """As `wait`, and then what the operation answered; raises the error that it ended with."""
    return unpack(await wait(stub, operation, progress, timeout=timeout, retry=retry), response)


def metadata(operation: Operation) -> OperationMetadata:
    """What the operation is about and how far it is."""
    found = OperationMetadata()
    operation.metadata.Unpack(found)
    return found


def unpack(operation: Operation, response: type[M]) -> M:
    """The response of an operation that is done; raises the error that it ended with."""
    if operation.WhichOneof("result") == "error":
        raise from_status(operation.error)
    found = response()
    if not operation.response.Unpack(found):
        kind = operation.response.TypeName() or "nothing"
        raise error(Reason.TRANSFER_CORRUPTED, f"{operation.name} ended with {kind}, not {found.DESCRIPTOR.full_name}")
    return found
