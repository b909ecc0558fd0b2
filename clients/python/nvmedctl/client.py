"""The client: one connection to one daemon."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from google.longrunning.operations_pb2 import Operation
from google.longrunning.operations_pb2_grpc import OperationsStub

from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from nvmed.v1.event_pb2_grpc import EventServiceStub
from nvmed.v1.firmware_pb2_grpc import FirmwareServiceStub
from nvmed.v1.inventory_pb2 import ListControllersRequest, ListNamespacesRequest, ListSubsystemsRequest
from nvmed.v1.inventory_pb2_grpc import InventoryServiceStub
from nvmed.v1.key_pb2_grpc import KeyServiceStub
from nvmed.v1.log_pb2_grpc import LogServiceStub
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from nvmed.v1.passthru_pb2_grpc import PassthruServiceStub
from nvmed.v1.support_pb2_grpc import SupportServiceStub
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub
from nvmedctl import address as addresses
from nvmedctl import operations
from nvmedctl.captures import SavedCapture, save_capture
from nvmedctl.channel import TranslatingChannel
from nvmedctl.events import watch_events
from nvmedctl.images import Uploaded, download_firmware, upload_image
from nvmedctl.log_pages import LogPage, save_log_page
from nvmedctl.operations import AsyncStub, M, Watcher
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy
from nvmedctl.support import SavedBundle, save_support_bundle
from nvmedctl.telemetry import Progress, Sink, TelemetryLog, receive_telemetry, save_telemetry

if TYPE_CHECKING:
    from nvmed.v1.admin_pb2_grpc import AdminServiceAsyncStub
    from nvmed.v1.drive_pb2_grpc import DriveServiceAsyncStub
    from nvmed.v1.event_pb2 import WatchEventsRequest, WatchEventsResponse
    from nvmed.v1.event_pb2_grpc import EventServiceAsyncStub
    from nvmed.v1.firmware_pb2 import DownloadFirmwareResponse, DownloadHeader
    from nvmed.v1.firmware_pb2_grpc import FirmwareServiceAsyncStub
    from nvmed.v1.inventory_pb2_grpc import InventoryServiceAsyncStub
    from nvmed.v1.key_pb2_grpc import KeyServiceAsyncStub
    from nvmed.v1.log_pb2 import ReadLogPageRequest
    from nvmed.v1.log_pb2_grpc import LogServiceAsyncStub
    from nvmed.v1.namespace_pb2_grpc import NamespaceServiceAsyncStub
    from nvmed.v1.passthru_pb2_grpc import PassthruServiceAsyncStub
    from nvmed.v1.resources_pb2 import Controller, Namespace, Subsystem
    from nvmed.v1.support_pb2_grpc import SupportServiceAsyncStub
    from nvmed.v1.telemetry_pb2 import StreamTelemetryRequest
    from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceAsyncStub


class _PagedRequest(Protocol):
    page_token: str


class _PagedResponse(Protocol):
    @property
    def next_page_token(self) -> str: ...


Request = TypeVar("Request", bound=_PagedRequest)
Response = TypeVar("Response", bound=_PagedResponse)
Item = TypeVar("Item")


async def pages(
    method: Callable[[Request], Awaitable[Response]],
    request: Request,
    items: Callable[[Response], Iterable[Item]],
) -> AsyncGenerator[Item, None]:
    """Every item of every page of a list method (AIP-158). Changes `request.page_token` as it goes."""
    while True:
        response = await method(request)
        for item in items(response):
            yield item
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token


class Client:
    """A connection to a daemon. Its stubs are the contract; every failed call raises an error of `nvmed.errors`::

        async with Client("unix:/run/nvmed/nvmed.sock") as client:
            async for controller in client.list_controllers(filter='transport = "pcie"'):
                print(controller.name, controller.model_number)
            request = StreamTelemetryRequest(controller="nvme0", source=TELEMETRY_SOURCE_HOST)
            log = await client.save_telemetry(request, "nvme0.bin")

    `address` is `unix:/path`, `/path` or `host:port`; without it NVMED_ADDRESS, with what NVMED_CA, NVMED_CERT and
    NVMED_KEY say of TLS, else this host's own daemon.
    `timeout` is the deadline in seconds of each unary call that sets none; streams have none. `metadata` goes with each
    call, such as `traceparent`. Make it inside a running event loop: it belongs to that loop. It connects with the
    first call, and again whenever the connection broke.
    """

    inventory: InventoryServiceAsyncStub
    telemetry: TelemetryServiceAsyncStub
    logs: LogServiceAsyncStub
    namespaces: NamespaceServiceAsyncStub
    drives: DriveServiceAsyncStub
    passthru: PassthruServiceAsyncStub
    keys: KeyServiceAsyncStub
    firmware: FirmwareServiceAsyncStub
    events: EventServiceAsyncStub
    support: SupportServiceAsyncStub
    admin: AdminServiceAsyncStub
    operations: AsyncStub
    """google.longrunning.Operations; `wait` and `result` wait for one."""

    def __init__(
        self,
        address: str | None = None,
        *,
        tls: addresses.Tls | None = None,
        timeout: float | None = 60.0,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.address: addresses.Address = addresses.resolve(address)
        if address is None and not self.address.is_unix:
            tls = tls or addresses.tls_of_environment()
        self.channel: TranslatingChannel = TranslatingChannel(self.address, tls, timeout, metadata)
        """For stubs that have no attribute here, for example `HealthStub(client.channel)`."""
        self.inventory = InventoryServiceStub(self.channel)
        self.telemetry = TelemetryServiceStub(self.channel)
        self.logs = LogServiceStub(self.channel)
        self.namespaces = NamespaceServiceStub(self.channel)
        self.drives = DriveServiceStub(self.channel)
        self.passthru = PassthruServiceStub(self.channel)
        self.keys = KeyServiceStub(self.channel)
        self.firmware = FirmwareServiceStub(self.channel)
        self.events = EventServiceStub(self.channel)
        self.support = SupportServiceStub(self.channel)
        self.admin = AdminServiceStub(self.channel)
        self.operations = OperationsStub(self.channel)

    async def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()

    def list_controllers(self, filter: str = "") -> AsyncGenerator[Controller, None]:  # noqa: A002  # the field's name
        """Every controller that `filter` (AIP-160) lets through, ordered by name."""
        return pages(self.inventory.ListControllers, ListControllersRequest(filter=filter), lambda r: r.controllers)

    def list_subsystems(self, filter: str = "") -> AsyncGenerator[Subsystem, None]:  # noqa: A002
        """Every NVM subsystem that `filter` lets through, ordered by name."""
        return pages(self.inventory.ListSubsystems, ListSubsystemsRequest(filter=filter), lambda r: r.subsystems)

    def list_namespaces(self, parent: str = "", filter: str = "") -> AsyncGenerator[Namespace, None]:  # noqa: A002
        """Every namespace of the subsystem `parent`, of all if empty, that `filter` lets through, ordered by name."""
        request = ListNamespacesRequest(parent=parent, filter=filter)
        return pages(self.inventory.ListNamespaces, request, lambda r: r.namespaces)

    def watch_events(
        self, request: WatchEventsRequest, *, retry: RetryPolicy = DEFAULT_RETRY
    ) -> AsyncGenerator[WatchEventsResponse, None]:
        """What happens as it happens: see `nvmedctl.events.watch_events`."""
        return watch_events(self.events, request, retry=retry)

    async def wait(
        self,
        operation: Operation,
        progress: Watcher | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        retry: RetryPolicy = DEFAULT_RETRY,
    ) -> Operation:
        """`operation` once it is done: see `nvmedctl.operations.wait`."""
        return await operations.wait(self.operations, operation, progress, timeout=timeout, retry=retry)

    async def result(
        self,
        operation: Operation,
        response: type[M],
        progress: Watcher | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        retry: RetryPolicy = DEFAULT_RETRY,
    ) -> M:
        """What `operation` answered, or the error that it ended with: see `nvmedctl.operations.result`."""
        return await operations.result(self.operations, operation, response, progress, timeout=timeout, retry=retry)

    async def receive_telemetry(
        self,
        request: StreamTelemetryRequest,
        sink: Sink,
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> TelemetryLog:
        """The log that `request` names into `sink`, called in a thread: see `nvmedctl.telemetry.receive_telemetry`."""
        with ThreadPoolExecutor(1, "nvmedctl-receive") as executor:
            return await receive_telemetry(
                self.telemetry, request, sink, executor=executor, retry=retry, progress=progress
            )

    async def save_support_bundle(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> SavedBundle:
        """The bundle `name` in the file `path`: see `nvmedctl.support.save_support_bundle`."""
        return await save_support_bundle(self.support, name, path, retry=retry, progress=progress)

    async def save_telemetry(
        self,
        request: StreamTelemetryRequest,
        path: str | os.PathLike[str],
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
        keep: bool = False,
    ) -> TelemetryLog:
        """The log that `request` names in the file `path`: see `nvmedctl.telemetry.save_telemetry`."""
        return await save_telemetry(self.telemetry, request, path, retry=retry, progress=progress, keep=keep)

    async def save_capture(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> SavedCapture:
        """The capture `name` in the file `path`: see `nvmedctl.captures.save_capture`."""
        return await save_capture(self.telemetry, name, path, retry=retry, progress=progress)

    async def save_log_page(
        self,
        request: ReadLogPageRequest,
        path: str | os.PathLike[str],
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> LogPage:
        """The page that `request` names in the file `path`: see `nvmedctl.log_pages.save_log_page`."""
        return await save_log_page(self.logs, request, path, retry=retry, progress=progress)

    async def upload_image(
        self,
        path: str | os.PathLike[str],
        *,
        firmware_revision: str = "",
        model_number: str = "",
        labels: Mapping[str, str] | None = None,
        sha256: bytes | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> Uploaded:
        """The firmware image in the file `path` in the daemon's spool: see `nvmedctl.images.upload_image`."""
        return await upload_image(
            self.firmware,
            path,
            firmware_revision=firmware_revision,
            model_number=model_number,
            labels=labels,
            sha256=sha256,
            retry=retry,
            progress=progress,
        )

    async def download_firmware(
        self, path: str | os.PathLike[str], header: DownloadHeader, *, progress: Progress | None = None
    ) -> DownloadFirmwareResponse:
        """The file `path` straight to a drive: see `nvmedctl.images.download_firmware`."""
        return await download_firmware(self.firmware, path, header, progress=progress)
