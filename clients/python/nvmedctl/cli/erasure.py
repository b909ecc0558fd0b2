"""nvmedctl erasure: the signed records of what was erased, and whether one is what a host signed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import nvmedctl
from nvmed.erasure_record import BadRecord, PublicKey, parse, signed_by
from nvmed.files import read_regular
from nvmed.reasons import Reason, error, invalid_field
from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.session import Session
from nvmedctl.cli.short_names import record_name
from nvmedctl.cli.tables import Column, Columns, pairs
from nvmedctl.cli.text import ago, moment, short

FILE_BYTES_MAX = 1 << 20


@click.group()
def erasure() -> None:
    """Records of erasures: list them, save them, and verify them anywhere."""


RECORDS: Columns[pb.erasure.ErasureRecord] = (
    Column("RECORD", lambda r: r.name, short),
    Column("ENDED", lambda r: render.when(r, "end_time"), ago),
    Column("SERIAL", lambda r: r.serial_number),
    Column("OUTCOME", lambda r: r.damage or render.enum(r, "outcome")),
    Column("METHOD", lambda r: render.enum(r, "method")),
    Column("IEEE 2883", lambda r: r.ieee_2883),
    Column("SAMPLES", lambda r: render.enum(r, "sample_finding"), wide=True),
    Column("NUMBER", lambda r: r.sequence, wide=True),
    Column("NAME", lambda r: r.name, wide=True),
    Column("TIME", lambda r: render.when(r, "end_time"), moment, wide=True),
    Column("MODEL", lambda r: r.model_number, wide=True),
    Column("PRINCIPAL", lambda r: r.principal, wide=True),
    Column("FAILURE", lambda r: r.failure_message, wide=True),
)


@command(erasure, "list", lists=True)
@click.option("--filter", "filter_text", default="", metavar="FILTER", help="For example 'serial_number = S1'.")
async def list_records(session: Session, filter_text: str) -> None:
    """List the records of this host.  JSON: nvmed.v1.ListErasureRecordsResponse, all pages as one."""
    request = pb.erasure.ListErasureRecordsRequest(filter=filter_text, page_size=500)
    records = [
        record
        async for record in nvmedctl.pages(
            session.client.drives.ListErasureRecords, request, lambda page: page.erasure_records
        )
    ]
    records.sort(key=lambda record: record.sequence)
    session.show_list(pb.erasure.ListErasureRecordsResponse(erasure_records=records), RECORDS, records)


@command(erasure, "show")
@click.argument("name")
@click.option(
    "--file", "-f", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write the signed record there."
)
async def show(session: Session, name: str, target: Path | None) -> None:
    """Show a record, NAME as `list` shows it: its first digits.  JSON: nvmed.v1.ErasureRecord."""
    request = pb.erasure.GetErasureRecordRequest(name=await record_name(session, name))
    record = await session.client.drives.GetErasureRecord(request)
    if target is not None:
        _save(target, record.envelope)
    session.show(record, lambda: render.details(record, without="envelope"))


@command(erasure, "key")
async def key(session: Session) -> None:
    """Print the public key that this host signs with, to be kept elsewhere.  JSON: nvmed.v1.ErasureKey."""
    found = await session.client.drives.GetErasureKey(pb.erasure.GetErasureKeyRequest())
    session.show(found, lambda: found.pem.rstrip())


@command(erasure, "verify")
@click.argument("record", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--public-key", "keys", type=click.Path(path_type=Path, dir_okay=False, exists=True), multiple=True, required=True,
    help="A public key that is trusted, as `erasure key` printed it; several may be given.",
)  # fmt: skip
async def verify(session: Session, record: Path, keys: Sequence[Path]) -> None:
    """Tell whether RECORD is what the host of a --public-key signed, and what it says.

    Asks no daemon. Exits with 7 if it is not. Needs the extra `verify`.  JSON: the record's own.
    """
    content = verified(record, keys)
    session.show(dict(content), lambda: pairs(_lines(content)))


def _save(target: Path, envelope: bytes) -> None:
    target.write_bytes(envelope)


def verified(record: Path, keys: Sequence[Path]) -> dict[str, Any]:
    """What a record says that one of the keys signed; raises ERASURE_RECORD_INVALID, INVALID_FIELD."""
    trusted = [_key(path) for path in keys]
    try:
        envelope = parse(read_regular(record, FILE_BYTES_MAX))
        if not any(signed_by(envelope, one) for one in trusted):
            raise BadRecord(f"none of the keys signed it: it names key {envelope.signatures[0].key_id[:64]}")
        return dict(envelope.content)
    except (BadRecord, ValueError) as exc:
        raise error(Reason.ERASURE_RECORD_INVALID, f"{record}: {exc}", path=record) from exc
    except ImportError as exc:
        raise invalid_field("", "verifying needs the extra nvmed[verify]") from exc


def _key(path: Path) -> PublicKey:
    try:
        return PublicKey.of_pem(read_regular(path, FILE_BYTES_MAX).decode("ascii", "replace"))
    except (BadRecord, ValueError) as exc:
        raise invalid_field("--public-key", f"{path}: {exc}") from exc


_NOT_SHOWN = ("samples_before", "sanitize_log_before", "sanitize_log_after", "blocks")


def _lines(content: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A line for each fact, nested ones by their path; what is long is for JSON."""
    lines: list[tuple[str, str]] = []
    for name, value in content.items():
        if name in _NOT_SHOWN or value in (None, "", {}):
            continue
        if isinstance(value, dict):
            lines += _lines(value, f"{prefix}{name}.")
        else:
            lines.append((prefix + name, value if isinstance(value, str) else json.dumps(value)))
    return lines
