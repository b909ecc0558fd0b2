"""nvmed.v1.LogService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, cast

from nvmed import limits
from nvmed.devices import logs, logs_changing, logs_raw
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.logs_persistent import PersistentEventReader
from nvmed.devices.logs_raw import RawEnd, RawRequest, RawStart
from nvmed.devices.telemetry import Journalled
from nvmed.nvme.ana import ana_log_bytes
from nvmed.nvme.capabilities import Capabilities
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.logpage import LogPageRequest
from nvmed.nvme.opcodes import NSID_ALL, SelfTestCode
from nvmed.operations.manager import Manager
from nvmed.operations.running import Result, Running
from nvmed.reasons import invalid_field
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import logs as convert_logs
from nvmed.rpc.convert import persistent_events as convert_persistent_events
from nvmed.rpc.convert.digests import digest_of, has_digest
from nvmed.rpc.convert.fitted import fitted, omissions
from nvmed.rpc.convert.operations import response
from nvmed.rpc.listing import page
from nvmed.rpc.mutation import journalled, mutation
from nvmed.rpc.services.log_pages import LogPageMethods
from nvmed.rpc.services.ocp_logs import OcpLogMethods
from nvmed.rpc.targets import find_target
from nvmed.rpc.wire import HEADROOM, chunk_message
from nvmed.security.policy import CLEAR_LOG
from nvmed.v1 import log_pb2, log_pb2_grpc

_CHUNK_FIELD: Final = log_pb2.ReadLogPageResponse.CHUNK_FIELD_NUMBER


class LogService(OcpLogMethods, LogPageMethods, log_pb2_grpc.LogServiceServicer):
    """Reads logs; chunks of raw pages are encoded by the threads that read them."""

    def __init__(self, inventory: Inventory, operations: Manager) -> None:
        self._inventory = inventory
        self._operations = operations
        self._persistent = PersistentEventReader()

    async def GetAnaLogSize(self, request: log_pb2.GetAnaLogSizeRequest, context: Any) -> log_pb2.AnaLogSize:
        name = ""
        if request.WhichOneof("source") == "controller":
            device = await self._find(request)
            name, identity = device.resource_name, await logs_changing.read_identity(device)
        elif request.WhichOneof("source") == "identify_controller":
            identity = IdentifyController.parse(request.identify_controller)
        else:
            raise invalid_field("controller", "is required, or identify_controller instead of it")
        size = ana_log_bytes(identity.nanagrpid, identity.mnan, groups_only=request.groups_only)
        return fitted(
            log_pb2.AnaLogSize,
            controller=name,
            size_bytes=size,
            group_count=identity.nanagrpid,
            namespaces_max=identity.mnan,
            groups_only=request.groups_only,
            supported=Capabilities(identity).has("ana_reporting"),
        )

    async def GetAnaLog(self, request: log_pb2.GetAnaLogRequest, context: Any) -> log_pb2.AnaLog:
        device = await self._find(request)
        clear = self._clearing(request, device)
        read = await logs_changing.read_ana(device, groups_only=request.groups_only, clear=clear)
        return convert_logs.ana(device, read, include_raw=request.include_raw)

    async def GetLbaStatusLog(self, request: log_pb2.GetLbaStatusLogRequest, context: Any) -> log_pb2.LbaStatusLog:
        device = await self._find(request)
        read = await logs_changing.read_lba_status(device, self._clearing(request, device))
        return convert_logs.lba_status(device, read, include_raw=request.include_raw)

    async def GetSmartLog(self, request: log_pb2.GetSmartLogRequest, context: Any) -> log_pb2.SmartLog:
        device = await self._find(request)
        nsid = request.nsid if request.HasField("nsid") else None
        read = await logs.read_smart(device, nsid, self._clearing(request, device))
        return convert_logs.smart(device, nsid, read, include_raw=request.include_raw)

    async def ListErrorLogEntries(
        self, request: log_pb2.ListErrorLogEntriesRequest, context: Any
    ) -> log_pb2.ListErrorLogEntriesResponse:
        device = await self._find(request)
        read = await logs.read_errors(device, request.entries_max, self._clearing(request, device))
        answer = convert_logs.errors(device, read, include_raw=request.include_raw)
        shown, answer.next_page_token = page(
            answer.error_log_entries,
            request,
            log_pb2.ErrorLogEntry,
            lambda entry: -entry.error_count,
            size_default=limits.PAGE_SIZE_MAX,
        )
        kept = list(shown)
        del answer.error_log_entries[:]
        answer.error_log_entries.extend(kept)
        return answer

    async def GetEffectsLog(self, request: log_pb2.GetEffectsLogRequest, context: Any) -> log_pb2.EffectsLog:
        device = await self._find(request)
        read = await logs.read_effects(device, request.command_set)
        return convert_logs.effects(device, read, include_raw=request.include_raw)

    async def GetSelfTestLog(self, request: log_pb2.GetSelfTestLogRequest, context: Any) -> log_pb2.SelfTestLog:
        device = await self._find(request)
        read = await logs.read_self_tests(device)
        return convert_logs.self_tests(device, read, include_raw=request.include_raw)

    async def StartSelfTest(self, request: log_pb2.StartSelfTestRequest, context: Any) -> log_pb2.StartSelfTestResponse:
        device = await self._find(request)
        code, nsid = SelfTestCode(request.test), request.nsid if request.HasField("nsid") else NSID_ALL
        wanted = mutation(request, device.resource_name)

        async def run(running: Running) -> Result:
            async def step(name: str, change: Callable[[], Awaitable[None]]) -> None:
                async with running.step(name, test=code.name, nsid=nsid):
                    await change()

            return await start(step)

        async def start(step: Journalled | None) -> Result:
            minutes = await logs.start_self_test(device, code, nsid, step)
            test = log_pb2.SelfTest.Name(request.test)
            return {"controller": device.resource_name, "test": test, "expected_minutes": minutes}

        result = await start(None) if request.validate_only else await self._operations.perform(wanted, run)
        return cast("log_pb2.StartSelfTestResponse", response(wanted.kind, result))

    async def GetSanitizeStatus(
        self, request: log_pb2.GetSanitizeStatusRequest, context: Any
    ) -> log_pb2.SanitizeStatus:
        device = await self._find(request)
        read = await logs.read_sanitize_status(device, self._clearing(request, device))
        return convert_logs.sanitize(device, read, include_raw=request.include_raw)

    async def GetPersistentEventLog(
        self, request: log_pb2.GetPersistentEventLogRequest, context: Any
    ) -> log_pb2.PersistentEventLog:
        device = await self._find(request)
        take_over = None
        if request.take_over_context:
            current_call.get().require(CLEAR_LOG)
            take_over = journalled(self._operations, request, device.resource_name, replayed="release_context")
        found = await self._persistent.read(device, request.events_max or limits.EVENTS_DEFAULT, take_over)
        return convert_persistent_events.events(device, found)

    async def GetSupportedLogPages(
        self, request: log_pb2.GetSupportedLogPagesRequest, context: Any
    ) -> log_pb2.SupportedLogPages:
        device = await self._find(request)
        read = await logs.read_supported_pages(device)
        return convert_logs.supported_pages(device, read, include_raw=request.include_raw)

    async def ReadLogPage(  # type: ignore[override]  # chunks are bytes already, see rpc.wire
        self, request: log_pb2.ReadLogPageRequest, context: Any
    ) -> AsyncIterator[log_pb2.ReadLogPageResponse | bytes]:
        page = _page(request)
        logs_raw.refuse_impossible(page)
        if logs_raw.has_side_effects(page):
            current_call.get().require(CLEAR_LOG)
        device = await self._find(request)
        chunk_bytes = request.chunk_bytes or limits.CHUNK_BYTES_DEFAULT
        wanted = RawRequest(
            page=page,
            chunk_bytes=chunk_bytes,
            window=await current_call.get().lease.window(
                min(chunk_bytes, page.length_bytes), request.window or 1, limits.READ_AHEAD_BYTES_MAX
            ),
            transfer_bytes=request.max_transfer_bytes,
            headroom=HEADROOM,
            encode=lambda buffer, size, offset: chunk_message(_CHUNK_FIELD, buffer, size, offset),
            clear=self._clearing(request, device),
            has_digest=has_digest(request),
        )
        async with aclosing(logs_raw.stream(device, wanted, self._persistent)) as parts:
            async for part in parts:
                if isinstance(part, RawStart):
                    yield _header(device, page, chunk_bytes)
                elif isinstance(part, RawEnd):
                    yield _trailer(page, part, retained=wanted.clear is None)
                else:
                    yield part

    async def _find(self, request: Any) -> Device:
        return (await find_target(self._inventory, request)).device

    def _clearing(self, request: Any, device: Device) -> Journalled | None:
        """How the event of the log is cleared, None where it is retained: by default, and by who may not clear it."""
        if request.retain_async_event or not request.HasField("retain_async_event"):
            return None
        current_call.get().require(CLEAR_LOG)
        return journalled(self._operations, request, device.resource_name, replayed="clear_event")


def _page(request: log_pb2.ReadLogPageRequest) -> LogPageRequest:
    return LogPageRequest(
        lid=request.log_page,
        length_bytes=request.length_bytes,
        offset_bytes=request.offset_bytes,
        lsp=request.log_specific_parameter,
        lsi=request.log_specific_identifier,
        uuid_index=request.uuid_index,
        csi=request.command_set,
        nsid=request.nsid,
    )


def _header(device: Device, page: LogPageRequest, chunk_bytes: int) -> log_pb2.ReadLogPageResponse:
    return fitted(
        log_pb2.ReadLogPageResponse,
        header=fitted(
            log_pb2.LogPageHeader,
            controller=device.resource_name,
            log_page=page.lid,
            offset_bytes=page.offset_bytes,
            length_bytes=page.length_bytes,
            chunk_bytes=chunk_bytes,
        ),
    )


def _trailer(page: LogPageRequest, end: RawEnd, *, retained: bool) -> log_pb2.ReadLogPageResponse:
    return fitted(
        log_pb2.ReadLogPageResponse,
        trailer=fitted(
            log_pb2.LogPageTrailer,
            length_bytes=page.length_bytes,
            sha256=end.sha256,
            digest=digest_of(end.sha256),
            async_event_retained=retained,
            omissions=omissions(end.omissions),
        ),
    )
