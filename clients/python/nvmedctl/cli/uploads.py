"""nvmedctl firmware uploads, abort-upload: what is on its way into the spool."""

from __future__ import annotations

import click

import nvmedctl
from nvmedctl.cli import completing, pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.firmware import firmware
from nvmedctl.cli.parameters import dry_run_option, filter_option, request_id_option
from nvmedctl.cli.session import Session
from nvmedctl.cli.short_names import upload_name
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import ago, moment, short, size

COLUMNS: Columns[pb.firmware.Upload] = (
    Column("UPLOAD", lambda u: u.name, short),
    Column("IMAGE", lambda u: u.sha256.hex(), short),
    Column("PRINCIPAL", lambda u: u.principal),
    Column("RECEIVED", lambda u: u.received_bytes, size),
    Column("SIZE", lambda u: u.size_bytes, size),
    Column("STATE", lambda u: "receiving" if u.receiving else "left"),
    Column("EXPIRES", lambda u: render.when(u, "expire_time"), ago),
    Column("BEGAN", lambda u: render.when(u, "create_time"), moment, wide=True),
    Column("NAME", lambda u: u.name, wide=True),
)


@command(firmware, "uploads", lists=True)
@filter_option
async def uploads(session: Session, filter_text: str) -> None:
    """List the uploads that are not finished: one's own, and those of others that one may see.

    One that was left is gone on with by the same upload of the same principal.

    JSON: nvmed.v1.ListUploadsResponse, all pages as one.
    """
    request = pb.firmware.ListUploadsRequest(filter=filter_text)
    found = [item async for item in nvmedctl.pages(session.client.firmware.ListUploads, request, lambda r: r.uploads)]
    session.show_list(pb.firmware.ListUploadsResponse(uploads=found), COLUMNS, found)


@command(firmware, "abort-upload", changes=True)
@click.argument("upload", shell_complete=completing.uploads)
@dry_run_option
@request_id_option
async def abort_upload(session: Session, upload: str, dry_run: bool, request_id: str) -> None:
    """Give up an upload that no call sends, and free its space.

    UPLOAD is a name as `firmware uploads` shows it, or its first digits.

    JSON: nvmed.v1.AbortUploadResponse.
    """
    name = await upload_name(session, upload)
    request = pb.firmware.AbortUploadRequest(name=name, validate_only=dry_run, request_id=request_id)
    answer = await session.client.firmware.AbortUpload(request)
    session.show(answer, lambda: f"{answer.name} {'would be given up' if dry_run else 'given up'}")
