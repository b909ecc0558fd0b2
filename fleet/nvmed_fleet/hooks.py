"""Commands of the operator's that a worker runs before and after a host is disturbed: drain and undrain.

What it is about stands in the environment, so that nothing has to be quoted: NVMED_HOST, NVMED_ADDRESS,
NVMED_CAMPAIGN, NVMED_PHASE. It may be run more than once for a host, as after the worker died: it must bear that.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from nvmed_fleet.errors import FleetReason, error

OUTPUT_MAX = 64 << 10
GRACE_S = 5.0


async def run(command: Sequence[str], about: Mapping[str, str], timeout_s: float) -> str:
    """Run it to its end; returns its last line. HOOK_FAILED with that line, or with the time that it was given."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **about},
        start_new_session=True,  # it is ended with all that it started
    )
    try:
        async with asyncio.timeout(timeout_s):
            said = await _last_line(process)
            code = await process.wait()
    except TimeoutError:
        raise error(FleetReason.HOOK_FAILED, f"{command[0]} did not end within {timeout_s:g} s.") from None
    finally:
        await _end(process)
    if code:
        raise error(FleetReason.HOOK_FAILED, f"{command[0]} ended with {code}: {said or 'it said nothing'}")
    return said


async def _last_line(process: asyncio.subprocess.Process) -> str:
    """The last line of all that it prints, which is read to the end whatever there is."""
    assert process.stdout is not None  # noqa: S101  # it has a pipe
    tail = b""
    while piece := await process.stdout.read(OUTPUT_MAX):
        tail = (tail + piece)[-OUTPUT_MAX:]
    lines = tail.decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else ""


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it and all that it started, if it is not over: asked first, then made to."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
