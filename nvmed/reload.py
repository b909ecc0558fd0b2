"""Takes over a changed configuration while the daemon serves: as a whole, or not at all.

SIGHUP asks for it, and so does `nvmed reload PID`, which also hears what came of it. Everything is read and checked
before anything is used; from there on nothing can fail. Certificates that are replaced are found without being told.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from nvmed import checks, config, logs
from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from nvmed.linux import systemd
from nvmed.reasons import Reason, error
from nvmed.rpc.credentials import ListenerCredentials
from nvmed.rpc.services import Components
from nvmed.security.audit import Event, Kind
from nvmed.security.bindings import make_policy

TLS_POLL_S: Final = 5.0
"""How often certificates are looked at: their inodes and times, not their content."""

ANSWER_BYTES_MAX: Final = 64 * 1024
ANSWER_WAIT_S: Final = 60.0

_RELOADABLE: Final = re.compile(
    r"log_level|policy\..*|firmware\.rules|limits\.(calls|streams)_.*"
    r"|listen\.unix\[\d+\]\.roles\b.*|listen\.insecure_loopback\.roles\b.*|(listen|metrics)\.tls\[\d+\]\.(certificate|key|client_ca)"
)
"""Fields, by their paths, that a reload takes over. A change of any other takes a restart: the reload is refused."""

_PEER: Final = struct.Struct("3i")
"""struct ucred of unix(7): pid, uid, gid."""

log: Final = structlog.get_logger("nvmed.reload")


@dataclass(slots=True)
class Served:
    """A daemon that serves: what it was configured with, and what of it a reload changes."""

    configured: config.Config
    source: str
    components: Components
    tls_credentials: Sequence[ListenerCredentials]
    addresses: tuple[str, ...]


class Reloader:
    """Reloads what is `served`; `read` reads the configuration again. Belongs to one event loop."""

    def __init__(self, served: Served, read: Callable[[], config.Config]) -> None:
        self._served = served
        self._read = read
        self._lane = Lane("reload", threads=1)
        self._one_at_a_time = asyncio.Lock()

    async def reload(self) -> None:
        """Take over the configuration as it is now; raises CONFIG_INVALID, or whatever else is wrong with it, and
        everything is as it was.
        """
        async with self._one_at_a_time:
            audit = self._served.components.admission.audit
            _tell(systemd.reloading, "reloading the configuration")
            try:
                use = await self._lane.run(self._prepared)
            except Exception as exc:
                failure = _known(exc)
                log.error("reload_refused", reason=failure.reason, message=failure.message)
                audit.note(Event(Kind.RELOAD_REFUSED, reason=failure.reason, message=failure.message))
                _tell(systemd.ready, f"goes on as before: the reload was refused: {failure.message}")
                raise failure from None
            use()
            etag = self._served.components.admission.policy.etag
            log.info("reloaded", policy=etag)
            audit.note(Event(Kind.RELOADED, message=f"policy {etag}"))
            _tell(systemd.ready, f"reloaded, policy {etag}")

    async def reload_quietly(self) -> None:
        """As `reload`; that it was refused stands in the log."""
        with suppress(NvmedError):
            await self.reload()

    async def poll(self) -> None:
        """Look for certificates that were replaced, again and again."""
        while True:
            await asyncio.sleep(TLS_POLL_S)
            await self.look_at_certificates()

    async def look_at_certificates(self) -> None:
        """Take over certificates that were replaced; what is wrong with them is logged."""
        async with self._one_at_a_time:
            for credentials in self._served.tls_credentials:
                await self._lane.run(credentials.reload_if_changed)

    def close(self) -> None:
        """Let go of the thread."""
        self._lane.close()

    def _prepared(self) -> Callable[[], None]:
        """Read and check everything; returns what puts it to use, all at once, on the event loop."""
        served, source = self._served, self._served.source
        new = self._read()
        for path in changed_fields(served.configured, new):
            if not _RELOADABLE.fullmatch(path):
                raise config.invalid(source, path, "has changed, which takes a restart; nothing was reloaded")
        policy = make_policy(new, source)
        checks.check_files(new, source)
        passthru_rules = checks.passthru_rules(new)
        passthru_rules.current()
        firmware_rules = checks.firmware_rules(new)
        firmware_rules.current()
        certificates = [
            (credentials, credentials.prepare(listener))
            for (_, listener), credentials in zip(new.tls_listeners, served.tls_credentials, strict=True)
        ]

        def use() -> None:
            components = served.components
            for credentials, prepared in certificates:
                credentials.take(prepared)
            components.passthrus.use(passthru_rules)
            components.firmware.use(firmware_rules)
            components.events.certificates.listeners = new.listen.tls
            components.admission.throttle.limits = new.limits
            components.admission.budget.total = new.limits.bytes_in_flight
            if new.log_level != served.configured.log_level:
                logs.configure(new.log_level)
            served.configured = new
            components.admission.policy = policy  # last: calls that run are looked at again

        return use


def changed_fields(old: config.Config, new: config.Config) -> list[str]:
    """The paths of the fields in which two configurations differ."""
    before, after = (dict(_flat(msgspec.to_builtins(each))) for each in (old, new))
    return [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of everything that holds nothing more, and of what is empty."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple) and value:
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{index}]")
    else:
        yield path, value


def _known(exc: Exception) -> NvmedError:
    if isinstance(exc, NvmedError):
        return exc
    log.error("bug", exc_info=exc)
    return error(Reason.BUG, "a bug in nvmed; its log has the details")


def _tell(say: Callable[[str], bool], status: str) -> None:
    """A service manager that does not listen is no reason not to reload."""
    try:
        say(status)
    except OSError as exc:
        log.warning("systemd_not_told", message=str(exc))


# -- asking for it


def _address(pid: int) -> str:
    """Where process `pid` is asked: an abstract unix socket, which no file system has to have room for."""
    return f"\0nvmed/reload/{pid}"


def ask(pid: int) -> None:
    """Let the daemon that is process `pid` reload, and wait; raises what it refused the configuration with.

    CONNECTION_FAILED if no nvmed of this user is that process.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ANSWER_WAIT_S)
        try:
            asking.connect(_address(pid))
            listener, _, _ = _PEER.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
            if listener != pid:
                raise error(Reason.CONNECTION_FAILED, f"process {pid} does not listen itself; process {listener} does")
            with asking.makefile("rb") as answer:
                text = answer.read(ANSWER_BYTES_MAX).decode()
        except OSError as exc:
            raise error(Reason.CONNECTION_FAILED, f"process {pid} does not answer: {exc.strerror or exc}") from None
    if text != "reloaded":
        raise error(Reason.CONFIG_INVALID, text or f"process {pid} ended before it had reloaded")


@asynccontextmanager
async def answering(reloader: Reloader) -> AsyncIterator[None]:
    """Answer SIGHUP, and `ask`s of root and of this user, while inside; take over certificates that are replaced."""
    loop = asyncio.get_running_loop()
    polling = asyncio.create_task(reloader.poll())
    told: set[asyncio.Task[None]] = set()

    def hang_up() -> None:
        task = asyncio.create_task(reloader.reload_quietly())
        told.add(task)
        task.add_done_callback(told.discard)

    loop.add_signal_handler(signal.SIGHUP, hang_up)
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        asking.bind(_address(os.getpid()))
    except OSError as exc:  # SIGHUP still works
        log.warning("reload_not_answered", message=str(exc))
        asking.close()
        server = None
    else:
        server = await asyncio.start_unix_server(lambda _, answer: _answer(reloader, answer), sock=asking)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        if server is not None:
            server.close()
        polling.cancel()
        await asyncio.gather(polling, *told, return_exceptions=True)
        reloader.close()


async def _answer(reloader: Reloader, answer: asyncio.StreamWriter) -> None:
    try:
        who = answer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        _, uid, _ = _PEER.unpack(who)
        if uid in (0, os.geteuid()):
            try:
                await reloader.reload()
                answer.write(b"reloaded")
            except NvmedError as exc:
                answer.write(exc.message.encode()[:ANSWER_BYTES_MAX])
    finally:
        answer.close()
