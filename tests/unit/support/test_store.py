"""The store of bundles: a disk that is full at every single call, a daemon that dies at each of them, and limits."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.disk.files import Disk
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.support import files
from nvmed.support.collecting import Collector, Deadlines, Group, Part, manifest
from nvmed.support.files import Bundle
from nvmed.support.scrub import scrubbed
from nvmed.support.store import BundleLimits, Bundles, Writer
from tests.support.planted import GOOD_DHHC, GOOD_TEXT

ID, OTHER = "1" * 32, "2" * 32


class CountingDisk(Disk):
    """Calls `strike` at the call of number `at`."""

    def __init__(self, at: int = 0) -> None:
        self.calls = 0
        self.at = at

    def strike(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            self.strike()

    def create(self, path: Path, flags: int = 0) -> int:
        self._count()
        return super().create(path, flags)

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        self._count()
        super().write(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        self._count()
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        super().rename(source, target)

    def sync_directory(self, path: Path) -> None:
        self._count()
        super().sync_directory(path)


class KillingDisk(CountingDisk):
    """The process ends there, as by kill -9."""

    def strike(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def files_in(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


async def pieces(*content: bytes | NvmedError) -> AsyncIterator[bytes]:
    for piece in content:
        if isinstance(piece, NvmedError):
            raise piece
        yield piece


def part(path: str, *content: bytes | NvmedError) -> Part:
    return Part(path, lambda: pieces(*content), is_text=False)


async def make(store: Bundles, name: str = ID, *parts: Part, principal: str = "alice") -> list[dict[str, Any]]:
    """A bundle; the parts of its manifest."""
    async with store.writing(Bundle(name, principal)) as writer:
        collector = Collector(writer, Deadlines(60, asyncio.get_running_loop().time() + 60), lambda _: None)
        await collector.collect([Group("", parts or (part("a", b"1" * 70_000, b"2"), part("b", b"3")))])
        text = manifest(collector.entries, {})
        await writer.finish(text, 2, 0)
    found: list[dict[str, Any]] = json.loads(text)["parts"]
    return found


async def test_a_part_that_fails_midway_keeps_what_there_is(tmp_path: Path) -> None:
    failing = part("a", b"12", error(Reason.COMMAND_TIMEOUT, "no more"))
    async with Bundles(tmp_path).serving() as store:
        first, second = await make(store, ID, failing, part("b"))
    assert (first["complete"], first["file"], first["size_bytes"]) == (False, "a.incomplete", 2)
    assert (first["reason"], first["message"]) == ("COMMAND_TIMEOUT", "no more")
    assert second["complete"]


async def test_a_bundle_that_is_given_up_writes_to_no_other_file(tmp_path: Path) -> None:
    """The number of its descriptor is another file's soon, and its tar stream ends itself when it is collected."""
    kept: list[Writer] = []
    async with Bundles(tmp_path / "support").serving() as store:
        with suppress(KeyError):
            async with store.writing(Bundle(ID, "unix:admin")) as writer, writer.scratch() as scratch:
                kept.append(writer)
                await scratch.write(os.urandom(300_000))
                await writer.add("identify.bin", scratch)
                raise KeyError
    with ExitStack() as stack:
        others = [stack.enter_context((tmp_path / str(number)).open("wb")) for number in range(64)]
        assert {other.fileno() for other in others} & {kept[0]._descriptor}, "one of them has that number"
        kept[0]._archive.finish()  # as finalizers do
    assert {(tmp_path / str(number)).read_bytes() for number in range(64)} == {b""}


async def test_a_full_disk_at_any_call_leaves_nothing(tmp_path: Path) -> None:
    counting = CountingDisk()
    async with Bundles(tmp_path / "0", disk=counting).serving() as store:
        await make(store)
    assert counting.calls > 10
    for at in range(1, counting.calls + 1):
        place = tmp_path / str(at)
        async with Bundles(place, disk=CountingDisk(at)).serving() as store:
            with pytest.raises(NvmedError, match="ENOSPC") as caught:
                await make(store)
            assert caught.value.reason == "SUPPORT_BUNDLES_FULL"
            assert (store.all(), files_in(place), store.room.used_bytes) == ((), [], 0)
            await make(store, OTHER)  # there is room again


def test_a_daemon_that_is_killed_at_any_call_leaves_all_or_nothing(tmp_path: Path) -> None:
    async def run(place: Path, disk: Disk) -> None:
        async with Bundles(place, disk=disk).serving() as store:
            await make(store)

    async def left(place: Path) -> tuple[int, int]:
        async with Bundles(place).serving() as store:
            return len(store.all()), len(files_in(place))

    counting = CountingDisk()
    asyncio.run(run(tmp_path / "0", counting))
    outcomes = set()
    for at in range(1, counting.calls + 1):
        child = os.fork()
        if not child:
            asyncio.run(run(tmp_path / str(at), KillingDisk(at)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), at
        outcomes.add(asyncio.run(left(tmp_path / str(at))))
    assert outcomes == {(0, 0), (1, 2)}


async def test_quota_share_and_count_are_held(tmp_path: Path) -> None:
    big = part("a", os.urandom(600_000))
    async with Bundles(tmp_path, BundleLimits(quota_bytes=3_000_000, bundles_max=2)).serving() as store:
        await make(store, ID, big)
        with pytest.raises(NvmedError, match=r"of alice take .* delete bundles"):
            await make(store, OTHER, big)
        await make(store, OTHER, part("a", b"1"), principal="bob")
        with pytest.raises(NvmedError, match="there are 2"):
            await make(store, "3" * 32, principal="carol")
        await store.delete(ID)
        await make(store, "3" * 32, big)


async def test_what_has_expired_is_deleted(tmp_path: Path) -> None:
    now = [1_000_000.0]
    async with Bundles(tmp_path, BundleLimits(ttl_s=60), clock=lambda: now[0]).serving() as store:
        await make(store)
        now[0] += 61
        await store.reap()
        assert (store.all(), files_in(tmp_path)) == ((), [])


@given(st.binary(max_size=200))
def test_a_sidecar_is_a_bundle_or_none(text: bytes) -> None:
    assert files.load(text) is None


@given(
    st.dictionaries(st.sampled_from([*Bundle.__slots__]), st.none() | st.integers() | st.text() | st.lists(st.text()))
)
def test_a_sidecar_with_any_values_is_a_bundle_or_none(changes: dict[str, Any]) -> None:
    whole = json.loads(files.dump(Bundle(ID, "alice", sha256=bytes(32))))
    loaded = files.load(json.dumps(whole | changes).encode())
    assert loaded is None or files.load(files.dump(loaded)) == loaded


def test_what_has_the_form_of_a_secret_is_taken_out() -> None:
    key = b"-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----"
    text = b"1 %s 2 %s 3 %s 4 https://a:b@example.org/ 5" % (GOOD_TEXT, GOOD_DHHC, key)
    gone = b"[removed by nvmed]"
    assert scrubbed(text) == b"1 %s 2 %s 3 %s 4 https://%s@example.org/ 5" % (gone, gone, gone, gone)
    assert scrubbed(b"https://images.example.org/x") == b"https://images.example.org/x"
