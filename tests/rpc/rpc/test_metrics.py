"""Metrics as a scraper gets them from a running daemon."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from nvmed.config import Metrics
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.surroundings import Link, LinkErrors
from nvmed.rpc.metrics import CONTENT_TYPE, all_metrics
from nvmed.rpc.metrics.table import labelled
from nvmed.simulator.faults import Fault, Hang, Refuse
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.inventory_pb2 import GetControllerRequest
from nvmed.v1.log_pb2 import GetSmartLogRequest
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest
from tests.rpc.erase_calls import sanitized
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.log_calls import reads, stub

INVALID_LOG_PAGE = 0x4109
SMART = LogPage.SMART_HEALTH_INFORMATION

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: nvmed\r\nConnection: close\r\n\r\n"

Values = dict[str, dict[tuple[tuple[str, str], ...], float]]
"""Values by name of the sample, then by its labels in order."""


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.sock"


@pytest.fixture
def metrics(socket_path: Path) -> Metrics:
    return Metrics(address=f"unix:{socket_path}", sample_interval_s=5)


async def ask(path: Path, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head, body


async def scrape(path: Path) -> Values:
    head, body = await ask(path, REQUEST)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"content-type: {CONTENT_TYPE}".encode() in head
    values: Values = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            values.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return values


def of(values: Values, name: str, **labels: str) -> float:
    return values[name][tuple(sorted(labels.items()))]


async def scraped_until(path: Path, name: str, wanted: float, **labels: str) -> Values:
    """Scrape until the value is there; the test's timeout bounds this."""
    while True:
        values = await scrape(path)
        if values.get(name, {}).get(tuple(sorted(labels.items()))) == wanted:
            return values


async def test_drives_as_they_were_read_last(start_daemon: StartDaemon, metrics: Metrics, socket_path: Path) -> None:
    daemon = await start_daemon(small_drive("ONE"), metrics=metrics)
    values = await scraped_until(socket_path, "nvmed_drive_readable", 1, controller="one-1")
    assert of(values, "nvmed_drive_temperature_celsius", controller="one-1", sensor="composite") == 38
    assert ("sensor", "2") not in {label for labels in values["nvmed_drive_temperature_celsius"] for label in labels}
    assert of(values, "nvmed_drive_critical_warning", controller="one-1", warning="read_only") == 0
    assert of(values, "nvmed_drive_available_spare_ratio", controller="one-1") == 1
    assert of(values, "nvmed_drive_media_errors_total", controller="one-1") == 0
    assert "nvmed_drive_failure" not in values
    (info,) = values["nvmed_drive_info"]
    (node,) = daemon.host.scan()
    assert dict(info) == {
        "controller": "one-1",
        "node": "nvme0",
        "model": node.model,
        "serial": "ONE",
        "firmware": node.firmware_revision,
        "transport": "pcie",
    }


async def test_what_is_around_a_drive_and_what_the_daemon_says_of_itself(
    start_daemon: StartDaemon, metrics: Metrics, socket_path: Path
) -> None:
    daemon = await start_daemon(small_drive("ONE"), metrics=metrics)
    daemon.host.surround("nvme0", link=Link(8_000, 4, 16_000, 4), errors=LinkErrors({"RxErr": 3, "BadTLP": 0}, {}, {}))
    one = {"controller": "one-1"}
    values = await scraped_until(socket_path, "nvmed_link_degraded", 1, **one)
    assert of(values, "nvmed_link_transfers_per_second", **one) == 8e9
    assert of(values, "nvmed_link_errors_total", severity="correctable", **one) == 3
    assert values["nvmed_link_errors_by_kind_total"] == {
        tuple(sorted({"severity": "correctable", "kind": "RxErr", **one}.items())): 3
    }
    (namespace,) = daemon.host.scan()[0].namespaces
    assert of(values, "nvmed_namespace_size_bytes", nsid="1", node=namespace.node, **one) == namespace.size_bytes
    assert of(values, "nvmed_drive_thermal_transitions_total", level="2", **one) == 0
    assert of(values, "nvmed_audit_failing") == of(values, "nvmed_calls_throttled_total") == 0
    assert of(values, "nvmed_audit_records_total") >= 1


async def test_every_metric_is_documented_and_no_other(
    start_daemon: StartDaemon, metrics: Metrics, socket_path: Path
) -> None:
    await start_daemon(metrics=metrics)
    _, body = await ask(socket_path, REQUEST)
    shown = {line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE nvmed_")}
    assert shown == {name for name, _, _, _ in all_metrics()}


@given(st.text())
def test_labels_are_as_prometheus_reads_them(text: str) -> None:
    line = f"x{{{labelled(['a'], [text])}}} 1\n"
    (family,) = text_string_to_metric_families(line)
    assert family.samples[0].labels == {"a": text}


async def test_a_scrape_touches_no_drive(start_daemon: StartDaemon, metrics: Metrics, socket_path: Path) -> None:
    daemon = await start_daemon(metrics=metrics)
    await scraped_until(socket_path, "nvmed_drive_readable", 1, controller="nvmed1-1")
    before = len(reads(daemon.drive(), SMART))
    hang = Hang()
    daemon.drive().faults.add(Fault(hang))
    try:
        for _ in range(20):
            await scrape(socket_path)
        assert len(reads(daemon.drive(), SMART)) - before <= 1  # the sampler's own next round, if it came
    finally:
        hang.release()


async def test_a_drive_that_cannot_be_read_is_there_and_says_so(
    start_daemon: StartDaemon, metrics: Metrics, socket_path: Path
) -> None:
    daemon = await start_daemon(small_drive("BAD"), metrics=metrics)
    daemon.drive().faults.add(Fault(Refuse(INVALID_LOG_PAGE), log_id=SMART))
    values = await scraped_until(socket_path, "nvmed_drive_failure", 1, controller="bad-1", reason="NVME_UNSUPPORTED")
    assert of(values, "nvmed_drive_readable", controller="bad-1") == 0
    assert of(values, "nvmed_drive_state", controller="bad-1", state="live") == 1
    assert "nvmed_drive_temperature_celsius" not in values


async def test_a_hanging_drive_shows_in_its_lane(
    start_daemon: StartDaemon, metrics: Metrics, socket_path: Path
) -> None:
    daemon = await start_daemon(small_drive("ONE"), small_drive("TWO"), metrics=metrics)
    await scraped_until(socket_path, "nvmed_drive_readable", 1, controller="one-1")
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, log_id=SMART))
    method = "/nvmed.v1.LogService/GetSmartLog"
    call = asyncio.ensure_future(stub(daemon).GetSmartLog(GetSmartLogRequest(controller="nvme0")))
    try:
        await asyncio.to_thread(hang.reached.wait)
        values = await scraped_until(socket_path, "nvmed_calls_in_progress", 1, method=method)
        assert of(values, "nvmed_lane_busy_threads", controller="one-1") >= 1
        assert of(values, "nvmed_lane_stalled", controller="one-1") == 0
        await scraped_until(socket_path, "nvmed_lane_busy_threads", 0, controller="two-1")
    finally:
        hang.release()
    await call


async def test_calls_by_method_and_code(start_daemon: StartDaemon, metrics: Metrics, socket_path: Path) -> None:
    daemon = await start_daemon(metrics=metrics)
    await daemon.admin.GetServerInfo(GetServerInfoRequest())
    with pytest.raises(grpc.aio.AioRpcError):
        await daemon.inventory.GetController(GetControllerRequest(name="nvme9"))
    for name in ("/made.Up/Method", "/another.One/Method"):
        with pytest.raises(grpc.aio.AioRpcError):
            await daemon.channel.unary_unary(name, request_serializer=bytes)(b"")
    server, inventory = "/nvmed.v1.AdminService/GetServerInfo", "/nvmed.v1.InventoryService/GetController"
    values = await scraped_until(socket_path, "nvmed_calls_total", 2, method="unknown", code="UNIMPLEMENTED")
    assert of(values, "nvmed_calls_total", method=server, code="ok") == 1
    assert of(values, "nvmed_calls_total", method=inventory, code="NOT_FOUND") == 1
    assert of(values, "nvmed_calls_in_progress", method=server) == 0
    assert of(values, "nvmed_call_duration_seconds_count", method=server) == 1


async def test_streams_and_operations(start_daemon: StartDaemon, metrics: Metrics, socket_path: Path) -> None:
    daemon: Daemon = await start_daemon(metrics=metrics)
    method = "/nvmed.v1.TelemetryService/StreamTelemetry"
    request = StreamTelemetryRequest(
        controller="nvme0", source=TELEMETRY_SOURCE_HOST, create=True, chunk_bytes=4096, window=1
    )
    stream = daemon.telemetry.StreamTelemetry(request)
    parts = 0
    async for _ in stream:
        parts += 1
    values = await scraped_until(socket_path, "nvmed_calls_total", 1, method=method, code="ok")
    assert of(values, "nvmed_stream_messages_sent_total", method=method) == parts > 10
    assert of(values, "nvmed_streams_in_progress", method=method) == 0
    await scraped_until(
        socket_path, "nvmed_operations_total", 1, kind="nvmed.v1.TelemetryService/StreamTelemetry", state="SUCCEEDED"
    )
    assert "nvmed_operations_in_progress" not in await scrape(socket_path)


# -- the listener


async def test_erasures_by_how_they_ended(start_daemon: StartDaemon, metrics: Metrics, socket_path: Path) -> None:
    daemon = await start_daemon(small_drive(sanitize_s=0), metrics=metrics)
    assert of(await scrape(socket_path), "nvmed_erasure_records_total", outcome="erased") == 0
    await sanitized(daemon)
    daemon.drive().subsystem.sanitizer.fail_next = True
    await sanitized(daemon)
    found = (await scrape(socket_path))["nvmed_erasure_records_total"]
    assert {labels[0][1]: value for labels, value in found.items()} == {
        "erased": 1, "failed": 1, "contradicted": 0, "unconfirmed": 0,
    }  # fmt: skip


async def test_the_socket_is_for_root_alone(start_daemon: StartDaemon, metrics: Metrics, socket_path: Path) -> None:
    await start_daemon(metrics=metrics)
    assert stat.S_IMODE(os.stat(socket_path).st_mode) == 0o600  # noqa: PTH116


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1", b"405 Method Not Allowed"),
        (b"HEAD /metrics HTTP/1.1", b"200 OK"),
        (b"GET /metrics?name[]=x HTTP/1.0", b"200 OK"),
        (b"nonsense", b"400 Bad Request"),
    ],
)
async def test_what_else_is_asked(
    start_daemon: StartDaemon, metrics: Metrics, socket_path: Path, request_line: bytes, status: bytes
) -> None:
    await start_daemon(metrics=metrics)
    head, body = await ask(socket_path, request_line + b"\r\nHost: nvmed\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert bool(body) is not request_line.startswith(b"HEAD") or b"200" not in status


async def test_a_request_that_does_not_end_is_cut_off(
    start_daemon: StartDaemon, metrics: Metrics, socket_path: Path
) -> None:
    await start_daemon(metrics=metrics)
    head, _ = await ask(socket_path, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 4096)
    assert head.startswith(b"HTTP/1.1 400 ")


async def test_over_tcp_on_loopback(start_daemon: StartDaemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    await start_daemon(metrics=Metrics(address=f"127.0.0.1:{port}"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    assert b"nvmed_info{version=" in await reader.read()
    writer.close()
