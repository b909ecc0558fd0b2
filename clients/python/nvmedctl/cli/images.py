"""nvmedctl firmware upload, fetch, images, show-image, delete-image, download: the bytes of firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import nvmedctl
from nvmedctl.cli import completing, pb, progress, render
from nvmedctl.cli.command import command
from nvmedctl.cli.cut_short import Left, again
from nvmedctl.cli.firmware import firmware, override_option, run
from nvmedctl.cli.parameters import (
    Decorator,
    FieldOption,
    controller_argument,
    dry_run,
    dry_run_option,
    filter_option,
    labels_option,
    options,
    request_id_option,
)
from nvmedctl.cli.session import Session
from nvmedctl.cli.short_names import image_name
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import ago, short, size

COLUMNS: Columns[pb.firmware.Image] = (
    Column("IMAGE", lambda i: i.name, short),
    Column("SIZE", lambda i: i.size_bytes, size),
    Column("REVISION", lambda i: i.firmware_revision),
    Column("MODEL", lambda i: i.model_number),
    Column("EXPIRES", lambda i: render.when(i, "expire_time"), ago),
    Column("NAME", lambda i: i.name, wide=True),
    Column("LABELS", lambda i: ", ".join(f"{key}={i.labels[key]}" for key in sorted(i.labels)), wide=True),
)
SHA256_BYTES = 32
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _digest(_ctx: click.Context, _parameter: click.Parameter, value: str) -> bytes:
    try:
        digest = bytes.fromhex(value)
    except ValueError:
        digest = b""
    if len(digest) != SHA256_BYTES:
        raise click.BadParameter(f"{value!r} is not 64 hexadecimal digits.")
    return digest


facts_options: Decorator = options(
    click.option("--revision", cls=FieldOption, field="firmware_revision", default="",
                 help="Firmware revision in the image: staging then checks that it arrived."),
    click.option("--model", cls=FieldOption, field="model_number", default="",
                 help="Model number it is for: then only such drives are staged."),
    labels_option,
)  # fmt: skip
"""What is said of an image beside its bytes."""

image_argument: Decorator = click.argument("image", shell_complete=completing.images)


@command(firmware, "upload", changes=True)
@click.argument("file", type=FILE)
@facts_options
async def upload(session: Session, file: Path, revision: str, model: str, labels: dict[str, str]) -> None:
    """Upload a firmware image into the host's spool.

    No drive is touched. An upload that breaks is taken up again where it was; an image that is there already is not
    sent again.

    JSON: nvmed.v1.Image.
    """
    with progress.transfer(file.name) as report, session.leaving(lambda: _arrived(report)):
        done = await nvmedctl.upload_image(
            session.client.firmware,
            file,
            firmware_revision=revision,
            model_number=model,
            labels=labels,
            progress=report,
        )
    session.show(done.image, lambda: _sentence(done))


def _arrived(transfer: progress.Transfer) -> Left:
    kept = f"{size(transfer.done)} of {size(transfer.total)} are kept by the daemon, as `firmware uploads` shows"
    return Left(kept if transfer.done else "nothing has arrived yet", again())


@command(firmware, "fetch", changes=True)
@click.argument("url")
@click.option("--sha256", required=True, metavar="HEX", callback=_digest, help="SHA-256 that the image must have.")
@click.option("--size", "size_bytes", required=True, type=click.IntRange(4), metavar="BYTES", help="Size of the image.")
@facts_options
@dry_run("Check everything that can be without connecting, change nothing.")
@request_id_option
@click.option("--no-wait", is_flag=True, help="Print the operation and leave it to itself.")
async def fetch(session: Session, url: str, sha256: bytes, size_bytes: int, **more: Any) -> None:
    """Have the host fetch an image from an HTTPS server that its configuration allows.

    What arrived before a connection broke is kept and gone on from. An image that is there is not fetched again.

    JSON: nvmed.v1.FetchImageResponse; with --no-wait google.longrunning.Operation.
    """
    request = pb.firmware.FetchImageRequest(
        url=url,
        sha256=sha256,
        size_bytes=size_bytes,
        firmware_revision=more["revision"],
        model_number=more["model"],
        labels=more["labels"],
        validate_only=more["dry_run"],
        request_id=more["request_id"],
    )
    view = _would_be if more["dry_run"] else _fetched
    await run(
        session,
        session.client.firmware.FetchImage,
        request,
        pb.firmware.FetchImageResponse,
        more["no_wait"],
        view,
    )


def _would_be(answer: pb.firmware.FetchImageResponse) -> str:
    return f"{answer.image} may be fetched"


def _fetched(answer: pb.firmware.FetchImageResponse) -> str:
    if not answer.fetched_bytes:
        return f"{answer.image} is there already"
    return f"{answer.image}: {answer.fetched_bytes} of {answer.size_bytes} bytes fetched ({size(answer.size_bytes)})"


def _sentence(done: nvmedctl.Uploaded) -> str:
    if not done.sent_bytes:
        return f"{done.image.name} is there already"
    again = f", in {done.attempts} attempts" if done.attempts > 1 else ""
    return f"{done.image.name}: {done.image.size_bytes} bytes ({size(done.image.size_bytes)}){again}"


@command(firmware, "images", lists=True)
@filter_option
async def images(session: Session, filter_text: str) -> None:
    """List the images of the spool.  JSON: nvmed.v1.ListImagesResponse, all pages as one."""
    request = pb.firmware.ListImagesRequest(filter=filter_text)
    found = [item async for item in nvmedctl.pages(session.client.firmware.ListImages, request, lambda r: r.images)]
    session.show_list(pb.firmware.ListImagesResponse(images=found), COLUMNS, found)


@command(firmware, "show-image")
@image_argument
async def show_image(session: Session, image: str) -> None:
    """Show one image.  JSON: nvmed.v1.Image."""
    found = await session.client.firmware.GetImage(pb.firmware.GetImageRequest(name=await image_name(session, image)))
    session.show(found, lambda: render.details(found))


@command(firmware, "delete-image", changes=True)
@image_argument
@dry_run_option
async def delete_image(session: Session, image: str, dry_run: bool) -> None:
    """Delete an image that no operation uses.  JSON: nvmed.v1.DeleteImageResponse."""
    answer = await session.client.firmware.DeleteImage(
        pb.firmware.DeleteImageRequest(name=await image_name(session, image), validate_only=dry_run)
    )
    session.show(answer, lambda: f"{answer.name} {'would be deleted' if dry_run else 'deleted'}")


@command(firmware, "download", changes=True)
@controller_argument
@click.argument("file", type=FILE)
@click.option(
    "--offset", "offset_bytes", type=click.IntRange(min=0), default=0, help="Where in the drive's image FILE begins."
)
@click.option("--transfer", "transfer_bytes", type=click.IntRange(min=0), default=0, metavar="BYTES",
              help="Bytes of each command.")  # fmt: skip
@click.option("--ignore-overlap", is_flag=True, help="Go on where the drive has a range already.")
@override_option
@dry_run("Check everything, send nothing.")
async def download(
    session: Session,
    controller: str,
    file: Path,
    overrides: list[str],
    dry_run: bool,
    **more: Any,
) -> None:
    """Stream FILE straight to a drive's download buffer, without committing it: for tools that do the rest themselves.

    JSON: nvmed.v1.DownloadFirmwareResponse.
    """
    header = pb.firmware.DownloadHeader(controller=controller, override_gates=overrides, validate_only=dry_run, **more)
    left = Left("nothing was committed; what the drive has of it is not known, so all of it is sent again", again())
    with progress.transfer(controller) as report, session.leaving(lambda: left):
        done = await nvmedctl.download_firmware(session.client.firmware, file, header, progress=report)
    session.show(
        done,
        lambda: (
            f"{done.controller}: {done.transfer_bytes} bytes would go with each command"
            if dry_run
            else f"{done.controller}: {done.size_bytes} bytes downloaded with {done.commands} commands, not committed"
        ),
    )
