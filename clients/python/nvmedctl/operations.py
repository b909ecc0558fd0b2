"""Long-running operations: waiting for one, and what came of it.

    operation = await client.firmware.StageFirmware(request)
    done = await wait(client.operations, operation)
    response = unpack(done, StageFirmwareResponse)      # or raises the error that it ended with

An operation goes on whatever becomes of the client, and is found again by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from google.longrunning.operations_pb2 import Operation, WaitOperationRequest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from nvmed.reasons import Reason, error
from nvmed.v1.operations_pb2 import OperationMetadata
from nvmedctl.errors import from_status

M = TypeVar("M", bound=Message)

POLL_S = 0.25
"""How often whoever watches is told how far it is."""

WAIT_S = 20.0
"""How long one call waits: shorter than what proxies and deadlines bear."""


async def wait(
    stub: Any, operation: Operation, progress: Callable[[OperationMetadata], None] | None = None
) -> Operation:
    """`operation` once it is done; `progress` is told its metadata meanwhile. Cancelling ends the waiting alone."""
    timeout = Duration()
    timeout.FromMilliseconds(int((POLL_S if progress else WAIT_S) * 1000))
    while not operation.done:
        operation = await stub.WaitOperation(WaitOperationRequest(name=operation.name, timeout=timeout))
        if progress:
            progress(metadata(operation))
    return operation


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
