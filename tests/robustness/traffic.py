"""What callers do, drawn by a table: each action makes its calls, and records what it was promised."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import tempfile
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nvmedctl.images import upload_image

from nvmed.errors import NvmedError
from nvmed.simulator.firmware_image import build_image
from nvmed.v1 import common_pb2, erasure_pb2, event_pb2, feature_pb2, firmware_pb2, key_pb2, namespace_pb2
from nvmed.v1 import telemetry_pb2 as telemetry
from tests.robustness.callers import AGAIN, CALL_S, Caller
from tests.robustness.history import Committed, Event, Missed, Trailer, Window

WINDOW_BYTES: Final = 64 << 10
HEADER_BYTES: Final = 512
SOURCES: Final = {telemetry.TELEMETRY_SOURCE_HOST: "host", telemetry.TELEMETRY_SOURCE_CONTROLLER: "controller"}
REVISIONS: Final = 20
KNOCKS: Final = (b"", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02")
"""What a connection begins with that will be none."""

NQN: Final = "nqn.2026-01.dev.nvmed:robustness:"


# -- telemetry


@dataclass
class Received:
    """What has arrived of a telemetry log."""

    header: telemetry.TelemetryHeader | None = None
    trailer: telemetry.TelemetryTrailer | None = None
    content: bytearray = field(default_factory=bytearray)

    def accept(self, message: telemetry.StreamTelemetryResponse) -> None:
        """One message of the stream."""
        if message.HasField("header"):
            self.header = message.header
            del self.content[message.header.start_offset :]
        elif message.HasField("chunk"):
            assert message.chunk.offset == len(self.content), "chunks follow one another"
            self.content += message.chunk.data
        else:
            self.trailer = message.trailer

    def windows(self, drive: str, source: str) -> list[Window]:
        """The checksums of all windows of a whole log, but of its header, which tells of the other log too.

        A log that is not whole is nobody's promise: that it was replaced is told at its end at the latest.
        """
        if self.header is None or self.trailer is None:
            return []
        found, end = [], len(self.content)
        for at in range(0, end, WINDOW_BYTES):
            stop, start = min(at + WINDOW_BYTES, end), max(at, HEADER_BYTES)
            found.append(Window(
                drive=drive, source=source, generation=self.header.generation_number, offset=start,
                size_bytes=stop - start, crc32=zlib.crc32(self.content[start:stop]),
            ))  # fmt: skip
        return found


async def read_telemetry(caller: Caller) -> None:
    """A log, given up, read slowly, or resumed where it was cut, as it is drawn."""
    name, drive = caller.drive()
    source = caller.chance.choice([*SOURCES])
    request = telemetry.StreamTelemetryRequest(
        controller=name, source=source, create=source == 1 and caller.chance.random() < 0.3,
        digest=caller.chance.choice([common_pb2.STREAM_DIGEST_SHA256, common_pb2.STREAM_DIGEST_NONE]),
        chunk_bytes=caller.chance.choice([0, 4096, 65536]),
    )  # fmt: skip
    received, stop_after = Received(), caller.chance.choice([None, None, None, 1, 3])
    pause_s = caller.chance.choice([0, 0, 0, 0.05])
    for _ in range(6):
        try:
            await caller.call("StreamTelemetry", _receive(caller, request, received, stop_after, pause_s), drive)
            break
        except NvmedError as failure:
            if failure.code not in AGAIN or received.header is None:
                raise
            request.resume_token, request.offset = received.header.resume_token, len(received.content)
            await asyncio.sleep(0.2)
    for window in received.windows(drive, SOURCES[source]):
        caller.world.record(window)
    if received.trailer is not None and received.trailer.sha256:
        covered = bytes(received.content[received.trailer.hash_covers_from_offset :])
        caller.world.record(Trailer(
            name=f"{name} {SOURCES[source]} {received.trailer.generation_number}",
            said=received.trailer.sha256.hex(), received=hashlib.sha256(covered).hexdigest(),
        ))  # fmt: skip


async def _receive(
    caller: Caller,
    request: telemetry.StreamTelemetryRequest,
    received: Received,
    stop_after: int | None,
    pause_s: float,
) -> None:
    stream = caller.client.telemetry.StreamTelemetry(request, timeout=CALL_S)
    count = 0
    async for message in stream:
        received.accept(message)
        count += 1
        if stop_after is not None and count > stop_after:
            stream.cancel()
            return
        if pause_s:
            await asyncio.sleep(pause_s)


async def capture(caller: Caller) -> None:
    """Have a log kept on the host."""
    name, drive = caller.drive()
    request = telemetry.CaptureTelemetryRequest(
        controller=name, source=telemetry.TELEMETRY_SOURCE_HOST, create=True, request_id=caller.request_id()
    )
    done = await caller.operate("CaptureTelemetry", caller.client.telemetry.CaptureTelemetry, request, drive)
    answer = telemetry.CaptureTelemetryResponse()
    if done.response.Unpack(answer):
        caller.keep(answer.capture)
        caller.known.captures.append(answer.capture)


async def read_capture(caller: Caller) -> None:
    """Read one whole."""
    if not caller.known.captures:
        return
    name = caller.chance.choice(caller.known.captures)
    stream = caller.client.telemetry.ReadCapture(telemetry.ReadCaptureRequest(name=name), timeout=CALL_S)

    async def read() -> None:
        content = hashlib.sha256()
        async for message in stream:
            content.update(message.chunk.data)
            if message.HasField("trailer"):
                caller.world.record(Trailer(name=name, said=message.trailer.sha256.hex(), received=content.hexdigest()))

    await caller.call("ReadCapture", read())


async def delete_capture(caller: Caller) -> None:
    """Let one go."""
    if len(caller.known.captures) < 5:
        return
    name = caller.known.captures.pop(caller.chance.randrange(len(caller.known.captures)))
    caller.keep(name, is_kept=False)
    request = telemetry.DeleteCaptureRequest(name=name, request_id=caller.request_id())
    await caller.surely("DeleteCapture", lambda: caller.client.telemetry.DeleteCapture(request, timeout=CALL_S))


# -- firmware


async def upload(caller: Caller) -> None:
    """An image, given up after a while as it is drawn."""
    revision = f"2.0.{caller.chance.randrange(REVISIONS)}"
    image = build_image(revision, caller.chance.choice([64 << 10, 640 << 10]))
    name = f"{caller.principal} {hashlib.sha256(image).hexdigest()}"

    def progress(done: int, _: int) -> None:
        caller.world.record(Committed(upload=name, size_bytes=done))

    with tempfile.NamedTemporaryFile() as file:
        file.write(image)
        file.flush()
        sending = upload_image(caller.client.firmware, Path(file.name), firmware_revision=revision, progress=progress)
        with suppress(TimeoutError):
            async with asyncio.timeout(caller.chance.choice([0.02, 0.2, 60])):
                done = await caller.call("UploadImage", sending)
                caller.world.record(Committed(upload=name, size_bytes=len(image), is_end=True))
                caller.keep(done.image.name)
                caller.known.images.append(done.image.name)


async def stage(caller: Caller) -> None:
    """An image to a drive, or to two."""
    if not caller.known.images:
        return
    drives = caller.chance.sample(sorted(caller.known.drives), caller.chance.choice([1, 1, 2]))
    request = firmware_pb2.StageFirmwareRequest(
        controllers=drives, image=caller.chance.choice(caller.known.images), request_id=caller.request_id()
    )
    await caller.operate("StageFirmware", caller.client.firmware.StageFirmware, request)


async def activate(caller: Caller) -> None:
    """What lies in a slot."""
    name, drive = caller.drive()
    slots = await caller.call(
        "GetFirmwareSlots",
        caller.client.firmware.GetFirmwareSlots(firmware_pb2.GetFirmwareSlotsRequest(controller=name), timeout=CALL_S),
        drive,
    )
    usable = [one.slot for one in slots.slots if one.revision and not one.active]
    if not usable:
        return
    request = firmware_pb2.ActivateFirmwareRequest(
        controller=name, slot=caller.chance.choice(usable), acknowledge_disruption=True,
        activation_mode=caller.chance.choice([
            firmware_pb2.ACTIVATION_MODE_CONTROLLER_RESET, firmware_pb2.ACTIVATION_MODE_IMMEDIATE,
        ]),
        request_id=caller.request_id(),
    )  # fmt: skip
    await caller.operate("ActivateFirmware", caller.client.firmware.ActivateFirmware, request, drive)


# -- namespaces, features, erasures


async def create_namespace(caller: Caller) -> None:
    name, drive = caller.drive()
    request = namespace_pb2.CreateNamespaceRequest(
        controller=name, size_bytes=1 << 16, lba_format=0, request_id=caller.request_id()
    )
    await caller.operate("CreateNamespace", caller.client.namespaces.CreateNamespace, request, drive)


async def delete_namespace(caller: Caller) -> None:
    name, drive = caller.drive()
    listed = await caller.call(
        "ListAllocatedNamespaces",
        caller.client.namespaces.ListAllocatedNamespaces(
            namespace_pb2.ListAllocatedNamespacesRequest(controller=name), timeout=CALL_S
        ),
        drive,
    )
    if len(listed.namespaces) < 3:
        return
    request = namespace_pb2.DeleteNamespaceRequest(
        controller=name, nsid=caller.chance.choice(listed.namespaces).nsid, acknowledge_data_loss=True,
        request_id=caller.request_id(),
    )  # fmt: skip
    await caller.operate("DeleteNamespace", caller.client.namespaces.DeleteNamespace, request, drive)


async def set_feature(caller: Caller) -> None:
    name, drive = caller.drive()
    field = feature_pb2.FeatureFieldValue(name="threshold_less_one", value=caller.chance.randrange(256))
    request = feature_pb2.SetFeatureRequest(
        controller=name, feature="interrupt-coalescing", fields=[field],
        acknowledge_risk=True, request_id=caller.request_id(),
    )  # fmt: skip
    await caller.surely("SetFeature", lambda: caller.client.drives.SetFeature(request, timeout=CALL_S), drive)


async def sanitize(caller: Caller) -> None:
    name, drive = caller.drive()
    request = erasure_pb2.SanitizeDriveRequest(
        controller=name, acknowledge_data_loss=True, skip_samples=True, stall_timeout_seconds=60,
        request_id=caller.request_id(),
    )  # fmt: skip
    done = await caller.operate("SanitizeDrive", caller.client.drives.SanitizeDrive, request, drive)
    answer = erasure_pb2.SanitizeDriveResponse()
    if done.response.Unpack(answer):
        caller.keep(answer.erasure_record)


# -- keys


async def keys(caller: Caller) -> None:
    """A new key into the keyring; what it is must be found nowhere."""
    made = await caller.call(
        "GenerateTlsKey", caller.client.keys.GenerateTlsKey(key_pb2.GenerateTlsKeyRequest(), timeout=CALL_S)
    )
    secret = made.text.split(":")[2]
    caller.world.planted |= {secret, base64.b64decode(secret)[:-4].hex()}
    request = key_pb2.InsertTlsKeyRequest(
        host_nqn=NQN + "host", subsystem_nqn=NQN + str(caller.chance.randrange(8)), request_id=caller.request_id(),
        psk=key_pb2.ConfiguredPsk(text=made.text),
    )  # fmt: skip
    await caller.surely("InsertTlsKey", lambda: caller.client.keys.InsertTlsKey(request, timeout=CALL_S))


# -- who looks on


async def look(caller: Caller) -> None:
    await caller.learn()


async def watch(caller: Caller, watcher: str) -> None:
    """All events, until cancelled; after each break where it broke off."""
    request = event_pb2.WatchEventsRequest(heartbeat_interval_ms=1000)
    while True:
        try:
            async for message in caller.client.events.WatchEvents(request):
                request.resume_token = message.resume_token or request.resume_token
                if message.HasField("event") and message.event.sequence:
                    run = message.event.name.rpartition("/")[2].rpartition("-")[0]
                    caller.world.record(Event(watcher=watcher, run=run, sequence=message.event.sequence))
                elif message.HasField("dropped"):
                    caller.world.record(Missed(watcher=watcher, count=message.dropped.count))
        except NvmedError:
            await asyncio.sleep(0.1)


# -- who wants no good


async def trespass(caller: Caller) -> None:
    """What only another role may do."""
    name, drive = caller.drive()
    request = feature_pb2.SetFeatureRequest(
        controller=name,
        feature="volatile-write-cache",
        acknowledge_risk=True,
        request_id=caller.request_id(),
        fields=[feature_pb2.FeatureFieldValue(name="enabled", value=0)],
    )
    await caller.call("SetFeature", caller.client.drives.SetFeature(request, timeout=CALL_S), drive)


async def knock(caller: Caller) -> None:
    """Connections that say nothing, nonsense, or half of something."""
    said = caller.chance.choice(KNOCKS)
    is_remote = caller.chance.random() < 0.5
    address = ("127.0.0.1", caller.world.port) if is_remote else str(caller.world.folder / "alice.sock")
    with suppress(OSError), socket.socket(socket.AF_INET if is_remote else socket.AF_UNIX) as knocking:
        knocking.setblocking(False)
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await loop.sock_connect(knocking, address)
                await loop.sock_sendall(knocking, said)
                knocking.shutdown(socket.SHUT_WR)
                await asyncio.sleep(caller.chance.uniform(0, 0.5))


Action = Callable[[Caller], Awaitable[None]]
Actions = tuple[tuple[int, Action], ...]
WORK: Final[Actions] = (
    (8, read_telemetry), (4, upload), (5, stage), (4, activate), (3, create_namespace), (3, delete_namespace),
    (4, set_feature), (1, sanitize), (3, keys), (3, capture), (3, read_capture), (1, delete_capture), (4, look),
)  # fmt: skip
MISCHIEF: Final[Actions] = ((3, look), (3, trespass), (2, read_telemetry), (2, knock))


async def act(caller: Caller, table: Actions) -> None:
    """One thing after another, until cancelled."""
    weights, actions = [weight for weight, _ in table], [action for _, action in table]
    while True:
        (action,) = caller.chance.choices(actions, weights)
        with suppress(NvmedError):
            await action(caller)
        await asyncio.sleep(caller.chance.uniform(0, 0.2))
