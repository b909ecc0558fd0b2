"""nvmedctl telemetry: a controller's telemetry logs."""

from __future__ import annotations

from pathlib import Path

import click

import nvmedctl
from nvmedctl.cli import pb, progress, render
from nvmedctl.cli.command import command
from nvmedctl.cli.cut_short import Left, again
from nvmedctl.cli.parameters import FieldOption, controller_argument, file_option
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import label, names, size

SOURCES = names("TELEMETRY_SOURCE_", "host", "controller")

DIGESTS = names("STREAM_DIGEST_", "sha256", "none")

AREAS = names("TELEMETRY_DATA_AREA_", "1", "2", "3", "4") | {"auto": "TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED"}


@click.group()
def telemetry() -> None:
    """Telemetry logs of a controller."""


@command(telemetry, "save", lists=True)
@controller_argument
@file_option("Where to.", required=True)
@click.option("--source", type=click.Choice(list(SOURCES)), default="host", show_default=True, help="Which log.")
@click.option("--area", cls=FieldOption, field="data_area", type=click.Choice(list(AREAS)), default="3",
              show_default=True,
              help="How much of it: areas are cumulative, auto is the largest that is filled.")  # fmt: skip
@click.option("--create", is_flag=True, help="Capture a new host log first, which replaces the one there was.")
@click.option("--ack", is_flag=True, help="Acknowledge the controller log once it is safely in FILE.")
@click.option(
    "--require-change-detection",
    is_flag=True,
    help="Refuse a log that could be replaced unnoticed while it is read: one without a generation number.",
)
@click.option(
    "--digest", type=click.Choice(list(DIGESTS)), default="sha256", show_default=True,
    help="What the daemon proves the whole with; none halves what it costs the host. Each chunk has a CRC-32 anyway.",
)  # fmt: skip
async def save(
    session: Session,
    controller: str,
    file: Path,
    source: str,
    area: str,
    create: bool,
    ack: bool,
    require_change_detection: bool,
    digest: str,
) -> None:
    """Save a telemetry log.

    FILE appears, or is replaced, only when the log is complete, checked (CRC-32, SHA-256) and on disk. A transfer that
    breaks is resumed by itself; a log that changes meanwhile is read again from its beginning. What has arrived when it
    is interrupted is kept in FILE.part: the same command goes on from there, but with --create, which captures anew.

    JSON: controller, source, data_area, path, size_bytes, sha256 (hexadecimal), generation_number,
    async_event_retained, acknowledged, attempts, restarts, change_detection.
    """
    if create and source != "host":
        raise click.UsageError("--create is for --source host: a controller log is captured by the controller.")
    if ack and source != "controller":
        raise click.UsageError("--ack is for --source controller: a host log has no event.")
    request = pb.telemetry.StreamTelemetryRequest(
        controller=controller,
        source=SOURCES[source],
        data_area=AREAS[area],
        create=create,
        require_change_detection=require_change_detection,
        digest=DIGESTS[digest],
    )
    with progress.transfer(controller) as report, session.leaving(lambda: _kept(file, report)):
        log = await session.client.save_telemetry(request, file, progress=report, keep=True)
    acknowledged = False
    try:
        if ack:
            name, generation = log.header.controller, log.generation_number
            request_ack = pb.telemetry.AcknowledgeTelemetryRequest(controller=name, generation_number=generation)
            await session.client.telemetry.AcknowledgeTelemetry(request_ack)
            acknowledged = True
    finally:  # the file is there, whatever became of the event
        session.show(_summary(log, file, acknowledged), lambda: _sentence(log, file), (SAVED, [(log, file)]))


SAVED: Columns[tuple[nvmedctl.TelemetryLog, Path]] = (
    Column("FILE", lambda saved: saved[1]),
    Column("SIZE", lambda saved: saved[0].size_bytes, size),
    Column("GENERATION", lambda saved: saved[0].generation_number),
    Column("SHA256", lambda saved: saved[0].sha256.hex(), wide=True),
)


def _kept(file: Path, transfer: progress.Transfer) -> Left:
    from nvmedctl.parts import part_of

    part = part_of(file)
    if not part.exists():
        return Left("nothing has arrived yet", again())
    return Left(f"{size(part.stat().st_size)} of {size(transfer.total)} are in {part}", again(without=("--create",)))


def _summary(log: nvmedctl.TelemetryLog, file: Path, acknowledged: bool) -> dict[str, object]:
    return {
        "controller": log.header.controller,
        "source": pb.telemetry.TelemetrySource.Name(log.header.source),
        "data_area": pb.telemetry.TelemetryDataArea.Name(log.header.data_area),
        "path": str(file),
        "size_bytes": log.size_bytes,
        "sha256": log.sha256.hex(),
        "generation_number": log.generation_number,
        "async_event_retained": log.async_event_retained and not acknowledged,
        "acknowledged": acknowledged,
        "attempts": log.attempts,
        "restarts": log.restarts,
        "change_detection": pb.telemetry.TelemetryChangeDetection.Name(log.header.change_detection),
    }


def _sentence(log: nvmedctl.TelemetryLog, file: Path) -> str:
    area = label(pb.telemetry.TelemetryDataArea.Name(log.header.data_area), "TELEMETRY_DATA_AREA_")
    lines = [
        f"{file}: {log.size_bytes} bytes ({size(log.size_bytes)}), area {area}, generation {log.generation_number}",
        f"sha256 {log.sha256.hex()}",
    ]
    if log.header.change_detection == pb.telemetry.TELEMETRY_CHANGE_DETECTION_BEST_EFFORT:
        lines.append("no generation number: that it was replaced meanwhile is noticed by its first blocks only")
    lines += [f"{one.field}: {one.message}" for one in log.header.omissions]
    if log.attempts > 1:
        lines.append(f"in {log.attempts} attempts, {log.restarts} of them from the beginning")
    return "\n".join(lines)


@command(telemetry, "info")
@controller_argument
async def info(session: Session, controller: str) -> None:
    """Show which logs and areas there are and what they hold.  JSON: nvmed.v1.TelemetryCapabilities."""
    request = pb.telemetry.GetTelemetryCapabilitiesRequest(controller=controller)
    found = await session.client.telemetry.GetTelemetryCapabilities(request)
    session.show(found, lambda: render.details(found))


@command(telemetry, "ack", changes=True)
@controller_argument
@click.option("--generation", cls=FieldOption, field="generation_number", type=click.IntRange(0, 255), required=True,
              help="Generation that was saved.")  # fmt: skip
@click.option("--validate-only", is_flag=True, help="Check everything, change nothing.")
async def acknowledge(session: Session, controller: str, generation: int, validate_only: bool) -> None:
    """Acknowledge the controller log, so that the controller may report the next one.

    JSON: nvmed.v1.AcknowledgeTelemetryResponse.
    """
    request = pb.telemetry.AcknowledgeTelemetryRequest(
        controller=controller, generation_number=generation, validate_only=validate_only
    )
    answer = await session.client.telemetry.AcknowledgeTelemetry(request)
    done = "would be acknowledged" if validate_only else "acknowledged"
    session.show(answer, lambda: f"{answer.controller}: generation {answer.generation_number} {done}")
