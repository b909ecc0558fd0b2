"""What tests of operations over the wire use: the standard service, and what became of an operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from nvmed.v1.operations_pb2 import Gate, GateResult, OperationMetadata
from tests.rpc.harness import Daemon, reason_of

Response = TypeVar("Response", bound=Message)

_METHODS: Mapping[str, tuple[type[Message], type[Message]]] = {
    "ListOperations": (longrunning.ListOperationsRequest, longrunning.ListOperationsResponse),
    "GetOperation": (longrunning.GetOperationRequest, longrunning.Operation),
    "WaitOperation": (longrunning.WaitOperationRequest, longrunning.Operation),
    "CancelOperation": (longrunning.CancelOperationRequest, empty_pb2.Empty),
    "DeleteOperation": (longrunning.DeleteOperationRequest, empty_pb2.Empty),
}


async def ask(daemon: Daemon, method: str, **fields: Any) -> Any:
    """A call of google.longrunning.Operations."""
    request, response = _METHODS[method]
    call: Any = daemon.channel.unary_unary(
        f"/google.longrunning.Operations/{method}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    return await call(request(**fields))


async def wait(daemon: Daemon, operation: longrunning.Operation) -> longrunning.Operation:
    """The operation once it has ended; one without a name has, and is kept nowhere."""
    if operation.done and not operation.name:
        return operation
    done: longrunning.Operation = await ask(daemon, "WaitOperation", name=operation.name)
    assert done.done
    return done


async def succeeded(daemon: Daemon, operation: longrunning.Operation, response: type[Response]) -> Response:
    """The response of an operation that ends well."""
    return unpacked(await wait(daemon, operation), response)


async def failed(daemon: Daemon, operation: longrunning.Operation) -> tuple[str, str]:
    """The state and the reason of an operation that does not end well."""
    done = await wait(daemon, operation)
    assert done.HasField("error")
    return state(done), reason(done.error)


def unpacked(operation: longrunning.Operation, response: type[Response]) -> Response:
    """The response of an operation that is done."""
    assert not operation.HasField("error"), operation.error.message
    result = response()
    assert operation.response.Unpack(result)
    return result


def metadata(operation: longrunning.Operation) -> OperationMetadata:
    """What nvmed says about an operation."""
    about = OperationMetadata()
    assert operation.metadata.Unpack(about)
    return about


def state(operation: longrunning.Operation) -> str:
    return OperationMetadata.State.Name(metadata(operation).state).removeprefix("STATE_")


def steps(operation: longrunning.Operation) -> list[str]:
    return [step.name for step in metadata(operation).steps]


def reason(status: status_pb2.Status) -> str:
    """The reason in a status's ErrorInfo."""
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return str(info.reason)


async def gates(call: Any) -> dict[str, str]:
    """The gates that a call is refused for, each with what was found."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert reason_of(caught.value) in ("GATE_FAILED", "SUBSYSTEM_BUSY"), caught.value.details()
    status = rpc_status.from_call(caught.value)
    assert status is not None
    violations = violated(status)
    assert all(subject.startswith("controllers/") for _, subject, _ in violations)
    return {gate: description for gate, _, description in violations}


def violated(status: status_pb2.Status) -> list[tuple[str, str, str]]:
    """(gate, controller, what was found) of each violation of a PreconditionFailure."""
    precondition = error_details_pb2.PreconditionFailure()
    assert any(detail.Unpack(precondition) for detail in status.details)
    return [(violation.type, violation.subject, violation.description) for violation in precondition.violations]


def states(results: Any) -> dict[str, str]:
    """How each gate was found, by its name."""
    return {
        Gate.Name(result.gate).removeprefix("GATE_"): GateResult.State.Name(result.state).removeprefix("STATE_")
        for result in results
    }
