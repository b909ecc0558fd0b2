"""The daemon: picks the host it manages, opens the ways in, and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from grpc_health.v1 import health_pb2

from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.inventory import Inventory
from nvmed.errors import Reason, error
from nvmed.linux import systemd
from nvmed.linux.key_thread import KeyThread
from nvmed.nvme.host import Host
from nvmed.operations import images, reconcile
from nvmed.operations.drives import Drives
from nvmed.operations.exclusion import Exclusion
from nvmed.operations.firmware import Firmware
from nvmed.operations.journal import Journal
from nvmed.operations.keyring import Keyring
from nvmed.operations.manager import Manager
from nvmed.operations.passthru import Passthrus
from nvmed.operations.quirks import RulesFiles
from nvmed.operations.request_digest import RequestDigests
from nvmed.operations.resets import Resets
from nvmed.operations.spool import Spool
from nvmed.rpc.server import make_server
from nvmed.rpc.services import Foundation
from nvmed.security.passthru import PassthruRules
from nvmed.security.principal import ADMIN_SOCKET, LOOPBACK, Principal

STOP_GRACE_S: Final = 5.0
"""How long calls may go on once the daemon was told to stop."""

log: Final = structlog.get_logger("nvmed.daemon")


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: where clients connect, where state is kept, and whose drives to manage."""

    socket: Path | None
    insecure_tcp: str | None
    state_dir: Path
    simulated: bool
    firmware_rules: Path | None = None
    passthru_rules: Path | None = None


@asynccontextmanager
async def serving(host: Host, options: Options) -> AsyncIterator[tuple[str, ...]]:
    """Serve `host`'s drives inside; yields the addresses that clients can connect to."""
    options.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    inventory = Inventory(host)
    extended = ExtendedTelemetry(options.state_dir)
    await extended.recover(inventory)
    key_thread = KeyThread()
    keyring = Keyring(key_thread)
    exclusion = Exclusion()
    drives = Drives(inventory, exclusion, host.usage)
    spool = Spool(options.state_dir / "spool")
    operations = Manager(
        Journal(options.state_dir / "journal.sqlite"),
        {**reconcile.reconcilers(drives), **images.reconcilers(spool)},
        history=reconcile.HISTORY,
    )
    firmware = Firmware(drives, operations, spool, RulesFiles(options.firmware_rules))
    passthrus = Passthrus(inventory, operations, exclusion, PassthruRules(options.passthru_rules))
    foundation = Foundation(
        inventory=inventory,
        extended_telemetry=extended,
        operations=operations,
        keyring=keyring,
        digests=RequestDigests(options.state_dir),
        spool=spool,
        firmware=firmware,
        resets=Resets(drives),
        passthrus=passthrus,
        simulated=options.simulated,
    )
    doors: list[tuple[str, Principal]] = []
    if options.socket is not None:
        _make_room(options.socket)
        doors.append((f"unix:{options.socket}", ADMIN_SOCKET))
    if options.insecure_tcp is not None:
        doors.append((options.insecure_tcp, LOOPBACK))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(inventory.close)
        stack.callback(key_thread.close)
        stack.callback(firmware.close)
        stack.callback(passthrus.close)
        stack.push_async_callback(extended.settle)
        await stack.enter_async_context(spool.serving())
        await operations.recover()
        stack.push_async_callback(operations.close)
        addresses = [await stack.enter_async_context(_door(foundation, *door)) for door in doors]
        yield tuple(addresses)


@asynccontextmanager
async def _door(foundation: Foundation, address: str, principal: Principal) -> AsyncIterator[str]:
    """One server on one address, whose clients all are `principal`; yields the address with the port it got."""
    server, health, names = make_server(foundation, lambda _: principal)
    with _private_umask():  # the socket must not be open to others for even a moment
        port = server.add_insecure_port(address)
    await server.start()
    for name in ("", *names):
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
    finally:
        await health.enter_graceful_shutdown()
        await server.stop(STOP_GRACE_S)
        if address.startswith("unix:"):
            _remove(Path(address.removeprefix("unix:")))


async def run(host: Host, options: Options, ready: Callable[[tuple[str, ...]], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` and systemd are told once clients can connect."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(host, options) as addresses:
        log.info("ready", addresses=addresses, simulated=options.simulated)
        systemd.ready()
        ready(addresses)
        await stop.wait()
        log.info("stopping")
        systemd.stopping()


def make_host(simulate: int | None, sysfs_root: Path, dev_root: Path) -> Host:
    """The host to manage: this machine, or `simulate` drives in software."""
    if simulate is None:
        from nvmed.linux.sysfs import LinuxHost  # the two never meet: one of them is imported

        return LinuxHost(sysfs_root, dev_root)
    from nvmed.simulator.host import default_host

    return default_host(simulate)


def is_loopback(address: str) -> bool:
    """Whether `host:port` can be reached from this machine alone."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _private_umask() -> Iterator[None]:
    previous = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(previous)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _make_room(path: Path) -> None:
    """Remove the socket that a daemon which was killed left behind; refuse to replace anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise error(Reason.ADDRESS_IN_USE, f"{path} is there and is no socket; choose another path", address=path)
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
        else:
            raise error(Reason.ADDRESS_IN_USE, f"another daemon serves {path}; stop it first", address=path)
