"""Every way to call KeyService with a secret that was planted: well and badly, each method at least once of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from nvmed.keys.dhchap import HmacAlgorithm, Reading, build_text
from nvmed.keys.psk import PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.v1 import key_pb2 as pb
from tests.support.kernel_double import HOST, SUBSYSTEM
from tests.support.planted import GOOD_DHHC, GOOD_LINE, GOOD_TEXT, IDENTITY, PLANTED, damaged

NAMES: dict[str, Any] = {"host_nqn": HOST, "subsystem_nqn": SUBSYSTEM}
MISSING = pb.KeyringRef(name="nvmed-no-such-keyring")
NEW_KEY = PLANTED[::-1]
NEW_SECRET = build_text(Secret(NEW_KEY), HmacAlgorithm.NONE, Reading.SECRET).reveal_text()

SECRET_ANSWERS = {"ReadKey", "ExportTlsKey", "GenerateTlsKey", "GenerateDhchapKey"}
"""Methods whose answers hold a secret, as their comments in the contract say."""

SECRETS = (
    PLANTED,
    NEW_KEY,
    *(
        derive_tls_key(Secret(key), HOST, SUBSYSTEM, version=version, hash_=hash_).psk.reveal()
        for key in (PLANTED, NEW_KEY)
        for version in (0, 1)
        for hash_ in (PskHash.NONE, PskHash.SHA256)
    ),
)
"""What is planted, and what is derived of it."""


def texts(good: bytes) -> list[str]:
    """A text, and what is wrong with others, as far as protobuf carries them."""
    return [good.decode(), *(one.reveal().decode() for one in damaged(good) if one.reveal().isascii())]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the calls go: a keyring, and a key in it, of `IDENTITY`, that holds the planted secret."""

    serial: int
    name: str
    key: int

    @property
    def ring(self) -> pb.KeyringRef:
        return pb.KeyringRef(serial=self.serial)

    @property
    def where(self) -> dict[str, Any]:
        return {"keyring": self.ring, "key_type": "user"}


def psks() -> list[pb.ConfiguredPsk]:
    """A configured PSK in each way it can be given, good ones first."""
    return [
        pb.ConfiguredPsk(key=PLANTED),
        *(pb.ConfiguredPsk(text=text) for text in texts(GOOD_TEXT)),
        pb.ConfiguredPsk(text=GOOD_TEXT.decode(), hash=pb.HMAC_ALGORITHM_NONE),
        pb.ConfiguredPsk(key=PLANTED, hash=pb.HMAC_ALGORITHM_SHA384),
        pb.ConfiguredPsk(key=PLANTED[:31]),
        pb.ConfiguredPsk(key=PLANTED * 3000),
        pb.ConfiguredPsk(text=GOOD_TEXT.decode() * 100),
    ]


def with_psks(request: type[Any], **fields: Any) -> list[Message]:
    """A request with each PSK, and good ones with names that cannot be."""
    wrong: list[dict[str, Any]] = [
        {"host_nqn": "a b"},
        {"host_nqn": "h" * 223, "subsystem_nqn": "s" * 223, "identity_version": 0},
    ]
    known = set(request.DESCRIPTOR.fields_by_name)
    requests = [request(psk=psk, **fields) for psk in psks()]
    return requests + [request(psk=psks()[0], **{**fields, **one}) for one in wrong if set(one) <= known]


def found_or_not(request: type[Any], keyring: pb.KeyringRef, **fields: Any) -> list[Message]:
    return [request(keyring=one, **fields) for one in (keyring, MISSING)]


def insertions(scene: Scene) -> list[Message]:
    def insert(**changes: Any) -> Message:
        return pb.InsertTlsKeyRequest(**{**NAMES, **scene.where, "psk": psks()[0], **changes})

    return [
        *with_psks(pb.InsertTlsKeyRequest, **NAMES, **scene.where),
        insert(keyring=MISSING),
        insert(key_type="nvmed-no-type"),
        insert(key_type="psk"),
        insert(validate_only=True),
        insert(request_id="not a UUID"),
    ]


def updates(scene: Scene) -> list[Message]:
    def update(payload: bytes, **changes: Any) -> Message:
        return pb.UpdateKeyRequest(payload=payload, **{**scene.where, "description": "a key", **changes})

    return [
        update(PLANTED),
        update(PLANTED, validate_only=True),
        update(PLANTED * 1100),
        update(PLANTED, keyring=MISSING),
        update(PLANTED, key_type="nvmed-no-type"),
        update(PLANTED, keyring=pb.KeyringRef(serial=scene.key)),
    ]


def imports(scene: Scene) -> list[Message]:
    request = pb.ImportTlsKeyRequest
    files = [GOOD_LINE, *(one.reveal() for one in damaged(GOOD_LINE)), GOOD_LINE * 3 + GOOD_LINE[:-9] + b"\n"]
    keys = [request.DerivedTlsKey(identity=IDENTITY, text=text) for text in texts(GOOD_TEXT)]
    return [
        *(request(key_file=file, **scene.where) for file in files),
        *(request(key=key, **scene.where) for key in keys),
        request(key_file=GOOD_LINE, keyring=MISSING),
        request(key_file=GOOD_LINE, keyring=scene.ring, key_type="psk"),
    ]


def exports(scene: Scene) -> list[Message]:
    request = pb.ExportTlsKeyRequest
    stored = request.StoredTlsKey(identity=IDENTITY, **scene.where)
    missing = request.StoredTlsKey(identity=IDENTITY, keyring=MISSING)
    return [*with_psks(request), request(stored=stored), request(stored=missing)]


def dhchap_keys(scene: Scene) -> list[Message]:
    request = pb.GenerateDhchapKeyRequest
    return [
        *(request(secret=PLANTED, hmac=hmac, nqn=HOST) for hmac in (pb.HMAC_ALGORITHM_NONE, pb.HMAC_ALGORITHM_SHA256)),
        request(),
        request(secret=PLANTED, hmac=pb.HMAC_ALGORITHM_SHA256),
        request(secret=PLANTED, size_bytes=32),
        request(secret=PLANTED * 2000),
        request(secret=PLANTED[:31]),
    ]


def tls_rotations(scene: Scene) -> list[Message]:
    request = pb.RotateTlsKeyRequest
    where = {**NAMES, "keyring": scene.ring, "acknowledge_disruption": True}
    return [
        *with_psks(request, **where, validate_only=True),
        request(psk=pb.ConfiguredPsk(key=NEW_KEY), **where),
        request(psk=pb.ConfiguredPsk(key=PLANTED), **{**where, "keyring": MISSING}),
    ]


def dhchap_rotations(scene: Scene) -> list[Message]:
    request = pb.RotateDhchapKeyRequest
    where = {**NAMES, "acknowledge_disruption": True}
    return [
        *(request(host_secret=text, **where) for text in texts(GOOD_DHHC)),
        *(request(controller_secret=text, **where) for text in texts(GOOD_DHHC)),
        request(host_secret=NEW_SECRET, controller_secret=NEW_SECRET, **where),
        request(host_secret=NEW_SECRET, host_nqn="nqn.2024-01.io.example:nobody", subsystem_nqn=SUBSYSTEM),
    ]


Requests = Callable[[Scene], Sequence[Message]]

CALLS: Mapping[str, Requests] = {
    "LookupKeyring": lambda scene: [pb.LookupKeyringRequest(name=name) for name in (scene.name, "nvmed-none")],
    "DescribeKey": lambda scene: [pb.DescribeKeyRequest(serial=serial) for serial in (scene.key, 2**31 - 2)],
    "LookupKey": lambda scene: found_or_not(pb.LookupKeyRequest, scene.ring, key_type="user", description=IDENTITY),
    "LinkKeyring": lambda scene: found_or_not(pb.LinkKeyringRequest, scene.ring),
    "ReadKey": lambda scene: found_or_not(pb.ReadKeyRequest, scene.ring, serial=scene.key),
    "ScanTlsKeys": lambda scene: found_or_not(pb.ScanTlsKeysRequest, scene.ring, key_type="user"),
    "GenerateTlsKey": lambda scene: [pb.GenerateTlsKeyRequest(size_bytes=size) for size in (32, 33)],
    "GenerateDhchapKey": dhchap_keys,
    "GenerateTlsKeyIdentity": lambda scene: with_psks(pb.GenerateTlsKeyIdentityRequest, **NAMES),
    "CheckTlsKey": lambda scene: with_psks(pb.CheckTlsKeyRequest, **NAMES, **scene.where),
    "ExportTlsKey": exports,
    "UpdateKey": updates,
    "RevokeTlsKey": lambda scene: found_or_not(pb.RevokeTlsKeyRequest, scene.ring, key_type="user", identity="a key"),
    "InsertTlsKey": insertions,
    "ImportTlsKey": imports,
    "RotateTlsKey": tls_rotations,
    "RotateDhchapKey": dhchap_rotations,
}
"""The requests of each method, in the order in which they are made."""
