"""Keyring operations on the kernel's keyrings, with keys of type user, which behaves as psk but for two things.

A psk key is displaced where a user key is updated in place: type keyring is displaced too, and stands in for it here.
And psk keys match by prefix: type asymmetric matches partial key ids, and stands in for that.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from nvmed.errors import FailedPrecondition, InvalidArgument, NotFound, NvmedError
from nvmed.keyring import calls
from nvmed.keyring.calls import UpdateOutcome
from nvmed.keyring.keyring import Keyring, LoadedPayload
from nvmed.keys.description import ExpiryState
from nvmed.keys.identity import parse_identity
from nvmed.keys.interchange import export_psk
from nvmed.keys.keyfile import KeyFileEntry, build_line, parse_line
from nvmed.keys.psk import Derivation, PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread

HOST = "nqn.2014-08.org.nvmexpress:uuid:f8131ac0-cdef-4165-866b-5998c1e67890"
SUBSYSTEM = "nqn.2024-01.io.example:subsys1"
KEY = bytes(range(32))
_names = (f"nvmed-ops-{os.getpid()}-{number}" for number in itertools.count())


@dataclass(frozen=True, slots=True)
class Bench:
    """A keyring of its own, held by a key thread, in a session of its own."""

    thread: KeyThread
    keyring: Keyring
    serial: int
    name: str

    async def add(self, description: str, payload: bytes = KEY, key_type: str = "user") -> int:
        return await self.thread.run(keyctl.add_key, key_type, description, Secret(payload), self.serial)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    thread = KeyThread()
    name = next(_names)

    def make() -> int:
        keyctl.join_session_keyring()
        serial = keyctl.add_key("keyring", name, Secret(b""), keyctl.PROCESS_KEYRING)
        keyctl.set_permissions(serial, 0x3F3F0000)  # as `.nvme`: all for its user
        return serial

    try:
        serial = await thread.run(make)
    except NvmedError as refusal:
        thread.close()
        pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")
    yield Bench(thread, Keyring(thread), serial, name)
    await thread.run(keyctl.unlink, serial, keyctl.PROCESS_KEYRING)
    thread.close()


needs_proc_keys = pytest.mark.skipif(
    not keyctl.PROC_KEYS.exists(), reason="this kernel, or the sandbox, hides /proc/keys"
)


async def test_keyrings_are_found_by_name(bench: Bench) -> None:
    found = await bench.keyring.lookup_keyring(bench.name)
    assert (found.serial, found.about.type, found.about.description) == (bench.serial, "keyring", bench.name)


@needs_proc_keys
async def test_keyrings_of_other_threads_are_found_in_proc_keys(bench: Bench) -> None:
    other = KeyThread()
    try:
        assert (await Keyring(other).lookup_keyring(bench.name)).serial == bench.serial
        await Keyring(other).update_key("user", "from elsewhere", Secret(b"x"), bench.name)
    finally:
        other.close()
    assert await bench.keyring.lookup_key("user", "from elsewhere", bench.serial)


@needs_proc_keys
async def test_a_forged_line_finds_no_keyring(bench: Bench) -> None:
    """The kernel prints names as they are: a newline in one begins what looks like another key."""
    wanted = next(_names)
    await bench.add(f"x\n{bench.serial:08x} I--Q---     1 perm 3f3f0000     0     0 keyring   {wanted}: empty")
    assert any(key.description.startswith(wanted) for key in await bench.thread.run(lambda: list(keyctl.proc_keys())))
    with pytest.raises(NotFound) as refusal:
        await bench.keyring.lookup_keyring(wanted)
    assert refusal.value.reason == "KEYRING_NOT_FOUND"


async def test_missing_keyrings_say_what_to_do(bench: Bench) -> None:
    with pytest.raises(NotFound, match="check the name") as refusal:
        await bench.keyring.lookup_keyring("nvmed-no-such-keyring")
    assert refusal.value.reason == "KEYRING_NOT_FOUND"
    with pytest.raises(NotFound, match="serial 2147483646") as refusal:
        await bench.keyring.revoke_tls_key("x", 2147483646)
    assert refusal.value.reason == "KEYRING_NOT_FOUND"
    key = await bench.add("a key")
    with pytest.raises(InvalidArgument, match="not a keyring") as wrong:
        await bench.keyring.revoke_tls_key("x", key)
    assert wrong.value.reason == "KEYRING_LINK_INVALID"


async def test_a_hidden_proc_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keyctl, "PROC_KEYS", tmp_path / "absent")
    with pytest.raises(NotFound, match="ProcSubset"):
        await bench.keyring.lookup_keyring("nvmed-no-such-keyring")


async def test_possession_ends_with_the_call(bench: Bench) -> None:
    serial = (await bench.keyring.update_key("user", "k", Secret(b"x"), bench.name)).serial
    assert await bench.thread.run(keyctl.read_keyring, keyctl.THREAD_KEYRING) == ()
    assert (await bench.keyring.read_key(serial, bench.name)).matches(b"x")
    assert await bench.thread.run(keyctl.read_keyring, keyctl.THREAD_KEYRING) == ()


async def test_describe(bench: Bench) -> None:
    serial = await bench.add("a;b c")
    info = await bench.keyring.describe_key(serial)
    assert (info.serial, info.about.type, info.about.description) == (serial, "user", "a;b c")
    if keyctl.PROC_KEYS.exists():
        assert info.expiry.state is ExpiryState.PERMANENT


async def test_user_keys_are_updated_in_place(bench: Bench) -> None:
    first = await bench.keyring.update_key("user", "k", Secret(b"one"), bench.name)
    second = await bench.keyring.update_key("user", "k", Secret(b"two"), bench.serial, timeout_s=3600)
    assert (first.previous_serial, first.outcome) == (0, UpdateOutcome.CREATED)
    assert (second.serial, second.previous_serial) == (first.serial, first.serial)
    assert second.outcome is UpdateOutcome.UPDATED
    assert (await bench.keyring.read_key(first.serial, bench.name)).matches(b"two")
    if keyctl.PROC_KEYS.exists():
        expiry = (await bench.keyring.describe_key(first.serial)).expiry
        assert expiry.state is ExpiryState.EXPIRES
        assert expiry.remaining_s <= 3600 <= expiry.remaining_s + expiry.resolution_s
        await bench.keyring.update_key("user", "k", Secret(b"three"), bench.serial)
        assert (await bench.keyring.describe_key(first.serial)).expiry.state is ExpiryState.PERMANENT


async def test_displaced_keys_are_revoked(bench: Bench) -> None:
    def replace() -> tuple[calls.UpdatedKey, calls.UpdatedKey, int]:
        first = calls.update_key(bench.serial, "keyring", "k", Secret(b""))
        second = calls.update_key(bench.serial, "keyring", "k", Secret(b""))
        return first, second, calls.lookup_key(bench.serial, "keyring", "k")

    first, second, found = await bench.thread.run(replace)
    assert second.outcome is UpdateOutcome.REPLACED
    assert second.previous_serial == first.serial != second.serial == found
    with pytest.raises((FailedPrecondition, NotFound)) as refusal:
        await bench.keyring.describe_key(first.serial)
    assert refusal.value.reason in {"KEY_REVOKED", "KEY_NOT_FOUND"}
    held = await bench.thread.run(keyctl.read_keyring, keyctl.PROCESS_KEYRING)
    assert first.serial not in held


async def test_a_key_in_a_keyring_within_is_revoked_when_one_above_replaces_it(bench: Bench) -> None:
    inner = await bench.add("inner", b"", "keyring")
    old = await bench.thread.run(keyctl.add_key, "user", "k", Secret(b"old"), inner)
    updated = await bench.keyring.update_key("user", "k", Secret(b"new"), bench.name)
    assert updated.previous_serial == old
    assert updated.outcome is UpdateOutcome.REPLACED
    with pytest.raises(FailedPrecondition) as refusal:
        await bench.keyring.describe_key(old)
    assert refusal.value.reason == "KEY_REVOKED"


async def test_a_key_that_could_not_be_revoked_is_not_replaced(bench: Bench) -> None:
    old = await bench.add("inner", b"", "keyring")
    await bench.thread.run(keyctl.set_permissions, old, 0x1B1B0000)
    with pytest.raises(FailedPrecondition, match="nothing was changed") as refusal:
        await bench.thread.run(calls.update_key, bench.serial, "keyring", "inner", Secret(b""))
    assert refusal.value.reason == "KEY_PERMISSION"
    assert await bench.thread.run(keyctl.read_keyring, bench.serial) == (old,)


async def test_a_key_that_may_not_be_viewed_is_not_taken_for_missing(bench: Bench) -> None:
    hidden = await bench.add("k")
    await bench.thread.run(keyctl.set_permissions, hidden, 0x3E3E0000)
    with pytest.raises(FailedPrecondition) as refusal:
        await bench.keyring.update_key("user", "k", Secret(b"new"), bench.name)
    assert refusal.value.reason == "KEY_PERMISSION"


async def test_a_failed_update_leaves_the_old_key_in_force(bench: Bench) -> None:
    """libnvme revokes first: then the host is without a key."""
    old = await bench.add("k", b"old")
    await bench.thread.run(keyctl.set_permissions, bench.serial, 0x1B1B0000)  # no more writing to the keyring
    with pytest.raises(FailedPrecondition) as refusal:
        await bench.keyring.update_key("user", "k", Secret(b"new"), bench.serial)
    assert refusal.value.reason == "KEY_PERMISSION"
    assert (await bench.keyring.read_key(old, bench.serial)).matches(b"old")


async def test_a_revoked_key_makes_room_for_a_new_one(bench: Bench) -> None:
    old = await bench.add("k", b"old")
    await bench.thread.run(keyctl.revoke, old)
    updated = await bench.keyring.update_key("user", "k", Secret(b"new"), bench.name)
    assert updated.outcome is UpdateOutcome.CREATED
    assert updated.serial != old


async def test_what_the_kernel_matches_in_part_is_not_found(bench: Bench) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject, issuer = x509.Name.from_rfc4514_string("CN=nvmed"), x509.Name.from_rfc4514_string("CN=nobody")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    start = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    try:
        serial = await bench.add("nvmed-certificate", certificate.public_bytes(Encoding.DER), "asymmetric")
    except NvmedError as refusal:
        pytest.skip(f"this kernel takes no such certificate: {refusal}")
    part = f"id:{identifier.digest.hex()[-8:]}"
    assert await bench.thread.run(keyctl.search, bench.serial, "asymmetric", part) == serial
    with pytest.raises(NotFound) as missing:
        await bench.keyring.lookup_key("asymmetric", part, bench.name)
    assert missing.value.reason == "KEY_NOT_FOUND"
    assert await bench.keyring.lookup_key("asymmetric", "nvmed-certificate", bench.name) == serial


async def test_reading_stays_in_the_keyring(bench: Bench) -> None:
    inner = await bench.add("inner", b"", "keyring")
    within = await bench.thread.run(keyctl.add_key, "user", "within", Secret(b"in"), inner)
    outside = await bench.thread.run(keyctl.add_key, "user", "outside", Secret(b"out"), keyctl.PROCESS_KEYRING)
    assert (await bench.keyring.read_key(within, bench.name)).matches(b"in")
    with pytest.raises(NotFound, match="not in that keyring"):
        await bench.keyring.read_key(outside, bench.name)


async def test_links_into_the_session(bench: Bench) -> None:
    await bench.add("k")
    with pytest.raises(NotFound):
        await bench.keyring.lookup_key("user", "k")
    assert await bench.keyring.link_keyring(bench.name) == bench.serial
    assert await bench.keyring.lookup_key("user", "k")


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("derivation", Derivation)
async def test_insert_scan_export_import_revoke(bench: Bench, version: int, derivation: Derivation) -> None:
    inserted = await bench.keyring.insert_tls_key(
        Secret(KEY),
        HOST,
        SUBSYSTEM,
        version=version,
        hash_=PskHash.SHA256,
        derivation=derivation,
        keyring=bench.name,
        key_type="user",
        timeout_s=7200,
    )
    expected = derive_tls_key(
        Secret(KEY), HOST, SUBSYSTEM, version=version, hash_=PskHash.SHA256, derivation=derivation
    )
    assert (inserted.identity, inserted.digest, inserted.derivation) == (
        expected.identity,
        expected.digest,
        derivation,
    )

    (found,) = [key async for key in bench.keyring.scan_tls_keys(bench.name, key_type="user")]
    assert found.serial == inserted.key.serial
    assert found.about.identity == parse_identity(expected.identity)
    if keyctl.PROC_KEYS.exists():
        assert found.expiry.state is ExpiryState.EXPIRES

    exported = await bench.keyring.export_tls_key(inserted.identity, bench.name, key_type="user")
    assert exported.serial == inserted.key.serial
    assert exported.text.matches(export_psk(expected.psk, PskHash.SHA256))
    assert parse_line(exported.line).psk.matches(expected.psk)

    assert await bench.keyring.revoke_tls_key(inserted.identity, bench.name, key_type="user") == found.serial
    assert [key async for key in bench.keyring.scan_tls_keys(bench.name, key_type="user")] == []
    with pytest.raises((FailedPrecondition, NotFound)) as refusal:
        await bench.keyring.revoke_tls_key(inserted.identity, bench.name, key_type="user")
    assert refusal.value.reason in {"KEY_REVOKED", "KEY_NOT_FOUND"}

    imported = await bench.keyring.import_tls_key(exported.identity, exported.text, keyring=bench.name, key_type="user")
    assert (imported.version, imported.derivation, imported.digest) == (version, None, expected.digest)
    assert (await bench.keyring.read_key(imported.key.serial, bench.name)).matches(expected.psk)


async def test_scan_lists_what_is_named_like_a_tls_key(bench: Bench) -> None:
    inner = await bench.add("inner", b"", "keyring")
    names = [f"NVMe0R01 nqn.host-{number} nqn.subsystem" for number in range(150)]
    serials = [await bench.add(name) for name in names]
    await bench.thread.run(keyctl.link, bench.serial, keyctl.THREAD_KEYRING)
    serials.append(await bench.thread.run(keyctl.add_key, "user", "NVMe1G02 odd", Secret(b"x"), inner))
    await bench.thread.run(keyctl.link, serials[0], inner)  # twice in the tree, once in the answer
    await bench.add("something else")
    found = [key async for key in bench.keyring.scan_tls_keys(bench.name, key_type="user")]
    assert sorted(key.serial for key in found) == sorted(serials)
    odd = [key for key in found if key.about.identity is None]
    assert [key.about.description for key in odd] == ["NVMe1G02 odd"]
    assert [key async for key in bench.keyring.scan_tls_keys(bench.name)] == []  # type psk: none here


async def test_a_scan_that_is_given_up_holds_nothing(bench: Bench) -> None:
    for number in range(3):
        await bench.add(f"NVMe0R01 host-{number} subsystem")
    scan = bench.keyring.scan_tls_keys(bench.name, key_type="user")
    await anext(scan)
    await scan.aclose()  # type: ignore[attr-defined]
    assert await bench.thread.run(keyctl.read_keyring, keyctl.THREAD_KEYRING) == ()


async def test_importing_checks_the_length(bench: Bench) -> None:
    with pytest.raises(InvalidArgument, match="48 bytes, but SHA256 goes with 32"):
        await bench.keyring.import_tls_key(
            "NVMe0R01 h s", export_psk(Secret(bytes(48)), PskHash.NONE), keyring=bench.name, key_type="user"
        )


async def test_exporting_what_is_no_psk(bench: Bench) -> None:
    await bench.add("NVMe0R01 h s", b"short")
    with pytest.raises(InvalidArgument, match="5 bytes"):
        await bench.keyring.export_tls_key("NVMe0R01 h s", bench.name, key_type="user")


async def test_key_files(bench: Bench) -> None:
    identities = [f"NVMe0R01 host-{number} subsystem" for number in range(2)]
    lines = [build_line(KeyFileEntry(parse_identity(text), Secret(KEY))).reveal() for text in identities]
    imported = await bench.keyring.import_key_file(
        Secret(lines[0] + b"nonsense\n" + lines[1]), keyring=bench.name, key_type="user"
    )
    assert [line.number for line in imported] == [1, 2, 3]
    assert [line.inserted.identity if line.inserted else None for line in imported] == [
        identities[0],
        None,
        identities[1],
    ]
    assert imported[1].problem is not None
    assert await bench.keyring.lookup_key("user", identities[1], bench.name)


async def test_a_key_file_that_nothing_can_hold(bench: Bench) -> None:
    line = build_line(KeyFileEntry(parse_identity("NVMe0R01 h s"), Secret(KEY)))
    with pytest.raises(NotFound) as missing:
        await bench.keyring.import_key_file(line, keyring="nvmed-no-such-keyring")
    assert missing.value.reason == "KEYRING_NOT_FOUND"
    with pytest.raises(FailedPrecondition) as refusal:
        await bench.keyring.import_key_file(line, keyring=bench.name, key_type="nvmed-no-type")
    assert refusal.value.reason == "KEYRING_TYPE_MISSING"
    await bench.thread.run(keyctl.set_permissions, bench.serial, 0x1B1B0000)
    (result,) = await bench.keyring.import_key_file(line, keyring=bench.name, key_type="user")
    assert result.problem is not None
    assert result.problem.reason == "KEY_PERMISSION"


async def test_check_tells_which_derivation_is_loaded(bench: Bench) -> None:
    text = export_psk(Secret(KEY), PskHash.SHA256)

    async def loaded() -> list[tuple[int, Derivation, LoadedPayload]]:
        checked = await bench.keyring.check_tls_key(text, HOST, SUBSYSTEM, bench.name, key_type="user")
        assert checked.omitted == ()
        return [(variant.version, variant.derivation, variant.loaded) for variant in checked.variants]

    rfc8446, compat = Derivation.RFC8446, Derivation.COMPAT
    none = LoadedPayload.NOT_LOADED
    assert await loaded() == [(1, rfc8446, none), (1, compat, none), (0, rfc8446, none), (0, compat, none)]
    inserted = await bench.keyring.insert_tls_key(
        Secret(KEY),
        HOST,
        SUBSYSTEM,
        version=0,
        hash_=PskHash.SHA256,
        derivation=compat,
        keyring=bench.name,
        key_type="user",
    )
    assert (await loaded())[2:] == [(0, rfc8446, LoadedPayload.OTHER), (0, compat, LoadedPayload.DERIVED)]
    await bench.keyring.import_tls_key(inserted.identity, text, keyring=bench.name, key_type="user")
    assert [found for _, _, found in (await loaded())[2:]] == [LoadedPayload.VERBATIM] * 2
    await bench.thread.run(keyctl.set_permissions, inserted.key.serial, 0x25250000)
    assert [found for _, _, found in (await loaded())[2:]] == [LoadedPayload.UNREADABLE] * 2
    await bench.keyring.revoke_tls_key(inserted.identity, bench.name, key_type="user")
    assert [found for _, _, found in await loaded()] == [none] * 4


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda keyring: keyring.lookup_keyring(""), "keyring"),
        (lambda keyring: keyring.lookup_keyring("a\0b"), "keyring"),
        (lambda keyring: keyring.lookup_keyring("k" * 4096), "keyring"),
        (lambda keyring: keyring.describe_key(0), "serial"),
        (lambda keyring: keyring.describe_key(-3), "serial"),
        (lambda keyring: keyring.describe_key(1 << 31), "serial"),
        (lambda keyring: keyring.read_key(-1), "serial"),
        (lambda keyring: keyring.read_key(1, -2), "keyring"),
        (lambda keyring: keyring.link_keyring(-4), "keyring"),
        (lambda keyring: keyring.lookup_key("", "x"), "key_type"),
        (lambda keyring: keyring.lookup_key(".builtin", "x"), "key_type"),
        (lambda keyring: keyring.lookup_key("t" * 32, "x"), "key_type"),
        (lambda keyring: keyring.lookup_key("user", ""), "description"),
        (lambda keyring: keyring.lookup_key("user", "\ud800"), "description"),
        (lambda keyring: keyring.update_key("user", "x", Secret(b"")), "payload"),
        (lambda keyring: keyring.update_key("user", "x", Secret(bytes(32768))), "payload"),
        (lambda keyring: keyring.update_key("user", "x", Secret(b"x"), timeout_s=0), "timeout_s"),
        (lambda keyring: keyring.update_key("user", "x", Secret(b"x"), timeout_s=1 << 32), "timeout_s"),
        (lambda keyring: keyring.revoke_tls_key(""), "identity"),
        (lambda keyring: keyring.export_tls_key("x"), "identity"),
        (lambda keyring: keyring.import_tls_key("x", Secret(b"")), "identity"),
    ],
)
async def test_wrong_arguments_reach_no_kernel(bench: Bench, call: object, field: str) -> None:
    assert callable(call)
    with pytest.raises(InvalidArgument) as refusal:
        await call(bench.keyring)
    assert refusal.value.fields[0].field == field
