"""Clients of a simulated daemon, and what happens to its drives meanwhile. What they are told goes into the history.

They know nothing of validators, and remember what real clients would: their requests, and what they were answered.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import traceback
import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from isal import isal_zlib

from nvmed.captures.capturing import CAPTURE, DELETE, Wanted, delete
from nvmed.devices.controller import Device
from nvmed.erasure.kit import NAMED
from nvmed.erasure.methods import Settings
from nvmed.erasure.sanitizing import KIND as SANITIZE
from nvmed.erasure.sanitizing import Wanted as Erasing
from nvmed.errors import NvmedError
from nvmed.firmware.activation import ACTIVATE, STAGE, Activation, Activations, Mode
from nvmed.firmware.spool_files import Image
from nvmed.firmware.staging import Staging
from nvmed.keyring.rotation import TlsRotation
from nvmed.keyring.rotation_recovery import ROTATE_TLS_KEY
from nvmed.nvme.telemetry import HEADER_BYTES, TelemetryLog
from nvmed.operations.manager import Mutation, Run
from nvmed.operations.records import Record, State
from nvmed.reasons import Reason, error
from nvmed.rpc.services import Components
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.keyring import NVME_KEYRING
from nvmed.simulator.subsystem import Subsystem
from tests.support.kernel_double import HOST, SUBSYSTEM
from tests.vopr.clock import CLOCK
from tests.vopr.drives import Scene, come_back, raise_telemetry
from tests.vopr.history import Bug, Committed, Dropped, Kept, Listed, Told, Watched
from tests.vopr.kernel import KEY_BYTES, derived

CLIENTS: Final = 4
PAUSE_S: Final = 180.0
"""How long a client rests between two requests, on average."""

QUIET_S: Final = 900.0
"""How long the last life of a daemon is, to which nothing happens."""

CHUNK_BYTES: Final = 4096
LOOKED_BYTES: Final = 1 << 20
IMAGE_BYTES: Final = 32 * 1024
REVISIONS: Final = tuple(f"2.{number}.0" for number in range(10))
IMAGES: Final = {
    hashlib.sha256(data).hexdigest(): (revision, data)
    for revision in REVISIONS
    for data in (build_image(revision, IMAGE_BYTES),)
}
REMEMBERED_MAX: Final = 40
LATER_MS: Final = 365 * 24 * 3600 * 1000


class Stage(Scene, Protocol):
    """The simulation around the clients."""

    drives: list[Subsystem]
    host: Any

    @property
    def is_quiet(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that may be made again: its operation's run is made anew from what the daemon knows then."""

    mutation: Mutation
    make: Callable[[Components], Awaitable[Run]]


@dataclass(slots=True)
class Client:
    """Somebody who asks."""

    principal: str
    asked: list[Ask] = field(default_factory=list)
    operations: dict[str, str] = field(default_factory=dict)
    """The request_id of each operation that it was told of."""
    token: str = ""


class Workload:
    """All who use the daemon."""

    def __init__(self, chance: random.Random, stage: Stage) -> None:
        self._chance = chance
        self._stage = stage
        self._clients = [Client(f"uri:spiffe://vopr/{number}") for number in range(CLIENTS)]

    async def run(self, on: Components, until_s: float) -> None:
        """Use a daemon until then; look at everything it has before leaving."""
        tasks = [
            asyncio.create_task(self._client(on, client)) for client in self._clients
        ] + [asyncio.create_task(self._watch(on, client)) for client in self._clients[:2]] + [
            asyncio.create_task(self._weather())
        ]  # fmt: skip
        await asyncio.sleep(until_s - CLOCK.now_s)
        if self._stage.is_quiet:
            await asyncio.sleep(QUIET_S)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                self._stage.note(Bug(text="".join(traceback.format_exception(ended, limit=-4))))
        await self._look(on)
        for client in self._clients:
            await self._recall(on, client)
        if self._stage.is_quiet:
            for device in [one for one in await on.inventory.controllers() if not one.node.is_connection]:
                wanted = Wanted(device, TelemetryLog.HOST_INITIATED, create=True)
                await self._new(on, self._clients[0], CAPTURE, device.resource_name, _always(wanted))

    async def _client(self, on: Components, client: Client) -> None:
        acts = (
            (self._upload, 4), (self._stage_image, 6), (self._activate, 4), (self._capture, 4), (self._delete, 1),
            (self._sanitize, 1), (self._rotate, 2), (self._repeat, 4), (self._recall, 1), (self._look_for, 1),
        )  # fmt: skip
        while not self._stage.is_quiet:
            if self._chance.random() < 0.8:
                await asyncio.sleep(self._chance.expovariate(1 / PAUSE_S))
            (act,) = self._chance.choices([act for act, _ in acts], [weight for _, weight in acts])
            try:
                await act(on, client)
            except NvmedError as exc:
                if exc.reason == Reason.BUG.name:
                    raise

    # -- requests

    async def _ask(self, on: Components, client: Client, ask: Ask) -> None:
        """Make a request, and perhaps wait for what becomes of it."""
        known = await on.operations.replay(ask.mutation)
        record = known or await on.operations.start(ask.mutation, await ask.make(on))
        self._told(client, ask.mutation.request_id, record)
        if self._chance.random() < 0.7 or self._stage.is_quiet:
            self._told(client, ask.mutation.request_id, await on.operations.wait(record.id, 600.0))

    def _told(self, client: Client, request_id: str, record: Record) -> None:
        client.operations[record.id] = request_id
        self._stage.note(
            Told(
                principal=client.principal, request_id=request_id, operation=record.id, state=record.state.value,
            )
        )  # fmt: skip
        result = record.result or {}
        if record.state is State.SUCCEEDED and record.kind == CAPTURE and result.get("capture"):
            self._kept(result["capture"], b64_hex(result["sha256"]))
        if record.kind == SANITIZE and (name := erasure_record(record)):
            self._kept(name, "")

    def _kept(self, name: str, sha256: str) -> None:
        until_ms = round(CLOCK.now_s * 1000) + 29 * 24 * 3600 * 1000
        self._stage.note(Kept(name=name, sha256=sha256, until_ms=until_ms))

    async def _new(self, on: Components, client: Client, kind: str, target: str, make: Any, **parameters: Any) -> None:
        request_id = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        digest = hashlib.sha256(repr((kind, target, sorted(parameters.items()))).encode()).digest()
        wanted = Mutation(kind, target, client.principal, request_id, digest, parameters, (target,))
        ask = Ask(wanted, make)
        client.asked = [*client.asked[-REMEMBERED_MAX:], ask]
        await self._ask(on, client, ask)

    async def _repeat(self, on: Components, client: Client) -> None:
        """Make a request again, as one does that heard no answer; sometimes twice at once."""
        if not client.asked:
            return
        ask = self._chance.choice(client.asked[-5:])
        again = [self._ask(on, client, ask) for _ in range(self._chance.choice((1, 1, 2)))]
        for found in await asyncio.gather(*again, return_exceptions=True):
            if isinstance(found, BaseException):
                raise found

    async def _device(self, on: Components) -> Device:
        if devices := [one for one in await on.inventory.controllers() if not one.node.is_connection]:
            return self._chance.choice(devices)
        raise error(Reason.CONTROLLER_NOT_FOUND, "every drive is away")

    async def _stage_image(self, on: Components, client: Client) -> None:
        device, images = await self._device(on), on.spool.images()
        if not images:
            return
        sha256 = self._chance.choice(images).sha256
        name, slot = device.resource_name, self._chance.choice((0, 0, 2, 3))

        async def make(on: Components) -> Run:
            found = (await on.inventory.find(name, "controllers")).device
            staging = Staging((found,), sha256, slot=slot)
            on.spool.image(sha256)
            return partial(on.firmware.stage, staging=staging)

        await self._new(on, client, STAGE, name, make, image=f"images/{sha256}", slot=slot,
                        firmware_revision=IMAGES[sha256][0])  # fmt: skip

    async def _activate(self, on: Components, client: Client) -> None:
        name = (await self._device(on)).resource_name
        slot, mode = self._chance.choice((1, 2, 3)), self._chance.choice([*Mode])

        async def make(on: Components) -> Run:
            found = (await on.inventory.find(name, "controller")).device
            wanted = Activation(found, slot, mode, acknowledged=True)
            return partial(Activations(on.firmware).activate, activation=wanted, rollback=False)

        await self._new(on, client, ACTIVATE, name, make, slot=slot, activation_mode=mode.value)

    async def _capture(self, on: Components, client: Client) -> None:
        name = (await self._device(on)).resource_name
        log = self._chance.choice([*TelemetryLog])
        is_host = log is TelemetryLog.HOST_INITIATED
        create, acknowledge = is_host and self._chance.random() < 0.7, not is_host and self._chance.random() < 0.5

        async def make(on: Components) -> Run:
            found = (await on.inventory.find(name, "controller")).device
            wanted = Wanted(found, log, create=create, acknowledge=acknowledge, principal=client.principal)
            return partial(on.capturing.run, wanted=wanted)

        await self._new(on, client, CAPTURE, name, make)

    async def _sanitize(self, on: Components, client: Client) -> None:
        name = (await self._device(on)).resource_name
        samples = self._chance.choice((0, 4))

        async def make(on: Components) -> Run:
            found = (await on.inventory.find(name, "controller")).device
            wanted = Erasing(found, Settings(), samples, 0.0, frozenset(), {})
            return partial(on.erasures.sanitizing.run, wanted=wanted)

        await self._new(on, client, SANITIZE, name, make, samples=samples)

    async def _rotate(self, on: Components, client: Client) -> None:
        key = derived(self._chance.randbytes(KEY_BYTES))
        wanted = TlsRotation(key, NVME_KEYRING, is_disruption_acknowledged=True)
        about = {"host_nqn": HOST, "subsystem_nqn": SUBSYSTEM, "key_type": wanted.key_type, "identity": key.identity}
        planned = await on.keys.tls_rotations.check(wanted)

        async def make(on: Components) -> Run:
            return partial(on.keys.tls_rotations.run, wanted=wanted)

        await self._new(on, client, ROTATE_TLS_KEY, f"keyrings/{NVME_KEYRING}", make, **about, planned=planned)

    async def _delete(self, on: Components, client: Client) -> None:
        if self._chance.random() < 0.3 and (images := on.spool.images()):
            sha256 = self._chance.choice(images).sha256
            self._stage.note(Dropped(name=f"images/{sha256}"))
            await on.spool.delete(sha256)
            return
        if not (captures := on.capturing.store.all()):
            return
        capture = self._chance.choice(captures)
        self._stage.note(Dropped(name=capture.name))

        async def make(on: Components) -> Run:
            return partial(delete, store=on.capturing.store, capture=capture.id)

        await self._new(on, client, DELETE, capture.name, make)

    # -- uploads

    async def _upload(self, on: Components, client: Client) -> None:
        """Upload an image, or some of it, going on where an earlier upload ended."""
        begun = [one.image.sha256 for one in on.spool.uploads() if one.principal == client.principal]
        sha256 = self._chance.choice(begun if begun and self._chance.random() < 0.7 else [*IMAGES])
        revision, data = IMAGES[sha256]
        if on.spool.find_image(sha256):
            return
        breaks_at = self._chance.choice((0.3, 0.7, 2.0, 2.0)) * len(data)
        name = f"uploads/{client.principal}/{sha256}"
        async with on.spool.receive(Image(sha256, len(data), firmware_revision=revision), client.principal) as writer:
            self._stage.note(Committed(upload=name, size_bytes=writer.committed_bytes, found=True))
            while (at := writer.received_bytes) < min(len(data), breaks_at):
                chunk = data[at : at + CHUNK_BYTES]
                if await writer.write(at, isal_zlib.crc32(chunk), chunk):
                    self._stage.note(Committed(upload=name, size_bytes=writer.committed_bytes))
                if self._chance.random() < 0.5:
                    await asyncio.sleep(self._chance.random() * 2)
            if writer.received_bytes == len(data):
                await writer.finish()
                self._stage.note(Dropped(name=name))
                self._kept(f"images/{sha256}", sha256)

    # -- looking

    async def _look_for(self, on: Components, client: Client) -> None:
        await self._look(on)

    async def _look(self, on: Components) -> None:
        """List what is kept, and read every byte of it."""
        since_ms = round(CLOCK.now_s * 1000)
        self._stage.note(Listed(kind="connections/", since_ms=since_ms, there=self._stage.host.kernel.states()))
        images: dict[str, tuple[str, str, str]] = {}
        for image in on.spool.images():
            try:
                found = await on.spool.in_thread(on.spool.path_of(image).read_bytes)
            except NvmedError:
                if on.spool.find_image(image.sha256):
                    raise
                continue  # deleted meanwhile
            images[f"images/{image.sha256}"] = (image.sha256, hashlib.sha256(found).hexdigest(), "")
        self._stage.note(Listed(kind="images/", since_ms=since_ms, there=images))
        captures: dict[str, tuple[str, str, str]] = {}
        for capture in on.capturing.store.all():
            parts: list[bytes] = []
            chunks = on.capturing.store.read(capture, 0, LOOKED_BYTES, 0, lambda buffer, size, _: bytes(buffer[:size]))
            try:
                async with aclosing(chunks):
                    parts = [chunk async for chunk in chunks]
            except NvmedError as exc:
                if on.capturing.store.find(capture.id):
                    captures[capture.name] = (capture.sha256.hex(), exc.reason, "")
                continue
            log = b"".join(parts)
            digests = (
                capture.sha256.hex(),
                hashlib.sha256(log).hexdigest(),
                hashlib.sha256(log[HEADER_BYTES:]).hexdigest(),
            )
            captures[capture.name] = digests
        self._stage.note(Listed(kind="captures/", since_ms=since_ms, there=captures))
        records = {NAMED + one.id: ("", one.damage, "") for one in await on.erasures.records()}
        self._stage.note(Listed(kind=NAMED, since_ms=since_ms, there=records))

    async def _recall(self, on: Components, client: Client) -> None:
        """Ask what became of what was asked before."""
        for operation in [*client.operations][-10:]:
            request_id = client.operations[operation]
            try:
                self._told(client, request_id, await on.operations.get(operation))
            except NvmedError as exc:
                if exc.reason != Reason.OPERATION_NOT_FOUND.name:
                    raise
                self._stage.note(Told(principal=client.principal, request_id=request_id, operation=""))

    async def _watch(self, on: Components, client: Client) -> None:
        """Watch events, going on from what was last read."""
        events = on.events.events
        position = events.position(client.token) if client.token else None
        if position is None:
            position = events.last
        with events.watch(lambda _: True, position) as watcher:
            self._stage.note(Watched(watcher=client.principal, run=events.run, numbers=(position,), begins=True))
            while True:
                read = await watcher.read(3600.0)
                numbers = tuple(event.sequence for event in read.events)
                if numbers or read.missing:
                    self._stage.note(
                        Watched(watcher=client.principal, run=events.run, numbers=numbers, missing=read.missing)
                    )
                client.token = events.token(watcher.position)
                if self._chance.random() < 0.1:
                    await asyncio.sleep(self._chance.random() * 60)

    # -- what happens to drives

    async def _weather(self) -> None:
        """Drives raise telemetry, go, and come back."""
        while not self._stage.is_quiet:
            await asyncio.sleep(self._chance.expovariate(1 / 1200.0))
            controller = self._chance.choice(self._stage.drives).controller
            if self._chance.random() < 0.5:
                raise_telemetry(self._stage, controller)
                continue
            controller.disappear()
            await asyncio.sleep(self._chance.random() * 300)
            for drive in self._stage.drives:
                come_back(self._stage, drive.controller)


def _always(wanted: Wanted) -> Callable[[Components], Awaitable[Run]]:
    async def make(on: Components) -> Run:
        return partial(on.capturing.run, wanted=wanted)

    return make


def erasure_record(record: Record) -> str:
    """The name of the record that a sanitize wrote, however it ended; "" for none."""
    failed = (record.failure or {}).get("metadata") or {}
    return str((record.result or failed).get("erasure_record", ""))


def b64_hex(text: str) -> str:
    """A digest of a result, in hexadecimal."""
    return base64.b64decode(text).hex()
