"""Secrets by reference: what names one may stand in plans and histories, what it is stays in the worker's memory.

    file:/etc/nvmed-fleet/keys/node1.psk    the first line of a file that others may not read
    exec:/usr/lib/keys/give node1           the first line that a command prints; it gets NVMED_ROTATION
    env:NODE1_PSK                           a variable of the worker's environment

A reference gives the same secret until the rotation is over: a worker that takes over asks again.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
from pathlib import Path

from nvmed.errors import NvmedError
from nvmed.keys.secret import Secret
from nvmed.reasons import invalid_field
from nvmed_fleet.errors import FleetReason, error

SECRET_BYTES_MAX = 4096
EXEC_TIMEOUT_S = 60.0
PROVIDERS = ("file", "exec", "env")


def check(reference: str, field: str) -> str:
    """The reference, if it can be one; INVALID_FIELD, which does not repeat it: it may be a secret by mistake."""
    provider, _, rest = reference.partition(":")
    if provider not in PROVIDERS or not rest:
        raise invalid_field(field, f"must be a reference: {', '.join(f'{name}:...' for name in PROVIDERS)}.")
    if provider != "env" and not rest.startswith("/"):
        raise invalid_field(field, f"{provider}: must be followed by an absolute path.")
    try:
        shlex.split(rest)
    except ValueError:
        raise invalid_field(field, "is no command.") from None
    return reference


async def reveal(reference: str, rotation: str) -> Secret:
    """The secret of a reference; SECRET_MISSING, which tells where it was looked for."""
    provider, _, rest = reference.partition(":")
    if provider == "env":
        found = os.environ.get(rest, "").encode()
    elif provider == "file":
        found = await asyncio.to_thread(_read, Path(rest))
    else:
        found = await _run(shlex.split(rest), rotation)
    line = found.split(b"\n", 1)[0].strip()
    if not line:
        raise _missing(f"{provider}:{rest} gives nothing")
    return Secret(line)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXO | stat.S_IWGRP):
                raise _missing(f"{path} may be read or written by others; chmod 600")
            return file.read(SECRET_BYTES_MAX)
    except OSError as failure:
        raise _missing(f"{path}: {failure.strerror}") from None


async def _run(command: list[str], rotation: str) -> bytes:
    """What a command prints; nothing of what it prints is ever told, not even where it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "NVMED_ROTATION": rotation},
        )
    except OSError as failure:
        raise _missing(f"{command[0]}: {failure.strerror}") from None
    assert process.stdout is not None  # noqa: S101  # it has a pipe
    try:
        async with asyncio.timeout(EXEC_TIMEOUT_S):
            said = await process.stdout.read(SECRET_BYTES_MAX)
            code = await process.wait()
    except TimeoutError:
        raise _missing(f"{command[0]} did not end within {EXEC_TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        raise _missing(f"{command[0]} ended with {code}")
    return said


def _missing(why: str) -> NvmedError:
    return error(FleetReason.SECRET_MISSING, f"{why}.")
