"""nvmedctl audit: who did what to which drive, and whether the record of that is whole."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

import nvmedctl
from nvmed.audit_chain import Position
from nvmed.audit_chain import verify as verify_files
from nvmed.reasons import Reason, error
from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import ago, moment

DIRECTORY = Path("/var/lib/nvmed/audit")
LISTED = 100
"""Records that are listed where --limit is not given."""


@click.group()
def audit() -> None:
    """Who did what to which drive from where, and what came of it."""


COLUMNS: Columns[pb.admin.AuditRecord] = (
    Column("WHEN", lambda r: render.when(r, "time"), ago),
    Column("EVENT", lambda r: render.enum(r, "event")),
    Column("PRINCIPAL", lambda r: r.principal),
    Column("METHOD", lambda r: r.method.rpartition("/")[2]),
    Column("RESULT", lambda r: r.reason or r.code or r.message),
    Column("NUMBER", lambda r: r.sequence, wide=True),
    Column("TIME", lambda r: render.when(r, "time"), moment, wide=True),
    Column("PEER", lambda r: r.peer, wide=True),
    Column("RESOURCES", lambda r: " ".join(r.resources), wide=True),
)


def _moment(_ctx: click.Context, _parameter: click.Parameter, value: datetime | None) -> pb.timestamp.Timestamp | None:
    """A time without a zone is this machine's."""
    if value is None:
        return None
    moment = pb.timestamp.Timestamp()
    moment.FromDatetime(value.astimezone())
    return moment


def _anchors(_ctx: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> list[Position]:
    try:
        return [Position.parse(text) for text in value]
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from None


@command(audit, "list", lists=True)
@click.option(
    "--filter",
    "filter_text",
    default="",
    metavar="FILTER",
    help="Only what this lets through, for example 'event = DENIAL AND principal : operator'.",
)
@click.option("--since", type=click.DateTime(), callback=_moment, help="Only records from then on, in local time.")
@click.option("--limit", type=click.IntRange(min=1), default=LISTED, show_default=True, help="So many at most.")
async def list_records(session: Session, filter_text: str, since: pb.timestamp.Timestamp | None, limit: int) -> None:
    """List the audit, newest first.  JSON: nvmed.v1.ListAuditRecordsResponse, all pages as one."""
    request = pb.admin.ListAuditRecordsRequest(filter=filter_text, start_time=since, page_size=min(limit, 500))
    found: list[pb.admin.AuditRecord] = []
    async for record in nvmedctl.pages(session.client.admin.ListAuditRecords, request, lambda r: r.audit_records):
        found.append(record)
        if len(found) == limit:
            break
    session.show_list(pb.admin.ListAuditRecordsResponse(audit_records=found), COLUMNS, found)


@command(audit, "verify", alone="it reads files and asks no daemon.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=DIRECTORY)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    callback=_anchors,
    metavar="NUMBER:HASH",
    help="A record that must be there as it is: its number and hash from a copy elsewhere, as journald's. Repeatable.",
)
async def verify(session: Session, directory: Path, anchors: list[Position]) -> None:
    """Read the files of the audit in DIRECTORY, and find what was changed, removed, moved or cut off.

    Asks no daemon: run it on the host, or on a copy of the directory. Exits with 7 if anything is wrong. What one
    machine holds can be made anew as a whole by whoever rules it: keep the number and hash that this prints elsewhere,
    and give them as --anchor the next time.  JSON: records, files, first, last, incomplete, problems.
    """
    found = verify_files(directory, anchors)
    problems = [{"where": problem.where, "problem": problem.sentence} for problem in found.problems]
    report = {
        "records": found.records,
        "files": found.files,
        "first": found.first,
        "last": str(found.last),
        "incomplete": found.incomplete,
        "problems": problems,
    }
    lines = [f"{problem.where}: {problem.sentence}" for problem in found.problems]
    if found.incomplete:
        lines.append(f"{found.incomplete}: the last line has no end; the daemon is writing it, or was stopped in it")
    lines.append(f"{found.records} records in {found.files} files, the last is {found.last}")
    session.show(report, lambda: "\n".join(lines))
    if problems:
        raise error(Reason.AUDIT_DAMAGED, f"{directory}: {len(problems)} problems", path=directory)
