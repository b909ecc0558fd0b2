"""A telemetry log received: checked to the last byte, resumed after a cut, begun again if it changed."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nvmedctl import Client, RetryPolicy, receive_telemetry, telemetry

from nvmed.errors import DataLoss, InvalidArgument, NvmedError
from nvmed.reasons import Reason, error
from nvmed.v1.common_pb2 import (
    STREAM_DIGEST_NONE,
    STREAM_DIGEST_SHA256,
    STREAM_DIGEST_UNSPECIFIED,
    StreamDigest,
)
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest, TelemetryTrailer
from nvmed.v1.telemetry_pb2 import StreamTelemetryResponse as Part
from tests.unit.client.scripted_server import CHUNK_BYTES, CONTROLLER, GENERATION, Step, Telemetry, cut, serving

LOG = random.Random(1).randbytes(10 * CHUNK_BYTES + 512)
AT_ONCE = RetryPolicy(attempts=4, restarts=2, first_delay=0.0)
THROTTLED = error(Reason.TOO_MANY_CALLS, retry_delay_ms=1)
REQUEST = StreamTelemetryRequest(controller="nvme0", source=TELEMETRY_SOURCE_HOST)


def names(folder: Path) -> list[str]:
    """Files in `folder`; the server has removed its socket."""
    return sorted(path.name for path in folder.iterdir())


def changed() -> NvmedError:
    return error(Reason.TELEMETRY_GENERATION_CHANGED)


async def test_a_log_is_saved_and_told_about(tmp_path: Path) -> None:
    server, target, seen = Telemetry(LOG), tmp_path / "log.bin", list[tuple[int, int]]()
    async with serving(tmp_path, server) as address, Client(address) as client:
        log = await client.save_telemetry(REQUEST, target, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == LOG
    assert (log.header.controller, log.size_bytes, log.generation_number) == (CONTROLLER, len(LOG), GENERATION)
    assert (log.sha256, log.async_event_retained) == (hashlib.sha256(LOG).digest(), True)
    assert (log.attempts, log.restarts) == (1, 0)
    assert seen == sorted(seen)
    assert seen[-1] == (len(LOG), len(LOG))
    assert names(tmp_path) == ["log.bin"]


@pytest.mark.parametrize(
    ("asked", "answered", "is_proven"),
    [
        (STREAM_DIGEST_NONE, TelemetryTrailer(digest=STREAM_DIGEST_NONE), True),
        (STREAM_DIGEST_NONE, TelemetryTrailer(sha256=b"right"), True),  # a daemon that knows no choice
        (STREAM_DIGEST_NONE, TelemetryTrailer(sha256=b"wrong", digest=STREAM_DIGEST_SHA256), False),
        (STREAM_DIGEST_UNSPECIFIED, TelemetryTrailer(digest=STREAM_DIGEST_NONE), False),
        (STREAM_DIGEST_SHA256, TelemetryTrailer(digest=STREAM_DIGEST_NONE), False),
        (STREAM_DIGEST_SHA256, TelemetryTrailer(sha256=b"right", digest=STREAM_DIGEST_SHA256), True),
        (STREAM_DIGEST_SHA256, TelemetryTrailer(digest=STREAM_DIGEST_SHA256), False),
    ],
)
def test_a_trailer_proves_what_was_asked_for(asked: StreamDigest, answered: TelemetryTrailer, is_proven: bool) -> None:
    assert telemetry.is_proven(asked, answered, b"right") is is_proven


async def test_an_empty_log_is_a_log(tmp_path: Path) -> None:
    async with serving(tmp_path, Telemetry(b"")) as address, Client(address) as client:
        log = await client.save_telemetry(REQUEST, tmp_path / "log.bin")
    assert (log.size_bytes, (tmp_path / "log.bin").read_bytes()) == (0, b"")


@pytest.mark.parametrize(
    "plan",
    [
        [cut(1)],
        [cut(4)],
        [cut(12)],  # everything but the trailer
        [cut(3), cut(2), cut(1), cut(1), cut(2)],
        [cut(5, error(Reason.CALL_CANCELLED)), cut(0, error(Reason.SHUTTING_DOWN)), cut(0), cut(3)],
        [cut(3, error(Reason.COMMAND_TIMEOUT)), cut(1, error(Reason.NVME_ABORTED)), cut(1, THROTTLED)],
        [Step(error=error(Reason.DEVICE_GONE))],  # even after the trailer: the status says whether it is done
    ],
    ids=("header", "early", "before the trailer", "often", "of other reasons", "of a command", "after the trailer"),
)
async def test_a_cut_stream_is_resumed_where_it_ended(tmp_path: Path, plan: list[Step]) -> None:
    server, calls = Telemetry(LOG, plan), len(plan) + 1
    request = StreamTelemetryRequest(controller="nvme0", source=TELEMETRY_SOURCE_HOST, create=True)
    async with serving(tmp_path, server) as address, Client(address) as client:
        log = await client.save_telemetry(request, tmp_path / "log.bin", retry=AT_ONCE)
    assert (tmp_path / "log.bin").read_bytes() == LOG
    assert (log.attempts, log.restarts, log.sha256) == (calls, 0, hashlib.sha256(LOG).digest())
    first, *resumed = server.requests
    assert (first.create, first.resume_token, first.offset) == (True, "", 0)
    assert {(r.create, r.resume_token, r.controller) for r in resumed} == {(False, f"token-{GENERATION}", "nvme0")}
    offsets = [r.offset for r in server.requests]
    assert offsets == sorted(offsets)


async def test_a_stream_that_stands_still_is_given_up(tmp_path: Path) -> None:
    server = Telemetry(LOG, [cut(3), *[cut(1)] * 9])
    async with serving(tmp_path, server) as address, Client(address) as client:
        with pytest.raises(NvmedError) as raised:
            await client.save_telemetry(REQUEST, tmp_path / "log.bin", retry=AT_ONCE)
    assert raised.value.reason == "DEVICE_GONE"
    assert len(server.requests) == AT_ONCE.attempts
    assert names(tmp_path) == []


@pytest.mark.parametrize("reason", [Reason.DEVICE_GONE, Reason.CONTROLLER_NOT_FOUND, Reason.TELEMETRY_AREA_EMPTY])
async def test_what_fails_before_the_header_is_not_repeated(tmp_path: Path, reason: Reason) -> None:
    server = Telemetry(LOG, [cut(0, error(reason))])
    async with serving(tmp_path, server) as address, Client(address) as client:
        with pytest.raises(reason.cls):
            await client.save_telemetry(REQUEST, tmp_path / "log.bin", retry=AT_ONCE)
    assert len(server.requests) == 1


@pytest.mark.parametrize("reason", [Reason.NVME_MEDIA, Reason.OPERATION_CANCELLED, Reason.CONTROLLER_NOT_FOUND])
async def test_what_resuming_cannot_help_is_raised_at_once(tmp_path: Path, reason: Reason) -> None:
    server = Telemetry(LOG, [cut(3, error(reason))])
    async with serving(tmp_path, server) as address, Client(address) as client:
        with pytest.raises(reason.cls):
            await client.save_telemetry(REQUEST, tmp_path / "log.bin", retry=AT_ONCE)
    assert len(server.requests) == 1


@pytest.mark.parametrize("reason", [Reason.TELEMETRY_GENERATION_CHANGED, Reason.RESUME_TOKEN_INVALID])
async def test_a_log_that_changed_is_begun_again(tmp_path: Path, reason: Reason) -> None:
    newer = random.Random(2).randbytes(3 * CHUNK_BYTES)
    server = Telemetry(LOG)

    def replace(parts: list[Part]) -> list[Part]:
        server.log, server.generation = newer, GENERATION + 1
        return parts[:6]

    server.plan = [Step(replace, error(Reason.DEVICE_GONE)), cut(0, error(reason))]
    request = StreamTelemetryRequest(controller="nvme0", source=TELEMETRY_SOURCE_HOST, create=True)
    async with serving(tmp_path, server) as address, Client(address) as client:
        log = await client.save_telemetry(request, tmp_path / "log.bin", retry=AT_ONCE)
    assert (tmp_path / "log.bin").read_bytes() == newer
    assert (log.generation_number, log.attempts, log.restarts) == (GENERATION + 1, 3, 1)
    assert [(r.create, r.resume_token, r.offset) for r in server.requests] == [
        (True, "", 0),
        (False, f"token-{GENERATION}", 5 * CHUNK_BYTES),
        (False, "", 0),
    ]


async def test_a_log_that_never_stops_changing_is_given_up(tmp_path: Path) -> None:
    server = Telemetry(LOG, [cut(4, changed()) for _ in range(9)])
    async with serving(tmp_path, server) as address, Client(address) as client:
        with pytest.raises(NvmedError) as raised:
            await client.save_telemetry(REQUEST, tmp_path / "log.bin", retry=AT_ONCE)
    assert raised.value.reason == "TELEMETRY_GENERATION_CHANGED"
    assert len(server.requests) == 1 + AT_ONCE.restarts


def edited(index: int, change: Callable[[Part], object]) -> Step:
    """A stream with one part changed."""

    def edit(parts: list[Part]) -> list[Part]:
        change(parts[index])
        return parts

    return Step(edit)


def flip(part: Part) -> None:
    part.chunk.data = bytes([part.chunk.data[0] ^ 1]) + part.chunk.data[1:]


def foreign_chunk(part: Part) -> None:
    """A chunk whose own CRC is right, but whose bytes are not the log's: only SHA-256 can tell."""
    part.chunk.data, part.chunk.crc32 = bytes(CHUNK_BYTES), 0xC71C0011


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (edited(3, flip), "The chunk at 8192 does not match its CRC-32"),
        (edited(3, foreign_chunk), "do not match their SHA-256"),
        (edited(2, lambda part: setattr(part.chunk, "offset", 0)), "starts at 0, 4096 was due"),
        (Step(lambda parts: parts[:3] + parts[4:]), "starts at 12288, 8192 was due"),
        (Step(lambda parts: parts[:-1]), "without a trailer"),
        (Step(lambda parts: []), "without a trailer"),
        (Step(lambda parts: parts[1:]), "chunk before its header"),
        (Step(lambda parts: parts[-1:]), "trailer before its header"),
        (Step(lambda parts: [*parts[:-2], parts[-1]]), "40960 arrived"),
        (edited(0, lambda part: setattr(part.header, "total_bytes", 4096)), "longer than the 4096 bytes"),
        (edited(0, lambda part: setattr(part.header, "total_bytes", 1 << 60)), "by its trailer"),
        (edited(0, lambda part: setattr(part.header, "start_offset", 512)), "starts at 512, 0 was asked for"),
        (edited(-1, lambda part: setattr(part.trailer, "generation_number", 8)), "of generation 8"),
        (edited(-1, lambda part: setattr(part.trailer, "sha256", b"")), "do not match their SHA-256"),
        (edited(-1, lambda part: setattr(part.trailer, "hash_covers_from_offset", 512)), "bytes from 512 on"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_damaged_is_never_kept(tmp_path: Path, step: Step, message: str) -> None:
    target = tmp_path / "log.bin"
    target.write_bytes(b"precious")
    server = Telemetry(LOG, [step])
    async with serving(tmp_path, server) as address, Client(address) as client:
        with pytest.raises(DataLoss, match=message) as raised:
            await client.save_telemetry(REQUEST, target, retry=AT_ONCE)
    assert raised.value.reason == "TRANSFER_CORRUPTED"
    assert len(server.requests) == 1
    assert target.read_bytes() == b"precious"
    assert names(tmp_path) == ["log.bin"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (edited(0, lambda part: setattr(part.header, "generation_number", 8)), "its generation_number differs"),
        (edited(0, lambda part: setattr(part.header, "controller", "controllers/other")), "its controller differs"),
        (edited(0, lambda part: setattr(part.header, "start_offset", 0)), "starts at 0, 8192 was asked for"),
        (edited(-1, lambda part: setattr(part.trailer, "hash_covers_from_offset", 0)), "bytes from 0 on"),
        (edited(2, foreign_chunk), "do not match their SHA-256"),
    ],
)
async def test_a_resumed_stream_is_checked_as_well(tmp_path: Path, step: Step, message: str) -> None:
    server = Telemetry(LOG, [cut(3), step])
    async with serving(tmp_path, server) as address, Client(address) as client:
        with pytest.raises(DataLoss, match=message):
            await client.save_telemetry(REQUEST, tmp_path / "log.bin", retry=AT_ONCE)
    assert names(tmp_path) == []


async def test_a_hash_of_the_whole_log_proves_a_resumed_one(tmp_path: Path) -> None:
    def whole(part: Part) -> None:
        part.trailer.sha256, part.trailer.hash_covers_from_offset = hashlib.sha256(LOG).digest(), 0

    server = Telemetry(LOG, [cut(3), edited(-1, whole)])
    async with serving(tmp_path, server) as address, Client(address) as client:
        log = await client.save_telemetry(REQUEST, tmp_path / "log.bin", retry=AT_ONCE)
    assert (log.attempts, (tmp_path / "log.bin").read_bytes()) == (2, LOG)


async def test_a_log_begins_at_its_beginning(tmp_path: Path) -> None:
    async with Client(f"{tmp_path}/none.sock") as client:
        for request in (StreamTelemetryRequest(resume_token="x"), StreamTelemetryRequest(offset=512)):
            with pytest.raises(InvalidArgument, match="resume_token"):
                await client.save_telemetry(request, tmp_path / "log.bin")


async def test_a_file_that_cannot_be_made_costs_no_call(tmp_path: Path) -> None:
    server = Telemetry(LOG)
    async with serving(tmp_path, server) as address, Client(address) as client:
        with pytest.raises(FileNotFoundError):
            await client.save_telemetry(REQUEST, tmp_path / "no" / "log.bin")
    assert server.requests == []


class Full:
    """A sink on a full disk."""

    def write(self, data: bytes) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(data)

    def restart(self) -> None:
        raise AssertionError


async def test_a_sink_that_fails_ends_the_call(tmp_path: Path) -> None:
    server = Telemetry(LOG)
    with ThreadPoolExecutor(1) as executor:
        async with serving(tmp_path, server) as address, Client(address) as client:
            with pytest.raises(OSError, match="No space left"):
                await receive_telemetry(client.telemetry, REQUEST, Full(), executor=executor, retry=AT_ONCE)
    assert len(server.requests) == 1


async def test_cancelling_leaves_nothing_behind(tmp_path: Path) -> None:
    server = Telemetry(LOG, [cut(4, error(Reason.DEVICE_BUSY, retry_delay_ms=60_000))])
    resuming = asyncio.Event()

    def seen(done: int, total: int) -> None:
        if done:
            resuming.set()

    async with serving(tmp_path, server) as address, Client(address) as client, asyncio.TaskGroup() as group:
        task = group.create_task(client.save_telemetry(REQUEST, tmp_path / "log.bin", progress=seen))
        await resuming.wait()
        task.cancel()
    assert task.cancelled()
    assert names(tmp_path) == []
