"""The blocking client against a daemon with TLS, as scripts use it: threads, interrupts, forks, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import nvmedctl
import pytest
from nvmedctl import Tls, blocking
from nvmedctl.blocking import Client

from nvmed.errors import Cancelled, FailedPrecondition, InvalidArgument, NotFound
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.event_pb2 import WatchEventsRequest, WatchEventsResponse
from nvmed.v1.firmware_pb2 import (
    FIRMWARE_OUTCOME_STAGED,
    DownloadHeader,
    FirmwarePreconditions,
    StageFirmwareRequest,
    StageFirmwareResponse,
)
from nvmed.v1.inventory_pb2 import GetControllerRequest, ListControllersRequest
from nvmed.v1.log_pb2 import ReadLogPageRequest
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest
from tests.support.simulated_host import Host, serving


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with TemporaryDirectory(prefix="nvmed-", dir="/tmp") as folder, serving(Path(folder)) as found:
        yield found


@pytest.fixture
def client(host: Host) -> Iterator[Client]:
    """An operator over mutual TLS."""
    home = host.home
    tls = Tls(home / "ca.pem", home / "operator.pem", home / "operator.key")
    with Client(host.tls_address, tls=tls) as found:
        yield found
    assert "nvmedctl" not in {thread.name for thread in threading.enumerate()}


def test_calls_lists_and_pages(client: Client) -> None:
    assert client.admin.GetServerInfo(GetServerInfoRequest()).principal == "uri:spiffe://example.org/operator"
    names = [controller.name for controller in client.list_controllers()]
    listed = blocking.pages(
        client.inventory.ListControllers, ListControllersRequest(page_size=1), lambda r: r.controllers
    )
    assert names == [controller.name for controller in listed]
    assert len(names) == len(list(client.list_subsystems())) == 2
    assert len(list(client.list_namespaces())) >= 2


def test_errors_are_typed(client: Client) -> None:
    with pytest.raises(NotFound) as missing:
        client.inventory.GetController(GetControllerRequest(name="controllers/none-1"))
    assert missing.value.reason == "CONTROLLER_NOT_FOUND"
    with pytest.raises(InvalidArgument) as wrong:
        list(client.telemetry.StreamTelemetry(StreamTelemetryRequest(controller="nvme0", chunk_bytes=1000)))
    assert {violation.field for violation in wrong.value.fields} >= {"chunk_bytes"}


def test_a_log_and_a_page_are_saved(client: Client, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    request = StreamTelemetryRequest(controller="nvme0", source=TELEMETRY_SOURCE_HOST, create=True)
    log = client.save_telemetry(request, tmp_path / "log", progress=lambda *progress: told.append(progress))
    assert (tmp_path / "log").stat().st_size == log.size_bytes == told[-1][0]
    page = client.save_log_page(ReadLogPageRequest(controller="nvme0", log_page=2, length_bytes=512), tmp_path / "page")
    assert (tmp_path / "page").stat().st_size == page.size_bytes == 512


def test_an_image_is_uploaded_staged_and_waited_for(client: Client, host: Host) -> None:
    uploaded = client.upload_image(host.home / "3.0.0.bin", firmware_revision="3.0.0")
    controllers = [next(client.list_controllers()).name]
    request = StageFirmwareRequest(controllers=controllers, image=uploaded.image.name, request_id=str(uuid.uuid4()))
    seen: list[int] = []
    begun = client.firmware.StageFirmware(request)
    answer = client.result(begun, StageFirmwareResponse, lambda metadata: seen.append(metadata.state), timeout=30)
    assert [drive.outcome for drive in answer.drives] == [FIRMWARE_OUTCOME_STAGED]
    assert seen
    request.request_id = str(uuid.uuid4())
    request.preconditions.CopyFrom(FirmwarePreconditions(model_number="ANOTHER_MODEL"))
    with pytest.raises(FailedPrecondition) as refused:
        client.result(client.firmware.StageFirmware(request), StageFirmwareResponse)
    assert [gate.kind for gate in refused.value.gates] == ["EXPECTED_MODEL"]


def test_requests_of_a_stream_come_from_an_iterator(client: Client, host: Host) -> None:
    header = DownloadHeader(controller="nvme0", validate_only=True)
    assert client.download_firmware(host.home / "3.0.0.bin", header) is not None


def test_a_stream_ends_when_it_is_closed(client: Client) -> None:
    with client.watch_events(WatchEventsRequest(include_snapshot=True)) as events:
        assert isinstance(next(events), WatchEventsResponse)
    assert list(events) == []
    raw = client.events.WatchEvents(WatchEventsRequest(include_snapshot=True))
    assert isinstance(next(raw), WatchEventsResponse)
    raw.cancel()
    assert list(raw) == []


def test_many_threads_share_a_client_and_clients_a_thread(client: Client, host: Host) -> None:
    def ask(_: int) -> int:
        return len(list(client.list_controllers()))

    with Client(host.socket()) as another, ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(80))) == {2}
        assert another.admin.GetServerInfo(GetServerInfoRequest()).principal == "unix:admin"
        assert [thread.name for thread in threading.enumerate()].count("nvmedctl") == 1


def test_closing_ends_what_other_threads_wait_for(host: Host) -> None:
    client = Client(host.socket())
    with ThreadPoolExecutor(1) as threads:
        events = client.watch_events(WatchEventsRequest(include_snapshot=True))
        next(events)

        def drain() -> None:
            for _ in events:
                waiting.set()

        waiting = threading.Event()
        draining = threads.submit(drain)
        assert waiting.wait(10)
        client.close()
        with pytest.raises((Cancelled, RuntimeError), match=r"This client is closed|The client was closed"):
            draining.result()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.admin.GetServerInfo(GetServerInfoRequest())


def test_what_is_called_back_does_not_wait_for_the_client(client: Client, tmp_path: Path) -> None:
    def ask(_: int, __: int) -> None:
        client.admin.GetServerInfo(GetServerInfoRequest())

    request = StreamTelemetryRequest(controller="nvme0", source=TELEMETRY_SOURCE_HOST)
    with pytest.raises(RuntimeError, match="progress"):
        client.save_telemetry(request, tmp_path / "log", progress=ask)


async def test_it_serves_where_a_loop_runs_too(client: Client, host: Host) -> None:
    """As at the prompt of a notebook; beside it the asynchronous client goes on."""
    async with nvmedctl.Client(host.socket()) as asynchronous:
        asked = asynchronous.admin.GetServerInfo(GetServerInfoRequest())
        answer = client.admin.GetServerInfo(GetServerInfoRequest())
        assert ((await asked).principal, answer.principal) == ("unix:admin", "uri:spiffe://example.org/operator")


def test_a_client_without_an_address_it_can_use_leaves_no_thread() -> None:
    with pytest.raises(InvalidArgument):
        Client("not an address")
    assert "nvmedctl" not in {thread.name for thread in threading.enumerate()}


SCRIPT = """
import gc, os, signal, sys, threading, time
from pathlib import Path
from nvmedctl.blocking import Client
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.event_pb2 import WatchEventsRequest
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest
client = Client()
info = client.admin.GetServerInfo(GetServerInfoRequest())
"""

INTERRUPTED = """
def progress(done, total):
    if not done:
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)  # as a slow drive: there is something left to interrupt
request = StreamTelemetryRequest(controller="nvme0", source=TELEMETRY_SOURCE_HOST)
try:
    client.save_telemetry(request, "log", progress=progress)
except KeyboardInterrupt:
    print(os.listdir(), client.admin.GetServerInfo(GetServerInfoRequest()) == info)
"""

WATCHING = """
events = client.watch_events(WatchEventsRequest(include_snapshot=True))
next(events)
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for event in events: pass
except KeyboardInterrupt:
    print("interrupted")
"""

FORKED = """
sys.stdout.flush()
if not (child := os.fork()):
    try:
        client.admin.GetServerInfo(GetServerInfoRequest())
    except RuntimeError as failure:
        print(failure, flush=True)
    client.close()
    os._exit(0)
os.waitpid(child, 0)
print(client.admin.GetServerInfo(GetServerInfoRequest()) == info)
"""

ABANDONED = """
del client
gc.collect()
print(len(threading.enumerate()))
"""


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("", ""),
        (INTERRUPTED, "[] True\n"),
        (WATCHING, "interrupted\n"),
        (FORKED, "This client was made before a fork: its thread and connection stayed with the parent.\nTrue\n"),
        (ABANDONED, "1\n"),
    ],
    ids=["never closed", "interrupted", "interrupted while it waits", "forked", "forgotten"],
)
def test_a_script_ends_cleanly(host: Host, tmp_path: Path, script: str, printed: str) -> None:
    environment = {**os.environ, "NVMED_ADDRESS": f"unix:{host.socket()}"}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT + script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")
