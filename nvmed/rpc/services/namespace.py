"""nvmed.v1.NamespaceService."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, cast

from google.longrunning import operations_pb2 as longrunning
from google.protobuf.message import Message

from nvmed import limits
from nvmed.devices import namespaces
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Target
from nvmed.namespaces.changes import Namespaces
from nvmed.namespaces.format import Formats
from nvmed.namespaces.recorder import Recorder
from nvmed.namespaces.rescan import Rescan, Rescans
from nvmed.nvme.namespace import AttachmentSelect, require_nsid
from nvmed.nvme.opcodes import NSID_MAX
from nvmed.operations.manager import Manager
from nvmed.operations.running import Result, Run
from nvmed.preconditions.drives import Drives
from nvmed.reasons import invalid_field
from nvmed.rpc.convert import namespaces as convert
from nvmed.rpc.convert.fitted import omissions
from nvmed.rpc.convert.operations import response
from nvmed.rpc.listing import decode_token, encode_token, parse_filter
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.mutation import mutation
from nvmed.rpc.targets import find_target, node_nsid
from nvmed.v1 import namespace_pb2, namespace_pb2_grpc

M = TypeVar("M", bound=Message)


class NamespaceService(namespace_pb2_grpc.NamespaceServiceServicer):
    """Asks drives about namespaces, and has them changed by journalled operations."""

    def __init__(self, operations: Manager, drives: Drives, recorder: Recorder) -> None:
        self._inventory = drives.inventory
        self._operations = operations
        self._changes = Namespaces(drives)
        self._formats = Formats(drives, recorder)
        self._rescans = Rescans(drives.inventory)

    # -- reading

    async def ListAllocatedNamespaces(
        self, request: namespace_pb2.ListAllocatedNamespacesRequest, context: Any
    ) -> namespace_pb2.ListAllocatedNamespacesResponse:
        device = await self._find(request)
        tests = parse_filter(request.filter, namespace_pb2.AllocatedNamespace)
        size = min(request.page_size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
        after = _nsid_before(decode_token(request.page_token, request.filter))
        found = await namespaces.list_allocated(device, attached_only=request.attached_only, after=after, at_most=size)
        shown = [convert.allocated(one) for one in found.namespaces]
        return namespace_pb2.ListAllocatedNamespacesResponse(
            controller=device.resource_name,
            namespaces=[one for one in shown if all(test(one) for test in tests)],
            next_page_token=encode_token(str(shown[-1].nsid), request.filter) if found.has_more else "",
            omissions=omissions(found.omissions),
        )

    async def GetNamespaceIdentity(
        self, request: namespace_pb2.GetNamespaceIdentityRequest, context: Any
    ) -> namespace_pb2.NamespaceIdentity:
        device, nsid = await self._find_namespace(request)
        found = await namespaces.read_identity(device, nsid)
        return convert.identity(device, found, include_raw=request.include_raw)

    async def GetLogicalBlockSize(
        self, request: namespace_pb2.GetLogicalBlockSizeRequest, context: Any
    ) -> namespace_pb2.LogicalBlockSize:
        device, nsid = await self._find_namespace(request)
        data, size = await namespaces.read_block_size(device, nsid)
        return convert.block_size(device, nsid, data, size)

    # -- changing, answered directly

    async def AttachControllers(
        self, request: namespace_pb2.AttachControllersRequest, context: Any
    ) -> namespace_pb2.AttachControllersResponse:
        wanted = convert.attachment(await self._find(request), AttachmentSelect.ATTACH, request)
        result = await self._do(
            request,
            wanted.device,
            partial(self._changes.check_attachment, wanted),
            partial(self._changes.attach, wanted=wanted),
        )
        return cast("namespace_pb2.AttachControllersResponse", result)

    async def DetachControllers(
        self, request: namespace_pb2.DetachControllersRequest, context: Any
    ) -> namespace_pb2.DetachControllersResponse:
        wanted = convert.attachment(await self._find(request), AttachmentSelect.DETACH, request)
        result = await self._do(
            request,
            wanted.device,
            partial(self._changes.check_attachment, wanted),
            partial(self._changes.attach, wanted=wanted),
        )
        return cast("namespace_pb2.DetachControllersResponse", result)

    async def RescanController(
        self, request: namespace_pb2.RescanControllerRequest, context: Any
    ) -> namespace_pb2.RescanControllerResponse:
        wanted = Rescan(await self._find(request), convert.wait_ms(request.wait_timeout_ms))
        check, run = partial(self._rescans.check, wanted), partial(self._rescans.run, wanted=wanted)
        return cast("namespace_pb2.RescanControllerResponse", await self._do(request, wanted.device, check, run))

    # -- changing, as operations

    async def CreateNamespace(
        self, request: namespace_pb2.CreateNamespaceRequest, context: Any
    ) -> longrunning.Operation:
        if request.WhichOneof("size") is None:
            raise invalid_field("size_blocks", "is required, or size_bytes instead of it")
        if (known := await replayed(self._operations, request)) is not None:
            return known
        wanted = convert.creation(await self._find(request), request)
        check, run = partial(self._changes.check_creation, wanted), partial(self._changes.create, wanted=wanted)
        return await begin(self._operations, request, wanted.device.resource_name, check, run)

    async def DeleteNamespace(
        self, request: namespace_pb2.DeleteNamespaceRequest, context: Any
    ) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        wanted = convert.deletion(await self._find(request), request)
        check, run = partial(self._changes.check_deletion, wanted), partial(self._changes.delete, wanted=wanted)
        return await begin(self._operations, request, wanted.device.resource_name, check, run)

    async def FormatNamespace(
        self, request: namespace_pb2.FormatNamespaceRequest, context: Any
    ) -> longrunning.Operation:
        if request.HasField("nsid") == request.all_namespaces:
            raise invalid_field("nsid", "is required unless all_namespaces is set, and then must be left out")
        if (known := await replayed(self._operations, request)) is not None:
            return known
        wanted = convert.formatting(await self._find(request), request)
        check, run = partial(self._formats.check, wanted), partial(self._formats.run, wanted=wanted)
        return await begin(self._operations, request, wanted.device.resource_name, check, run)

    # --

    async def _do(self, request: Any, device: Device, check: Callable[[], Awaitable[Result]], run: Run) -> Message:
        """Do it and answer, or with validate_only just check."""
        wanted = mutation(request, device.resource_name)
        if request.validate_only:
            return response(wanted.kind, await check())
        return response(wanted.kind, await self._operations.perform(wanted, run))

    async def _find(self, request: Any) -> Device:
        return (await self._target(request)).device

    async def _find_namespace(self, request: Any) -> tuple[Device, int]:
        """The controller and the namespace that a request names, by number or by being its node."""
        target = await self._target(request)
        if request.HasField("nsid"):
            return target.device, require_nsid(request.nsid)
        if number := node_nsid(target):
            return target.device, number
        raise invalid_field("nsid", "is required unless controller is a namespace's node")

    async def _target(self, request: Any) -> Target:
        return await find_target(self._inventory, request)


def _nsid_before(token: str) -> int:
    """The namespace that the page before ended with, 0 for the first; raises INVALID_FIELD."""
    if token and not (token.isdecimal() and int(token) <= NSID_MAX):
        raise invalid_field("page_token", "is damaged; start again without it")
    return int(token or 0)
