"""A command on many hosts and drives: each by itself, so many at a time, and none in the way of the others."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field
from nvmedctl.cli import failures
from nvmedctl.cli.call import Call
from nvmedctl.cli.cut_short import Left
from nvmedctl.cli.outcomes import Outcome, Target, whose
from nvmedctl.cli.session import Session
from nvmedctl.cli.settings import CALL_TIMEOUT_S, Settings
from nvmedctl.client import Client
from nvmedctl.hosts import Host

_SENDABLE: Final = re.compile(r"[!-~]([ -~]{0,510}[!-~])?")

DRIVES_AT_ONCE: Final = 8
"""Of one host. The daemon has a lane for each drive, so that they do not wait for each other there."""


@dataclass(frozen=True, slots=True)
class Drives:
    """Which controllers of each host: those named, or all that `filter` lets through. With neither, the host itself."""

    named: tuple[str, ...] = ()
    filter: str | None = None

    @property
    def several(self) -> bool:
        """Whether there may be more than one, or fewer."""
        return len(self.named) > 1 or self.filter is not None

    async def of(self, client: Client) -> Sequence[str]:
        """The controllers of the host that `client` is connected to, by their device nodes."""
        if self.filter is None:
            return self.named or ("",)
        return [found.device_node or found.name async for found in client.list_controllers(self.filter)]


@dataclass(slots=True)
class Progress:
    """How far a run is: what came of each target so far, and the hosts that are being asked."""

    told: Callable[[Progress], None] = lambda _: None
    outcomes: list[Outcome] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    left: list[tuple[Target, Left]] = field(default_factory=list)
    prefers_views: bool = False
    done: int = 0

    def outcome(self, target: Target, output: str) -> Outcome:
        """What is to become of `target`."""
        return Outcome(target, output, prefers_view=self.prefers_views)

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.told(self)


async def run(
    hosts: Sequence[Host], drives: Drives, call: Call, settings: Settings, parallel: int, progress: Progress
) -> None:
    """Run `call` for every drive of every host, `parallel` hosts at a time; what comes of it goes to `progress`.

    No host's failure is the others'. Where the caller is cancelled, `progress` has what was done until then.
    """
    waiting = iter(hosts)

    async def work() -> None:
        for host in waiting:
            progress.asked.add(host.name)
            await _host(host, drives, call, settings, progress)
            progress.asked.discard(host.name)
            progress.done += 1
            progress.told(progress)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(parallel, len(hosts))):
            group.create_task(work())


async def _host(host: Host, drives: Drives, call: Call, settings: Settings, progress: Progress) -> None:
    """Every drive of one host, by one connection."""
    whole = progress.outcome(Target(host.name), settings.format)

    async def every() -> None:
        async with client(host, settings) as connected:
            found = await drives.of(connected)
            waiting = iter(found)

            async def work() -> None:
                for drive in waiting:
                    target = Target(host.name, drive)
                    outcome = progress.outcome(target, settings.format)
                    session = Session(connected, settings, outcome)
                    do = partial(call.function, session, **options_for(call, target, drives))
                    try:
                        await _attempted(outcome, host, settings, do)
                    finally:
                        progress.left += [(target, each) for each in session.left]
                    progress.add(outcome)

            async with asyncio.TaskGroup() as group:
                for _ in range(min(DRIVES_AT_ONCE, len(found))):
                    group.create_task(work())
            if not found:
                whole.columns = ()
                progress.add(whole)

    await _attempted(whole, host, settings, every)
    if whole.failure:
        progress.add(whole)


def client(host: Host, settings: Settings) -> Client:
    """A client of `host` that waits as long as it was asked to, within the trace that the environment names."""
    return host.client(settings.timeout or CALL_TIMEOUT_S, trace_of(os.environ))


def trace_of(environ: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """TRACEPARENT, and TRACESTATE with it, as calls say them: so that what a script does is one trace of its own.

    What gRPC could not send is left out, as the daemon leaves out what is no trace.
    """
    found = [(name.lower(), environ.get(name, "")) for name in ("TRACEPARENT", "TRACESTATE")]
    return [(name, text) for name, text in found if found[0][1] and _SENDABLE.fullmatch(text)]


async def _attempted(outcome: Outcome, host: Host, settings: Settings, do: Callable[[], Awaitable[None]]) -> None:
    """Await `do()`; how it fails becomes that of `outcome`."""
    try:
        async with asyncio.timeout(settings.timeout):
            await do()
    except NvmedError as failure:
        # Looking for the cause blocks.
        outcome.failure = await asyncio.to_thread(failures.of_connection, failure, host.address, host.tls)
    except click.UsageError as failure:
        outcome.failure = invalid_field("argument", failure.message)
    except TimeoutError as failure:
        if settings.timeout is None:
            raise
        outcome.failure = failures.of_timeout(settings.timeout)
        outcome.failure.__cause__ = failure
    except BrokenPipeError:
        raise  # nobody reads any more
    except OSError as failure:
        outcome.failure = failures.of_local_file(failure)


def options_for(call: Call, target: Target, drives: Drives) -> dict[str, Any]:
    """The options of `call` for one of its targets: its drive, its files, and its own request id."""
    options = dict(call.options)
    if isinstance(options.get("controller"), tuple):
        options["controller"] = target.controller
    for name in call.saved:
        if options[name] is not None:
            options[name] = Path(_placed(str(options[name]), target))
    if len(drives.named) > 1 and options.get("request_id"):
        options["request_id"] = _own_id(options["request_id"], target.controller)
    return options


def _placed(text: str, target: Target) -> str:
    for place, name in zip(PLACES, (target.host, target.controller), strict=True):
        text = text.replace(place, name.replace("/", "-")) if name else text
    return text


PLACES: Final = ("{host}", "{controller}")
"""What stands in the name of a file for whose it is."""


def _own_id(given: str, controller: str) -> str:
    """A request id for each drive, the same each time: one id is one request to a daemon."""
    try:
        return str(uuid.uuid5(uuid.UUID(given), controller))
    except ValueError:
        return given  # the daemon says what is wrong with it


def interruption(progress: Progress, hosts: Sequence[Host], call: Call) -> str:
    """What was done until the run was interrupted, and what was not."""
    begun = {outcome.target.host for outcome in progress.outcomes} | progress.asked
    done = [outcome.target for outcome in progress.outcomes if outcome.target.host not in progress.asked]
    parts = (
        ("done", done),
        ("broken off; what was begun there goes on" if call.traits.changes else "broken off", _of(progress.asked)),
        ("not begun", _of(host.name for host in hosts if host.name not in begun)),
    )
    return "interrupted: " + "; ".join(f"{what}: {whose(targets)}" for what, targets in parts if targets)


def _of(names: Iterable[str]) -> list[Target]:
    return [Target(name) for name in sorted(names)]
