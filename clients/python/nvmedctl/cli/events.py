"""nvmedctl events: what happens to the drives of a host."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import click

import nvmedctl
from nvmedctl.cli import completing, pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.cut_short import Left, again
from nvmedctl.cli.parameters import filter_option, node
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import ago, moment, names, size

PREFIX = "EVENT_KIND_"
KINDS = names(
    PREFIX,
    "controller-added", "controller-removed", "controller-changed", "controller-started", "namespace-added",
    "namespace-removed", "namespace-changed", "async-event", "telemetry-available", "critical-warning-changed",
    "operation-changed", "key-expiring", "self-test-ended", "capture-finished", "sanitize-ended", "firmware-pending",
    "path-lost", "path-restored", "path-failed-over", "link-degraded", "link-restored", "pci-errors",
    "certificate-expiring", "drive-slow", "drive-recovered",
)  # fmt: skip


@click.group()
def events() -> None:
    """What happens to the drives of the host."""


def _kind(event: pb.event.Event) -> str:
    return render.enum(event, "kind")


def _time(event: pb.event.Event) -> str:
    return moment(render.when(event, "create_time")) or "-"


def _link(speed_mts: int, width: int) -> str:
    return f"{speed_mts / 1000:g} GT/s x{width}"


def _counts(errors: pb.inventory.PciErrors) -> str:
    kinds = ("correctable", "nonfatal", "fatal")
    return ", ".join(
        f"{kind} {name} {count}" for kind in kinds for name, count in sorted(getattr(errors, kind).items())
    )


_SAID: dict[str, Callable[[pb.event.Event], str]] = {
    "controller_state": lambda e: f"{e.controller_state.model_number} {render.enum(e.controller_state, 'state')}",
    "namespace_state": lambda e: f"{e.namespace_state.device_node}, {size(e.namespace_state.size_bytes)}",
    "async_event": lambda e: f"{e.async_event.name}, log page 0x{e.async_event.log_page_id:02x}",
    "telemetry_available": lambda e: f"generation {e.telemetry_available.generation_number}",
    "critical_warning_changed": lambda e: (
        f"0x{e.critical_warning_changed.previous_critical_warning:02x} is now "
        f"0x{e.critical_warning_changed.critical_warning:02x}"
    ),
    "operation_changed": lambda e: " ".join(
        filter(
            None,
            (
                e.operation_changed.method.rpartition("/")[2],
                render.enum(e.operation_changed, "state"),
                e.operation_changed.phase,
            ),
        )
    ),
    "capture_finished": lambda e: f"{e.capture_finished.capture}, {size(e.capture_finished.size_bytes)}",
    "self_test_ended": lambda e: " ".join(render.enum(e.self_test_ended.result, one) for one in ("test", "outcome")),
    "sanitize_ended": lambda e: f"{e.sanitize_ended.reason or 'erased'}, {e.sanitize_ended.erasure_record}",
    "firmware_pending": lambda e: f"slot {e.firmware_pending.slot} {e.firmware_pending.revision}".rstrip(),
    "path": lambda e: f"{e.path.path.ana_state or 'path'}, {e.path.usable_path_count} can be used",
    "link": lambda e: f"{_link(e.link.speed_mts, e.link.width)} of {_link(e.link.max_speed_mts, e.link.max_width)}",
    "pci_errors": lambda e: _counts(e.pci_errors.new_errors),
    "certificate_expiring": lambda e: (
        f"{e.certificate_expiring.subject} until {moment(render.when(e.certificate_expiring, 'expire_time'))}"
    ),
    "drive_latency": lambda e: (
        f"{render.enum(e.drive_latency, 'direction')}s take {e.drive_latency.latency_us:.0f} us, "
        f"those of {e.drive_latency.peer_count} others {e.drive_latency.peers_latency_us:.0f} us"
        + _monitored(e.drive_latency)
    ),
    "key_expiring": lambda e: f"{e.key_expiring.identity} until {moment(render.when(e.key_expiring, 'expire_time'))}",
}
"""What an event says in a few words, by its detail."""


def _monitored(latency: pb.event.DriveLatencyDetail) -> str:
    """What the drive counted itself."""
    if not latency.HasField("monitored"):
        return ""
    return f"; it counted {latency.monitored.command_count} of {latency.monitored.threshold_ms} ms or more itself"


def _about(event: pb.event.Event) -> str:
    return event.namespace or event.controller or event.operation or "host"


def _said(event: pb.event.Event) -> str:
    if event.changed_fields:
        return f"changed: {', '.join(event.changed_fields)}"
    detail = event.WhichOneof("detail")
    return _SAID[detail](event) if detail in _SAID else ""


COLUMNS: Columns[pb.event.Event] = (
    Column("NUMBER", lambda e: e.sequence),
    Column("WHEN", lambda e: render.when(e, "create_time"), ago),
    Column("KIND", _kind),
    Column("ABOUT", _about),
    Column("WHAT", _said),
    Column("NODE", lambda e: e.device_node, wide=True),
    Column("TIME", _time, wide=True),
)


@command(events, "list", lists=True)
@filter_option
async def list_events(session: Session, filter_text: str) -> None:
    """List what the daemon remembers, oldest first.  JSON: nvmed.v1.ListEventsResponse, all pages as one."""
    request = pb.event.ListEventsRequest(filter=filter_text)
    found = [item async for item in nvmedctl.pages(session.client.events.ListEvents, request, lambda r: r.events)]
    session.show_list(pb.event.ListEventsResponse(events=found), COLUMNS, found)


@command(events, "watch", streams=True)
@click.option(
    "--controller",
    callback=node,
    default="",
    shell_complete=completing.controllers,
    help="Only what happens to this one and its namespaces.",
)
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(sorted(KINDS)), help="Only this kind; may be repeated."
)
@click.option(
    "--snapshot",
    "include_snapshot",
    is_flag=True,
    help="Begin with what there is, and again whenever events are missing.",
)
@click.option("--resume", "resume_token", default="", metavar="TOKEN",
              help="Go on behind the message with this resume_token.")  # fmt: skip
@click.option("--count", type=click.IntRange(min=1), help="End after so many events of a host, without snapshots.")
async def watch(
    session: Session,
    controller: str,
    kinds: tuple[str, ...],
    include_snapshot: bool,
    resume_token: str,
    count: int | None,
) -> None:
    """Show what happens as it happens, until interrupted, across disconnections and restarts of the daemon.

    JSON: nvmed.v1.WatchEventsResponse, one in each line, heartbeats left out.
    """
    request = pb.event.WatchEventsRequest(
        controller=controller,
        kinds=[KINDS[kind] for kind in kinds],
        include_snapshot=include_snapshot,
        resume_token=resume_token,
    )
    seen, last, token = 0, 0, resume_token

    def left() -> Left:
        said = f"event {last} was the last" if last else "no event was shown"
        return Left(said, again(give={"--resume": token}) if token else "")

    with session.leaving(left):
        async with aclosing(session.client.watch_events(request)) as messages:
            async for message in messages:
                token, last = message.resume_token or token, message.event.sequence or last
                if message.HasField("heartbeat"):
                    continue
                session.show_line(message, _line)
                seen += message.event.sequence > 0
                if seen == count:
                    return


def _line(message: pb.event.WatchEventsResponse) -> str:
    """A message for people, in columns that stay where they are."""
    if message.HasField("dropped"):
        return f"-- {message.dropped.count or 'an unknown number of'} events are missing here"
    if message.HasField("snapshot_end"):
        return "-- that is what there is; what happens from now on:"
    event = message.event
    number, at = str(event.sequence or "-"), event.device_node or "-"
    return f"{number:>6}  {_time(event):<20}  {_kind(event):<24}  {at:<7}  {_about(event)}  {_said(event)}"
