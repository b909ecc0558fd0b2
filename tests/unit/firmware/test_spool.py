"""The spool: what is committed survives, and nothing is an image but what was promised."""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from pathlib import Path

import pytest

from nvmed import limits
from nvmed.disk.files import Disk
from nvmed.errors import NvmedError
from nvmed.firmware import spool_files
from nvmed.firmware.spool import COMMIT_BYTES, SpoolLimits, upload_id
from nvmed.firmware.spool_files import Image, Upload
from nvmed.reasons import Reason
from tests.unit.firmware.spool_lab import (
    ALICE,
    BOB,
    KIB,
    MIB,
    Clock,
    content,
    files,
    promise,
    put,
    raises,
    spool,
    stored,
    upload,
)


async def test_an_upload_becomes_an_image(tmp_path: Path) -> None:
    data, clock = content(3 * MIB + 4), Clock()
    async with spool(tmp_path, clock=clock) as made:
        image = await upload(made, data, firmware_revision="2.0.0", model_number="M", labels={"ticket": "7"})
        assert image == made.image(image.sha256) == made.images()[0]
        assert (image.firmware_revision, image.model_number, image.labels) == ("2.0.0", "M", {"ticket": "7"})
        assert (image.created_ms, made.expires_ms(image)) == (
            int(clock.now * 1000),
            int(clock.now * 1000) + limits.IMAGE_TTL_S * 1000,
        )
        assert await stored(made, image) == data
    assert files(tmp_path) == {f"{image.sha256}.image", f"{image.sha256}.json"}
    modes = {entry.stat().st_mode & 0o777 for entry in (tmp_path / "images").iterdir()}
    assert (modes, (tmp_path / "images").stat().st_mode & 0o777) == ({0o600}, 0o700)
    async with spool(tmp_path, clock=clock) as made:
        assert made.images() == (image,)
        assert await stored(made, image) == data


async def test_an_upload_that_breaks_goes_on_where_it_is_committed(tmp_path: Path) -> None:
    data = content(2 * MIB)
    async with spool(tmp_path) as made:
        async with made.receive(promise(data), ALICE) as writer:
            assert writer.committed_bytes == 0
            await put(writer, data[: 300 * KIB])
        kept = made.upload(upload_id(promise(data), ALICE))
        assert kept.committed_bytes == 300 * KIB
        async with made.receive(promise(data), ALICE) as writer:
            assert (writer.id, writer.committed_bytes) == (kept.id, 300 * KIB)
            await put(writer, data[: 500 * KIB], start=300 * KIB)
    async with spool(tmp_path) as made:  # as after a restart
        assert made.upload(kept.id).committed_bytes == 500 * KIB
        image = await upload(made, data)
        assert await stored(made, image) == data
        await raises(Reason.UPLOAD_NOT_FOUND, made.abort(kept.id))


async def test_what_is_not_committed_is_not_trusted(tmp_path: Path) -> None:
    """As after a power cut: the file is longer than what its sidecar knows to be on disk, and zeros from there on."""
    data = content(MIB)
    async with spool(tmp_path) as made, made.receive(promise(data), ALICE) as writer:
        await put(writer, data[: 512 * KIB])
        name = writer.id
    with (tmp_path / "images" / f"{name}.part").open("ab") as part:
        part.write(bytes(100 * KIB))
    async with spool(tmp_path) as made:
        assert made.upload(name).committed_bytes == 512 * KIB
        assert await stored(made, await upload(made, data)) == data


async def test_committed_every_few_mebibytes(tmp_path: Path) -> None:
    data = content(10 * MIB)
    async with spool(tmp_path) as made, made.receive(promise(data), ALICE) as writer:
        seen = []
        for offset in range(0, len(data), MIB):
            piece = data[offset : offset + MIB]
            if await writer.write(offset, zlib.crc32(piece), piece):
                seen.append(writer.committed_bytes)
                sidecar = json.loads((tmp_path / "images" / f"{writer.id}.json").read_bytes())
                assert sidecar["committed_bytes"] == writer.committed_bytes
        assert {COMMIT_BYTES, 2 * COMMIT_BYTES} <= set(seen)


async def test_the_wrong_bytes_are_discarded(tmp_path: Path) -> None:
    data = content(MIB)
    async with spool(tmp_path) as made:
        async with made.receive(promise(data), ALICE) as writer:
            await put(writer, data[:-4] + b"oops")
            failure = await raises(Reason.IMAGE_REJECTED, writer.finish())
        assert failure.metadata["expected"] == promise(data).sha256
        assert (made.images(), files(tmp_path)) == ((), set())
        await raises(Reason.UPLOAD_NOT_FOUND, made.abort(writer.id))
        assert await stored(made, await upload(made, data)) == data


async def test_chunks_must_be_the_next_and_whole(tmp_path: Path) -> None:
    data = content(256 * KIB)
    piece, crc = data[: 64 * KIB], zlib.crc32(data[: 64 * KIB])
    wrong: list[tuple[Reason, tuple[int, int, bytes]]] = [
        (Reason.OFFSET_OUT_OF_RANGE, (64 * KIB, crc, piece)),
        (Reason.OFFSET_OUT_OF_RANGE, (2**64 - 1, crc, piece)),
        (Reason.OFFSET_OUT_OF_RANGE, (0, zlib.crc32(data + b"more"), data + b"more")),
        (Reason.INVALID_FIELD, (0, 0, b"")),
        (Reason.TRANSFER_CORRUPTED, (0, crc ^ 1, piece)),
    ]
    async with spool(tmp_path) as made:
        for reason, chunk in wrong:
            async with made.receive(promise(data), ALICE) as writer:
                await raises(reason, writer.write(*chunk))
            assert made.upload(writer.id).committed_bytes == 0
        async with made.receive(promise(data), ALICE) as writer:
            await writer.write(0, crc, piece)
            await raises(Reason.TRANSFER_CORRUPTED, writer.write(64 * KIB, 0, piece))
        assert made.upload(writer.id).committed_bytes == 64 * KIB
        async with made.receive(promise(data), ALICE) as writer:
            failure = await raises(Reason.INVALID_FIELD, writer.finish())
            assert failure.fields[0].field == "finish"
        assert await stored(made, await upload(made, data)) == data


@pytest.mark.parametrize("size", [0, 1, 4095, limits.IMAGE_BYTES_MAX + 4, 2**64 - 4, -4])
async def test_sizes_that_no_image_has(tmp_path: Path, size: int) -> None:
    async with spool(tmp_path) as made:
        with pytest.raises(NvmedError) as caught:
            made.expect(Image("0" * 64, size), ALICE)
        assert (caught.value.reason, caught.value.fields[0].field) == ("INVALID_FIELD", "size_bytes")


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "A" * 64, "0" * 63 + "\n", "٣" * 64])
async def test_names_that_are_no_hash(tmp_path: Path, name: str) -> None:
    async with spool(tmp_path) as made:
        with pytest.raises(NvmedError, match="sha256"):
            made.expect(Image(name, 4), ALICE)
        await raises(Reason.IMAGE_NOT_FOUND, made.delete(name))
        await raises(Reason.UPLOAD_NOT_FOUND, made.abort(name))


async def test_one_writer_each(tmp_path: Path) -> None:
    data = content(256 * KIB)
    async with spool(tmp_path) as made:
        async with made.receive(promise(data), ALICE) as writer:
            with pytest.raises(NvmedError) as caught:
                made.expect(promise(data), ALICE)
            assert caught.value.reason == "UPLOAD_BUSY"
            await raises(Reason.UPLOAD_BUSY, made.abort(writer.id))
            other = await upload(made, data, BOB)  # another's upload of the same is another upload
            await put(writer, data)
            assert await writer.finish() == made.image(other.sha256)
        assert await stored(made, other) == data
        assert files(tmp_path) == {f"{other.sha256}.image", f"{other.sha256}.json"}


async def test_quotas(tmp_path: Path) -> None:
    async with spool(tmp_path, SpoolLimits(quota_bytes=MIB, uploads_per_principal=2)) as made:
        await upload(made, content(512 * KIB, 1))
        with pytest.raises(NvmedError) as caught:
            made.expect(promise(content(MIB, 2)), ALICE)
        assert caught.value.reason == "SPOOL_FULL"
        for seed in (3, 4):
            async with made.receive(promise(content(4 * KIB, seed)), ALICE):
                pass
        with pytest.raises(NvmedError) as caught:
            made.expect(promise(content(4 * KIB, 5)), ALICE)
        assert caught.value.reason == "LIMIT_EXCEEDED"
        made.expect(promise(content(4 * KIB, 5)), BOB)
        made.expect(promise(content(4 * KIB, 4)), ALICE)  # to go on is no other
        await made.abort(upload_id(promise(content(4 * KIB, 4)), ALICE))
        made.expect(promise(content(4 * KIB, 5)), ALICE)


async def test_what_nobody_uses_expires(tmp_path: Path) -> None:
    clock, allowed = Clock(), SpoolLimits(image_ttl_s=100, upload_ttl_s=10)
    async with spool(tmp_path, allowed, clock=clock) as made:
        kept, dropped = await upload(made, content(4, 1)), await upload(made, content(4, 2))
        async with made.receive(promise(content(8, 3)), ALICE) as writer:
            clock.now += 11
            await made.reap()
            assert made.upload(writer.id).committed_bytes == 0
            await put(writer, content(8, 3)[:4])
        clock.now += 9
        await made.reap()
        assert made.upload(writer.id).committed_bytes == 4
        clock.now += 1
        await made.reap()
        await raises(Reason.UPLOAD_NOT_FOUND, made.abort(writer.id))
        clock.now += 50
        with made.pin(kept.sha256, "staging"):
            clock.now += 200
            await made.reap()
            assert [image.sha256 for image in made.images()] == [kept.sha256]
            assert dropped.sha256 + ".image" not in files(tmp_path)
    clock.now -= 150
    async with spool(tmp_path, allowed, clock=clock) as made:  # when it was used is remembered
        assert made.image(kept.sha256).used_ms == int((clock.now - 50) * 1000)
        clock.now += 50
        await made.reap()
        assert (made.images(), files(tmp_path)) == ((), set())


async def test_what_changes_while_others_expire_is_looked_at_anew(tmp_path: Path) -> None:
    clock, allowed = Clock(), SpoolLimits(upload_ttl_s=10)
    reached, release = threading.Event(), threading.Event()

    class Slow(Disk):
        def remove(self, path: Path) -> None:
            if path.name.endswith(".part") and not reached.is_set():
                reached.set()
                release.wait()
            super().remove(path)

    async with spool(tmp_path, allowed, clock=clock, disk=Slow()) as made:
        for seed in range(3):
            async with made.receive(promise(content(8, seed)), ALICE) as writer:
                await put(writer, content(8, seed)[:4])
        clock.now += 11
        reaping = asyncio.create_task(made.reap())
        await asyncio.to_thread(reached.wait)
        begun_anew = next(one.image for one in made.uploads() if not made.is_receiving(one))
        async with made.receive(begun_anew, ALICE) as writer:
            await put(writer, bytes(4))
        release.set()
        await reaping
        assert [(one.id, one.committed_bytes) for one in made.uploads()] == [(writer.id, 4)]


async def test_what_is_used_is_not_deleted(tmp_path: Path) -> None:
    async with spool(tmp_path) as made:
        image = await upload(made, content(8))
        with made.pin(image.sha256, "operations/1"), made.pin(image.sha256, "operations/2"):
            failure = await raises(Reason.IMAGE_IN_USE, made.delete(image.sha256))
            assert failure.metadata["holder"] == "operations/1"
        await made.delete(image.sha256, validate_only=True)
        await made.delete(image.sha256)
        await raises(Reason.IMAGE_NOT_FOUND, made.delete(image.sha256))
        assert files(tmp_path) == set()


async def test_a_damaged_image_is_noticed(tmp_path: Path) -> None:
    async with spool(tmp_path) as made:
        image = await upload(made, content(2 * MIB))
        with made.pin(image.sha256, "a test") as pinned:
            await pinned.verify()
            with made.path_of(image).open("r+b") as file:
                file.seek(MIB)
                file.write(b"rot")
            await raises(Reason.IMAGE_DAMAGED, pinned.verify())


async def test_leftovers_go_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    async with spool(tmp_path) as made:
        image = await upload(made, content(8))
        async with made.receive(promise(content(12)), ALICE) as writer:
            await put(writer, content(12)[:4])
    half = "1" * 64
    leftovers = {f"{half}.json": spool_files.dump_image(Image(half, 4)), f"{half}.new": b"{", "2" * 32 + ".part": b"x"}
    leftovers |= {"3" * 32 + ".json": b"\xff", "4" * 64 + ".image": b"x", "5" * 64 + ".json": b"[]"}
    foreign = {"README": b"mine", "6" * 10 + ".json": b"x"}
    for name, text in (leftovers | foreign).items():
        (folder / name).write_bytes(text)
    async with spool(tmp_path) as made:
        assert made.images() == (image,)
        assert made.upload(writer.id).committed_bytes == 4
    mine = {f"{image.sha256}.image", f"{image.sha256}.json", f"{writer.id}.part", f"{writer.id}.json"}
    assert files(tmp_path) == mine | foreign.keys()


async def test_a_finished_upload_that_was_not_forgotten_is(tmp_path: Path) -> None:
    """Killed between giving the image its name and removing the upload's sidecar."""
    data = content(8)
    async with spool(tmp_path) as made:
        image = await upload(made, data)
    left = Upload(upload_id(image, ALICE), ALICE, image, 8)
    (tmp_path / "images" / f"{left.id}.json").write_bytes(spool_files.dump_upload(left))
    async with spool(tmp_path) as made:
        assert made.images() == (image,)
        await raises(Reason.UPLOAD_NOT_FOUND, made.abort(left.id))
    assert f"{left.id}.json" not in files(tmp_path)


async def test_a_cancelled_call_lets_go_when_its_thread_has(tmp_path: Path) -> None:
    data, reached, release = content(64 * KIB), threading.Event(), threading.Event()

    class Slow(Disk):
        def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
            if len(data) > 16 * KIB:
                reached.set()
                release.wait()
            super().write(descriptor, data, offset)

    async with spool(tmp_path, disk=Slow()) as made:

        async def send() -> None:
            async with made.receive(promise(data), ALICE) as writer:
                await put(writer, data, 32 * KIB)

        task = asyncio.create_task(send())
        await asyncio.to_thread(reached.wait)
        task.cancel()
        await asyncio.sleep(0)
        with pytest.raises(NvmedError, match="another call"):
            made.expect(promise(data), ALICE)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert made.expect(promise(data), ALICE).committed_bytes == 32 * KIB
