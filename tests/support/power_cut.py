"""A disk that loses at a power cut what nobody waited for, and tears what was being written.

`PowerCut(root)` watches the directory from when it is made: what is there then is on disk. A file's bytes are on disk
once it was synced, the names in a directory once that was (fsync(2): syncing a file need not keep its name). `cut`
makes a directory such as may be found when the power is back: of what was not synced all, nothing or some is there.
Without `holes` a file grows only by what is on disk, as on ext4 (data=ordered) and XFS; with them, by zeros too.
`at_sync` is called before and after each sync, on its thread. What the C library writes for SQLite is not seen here, so
that its files survive as they are.
"""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest import mock

SQLITE: Final = ".sqlite"
"""In the name of each of its files."""

SECTOR_BYTES: Final = 512
"""What a drive writes whole or not at all."""

Names = dict[str, int]
"""The inode of each name in a directory."""


class PowerCut:
    """What of `root` would survive."""

    def __init__(self, root: Path, at_sync: Callable[[PowerCut], None] = lambda _: None, *, holes: bool = True) -> None:
        self.root = root
        self._holes = holes
        self._at_sync = at_sync
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, Names] = {}
        self._held: dict[int, int] = {}
        for directory, _, files in os.walk(root):
            self._see(Path(directory))
            for name in files:
                self._bytes[self._see(Path(directory, name))] = Path(directory, name).read_bytes()
            self._names[self._see(Path(directory))] = self._now(Path(directory))

    @contextmanager
    def watching(self) -> Iterator[PowerCut]:
        """Hear of what is synced."""
        with (
            mock.patch.object(os, "fsync", self._heard(os.fsync)),
            mock.patch.object(os, "fdatasync", self._heard(os.fdatasync)),
        ):
            try:
                yield self
            finally:
                for descriptor in self._held.values():
                    os.close(descriptor)
                self._held.clear()

    def cut(self, target: Path, seed: int) -> Path:
        """Make `target` what is there after a cut now. Seed 0: nothing that was not synced; 1: all of it; else some."""
        chance = random.Random(seed)
        self._survive(self.root, target, chance, seed)
        return target

    def _survive(self, directory: Path, target: Path, chance: random.Random, seed: int) -> None:
        target.mkdir()
        inode = directory.stat().st_ino
        now = self._now(directory)
        some = self._some(self._names.get(inode, {}), now, chance, seed)
        names = {name: (now if SQLITE in name else some).get(name) for name in {*some, *now}}
        for name, found in sorted((name, found) for name, found in names.items() if found is not None):
            here = directory / name
            if here.is_dir() and not here.is_symlink():
                self._survive(here, target / name, chance, seed)
            elif SQLITE in name:
                (target / name).write_bytes(here.read_bytes())
            else:
                (target / name).write_bytes(self._content(found, chance, seed))

    def _some(self, synced: Names, now: Names, chance: random.Random, seed: int) -> Names:
        """A directory's names: those that were synced, those of now, or a mixture by name."""
        if seed < 2:
            return now if seed else synced
        either = {name: chance.choice((synced, now)).get(name) for name in sorted({*synced, *now})}
        return {name: inode for name, inode in either.items() if inode is not None}

    def _content(self, inode: int, chance: random.Random, seed: int) -> bytes:
        synced, now = self._bytes.get(inode, b""), self._read(inode)
        if seed < 2:
            return now if seed else synced
        if now.startswith(synced) and not self._holes:
            return now[: chance.randint(len(synced), len(now))]
        size = chance.choice((len(synced), len(now)))
        mixed = bytearray(size)
        for at in range(0, size, SECTOR_BYTES):
            part = chance.choice((synced, now))[at : at + SECTOR_BYTES][: size - at]
            mixed[at : at + len(part)] = part
        return bytes(mixed)

    def _heard(self, sync: Callable[[int], None]) -> Callable[[int], None]:
        def heard(descriptor: int) -> None:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            if self.root not in (path, *path.parents):
                return sync(descriptor)
            self._at_sync(self)
            sync(descriptor)
            found = os.fstat(descriptor)
            if stat.S_ISDIR(found.st_mode):
                self._names[found.st_ino] = self._now(path)
            else:
                self._see(path)
                self._bytes[found.st_ino] = self._read(found.st_ino)
            self._at_sync(self)
            return None

        return heard

    def _now(self, directory: Path) -> Names:
        entries = [*directory.iterdir()]
        return {entry.name: self._see(entry) for entry in entries}

    def _see(self, path: Path) -> int:
        """The inode of a path, held open so that no other file gets its number."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        inode = os.fstat(descriptor).st_ino
        if self._held.setdefault(inode, descriptor) != descriptor:
            os.close(descriptor)
        return inode

    def _read(self, inode: int) -> bytes:
        descriptor = self._held[inode]
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
