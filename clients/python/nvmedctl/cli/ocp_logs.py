"""nvmedctl logs ocp: the log pages of drives that follow the OCP Datacenter NVMe SSD Specification."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.logs import logs, ocp_smart, raw_option, with_table
from nvmedctl.cli.parameters import (
    BYTE,
    controller_argument,
    dry_run_option,
    file_option,
    integer,
    options,
    request_id_option,
)
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import moment


@click.group()
def ocp() -> None:
    """Log pages of drives that follow the OCP Datacenter NVMe SSD Specification."""


logs.add_command(ocp)
ocp.add_command(ocp_smart, "smart")

index_option: Callable[[Any], Any] = click.option(
    "--uuid-index", type=BYTE, help="Of the OCP specification's UUID.  [default: looked up]"
)
page_options: Callable[[Any], Any] = options(index_option, raw_option)


@command(ocp, "error-recovery")
@controller_argument
@page_options
async def error_recovery(session: Session, controller: str, **page: Any) -> None:
    """Show what to do with a drive that panicked (C1h).  JSON: nvmed.v1.OcpErrorRecoveryLog."""
    request = pb.ocp.GetOcpErrorRecoveryLogRequest(controller=controller, **page)
    found = await session.client.logs.GetOcpErrorRecoveryLog(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(ocp, "firmware-history", lists=True)
@controller_argument
@page_options
async def firmware_history(session: Session, controller: str, **page: Any) -> None:
    """List which firmware a drive activated, newest first (C2h).  JSON: nvmed.v1.OcpFirmwareActivationHistory."""
    request = pb.ocp.GetOcpFirmwareActivationHistoryRequest(controller=controller, **page)
    found = await session.client.logs.GetOcpFirmwareActivationHistory(request)
    session.show_list(found, ACTIVATIONS, found.activations)


@command(ocp, "clear-firmware-history", changes=True)
@controller_argument
@index_option
@dry_run_option
@request_id_option
async def clear_firmware_history(session: Session, controller: str, dry_run: bool, **more: Any) -> None:
    """Empty the log of firmware activations.  JSON: nvmed.v1.ClearOcpFirmwareActivationHistoryResponse."""
    request = pb.ocp.ClearOcpFirmwareActivationHistoryRequest(controller=controller, validate_only=dry_run, **more)
    answer = await session.client.logs.ClearOcpFirmwareActivationHistory(request)
    done = "would be cleared" if dry_run else "cleared"
    session.show(answer, lambda: f"{answer.controller}: {answer.cleared_activations} activations {done}")


@command(ocp, "latency")
@controller_argument
@click.option("--static", is_flag=True, help="What was counted before, instead of what is being counted.")
@page_options
async def latency(session: Session, controller: str, static: bool, **page: Any) -> None:
    """Show how many commands took long, by how long (C3h).  JSON: nvmed.v1.LatencyMonitorLog."""
    request = pb.ocp.GetLatencyMonitorLogRequest(controller=controller, **page)
    found = await session.client.logs.GetLatencyMonitorLog(request)
    rows = found.static_buckets if static else found.active_buckets
    session.show(found, lambda: with_table(found, ("active_buckets", "static_buckets"), BUCKETS, rows))


def _milliseconds(letter: str) -> Any:
    name = f"threshold_{letter}_ms"
    text = f"Threshold {letter.upper()} in milliseconds: 5 to 1280, in steps of 5."
    return click.option(f"--threshold-{letter}", name, type=integer(1280), metavar="MS", help=text)


@command(ocp, "configure-latency", changes=True)
@controller_argument
@click.option("--enable/--disable", "enabled", default=None, help="Whether it counts.")
@click.option("--timer", "timer_threshold_minutes", type=integer(0xFFFF * 5), metavar="MINUTES",
              help="After how long counting begins anew, in steps of 5; 0 never.")  # fmt: skip
@options(*(_milliseconds(letter) for letter in "abcd"))
@click.option("--modes", "latency_mode_bits", type=integer(0xFFF), help="Bits 11:0: counters that keep the slowest.")
@click.option("--window", "minimum_window_ms", type=integer(25500), metavar="MS",
              help="Between two measurements of a counter, in steps of 100.")  # fmt: skip
@click.option("--debug-triggers", "debug_trigger_bits", type=integer(0xFFF), help="Bits 11:0: what makes a debug log.")
@click.option("--discard-debug-log", is_flag=True, help="Let another debug log be made.")
@click.option("--save/--no-save", default=True, show_default=True, help="Whether it lasts over resets.")
@index_option
@dry_run_option
@request_id_option
async def configure_latency(session: Session, controller: str, dry_run: bool, **more: Any) -> None:
    """Set what the latency monitor counts; what is not given stays.

    All buckets are empty then: `latency` and `latency --static` before show what they had.
    JSON: nvmed.v1.ConfigureLatencyMonitorResponse.
    """
    request = pb.ocp.ConfigureLatencyMonitorRequest(controller=controller, validate_only=dry_run, **more)
    answer = await session.client.logs.ConfigureLatencyMonitor(request)
    what = "latency monitor" if answer.buckets_reset else "debug log of the latency monitor"
    verb = "set" if answer.buckets_reset else "discarded"
    session.show(answer, lambda: f"{answer.controller}: {what} {'would be ' if dry_run else ''}{verb}")


@command(ocp, "capabilities")
@controller_argument
@page_options
async def capabilities(session: Session, controller: str, **page: Any) -> None:
    """Show what a drive says it can do of the specification (C4h).  JSON: nvmed.v1.OcpDeviceCapabilities."""
    request = pb.ocp.GetOcpDeviceCapabilitiesRequest(controller=controller, **page)
    found = await session.client.logs.GetOcpDeviceCapabilities(request)
    session.show(found, lambda: with_table(found, ("power_states",), POWER_STATES, found.power_states))


@command(ocp, "unsupported")
@controller_argument
@page_options
async def unsupported(session: Session, controller: str, **page: Any) -> None:
    """Show which requirements a drive does not meet (C5h).  JSON: nvmed.v1.OcpUnsupportedRequirements."""
    request = pb.ocp.GetOcpUnsupportedRequirementsRequest(controller=controller, **page)
    found = await session.client.logs.GetOcpUnsupportedRequirements(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(ocp, "components", lists=True)
@controller_argument
@page_options
async def components(session: Session, controller: str, **page: Any) -> None:
    """List what a drive is made of (C6h).  JSON: nvmed.v1.OcpHardwareComponents."""
    request = pb.ocp.GetOcpHardwareComponentsRequest(controller=controller, **page)
    found = await session.client.logs.GetOcpHardwareComponents(request)
    session.show_list(found, COMPONENTS, found.components)


@command(ocp, "tcg")
@controller_argument
@page_options
async def tcg(session: Session, controller: str, **page: Any) -> None:
    """Show a drive's locking in numbers (C7h).  JSON: nvmed.v1.OcpTcgConfigurationLog."""
    request = pb.ocp.GetOcpTcgConfigurationLogRequest(controller=controller, **page)
    found = await session.client.logs.GetOcpTcgConfigurationLog(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(ocp, "strings")
@controller_argument
@file_option("Where to: what `telemetry decode --strings` reads.", required=True)
@index_option
async def strings(session: Session, controller: str, file: Path, uuid_index: int | None) -> None:
    """Save the names of what is in a drive's telemetry (C9h).

    They are those of the firmware that runs.  JSON: controller, firmware_revision, path, size_bytes, sha256.
    """
    import asyncio

    from nvmedctl.files import saving

    request = pb.ocp.GetOcpTelemetryStringsRequest(controller=controller, uuid_index=uuid_index)
    found = await session.client.logs.GetOcpTelemetryStrings(request)
    async with saving(file) as (sink, writer):
        await asyncio.get_running_loop().run_in_executor(writer, sink.write, found.data)
    summary = {
        "controller": found.controller,
        "firmware_revision": found.firmware_revision,
        "path": str(file),
        "size_bytes": len(found.data),
        "sha256": found.sha256.hex(),
    }
    session.show(summary, lambda: f"{file}: {len(found.data)} bytes, strings of firmware {found.firmware_revision}")


ACTIVATIONS: Columns[pb.ocp.OcpFirmwareActivationHistory.Activation] = (
    Column("NUMBER", lambda a: a.activation_count),
    Column("TIME", lambda a: moment(render.when(a, "event_time")) or f"{a.timestamp_ms} ms"),
    Column("FROM", lambda a: a.previous_revision),
    Column("TO", lambda a: a.new_revision),
    Column("SLOT", lambda a: a.slot),
    Column("ACTION", lambda a: a.commit_action),
    Column("STATUS", lambda a: a.status_mnemonic),
    Column("CYCLES", lambda a: a.power_cycles, wide=True),
)


def _counted(counter: Any) -> str:
    """How many, and how long the one took that was measured."""
    if not counter.HasField("measurement"):
        return str(counter.count)
    return f"{counter.count} ({counter.measurement.latency_ms} ms)"


BUCKETS: Columns[pb.ocp.LatencyMonitorLog.Bucket] = (
    Column("BUCKET", lambda b: b.number),
    Column("FROM", lambda b: f"{b.from_ms} ms"),
    Column("READ", lambda b: _counted(b.read)),
    Column("WRITE", lambda b: _counted(b.write)),
    Column("DEALLOCATE", lambda b: _counted(b.deallocate)),
)

POWER_STATES: Columns[pb.ocp.OcpDeviceCapabilities.PowerState] = (
    Column("WATTS", lambda p: p.watts),
    Column("NVME STATE", lambda p: p.nvme_power_state),
)


def _shown(value: bytes) -> str:
    """Bytes that are mostly text: that, or their digits."""
    return value.decode("ascii").strip() if value.isascii() and value.decode("ascii").isprintable() else value.hex()


COMPONENTS: Columns[pb.ocp.OcpHardwareComponents.Component] = (
    Column("COMPONENT", lambda c: render.enum(c, "kind") if c.kind else f"kind {c.raw_kind:04x}h"),
    Column("MANUFACTURER", lambda c: _shown(c.manufacturer)),
    Column("REVISION", lambda c: _shown(c.revision)),
    Column("LOT", lambda c: _shown(c.lot_code)),
    Column("MORE", lambda c: _shown(c.additional_information)),
    Column("CODE", lambda c: _shown(c.manufacturer_code), wide=True),
)
