"""The power goes at every moment at which something became durable, and at the end: what was promised is there.

A story keeps something and says what it was promised, by adding to `promised` once the caller was told. `look` then
opens what a cut left, in the way that the daemon would, and raises `AssertionError` if a promise is broken, or if what
is there is not sound. Nothing here knows which calls sync what: whoever leaves one out, or moves it behind the answer,
breaks a promise.
"""

from __future__ import annotations

import hashlib
import os
import random
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nvmed import config
from nvmed.audit_chain import decode, newest_first, verify
from nvmed.captures.files import Capture
from nvmed.captures.store import Captures
from nvmed.devices.names import NamesFile
from nvmed.erasure.records import Records
from nvmed.erasure.signing import Signer
from nvmed.errors import NvmedError
from nvmed.files import make_directory, sync_directory, write_whole
from nvmed.firmware.spool import Spool
from nvmed.firmware.spool_files import Image
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.operations.journal_file import open_for_writing
from nvmed.security.audit import Audit, Event, Kind
from nvmed.support.files import Bundle
from nvmed.support.store import Bundles
from tests.support.power_cut import PowerCut

SEEDS = range(6)
ALICE = "socket:alice"
LATER_MS = 4_000_000_000_000
Promised = list[Any]


def content(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


# -- firmware images


DATA = content(48 * 1024)
SHA256 = hashlib.sha256(DATA).hexdigest()
PART = 12 * 1024


async def upload(root: Path, promised: Promised) -> None:
    """In four commits, broken off once; then the image."""
    async with Spool(root / "images").serving() as made:
        for start in (0, 2 * PART):
            async with made.receive(Image(SHA256, len(DATA)), ALICE) as writer:
                for at in (start, start + PART):
                    data = DATA[at : at + PART]
                    await writer.write(at, zlib.crc32(data), data)
                    await writer.commit()
                    promised.append(writer.committed_bytes)
                if start:
                    await writer.finish()
                    promised.append("image")


async def look_at_images(root: Path, promised: Promised) -> None:
    async with Spool(root / "images").serving() as found:
        for image in found.images():
            with found.pin(image.sha256, "test") as pinned:
                await pinned.verify()
        for one in found.uploads():
            part = root / "images" / f"{one.id}.part"
            kept = part.read_bytes() if part.exists() else b""
            assert kept[: one.committed_bytes] == DATA[: one.committed_bytes], "what is committed is what was sent"
        if not found.images():
            committed = max((one.committed_bytes for one in found.uploads()), default=0)
            assert "image" not in promised
            assert committed >= max(promised, default=0)


# -- captures and bundles


async def capture(root: Path, promised: Promised) -> None:
    draft = Capture("a" * 32, "controllers/a", TelemetryLog.CONTROLLER_INITIATED, 3, len(DATA), 1, expires_ms=LATER_MS)
    async with Captures(root / "captures").serving() as store, store.writing(draft) as writer:
        for at in range(0, len(DATA), PART):
            await writer.write(DATA[at : at + PART])
        promised.append((await writer.finish(hashlib.sha256(DATA).digest())).id)


async def look_at_captures(root: Path, promised: Promised) -> None:
    async with Captures(root / "captures").serving() as found:
        for one in found.all():
            async for _ in found.read(one, 0, PART, 0, lambda buffer, size, _: bytes(buffer[:size])):
                pass
        assert {one.id for one in found.all()} >= {*promised}


async def bundle(root: Path, promised: Promised) -> None:
    async with Bundles(root / "support").serving() as store, store.writing(Bundle("b" * 32, ALICE)) as writer:
        async with writer.scratch() as scratch:
            await scratch.write(DATA)
            await writer.add("identify.bin", scratch)
        promised.append((await writer.finish(b"{}", 1, 0)).id)


async def look_at_bundles(root: Path, promised: Promised) -> None:
    async with Bundles(root / "support").serving() as found:
        for one in found.all():
            async for _ in found.read(one, 0, PART, 0, lambda buffer, size, _: bytes(buffer[:size])):
                pass
        assert {one.id for one in found.all()} >= {*promised}


# -- the audit, and records of erasures


async def audit(root: Path, promised: Promised) -> None:
    """So much that it goes on in other files."""
    made = Audit(config.Config(state_dir=str(root), audit=config.Audit(journald=False, file_bytes_max=65536)))
    for number in range(8):
        await made.write(Event(Kind.ATTEMPT, method="/test/" + "x" * 20_000, request_id=str(number)))
        promised.append(str(number))
    await made.close()


async def look_at_audit(root: Path, promised: Promised) -> None:
    directory = root / "audit"
    made = Audit(config.Config(state_dir=str(root), audit=config.Audit(journald=False)))
    await made.write(Event(Kind.ATTEMPT, method="/test/Method", request_id="afterwards"))
    await made.close()
    assert verify(directory).problems == []
    kept = {decode(line).fields.get("request_id") for _, line in newest_first(directory)}
    assert kept >= {*promised, "afterwards"}


async def erasures(root: Path, promised: Promised) -> None:
    records = Records(root / "erasures", Signer(root))
    for number in range(3):
        promised.append(records.write(f"{number:032x}", {"id": f"{number:032x}", "outcome": "ERASED"}).id)


async def look_at_erasures(root: Path, promised: Promised) -> None:
    found = Records(root / "erasures", Signer(root)).all()
    assert [one.damage for one in found if one.damage] == []
    assert {one.id for one in found} >= {*promised}


# -- small files


async def replaced(root: Path, promised: Promised) -> None:
    for number in range(3):
        write_whole(root / "file", DATA + bytes([number]))
        promised.append(number)


async def look_at_replaced(root: Path, promised: Promised) -> None:
    path = root / "file"
    found = path.read_bytes() if path.exists() else b""
    assert found in (b"", *(DATA + bytes([number]) for number in range(3))), "whole or not at all"
    assert not promised or found[len(DATA)] >= max(promised)


async def directories(root: Path, promised: Promised) -> None:
    """Made in the first half, by a daemon that was killed before it could sync, as was the one above it."""
    (root / "a").mkdir()
    (root / "a/b").mkdir()
    for path in (root / "a/b", root / "c/d"):
        make_directory(path.parent)
        make_directory(path)
        promised.append(path.relative_to(root))


async def look_at_directories(root: Path, promised: Promised) -> None:
    assert all((root / path).is_dir() for path in promised)


Story = Callable[[Path, Promised], Awaitable[None]]
STORIES: dict[str, tuple[Story, Story]] = {
    "an upload": (upload, look_at_images),
    "a capture": (capture, look_at_captures),
    "a bundle": (bundle, look_at_bundles),
    "the audit": (audit, look_at_audit),
    "records of erasures": (erasures, look_at_erasures),
    "a file that is replaced": (replaced, look_at_replaced),
    "directories": (directories, look_at_directories),
}


@pytest.mark.parametrize("story", STORIES)
async def test_what_was_promised_survives(story: str, tmp_path: Path) -> None:
    keep, look = STORIES[story]
    promised: Promised = []
    cuts: list[tuple[str, Path, Promised]] = []

    def go_out(power: PowerCut) -> None:
        for seed in SEEDS:
            name = f"cut {len(cuts) // len(SEEDS)}, seed {seed}"
            cuts.append((name, power.cut(tmp_path / name, seed), [*promised]))

    root = tmp_path / "state"
    root.mkdir()
    # An audit that finds holes where records were being written stops changes and says so: no promise is broken.
    with PowerCut(root, go_out, holes=keep is not audit).watching() as power:
        await keep(root, promised)
        go_out(power)
    assert promised
    for name, left, kept in cuts:
        try:
            await look(left, kept)
        except (AssertionError, NvmedError) as exc:
            exc.add_note(f"{name}: {kept} was promised; there is {sorted(map(str, left.rglob('*')))}")
            raise


def test_the_journal_and_names_wait_for_the_disk(tmp_path: Path) -> None:
    """SQLite's own calls are not seen above: so it syncs its log (FULL), and with no log the directory too (EXTRA)."""
    journal, names = open_for_writing(tmp_path / "journal.sqlite", {}), NamesFile(tmp_path / "names.sqlite")
    for database, mode, synchronous in ((journal, "wal", 2), (names._db, "delete", 3)):
        assert database.execute("PRAGMA journal_mode").fetchone() == (mode,)
        assert database.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        database.close()


def test_a_cut_loses_what_was_not_synced(tmp_path: Path) -> None:
    """The instrument itself: without a sync of the file its bytes go, without one of the directory its name."""
    root = tmp_path / "state"
    root.mkdir()
    with PowerCut(root).watching() as power:
        (root / "a").write_bytes(b"a" * 2000)
        assert [*power.cut(tmp_path / "nothing", 0).iterdir()] == []
        sync_directory(root)
        assert (power.cut(tmp_path / "name", 0) / "a").read_bytes() == b""
        with (root / "a").open("rb+") as file:
            os.fsync(file.fileno())
            file.write(b"b" * 2000)
        (root / "a").rename(root / "b")
        left = power.cut(tmp_path / "bytes", 0)
        assert [path.name for path in left.iterdir()] == ["a"]
        assert (left / "a").read_bytes() == b"a" * 2000
        assert (power.cut(tmp_path / "all", 1) / "b").read_bytes() == b"b" * 2000
        torn = {bytes(power._content(power._see(root / "b"), random.Random(seed), seed)) for seed in range(2, 40)}
        assert any({*one} == {*b"ab"} for one in torn)
