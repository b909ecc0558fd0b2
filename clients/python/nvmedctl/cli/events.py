"""nvmedctl events: what happens to the drives of a host."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import click

import nvmedctl
from nvmedctl.cli import pb, render
from nvmedctl.cli.command import command
from nvmedctl.cli.parameters import filter_option, node
from nvmedctl.cli.session import Session
from nvmedctl.cli.tables import Column, Columns
from nvmedctl.cli.text import ago, moment, names, size

PREFIX = "EVENT_KIND_"
KINDS = names(
    PREFIX,
    "controller-added", "controller-removed", "controller-changed", "controller-started", "namespace-added",
    "namespace-removed", "namespace-changed", "async-event", "telemetry-available", "critical-warning-changed",
    "operation-changed", "key-expiring",
)  # fmt: skip


@click.group()
def events() -> None:
    """What happens to the drives of the host."""


def _kind(event: pb.event.Event) -> str:
    return render.enum(event, "kind")


def _time(event: pb.event.Event) -> str:
    return moment(render.when(event, "create_time")) or "-"


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
    "key_expiring": lambda e: f"{e.key_expiring.identity} until {moment(render.when(e.key_expiring, 'expire_time'))}",
}
"""What an event says in a few words, by its detail."""


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


@command(events, "watch")
@click.option("--controller", callback=node, default="", help="Only what happens to this one and its namespaces.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(sorted(KINDS)), help="Only this kind; may be repeated."
)
@click.option("--snapshot", is_flag=True, help="Begin with what there is, and again whenever events are missing.")
@click.option("--resume", "token", default="", metavar="TOKEN", help="Go on behind the message with this resume_token.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events, those of snapshots not counted.")
async def watch(
    session: Session, controller: str, kinds: tuple[str, ...], snapshot: bool, token: str, count: int | None
) -> None:
    """Show what happens as it happens, until interrupted, across disconnections and restarts of the daemon.

    JSON: nvmed.v1.WatchEventsResponse, one in each line, heartbeats left out.
    """
    request = pb.event.WatchEventsRequest(
        controller=controller,
        kinds=[KINDS[kind] for kind in kinds],
        include_snapshot=snapshot,
        resume_token=token,
    )
    seen = 0
    async with aclosing(session.client.watch_events(request)) as messages:
        async for message in messages:
            if message.HasField("heartbeat"):
                continue
            render.emit_line(session.output, message, _line)
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
