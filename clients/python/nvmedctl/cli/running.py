"""Runs what a command does: connects, and makes an exit code of how it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import click

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmedctl.address import Tls
from nvmedctl.cli import contexts, failures, tables
from nvmedctl.cli.session import Session
from nvmedctl.cli.settings import CALL_TIMEOUT_S, Settings
from nvmedctl.client import Client


def run(settings: Settings, function: Callable[[Session], Awaitable[None]]) -> int:
    """Run a command's function to its exit code."""
    settings = contexts.completed(settings)
    tls = settings.tls()
    tables.layout.set(settings.layout)
    try:
        return asyncio.run(_main(settings, tls, function))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except NvmedError as failure:
        return fail(settings, failures.of_connection(failure, settings.address, tls))
    except BrokenPipeError:
        raise  # whoever read the output has left: click ends quietly
    except OSError as failure:
        return fail(settings, failures.of_local_file(failure))


async def _main(settings: Settings, tls: Tls | None, function: Callable[[Session], Awaitable[None]]) -> int:
    """Connect, run, close; SIGTERM ends the command as SIGINT does, with everything tidied up."""
    task = asyncio.current_task()
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        if task:
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        call_timeout = settings.timeout or CALL_TIMEOUT_S
        async with asyncio.timeout(settings.timeout), Client(settings.address, tls=tls, timeout=call_timeout) as client:
            await function(Session(client, settings))
    except asyncio.CancelledError:
        if not terminated:
            raise
        return 128 + signal.SIGTERM
    except TimeoutError as failure:
        if settings.timeout is None:
            raise
        raise error(Reason.CALL_TIMEOUT, f"Not done after {settings.timeout:g} s.") from failure
    return 0


def fail(settings: Settings, failure: NvmedError) -> int:
    """Print `failure` on standard error; its exit code."""
    text = failures.as_json(failure) if settings.output in ("json", "jsonl", "yaml") else failures.as_text(failure)
    click.echo(text, err=True)
    return failures.exit_code(failure)
