"""What a failed command prints and exits with: as nvmedctl, with the remedies of the fleet's own reasons."""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import click
from nvmedctl.cli import failures

from nvmed.errors import NvmedError
from nvmed_fleet import errors


def run(function: Callable[..., Awaitable[int | None]]) -> Callable[..., None]:
    """Make an async function the body of a command: its result is the exit code, 0 for None."""

    @functools.wraps(function)
    def invoke(**options: Any) -> None:
        click.get_current_context().exit(_run(functools.partial(function, **options)))

    return invoke


def _run(function: Callable[[], Awaitable[int | None]]) -> int:
    async def main() -> int | None:
        return await function()

    try:
        return asyncio.run(main()) or 0
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except NvmedError as failure:
        return fail(failure)
    except BrokenPipeError:
        raise  # whoever read the output has left: click ends quietly
    except OSError as failure:
        return fail(failures.of_local_file(failure))


def fail(failure: NvmedError) -> int:
    """Print `failure` on standard error; its exit code."""
    advice = errors.remedy(failure)
    click.echo(failures.as_text(failure) + (f"\n  remedy: {advice}" if advice else ""), err=True)
    return failures.exit_code(failure)
