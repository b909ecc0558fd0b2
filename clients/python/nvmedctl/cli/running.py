"""Runs what a command does: for whom it was typed, connected, and with an exit code made of how it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import click

from nvmed.errors import NvmedError
from nvmedctl.cli import contexts, cut_short, failures, many, outcomes, progress, render, tables, targets, watching
from nvmedctl.cli.call import Call
from nvmedctl.cli.many import Drives
from nvmedctl.cli.outcomes import Outcome, Target
from nvmedctl.cli.parameters import CHOSEN, EVERY, INTERVAL, WATCH
from nvmedctl.cli.session import Printer, Session
from nvmedctl.cli.settings import PARALLEL, PARALLEL_MAX, Settings
from nvmedctl.cli.targets import Hosts


def run(given: Settings, call: Call) -> int:
    """Run a command to its exit code."""
    settings = contexts.completed(given)
    tables.layout.set(settings.layout)
    try:
        hosts = targets.chosen(settings)
        call, drives = _drives(_with_content(call))
        call, interval_s = _interval(call)
        if interval_s:
            return asyncio.run(_interruptible(partial(watching.watch, settings, hosts, drives, call, interval_s)))
        if not hosts.several and not drives.several:
            return _one(settings, hosts, drives, call)
        _check(call, hosts, drives, settings)
        return asyncio.run(_interruptible(_Many(settings, hosts, drives, call).run))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except NvmedError as failure:
        return fail(settings, failure)
    except BrokenPipeError:
        raise  # whoever read the output has left: click ends quietly
    except OSError as failure:
        return fail(settings, failures.of_local_file(failure))


def run_offline(settings: Settings, function: Callable[[str], None]) -> int:
    """Run a command's function that asks no daemon, with the format of its output, to its exit code."""
    settings = contexts.completed(settings, connects=False)
    tables.layout.set(settings.layout)
    try:
        function(settings.format)
    except NvmedError as failure:
        return fail(settings, failure)
    except BrokenPipeError:
        raise
    except OSError as failure:
        return fail(settings, failures.of_local_file(failure))
    return 0


def _one(settings: Settings, hosts: Hosts, drives: Drives, call: Call) -> int:
    """One host and one drive: what is printed is the result alone."""
    (host,) = hosts.hosts
    target = Target(host.name, drives.named[0] if drives.named else "")
    left: list[cut_short.Left] = []

    async def main() -> int:
        try:
            async with asyncio.timeout(settings.timeout), many.client(host, settings) as client:
                session = Session(client, settings, Printer(settings.format), left)
                await call.function(session, **many.options_for(call, target, drives))
        except TimeoutError as failure:
            if settings.timeout is None:
                raise
            raise failures.of_timeout(settings.timeout) from failure
        return 0

    try:
        return asyncio.run(_interruptible(main))
    except NvmedError as failure:
        return fail(settings, failures.of_connection(failure, host.address, host.tls))
    finally:
        cut_short.say(left, settings.format)


def _with_content(call: Call) -> Call:
    """`call` with the content of the files that it reads, once for all."""
    files = {name: call.options[name] for name in call.read}
    return replace(call, options={**call.options, **{name: file and file.read() for name, file in files.items()}})


def _drives(call: Call) -> tuple[Call, Drives]:
    """Which drives `call` is for, and the call without the options that said so. UsageError if they are none or two."""
    options = dict(call.options)
    every, chosen = options.pop(EVERY, False), options.pop(CHOSEN, None)
    named = options.get("controller")
    if not isinstance(named, tuple):
        return replace(call, options=options), Drives()
    if (every or chosen is not None) == bool(named):
        what = "Name them, or say --all or --filter" if named else "Which one? Name it, or say --all or --filter"
        raise click.UsageError(f"CONTROLLER: {what}." if EVERY in call.options else "Missing argument 'CONTROLLER...'.")
    return replace(call, options=options), Drives(tuple(dict.fromkeys(named)), chosen or ("" if every else None))


def _interval(call: Call) -> tuple[Call, float]:
    """How often `call` is made again, 0 for not at all, and the call without the options that said so."""
    options = dict(call.options)
    is_watched, interval_s = options.pop(WATCH, False), options.pop(INTERVAL, 0.0)
    return replace(call, options=options), interval_s if is_watched else 0.0


def _check(call: Call, hosts: Hosts, drives: Drives, settings: Settings) -> None:
    """Raise UsageError for what is not done to many, not like this, or not without --yes."""
    if call.traits.alone and hosts.several:
        raise click.UsageError(f"This is for one host: {call.traits.alone} Give one --host.")
    if call.traits.streams and len(hosts.hosts) > PARALLEL_MAX:
        raise click.UsageError(
            f"{len(hosts.hosts)} hosts are more than the {PARALLEL_MAX} that can be watched at once."
        )
    wanted = [place for place, is_wanted in zip(many.PLACES, (hosts.several, drives.several), strict=True) if is_wanted]
    for name in call.saved:
        file = call.options[name]
        if file is not None and any(place not in str(file) for place in wanted):
            raise click.UsageError(f"{file} is one file for many: put {' and '.join(wanted)} into its name.")
    is_dry = call.options.get("dry_run") or call.options.get("validate_only")
    if call.traits.changes and not settings.yes and not is_dry:
        whom = outcomes.whose(Target(host.name, each) for host in hosts.hosts for each in drives.named or ("",))
        raise click.UsageError(f"This changes {whom}: look with --dry-run, then say --yes.")


@dataclass(slots=True)
class _Many:
    """A run over many hosts and drives, and what is printed of it when."""

    settings: Settings
    hosts: Hosts
    drives: Drives
    call: Call
    printed: int = 0

    async def run(self) -> int:
        streams = self.call.traits.streams
        parallel = len(self.hosts.hosts) if streams else self.settings.parallel or PARALLEL
        with progress.hosts_line(len(self.hosts.hosts), is_shown=not streams) as line:
            state = many.Progress(lambda state: self._tell(state, line))
            try:
                await many.run(self.hosts.hosts, self.drives, self.call, self.settings, parallel, state)
            except asyncio.CancelledError:
                line.clear()
                self._show(state)
                if not streams:
                    click.echo(many.interruption(state, self.hosts.hosts, self.call), err=True)
                raise
        self._show(state)
        return max((outcome.exit_code for outcome in state.outcomes), default=0)

    @property
    def _is_for_people(self) -> bool:
        return self.settings.format in render.FOR_PEOPLE

    def _tell(self, state: many.Progress, line: progress.HostsLine) -> None:
        """Print what can be printed already, and how far it is."""
        new = state.outcomes[self.printed :]
        self.printed = len(state.outcomes)
        if not self._is_for_people or self.call.traits.streams:
            line.clear()
            for outcome in new:
                self._print(outcome)
        line.show(state.done, sum(outcome.failure is not None for outcome in state.outcomes), len(state.asked))

    def _print(self, outcome: Outcome) -> None:
        if self._is_for_people:
            click.echo(outcomes.failed([outcome]), err=True, nl=outcome.failure is not None)
        elif outcome.failure or not self.call.traits.streams:
            click.echo(outcome.encoded())
        outcome.value = None  # printed, and as large as a drive wants

    def _show(self, state: many.Progress) -> None:
        """For people: what failed, on standard error, then what did not; and what there is of what was cut short."""
        cut_short.say(outcomes.left(state.left), self.settings.format)
        if not self._is_for_people or self.call.traits.streams:
            return
        found = state.outcomes
        texts = ((outcomes.failed(found), True), (outcomes.shown(found, self.settings.layout), False))
        for number, (text, is_error) in enumerate(texts):
            if text:
                click.echo(text if number or not texts[1][0] else f"{text}\n", err=is_error)


async def _interruptible(main: Callable[[], Awaitable[int]]) -> int:
    """`main()`; SIGTERM ends it as SIGINT does, with everything tidied up."""
    task = asyncio.current_task()
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        if task:
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        code = await main()
        if task and task.cancelling():
            raise asyncio.CancelledError  # which a screen took for its own end
        return code
    except asyncio.CancelledError:
        if not terminated:
            raise
        return 128 + signal.SIGTERM


def fail(settings: Settings, failure: NvmedError) -> int:
    """Print `failure` on standard error; its exit code."""
    if settings.format in render.FOR_PEOPLE:
        context = click.get_current_context(silent=True)
        text = failures.as_text(failure, context.command if context else None)
    else:
        text = failures.as_json(failure)
    click.echo(text, err=True)
    return failures.exit_code(failure)
