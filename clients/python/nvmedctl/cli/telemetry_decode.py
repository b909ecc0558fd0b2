"""nvmedctl telemetry decode, sample: telemetry of OCP drives, read here and not by the daemon."""

from __future__ import annotations

import io
import json
import mmap
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nvmedctl.cli import pb, render, tables
from nvmedctl.cli.command import command, offline_command
from nvmedctl.cli.cut_short import Left, again
from nvmedctl.cli.parameters import controller_argument
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.telemetry import telemetry
from nvmedctl.cli.text import moment, names, printable

if TYPE_CHECKING:
    from nvmedctl.cli.session import Session
    from nvmedctl.ocp import Strings

SOURCES = names("TELEMETRY_SOURCE_", "host", "controller")

STATISTICS: Columns[dict[str, Any]] = (
    Column("AREA", lambda row: row["area"], wide=True),
    Column("ID", lambda row: row["identifier"], lambda identifier: f"{identifier:#06x}"),
    Column("STATISTIC", lambda row: row["name"]),
    Column("NAMESPACE", lambda row: row["nsid"] or "", wide=True),
    Column("VALUE", lambda row: row["data"] if row["value"] is None else row["value"]),
    Column("KIND", lambda row: row["behavior"], wide=True),
)

_strings_option = click.option(
    "--strings",
    "strings_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The drive's log of strings (C9h): names of the vendor's statistics and events.",
)


@offline_command(telemetry, "decode")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_strings_option
@click.option("--events", default=1000, show_default=True, type=click.IntRange(0), metavar="N",
              help="At most so many of a FIFO, the last; with -o jsonl all are printed.")  # fmt: skip
@click.option("--offsets", type=click.Choice(["auto", "area", "log"]), default="auto", show_default=True,
              help="What offsets count from, which the specification's versions say differently.")  # fmt: skip
def decode(output: str, file: Path, strings_file: Path | None, events: int, offsets: str) -> None:
    """Decode a telemetry log of an OCP drive that was saved before: areas 1 and 2. No daemon is asked.

    What cannot be so in the log is listed as a problem, and the rest is shown.

    JSON: an object with the log's header, smart, smart_extended, statistics, fifos with their events, problems; with
    -o jsonl an object for the log and for each statistic, event and problem, which says in `kind` what it is.
    """
    from nvmedctl import ocp
    from nvmedctl.ocp import document

    log = ocp.decode(_mapped(file), _strings(strings_file), ocp.Offsets(offsets))
    if output == "jsonl":
        for line in document.lines(log):
            click.echo(json.dumps(line))
        return
    whole = document.document(log, events)
    render.emit(output, whole, lambda: _view(whole))


def _mapped(file: Path) -> memoryview:
    """A file's bytes, of which those are read that are looked at."""
    with file.open("rb") as opened:
        if not os.fstat(opened.fileno()).st_size:
            return memoryview(b"")  # which cannot be mapped
        return memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))


def _strings(file: Path | None) -> Strings:
    from nvmedctl.ocp import NO_STRINGS, parse_strings

    return parse_strings(file.read_bytes()) if file else NO_STRINGS


def _view(whole: dict[str, Any]) -> str:
    known = {name: value for name, value in whole["reason"].items() if value is not None}
    reason = ", ".join(f"{name} {value}" for name, value in known.items())
    pairs = [
        ("log", f"{whole['log']}, generation {whole['generation_number']}"),
        ("firmware", whole["firmware_revision"]),
        ("structure", f"{whole['structure_version']}, offsets from the beginning of the {whole['offsets']}"),
        ("timestamp", moment(datetime.fromtimestamp(whole["timestamp_ms"] / 1000, UTC))),
        ("reason", reason or "none given"),
    ]
    parts = [
        tables.pairs((name, printable(value)) for name, value in pairs),
        tables.table(STATISTICS, whole["statistics"]),
    ]
    for fifo in whole["fifos"]:
        kinds = Counter(event["class_name"] or f"class {event['class']}" for event in fifo["events"])
        last = ", ".join(f"{count} {name}" for name, count in kinds.most_common())
        shown = len(fifo["events"])
        head = f"FIFO {fifo['number']} {fifo['name']}".strip()
        parts.append(printable(f"{head}: {fifo['event_count']} events; of the last {shown}: {last or 'none'}"))
    parts += [printable(f"problem: {each['message']}") for each in whole["problems"]]
    return "\n\n".join(part for part in parts if part)


@command(telemetry, "sample")
@controller_argument
@click.option("--source", type=click.Choice(list(SOURCES)), default="host", show_default=True, help="Which log.")
@click.option("--create", is_flag=True, help="Capture a new host log first, of area 1 alone: what is so now.")
@_strings_option
@click.option("--openmetrics", is_flag=True, help="Lines for node_exporter's textfile collector.")
async def sample(
    session: Session, controller: str, source: str, create: bool, strings_file: Path | None, openmetrics: bool
) -> None:
    """Read area 1 of an OCP drive's telemetry log, which is made to be read often, and show its statistics.

    JSON: as `telemetry decode` prints it.
    """
    from concurrent.futures import ThreadPoolExecutor

    import nvmedctl
    from nvmedctl import ocp
    from nvmedctl.ocp import document

    if create and source != "host":
        raise click.UsageError("--create is for --source host: a controller log is captured by the controller.")
    request = pb.telemetry.StreamTelemetryRequest(
        controller=controller,
        source=SOURCES[source],
        data_area=pb.telemetry.TELEMETRY_DATA_AREA_1,
        create=create,
    )
    sink = _Memory()
    left = Left("nothing is kept: a sample is taken anew", again())
    with ThreadPoolExecutor(1) as executor, session.leaving(lambda: left):
        received = await nvmedctl.receive_telemetry(session.client.telemetry, request, sink, executor=executor)
    whole = document.document(ocp.decode(sink.getbuffer(), _strings(strings_file)), 1000)
    if openmetrics:
        _expose(_openmetrics(received.header.controller, whole["statistics"]))
        return
    session.show({"controller": received.header.controller, **whole}, lambda: _view(whole))


class _Memory(io.BytesIO):
    """Where area 1 goes: at most 32 MiB, as its last block has 16 bits."""

    def restart(self) -> None:
        self.seek(0)
        self.truncate()


def _expose(lines: list[str]) -> None:
    """Print one drive's part of an exposition, which begins before the first drive's and ends after the last's."""
    context = click.get_current_context()
    if not context.meta.setdefault(_EXPOSED, False):
        context.meta[_EXPOSED] = True
        click.echo(f"# HELP {_METRIC} Statistics of area 1 of an OCP drive's telemetry log.\n# TYPE {_METRIC} gauge")
        context.call_on_close(lambda: click.echo("# EOF"))
    for line in lines:
        click.echo(line)


_EXPOSED: Final = f"{__name__}.exposed"
_METRIC: Final = "nvme_ocp_statistic"


def _openmetrics(controller: str, statistics: list[dict[str, Any]]) -> list[str]:
    """The statistics that are numbers, of one gauge: which of them are counters, drives say, and not their names."""
    lines = []
    for each in statistics:
        if each["value"] is not None:
            labels = {
                "controller": controller,
                "id": f"{each['identifier']:#06x}",
                "nsid": str(each["nsid"] or ""),
                "statistic": each["name"],
            }
            shown = ",".join(f"{name}={json.dumps(printable(value))}" for name, value in labels.items())
            lines.append(f"{_METRIC}{{{shown}}} {each['value']}")
    return lines
