"""Uploads and images over the wire: resumable, checked, and every bad input a typed error."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from nvmedctl import Client, RetryPolicy

from nvmed import limits
from nvmed.disk.files import Disk
from nvmed.errors import NvmedError
from nvmed.firmware.spool import SpoolLimits
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from tests.rpc.firmware_calls import (
    CODE,
    FINISH,
    MIB,
    answers,
    begun,
    chunk,
    chunks,
    content,
    eventually,
    header,
    refused,
    stub,
    upload,
)
from tests.rpc.harness import KIB, Daemon, StartDaemon


async def test_an_upload(daemon: Daemon) -> None:
    data = content(5 * MIB)
    facts = {"firmware_revision": "2.0.0", "model_number": "M", "labels": {"ticket": "7"}}
    got = await answers(daemon, header(data, **facts), *chunks(data), FINISH)
    assert [got[0].ready.committed_bytes, got[0].ready.chunk_bytes_max] == [0, limits.CHUNK_BYTES_MAX]
    progress = [answer.progress.committed_bytes for answer in got[1:-1]]
    assert 4 * MIB in progress
    assert progress == sorted(progress)
    image = got[-1].image
    assert (image.name, image.sha256) == (
        f"images/{hashlib.sha256(data).hexdigest()}",
        hashlib.sha256(data).digest(),
    )
    assert (image.size_bytes, image.firmware_revision, image.model_number) == (len(data), "2.0.0", "M")
    assert image.labels == {"ticket": "7"}
    assert image.expire_time.seconds - image.create_time.seconds == limits.IMAGE_TTL_S
    assert image == await stub(daemon).GetImage(pb.GetImageRequest(name=image.name))
    assert (await stub(daemon).ListImages(pb.ListImagesRequest())).images == [image]
    await refused(
        CODE.NOT_FOUND, "UPLOAD_NOT_FOUND", stub(daemon).GetUpload(pb.GetUploadRequest(name=got[0].ready.upload))
    )
    assert [answer.WhichOneof("part") for answer in await answers(daemon, header(data))] == ["image"]


async def test_an_upload_that_broke_is_taken_up_again(daemon: Daemon) -> None:
    data = content(6 * MIB)
    call = stub(daemon).UploadImage()
    await call.write(header(data))
    ready = (await call.read()).ready
    for request in chunks(data[: 5 * MIB]):
        await call.write(request)
    assert (await call.read()).progress.committed_bytes >= 256 * KIB
    call.cancel()
    got = await eventually(lambda: answers(daemon, header(data)), "UPLOAD_BUSY")
    committed = got[0].ready.committed_bytes
    assert committed in range(256 * KIB, 5 * MIB + 1, 256 * KIB)
    state = await stub(daemon).GetUpload(pb.GetUploadRequest(name=ready.upload))
    assert (state.name, state.sha256, state.size_bytes) == (ready.upload, hashlib.sha256(data).digest(), len(data))
    assert state.committed_bytes == committed
    got = await answers(daemon, header(data), *chunks(data, start=committed), FINISH)
    assert got[0].ready.committed_bytes == committed
    assert got[-1].image.sha256 == hashlib.sha256(data).digest()


async def test_an_upload_survives_the_daemon(start_daemon: StartDaemon) -> None:
    data = content(2 * MIB)
    first = await start_daemon()
    name = await begun(first, data, MIB)
    kept = await upload(first, content(8, 1))
    second = await start_daemon(state_dir=first.state_dir)
    state = await stub(second).GetUpload(pb.GetUploadRequest(name=name))
    assert state.committed_bytes == MIB
    assert (await stub(second).ListImages(pb.ListImagesRequest())).images == [kept]
    got = await answers(second, header(data), *chunks(data, start=MIB), FINISH)
    assert got[0].ready == pb.UploadReady(upload=name, committed_bytes=MIB, chunk_bytes_max=limits.CHUNK_BYTES_MAX)
    assert got[-1].HasField("image")


GOOD = content(64 * KIB)
PIECE = chunk(GOOD)


@pytest.mark.parametrize(
    ("code", "reason", "requests"),
    [
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", []),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [pb.UploadImageRequest()]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [pb.UploadImageRequest(chunk=PIECE)]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [FINISH]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD), header(GOOD)]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD), pb.UploadImageRequest()]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, size_bytes=0)]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, size_bytes=4095)]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, size_bytes=limits.IMAGE_BYTES_MAX + 4)]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, size_bytes=2**64 - 4)]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, sha256=b"")]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, sha256=b"x" * 33)]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, firmware_revision="123456789")]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, labels={str(n): "" for n in range(17)})]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, labels={"a": "x" * 257})]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD, request_id="7")]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD), FINISH]),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", [header(GOOD), pb.UploadImageRequest(chunk=chunk(b""))]),
        (
            CODE.INVALID_ARGUMENT,
            "INVALID_FIELD",
            [header(bytes(2 * MIB)), pb.UploadImageRequest(chunk=chunk(bytes(MIB + 4)))],
        ),
        (CODE.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE", [header(GOOD), pb.UploadImageRequest(chunk=chunk(GOOD, 4))]),
        (CODE.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE", [header(GOOD), pb.UploadImageRequest(chunk=chunk(GOOD + GOOD))]),
        (
            CODE.OUT_OF_RANGE,
            "OFFSET_OUT_OF_RANGE",
            [header(GOOD), pb.UploadImageRequest(chunk=PIECE), pb.UploadImageRequest(chunk=PIECE)],
        ),
        (CODE.DATA_LOSS, "TRANSFER_CORRUPTED", [header(GOOD), pb.UploadImageRequest(chunk=chunk(GOOD, crc32=1))]),
        (
            CODE.INVALID_ARGUMENT,
            "IMAGE_REJECTED",
            [header(GOOD, sha256=b"x" * 32), pb.UploadImageRequest(chunk=PIECE), FINISH],
        ),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value),
)
async def test_bad_input(daemon: Daemon, code: grpc.StatusCode, reason: str, requests: list[Any]) -> None:
    await refused(code, reason, stub(daemon).UploadImage(iter(requests)))
    assert (await upload(daemon, GOOD)).size_bytes == len(GOOD)


@pytest.mark.parametrize("messages", range(7))
async def test_a_client_may_go_at_any_message(daemon: Daemon, messages: int) -> None:
    requests = [header(GOOD), *chunks(GOOD, 16 * KIB), FINISH]
    call = stub(daemon).UploadImage()
    for request in requests[:messages]:
        await call.write(request)
    call.cancel()
    image = await eventually(lambda: upload(daemon, GOOD), "UPLOAD_BUSY")
    assert image.sha256 == hashlib.sha256(GOOD).digest()


async def test_one_writer(daemon: Daemon) -> None:
    call = stub(daemon).UploadImage()
    await call.write(header(GOOD))
    ready = (await call.read()).ready
    await refused(CODE.ABORTED, "UPLOAD_BUSY", stub(daemon).UploadImage(iter([header(GOOD)])))
    abort = pb.AbortUploadRequest(name=ready.upload)
    await refused(CODE.ABORTED, "UPLOAD_BUSY", stub(daemon).AbortUpload(abort))
    await call.write(pb.UploadImageRequest(chunk=PIECE))
    await call.write(FINISH)
    assert (await call.read()).HasField("image") or (await call.read()).HasField("image")


async def test_a_wrong_hash_discards_the_upload(daemon: Daemon) -> None:
    wrong = header(GOOD, sha256=b"x" * 32)
    await refused(
        CODE.INVALID_ARGUMENT, "IMAGE_REJECTED",
        stub(daemon).UploadImage(iter([wrong, pb.UploadImageRequest(chunk=PIECE), FINISH])),
    )  # fmt: skip
    got = await answers(daemon, wrong)
    assert got[0].ready.committed_bytes == 0


async def test_validate_only_changes_nothing(daemon: Daemon) -> None:
    got = await answers(daemon, header(GOOD, validate_only=True))
    assert [answer.WhichOneof("part") for answer in got] == ["ready"]
    request = pb.GetUploadRequest(name=got[0].ready.upload)
    await refused(CODE.NOT_FOUND, "UPLOAD_NOT_FOUND", stub(daemon).GetUpload(request))
    image = await upload(daemon, GOOD)
    await stub(daemon).DeleteImage(pb.DeleteImageRequest(name=image.name, validate_only=True))
    assert await stub(daemon).GetImage(pb.GetImageRequest(name=image.name)) == image


async def test_too_many_uploads(daemon: Daemon) -> None:
    info = await daemon.admin.GetServerInfo(GetServerInfoRequest())
    for seed in range(info.limits["uploads_per_principal_max"]):
        await answers(daemon, header(content(8, seed)))
    await refused(CODE.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED", stub(daemon).UploadImage(iter([header(GOOD)])))


async def test_an_upload_is_aborted_once(daemon: Daemon) -> None:
    name = await begun(daemon, GOOD, 4 * KIB)
    request = pb.AbortUploadRequest(name=name, request_id=str(uuid.uuid4()))
    assert (await stub(daemon).AbortUpload(request)).name == name
    assert (await stub(daemon).AbortUpload(request)).name == name  # the same request: the same answer
    again = pb.AbortUploadRequest(name=name)
    await refused(CODE.NOT_FOUND, "UPLOAD_NOT_FOUND", stub(daemon).AbortUpload(again))
    assert (await answers(daemon, header(GOOD)))[0].ready.committed_bytes == 0


async def test_an_image_is_deleted_once(daemon: Daemon) -> None:
    image = await upload(daemon, GOOD)
    request = pb.DeleteImageRequest(name=image.name, request_id=str(uuid.uuid4()))
    assert (await stub(daemon).DeleteImage(request)).name == image.name
    assert (await stub(daemon).DeleteImage(request)).name == image.name
    for call in (
        stub(daemon).DeleteImage(pb.DeleteImageRequest(name=image.name)),
        stub(daemon).DeleteImage(pb.DeleteImageRequest(name=image.name, validate_only=True)),
        stub(daemon).GetImage(pb.GetImageRequest(name=image.name)),
    ):
        await refused(CODE.NOT_FOUND, "IMAGE_NOT_FOUND", call)
    other = pb.DeleteImageRequest(name="images/" + "0" * 64, request_id=request.request_id)
    await refused(CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", stub(daemon).DeleteImage(other))


@pytest.mark.parametrize("name", ["", "images/", "images/../../etc/passwd", "images/" + "A" * 64, "0" * 64])
async def test_names_that_no_image_has(daemon: Daemon, name: str) -> None:
    for call in (stub(daemon).GetImage(pb.GetImageRequest(name=name)),
                 stub(daemon).DeleteImage(pb.DeleteImageRequest(name=name))):  # fmt: skip
        await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", call)
    for call in (stub(daemon).GetUpload(pb.GetUploadRequest(name=name)),
                 stub(daemon).AbortUpload(pb.AbortUploadRequest(name=name))):  # fmt: skip
        await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", call)


async def test_images_are_listed_by_pages_and_filtered(daemon: Daemon) -> None:
    names = sorted([(await upload(daemon, content(8, n), model_number=f"M{n}")).name for n in range(3)])
    first = await stub(daemon).ListImages(pb.ListImagesRequest(page_size=2))
    rest = await stub(daemon).ListImages(pb.ListImagesRequest(page_size=2, page_token=first.next_page_token))
    assert [image.name for image in (*first.images, *rest.images)] == names
    found = await stub(daemon).ListImages(pb.ListImagesRequest(filter='model_number = "M1"'))
    assert [image.model_number for image in found.images] == ["M1"]


async def test_uploads_are_listed_with_what_has_arrived(daemon: Daemon) -> None:
    left = await begun(daemon, content(MIB, 1), MIB // 2)
    call = stub(daemon).UploadImage()
    await call.write(header(content(MIB, 2)))
    running = (await call.read()).ready.upload
    await call.write(next(iter(chunks(content(MIB, 2)))))

    async def listed(**asked: Any) -> dict[str, pb.Upload]:
        answer = await stub(daemon).ListUploads(pb.ListUploadsRequest(**asked))
        return {upload.name: upload for upload in answer.uploads}

    found = await listed()
    while not found[running].received_bytes:
        found = await listed()
    assert list(found) == sorted([left, running])
    assert found[left] == await stub(daemon).GetUpload(pb.GetUploadRequest(name=left))
    assert (found[left].principal, found[left].received_bytes, found[left].receiving) == ("unix:admin", MIB // 2, False)
    assert (found[running].received_bytes, found[running].receiving) == (256 * KIB, True)
    assert (found[running].sha256, found[running].size_bytes) == (hashlib.sha256(content(MIB, 2)).digest(), MIB)
    assert list(await listed(filter="receiving = true")) == [running]
    first = await stub(daemon).ListUploads(pb.ListUploadsRequest(page_size=1))
    assert list(await listed(page_size=1, page_token=first.next_page_token)) == [max(left, running)]
    call.cancel()


async def test_a_call_that_sends_nothing_ends(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it holds neither its stream nor its upload; what had arrived is there to go on from."""
    monkeypatch.setattr("nvmed.limits.UPLOAD_IDLE_S", 0.05)
    call = stub(daemon).UploadImage()
    await call.write(header(GOOD))
    assert (await call.read()).WhichOneof("part") == "ready"
    await refused(CODE.DEADLINE_EXCEEDED, "CALL_TIMEOUT", call.read())
    await upload(daemon, GOOD)


async def test_a_full_spool(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.firmware.spool.SpoolLimits", lambda: SpoolLimits(quota_bytes=MIB))
    daemon = await start_daemon()
    image = await upload(daemon, content(MIB))
    await refused(CODE.RESOURCE_EXHAUSTED, "SPOOL_FULL", stub(daemon).UploadImage(iter([header(GOOD)])))
    await stub(daemon).DeleteImage(pb.DeleteImageRequest(name=image.name))
    await upload(daemon, GOOD)


# -- the client library


async def test_the_client_uploads_a_file(daemon: Daemon, tmp_path: Path) -> None:
    data, file, seen = content(6 * MIB + 4), tmp_path / "image.bin", list[tuple[int, int]]()
    file.write_bytes(data)
    async with Client(daemon.address) as client:
        done = await client.upload_image(file, firmware_revision="2.0.0", progress=lambda *at: seen.append(at))
        assert (done.image.sha256, done.image.firmware_revision) == (hashlib.sha256(data).digest(), "2.0.0")
        assert (done.sent_bytes, done.attempts) == (len(data), 1)
        assert seen[0] == (0, len(data))
        again = await client.upload_image(file)
        assert (again.image, again.sent_bytes) == (done.image, 0)


async def test_the_client_takes_the_digest_of_a_file_that_the_caller_knows(daemon: Daemon, tmp_path: Path) -> None:
    data, file = content(MIB), tmp_path / "image.bin"
    file.write_bytes(data)
    async with Client(daemon.address) as client:
        done = await client.upload_image(file, sha256=hashlib.sha256(data).digest())
        assert (done.image.sha256, done.image.size_bytes) == (hashlib.sha256(data).digest(), MIB)
        with pytest.raises(NvmedError) as raised:
            await client.upload_image(file, sha256=bytes(32))
    assert raised.value.reason == "IMAGE_REJECTED"


@asynccontextmanager
async def cutting(address: str, path: Path, cuts: list[int]) -> AsyncIterator[str]:
    """A way to the daemon that breaks each time that so many bytes have gone there; whole once `cuts` is empty."""

    open_writers: list[asyncio.StreamWriter] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        open_writers.extend((writer, back))

        async def forward() -> None:
            left = cuts.pop(0) if cuts else None
            while data := await reader.read(65536):
                if left is not None and (left := left - len(data)) <= 0:
                    break
                back.write(data)
                await back.drain()
            writer.transport.abort()
            back.transport.abort()

        async def answer() -> None:
            while data := await there.read(65536):
                writer.write(data)
                await writer.drain()

        await asyncio.gather(forward(), answer(), return_exceptions=True)

    async with await asyncio.start_unix_server(relay, path):
        yield f"unix:{path}"
    for writer in open_writers:
        writer.transport.abort()


async def test_the_client_goes_on_after_every_cut(daemon: Daemon, tmp_path: Path) -> None:
    data, file, seen = content(24 * MIB), tmp_path / "image.bin", list[int]()
    file.write_bytes(data)
    cuts = [300 * KIB, 10 * MIB, 2 * MIB, 100, 6 * MIB]
    async with cutting(daemon.address, tmp_path / "cut.sock", cuts) as address, Client(address) as client:
        done = await client.upload_image(
            file, retry=RetryPolicy(attempts=100, first_delay=0.01), progress=lambda at, _: seen.append(at)
        )
    assert cuts == []
    assert done.attempts >= 5
    assert done.image.sha256 == hashlib.sha256(data).digest()
    assert done.sent_bytes < 2 * len(data)
    assert seen == sorted(seen)  # what was committed once stays so


async def test_the_client_waits_for_another_writer(daemon: Daemon, tmp_path: Path) -> None:
    data, file = content(2 * MIB), tmp_path / "image.bin"
    file.write_bytes(data)
    call = stub(daemon).UploadImage()
    await call.write(header(data))
    await call.read()
    tried: list[str] = []
    enough = asyncio.Event()

    class Patient(RetryPolicy):
        def delay(self, failures: int, error: NvmedError) -> float:
            tried.append(error.reason)
            if len(tried) == 2:
                enough.set()
            return 0.01

    async def leave() -> None:
        await enough.wait()
        await call.done_writing()

    async with Client(daemon.address) as client, asyncio.TaskGroup() as group:
        group.create_task(leave())
        uploaded = await client.upload_image(file, retry=Patient(attempts=1000))
    assert set(tried) == {"UPLOAD_BUSY"}
    assert uploaded.image.sha256 == hashlib.sha256(data).digest()


async def test_the_client_tells_what_the_daemon_refuses(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "odd.bin"
    file.write_bytes(b"odd")
    async with Client(daemon.address) as client:
        with pytest.raises(NvmedError, match="size_bytes"):
            await client.upload_image(file)
        with pytest.raises(FileNotFoundError):
            await client.upload_image(tmp_path / "missing.bin")


async def test_the_client_tells_that_the_disk_is_full(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, file, room = content(9 * MIB), tmp_path / "image.bin", 5 * MIB
    file.write_bytes(data)
    write = Disk.write

    def full(disk: Disk, descriptor: int, part: bytes | memoryview, offset: int) -> None:
        if offset + len(part) > room:
            raise OSError(errno.ENOSPC, "full")
        write(disk, descriptor, part, offset)

    async with Client(daemon.address) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Disk, "write", full)
            with pytest.raises(NvmedError) as caught:
                await client.upload_image(file, retry=RetryPolicy(first_delay=0.01))
        assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "SPOOL_FULL")
        done = await client.upload_image(file)
    assert done.sent_bytes == 4 * MIB  # what had been written is kept
    assert done.image.sha256 == hashlib.sha256(data).digest()
