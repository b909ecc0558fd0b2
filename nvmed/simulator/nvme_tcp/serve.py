"""`nvmed simulator`: a target in a process of its own, with drives by number or from a file."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from nvmed.reasons import invalid_field
from nvmed.simulator.drives import drive
from nvmed.simulator.nvme_tcp.target import NvmeTcpTarget
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DriveFile:
    """A TOML file of drives: `[[drives]]` tables with the fields of `DriveSpec`, all of them optional.

    [[drives]]
    serial = "A"
    controllers = 2
    telemetry = { last_blocks = [64, 256, 1024, 4096], host_log_present = true }
    """

    drives: tuple[DriveSpec, ...]


def load_drives(path: Path) -> tuple[DriveSpec, ...]:
    """The drives of a file; INVALID_FIELD names what is wrong in it, `OSError` if it cannot be read."""
    try:
        raw = msgspec.toml.decode(path.read_bytes())
        content = msgspec.convert(raw, DriveFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as failure:
        raise invalid_field("config", f"{path} is no TOML file of drives: {failure}") from None
    for unknown in _unknown_keys(raw, content):
        raise invalid_field("config", f"{path} has {unknown!r}, which no drive has; see nvmed.simulator.spec")
    return content.drives


def _unknown_keys(raw: object, parsed: object) -> Iterator[str]:
    """What of `raw` did not become a field of `parsed`: a misspelt name must not pass for a default."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            if hasattr(parsed, key):
                yield from _unknown_keys(value, getattr(parsed, key))
            else:
                yield key
    elif isinstance(raw, list) and isinstance(parsed, tuple):
        for one, became in zip(raw, parsed, strict=True):
            yield from _unknown_keys(one, became)


async def serve(
    host: str,
    port: int,
    drives: int | Sequence[DriveSpec],
    ready: Callable[[tuple[str, ...]], None],
    *,
    paths: int = 1,
    advertise_host: str | None = None,
) -> None:
    """Serve `drives`, or as many made up, until SIGTERM or SIGINT; `ready` gets the addresses once hosts may connect.

    `host` may be in brackets; the other parameters are those of `NvmeTcpTarget`.
    """
    specs = [drive(number) for number in range(1, drives + 1)] if isinstance(drives, int) else drives
    subsystems = [Subsystem(spec) for spec in specs]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bare = host.strip("[]")
    async with NvmeTcpTarget(subsystems, host=bare, port=port, paths=paths, advertise_host=advertise_host) as target:
        for subsystem in subsystems:
            log.info("nvme_tcp.exported", nqn=subsystem.nqn, serial=subsystem.spec.serial, ports=target.ports)
        ready(tuple(f"{host}:{number}" for number in target.ports))
        await stop.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
