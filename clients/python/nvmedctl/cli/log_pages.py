"""nvmedctl logs raw, logs persistent-events: pages as bytes, and the log of events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import nvmedctl
from nvmedctl.cli import pb, progress, render
from nvmedctl.cli.command import command
from nvmedctl.cli.cut_short import Left, again
from nvmedctl.cli.logs import logs
from nvmedctl.cli.parameters import (
    BYTE,
    DWORD,
    QWORD,
    Decorator,
    controller_argument,
    file_option,
    integer,
    options,
    request_id_option,
)
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.cli.text import moment, size

field_options: Decorator = options(
    click.option("--offset", "offset_bytes", type=QWORD, default=0, help="Byte to begin at, a multiple of 4."),
    click.option("--lsp", "log_specific_parameter", type=integer(0x7F), default=0, help="Log specific parameter."),
    click.option("--lsi", "log_specific_identifier", type=integer(0xFFFF), default=0, help="Log specific identifier."),
    click.option("--uuid-index", type=integer(0x7F), default=0, help="UUID index."),
    click.option("--command-set", type=BYTE, default=0, help="I/O command set (CSI)."),
    click.option("--nsid", type=DWORD, default=0, help="Namespace, for pages that are of one."),
    click.option("--chunk", "chunk_bytes", type=DWORD, default=0, metavar="BYTES", help="Size of a message."),
    click.option("--window", type=integer(8), default=0, help="Chunks that are read at a time."),
    click.option("--max-transfer", "max_transfer_bytes", type=DWORD, default=0, metavar="BYTES",
                 help="Largest transfer of one command."),
    request_id_option,
)  # fmt: skip
"""The fields of Get Log Page, by the names of ReadLogPageRequest."""


@command(logs, "raw")
@controller_argument
@click.argument("log_page", type=BYTE)
@file_option("Where to.", required=True)
@click.option("--length", "length_bytes", required=True, type=QWORD, help="Bytes to read, a multiple of 4.")
@click.option("--clear-event", is_flag=True, help="Let the controller report its next event of this page.")
@field_options
async def raw(session: Session, controller: str, log_page: int, file: Path, clear_event: bool, **fields: Any) -> None:
    """Save LOG_PAGE (2, 0xc0, ...) as the drive gives it.

    FILE appears, or is replaced, only when the page is complete, checked (CRC-32, SHA-256) and on disk. A transfer that
    breaks is begun again: nothing tells whether a page changed meanwhile.

    JSON: controller, log_page, offset_bytes, path, size_bytes, sha256 (hexadecimal), async_event_retained, attempts.
    """
    request = pb.log.ReadLogPageRequest(
        controller=controller, log_page=log_page, retain_async_event=not clear_event, **fields
    )
    left = Left("nothing is kept: a page is read from its beginning", again())
    with progress.transfer(f"{controller} {log_page:02x}h") as report, session.leaving(lambda: left):
        page = await session.client.save_log_page(request, file, progress=report)
    session.show(_summary(page, file), lambda: _sentence(page, file))


def _summary(page: nvmedctl.LogPage, file: Path) -> dict[str, object]:
    return {
        "controller": page.header.controller,
        "log_page": page.header.log_page,
        "offset_bytes": page.header.offset_bytes,
        "path": str(file),
        "size_bytes": page.size_bytes,
        "sha256": page.sha256.hex(),
        "async_event_retained": page.async_event_retained,
        "attempts": page.attempts,
    }


def _sentence(page: nvmedctl.LogPage, file: Path) -> str:
    about = f"log page {page.header.log_page:02x}h"
    return f"{file}: {page.size_bytes} bytes ({size(page.size_bytes)}), {about}\nsha256 {page.sha256.hex()}"


@command(logs, "persistent-events")
@controller_argument
@click.option("--max", "events_max", type=click.IntRange(1), default=None, help="At most so many.  [default: 100]")
@click.option("--take-over", "take_over_context", is_flag=True,
              help="End the reading of another program that left its context.")  # fmt: skip
@request_id_option
async def persistent_events(
    session: Session, controller: str, events_max: int | None, take_over_context: bool, request_id: str
) -> None:
    """List what happened to a drive, newest first.  JSON: nvmed.v1.PersistentEventLog.

    `logs raw CONTROLLER 0x0d --lsp 1` saves the whole of it.
    """
    request = pb.log.GetPersistentEventLogRequest(
        controller=controller,
        events_max=events_max or 0,
        take_over_context=take_over_context,
        request_id=request_id,
    )
    found = await session.client.logs.GetPersistentEventLog(request)
    session.show(found, lambda: f"{render.details(found, without='events')}\n\n{table(EVENTS, found.events)}")


EVENTS: Columns[pb.log.PersistentEvent] = (
    Column("TIME", lambda e: moment(render.when(e, "event_time")) or f"{e.timestamp_ms} ms"),
    Column("EVENT", lambda e: render.enum(e, "type") if e.type else f"type {e.raw_type:02x}h"),
    Column("CONTROLLER", lambda e: e.controller_id),
    Column("PORT", lambda e: e.port_id or "-"),
    Column("DETAILS", lambda e: _details(e)),
)


def _details(event: pb.log.PersistentEvent) -> str:
    """What an event says in a line; of what has no meaning here, how much there is."""
    kind = event.WhichOneof("details")
    if kind is None:
        return f"{len(event.data)} bytes" if event.data else "-"
    value = getattr(event, kind)
    if isinstance(value, int):
        return f"code {value}"
    return render.line(value, without=LARGE)


LARGE = ("temperature_sensors", "reason_identifier")
"""What a line has no room for."""
