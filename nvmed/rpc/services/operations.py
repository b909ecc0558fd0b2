"""google.longrunning.Operations."""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.longrunning import operations_pb2 as longrunning
from google.protobuf import empty_pb2

from nvmed import limits
from nvmed.operations.manager import Manager
from nvmed.reasons import Reason, error, invalid_field
from nvmed.rpc.convert import operations as convert
from nvmed.rpc.listing import decode_token, encode_token, parse_filter
from nvmed.rpc.longrunning import show
from nvmed.v1.operations_pb2 import OperationMetadata

SERVICE: Final = "google.longrunning.Operations"
BATCH: Final = 200
"""Records that are read from the journal at a time."""


class OperationsService:
    """Lists, gets, cancels and waits for operations, whichever method began them."""

    def __init__(self, operations: Manager) -> None:
        self._operations = operations

    async def ListOperations(
        self, request: longrunning.ListOperationsRequest, context: Any
    ) -> longrunning.ListOperationsResponse:
        if request.name not in ("", "operations"):
            raise invalid_field("name", f"{request.name!r}; the only collection is operations")
        tests = parse_filter(request.filter, OperationMetadata)
        size = min(request.page_size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
        position = _position(decode_token(request.page_token, request.filter))
        found: list[longrunning.Operation] = []
        token = ""
        while batch := await self._operations.page(BATCH, position):
            for record in batch:
                running = self._operations.running(record.id)
                if all(test(convert.metadata(record, running)) for test in tests):
                    if len(found) == size:
                        return longrunning.ListOperationsResponse(operations=found, next_page_token=token)
                    found.append(convert.operation(record, running))
                    token = encode_token(f"{record.created_ms}/{record.id}", request.filter)
                position = (record.created_ms, record.id)
        return longrunning.ListOperationsResponse(operations=found)

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


def _position(after: str) -> tuple[int, str] | None:
    created, _, operation = after.partition("/")
    if not after:
        return None
    if not created.isdecimal() or len(created) > 18:
        raise invalid_field("page_token", "is damaged; start again without it")
    return int(created), operation
