"""What tests of namespaces use: the service, a drive of two controllers, and what became of an operation."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.controller import Controller
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from tests.rpc.harness import Daemon, reason_of

if TYPE_CHECKING:
    from nvmed.v1.namespace_pb2_grpc import NamespaceServiceAsyncStub

R = TypeVar("R", bound=Message)

PAIR = DriveSpec(
    serial="PAIR",
    controllers=2,
    namespaces=(
        NamespaceSpec(size_bytes=64 * MIB),
        NamespaceSpec(size_bytes=32 * MIB, controllers=()),
        NamespaceSpec(size_bytes=16 * MIB, shared=False, controllers=(2,)),
    ),
)
"""Two controllers; namespace 1 attached to both, 2 to none, 3 private to the second."""


def stub(daemon: Daemon) -> NamespaceServiceAsyncStub:
    return NamespaceServiceStub(daemon.channel)


async def refused(call: Awaitable[Any]) -> str:
    """The reason that a call is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return reason_of(failure.value)


def gates_of(call_error: grpc.aio.AioRpcError) -> list[str]:
    """The gates that a PreconditionFailure names."""
    status = rpc_status.from_call(call_error)
    assert status is not None
    precondition = error_details_pb2.PreconditionFailure()
    assert any(detail.Unpack(precondition) for detail in status.details)
    return [violation.type for violation in precondition.violations]


def sent(drive: Controller, opcode: AdminOpcode) -> int:
    """How many commands of an opcode the drive was given."""
    return len(drive.journal.commands(opcode=opcode))


async def ended(daemon: Daemon, operation: longrunning.Operation, response: type[R]) -> R:
    """The response of an operation that ends well."""
    waited = await wait(daemon, operation)
    assert not waited.HasField("error"), waited.error.message
    result = response()
    assert waited.response.Unpack(result)
    return result


async def wait(daemon: Daemon, operation: longrunning.Operation) -> longrunning.Operation:
    """The operation once it has ended."""
    call: Any = daemon.channel.unary_unary(
        "/google.longrunning.Operations/WaitOperation",
        request_serializer=longrunning.WaitOperationRequest.SerializeToString,
        response_deserializer=longrunning.Operation.FromString,
    )
    done: longrunning.Operation = await call(longrunning.WaitOperationRequest(name=operation.name))
    assert done.done
    return done


def nsids_of(daemon: Daemon, controller_id: int) -> list[int]:
    """The namespaces that the host shows by a controller."""
    nodes = [node for node in daemon.host.scan() if node.controller_id == controller_id]
    return [namespace.nsid for namespace in nodes[0].namespaces]
