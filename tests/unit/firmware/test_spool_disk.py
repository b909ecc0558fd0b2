"""A disk that fills up, fails or is left by a daemon that is killed: the spool loses nothing that was committed."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from nvmed.disk.files import Disk
from nvmed.firmware.spool import Spool, upload_id
from nvmed.reasons import Reason
from tests.unit.firmware.spool_lab import (
    ALICE,
    KIB,
    MIB,
    content,
    promise,
    raises,
    spool,
    stored,
    upload,
)

ROOT = Path(__file__).resolve().parents[3]


class FullDisk(Disk):
    """Fails one call, counted over all kinds, after doing half of it where there are halves; then there is room."""

    def __init__(self, fails_at: int, number: int = errno.ENOSPC) -> None:
        self.calls: list[str] = []
        self._fails_at = fails_at
        self._number = number

    def _count(self, call: str) -> bool:
        self.calls.append(call)
        return len(self.calls) == self._fails_at

    def _fail(self) -> None:
        raise OSError(self._number, os.strerror(self._number))

    def create(self, path: Path, flags: int = 0) -> int:
        if self._count(f"create {path.suffix}"):
            self._fail()
        return super().create(path, flags)

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        if self._count(f"write {'chunk' if len(data) > KIB else 'sidecar'}"):
            super().write(descriptor, data[: len(data) // 2], offset)
            self._fail()
        super().write(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        if self._count("sync"):
            self._fail()
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        if self._count(f"rename {source.suffix}"):
            self._fail()
        super().rename(source, target)

    def sync_directory(self, path: Path) -> None:
        if self._count("sync directory"):
            self._fail()
        super().sync_directory(path)


DATA = content(9 * MIB, 9)
SMALL = content(20 * KIB, 9)


@pytest.fixture
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits after every two chunks of 4 KiB instead of after megabytes: the same writes in the same order."""
    monkeypatch.setattr("nvmed.firmware.spool.COMMIT_BYTES", 8 * KIB)


@pytest.mark.usefixtures("small_commits")
async def test_a_full_disk_loses_nothing_whichever_write_it_fails(tmp_path: Path) -> None:
    """Every write of data and metadata fails once; then there is room, in the same process or in the next."""
    counted = FullDisk(0)
    async with spool(tmp_path / "counted", disk=counted) as made:
        await upload(made, SMALL, chunk=4 * KIB)
    assert set(counted.calls) == {"create .part", "create .new", "write chunk", "write sidecar", "sync", "rename .new",
                                  "rename .part", "sync directory"}  # fmt: skip
    for number in range(1, len(counted.calls) + 1):
        for restarted in (False, True):
            path = tmp_path / f"{number}{restarted}"
            disk = FullDisk(number)
            async with spool(path, disk=disk) as made:
                failure = await raises(Reason.SPOOL_FULL, upload(made, SMALL, chunk=4 * KIB))
                assert failure.os is not None
                assert failure.os.symbol == "ENOSPC"
                assert made.images() == ()
                kept = made.expect(promise(SMALL), ALICE).committed_bytes
                # Six writes begin an upload; then there are two chunks, a sync and the sidecar for each 8 KiB.
                assert kept >= min((number - 6) // 4 * 8 * KIB, len(SMALL))
                if not restarted:
                    assert await stored(made, await upload(made, SMALL, chunk=4 * KIB)) == SMALL
            if restarted:
                async with spool(path) as made:
                    assert made.expect(promise(SMALL), ALICE).committed_bytes == kept
                    assert await stored(made, await upload(made, SMALL, chunk=4 * KIB)) == SMALL


async def test_another_failure_is_not_called_full(tmp_path: Path) -> None:
    async with spool(tmp_path, disk=FullDisk(5, errno.EIO)) as made:
        await raises(Reason.STATE_NOT_WRITABLE, upload(made, DATA, chunk=MIB))


CHILD = """
import asyncio, hashlib, random, resource, sys, zlib
from pathlib import Path
from nvmed.errors import NvmedError
from nvmed.firmware.spool import Spool
from nvmed.firmware.spool_files import Image

async def main(path, limit):
    data = random.Random(9).randbytes(9 << 20)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    async with Spool(Path(path)).serving() as spool:
        try:
            async with spool.receive(Image(hashlib.sha256(data).hexdigest(), len(data)), "child") as writer:
                for offset in range(writer.committed_bytes, len(data), 1 << 20):
                    piece = data[offset:offset + (1 << 20)]
                    await writer.write(offset, zlib.crc32(piece), piece)
                print((await writer.finish()).sha256)
        except NvmedError as exc:
            print(exc.reason, writer.committed_bytes)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_a_real_limit_of_the_kernel_and_then_room(tmp_path: Path) -> None:
    run = partial(subprocess.run, capture_output=True, text=True, check=True, cwd=ROOT)
    limited = run([sys.executable, "-c", CHILD, tmp_path, str(6 * MIB + 512)]).stdout.split()
    assert limited == ["SPOOL_FULL", str(6 * MIB)]
    free = run([sys.executable, "-c", CHILD, tmp_path, str(resource.RLIM_INFINITY)]).stdout.split()
    assert free == [promise(DATA).sha256]


KILLED = CHILD.replace(
    "print((await", "print(writer.committed_bytes, flush=True); await asyncio.sleep(60)\n" + " " * 16 + "print((await"
)


def test_a_killed_daemon_keeps_what_was_committed(tmp_path: Path) -> None:
    unlimited = str(resource.RLIM_INFINITY)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path, unlimited], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        committed = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    assert committed == 8 * MIB

    async def resume() -> None:
        async with Spool(tmp_path).serving() as made:
            assert made.upload(upload_id(promise(DATA), "child")).committed_bytes == committed
            assert await stored(made, await upload(made, DATA, "child")) == DATA

    asyncio.run(resume())
