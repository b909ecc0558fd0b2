"""Planted secrets go through every method of KeyService, well and badly, and show up in no sink that there is."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import itertools
import logging
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from google.longrunning.operations_pb2 import (
    ListOperationsRequest,
    ListOperationsResponse,
    Operation,
    WaitOperationRequest,
)
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from nvmed import logs
from nvmed.config import Metrics, Otel
from nvmed.keyring.keyring import Keyring
from nvmed.keys.dhchap import HmacAlgorithm, Reading, build_text
from nvmed.keys.psk import PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux.fabrics import DhchapSecrets
from nvmed.otel import outbox
from nvmed.v1 import admin_pb2
from nvmed.v1 import key_pb2 as pb
from tests.rpc.key_calls import CALLS, NEW_KEY, SECRET_ANSWERS, SECRETS, Scene
from tests.rpc.key_ring import HOST, KEY_READER, NAMES, SUBSYSTEM, Ring
from tests.rpc.rotating_host import RotatingHost, rotating
from tests.support.collector import Collector, collecting
from tests.support.planted import GOOD_TEXT, IDENTITY, PLANTED
from tests.support.waiting import until

SERVICE = pb.DESCRIPTOR.services_by_name["KeyService"]
METHODS: dict[str, MethodDescriptor] = dict(SERVICE.methods_by_name)
OLD = b"oLd-sEcReT-4179302586-ZyXwVuTsR+"
OLD_SECRET = build_text(Secret(OLD), HmacAlgorithm.NONE, Reading.SECRET)


def pieces(secrets: Iterable[bytes]) -> set[bytes]:
    """How a secret could show up, in pieces: as it is, in hexadecimal, in base64 at each offset, as numbers."""
    found: set[bytes] = set()
    for secret in secrets:
        forms = [(secret, 8), (secret.hex().encode(), 16), (str(list(secret))[1:-1].encode(), 24)]
        forms += [(base64.b64encode(bytes(offset) + secret)[4 if offset else 0 : -4], 12) for offset in range(3)]
        for form, size in forms:
            found |= {form[at : at + size].lower() for at in range(0, len(form) - size + 1, size // 2)}
    return found


def leaks(data: bytes, secrets: Iterable[bytes]) -> set[bytes]:
    lower = data.lower()
    return {piece for piece in pieces(secrets) if piece in lower}


@dataclass
class Stage:
    """A daemon that is driven, and what was heard of it."""

    host: RotatingHost
    scene: Scene
    metrics: Path
    log: io.StringIO
    collector: Collector
    secrets: list[bytes] = field(default_factory=lambda: [*SECRETS, OLD])
    answers: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    shown: set[bytes] = field(default_factory=set)
    outcomes: dict[str, set[bool]] = field(default_factory=dict)

    async def drive(self, method: str, request: Message | bytes) -> None:
        """Make a call, follow its operation, and keep what it said."""
        called = METHODS[method]
        channel = self.host.daemon.channel
        make = channel.unary_stream if called.server_streaming else channel.unary_unary
        call: Any = make(
            f"/{SERVICE.full_name}/{method}",
            request_serializer=lambda one: one if isinstance(one, bytes) else one.SerializeToString(),
            response_deserializer=GetMessageClass(called.output_type).FromString,
        )
        answers: list[Any] = []
        is_well = True
        try:
            answers += [part async for part in call(request)] if called.server_streaming else [await call(request)]
            for answer in answers:
                is_well = not isinstance(answer, Operation) or await self._ended(answer)
        except grpc.aio.AioRpcError as failure:
            is_well = False
            metadata = failure.trailing_metadata()
            about = (failure.code(), failure.details(), metadata, failure.debug_error_string(), failure)
            self.errors.append(repr(about).encode())
            self.errors += [value if isinstance(value, bytes) else value.encode() for _, value in metadata]
        self.outcomes.setdefault(method, set()).add(is_well)
        for answer in answers:
            if method in SECRET_ANSWERS:
                self.secrets += _made(answer)
            else:
                self.answers += [answer.SerializeToString(), repr(answer).encode()]

    async def _ended(self, operation: Operation) -> bool:
        while not operation.done:
            operation = await self._operations("WaitOperation", WaitOperationRequest(name=operation.name), Operation)
        self.answers += [operation.SerializeToString(), repr(operation).encode()]
        return bool(operation.WhichOneof("result") == "response")

    async def _operations(self, method: str, request: Any, answer: Any) -> Any:
        call = self.host.daemon.channel.unary_unary(
            f"/google.longrunning.Operations/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        return await call(request)

    def look(self) -> None:
        """Keep what printing every living object of nvmed's own classes would show; contracts' messages are no such."""
        for one in gc.get_objects():
            module = str(type(one).__module__)
            if module.startswith("nvmed.") and not module.startswith("nvmed.v1"):
                with suppress(Exception):  # half made, or half gone
                    self.shown.add(repr(one).encode(errors="replace"))

    async def operations(self) -> bytes:
        """What every operation shows of itself, to everybody who may list them."""
        request = ListOperationsRequest(page_size=1000)
        found = await self._operations("ListOperations", request, ListOperationsResponse)
        return bytes(found.SerializeToString()) + repr(found).encode()

    async def scrape(self) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.metrics))
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: nvmed\r\nConnection: close\r\n\r\n")
        found = await reader.read()
        writer.close()
        return found

    async def state(self) -> bytes:
        """Journal with its log of writes, digests, notes, and whatever else the daemon keeps."""

        def read() -> bytes:
            files = [path for path in self.host.daemon.state_dir.rglob("*") if path.is_file()]
            return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in files)

        return await asyncio.to_thread(read)

    async def audit(self) -> bytes:
        """Who did what: every secret that was shown is told of in there."""
        files = sorted((self.host.daemon.state_dir / "audit").glob("audit-*"))
        return await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in files))

    async def collected(self) -> bytes:
        """Spans and lines of the log, as a collector gets them: all up to those of a call that is made now."""
        last = bytes(15) + b"\1"
        traceparent = ("traceparent", f"00-{last.hex()}-{last[8:].hex()}-01")
        await self.host.daemon.admin.GetServerInfo(admin_pb2.GetServerInfoRequest(), metadata=(traceparent,))
        sent = self.collector
        await until(lambda: any(one.trace_id == last for one in sent.spans[-1:]))
        await until(lambda: any(one.trace_id == last and one.event_name == "call" for one in sent.lines[-4:]))
        return sent.raw

    async def command_lines(self) -> bytes:
        """What `ps` shows to everybody."""
        return await asyncio.to_thread(command_lines)


def _made(answer: Any) -> list[bytes]:
    """The secrets in an answer that holds one: they too must be nowhere else."""
    names = ("payload", "text", "secret_text", "transformed_text", "transformed_key")
    values = [getattr(answer, name, b"") for name in names]
    found = [value.encode().split(b":")[2] if isinstance(value, str) and value else value for value in values]
    return [value for value in found if value]


def command_lines() -> bytes:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(path.read_bytes())
    return b"\n".join(found)


async def _joined(parts: Iterable[bytes]) -> bytes:
    return b"\n".join(parts)


SINKS: tuple[tuple[str, Callable[[Stage], Any], bytes], ...] = (
    ("errors on the wire", lambda stage: _joined(stage.errors), b"KEY_TEXT_CRC"),
    ("answers that hold no secret", lambda stage: _joined(stage.answers), IDENTITY.encode()),
    ("repr", lambda stage: _joined(stage.shown), b"<Secret 32 bytes"),
    ("operations", Stage.operations, b"RotateTlsKey"),
    ("state directory", Stage.state, b"journal.sqlite"),
    ("audit", Stage.audit, b"KeyService/ReadKey"),
    ("metrics", Stage.scrape, b"KeyService"),
    ("log", lambda stage: _joined([stage.log.getvalue().encode()]), b"KeyService/RotateDhchapKey"),
    ("collector", Stage.collected, b"KeyService/RotateDhchapKey"),
    ("command lines", Stage.command_lines, b"pytest"),
)
"""Where a secret could show up: what it is called, how it is read, and what is in there if it was read well.

The state directory has the journal, and the audit unless that is configured to be elsewhere. What is printed, and what
other libraries log, is looked at beside, as pytest holds it.
"""


class Terminal(io.StringIO):
    """Where people read the log, or where it is a file."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture
def is_terminal() -> bool:
    """`parametrize` a test to have the other."""
    return False


@pytest.fixture
def log(is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The daemon's log as it configures it, at debug level; nothing of that stays for other tests."""
    before, configure = structlog.get_config(), structlog.configure
    stream = Terminal(is_terminal=is_terminal)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setattr(structlog, "configure", lambda **more: configure(**{**more, "cache_logger_on_first_use": False}))
        logs.configure("debug")
    yield stream
    structlog.configure(**before)


@pytest.fixture
async def stage(ring: Ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> AsyncIterator[Stage]:
    metrics = tmp_path / "metrics.sock"
    monkeypatch.setattr(outbox, "SEND_EVERY_S", 0.005)
    configured = {"policy": KEY_READER, "log_level": "debug", "metrics": Metrics(address=f"unix:{metrics}")}
    key = await ring.add(IDENTITY, PLANTED)
    async with collecting() as collector:
        configured["otel"] = Otel(endpoint=collector.endpoint, logs=True)
        async with rotating(ring, tmp_path, monkeypatch, **configured) as host:
            yield Stage(host, Scene(ring.serial, ring.name, key), metrics, log, collector)


def test_the_search_would_find_a_leak() -> None:
    for leak in (PLANTED, PLANTED.hex().encode(), GOOD_TEXT, repr(PLANTED).encode(), str(list(PLANTED)).encode()):
        assert leaks(b"somewhere " + leak + b" in a line", [PLANTED])
    for offset in range(8):
        assert leaks(base64.b64encode(b"x" * offset + PLANTED + b"y"), [PLANTED])
    assert not leaks(b"nothing" * 1000, [PLANTED])


def test_every_method_is_driven() -> None:
    assert set(CALLS) == set(METHODS)


@pytest.mark.timeout(60)  # it looks at all that lives, again and again
async def test_no_method_lets_a_secret_out(
    stage: Stage, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    kernel = stage.host.kernel
    for method, requests in CALLS.items():
        if method == "RotateTlsKey":
            kernel.connect(), kernel.connect(kernel.connections["nvme0"].tls_key)
            await _refused_rotation(stage)
        if method == "RotateDhchapKey":
            for connection in kernel.connections.values():
                connection.secrets = DhchapSecrets(OLD_SECRET, OLD_SECRET)
            await _refused_secrets(stage)
        for request in requests(stage.scene):
            await stage.drive(method, request)
        stage.look()
    await stage.drive("InsertTlsKey", b"\x2a\x22\x12\x20\xff" + PLANTED[1:])  # a text that is no UTF-8
    assert stage.outcomes == {method: {True, False} for method in METHODS}
    printed = "\n".join((*capfd.readouterr(), caplog.text))
    assert leaks(printed.encode(), stage.secrets) == set()
    for name, read, proof in SINKS:
        content = await read(stage)
        assert proof in content, name
        assert leaks(content, stage.secrets) == set(), name


async def _refused_rotation(stage: Stage) -> None:
    """The subsystem refuses the new key, and everything is put back; meanwhile all that lives is looked at."""
    new = derive_tls_key(Secret(NEW_KEY), HOST, SUBSYSTEM, version=1, hash_=PskHash.SHA256).identity

    def accepts(description: str) -> bool:
        stage.look()
        return description != new

    stage.host.kernel.accepts = accepts
    wanted = pb.RotateTlsKeyRequest(
        **NAMES, keyring=stage.scene.ring, psk=pb.ConfiguredPsk(key=NEW_KEY), acknowledge_disruption=True
    )
    await stage.drive("RotateTlsKey", wanted)
    assert stage.outcomes["RotateTlsKey"] == {False}
    stage.host.kernel.accepts = lambda _: True


async def _refused_secrets(stage: Stage) -> None:
    refused = itertools.count()

    def accepts(secrets: DhchapSecrets) -> bool:
        stage.look()
        return next(refused) > 0

    stage.host.kernel.accepts_secrets = accepts
    wanted = pb.RotateDhchapKeyRequest(
        **NAMES,
        host_secret=build_text(Secret(PLANTED), HmacAlgorithm.SHA256, Reading.SECRET).reveal_text(),
        acknowledge_disruption=True,
    )
    await stage.drive("RotateDhchapKey", wanted)
    assert stage.outcomes["RotateDhchapKey"] == {False}
    stage.host.kernel.accepts_secrets = lambda _: True


@pytest.mark.parametrize("is_terminal", [False, True])
async def test_a_bug_lets_no_secret_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log gets the traceback, of which the caller hears nothing."""

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(Keyring, "update_key", fail)
    monkeypatch.setattr(Keyring, "check_tls_key", fail)
    for method in ("InsertTlsKey", "UpdateKey", "ImportTlsKey", "CheckTlsKey"):
        await stage.drive(method, CALLS[method](stage.scene)[0])
        stage.look()
    printed = "\n".join((*capfd.readouterr(), caplog.text))
    assert "RuntimeError: a bug" in stage.log.getvalue()
    said = [printed.encode(), stage.log.getvalue().encode(), *stage.errors, *stage.shown]
    everything = [*said, await stage.state(), await stage.operations()]
    assert leaks(b"\n".join(everything), stage.secrets) == set()


async def test_nvmedctl_shows_no_secret_to_who_lists_processes(stage: Stage) -> None:
    """Looked at while it runs: it has connected to nothing yet, and waits for the secret."""
    names = ("--host-nqn", HOST, "--subsystem", SUBSYSTEM, "--keyring", str(stage.scene.serial), "--type", "user")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", "--address", stage.host.daemon.address, "keys", "insert", *names,
        stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(GOOD_TEXT)
    await process.stdin.drain()
    seen = await asyncio.to_thread(lambda: command_lines() + Path(f"/proc/{process.pid}/environ").read_bytes())
    out, err = await process.communicate(b"\n")
    assert (process.returncode, err) == (0, b"")
    assert b"nvmedctl" in seen
    assert leaks(seen + out, stage.secrets) == set()
