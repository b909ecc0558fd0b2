"""The spool against a dictionary: uploads that break off, images in use, time that passes, daemons that restart."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import tempfile
import zlib
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nvmed.errors import NvmedError
from nvmed.firmware.spool import Spool, SpoolLimits, upload_id
from nvmed.firmware.spool_files import Image
from tests.support.memory import MEMORY
from tests.support.waiting import until

KIB = 1024
PRINCIPALS = ("socket:alice", "socket:bob")
CONTENTS = tuple(random.Random(seed).randbytes(size * KIB) for seed, size in enumerate((4, 8, 12)))
IMAGES = tuple(Image(hashlib.sha256(data).hexdigest(), len(data)) for data in CONTENTS)
LIMITS = SpoolLimits(
    quota_bytes=24 * KIB, principal_bytes=24 * KIB, uploads_per_principal=2, image_ttl_s=1000, upload_ttl_s=400,
    idle_s=400,
)  # fmt: skip
"""Idle as long as they are kept: whoever needs room waits for what has expired."""

WHICH = st.sampled_from(range(len(IMAGES)))
WHO = st.sampled_from(PRINCIPALS)


class SpoolModel(RuleBasedStateMachine):
    """Two principals, three images, a quota that holds not all of them, and a clock that this sets."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.folder = Path(self.directory.name) / "images"
        self.runner = asyncio.Runner()
        self.now = 1_700_000_000.0
        self.images: dict[int, float] = {}
        """When each was used last."""
        self.uploads: dict[tuple[str, int], tuple[int, float]] = {}
        """What is committed of each, and when somebody went on with it."""
        self.pins: dict[int, ExitStack] = {}
        self.open()

    def open(self) -> None:
        self.serving = AsyncExitStack()
        made = Spool(self.folder, LIMITS, clock=lambda: self.now)
        self.spool = self.runner.run(self.serving.enter_async_context(made.serving()))

    def teardown(self) -> None:
        self.runner.run(self.serving.aclose())
        self.runner.close()
        self.directory.cleanup()

    def reap(self) -> None:
        """What a spool does before it takes anything: forget what has expired."""
        self.uploads = {key: one for key, one in self.uploads.items() if self.now < one[1] + LIMITS.upload_ttl_s}
        self.images = {
            which: used
            for which, used in self.images.items()
            if which in self.pins or self.now < used + LIMITS.image_ttl_s
        }

    @property
    def held(self) -> int:
        return sum(len(CONTENTS[which]) for which in self.images) + sum(one for one, _ in self.uploads.values())

    async def send(self, who: str, which: int, upto: int, *, damaged: bool) -> bool:
        """Send an image up to there, in chunks of 1 KiB, and finish it if that is all; whether it was refused."""
        data = CONTENTS[which]
        try:
            async with self.spool.receive(IMAGES[which], who) as writer:
                start = writer.committed_bytes
                assert start == self.uploads.get((who, which), (0, 0.0))[0], "what is committed is not asked for again"
                self.uploads[who, which] = start, self.now
                for offset in range(start, max(start, upto), KIB):
                    piece = data[offset : offset + KIB]
                    await writer.write(offset, zlib.crc32(piece) ^ damaged, piece)
                    self.uploads[who, which] = offset + KIB, self.now
                if writer.received_bytes == len(data):
                    await writer.finish()
                    del self.uploads[who, which]
                    self.images[which] = self.now
        except NvmedError as exc:
            if exc.reason not in {"SPOOL_FULL", "LIMIT_EXCEEDED", "TRANSFER_CORRUPTED"}:
                raise
            return exc.reason != "TRANSFER_CORRUPTED"
        return False

    @rule(who=WHO, which=WHICH, kib=st.integers(0, 12), damaged=st.sampled_from([False, False, False, True]))
    def uploads_some(self, who: str, which: int, kib: int, damaged: bool) -> None:
        self.reap()
        room = LIMITS.quota_bytes - self.held
        begun = (who, which) in self.uploads
        count = sum(principal == who for principal, _ in self.uploads)
        upto = min(kib * KIB, len(CONTENTS[which]))
        refused = self.runner.run(self.send(who, which, upto, damaged=damaged))
        if not begun and (count >= LIMITS.uploads_per_principal or len(CONTENTS[which]) > room):
            assert refused
        elif len(CONTENTS[which]) <= room:
            assert not refused, "it had room"

    @rule(who=WHO, which=WHICH)
    def aborts(self, who: str, which: int) -> None:
        name = upload_id(IMAGES[which], who)
        if self.uploads.pop((who, which), None) is None:
            with pytest.raises(NvmedError, match="no upload"):
                self.runner.run(self.spool.abort(name))
        else:
            self.runner.run(self.spool.abort(name, validate_only=True))
            self.runner.run(self.spool.abort(name))

    @precondition(lambda self: self.images)
    @rule(data=st.data())
    def is_used(self, data: st.DataObject) -> None:
        which = data.draw(st.sampled_from(sorted(self.images)))
        stack = self.pins.pop(which, None)
        if stack is not None:
            stack.close()
            return
        stack = self.pins[which] = ExitStack()
        pinned = stack.enter_context(self.spool.pin(IMAGES[which].sha256, "a test"))
        self.images[which] = self.now
        self.runner.run(pinned.verify())

    @rule(which=WHICH)
    def deletes(self, which: int) -> None:
        if which in self.images and which not in self.pins:
            self.runner.run(self.spool.delete(IMAGES[which].sha256))
            del self.images[which]
        else:
            with pytest.raises(NvmedError, match="is used by" if which in self.images else "no image"):
                self.runner.run(self.spool.delete(IMAGES[which].sha256))

    @rule(seconds=st.sampled_from([10, 300, 500, 900]))
    def time_goes_by(self, seconds: int) -> None:
        self.now += seconds
        self.reap()
        self.runner.run(self.spool.reap())

    @rule()
    def restarts(self) -> None:
        for stack in self.pins.values():
            stack.close()
        self.pins.clear()
        self.runner.run(self.serving.aclose())
        times: dict[str, float] = {upload_id(IMAGES[which], who): at for (who, which), (_, at) in self.uploads.items()}
        times |= {IMAGES[which].sha256: at for which, at in self.images.items()}
        for path in self.folder.iterdir():  # their files have times of another clock
            os.utime(path, (times[path.stem], times[path.stem]))
        self.open()
        self.uploads = {key: one for key, one in self.uploads.items() if key[1] not in self.images}  # nobody needs them
        self.reap()
        self.runner.run(until(lambda: self.spool.room.used_bytes == self.held))  # a new one reaps beside its work

    @invariant()
    def all_is_there_and_nothing_else(self) -> None:
        assert [image.sha256 for image in self.spool.images()] == sorted(IMAGES[which].sha256 for which in self.images)
        found = {upload.id: upload.committed_bytes for upload in self.spool.uploads()}
        assert found == {upload_id(IMAGES[which], who): done for (who, which), (done, _) in self.uploads.items()}
        room = self.spool.room
        assert {name: room.held(name) for name in found} == found
        assert {which: room.held(IMAGES[which].sha256) for which in range(len(IMAGES))} == {
            which: len(data) if which in self.images else 0 for which, data in enumerate(CONTENTS)
        }
        for which in self.images:
            assert self.spool.path_of(IMAGES[which]).read_bytes() == CONTENTS[which]
        assert self.held <= LIMITS.quota_bytes
        files = [path for path in self.folder.iterdir() if path.is_file()]
        assert len(files) == 2 * (len(self.images) + len(self.uploads)), files


SpoolModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSpool = SpoolModel.TestCase
