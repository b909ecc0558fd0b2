"""Calls, operations, steps and commands as spans of the caller's trace, in a collector that is one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from structlog.testing import capture_logs

from nvmed import logs
from nvmed.config import Metrics, Otel
from nvmed.operations import journal_file
from nvmed.operations.journal import Journal
from nvmed.operations.records import Record
from nvmed.otel import exporter, outbox
from nvmed.v1 import admin_pb2, log_pb2
from tests.rpc.client.command_line import shown
from tests.rpc.firmware_calls import put, stage
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.log_calls import stub as logs_of
from tests.rpc.operation_calls import wait
from tests.support.collector import Collector, attributes, collecting
from tests.support.ports import free_ports
from tests.support.waiting import until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "vendor=a1,other=b2"))
UNSAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-00"),)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a second for what is sent each second."""
    monkeypatch.setattr(outbox, "SEND_EVERY_S", 0.005)
    monkeypatch.setattr(outbox, "RETRY_S", 0.005)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as collector:
        yield collector


async def info(daemon: Daemon, metadata: Any = None) -> None:
    await daemon.admin.GetServerInfo(admin_pb2.GetServerInfoRequest(), metadata=metadata)


def named(collector: Collector, name: str) -> list[Span]:
    return [span for span in collector.spans if span.name == name]


async def span_of(collector: Collector, name: str) -> Span:
    await until(lambda: bool(named(collector, name)))
    return named(collector, name)[0]


async def test_a_call_and_its_commands_are_spans_of_the_callers_trace(
    start_daemon: StartDaemon, collector: Collector
) -> None:
    daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint, resource={"deployment.environment": "lab"}))
    request = log_pb2.GetSmartLogRequest(controller="nvme0")
    await logs_of(daemon).GetSmartLog(request, metadata=SAMPLED)
    call = await span_of(collector, "nvmed.v1.LogService/GetSmartLog")
    assert (call.trace_id.hex(), call.parent_span_id.hex(), call.kind) == (TRACE, PARENT, Span.SPAN_KIND_SERVER)
    assert call.trace_state == "vendor=a1,other=b2"
    about = attributes(call)
    assert (about["rpc.service"], about["rpc.method"]) == ("nvmed.v1.LogService", "GetSmartLog")
    assert (about["rpc.response.status_code"], about["nvmed.principal"]) == ("OK", "unix:admin")
    assert about["nvmed.resources"].startswith("controllers/")
    (command,) = named(collector, "nvme admin 0x02")
    assert (command.trace_id, command.parent_span_id) == (call.trace_id, call.span_id)
    assert call.start_time_unix_nano <= command.start_time_unix_nano <= command.end_time_unix_nano
    assert attributes(command)["nvme.transfer_bytes"] == 512
    who = collector.resource()
    assert (who["service.name"], who["deployment.environment"]) == ("nvmed", "lab")


async def test_the_command_line_takes_the_trace_of_its_environment(
    start_daemon: StartDaemon, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint))
    for name, text in SAMPLED:
        monkeypatch.setenv(name.upper(), text)
    await shown(daemon, "server", "info")
    call = await span_of(collector, "nvmed.v1.AdminService/GetServerInfo")
    assert (call.trace_id.hex(), call.parent_span_id.hex(), call.trace_state) == (TRACE, PARENT, SAMPLED[1][1])


async def test_an_operation_has_its_steps_and_their_commands(start_daemon: StartDaemon, collector: Collector) -> None:
    daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint))
    image = await put(daemon)
    operation = await stage(daemon, image=image)
    await wait(daemon, operation)
    call = await span_of(collector, "nvmed.v1.FirmwareService/StageFirmware")
    whole = await span_of(collector, "operation FirmwareService/StageFirmware")
    of_trace = [span for span in collector.spans if span.trace_id == call.trace_id]
    assert whole.parent_span_id == call.span_id
    assert attributes(whole)["nvmed.operation"] == operation.name.removeprefix("operations/")
    steps = [span for span in of_trace if span.name.startswith("step ")]
    assert {step.parent_span_id for step in steps} <= {span.span_id for span in of_trace}
    (commit,) = named(collector, "nvme admin 0x10")
    assert commit.parent_span_id in {step.span_id for step in steps}
    assert named(collector, "nvme admin 0x11")


async def test_a_refusal_is_an_error_by_its_reason(start_daemon: StartDaemon, collector: Collector) -> None:
    daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint))
    with pytest.raises(grpc.aio.AioRpcError):
        await logs_of(daemon).GetSmartLog(log_pb2.GetSmartLogRequest(controller="nvme7"))
    call = await span_of(collector, "nvmed.v1.LogService/GetSmartLog")
    assert (call.status.code, call.status.message) == (Status.STATUS_CODE_ERROR, "CONTROLLER_NOT_FOUND")
    assert (attributes(call)["rpc.response.status_code"], call.parent_span_id) == ("NOT_FOUND", b"")
    assert b"nvme7" not in collector.raw


async def test_who_samples_nothing_gets_nothing(start_daemon: StartDaemon, collector: Collector) -> None:
    daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint, sample_ratio=0))
    await info(daemon, UNSAMPLED)
    await info(daemon)
    await info(daemon, SAMPLED)
    await span_of(collector, "nvmed.v1.AdminService/GetServerInfo")
    assert [span.trace_id.hex() for span in collector.spans] == [TRACE]


async def test_an_operation_that_a_crash_cut_off_ends_in_its_trace(
    start_daemon: StartDaemon, collector: Collector, tmp_path: Path
) -> None:
    state = tmp_path / "crashed"
    state.mkdir(mode=0o700)
    journal = Journal(state / journal_file.NAME)
    context = f"00-{TRACE}-{PARENT}-01 vendor=a1"
    kind = "nvmed.v1.Test/Do"
    journal.begin(Record("crashed", kind, "controllers/a", "unix:admin", "", b"", trace=context))
    journal.intend("crashed", "commit", {})
    journal.close()
    await start_daemon(state_dir=state, otel=Otel(endpoint=collector.endpoint))
    resumed = await span_of(collector, "operation Test/Do")
    assert (resumed.trace_id.hex(), resumed.parent_span_id.hex()) == (TRACE, PARENT)
    about = attributes(resumed)
    assert (about["nvmed.resumed"], about["error.type"]) == (True, "OPERATION_UNCERTAIN")


async def test_the_journal_keeps_the_trace_of_an_operation(start_daemon: StartDaemon, collector: Collector) -> None:
    daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint))
    operation = await stage(daemon, image=await put(daemon))
    await wait(daemon, operation)
    call = await span_of(collector, "nvmed.v1.FirmwareService/StageFirmware")
    await daemon.stop()
    journal = Journal(daemon.state_dir / journal_file.NAME)
    kept = journal.operation(operation.name.removeprefix("operations/")).trace
    journal.close()
    assert kept == f"00-{call.trace_id.hex()}-{call.span_id.hex()}-01"


async def test_metrics_have_the_names_of_hardware(start_daemon: StartDaemon, collector: Collector) -> None:
    daemon = await start_daemon(
        small_drive(),
        otel=Otel(endpoint=collector.endpoint, traces=False, metrics_interval_s=0),
        metrics=Metrics(sample_interval_s=5),
    )
    await daemon.inventory.ListControllers({})  # type: ignore[arg-type]
    await until(lambda: bool(collector.metrics))
    found = {metric.name: metric for metric in collector.metrics}
    points = {attributes(point)["hw.state"]: point.as_int for point in found["hw.status"].sum.data_points}
    assert points == {"ok": 1, "degraded": 0, "failed": 0, "predicted_failure": 0}
    temperature = found["hw.temperature"].gauge.data_points[0]
    assert (found["hw.temperature"].unit, temperature.as_int > 0) == ("Cel", True)
    about = attributes(temperature)
    assert (about["hw.type"], about["hw.serial_number"]) == ("physical_disk", "NVMED1")
    assert about["hw.id"].startswith("controllers/")
    assert {"hw.errors", "hw.physical_disk.endurance_utilization", "nvmed.drive.io"} <= set(found)
    assert found["hw.errors"].sum.is_monotonic
    assert not collector.received["trace"]


async def test_lines_of_the_log_are_sent_in_their_trace(
    start_daemon: StartDaemon, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    before = structlog.get_config()
    logs.configure("info")
    try:
        daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint, logs=True))
        await info(daemon, SAMPLED)
        await until(lambda: any(line.event_name == "call" for line in collector.lines))
    finally:
        structlog.configure(**before)
    (line,) = [line for line in collector.lines if line.event_name == "call"]
    assert (line.trace_id.hex(), line.severity_text) == (TRACE, "info")
    assert attributes(line)["method"] == "/nvmed.v1.AdminService/GetServerInfo"
    assert f'"trace_id": "{TRACE}"' in capsys.readouterr().err


async def test_headers_are_sent_and_seen_nowhere_else(
    start_daemon: StartDaemon, collector: Collector, tmp_path: Path
) -> None:
    file = tmp_path / "headers"
    file.write_text("Authorization: Bearer pLaNtEd-ToKeN\n")
    file.chmod(0o600)
    with capture_logs() as logged:
        collector.refusal = grpc.StatusCode.UNAUTHENTICATED
        daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint, headers_file=str(file)))
        await info(daemon)
        await until(lambda: collector.asked > 0)
        collector.refusal = None
        await info(daemon)
        await span_of(collector, "nvmed.v1.AdminService/GetServerInfo")
        await daemon.stop()
    assert collector.headers[0]["authorization"] == "Bearer pLaNtEd-ToKeN"
    told = [line["event"] for line in logged if line["event"].startswith("otel")]
    assert told == ["otel_failing", "otel_dropped", "otel_works"]
    assert "pLaNtEd" not in str(logged)
    assert b"pLaNtEd" not in collector.raw


async def test_a_collector_that_hangs_holds_up_neither_calls_nor_the_end(
    start_daemon: StartDaemon, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.hangs = True
    monkeypatch.setattr(exporter, "SHUTDOWN_S", 0.05)
    daemon = await start_daemon(otel=Otel(endpoint=collector.endpoint))
    await info(daemon)
    await until(lambda: collector.asked > 0)
    await info(daemon)
    async with asyncio.timeout(5):
        await daemon.stop()


async def test_a_collector_that_is_away_gets_what_waited_when_it_is_there(start_daemon: StartDaemon) -> None:
    address = f"127.0.0.1:{free_ports()}"
    with capture_logs() as logged:
        daemon = await start_daemon(otel=Otel(endpoint=f"http://{address}"))
        await info(daemon, SAMPLED)
        await until(lambda: any(line["event"] == "otel_failing" for line in logged))
        await info(daemon)
        async with collecting(address) as collector:
            await until(lambda: len(collector.spans) >= 2)
            await daemon.stop()
    assert sum(line["event"] == "otel_failing" for line in logged) == 1
    assert collector.spans[0].trace_id.hex() == TRACE


async def test_what_nobody_traces_leaves_no_context(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon()
    operation = await stage(daemon, image=await put(daemon))
    await wait(daemon, operation)
    await daemon.stop()
    journal = Journal(daemon.state_dir / journal_file.NAME)
    assert journal.operation(operation.name.removeprefix("operations/")).trace == ""
    journal.close()
