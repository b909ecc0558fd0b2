"""The client for scripts, prompts and threads: what `nvmedctl.Client` has, under the same names, without `async`.

    from nvmedctl.blocking import Client

    with Client("storage-7.example.org:7443", tls=Tls(ca, certificate, key)) as client:
        for controller in client.list_controllers():
            print(controller.name, controller.model_number)

It is the asynchronous client in a thread (`nvmedctl.portal`), so there is one of each: resumption, retries, errors.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

import grpc
from google.longrunning.operations_pb2 import Operation
from google.longrunning.operations_pb2_grpc import OperationsStub

from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from nvmed.v1.event_pb2_grpc import EventServiceStub
from nvmed.v1.firmware_pb2_grpc import FirmwareServiceStub
from nvmed.v1.inventory_pb2_grpc import InventoryServiceStub
from nvmed.v1.key_pb2_grpc import KeyServiceStub
from nvmed.v1.log_pb2_grpc import LogServiceStub
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from nvmed.v1.passthru_pb2_grpc import PassthruServiceStub
from nvmed.v1.support_pb2_grpc import SupportServiceStub
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub
from nvmedctl import client as asynchronous
from nvmedctl.address import Address, Tls
from nvmedctl.captures import SavedCapture
from nvmedctl.channel import TranslatingChannel
from nvmedctl.client import Item, Request, Response
from nvmedctl.images import Uploaded
from nvmedctl.log_pages import LogPage
from nvmedctl.operations import BlockingStub, M, Watcher
from nvmedctl.portal import Portal, Stream, from_thread
from nvmedctl.retry import DEFAULT_RETRY, RetryPolicy
from nvmedctl.support import SavedBundle
from nvmedctl.telemetry import Progress, Sink, TelemetryLog

if TYPE_CHECKING:
    from nvmed.v1.event_pb2 import WatchEventsRequest, WatchEventsResponse
    from nvmed.v1.firmware_pb2 import DownloadFirmwareResponse, DownloadHeader
    from nvmed.v1.log_pb2 import ReadLogPageRequest
    from nvmed.v1.resources_pb2 import Controller, Namespace, Subsystem
    from nvmed.v1.telemetry_pb2 import StreamTelemetryRequest

T = TypeVar("T")
P = ParamSpec("P")


def pages(
    method: Callable[[Request], Response],
    request: Request,
    items: Callable[[Response], Iterable[Item]],
) -> Iterator[Item]:
    """Every item of every page of a list method (AIP-158). Changes `request.page_token` as it goes."""
    while True:
        response = method(request)
        yield from items(response)
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token


class BlockingChannel(grpc.Channel):
    """The channel behind `Client`, for stubs that `Client` does not have.

    Its methods are called, and nothing else: a thread does what `future` would. A call that answers with a stream gives
    a `Stream`; one that is sent takes an iterator, which may block.
    """

    def __init__(self, portal: Portal, channel: TranslatingChannel) -> None:
        self._portal = portal
        self._channel = channel
        self._give_back = weakref.finalize(self, portal.give_back, channel.close)

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns, run in the event loop of the blocking clients."""
        if not self._give_back.alive:
            raise RuntimeError("This client is closed.")
        return self._portal.call(function, *args, **kwargs)

    def stream(self, messages: AsyncGenerator[T, None]) -> Stream[T]:
        """Messages that the event loop of the blocking clients receives."""
        return Stream(self.call, messages)

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        method = self._channel.unary_unary(*args, **kwargs)
        return lambda request, **options: self.call(method, request, **options)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        method = self._channel.unary_stream(*args, **kwargs)
        return lambda request, **options: self.stream(_messages(method, request, options))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        method = self._channel.stream_unary(*args, **kwargs)
        return lambda requests, **options: self.call(method, from_thread(iter(requests)), **options)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        method = self._channel.stream_stream(*args, **kwargs)
        return lambda requests, **options: self.stream(_messages(method, from_thread(iter(requests)), options))

    def subscribe(self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool = False) -> None:
        raise NotImplementedError("A call tells whether there is a connection.")

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        raise NotImplementedError("A call tells whether there is a connection.")

    def close(self) -> None:
        """Close the connection; calls in flight, of whichever thread, end with CALL_CANCELLED."""
        self._give_back()


async def _messages(method: Any, request: Any, options: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
    call = method(request, **options)
    try:
        async for message in call:
            yield message
    finally:
        call.cancel()


async def _open(
    address: str | None,
    tls: Tls | None,
    timeout: float | None,  # noqa: ASYNC109
    metadata: Sequence[tuple[str, str]],
) -> asynchronous.Client:
    return asynchronous.Client(address, tls=tls, timeout=timeout, metadata=metadata)


async def _nothing() -> None: ...


class Client:
    """A connection to a daemon, for any thread, and for several at once; its arguments are `nvmedctl.Client`'s.

    Its stubs are the contract; every failed call raises an error of `nvmed.errors`. KeyboardInterrupt cancels the call
    that it interrupts. `progress` is called in the client's own thread. A child of `fork` makes a client of its own,
    and gRPC asks that the parent has none then: start processes by `spawn` or `forkserver`.
    """

    inventory: InventoryServiceStub
    telemetry: TelemetryServiceStub
    logs: LogServiceStub
    namespaces: NamespaceServiceStub
    passthru: PassthruServiceStub
    keys: KeyServiceStub
    firmware: FirmwareServiceStub
    events: EventServiceStub
    drives: DriveServiceStub
    support: SupportServiceStub
    admin: AdminServiceStub
    operations: BlockingStub
    """google.longrunning.Operations; `wait` and `result` wait for one."""

    def __init__(
        self,
        address: str | None = None,
        *,
        tls: Tls | None = None,
        timeout: float | None = 60.0,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        portal = Portal.borrow()
        try:
            self._client = portal.call(_open, address, tls, timeout, metadata)
        except BaseException:
            portal.give_back(_nothing)
            raise
        self.address: Address = self._client.address
        self.channel: BlockingChannel = BlockingChannel(portal, self._client.channel)
        """For stubs that have no attribute here, for example `HealthStub(client.channel)`."""
        self.inventory = InventoryServiceStub(self.channel)
        self.telemetry = TelemetryServiceStub(self.channel)
        self.logs = LogServiceStub(self.channel)
        self.namespaces = NamespaceServiceStub(self.channel)
        self.passthru = PassthruServiceStub(self.channel)
        self.keys = KeyServiceStub(self.channel)
        self.firmware = FirmwareServiceStub(self.channel)
        self.events = EventServiceStub(self.channel)
        self.drives = DriveServiceStub(self.channel)
        self.support = SupportServiceStub(self.channel)
        self.admin = AdminServiceStub(self.channel)
        self.operations = OperationsStub(self.channel)

    def close(self) -> None:
        """Close the connection; calls in flight, of whichever thread, end with CALL_CANCELLED."""
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    def list_controllers(self, filter: str = "") -> Stream[Controller]:  # noqa: A002  # the field's name
        """Every controller that `filter` (AIP-160) lets through, ordered by name."""
        return self.channel.stream(self._client.list_controllers(filter))

    def list_subsystems(self, filter: str = "") -> Stream[Subsystem]:  # noqa: A002
        """Every NVM subsystem that `filter` lets through, ordered by name."""
        return self.channel.stream(self._client.list_subsystems(filter))

    def list_namespaces(self, parent: str = "", filter: str = "") -> Stream[Namespace]:  # noqa: A002
        """Every namespace of the subsystem `parent`, of all if empty, that `filter` lets through, ordered by name."""
        return self.channel.stream(self._client.list_namespaces(parent, filter))

    def watch_events(
        self, request: WatchEventsRequest, *, retry: RetryPolicy = DEFAULT_RETRY
    ) -> Stream[WatchEventsResponse]:
        """What happens as it happens: see `nvmedctl.events.watch_events`."""
        return self.channel.stream(self._client.watch_events(request, retry=retry))

    def wait(
        self,
        operation: Operation,
        progress: Watcher | None = None,
        *,
        timeout: float | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
    ) -> Operation:
        """`operation` once it is done: see `nvmedctl.operations.wait`."""
        return self.channel.call(self._client.wait, operation, progress, timeout=timeout, retry=retry)

    def result(
        self,
        operation: Operation,
        response: type[M],
        progress: Watcher | None = None,
        *,
        timeout: float | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
    ) -> M:
        """What `operation` answered, or the error that it ended with: see `nvmedctl.operations.result`."""
        waiting = partial(self._client.result, operation, response, progress, timeout=timeout, retry=retry)
        found: M = self.channel.call(waiting)
        return found

    def receive_telemetry(
        self,
        request: StreamTelemetryRequest,
        sink: Sink,
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> TelemetryLog:
        """The log that `request` names into `sink`: see `nvmedctl.telemetry.receive_telemetry`."""
        return self.channel.call(self._client.receive_telemetry, request, sink, retry=retry, progress=progress)

    def save_support_bundle(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> SavedBundle:
        """The bundle `name` in the file `path`: see `nvmedctl.support.save_support_bundle`."""
        return self.channel.call(self._client.save_support_bundle, name, path, retry=retry, progress=progress)

    def save_telemetry(
        self,
        request: StreamTelemetryRequest,
        path: str | os.PathLike[str],
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
        keep: bool = False,
    ) -> TelemetryLog:
        """The log that `request` names in the file `path`: see `nvmedctl.telemetry.save_telemetry`."""
        return self.channel.call(self._client.save_telemetry, request, path, retry=retry, progress=progress, keep=keep)

    def save_capture(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> SavedCapture:
        """The capture `name` in the file `path`: see `nvmedctl.captures.save_capture`."""
        return self.channel.call(self._client.save_capture, name, path, retry=retry, progress=progress)

    def save_log_page(
        self,
        request: ReadLogPageRequest,
        path: str | os.PathLike[str],
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        progress: Progress | None = None,
    ) -> LogPage:
        """The page that `request` names in the file `path`: see `nvmedctl.log_pages.save_log_page`."""
        return self.channel.call(self._client.save_log_page, request, path, retry=retry, progress=progress)

    def upload_image(
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
        return self.channel.call(
            self._client.upload_image,
            path,
            firmware_revision=firmware_revision,
            model_number=model_number,
            labels=labels,
            sha256=sha256,
            retry=retry,
            progress=progress,
        )

    def download_firmware(
        self, path: str | os.PathLike[str], header: DownloadHeader, *, progress: Progress | None = None
    ) -> DownloadFirmwareResponse:
        """The file `path` straight to a drive: see `nvmedctl.images.download_firmware`."""
        return self.channel.call(self._client.download_firmware, path, header, progress=progress)
