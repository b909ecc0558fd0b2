"""nvmedctl logs: what drives say of themselves, decoded."""

from __future__ import annotations

from typing import Any

import click

from nvmedctl.cli import completing, pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import (
    BYTE,
    DWORD,
    Decorator,
    FieldOption,
    controller_argument,
    dry_run_option,
    options,
    request_id_option,
)
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns, table
from nvmedctl.cli.text import label, names, size


@click.group()
def logs() -> None:
    """Log pages of a controller: decoded, or any page as bytes."""


@click.group("self-test")
def self_test() -> None:
    """Self-tests of a drive."""


logs.add_command(self_test)

raw_option: Decorator = click.option("--include-raw", is_flag=True, help="Also the log's bytes, in base64 in JSON.")
clearing_options: Decorator = options(
    raw_option,
    click.option("--clear-event", is_flag=True, help="Let the controller report its next event of this log."),
    request_id_option,
)
"""What every log has that an asynchronous event tells of."""


def clearing(clear_event: bool, request_id: str, include_raw: bool) -> dict[str, Any]:
    """The fields of `clearing_options`."""
    return {"retain_async_event": not clear_event, "request_id": request_id, "include_raw": include_raw}


@command(logs, "ana", lists=True)
@controller_argument
@click.option("--groups-only", is_flag=True, help="Leave namespaces out.")
@clearing_options
async def ana(session: Session, controller: str, groups_only: bool, **more: Any) -> None:
    """Show how namespaces are reached through a controller.  JSON: nvmed.v1.AnaLog."""
    request = pb.log.GetAnaLogRequest(controller=controller, groups_only=groups_only, **clearing(**more))
    found = await session.client.logs.GetAnaLog(request)
    session.show(found, lambda: with_table(found, ("groups",), GROUPS, found.groups), (GROUPS, found.groups))


@command(logs, "ana-size")
@click.argument("controller", required=False, default="", shell_complete=completing.controllers)
@click.option("--identify-file", cls=FieldOption, field="identify_controller", type=click.File("rb"), metavar="FILE",
              help="The 4096 bytes of Identify Controller, instead of CONTROLLER; - for standard input.")  # fmt: skip
@click.option("--groups-only", is_flag=True, help="Of the log without namespaces.")
async def ana_size(session: Session, controller: str, identify_file: bytes | None, groups_only: bool) -> None:
    """Compute the largest size of the ANA log.  JSON: nvmed.v1.AnaLogSize."""
    if bool(controller) == (identify_file is not None):
        raise click.UsageError("Give CONTROLLER or --identify-file, not both.")
    request = pb.log.GetAnaLogSizeRequest(groups_only=groups_only)
    if identify_file is not None:
        request.identify_controller = identify_file
    else:
        request.controller = controller.removeprefix("/dev/")
    found = await session.client.logs.GetAnaLogSize(request)
    session.show(found, lambda: render.details(found))


@command(logs, "lba-status", lists=True)
@controller_argument
@clearing_options
async def lba_status(session: Session, controller: str, **more: Any) -> None:
    """Show which logical blocks may be unrecoverable.  JSON: nvmed.v1.LbaStatusLog."""
    request = pb.log.GetLbaStatusLogRequest(controller=controller, **clearing(**more))
    found = await session.client.logs.GetLbaStatusLog(request)
    session.show(found, lambda: with_table(found, ("elements",), BLOCKS, _blocks(found)), (BLOCKS, _blocks(found)))


@command(logs, "smart", lists=True)
@controller_argument
@click.option("--nsid", type=DWORD, help="Namespace whose own log to read.  [default: the controller's]")
@clearing_options
async def smart(session: Session, controller: str, nsid: int | None, **more: Any) -> None:
    """Show health and wear.  JSON: nvmed.v1.SmartLog."""
    request = pb.log.GetSmartLogRequest(controller=controller, nsid=nsid, **clearing(**more))
    found = await session.client.logs.GetSmartLog(request)
    session.show(found, lambda: render.details(found, without="raw"), (HEALTH, [found]))


@command(logs, "errors", lists=True)
@controller_argument
@click.option("--max", "entries_max", type=click.IntRange(1, 256), default=None, help="At most so many, the newest.")
@clearing_options
async def errors(session: Session, controller: str, entries_max: int | None, **more: Any) -> None:
    """List the errors that a controller remembers, newest first.  JSON: nvmed.v1.ListErrorLogEntriesResponse."""
    request = pb.log.ListErrorLogEntriesRequest(controller=controller, entries_max=entries_max or 0, **clearing(**more))
    found = await session.client.logs.ListErrorLogEntries(request)
    session.show_list(found, ERRORS, found.error_log_entries)


@command(logs, "effects", lists=True)
@controller_argument
@click.option("--command-set", type=BYTE, default=0, show_default=True, help="I/O command set (CSI).")
@raw_option
async def effects(session: Session, controller: str, command_set: int, include_raw: bool) -> None:
    """List which commands a controller supports and what they affect.  JSON: nvmed.v1.EffectsLog."""
    request = pb.log.GetEffectsLogRequest(controller=controller, command_set=command_set, include_raw=include_raw)
    found = await session.client.logs.GetEffectsLog(request)
    rows = [("admin", each) for each in found.admin_commands] + [("I/O", each) for each in found.io_commands]
    session.show_list(found, EFFECTS, rows)


@command(self_test, "show", lists=True)
@controller_argument
@raw_option
async def show_self_tests(session: Session, controller: str, include_raw: bool) -> None:
    """Show the self-test that runs and the results of the last ones.  JSON: nvmed.v1.SelfTestLog."""
    request = pb.log.GetSelfTestLogRequest(controller=controller, include_raw=include_raw)
    found = await session.client.logs.GetSelfTestLog(request)
    session.show(found, lambda: with_table(found, ("results",), RESULTS, found.results), (RESULTS, found.results))


STARTABLE = names("SELF_TEST_", "short", "extended", "abort")


@command(self_test, "start", changes=True)
@controller_argument
@click.argument("test", type=click.Choice(list(STARTABLE)))
@click.option("--nsid", type=DWORD, help="Namespace to test, 0 for the controller alone.  [default: everything]")
@dry_run_option
@request_id_option
async def start_self_test(
    session: Session, controller: str, test: str, nsid: int | None, dry_run: bool, request_id: str
) -> None:
    """Start a self-test, or abort the one that runs.

    It goes on in the drive: `show` tells how it is.  JSON: nvmed.v1.StartSelfTestResponse.
    """
    request = pb.log.StartSelfTestRequest(
        controller=controller, test=STARTABLE[test], nsid=nsid, validate_only=dry_run, request_id=request_id
    )
    answer = await session.client.logs.StartSelfTest(request)
    done = ("would be " if dry_run else "") + ("aborted" if test == "abort" else "started")
    about = f", takes {answer.expected_minutes} min" if answer.expected_minutes else ""
    what = "self-test" if test == "abort" else f"{test} self-test"
    session.show(answer, lambda: f"{answer.controller}: {what} {done}{about}")


@command(logs, "sanitize")
@controller_argument
@clearing_options
async def sanitize(session: Session, controller: str, **more: Any) -> None:
    """Show how the last sanitize operation is or ended.  JSON: nvmed.v1.SanitizeStatus."""
    request = pb.log.GetSanitizeStatusRequest(controller=controller, **clearing(**more))
    found = await session.client.logs.GetSanitizeStatus(request)
    session.show(found, lambda: render.details(found, without="raw"))


@command(logs, "supported", lists=True)
@controller_argument
@raw_option
async def supported(session: Session, controller: str, include_raw: bool) -> None:
    """List which log pages a controller has.  JSON: nvmed.v1.SupportedLogPages."""
    request = pb.log.GetSupportedLogPagesRequest(controller=controller, include_raw=include_raw)
    found = await session.client.logs.GetSupportedLogPages(request)
    session.show_list(found, PAGES, found.pages)


@command(logs, "ocp-smart")
@controller_argument
@click.option("--uuid-index", type=BYTE, help="Of the OCP specification's UUID.  [default: looked up]")
@raw_option
async def ocp_smart(session: Session, controller: str, uuid_index: int | None, include_raw: bool) -> None:
    """Show the OCP extension of health and wear (log page C0h).  JSON: nvmed.v1.OcpSmartLog."""
    request = pb.log.GetOcpSmartLogRequest(controller=controller, uuid_index=uuid_index, include_raw=include_raw)
    found = await session.client.logs.GetOcpSmartLog(request)
    session.show(found, lambda: render.details(found, without="raw"))


def _celsius(degrees: int | None) -> str:
    return "-" if degrees is None else f"{degrees} °C"


def _warnings(found: pb.log.SmartLog) -> list[str]:
    return [label(pb.log.SmartLog.CriticalWarning.Name(each), "CRITICAL_WARNING_") for each in found.critical_warnings]


def with_table(found: Any, fields: tuple[str, ...], columns: Columns[Any], rows: Any) -> str:
    """The fields of `found` without `fields`, of which `rows` are a table below."""
    shown = render.details(found, without=(*fields, "raw"))
    return f"{shown}\n\n{table(columns, rows)}" if rows else shown


HEALTH: Columns[pb.log.SmartLog] = (
    Column("TEMP", lambda s: s.temperature_celsius if s.HasField("temperature_celsius") else None, _celsius),
    Column("USED", lambda s: s.percentage_used, "{} %".format),
    Column("SPARE", lambda s: s.available_spare_percent, "{} %".format),
    Column("ERRORS", lambda s: s.media_errors),
    Column("WARNINGS", lambda s: ", ".join(_warnings(s)) or "-"),
    Column("WRITTEN", lambda s: s.bytes_written, size, wide=True),
    Column("READ", lambda s: s.bytes_read, size, wide=True),
    Column("HOURS", lambda s: s.power_on_hours, wide=True),
    Column("UNSAFE SHUTDOWNS", lambda s: s.unsafe_shutdowns, wide=True),
    Column("ERROR LOG", lambda s: s.error_log_entries, wide=True),
    Column("CONTROLLER", lambda s: s.controller, wide=True),
)

GROUPS: Columns[pb.log.AnaLog.Group] = (
    Column("GROUP", lambda g: g.group_id),
    Column("STATE", lambda g: render.enum(g, "state")),
    Column("CHANGES", lambda g: g.change_count),
    Column("NAMESPACES", lambda g: ", ".join(str(nsid) for nsid in g.nsids) or "-"),
)

BlockRow = tuple[int, str, str, str]
BLOCKS: Columns[BlockRow] = (
    Column("NSID", lambda row: row[0]),
    Column("FIRST", lambda row: row[1]),
    Column("BLOCKS", lambda row: row[2]),
    Column("ACTION", lambda row: row[3]),
)


def _blocks(found: pb.log.LbaStatusLog) -> list[BlockRow]:
    rows = []
    for each in found.elements:
        action = f"{each.recommended_action:02x}h"
        if each.whole_namespace:
            rows.append((each.nsid, "-", "all", action))
        rows += [(each.nsid, str(part.start_lba), str(part.block_count), action) for part in each.ranges]
    return rows


ERRORS: Columns[pb.log.ErrorLogEntry] = (
    Column("ERROR", lambda e: e.error_count),
    Column("STATUS", lambda e: e.status_mnemonic or f"{e.raw_status:04x}h"),
    Column("NSID", lambda e: e.nsid),
    Column("LBA", lambda e: e.lba),
    Column("QUEUE", lambda e: e.submission_queue_id if e.submission_queue_id != 0xFFFF else "-"),
    Column("COMMAND", lambda e: e.command_id),
    Column("BYTE", lambda e: f"{e.location.byte}.{e.location.bit}" if e.HasField("location") else "-"),
)

CHANGES = {
    "data": "changes_data",
    "namespace": "changes_namespace",
    "inventory": "changes_inventory",
    "controller": "changes_controller",
}

EFFECTS: Columns[tuple[str, pb.log.CommandEffects]] = (
    Column("QUEUE", lambda e: e[0]),
    Column("OPCODE", lambda e: f"{e[1].opcode:02x}h"),
    Column("COMMAND", lambda e: e[1].command or "-"),
    Column("CHANGES", lambda e: ", ".join(word for word, field in CHANGES.items() if getattr(e[1], field)) or "-"),
    Column("RUNS", lambda e: render.enum(e[1], "submission")),
    Column(
        "SCOPE",
        lambda e: ", ".join(label(pb.log.CommandEffects.Scope.Name(s), "SCOPE_") for s in e[1].scopes) or "-",
    ),
)

RESULTS: Columns[pb.log.SelfTestResult] = (
    Column("TEST", lambda r: render.enum(r, "test")),
    Column("OUTCOME", lambda r: render.enum(r, "outcome")),
    Column("HOURS", lambda r: r.power_on_hours),
    Column("SEGMENT", lambda r: r.segment or "-"),
    Column("NSID", lambda r: r.nsid if r.HasField("nsid") else "-"),
    Column("LBA", lambda r: r.failing_lba if r.HasField("failing_lba") else "-"),
)

PAGES: Columns[pb.log.SupportedLogPages.Page] = (
    Column("PAGE", lambda p: f"{p.log_page:02x}h"),
    Column("TITLE", lambda p: p.title or "-"),
    Column("INDEX", lambda p: "yes" if p.index_offset_supported else "no"),
)
