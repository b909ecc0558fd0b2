"""nvmed.v1.KeyService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from google.longrunning import operations_pb2 as longrunning
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from nvmed.errors import FieldViolation
from nvmed.keyring.calls import DEFAULT_KEYRING, KeyringRef, UpdatedKey
from nvmed.keyring.keyring import TLS_KEY_TYPE
from nvmed.keyring.keys import Keys
from nvmed.keyring.recovery import PLANNED
from nvmed.keyring.rotation import TlsRotation
from nvmed.keyring.rotation_dhchap import DhchapRotation
from nvmed.keys.dhchap import generate_secret, make_key
from nvmed.keys.identity import parse_identity
from nvmed.keys.interchange import export_psk, generate_psk, import_psk
from nvmed.keys.keyfile import KeyFileEntry, parse_file
from nvmed.keys.psk import DerivedTlsKey, PskHash, check_key_length, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.operations.manager import Manager, Mutation, Result, Run, Running
from nvmed.operations.request_digest import RequestDigests
from nvmed.reasons import Reason, error, invalid_field
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import keys as convert
from nvmed.rpc.convert.fitted import fitted
from nvmed.rpc.convert.operations import checked
from nvmed.rpc.longrunning import show
from nvmed.rpc.mutation import mutation
from nvmed.security.policy import READ_KEYS
from nvmed.v1 import key_pb2, key_pb2_grpc

M = TypeVar("M", bound=Message)


class KeyService(key_pb2_grpc.KeyServiceServicer):
    """Keys in the kernel's keyrings. Secrets become `Secret`s at once, and leave only in an answer made of them."""

    def __init__(self, keys: Keys, operations: Manager, digests: RequestDigests) -> None:
        self._keyring = keys.keyring
        self._tls_rotations = keys.tls_rotations
        self._dhchap_rotations = keys.dhchap_rotations
        self._operations = operations
        self._digests = digests

    # -- looking

    async def LookupKeyring(self, request: key_pb2.LookupKeyringRequest, context: Any) -> key_pb2.KernelKey:
        return convert.kernel_key(await self._keyring.lookup_keyring(request.name or DEFAULT_KEYRING))

    async def DescribeKey(self, request: key_pb2.DescribeKeyRequest, context: Any) -> key_pb2.KernelKey:
        return convert.kernel_key(await self._keyring.describe_key(request.serial))

    async def LookupKey(self, request: key_pb2.LookupKeyRequest, context: Any) -> key_pb2.KernelKey:
        keyring = convert.keyring_of(request.keyring) if request.HasField("keyring") else None
        serial = await self._keyring.lookup_key(_type(request), request.description, keyring)
        return convert.kernel_key(await self._keyring.describe_key(serial))

    async def ScanTlsKeys(
        self, request: key_pb2.ScanTlsKeysRequest, context: Any
    ) -> AsyncIterator[key_pb2.ScanTlsKeysResponse]:
        keyring = convert.keyring_of(request.keyring)
        async for found in self._keyring.scan_tls_keys(keyring, key_type=_type(request)):
            yield key_pb2.ScanTlsKeysResponse(key=convert.kernel_key(found))

    async def ReadKey(self, request: key_pb2.ReadKeyRequest, context: Any) -> key_pb2.ReadKeyResponse:
        with await self._keyring.read_key(request.serial, convert.keyring_of(request.keyring)) as payload:
            return key_pb2.ReadKeyResponse(payload=payload.reveal())

    async def CheckTlsKey(self, request: key_pb2.CheckTlsKeyRequest, context: Any) -> key_pb2.CheckTlsKeyResponse:
        psk = convert.psk_of(request.psk)
        found = await self._keyring.check_tls_key(
            export_psk(psk.key, psk.hash),
            request.host_nqn,
            request.subsystem_nqn,
            convert.keyring_of(request.keyring),
            key_type=_type(request),
        )
        return convert.checked(found, request.host_nqn, request.subsystem_nqn, len(psk.key))

    # -- computing

    async def GenerateTlsKeyIdentity(
        self, request: key_pb2.GenerateTlsKeyIdentityRequest, context: Any
    ) -> key_pb2.TlsKeyIdentity:
        return convert.derived_identity(_derived(request))

    async def GenerateTlsKey(
        self, request: key_pb2.GenerateTlsKeyRequest, context: Any
    ) -> key_pb2.GenerateTlsKeyResponse:
        unspecified = request.hash == key_pb2.HMAC_ALGORITHM_UNSPECIFIED
        hash_ = PskHash.SHA256 if unspecified else convert.psk_hash_of(request.hash, "hash")
        made = generate_psk(hash_, size_bytes=request.size_bytes)
        return fitted(
            key_pb2.GenerateTlsKeyResponse,
            text=export_psk(made.key, made.hash).reveal_text(),
            hash=convert.psk_hash(made.hash),
            size_bytes=len(made.key),
        )

    async def GenerateDhchapKey(
        self, request: key_pb2.GenerateDhchapKeyRequest, context: Any
    ) -> key_pb2.GenerateDhchapKeyResponse:
        hmac = convert.hmac_of(request.hmac)
        if request.secret and request.size_bytes:
            raise invalid_field("size_bytes", "it goes with a secret that is made here; leave it or the secret out")
        secret = Secret(request.secret) if request.secret else generate_secret(hmac, size_bytes=request.size_bytes)
        made = make_key(secret, hmac, request.nqn)
        return key_pb2.GenerateDhchapKeyResponse(
            hmac=convert.hmac_algorithm(hmac),
            secret_text=made.secret_text.reveal_text(),
            transformed_text=made.transformed_text.reveal_text() if made.transformed_text else "",
            transformed_key=made.key.reveal() if made.key else b"",
        )

    async def ExportTlsKey(self, request: key_pb2.ExportTlsKeyRequest, context: Any) -> key_pb2.ExportTlsKeyResponse:
        which = request.WhichOneof("source")
        if which is None:
            raise invalid_field("source", "it is empty; give a key, or say which stored one")
        if which == "psk":
            psk = convert.psk_of(request.psk)
            text = export_psk(psk.key, psk.hash).reveal_text()
            return fitted(key_pb2.ExportTlsKeyResponse, text=text, hash=convert.psk_hash(psk.hash))
        current_call.get().require(READ_KEYS)
        stored = request.stored
        exported = await self._keyring.export_tls_key(
            stored.identity, convert.keyring_of(stored.keyring), key_type=_type(stored)
        )
        return fitted(
            key_pb2.ExportTlsKeyResponse,
            text=exported.text.reveal_text(),
            key_file_line=exported.line.reveal_text(),
            serial=exported.serial,
            hash=convert.psk_hash(parse_identity(stored.identity).hash),
        )

    # -- changing

    async def LinkKeyring(self, request: key_pb2.LinkKeyringRequest, context: Any) -> key_pb2.LinkKeyringResponse:
        keyring = convert.keyring_of(request.keyring)

        async def plan() -> key_pb2.LinkKeyringResponse:
            return fitted(key_pb2.LinkKeyringResponse, serial=await self._keyring.resolve_keyring(keyring))

        async def act(running: Running, planned: key_pb2.LinkKeyringResponse) -> key_pb2.LinkKeyringResponse:
            async with running.step("link", keyring=planned.serial):
                return fitted(key_pb2.LinkKeyringResponse, serial=await self._keyring.link_keyring(planned.serial))

        return await self._change(request, key_pb2.LinkKeyringResponse, keyring, plan, act)

    async def UpdateKey(self, request: key_pb2.UpdateKeyRequest, context: Any) -> key_pb2.UpdateKeyResponse:
        keyring, key_type, description = convert.keyring_of(request.keyring), _type(request), request.description
        payload = Secret(request.payload)

        async def plan() -> key_pb2.UpdateKeyResponse:
            return convert.updated(await self._keyring.plan_update(key_type, description, keyring))

        async def act(running: Running, planned: key_pb2.UpdateKeyResponse) -> key_pb2.UpdateKeyResponse:
            ring = _Ring(keyring, key_type, request.ttl_s)
            return convert.updated(await self._update(running, ring, description, payload, planned.previous_serial))

        return await self._change(request, key_pb2.UpdateKeyResponse, keyring, plan, act)

    async def InsertTlsKey(self, request: key_pb2.InsertTlsKeyRequest, context: Any) -> key_pb2.InsertTlsKeyResponse:
        derived = _derived(request)
        ring = _Ring(convert.keyring_of(request.keyring), _type(request), request.ttl_s)
        source = _Source(derived.identity, convert.derived_identity(derived), derived.psk)

        async def plan() -> key_pb2.InsertTlsKeyResponse:
            return key_pb2.InsertTlsKeyResponse(key=await self._plan(ring, source))

        async def act(running: Running, planned: key_pb2.InsertTlsKeyResponse) -> key_pb2.InsertTlsKeyResponse:
            return key_pb2.InsertTlsKeyResponse(key=await self._insert(running, ring, source, planned.key))

        return await self._change(request, key_pb2.InsertTlsKeyResponse, ring.keyring, plan, act)

    async def ImportTlsKey(self, request: key_pb2.ImportTlsKeyRequest, context: Any) -> key_pb2.ImportTlsKeyResponse:
        ring = _Ring(convert.keyring_of(request.keyring), _type(request), request.ttl_s)
        sources = [
            _Source(str(entry.identity), convert.tls_identity(entry.identity), entry.psk) for entry in _entries(request)
        ]

        async def plan() -> key_pb2.ImportTlsKeyResponse:
            return key_pb2.ImportTlsKeyResponse(keys=[await self._plan(ring, source) for source in sources])

        async def act(running: Running, planned: key_pb2.ImportTlsKeyResponse) -> key_pb2.ImportTlsKeyResponse:
            pairs = zip(sources, planned.keys, strict=True)
            return key_pb2.ImportTlsKeyResponse(keys=[await self._insert(running, ring, *pair) for pair in pairs])

        return await self._change(request, key_pb2.ImportTlsKeyResponse, ring.keyring, plan, act)

    async def RevokeTlsKey(self, request: key_pb2.RevokeTlsKeyRequest, context: Any) -> key_pb2.RevokeTlsKeyResponse:
        keyring, key_type, identity = convert.keyring_of(request.keyring), _type(request), request.identity

        async def plan() -> key_pb2.RevokeTlsKeyResponse:
            return fitted(
                key_pb2.RevokeTlsKeyResponse, serial=await self._keyring.lookup_key(key_type, identity, keyring)
            )

        async def act(running: Running, planned: key_pb2.RevokeTlsKeyResponse) -> key_pb2.RevokeTlsKeyResponse:
            async with running.step("revoke", keyring=keyring, description=identity, serial=planned.serial):
                serial = await self._keyring.revoke_tls_key(identity, keyring, key_type=key_type)
            return fitted(key_pb2.RevokeTlsKeyResponse, serial=serial)

        return await self._change(request, key_pb2.RevokeTlsKeyResponse, keyring, plan, act)

    async def RotateTlsKey(self, request: key_pb2.RotateTlsKeyRequest, context: Any) -> longrunning.Operation:
        wanted = TlsRotation(
            key=_derived(request),
            keyring=convert.keyring_of(request.keyring),
            timeout_s=request.ttl_s or None,
            options=convert.connection_options(request.connection_options),
            is_disruption_acknowledged=request.acknowledge_disruption,
        )
        about = {**_names(request), "key_type": wanted.key_type, "identity": wanted.key.identity}
        return await self._rotate(
            request,
            f"keyrings/{wanted.keyring}",
            about,
            lambda: self._tls_rotations.check(wanted),
            lambda running: self._tls_rotations.run(running, wanted),
        )

    async def RotateDhchapKey(self, request: key_pb2.RotateDhchapKeyRequest, context: Any) -> longrunning.Operation:
        wanted = DhchapRotation(
            host_nqn=request.host_nqn,
            subsystem_nqn=request.subsystem_nqn,
            secrets=convert.dhchap_secrets(request),
            is_disruption_acknowledged=request.acknowledge_disruption,
        )
        return await self._rotate(
            request,
            "keys",
            _names(request),
            lambda: self._dhchap_rotations.check(wanted),
            lambda running: self._dhchap_rotations.run(running, wanted),
        )

    async def _rotate(
        self, request: Any, target: str, about: dict[str, Any], check: Callable[[], Awaitable[Result]], run: Run
    ) -> longrunning.Operation:
        """The operation of `request`: the one that it began before, what `check` says it would do, or `run`."""
        wanted = self._mutation(request, target)
        if request.validate_only:
            return checked(wanted.kind, await check())
        if (found := await self._operations.replay(wanted)) is not None:
            return await show(self._operations, found)
        wanted = replace(wanted, parameters={**about, PLANNED: await check()})
        return await show(self._operations, await self._operations.start(wanted, run))

    async def _plan(self, ring: _Ring, source: _Source) -> key_pb2.InsertedTlsKey:
        planned = await self._keyring.plan_update(ring.key_type, source.description, ring.keyring)
        return convert.inserted(source.identity, planned)

    async def _insert(
        self, running: Running, ring: _Ring, source: _Source, planned: key_pb2.InsertedTlsKey
    ) -> key_pb2.InsertedTlsKey:
        key = await self._update(running, ring, source.description, source.psk, planned.previous_serial)
        return convert.inserted(source.identity, key)

    async def _update(
        self, running: Running, ring: _Ring, description: str, payload: Secret, previous_serial: int
    ) -> UpdatedKey:
        """One step: let one key hold `payload`."""
        detail: dict[str, Any] = {"keyring": ring.keyring, "key_type": ring.key_type, "description": description}
        async with running.step("update", **detail, previous_serial=previous_serial) as outcome:
            key = await self._keyring.update_key(
                ring.key_type, description, payload, ring.keyring, timeout_s=ring.ttl_s or None
            )
            outcome["serial"] = key.serial
        return key

    async def _change(
        self,
        request: Any,
        answer: type[M],
        keyring: KeyringRef,
        plan: Callable[[], Awaitable[M]],
        act: Callable[[Running, M], Awaitable[M]],
    ) -> M:
        """The answer to `request`: what was answered before, what `plan` says would be, or what `act` does.

        The journal gets the planned answer, so that recovery has to find out no more than whether it came true.
        """
        if request.validate_only:
            return await plan()
        wanted = self._mutation(request, f"keyrings/{keyring}")
        planned = answer()
        if await self._operations.replay(wanted) is None:
            planned = await plan()
            wanted = replace(wanted, parameters={PLANNED: _as_result(planned)})

        async def run(running: Running) -> Result:
            return _as_result(await act(running, planned))

        return ParseDict(dict(await self._operations.perform(wanted, run)), answer())

    def _mutation(self, request: Any, target: str) -> Mutation:
        """`request`, whose digest is good for nothing outside this host: it may hold a secret."""
        return mutation(request, target, self._digests)


@dataclass(frozen=True, slots=True)
class _Ring:
    """Where keys go, and as what."""

    keyring: KeyringRef
    key_type: str
    ttl_s: int


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A TLS PSK to be put into a keyring."""

    description: str
    identity: key_pb2.TlsKeyIdentity
    psk: Secret


def _type(request: Any) -> str:
    return request.key_type or TLS_KEY_TYPE


def _names(request: Any) -> dict[str, str]:
    """The two ends of the connections, as the journal has them."""
    return {"host_nqn": request.host_nqn, "subsystem_nqn": request.subsystem_nqn}


def _derived(request: Any) -> DerivedTlsKey:
    """The TLS PSK that a request asks to derive."""
    psk = convert.psk_of(request.psk)
    version = request.identity_version if request.HasField("identity_version") else convert.IDENTITY_VERSION_DEFAULT
    return derive_tls_key(
        psk.key,
        request.host_nqn,
        request.subsystem_nqn,
        version=version,
        hash_=psk.hash,
        derivation=convert.derivation_of(request.derivation),
    )


def _entries(request: key_pb2.ImportTlsKeyRequest) -> Sequence[KeyFileEntry]:
    """The TLS PSKs that a request brings; raises a validation error with every line of a key file that is not sound."""
    which = request.WhichOneof("source")
    if which is None:
        raise invalid_field("source", "it is empty; give a key or a key file")
    if which == "key":
        identity = parse_identity(request.key.identity, "key.identity")
        psk = import_psk(Secret.from_text(request.key.text)).key
        check_key_length("key.text", identity.hash, len(psk))
        return (KeyFileEntry(identity, psk),)
    lines = parse_file(Secret(request.key_file))
    wrong = [FieldViolation(f"key_file[{one.number}]", one.problem.message) for one in lines if one.problem]
    if wrong or not lines:
        wrong = wrong or [FieldViolation("key_file", "it holds no line; each has an identity, a blank and a text")]
        summary = "; ".join(f"{one.field}: {one.description}" for one in wrong)
        raise error(Reason.INVALID_FIELD, f"{summary}; nothing was imported", fields=wrong, field=wrong[0].field)
    return tuple(line.entry for line in lines if line.entry)


def _as_result(message: Message) -> dict[str, Any]:
    """A message as the journal keeps results."""
    return MessageToDict(message, preserving_proto_field_name=True)
