"""nvmedctl captures: telemetry that is on the host's disk; nvmedctl telemetry capture puts it there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import nvmedctl
from nvmedctl.cli import pb, progress, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import Decorator, dry_run_option, filter_option, node, request_id_option
from nvmedctl.cli.session import Session
from nvmedctl.cli.short_names import capture_name
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import ago, short, size


@click.group()
def captures() -> None:
    """Telemetry on the host's disk. CAPTURE is a name as `list` shows it, or its first digits."""


COLUMNS: Columns[pb.telemetry.Capture] = (
    Column("CAPTURE", lambda c: c.name, short),
    Column("CONTROLLER", lambda c: c.controller),
    Column("SOURCE", lambda c: render.enum(c, "source")),
    Column("SIZE", lambda c: c.size_bytes, size),
    Column("MADE", lambda c: render.when(c, "create_time"), ago),
    Column("EXPIRES", lambda c: render.when(c, "expire_time"), ago, wide=True),
    Column("BY", lambda c: "the daemon" if c.automatic else c.principal, wide=True),
    Column("GENERATION", lambda c: c.generation_number, wide=True),
    Column("NAME", lambda c: c.name, wide=True),
    Column("LABELS", lambda c: ", ".join(f"{key}={c.labels[key]}" for key in sorted(c.labels)), wide=True),
)


capture_argument: Decorator = click.argument("capture")


@command(captures, "list", lists=True)
@click.option("--controller", "parent", callback=node, default="", help="Only this one's, also when it is gone.")
@filter_option
async def list_captures(session: Session, parent: str, filter_text: str) -> None:
    """List captures, automatic ones too.  JSON: nvmed.v1.ListCapturesResponse, all pages as one."""
    request = pb.telemetry.ListCapturesRequest(parent=parent, filter=filter_text)
    stub = session.client.telemetry
    found = [item async for item in nvmedctl.pages(stub.ListCaptures, request, lambda answer: answer.captures)]
    session.show_list(pb.telemetry.ListCapturesResponse(captures=found), COLUMNS, found)


@command(captures, "show")
@capture_argument
async def show(session: Session, capture: str) -> None:
    """Show one capture, without its bytes.  JSON: nvmed.v1.Capture."""
    found = await session.client.telemetry.GetCapture(
        pb.telemetry.GetCaptureRequest(name=await capture_name(session, capture))
    )
    session.show(found, lambda: render.details(found))


@command(captures, "save")
@capture_argument
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
async def save(session: Session, capture: str, file: Path) -> None:
    """Save a capture's bytes in FILE, as `telemetry save` does of a log; `telemetry decode` reads it.

    FILE appears, or is replaced, only when it is complete, checked (CRC-32, SHA-256) and on disk.

    JSON: nvmed.v1.Capture.
    """
    name = await capture_name(session, capture)
    with progress.transfer(name) as report:
        saved = await session.client.save_capture(name, file, progress=report)
    found = saved.capture
    session.show(found, lambda: f"{file}: {found.size_bytes} bytes of {found.controller}\nsha256 {found.sha256.hex()}")


@command(captures, "delete", changes=True)
@capture_argument
@dry_run_option
@request_id_option
async def delete(session: Session, capture: str, dry_run: bool, **more: Any) -> None:
    """Delete a capture.  JSON: nvmed.v1.DeleteCaptureResponse."""
    request = pb.telemetry.DeleteCaptureRequest(
        name=await capture_name(session, capture), validate_only=dry_run, **more
    )
    answer = await session.client.telemetry.DeleteCapture(request)
    session.show(answer, lambda: f"{answer.name} {'would be' if dry_run else 'is'} deleted")
