"""Keys over the wire, in real keyrings of this kernel, with keys of type user: psk is for the guest."""

from __future__ import annotations

import ctypes
import json
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import Any, ClassVar

import pytest
from nvmedctl import Client

from nvmed.errors import NvmedError
from nvmed.keyring import keys
from nvmed.keys.dhchap import HmacAlgorithm, Reading, parse_text
from nvmed.keys.identity import parse_identity
from nvmed.keys.interchange import import_psk
from nvmed.keys.keyfile import KeyFileEntry, build_line
from nvmed.keys.psk import Derivation
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread
from nvmed.v1 import key_pb2 as pb
from tests.rpc.harness import Daemon, StartDaemon
from tests.rpc.key_ring import HOST, KEY, KEY_READER, NAMES, TEXT, Ring, derived

PSK = pb.ConfiguredPsk(key=KEY)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with Client(daemon.address) as connected:
        yield connected


def insertion(ring: Ring, **changes: Any) -> pb.InsertTlsKeyRequest:
    fields: dict[str, Any] = {**ring.where, **NAMES, "psk": PSK}
    return pb.InsertTlsKeyRequest(**{**fields, **changes})


async def refusal(call: Awaitable[object]) -> NvmedError:
    with pytest.raises(NvmedError) as raised:
        await call
    return raised.value


async def scanned(client: Client, ring: Ring) -> list[pb.KernelKey]:
    return [part.key async for part in client.keys.ScanTlsKeys(pb.ScanTlsKeysRequest(**ring.where))]


async def test_keyrings_and_keys_are_found_and_described(client: Client, ring: Ring) -> None:
    serial = await ring.add("a;b c", b"payload")
    keyring = await client.keys.DescribeKey(pb.DescribeKeyRequest(serial=ring.serial))
    assert (keyring.type, keyring.description, keyring.permissions) == ("keyring", ring.name, 0x3F3F0000)
    if keyctl.PROC_KEYS.exists():
        assert (await client.keys.LookupKeyring(pb.LookupKeyringRequest(name=ring.name))).serial == ring.serial
    key = await client.keys.LookupKey(pb.LookupKeyRequest(**ring.where, description="a;b c"))
    assert (key.serial, key.type, key.description, key.description_bytes) == (serial, "user", "a;b c", b"")
    assert not key.HasField("identity")
    missing = await refusal(client.keys.LookupKey(pb.LookupKeyRequest(**ring.where, description="a;b")))
    assert missing.reason == "KEY_NOT_FOUND"
    in_session = pb.LookupKeyRequest(key_type="user", description="nvmed: not in the session keyring")
    assert (await refusal(client.keys.LookupKey(in_session))).reason == "KEY_NOT_FOUND"


async def test_a_description_that_is_no_text_is_shown_and_told(client: Client, ring: Ring) -> None:
    serial = await ring.add("odd \udcff", b"payload")
    key = await client.keys.DescribeKey(pb.DescribeKeyRequest(serial=serial))
    assert (key.description, key.description_bytes) == ("odd �", b"odd \xff")


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("derivation", list(Derivation))
async def test_a_key_is_derived_and_inserted(client: Client, ring: Ring, version: int, derivation: Derivation) -> None:
    expected = derived(version, derivation)
    wire = getattr(pb, f"TLS_KEY_DERIVATION_{derivation.name}")
    request = insertion(ring, identity_version=version, derivation=wire, psk=pb.ConfiguredPsk(text=TEXT))
    key = (await client.keys.InsertTlsKey(request)).key
    assert (key.identity.identity, key.identity.version) == (expected.identity, version)
    assert (key.identity.derivation, key.identity.digest) == (wire, expected.digest)
    assert (key.identity.hash, key.identity.cipher) == (pb.HMAC_ALGORITHM_SHA256, pb.HMAC_ALGORITHM_SHA256)
    assert (key.outcome, key.previous_serial) == (pb.KEY_UPDATE_OUTCOME_CREATED, 0)
    assert expected.psk.matches(await ring.read(key.serial))
    asked = pb.GenerateTlsKeyIdentityRequest(**NAMES, psk=PSK, identity_version=version, derivation=wire)
    assert await client.keys.GenerateTlsKeyIdentity(asked) == key.identity
    (found,) = await scanned(client, ring)
    assert (found.serial, found.identity.identity) == (key.serial, expected.identity)
    assert found.identity.derivation == pb.TLS_KEY_DERIVATION_UNSPECIFIED  # an identity does not say


async def test_the_hash_is_that_of_the_key_and_version_1_the_default(client: Client, ring: Ring) -> None:
    long = (await client.keys.InsertTlsKey(insertion(ring, psk=pb.ConfiguredPsk(key=bytes(48))))).key
    assert (long.identity.hash, long.identity.version) == (pb.HMAC_ALGORITHM_SHA384, 1)
    none = pb.ConfiguredPsk(key=KEY, hash=pb.HMAC_ALGORITHM_NONE)
    unhashed = (await client.keys.InsertTlsKey(insertion(ring, psk=none))).key
    assert (unhashed.identity.hash, unhashed.identity.cipher) == (pb.HMAC_ALGORITHM_NONE, pb.HMAC_ALGORITHM_SHA256)


async def test_keys_expire(client: Client, ring: Ring) -> None:
    key = (await client.keys.InsertTlsKey(insertion(ring, ttl_s=7200))).key
    if keyctl.PROC_KEYS.exists():
        (found,) = await scanned(client, ring)
        assert found.serial == key.serial
        assert found.expiry_state == pb.KernelKey.EXPIRY_STATE_EXPIRES
        assert 0 < found.remaining_s <= 7200 <= found.remaining_s + 2 * found.resolution_s


async def test_a_key_is_updated_in_place_and_revoked(client: Client, ring: Ring) -> None:
    first = await client.keys.UpdateKey(pb.UpdateKeyRequest(**ring.where, description="k", payload=b"one"))
    second = await client.keys.UpdateKey(pb.UpdateKeyRequest(**ring.where, description="k", payload=b"two"))
    assert (first.outcome, second.outcome) == (pb.KEY_UPDATE_OUTCOME_CREATED, pb.KEY_UPDATE_OUTCOME_UPDATED)
    assert second.serial == second.previous_serial == first.serial
    assert await ring.read(first.serial) == b"two"
    revocation = pb.RevokeTlsKeyRequest(**ring.where, identity="k")
    assert (await client.keys.RevokeTlsKey(revocation)).serial == first.serial
    assert (await refusal(client.keys.RevokeTlsKey(revocation))).reason in {"KEY_REVOKED", "KEY_NOT_FOUND"}
    gone = await refusal(client.keys.DescribeKey(pb.DescribeKeyRequest(serial=first.serial)))
    assert gone.reason in {"KEY_REVOKED", "KEY_NOT_FOUND"}


async def test_a_keyring_is_linked_into_the_session(client: Client, ring: Ring) -> None:
    serial = await ring.add("in the session", b"x")
    in_session = pb.LookupKeyRequest(key_type="user", description="in the session")
    keyring = pb.KeyringRef(serial=ring.serial)
    planned = await client.keys.LinkKeyring(pb.LinkKeyringRequest(keyring=keyring, validate_only=True))
    assert (await refusal(client.keys.LookupKey(in_session))).reason == "KEY_NOT_FOUND"
    assert await client.keys.LinkKeyring(pb.LinkKeyringRequest(keyring=keyring)) == planned
    assert (await client.keys.LookupKey(in_session)).serial == serial


async def test_validate_only_changes_nothing(client: Client, ring: Ring, daemon: Daemon) -> None:
    planned = (await client.keys.InsertTlsKey(insertion(ring, validate_only=True))).key
    assert (planned.serial, planned.outcome) == (0, pb.KEY_UPDATE_OUTCOME_CREATED)
    assert planned.identity.identity == derived().identity
    update = pb.UpdateKeyRequest(**ring.where, description="k", payload=b"one", validate_only=True)
    assert (await client.keys.UpdateKey(update)).serial == 0
    line = build_line(KeyFileEntry(parse_identity(derived().identity), derived().psk)).reveal()
    import_ = pb.ImportTlsKeyRequest(**ring.where, key_file=line, validate_only=True)
    assert [key.serial for key in (await client.keys.ImportTlsKey(import_)).keys] == [0]
    assert await ring.serials() == ()
    serial = await ring.add("k", b"one")
    assert (await client.keys.UpdateKey(update)).outcome == pb.KEY_UPDATE_OUTCOME_UPDATED
    revocation = pb.RevokeTlsKeyRequest(**ring.where, identity="k", validate_only=True)
    assert (await client.keys.RevokeTlsKey(revocation)).serial == serial
    assert await ring.read(serial) == b"one"
    assert journalled(daemon) == []


async def test_an_unknown_type_is_found_out_without_making_a_key(client: Client, ring: Ring) -> None:
    where = {**ring.where, "key_type": ""}  # psk
    try:
        await ring.thread.run(keyctl.add_key, "psk", "nvmed: is there such a type?", Secret(b""), ring.serial)
    except NvmedError as answer:
        if answer.reason != "KEYRING_TYPE_MISSING":
            pytest.skip("this kernel has type psk")
    for validate_only in (True, False):
        missing = await refusal(client.keys.InsertTlsKey(insertion(ring, **where, validate_only=validate_only)))
        assert missing.reason == "KEYRING_TYPE_MISSING"
        assert "modprobe nvme-keyring" in missing.message


async def test_no_nvme_keyring_says_what_to_do(client: Client) -> None:
    if keyctl.PROC_KEYS.exists() and ".nvme:" in keyctl.PROC_KEYS.read_text(errors="replace"):
        pytest.skip("this kernel has a keyring .nvme")
    for call in (
        client.keys.LookupKeyring(pb.LookupKeyringRequest()),
        client.keys.InsertTlsKey(pb.InsertTlsKeyRequest(**NAMES, psk=PSK)),
        client.keys.RevokeTlsKey(pb.RevokeTlsKeyRequest(identity="x")),
        client.keys.CheckTlsKey(pb.CheckTlsKeyRequest(**NAMES, psk=PSK)),
    ):
        missing = await refusal(call)
        assert missing.reason == "KEYRING_NOT_FOUND"
        assert "modprobe nvme-keyring" in missing.message


async def test_reading_needs_a_permission_that_nobody_has(client: Client, ring: Ring) -> None:
    serial = await ring.add(derived().identity, KEY)
    stored = pb.ExportTlsKeyRequest.StoredTlsKey(**ring.where, identity=derived().identity)
    for call in (
        client.keys.ReadKey(pb.ReadKeyRequest(keyring=stored.keyring, serial=serial)),
        client.keys.ExportTlsKey(pb.ExportTlsKeyRequest(stored=stored)),
    ):
        denied = await refusal(call)
        assert (denied.reason, denied.metadata["permission"]) == ("POLICY_DENIED", "keys.read")


@pytest.mark.parametrize("own_policy", [KEY_READER])
async def test_who_may_read_reads_keys_of_that_keyring_alone(client: Client, ring: Ring) -> None:
    serial = await ring.add(derived().identity, KEY)
    keyring = pb.KeyringRef(serial=ring.serial)
    assert (await client.keys.ReadKey(pb.ReadKeyRequest(keyring=keyring, serial=serial))).payload == KEY
    stored = pb.ExportTlsKeyRequest.StoredTlsKey(**ring.where, identity=derived().identity)
    exported = await client.keys.ExportTlsKey(pb.ExportTlsKeyRequest(stored=stored))
    assert (exported.text, exported.serial, exported.hash) == (TEXT, serial, pb.HMAC_ALGORITHM_SHA256)
    assert exported.key_file_line == f"{derived().identity} {TEXT}\n"
    other = await ring.thread.run(keyctl.add_key, "user", "elsewhere", Secret(b"x"), keyctl.PROCESS_KEYRING)
    elsewhere = await refusal(client.keys.ReadKey(pb.ReadKeyRequest(keyring=keyring, serial=other)))
    assert elsewhere.reason == "KEY_NOT_FOUND"


async def test_a_given_key_is_exported_as_text(client: Client) -> None:
    for psk in (PSK, pb.ConfiguredPsk(text=TEXT)):
        exported = await client.keys.ExportTlsKey(pb.ExportTlsKeyRequest(psk=psk))
        assert (exported.text, exported.hash) == (TEXT, pb.HMAC_ALGORITHM_SHA256)


async def test_imported_keys_are_not_derived_again(client: Client, ring: Ring) -> None:
    key = pb.ImportTlsKeyRequest.DerivedTlsKey(identity=derived().identity, text=TEXT)
    (one,) = (await client.keys.ImportTlsKey(pb.ImportTlsKeyRequest(**ring.where, key=key))).keys
    assert await ring.read(one.serial) == KEY
    assert one.identity.derivation == pb.TLS_KEY_DERIVATION_UNSPECIFIED
    lines = [build_line(KeyFileEntry(parse_identity(derived(version).identity), Secret(KEY))).reveal()
             for version in (0, 1)]  # fmt: skip
    file = pb.ImportTlsKeyRequest(**ring.where, key_file=b"\n".join(lines))
    both = (await client.keys.ImportTlsKey(file)).keys
    assert [key.identity.version for key in both] == [0, 1]
    assert both[1].previous_serial == one.serial


async def test_a_key_file_with_a_bad_line_imports_nothing(client: Client, ring: Ring) -> None:
    good = build_line(KeyFileEntry(parse_identity(derived().identity), Secret(KEY))).reveal()
    bad = await refusal(
        client.keys.ImportTlsKey(pb.ImportTlsKeyRequest(**ring.where, key_file=good + b"nonsense\n" + good[:-9]))
    )
    assert [field.field for field in bad.fields] == ["key_file[2]", "key_file[3]"]
    assert await ring.serials() == ()


async def test_generated_keys_fit_and_differ(client: Client) -> None:
    for hash_, size in ((pb.HMAC_ALGORITHM_UNSPECIFIED, 32), (pb.HMAC_ALGORITHM_SHA384, 48)):
        one, two = [await client.keys.GenerateTlsKey(pb.GenerateTlsKeyRequest(hash=hash_)) for _ in range(2)]
        assert one.text != two.text
        assert len(import_psk(Secret.from_text(one.text)).key) == one.size_bytes == size
    sizeless = pb.GenerateTlsKeyRequest(hash=pb.HMAC_ALGORITHM_NONE)
    assert (await refusal(client.keys.GenerateTlsKey(sizeless))).fields[0].field == "size_bytes"


async def test_dhchap_keys_come_in_both_readings(client: Client) -> None:
    request = pb.GenerateDhchapKeyRequest(hmac=pb.HMAC_ALGORITHM_SHA384, nqn=HOST, secret=bytes(range(48)))
    made = await client.keys.GenerateDhchapKey(request)
    secret = parse_text(Secret.from_text(made.secret_text), Reading.SECRET)
    assert (secret.hmac, secret.payload.reveal()) == (HmacAlgorithm.SHA384, bytes(range(48)))
    transformed = parse_text(Secret.from_text(made.transformed_text), Reading.TRANSFORMED)
    assert transformed.payload.reveal() == made.transformed_key
    fresh = [await client.keys.GenerateDhchapKey(pb.GenerateDhchapKeyRequest(size_bytes=64)) for _ in range(2)]
    assert fresh[0].secret_text == fresh[0].transformed_text != fresh[1].secret_text


async def test_what_a_peer_made_of_a_text_is_found_out(client: Client, ring: Ring) -> None:
    key = derived(0, Derivation.COMPAT)
    serial = await ring.add(key.identity, key.psk.reveal())
    found = await client.keys.CheckTlsKey(pb.CheckTlsKeyRequest(**ring.where, **NAMES, psk=PSK))
    loaded = {(one.identity.version, one.identity.derivation): (one.loaded, one.serial) for one in found.variants}
    answer = pb.CheckTlsKeyResponse
    assert loaded == {
        (1, pb.TLS_KEY_DERIVATION_RFC8446): (answer.LOADED_NOTHING, 0),
        (1, pb.TLS_KEY_DERIVATION_COMPAT): (answer.LOADED_NOTHING, 0),
        (0, pb.TLS_KEY_DERIVATION_RFC8446): (answer.LOADED_OTHER, serial),
        (0, pb.TLS_KEY_DERIVATION_COMPAT): (answer.LOADED_DERIVED, serial),
    }
    long = pb.CheckTlsKeyRequest(**ring.where, host_nqn="h" * 223, subsystem_nqn="s" * 223, psk=PSK)
    omitted = (await client.keys.CheckTlsKey(long)).omitted
    assert [(one.identity_version, "255" in one.why) for one in omitted] == [(0, True), (0, True)]


BAD_PSKS = {
    "nothing": (pb.ConfiguredPsk(), "INVALID_FIELD", "psk"),
    "31 bytes": (pb.ConfiguredPsk(key=bytes(31)), "INVALID_FIELD", "psk.key"),
    "33 bytes": (pb.ConfiguredPsk(key=bytes(33)), "INVALID_FIELD", "psk.key"),
    "47 bytes": (pb.ConfiguredPsk(key=bytes(47)), "INVALID_FIELD", "psk.key"),
    "hash too long": (pb.ConfiguredPsk(key=KEY, hash=pb.HMAC_ALGORITHM_SHA384), "INVALID_FIELD", "psk.key"),
    "no such hash": (pb.ConfiguredPsk(key=KEY, hash=pb.HMAC_ALGORITHM_SHA512), "INVALID_FIELD", "psk.hash"),
    "unknown hash": (pb.ConfiguredPsk(key=KEY, hash=9), "INVALID_FIELD", "psk.hash"),  # type: ignore[arg-type]
    "contradiction": (pb.ConfiguredPsk(text=TEXT, hash=pb.HMAC_ALGORITHM_NONE), "INVALID_FIELD", "psk.hash"),
    "structure": (pb.ConfiguredPsk(text="NVMeTLSkey"), "KEY_TEXT_STRUCTURE", ""),
    "newline": (pb.ConfiguredPsk(text=TEXT + "\n"), "KEY_TEXT_STRUCTURE", ""),
    "version": (pb.ConfiguredPsk(text=TEXT.replace("-1:", "-0:")), "KEY_TEXT_VERSION", ""),
    "hash": (pb.ConfiguredPsk(text=TEXT.replace(":01:", ":03:")), "KEY_TEXT_HASH", ""),
    "length": (pb.ConfiguredPsk(text=TEXT.replace(":01:", ":02:")), "KEY_TEXT_LENGTH", ""),
    "base64": (pb.ConfiguredPsk(text=TEXT[:30] + "!" + TEXT[31:]), "KEY_TEXT_BASE64", ""),
    "crc": (pb.ConfiguredPsk(text=TEXT[:30] + ("A" if TEXT[30] != "A" else "B") + TEXT[31:]), "KEY_TEXT_CRC", ""),
}


async def test_a_hash_that_contradicts_the_text_is_named(client: Client) -> None:
    psk, _, _ = BAD_PSKS["contradiction"]
    refused = await refusal(client.keys.ExportTlsKey(pb.ExportTlsKeyRequest(psk=psk)))
    assert "it is NONE, but the text says SHA256" in refused.message


@pytest.mark.parametrize("name", BAD_PSKS)
async def test_bad_keys_are_refused_with_their_reason(client: Client, ring: Ring, name: str) -> None:
    psk, reason, field = BAD_PSKS[name]
    for call in (
        client.keys.InsertTlsKey(insertion(ring, psk=psk)),
        client.keys.GenerateTlsKeyIdentity(pb.GenerateTlsKeyIdentityRequest(**NAMES, psk=psk)),
        client.keys.CheckTlsKey(pb.CheckTlsKeyRequest(**ring.where, **NAMES, psk=psk)),
        client.keys.ExportTlsKey(pb.ExportTlsKeyRequest(psk=psk)),
    ):
        refused = await refusal(call)
        assert (refused.reason, "".join(one.field for one in refused.fields)) == (reason, field)
    assert await ring.serials() == ()


BAD_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "host empty": ({"host_nqn": ""}, "host_nqn"),
    "host long": ({"host_nqn": "h" * 224}, "host_nqn"),
    "host with a blank": ({"host_nqn": "a b"}, "host_nqn"),
    "host with NUL": ({"host_nqn": "a\0b"}, "host_nqn"),
    "subsystem empty": ({"subsystem_nqn": ""}, "subsystem_nqn"),
    "subsystem long": ({"subsystem_nqn": "s" * 224}, "subsystem_nqn"),
    "subsystem with a blank": ({"subsystem_nqn": " a"}, "subsystem_nqn"),
    "subsystem with NUL": ({"subsystem_nqn": "\0"}, "subsystem_nqn"),
    "no such version": ({"identity_version": 2}, "identity_version"),
    "identity too long": (
        {"identity_version": 0, "host_nqn": "h" * 200, "subsystem_nqn": "s" * 46},
        "identity_version",
    ),
    "unknown derivation": ({"derivation": 9}, "derivation"),
    "type too long": ({"key_type": "t" * 32}, "key_type"),
    "type of the kernel's": ({"key_type": ".psk"}, "key_type"),
    "keyring": ({"keyring": pb.KeyringRef(serial=-3)}, "keyring.serial"),
    "request_id": ({"request_id": "1"}, "request_id"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
async def test_bad_fields_are_named(client: Client, ring: Ring, name: str) -> None:
    changes, field = BAD_FIELDS[name]
    refused = await refusal(client.keys.InsertTlsKey(insertion(ring, **changes)))
    assert (refused.reason, refused.fields[0].field) == ("INVALID_FIELD", field)


async def test_other_bad_input_is_typed(client: Client, ring: Ring) -> None:
    where = ring.where
    no_ring = pb.KeyringRef(name="nvmed-no-such-keyring")
    serial = await ring.add("k", b"x")
    imports = pb.ImportTlsKeyRequest
    cases: list[tuple[Awaitable[object], str]] = [
        (client.keys.DescribeKey(pb.DescribeKeyRequest()), "INVALID_FIELD"),
        (client.keys.DescribeKey(pb.DescribeKeyRequest(serial=2**31 - 2)), "KEY_NOT_FOUND"),
        (client.keys.InsertTlsKey(insertion(ring, keyring=no_ring)), "KEYRING_NOT_FOUND"),
        (client.keys.InsertTlsKey(insertion(ring, keyring=pb.KeyringRef(serial=serial))), "KEYRING_LINK_INVALID"),
        (client.keys.InsertTlsKey(insertion(ring, key_type="nvmed-no-type")), "KEYRING_TYPE_MISSING"),
        (client.keys.UpdateKey(pb.UpdateKeyRequest(**where, description="k")), "INVALID_FIELD"),
        (client.keys.UpdateKey(pb.UpdateKeyRequest(**where, payload=b"x")), "INVALID_FIELD"),
        (client.keys.UpdateKey(pb.UpdateKeyRequest(**where, description="k", payload=bytes(32768))), "INVALID_FIELD"),
        (client.keys.RevokeTlsKey(pb.RevokeTlsKeyRequest(**where, identity="j")), "KEY_NOT_FOUND"),
        (client.keys.RevokeTlsKey(pb.RevokeTlsKeyRequest(keyring=no_ring, identity="k")), "KEYRING_NOT_FOUND"),
        (client.keys.ImportTlsKey(imports(**where)), "INVALID_FIELD"),
        (client.keys.ImportTlsKey(imports(**where, key_file=b"\n")), "INVALID_FIELD"),
        (
            client.keys.ImportTlsKey(imports(**where, key=imports.DerivedTlsKey(identity="x", text=TEXT))),
            "INVALID_FIELD",
        ),
        (client.keys.ExportTlsKey(pb.ExportTlsKeyRequest()), "INVALID_FIELD"),
        (client.keys.GenerateTlsKey(pb.GenerateTlsKeyRequest(hash=pb.HMAC_ALGORITHM_SHA512)), "INVALID_FIELD"),
        (client.keys.GenerateTlsKey(pb.GenerateTlsKeyRequest(size_bytes=33)), "INVALID_FIELD"),
        (client.keys.GenerateDhchapKey(pb.GenerateDhchapKeyRequest(secret=bytes(31))), "INVALID_FIELD"),
        (client.keys.GenerateDhchapKey(pb.GenerateDhchapKeyRequest(secret=KEY, size_bytes=32)), "INVALID_FIELD"),
        (client.keys.GenerateDhchapKey(pb.GenerateDhchapKeyRequest(hmac=pb.HMAC_ALGORITHM_SHA256)), "INVALID_FIELD"),
    ]
    for call, reason in cases:
        assert (await refusal(call)).reason == reason


async def test_a_revoked_and_an_expired_key_are_told_apart(client: Client, ring: Ring) -> None:
    revoked, expired = await ring.add("revoked", b"x"), await ring.add("expired", b"x")
    await ring.thread.run(keyctl.revoke, revoked)
    await ring.thread.run(keyctl.set_timeout, expired, 1)
    answer = ""
    while answer != "KEY_EXPIRED":
        try:
            await client.keys.DescribeKey(pb.DescribeKeyRequest(serial=expired))
        except NvmedError as failure:
            answer = failure.reason
    found = await refusal(client.keys.LookupKey(pb.LookupKeyRequest(**ring.where, description="revoked")))
    assert found.reason == "KEY_REVOKED"


async def test_a_key_that_shuts_the_daemon_out_is_told(client: Client, ring: Ring) -> None:
    serial = await ring.add("k", b"x")
    await ring.thread.run(keyctl.set_permissions, serial, 0x0B0B0000)  # view, read and search, no more
    refused = await refusal(client.keys.UpdateKey(pb.UpdateKeyRequest(**ring.where, description="k", payload=b"y")))
    assert refused.reason == "KEY_PERMISSION"
    assert await ring.read(serial) == b"x"


class CaughtThread(KeyThread):
    """A daemon's key thread, that a test can reach."""

    made: ClassVar[list[KeyThread]] = []

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__(begin)
        self.made.append(self)


@pytest.mark.skipif(os.geteuid() != 0, reason="only uid 0 can be another user on one thread")
async def test_a_user_without_room_for_keys_is_told(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users other than root have 20000 bytes by default; the daemon's key thread is one of them here."""
    monkeypatch.setattr(keys, "KeyThread", CaughtThread)
    monkeypatch.setattr(CaughtThread, "made", [])
    daemon = await start_daemon()
    (thread,) = CaughtThread.made
    user = 1_000_000 + os.getpid()

    def make() -> int:
        ctypes.CDLL(None).setfsuid(ctypes.c_uint(user))
        serial = keyctl.add_key("keyring", "of another user", Secret(b""), keyctl.PROCESS_KEYRING)
        keyctl.set_permissions(serial, 0x3F3F0000)
        return serial

    try:
        serial = await thread.run(make)
    except NvmedError as refused:
        pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refused}")
    where: dict[str, Any] = {"keyring": pb.KeyringRef(serial=serial), "key_type": "user", "payload": bytes(12000)}
    async with Client(daemon.address) as client:
        first = await client.keys.UpdateKey(pb.UpdateKeyRequest(**where, description="one"))
        assert first.outcome == pb.KEY_UPDATE_OUTCOME_CREATED
        full = await refusal(client.keys.UpdateKey(pb.UpdateKeyRequest(**where, description="two")))
        assert (full.reason, full.code) == ("KEY_QUOTA", "RESOURCE_EXHAUSTED")
        assert "/proc/sys/kernel/keys" in full.message
        missing = await refusal(
            client.keys.LookupKey(pb.LookupKeyRequest(keyring=where["keyring"], key_type="user", description="two"))
        )
        assert missing.reason == "KEY_NOT_FOUND"


def journalled(daemon: Daemon) -> list[dict[str, Any]]:
    """What the journal has: kind, target, parameters and result of each operation."""
    with closing(sqlite3.connect(daemon.state_dir / "journal.sqlite")) as journal:
        rows = journal.execute("SELECT kind, target, parameters, result FROM operations ORDER BY created_ms, id")
        return [
            {"kind": kind, "target": target, "parameters": json.loads(parameters), "result": json.loads(result or "{}")}
            for kind, target, parameters, result in rows
        ]


async def test_a_request_id_is_answered_once(client: Client, ring: Ring, daemon: Daemon) -> None:
    request = insertion(ring, request_id=str(uuid.uuid4()))
    first = await client.keys.InsertTlsKey(request)
    await ring.thread.run(keyctl.revoke, first.key.serial)
    assert await client.keys.InsertTlsKey(request) == first
    assert [one["kind"] for one in journalled(daemon)] == ["nvmed.v1.KeyService/InsertTlsKey"]
    another = insertion(ring, request_id=request.request_id, psk=pb.ConfiguredPsk(key=bytes(32)))
    assert (await refusal(client.keys.InsertTlsKey(another))).reason == "REQUEST_ID_REUSED"


async def test_a_request_id_is_answered_once_after_a_restart(start_daemon: StartDaemon, ring: Ring) -> None:
    request = insertion(ring, request_id=str(uuid.uuid4()))
    daemon = await start_daemon()
    async with Client(daemon.address) as client:
        first = await client.keys.InsertTlsKey(request)
    again = await start_daemon(state_dir=daemon.state_dir)
    async with Client(again.address) as client:
        assert await client.keys.InsertTlsKey(request) == first
    assert (daemon.state_dir / "request-digest.key").stat().st_mode & 0o777 == 0o600
