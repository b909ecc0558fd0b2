"""google.longrunning.Operations."""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.longrunning import operations_pb2 as longrunning
from google.protobuf import empty_pb2

from nvmed.operations.journal_reader import Query
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record
from nvmed.reasons import Reason, error, invalid_field
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import operations as convert
from nvmed.rpc.journal_pages import Columns, page
from nvmed.rpc.longrunning import show
from nvmed.security.policy import may_see
from nvmed.v1.operations_pb2 import OperationMetadata

SERVICE: Final = "google.longrunning.Operations"
READ: Final = "operations.read"

COLUMNS: Final = Columns(
    texts={"method": "kind", "target": "target", "principal": "principal", "request_id": "request_id"},
    times={"create_time": "created_ms", "update_time": "updated_ms"},
)
"""Where the journal has what a filter may ask of an operation's metadata."""


class OperationsService:
    """Lists, gets, cancels and waits for operations, whichever method began them."""

    def __init__(self, operations: Manager) -> None:
        self._operations = operations

    async def ListOperations(
        self, request: longrunning.ListOperationsRequest, context: Any
    ) -> longrunning.ListOperationsResponse:
        if request.name not in ("", "operations"):
            raise invalid_field("name", f"{request.name!r}; the only collection is operations")
        running, call = self._operations.running, current_call.get()

        def show(record: Record) -> longrunning.Operation | None:
            if not may_see(call.principal, READ, record.principal, record.subjects):
                return None
            return convert.operation(record, running(record.id))

        found, token = await page(
            self._operations,
            request,
            Query(0),
            OperationMetadata,
            COLUMNS,
            show=show,
            tested=lambda record: convert.metadata(record, running(record.id)),
        )
        return longrunning.ListOperationsResponse(operations=found, next_page_token=token)

    async def GetOperation(self, request: longrunning.GetOperationRequest, context: Any) -> longrunning.Operation:
        return await show(self._operations, await self._operations.get(_id(request)))

    async def WaitOperation(self, request: longrunning.WaitOperationRequest, context: Any) -> longrunning.Operation:
        timeout = request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else None
        return await show(self._operations, await self._operations.wait(_id(request), timeout))

    async def CancelOperation(self, request: longrunning.CancelOperationRequest, context: Any) -> empty_pb2.Empty:
        await self._operations.cancel(_id(request))
        return empty_pb2.Empty()

    async def DeleteOperation(self, request: longrunning.DeleteOperationRequest, context: Any) -> empty_pb2.Empty:
        raise error(
            Reason.METHOD_UNKNOWN,
            "operations are not deleted: they are what was done to the drives, and nvmed forgets them by itself",
            method=f"/{SERVICE}/DeleteOperation",
        )


_METHODS: Final = (
    ("ListOperations", longrunning.ListOperationsRequest, longrunning.ListOperationsResponse),
    ("GetOperation", longrunning.GetOperationRequest, longrunning.Operation),
    ("WaitOperation", longrunning.WaitOperationRequest, longrunning.Operation),
    ("CancelOperation", longrunning.CancelOperationRequest, empty_pb2.Empty),
    ("DeleteOperation", longrunning.DeleteOperationRequest, empty_pb2.Empty),
)


def add_operations_to_server(service: OperationsService, server: Any) -> None:
    """Register the service: its published generated code is older than registration by method."""
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            getattr(service, name),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
        for name, request, response in _METHODS
    }
    server.add_registered_method_handlers(SERVICE, handlers)


def _id(request: Any) -> str:
    """The id in the request's name; raises INVALID_FIELD."""
    name = str(request.name)
    if not name.startswith(convert.OPERATIONS):
        raise invalid_field("name", f"{name!r} is no operation; give operations/{{operation}}")
    return name.removeprefix(convert.OPERATIONS)
