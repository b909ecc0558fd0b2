"""Keys from files, into keyrings of this kernel, with keys of type user; events come from the kernel too."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import uuid
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from nvmed.errors import NvmedError
from nvmed.keyring import files as key_files
from nvmed.keyring.calls import KeyringRef
from nvmed.keyring.files import KeySources
from nvmed.keyring.keyring import Keyring
from nvmed.keyring.store import NOTE_NAME, Hints, KeyStore, Note, Outcome, StoredKey, is_keyring_module
from nvmed.keys.identity import parse_identity
from nvmed.keys.keyfile import KeyFileEntry, build_line
from nvmed.keys.psk import PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread
from nvmed.linux.uevent import RESCAN, Uevent, UeventReader

HOST, SUBSYSTEM = "nqn.2024-01.io.example:host", "nqn.2024-01.io.example:subsys"
ONE, TWO, THREE = bytes(32), bytes(range(32)), bytes(range(1, 33))
NULL_UEVENT = Path("/sys/devices/virtual/mem/null/uevent")
names = (f"nvmed-store-{os.getpid()}-{number}" for number in itertools.count())


def entry(key: bytes, version: int = 1) -> KeyFileEntry:
    derived = derive_tls_key(Secret(key), HOST, SUBSYSTEM, version=version, hash_=PskHash.SHA256)
    return KeyFileEntry(parse_identity(derived.identity), derived.psk)


def identity(key: bytes, version: int = 1) -> str:
    return str(entry(key, version).identity)


def line(key: bytes, version: int = 1) -> bytes:
    return build_line(entry(key, version)).reveal()


@dataclass
class Bench:
    """A directory of key files, and a thread that holds keyrings."""

    folder: Path
    state: Path
    thread: KeyThread = field(default_factory=KeyThread)

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700)
        self.keyring = Keyring(self.thread)

    def write(self, name: str, content: bytes, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(mode)
        return path

    async def ring(self, name: str) -> int:
        """A new keyring of that name, as the module makes one when it is loaded."""

        def make() -> int:
            serial = keyctl.add_key("keyring", name, Secret(b""), keyctl.PROCESS_KEYRING)
            keyctl.set_permissions(serial, 0x3F3F0000)
            return serial

        return await self.thread.run(make)

    def store(self, ring: KeyringRef, hints: Hints | None = None, **sources: Any) -> KeyStore:
        found = KeySources(**{"directory": self.folder, **sources})
        hints = hints or silence
        return KeyStore(self.keyring, found, self.state, ring=ring, key_type="user", hints=hints, patience_s=3600)

    async def keys(self, ring: int) -> dict[str, int]:
        """The TLS keys that are found there."""
        found = [key async for key in self.keyring.scan_tls_keys(ring, key_type="user")]
        return {key.about.description: key.serial for key in found}

    async def payload(self, ring: int, described: str) -> Secret:
        return await self.keyring.read_key((await self.keys(ring))[described], ring)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path / "keys", tmp_path)
    try:
        await made.ring(next(names))
    except NvmedError as refusal:
        made.thread.close()
        pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")
    yield made
    made.thread.close()


def silence() -> AbstractContextManager[AsyncIterator[object]]:
    raise OSError("there are no events here")


def told(done: tuple[StoredKey, ...]) -> list[tuple[str, int, Outcome]]:
    return [(key.file.name, key.line, key.outcome) for key in done]


async def test_every_key_of_every_file_is_inserted_once(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    bench.write("b", line(ONE) + b"\n" + line(ONE, 0))
    bench.write("a", line(TWO))
    bench.write(".hidden", line(THREE))
    done = await bench.store(ring).insert()
    inserted = Outcome.INSERTED
    assert told(done) == [("a", 1, inserted), ("b", 1, inserted), ("b", 3, inserted)]
    keys = await bench.keys(ring)
    assert keys == {key.identity: key.serial for key in done}
    assert (await bench.payload(ring, identity(TWO))).matches(entry(TWO).psk)
    again = await bench.store(ring).insert()
    assert {key.outcome for key in again} == {Outcome.PRESENT}
    assert await bench.keys(ring) == keys


async def test_a_key_that_is_there_is_left_as_it_is(bench: Bench) -> None:
    """A rotation replaced it, under the same identity, and its file is older."""
    ring = await bench.ring(next(names))
    bench.write("a", line(ONE, 0))
    newer = await bench.keyring.update_key("user", identity(ONE, 0), Secret(TWO), ring)
    (key,) = await bench.store(ring).insert()
    assert (key.outcome, key.serial) == (Outcome.PRESENT, newer.serial)
    assert (await bench.payload(ring, identity(ONE, 0))).matches(TWO)


async def test_what_was_revoked_does_not_come_back_with_a_restart_but_with_a_new_keyring(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    bench.write("a", line(ONE))
    await bench.store(ring).insert()
    await bench.keyring.revoke_tls_key(identity(ONE), ring, key_type="user")
    bench.write("b", line(TWO))
    assert told(await bench.store(ring).insert()) == [("a", 1, Outcome.GONE), ("b", 1, Outcome.INSERTED)]
    assert list(await bench.keys(ring)) == [identity(TWO)]
    another = await bench.ring(next(names))
    assert {key.outcome for key in await bench.store(another).insert()} == {Outcome.INSERTED}


async def test_another_key_under_a_revoked_identity_is_a_new_one(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    for version in (0, 1):
        bench.write("keys", line(ONE, version))
        assert [key.outcome for key in await bench.store(ring).insert()] == [Outcome.INSERTED]
        await bench.keyring.revoke_tls_key(identity(ONE, version), keyring=ring, key_type="user")
        assert [key.outcome for key in await bench.store(ring).insert()] == [Outcome.GONE]
        bench.write("keys", line(TWO, version))
        assert [key.outcome for key in await bench.store(ring).insert()] == [Outcome.INSERTED]
        bench.write("keys", line(ONE, version))
        if version == 1:
            assert [key.outcome for key in await bench.store(ring).insert()] == [Outcome.GONE]


async def test_the_last_line_of_an_identity_counts(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    bench.write("keys", line(ONE, 0) + line(TWO, 0))
    done = await bench.store(ring).insert()
    assert [(key.line, key.outcome) for key in done] == [(1, Outcome.SUPERSEDED), (2, Outcome.INSERTED)]
    serial = await bench.keyring.lookup_key("user", identity(TWO, 0), ring)
    assert (await bench.keyring.read_key(serial, ring)).reveal() == entry(TWO, 0).psk.reveal()


def test_everything_that_is_wrong_is_named_by_file_and_line(bench: Bench) -> None:
    bench.write("a", b"# one\n" + line(ONE) + b"nonsense\n")
    bench.write("b", line(TWO), mode=0o644)
    with pytest.raises(NvmedError) as wrong:
        key_files.check(KeySources(directory=bench.folder))
    assert wrong.value.reason == "CONFIG_INVALID"
    first, second = wrong.value.message.splitlines()
    assert first.startswith(f"{bench.folder}/a:3: ")
    assert str(bench.folder / "b") in second


async def test_bad_lines_files_and_keys_keep_no_other_out(bench: Bench, tmp_path: Path) -> None:
    ring = await bench.ring(next(names))
    bench.write("bad", b"nonsense\n" + line(ONE) + line(TWO)[:-9] + b"\n")
    bench.write("empty", b"")
    bench.write("large", bytes(1 << 20) + b"x")
    bench.write("open", line(TWO), 0o640)
    (bench.folder / "link").symlink_to(bench.write("target", line(THREE)))
    (bench.folder / "directory").mkdir(0o700)
    os.mkfifo(bench.folder / "pipe", 0o600)
    with capture_logs() as logs:
        done = await bench.store(ring).insert()
    assert set(await bench.keys(ring)) == {identity(ONE), identity(THREE)}
    refused = {(key.file.name, key.line): key.problem for key in done if key.problem}
    assert set(refused) == {
        ("bad", 1), ("bad", 3), ("large", 0), ("open", 0), ("link", 0), ("directory", 0), ("pipe", 0),
    }  # fmt: skip
    assert "mode 0640" in refused["open", 0].message
    logged = [(Path(one["file"]).name, one["line"]) for one in logs if one["event"] == "key_refused"]
    assert sorted(logged) == sorted(refused)


@pytest.mark.parametrize("mode", [0o750, 0o707, 0o720])
async def test_a_directory_that_others_may_enter_is_refused(bench: Bench, mode: int) -> None:
    ring = await bench.ring(next(names))
    bench.write("a", line(ONE))
    bench.folder.chmod(mode)
    (refused,) = await bench.store(ring).insert()
    assert refused.problem is not None
    assert (refused.file, refused.problem.reason) == (bench.folder, "CONFIG_INVALID")
    assert await bench.keys(ring) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only uid 0 can give files away")
async def test_a_file_of_somebody_else_is_refused(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    os.chown(bench.write("a", line(ONE)), 12345, 0)
    (refused,) = await bench.store(ring).insert()
    assert refused.problem is not None
    assert "uid 12345" in refused.problem.message


async def test_a_directory_that_is_not_there_is_told(bench: Bench, tmp_path: Path) -> None:
    ring = await bench.ring(next(names))
    (refused,) = await bench.store(ring, directory=tmp_path / "missing").insert()
    assert refused.problem is not None
    assert "No such file" in refused.problem.message
    with pytest.raises(NvmedError, match="No such file"):
        key_files.check(KeySources(tmp_path / "missing"))


async def test_credentials_are_taken_by_their_name(bench: Bench, tmp_path: Path) -> None:
    """systemd gives the service its credentials with an ACL, which looks like a permission of the group."""
    ring = await bench.ring(next(names))
    bench.write("a", line(THREE))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for name, content in (("nvme-keys", ONE), ("nvme-keys_more", TWO), ("tls.key", None)):
        path = credentials / name
        path.write_bytes(b"a private key of another kind" if content is None else line(content))
        path.chmod(0o440)
    credentials.chmod(0o550)
    sources = KeySources(bench.folder, credentials, ("nvme-keys*",))
    key_files.check(sources)
    done = await bench.store(ring, credentials=credentials, patterns=("nvme-keys*",)).insert()
    assert told(done) == [(name, 1, Outcome.INSERTED) for name in ("a", "nvme-keys", "nvme-keys_more")]
    bench.write("a", b"nonsense\n")
    with pytest.raises(NvmedError, match="no blank"):
        key_files.check(sources)


async def test_nothing_is_said_of_what_a_file_holds(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    bench.write("a", line(TWO) + line(ONE)[:-4] + b"\n" + b"x " + line(THREE).split()[-1] + b"\n")
    with capture_logs() as logs:
        done = await bench.store(ring).insert()
    shown = f"{logs!r} {done!r} {[key.problem and key.problem.metadata for key in done]!r}"
    for key in (ONE, TWO, THREE):
        text = line(key).split()[-1].decode()
        assert text[20:40] not in shown
        assert entry(key).psk.reveal().hex()[:16] not in shown


async def test_a_type_that_the_kernel_has_not_is_told_once(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    bench.write("a", line(ONE) + line(TWO))
    store = KeyStore(bench.keyring, KeySources(bench.folder), bench.state, ring=ring, key_type="psk")
    with capture_logs() as logs:
        if await store.insert():
            pytest.skip("this kernel has type psk")
    assert [(one["event"], one["reason"]) for one in logs] == [("keys_wait", "KEYRING_TYPE_MISSING")]


# -- what was inserted is noted


def test_a_note_is_of_one_keyring_of_one_boot(tmp_path: Path) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    note = Note(tmp_path / "note.json", boot)
    assert note.read(1) == frozenset()
    note.write(1, frozenset({"a", "b"}))
    assert note.read(1) == {"a", "b"}
    assert note.read(2) == frozenset()
    assert (tmp_path / "note.json").stat().st_mode & 0o777 == 0o600
    boot.write_text("second\n")
    assert note.read(1) == frozenset()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"boot": 1}', "\udcff", '{"boot": "", "keyring": 1, "identities": 3}', "[" * 100_000],
    ids=lambda text: ascii(text[:10]),
)
def test_a_note_that_is_none_is_forgotten(tmp_path: Path, content: str) -> None:
    (tmp_path / "note.json").write_text(content, errors="surrogateescape")
    assert Note(tmp_path / "note.json", tmp_path / "no-boot-id").read(1) == frozenset()


@given(st.binary() | st.recursive(st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()))
def test_no_note_is_one_that_crashes(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "note.json")
        path.write_bytes(content)
        assert Note(path).read(1) == frozenset()


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=300)), st.integers(1, 2**31 - 1))
def test_a_note_reads_back_as_it_was_written(identities: list[str], ring: int) -> None:
    with TemporaryDirectory() as folder:
        note = Note(Path(folder, "note.json"))
        note.write(ring, frozenset(identities))
        assert note.read(ring) == set(identities)


async def test_keys_are_inserted_though_nothing_can_be_noted(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    bench.write("a", line(ONE))
    (bench.state / NOTE_NAME).mkdir()
    with capture_logs() as logs:
        assert told(await bench.store(ring).insert()) == [("a", 1, Outcome.INSERTED)]
    assert "keys_not_noted" in [one["event"] for one in logs]


async def test_the_note_names_identities_and_holds_no_key(bench: Bench) -> None:
    ring = await bench.ring(next(names))
    bench.write("a", line(ONE))
    await bench.store(ring).insert()
    content = (bench.state / NOTE_NAME).read_text()
    assert json.loads(content)["identities"] == [identity(ONE)]
    assert line(ONE).split()[-1].decode() not in content


# -- the keyring appears


class Logged:
    """Events of the log, each of which can be awaited."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        self.events.put_nowait(event["event"])
        raise structlog.DropEvent

    async def seen(self, wanted: str) -> None:
        while await self.events.get() != wanted:
            pass


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Logged:
    from nvmed.keyring import store as key_store

    found = Logged()
    monkeypatch.setattr(key_store, "log", structlog.wrap_logger(None, processors=[found]))
    return found


def kernel_says(marker: str) -> None:
    """Let the kernel send an event, as it does for a module (Documentation/ABI/testing/sysfs-uevent)."""
    try:
        NULL_UEVENT.write_text(f"change {marker}")
    except OSError as failure:
        pytest.skip(f"cannot trigger an event here: {failure}")


async def test_keys_are_inserted_when_the_keyring_appears_and_again_when_another_does(
    bench: Bench, logged: Logged
) -> None:
    marker, name = str(uuid.uuid4()), next(names)
    bench.write("a", line(ONE))
    store = bench.store(name, lambda: UeventReader(lambda event: event.properties.get("SYNTH_UUID") == marker))
    async with store.serving():
        await logged.seen("keys_wait")
        first = await bench.ring(name)
        kernel_says(marker)
        await logged.seen("key_inserted")
        assert list(await bench.keys(first)) == [identity(ONE)]
        await bench.thread.run(keyctl.invalidate, first)  # the module is unloaded
        kernel_says(marker)
        second = await bench.ring(name)  # and loaded again; the kernel may tell of it before it made the keyring
        await logged.seen("key_inserted")
        assert list(await bench.keys(second)) == [identity(ONE)]


async def test_lost_events_are_looked_after(bench: Bench, logged: Logged) -> None:
    heard: asyncio.Queue[Uevent] = asyncio.Queue()

    async def hints() -> AsyncIterator[object]:
        while True:
            yield await heard.get()

    name = next(names)
    bench.write("a", line(ONE))
    async with bench.store(name, lambda: nullcontext(hints())).serving():
        await logged.seen("keys_wait")
        heard.put_nowait(RESCAN)
        ring = await bench.ring(name)
        heard.put_nowait(RESCAN)
        await logged.seen("key_inserted")
        assert list(await bench.keys(ring)) == [identity(ONE)]


async def test_where_events_cannot_be_heard_keys_are_inserted_at_start(bench: Bench, logged: Logged) -> None:
    def deaf() -> Any:
        raise PermissionError(1, "Operation not permitted")

    ring = await bench.ring(next(names))
    bench.write("a", line(ONE))
    async with bench.store(ring, deaf).serving():
        await logged.seen("module_not_watched")
        assert list(await bench.keys(ring)) == [identity(ONE)]


async def test_without_keys_nothing_is_missed(bench: Bench) -> None:
    """A host that has none is not told that the keyring is not there."""
    (bench.folder / "empty").touch(0o600)
    with capture_logs() as logs:
        assert await bench.store("nvmed-no-such-keyring").insert() == ()
    assert logs == []


async def test_what_is_wrong_is_told_though_the_keyring_is_not_there_yet(bench: Bench) -> None:
    bench.write("a", b"nonsense\n" + line(ONE))
    with capture_logs() as logs:
        assert told(await bench.store("nvmed-no-such-keyring").insert()) == [("a", 1, Outcome.REFUSED)]
    assert [one["event"] for one in logs] == ["key_refused", "keys_wait"]


async def test_events_that_end_are_told(bench: Bench, logged: Logged) -> None:
    async def broken() -> AsyncIterator[object]:
        for failure in (OSError("the socket is gone"),):
            raise failure
        yield None

    bench.write("a", line(ONE))
    async with bench.store(next(names), lambda: nullcontext(broken())).serving():
        await logged.seen("module_not_watched")


async def test_without_sources_nothing_is_asked_of_the_kernel(bench: Bench) -> None:
    def never() -> Any:
        raise AssertionError("asked")

    store = KeyStore(bench.keyring, KeySources(None, None, ("*",)), bench.state, hints=never)
    async with store.serving():
        assert not (bench.state / NOTE_NAME).exists()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Uevent("add", "/module/nvme_keyring", "module"), True),
        (Uevent("remove", "/module/nvme_keyring", "module"), False),
        (Uevent("add", "/module/nvme_tcp", "module"), False),
        (Uevent("add", "/devices/virtual/nvme_keyring", "block"), False),
    ],
)
def test_the_module_is_told_by_its_name(event: Uevent, expected: bool) -> None:
    assert is_keyring_module(event) is expected
