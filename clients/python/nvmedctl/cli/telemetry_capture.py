"""nvmedctl telemetry capture: a log onto the host's disk."""

from __future__ import annotations

from typing import Any

import click

from nvmedctl.cli import pb
from nvmedctl.cli.command import command
from nvmedctl.cli.firmware import run
from nvmedctl.cli.namespace_changes import no_wait_option
from nvmedctl.cli.parameters import (
    FieldOption,
    controller_argument,
    dry_run_option,
    labels_option,
    request_id_option,
)
from nvmedctl.cli.session import Session
from nvmedctl.cli.telemetry import AREAS, SOURCES, telemetry
from nvmedctl.cli.text import size


@command(telemetry, "capture", changes=True)
@controller_argument
@click.option("--source", type=click.Choice(list(SOURCES)), default="host", show_default=True, help="Which log.")
@click.option("--area", cls=FieldOption, field="data_area", type=click.Choice(list(AREAS)), default="3",
              show_default=True, help="How much of it, as for `save`.")  # fmt: skip
@click.option("--create", is_flag=True, help="Have a new host log made first, which replaces the one there was.")
@click.option("--ack", "acknowledge", is_flag=True, help="Acknowledge the controller log once it is on disk.")
@click.option("--ttl", "ttl_s", type=click.IntRange(min=1), default=None, metavar="SECONDS",
              help="How long it is kept.  [default: what the host says]")  # fmt: skip
@labels_option
@dry_run_option
@request_id_option
@no_wait_option
async def capture(
    session: Session, controller: str, source: str, area: str, ttl_s: int | None, no_wait: bool, dry_run: bool,
    **more: Any,
) -> None:  # fmt: skip
    """Copy a log to the host's disk, and wait for it.  It goes on when this command ends.

    JSON: nvmed.v1.CaptureTelemetryResponse; with --no-wait google.longrunning.Operation.
    """
    request = pb.telemetry.CaptureTelemetryRequest(
        controller=controller, source=SOURCES[source], data_area=AREAS[area], ttl_s=ttl_s or 0, validate_only=dry_run,
        **more,
    )  # fmt: skip
    response = pb.telemetry.CaptureTelemetryResponse
    await run(session, session.client.telemetry.CaptureTelemetry, request, response, no_wait, _said)


def _said(answer: pb.telemetry.CaptureTelemetryResponse) -> str:
    if not answer.capture:
        return f"{answer.controller}: {size(answer.size_bytes) if answer.size_bytes else 'a new log'} would be captured"
    acknowledged = ", acknowledged" if answer.acknowledged else ""
    what = f"{size(answer.size_bytes)} of {answer.controller}, generation {answer.generation_number}{acknowledged}"
    return f"{answer.capture}: {what}\nsha256 {answer.sha256.hex()}"
