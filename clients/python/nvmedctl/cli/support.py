"""nvmedctl support: bundles of what is known of drives and of the daemon."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import nvmedctl
from nvmed.reasons import Reason, error, invalid_field
from nvmedctl.cli import completing, pb, progress, render, tables
from nvmedctl.cli.command import command, offline_command
from nvmedctl.cli.cut_short import Left, again
from nvmedctl.cli.operations import follow
from nvmedctl.cli.parameters import FieldOption, dry_run_option, file_option, filter_option, nodes, request_id_option
from nvmedctl.cli.parameters import seconds as milliseconds
from nvmedctl.cli.session import Session
from nvmedctl.cli.short_names import bundle_name
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.telemetry import SOURCES
from nvmedctl.cli.text import ago, moment, short, size

AREAS = {str(number): f"TELEMETRY_DATA_AREA_{number}" for number in (1, 2, 3)}

MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 64 << 20
BLOCK_BYTES = 1 << 20


@click.group()
def support() -> None:
    """Support bundles: all that support asks for, of drives or of the host, in one file."""


BUNDLES: Columns[pb.support.SupportBundle] = (
    Column("BUNDLE", lambda b: b.name, short),
    Column("ABOUT", lambda b: ", ".join(b.controllers) or "host"),
    Column("SIZE", lambda b: b.size_bytes, size),
    Column("PARTS", lambda b: b.parts_complete),
    Column("MISSING", lambda b: b.parts_missing),
    Column("CREATED", lambda b: render.when(b, "create_time"), ago),
    Column("EXPIRES", lambda b: render.when(b, "expire_time"), ago, wide=True),
    Column("PRINCIPAL", lambda b: b.principal, wide=True),
    Column("TIME", lambda b: render.when(b, "create_time"), moment, wide=True),
    Column("NAME", lambda b: b.name, wide=True),
)


@command(support, "create", changes=True)
@click.argument(
    "controllers", metavar="[CONTROLLER]...", nargs=-1, callback=nodes, shell_complete=completing.controllers
)
@file_option("Where to save it; without it, it stays on the host for `save`.")
@click.option("--telemetry", "telemetry_sources", type=click.Choice(list(SOURCES)), multiple=True,
              help="A telemetry log that is in it too, as it is: none is created. May be given twice.")  # fmt: skip
@click.option("--area", cls=FieldOption, field="telemetry_data_area", type=click.Choice(list(AREAS)), default="3",
              show_default=True, help="How much of telemetry: areas are cumulative.")  # fmt: skip
@click.option("--part-timeout", "part_timeout_ms", type=milliseconds, default=0, metavar="SECONDS",
              help="How long a part may be silent.  [default: 30]")  # fmt: skip
@click.option("--bundle-timeout", cls=FieldOption, field="timeout_ms", type=milliseconds, default=0, metavar="SECONDS",
              help="How long all of it may take.  [default: 600]")  # fmt: skip
@dry_run_option
@request_id_option
async def create(
    session: Session,
    controllers: tuple[str, ...],
    file: Path | None,
    telemetry_sources: tuple[str, ...],
    area: str,
    part_timeout_ms: int,
    bundle_timeout: int,
    dry_run: bool,
    request_id: str,
) -> None:
    """Make a bundle of the CONTROLLERs, or of the whole host.

    A drive that does not answer, or refuses, is a part that says so, and the bundle is made: `show` lists them.

    JSON: nvmed.v1.CreateSupportBundleResponse.
    """
    request = pb.support.CreateSupportBundleRequest(
        controllers=controllers,
        telemetry_sources=[SOURCES[one] for one in telemetry_sources],
        telemetry_data_area=AREAS[area],
        part_timeout_ms=part_timeout_ms,
        timeout_ms=bundle_timeout,
        validate_only=dry_run,
        request_id=request_id,
    )
    begun = await session.client.support.CreateSupportBundle(request)
    made = nvmedctl.operations.unpack(await follow(session, begun), pb.support.CreateSupportBundleResponse)
    if file is not None and not dry_run:
        await _save(session, made.support_bundle, file)

    def view() -> str:
        if dry_run:
            return f"{made.parts_complete} parts would be asked for"
        where = str(file) if file is not None else made.support_bundle
        missing = f", {made.parts_missing} more are missing or not whole" if made.parts_missing else ""
        return f"{where}: {size(made.size_bytes)}, {made.parts_complete} parts{missing}\nsha256 {made.sha256.hex()}"

    session.show(made, view)


@command(support, "list", lists=True)
@filter_option
async def list_bundles(session: Session, filter_text: str) -> None:
    """List the bundles on the host.  JSON: nvmed.v1.ListSupportBundlesResponse, all pages as one."""
    request = pb.support.ListSupportBundlesRequest(filter=filter_text, page_size=500)
    found = [
        one
        async for one in nvmedctl.pages(
            session.client.support.ListSupportBundles, request, lambda page: page.support_bundles
        )
    ]
    session.show_list(pb.support.ListSupportBundlesResponse(support_bundles=found), BUNDLES, found)


@command(support, "save")
@click.argument("name")
@file_option("Where to.", required=True)
async def save(session: Session, name: str, file: Path) -> None:
    """Save a bundle, NAME as `list` shows it: its first digits.

    FILE appears, or is replaced, only when the bundle is complete, checked (CRC-32, SHA-256) and on disk. A transfer
    that breaks is gone on with by itself.  JSON: nvmed.v1.SupportBundle.
    """
    saved = await _save(session, await bundle_name(session, name), file)
    line = f"{file}: {saved.size_bytes} bytes ({size(saved.size_bytes)})\nsha256 {saved.sha256.hex()}"
    session.show(saved.bundle, lambda: line)


@command(support, "delete", changes=True)
@click.argument("name")
@dry_run_option
@request_id_option
async def delete(session: Session, name: str, dry_run: bool, request_id: str) -> None:
    """Delete a bundle, NAME as `list` shows it: its first digits.  JSON: nvmed.v1.DeleteSupportBundleResponse."""
    whole = await bundle_name(session, name)
    request = pb.support.DeleteSupportBundleRequest(name=whole, validate_only=dry_run, request_id=request_id)
    gone = await session.client.support.DeleteSupportBundle(request)
    session.show(gone, lambda: f"{gone.name} {'would be' if dry_run else 'is'} deleted")


PARTS: Columns[dict[str, Any]] = (
    Column("PART", lambda part: part["part"]),
    Column("SIZE", lambda part: part.get("size_bytes", 0), size),
    Column("TOOK", lambda part: part.get("duration_ms", 0), lambda ms: f"{ms} ms"),
    Column("FINDING", lambda part: part["finding"]),
    Column("WHY", lambda part: part.get("message", "")),
    Column("SHA256", lambda part: part.get("sha256", ""), wide=True),
    Column("BEGAN", lambda part: part["begin_time"], wide=True),
)


@offline_command(support, "show")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def show(output: str, file: Path) -> None:
    """Show what is in the bundle FILE, and verify its digests; asks no daemon.

    Exits with 7 if a part is not what the manifest says. Needs the extra `support`.  JSON: the manifest, each part with
    a `finding`: complete, incomplete, missing or damaged.
    """
    manifest = checked(file)
    damaged = [part["part"] for part in manifest["parts"] if part["finding"] == "damaged"]
    render.emit(output, manifest, lambda: tables.table(PARTS, manifest["parts"]))
    if damaged:
        raise error(
            Reason.SUPPORT_BUNDLE_DAMAGED, f"{file}: {', '.join(damaged)} is not what the manifest says", path=file
        )


def checked(file: Path) -> dict[str, Any]:
    """The manifest of a bundle, each part with what was found of it; raises SUPPORT_BUNDLE_DAMAGED, INVALID_FIELD."""
    found: dict[str, tuple[int, str]] = {}
    manifest: Any = None
    try:
        with _opened(file) as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is None:
                    continue
                if member.name == MANIFEST:
                    manifest = json.loads(content.read(MANIFEST_BYTES_MAX))
                else:
                    digest = hashlib.sha256()
                    while block := content.read(BLOCK_BYTES):
                        digest.update(block)
                    found[member.name] = member.size, digest.hexdigest()
        for part in manifest["parts"]:
            part["finding"] = _finding(part, found)
    except (tarfile.TarError, ValueError, TypeError, KeyError, EOFError, RecursionError) as exc:
        raise error(Reason.SUPPORT_BUNDLE_DAMAGED, f"{file}: is no whole support bundle ({exc})", path=file) from exc
    return dict(manifest)


_FORM = {"part": str, "begin_time": str, "complete": bool}


def _finding(part: dict[str, Any], found: dict[str, tuple[int, str]]) -> str:
    if not all(isinstance(part[name], kind) for name, kind in _FORM.items()):
        raise TypeError("a part has another form")
    name = part.get("file", "")
    if not name:
        return "missing"
    if found.get(name) != (part.get("size_bytes", 0), part["sha256"]):
        return "damaged"
    return "complete" if part["complete"] else "incomplete"


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    """The archive, read from its beginning to its end, in memory that its size does not matter for."""
    try:
        import zstandard
    except ImportError as exc:
        raise invalid_field("", "reading bundles needs the extra: pip install 'nvmed[support]'") from exc
    with file.open("rb") as compressed:
        try:
            reader = zstandard.ZstdDecompressor().stream_reader(compressed)
            with tarfile.open(fileobj=io.BufferedReader(reader), mode="r|") as tar:
                yield tar
        except zstandard.ZstdError as exc:
            raise tarfile.TarError(str(exc)) from exc


async def _save(session: Session, name: str, file: Path) -> nvmedctl.SavedBundle:
    with progress.transfer(name) as report, session.leaving(lambda: Left("the bundle stays on the host", again())):
        return await session.client.save_support_bundle(name, file, progress=report)
