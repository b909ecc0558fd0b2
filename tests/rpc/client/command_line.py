"""What tests of nvmedctl use: it, run as a process against a daemon."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from tests.rpc.harness import Daemon


async def run(daemon: Daemon, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of nvmedctl."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", "--address", daemon.address, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), err.decode()


async def nvmedctl(daemon: Daemon, *arguments: str, stdin: bytes = b"") -> tuple[int, Any, Any]:
    """(exit code, JSON of standard output, JSON of standard error), None for nothing."""
    code, out, err = await run(daemon, "--output", "json", *arguments, stdin=stdin)
    return code, json.loads(out) if out else None, json.loads(err) if err else None


async def shown(daemon: Daemon, *arguments: str) -> str:
    """What people see of a command that ends well."""
    code, out, err = await run(daemon, *arguments)
    assert (code, err) == (0, ""), err
    return out
