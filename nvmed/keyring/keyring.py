"""TLS PSKs in the kernel's keyrings: looked up, listed, inserted, replaced, revoked and compared.

Everything here awaits the one key thread. Results are values without secrets, but for `read_key` and `export_tls_key`,
which exist to give them away and have their own permissions. What needs no keyring (identities, interchange texts,
DH-HMAC-CHAP) is computed by `nvmed.keys` and called there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum, unique
from itertools import islice
from typing import Concatenate, ParamSpec, TypeVar

from nvmed.errors import NvmedError
from nvmed.keyring import calls
from nvmed.keyring.calls import DEFAULT_KEYRING, KeyInfo, KeyringRef, UpdatedKey
from nvmed.keyring.kernel import kernel
from nvmed.keys.description import UNKNOWN_EXPIRY, KeyDescription
from nvmed.keys.identity import parse_identity
from nvmed.keys.interchange import export_psk, import_psk
from nvmed.keys.kernel import SESSION_KEYRING
from nvmed.keys.keyfile import KeyFileEntry, build_line, parse_file
from nvmed.keys.psk import (
    Derivation,
    DerivedTlsKey,
    OmittedVariant,
    PskHash,
    check_key_length,
    derive_tls_key,
    derive_variants,
)
from nvmed.keys.secret import Secret
from nvmed.linux.key_thread import KeyThread
from nvmed.reasons import Reason

P = ParamSpec("P")
T = TypeVar("T")

TLS_KEY_TYPE = "psk"
"""What the kernel's TLS looks for. Other types (user) hold the same payload and serve tests and other programs."""

_SCAN_BATCH = 64
"""Keys described in one go on the key thread, so that a long scan lets others in between."""


@dataclass(frozen=True, slots=True)
class InsertedTlsKey:
    """A TLS PSK in the keyring, and how it was made.

    `derivation` is None, and `hash` that of the identity, where the TLS PSK came derived already.
    """

    key: UpdatedKey
    identity: str
    version: int
    hash: PskHash
    derivation: Derivation | None
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class ExportedTlsKey:
    """A TLS PSK out of the keyring: as interchange text, and as line of a key file. Both are secrets."""

    serial: int
    identity: str
    text: Secret
    line: Secret


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """A line of a key file: what became of it, or what is wrong."""

    number: int
    inserted: InsertedTlsKey | None
    problem: NvmedError | None


@unique
class LoadedPayload(Enum):
    """What the keyring holds under an identity, compared with a derivation.

    DERIVED: this very TLS PSK. VERBATIM: the key of the text itself, which then is a derived TLS PSK and no configured
    one. OTHER: another key, perhaps by the other derivation. UNREADABLE: its permissions hide it.
    """

    NOT_LOADED = "not loaded"
    DERIVED = "derived"
    VERBATIM = "verbatim"
    OTHER = "other"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class CheckedVariant:
    """One identity that a key yields, how, and what lies in the keyring under it (`serial` 0: nothing)."""

    identity: str
    version: int
    hash: PskHash
    derivation: Derivation
    digest: str
    serial: int
    loaded: LoadedPayload


@dataclass(frozen=True, slots=True)
class CheckedTlsKey:
    """Every identity a key yields, and those that these names cannot have."""

    variants: tuple[CheckedVariant, ...]
    omitted: tuple[OmittedVariant, ...]


class Keyring:
    """The keyrings of this host, through one key thread.

    Keyrings are given by name or serial, `.nvme` by default. Errors are those of `nvmed.linux.keyctl` and
    KEYRING_NOT_FOUND; a wrong argument is a validation error before anything is asked of the kernel.
    """

    def __init__(self, thread: KeyThread) -> None:
        self._thread = thread

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function` on the key thread."""
        return await self._thread.run(function, *args, **kwargs)

    async def lookup_keyring(self, name: str = DEFAULT_KEYRING) -> KeyInfo:
        """The keyring of that name: in the daemon's own keyrings, then among all it may view."""
        return await self._thread.run(lambda: calls.describe_key(calls.find_keyring(name)))

    async def resolve_keyring(self, keyring: KeyringRef = DEFAULT_KEYRING) -> int:
        """The serial of a keyring given by name or serial."""
        return await self._thread.run(calls.resolve_keyring, keyring)

    async def describe_key(self, serial: int) -> KeyInfo:
        """Type, owner, permissions, whole description and expiry; KEY_NOT_FOUND, KEY_REVOKED or KEY_EXPIRED."""
        calls.check_serial("serial", serial)
        return await self._thread.run(calls.describe_key, serial)

    async def lookup_key(self, key_type: str, description: str, keyring: KeyringRef | None = None) -> int:
        """The serial of the key of exactly this type and description in the tree of `keyring`, None: the session's."""
        calls.check_type(key_type)
        calls.check_name("description", description)
        if keyring is None:
            return await self._thread.run(calls.lookup_key, SESSION_KEYRING, key_type, description)
        return await self.possessing(keyring, calls.lookup_key, key_type, description)

    async def link_keyring(self, keyring: KeyringRef = DEFAULT_KEYRING) -> int:
        """Link a keyring into the session keyring for good, as `nvme_set_keyring` does; returns its serial.

        Nothing here needs that: calls possess keyrings by themselves. It is for programs that share the session.
        """

        def link() -> int:
            serial = calls.resolve_keyring(keyring)
            kernel().link(serial, SESSION_KEYRING)
            return serial

        return await self._thread.run(link)

    async def read_key(self, serial: int, keyring: KeyringRef = DEFAULT_KEYRING) -> Secret:
        """The payload of a key that is in `keyring`, and of no other."""
        calls.check_serial("serial", serial)
        return await self.possessing(keyring, calls.read_key, serial)

    async def update_key(
        self,
        key_type: str,
        description: str,
        payload: Secret,
        keyring: KeyringRef = DEFAULT_KEYRING,
        *,
        timeout_s: int | None = None,
    ) -> UpdatedKey:
        """Let the key of this description hold `payload`, making it if there is none.

        A user key is updated in place; a psk key gets a new serial, and the old one is revoked. If that fails before
        the new key is there, the old one stays in force. `timeout_s` None: it does not expire.
        """
        calls.check_type(key_type)
        calls.check_name("description", description)
        calls.check_payload(payload)
        calls.check_timeout(timeout_s)
        return await self.possessing(keyring, calls.update_key, key_type, description, payload, timeout_s)

    async def plan_update(self, key_type: str, description: str, keyring: KeyringRef = DEFAULT_KEYRING) -> UpdatedKey:
        """What `update_key` would do now, without doing it: the serial of a new key is 0."""
        calls.check_type(key_type)
        calls.check_name("description", description)
        return await self.possessing(keyring, calls.plan_update, key_type, description)

    async def scan_tls_keys(
        self, keyring: KeyringRef = DEFAULT_KEYRING, *, key_type: str = TLS_KEY_TYPE
    ) -> AsyncIterator[KeyInfo]:
        """The TLS keys in the tree of `keyring`, as they are found.

        These are the keys of `key_type` whose description begins like an identity; it need not be a valid one
        (`about.identity` is None then). Revoked and expired keys, and those that may not be viewed, are left out.
        """
        calls.check_type(key_type)
        serial = await self._thread.run(calls.resolve_keyring, keyring)
        expiries = await self._thread.run(calls.expiries, key_type)
        walker = calls.walk(serial)

        def next_batch(_: int) -> list[tuple[int, KeyDescription]]:
            return list(islice(walker, _SCAN_BATCH))

        while batch := await self.possessing(serial, next_batch):
            for key, about in batch:
                if about.type == key_type and about.names_tls_key:
                    yield KeyInfo(key, about, expiries.get(key, UNKNOWN_EXPIRY))

    async def insert_tls_key(
        self,
        configured: Secret,
        host_nqn: str,
        subsystem_nqn: str,
        *,
        version: int,
        hash_: PskHash,
        derivation: Derivation = Derivation.RFC8446,
        keyring: KeyringRef = DEFAULT_KEYRING,
        key_type: str = TLS_KEY_TYPE,
        timeout_s: int | None = None,
    ) -> InsertedTlsKey:
        """Derive the TLS PSK of a configured PSK (`derive_tls_key`) and put it into `keyring` under its identity."""
        derived = derive_tls_key(
            configured, host_nqn, subsystem_nqn, version=version, hash_=hash_, derivation=derivation
        )
        with derived.psk as psk:
            key = await self.update_key(key_type, derived.identity, psk, keyring, timeout_s=timeout_s)
        return InsertedTlsKey(key, derived.identity, version, hash_, derivation, derived.digest)

    async def import_tls_key(
        self,
        identity: str,
        text: Secret,
        *,
        keyring: KeyringRef = DEFAULT_KEYRING,
        key_type: str = TLS_KEY_TYPE,
        timeout_s: int | None = None,
    ) -> InsertedTlsKey:
        """Put the key of an interchange text into `keyring` as it is: a TLS PSK that was derived before.

        For a text that holds a configured PSK, give `import_psk` of it to `insert_tls_key`.
        """
        entry = KeyFileEntry(parse_identity(identity), import_psk(text).key)
        return await self._import_entry(entry, keyring, key_type, timeout_s)

    async def import_key_file(
        self, content: Secret, *, keyring: KeyringRef = DEFAULT_KEYRING, key_type: str = TLS_KEY_TYPE
    ) -> tuple[ImportedLine, ...]:
        """Import every good line of a key file of nvme-cli; a bad line, or a key refused, spoils no other.

        Raises only what concerns them all: no such keyring, no such key type.
        """
        await self._thread.run(calls.resolve_keyring, keyring)
        results: list[ImportedLine] = []
        for line in parse_file(content):
            if line.entry is None:
                results.append(ImportedLine(line.number, None, line.problem))
                continue
            try:
                inserted = await self._import_entry(line.entry, keyring, key_type, None)
            except NvmedError as problem:
                if problem.reason == Reason.KEYRING_TYPE_MISSING.name:
                    raise
                results.append(ImportedLine(line.number, None, problem))
            else:
                results.append(ImportedLine(line.number, inserted, None))
        return tuple(results)

    async def export_tls_key(
        self, identity: str, keyring: KeyringRef = DEFAULT_KEYRING, *, key_type: str = TLS_KEY_TYPE
    ) -> ExportedTlsKey:
        """The TLS PSK that lies under `identity`, as interchange text and as line of a key file.

        Raises a validation error if what lies there is no key of the length that the identity's hash has.
        """
        parsed = parse_identity(identity)

        def read(ring: int) -> tuple[int, Secret]:
            serial = calls.lookup_key(ring, calls.check_type(key_type), identity)
            return serial, kernel().read(serial)

        serial, psk = await self.possessing(keyring, read)
        entry = KeyFileEntry(parsed, psk)
        return ExportedTlsKey(serial, identity, export_psk(psk, parsed.hash), build_line(entry))

    async def revoke_tls_key(
        self, identity: str, keyring: KeyringRef = DEFAULT_KEYRING, *, key_type: str = TLS_KEY_TYPE
    ) -> int:
        """Revoke the key of exactly this description; returns its serial.

        KEYRING_NOT_FOUND, KEY_NOT_FOUND or KEY_REVOKED if there is none: the first looks like success in libnvme.
        """
        calls.check_name("identity", identity)
        calls.check_type(key_type)

        def revoke(ring: int) -> int:
            serial = calls.lookup_key(ring, key_type, identity)
            kernel().revoke(serial)
            return serial

        return await self.possessing(keyring, revoke)

    async def check_tls_key(
        self,
        text: Secret,
        host_nqn: str,
        subsystem_nqn: str,
        keyring: KeyringRef = DEFAULT_KEYRING,
        *,
        key_type: str = TLS_KEY_TYPE,
    ) -> CheckedTlsKey:
        """Every identity that an interchange text yields, by both derivations, and what is loaded under each.

        Tells whose derivation a peer uses: version 0 has one identity for two keys, version 1 an identity for each.
        """
        calls.check_type(key_type)
        key = import_psk(text)
        derived, omitted = derive_variants(key.key, host_nqn, subsystem_nqn, hash_=key.hash)

        def look(ring: int) -> tuple[CheckedVariant, ...]:
            return tuple(_checked(ring, key_type, variant, key.key) for variant in derived)

        return CheckedTlsKey(await self.possessing(keyring, look), omitted)

    async def _import_entry(
        self, entry: KeyFileEntry, keyring: KeyringRef, key_type: str, timeout_s: int | None
    ) -> InsertedTlsKey:
        identity = entry.identity
        check_key_length("psk", identity.hash, len(entry.psk))
        with entry.psk as psk:
            key = await self.update_key(key_type, str(identity), psk, keyring, timeout_s=timeout_s)
        return InsertedTlsKey(key, str(identity), identity.version, identity.hash, None, identity.digest)

    async def possessing(
        self, keyring: KeyringRef, function: Callable[Concatenate[int, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`function` of the keyring's serial, on the key thread, while the thread possesses what is in the keyring."""

        def call() -> T:
            serial = calls.resolve_keyring(keyring)
            with calls.possessing(serial):
                return function(serial, *args, **kwargs)

        return await self._thread.run(call)


def _checked(ring: int, key_type: str, variant: DerivedTlsKey, original: Secret) -> CheckedVariant:
    serial, loaded = 0, LoadedPayload.NOT_LOADED
    try:
        serial = calls.find_key(ring, key_type, variant.identity) or 0
        if serial:
            with kernel().read(serial) as payload:
                loaded = LoadedPayload.OTHER
                if payload.matches(original):
                    loaded = LoadedPayload.VERBATIM
                if payload.matches(variant.psk):
                    loaded = LoadedPayload.DERIVED
    except NvmedError as failure:
        if failure.reason in calls.GONE:
            serial = 0
        elif serial and failure.reason == Reason.KEY_PERMISSION.name:
            loaded = LoadedPayload.UNREADABLE
        else:
            raise
    return CheckedVariant(
        variant.identity, variant.version, variant.hash, variant.derivation, variant.digest, serial, loaded
    )
