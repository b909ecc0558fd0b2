"""Rotation over the wire: RotateTlsKey and RotateDhchapKey, their answers, their refusals and what they leave."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.longrunning.operations_pb2 import CancelOperationRequest, GetOperationRequest
from nvmedctl import Client
from nvmedctl.operations import metadata, unpack, wait

from nvmed.errors import NvmedError
from nvmed.keys.dhchap import HmacAlgorithm, Reading, build_text
from nvmed.keys.secret import Secret
from nvmed.linux.fabrics import DhchapSecrets
from nvmed.v1 import key_pb2 as pb
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.rpc.harness import StartDaemon
from tests.rpc.key_ring import KEY, NAMES, TEXT, Ring, derived
from tests.rpc.rotating_host import RotatingHost, rotating

OLD = bytes(32)
FIRST, SECOND = "controllers/nvmed-double-1", "controllers/nvmed-double-2"


@pytest.fixture
async def host(ring: Ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RotatingHost]:
    async with rotating(ring, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
async def client(host: RotatingHost) -> AsyncIterator[Client]:
    async with Client(host.daemon.address) as connected:
        yield connected


async def add_old(host: RotatingHost, version: int = 1) -> int:
    old = derived(version, key=OLD)
    return await host.ring.add(old.identity, old.psk.reveal())


def rotation(host: RotatingHost, **changes: Any) -> pb.RotateTlsKeyRequest:
    fields = {
        **NAMES,
        "keyring": pb.KeyringRef(serial=host.ring.serial),
        "psk": pb.ConfiguredPsk(text=TEXT),
        "acknowledge_disruption": True,
    }
    return pb.RotateTlsKeyRequest(**{**fields, **changes})


async def rotate(client: Client, request: pb.RotateTlsKeyRequest) -> pb.RotateTlsKeyResponse:
    done = await wait(client.operations, await client.keys.RotateTlsKey(request))
    return unpack(done, pb.RotateTlsKeyResponse)


async def refusal(call: Awaitable[object]) -> NvmedError:
    with pytest.raises(NvmedError) as raised:
        await call
    return raised.value


async def found(client: Client, host: RotatingHost) -> list[str]:
    """The identities that can be found."""
    parts = client.keys.ScanTlsKeys(pb.ScanTlsKeysRequest(**host.ring.where))
    return sorted([part.key.description async for part in parts])


async def test_both_kinds_of_connection_are_moved_and_the_old_key_is_revoked(
    host: RotatingHost, client: Client
) -> None:
    old = await add_old(host)
    host.kernel.connect(), host.kernel.connect(old)
    answer = await rotate(client, rotation(host, ttl_s=7200))
    new = answer.key.serial
    assert host.serials == [new, new]
    assert (answer.key.identity.identity, answer.key.outcome) == (derived().identity, pb.KEY_UPDATE_OUTCOME_CREATED)
    assert answer.key.identity.derivation == pb.TLS_KEY_DERIVATION_RFC8446
    assert [(one.controller, one.previous_controller, one.method) for one in answer.connections] == [
        ("controllers/nvmed-double-3", SECOND, pb.ROTATION_METHOD_RECONNECT),
        (FIRST, FIRST, pb.ROTATION_METHOD_RESET),
    ]
    assert {(one.previous_serial, one.serial) for one in answer.connections} == {(old, new)}
    assert [(one.serial, one.revoked, list(one.controllers)) for one in answer.retired_keys] == [(old, True, [])]
    gone = await refusal(client.keys.DescribeKey(pb.DescribeKeyRequest(serial=old)))
    assert gone.reason in {"KEY_REVOKED", "KEY_NOT_FOUND"}
    assert await found(client, host) == [derived().identity]


async def test_who_uses_the_old_key_still_is_named_and_keeps_it(host: RotatingHost, client: Client) -> None:
    """Another daemon's connection, to another subsystem, was made with the same serial number."""
    old = await add_old(host)
    other = host.kernel.connect(old)
    other.node = replace(other.node, subsystem_nqn="nqn.2024-01.io.example:another")
    answer = await rotate(client, rotation(host))
    assert [(one.serial, one.revoked, list(one.controllers)) for one in answer.retired_keys] == [(old, False, [FIRST])]
    assert (await client.keys.DescribeKey(pb.DescribeKeyRequest(serial=old))).serial == old


async def test_what_would_be_done_is_told_and_nothing_is(host: RotatingHost, client: Client) -> None:
    old = await add_old(host)
    host.kernel.connect(), host.kernel.connect(old)
    planned = await rotate(client, rotation(host, validate_only=True))
    assert planned.key.serial == 0
    assert [one.method for one in planned.connections] == [pb.ROTATION_METHOD_RECONNECT, pb.ROTATION_METHOD_RESET]
    assert [(one.serial, one.revoked) for one in planned.retired_keys] == [(old, False)]
    assert (host.kernel.log, host.serials) == ([], [old, old])
    assert await found(client, host) == [derived(key=OLD).identity]


async def test_a_key_that_the_subsystem_refuses_is_taken_back(host: RotatingHost, client: Client) -> None:
    old = await add_old(host)
    host.kernel.connect(), host.kernel.connect(old)
    host.kernel.accepts = lambda description: description != derived().identity
    undone = await refusal(rotate(client, rotation(host)))
    assert undone.reason == "KEY_ROTATION_UNDONE"
    assert host.serials == [old, old]
    assert await found(client, host) == [derived(key=OLD).identity]


async def test_an_only_path_is_not_reset_unasked(host: RotatingHost, client: Client) -> None:
    old = await add_old(host)
    host.kernel.connect()
    refused = await refusal(client.keys.RotateTlsKey(rotation(host, acknowledge_disruption=False)))
    assert (refused.reason, [gate.kind for gate in refused.gates]) == ("GATE_FAILED", ["DISRUPTION_ACKNOWLEDGED"])
    assert host.serials == [old]


async def test_a_rotation_is_followed_and_cancelled(host: RotatingHost, client: Client) -> None:
    old = await add_old(host)
    host.kernel.connect(), host.kernel.connect()
    host.kernel.hang_at = "reset nvme0"
    begun = await client.keys.RotateTlsKey(rotation(host))
    await asyncio.to_thread(host.kernel.hangs.wait)
    about = metadata(await client.operations.GetOperation(GetOperationRequest(name=begun.name)))
    assert (about.method, about.phase) == ("nvmed.v1.KeyService/RotateTlsKey", "reset")
    await client.operations.CancelOperation(CancelOperationRequest(name=begun.name))
    host.kernel.release()
    ended = await wait(client.operations, begun)
    assert metadata(ended).state == OperationMetadata.STATE_CANCELLED
    assert host.serials == [old, old]


async def test_a_rotation_is_begun_once_for_a_request_id(host: RotatingHost, client: Client) -> None:
    await add_old(host)
    host.kernel.connect()
    request = rotation(host, request_id=str(uuid.uuid4()))
    first = await client.keys.RotateTlsKey(request)
    assert (await client.keys.RotateTlsKey(request)).name == first.name
    new = (await rotate(client, request)).key.serial
    assert host.serials == [new]
    another = rotation(host, request_id=request.request_id, psk=pb.ConfiguredPsk(key=bytes(31) + b"x"))
    assert (await refusal(client.keys.RotateTlsKey(another))).reason == "REQUEST_ID_REUSED"


BAD_ROTATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "host empty": ({"host_nqn": ""}, "host_nqn"),
    "subsystem long": ({"subsystem_nqn": "s" * 224}, "subsystem_nqn"),
    "subsystem with a blank": ({"subsystem_nqn": "a b"}, "subsystem_nqn"),
    "no key": ({"psk": None}, "psk"),
    "47 bytes": ({"psk": pb.ConfiguredPsk(key=bytes(47))}, "psk.key"),
    "identity too long": (
        {"identity_version": 0, "host_nqn": "h" * 200, "subsystem_nqn": "s" * 46},
        "identity_version",
    ),
    "keyring": ({"keyring": pb.KeyringRef(serial=-3)}, "keyring.serial"),
    "type of service": (
        {"connection_options": pb.ConnectionOptions(type_of_service=256)},
        "connection_options.type_of_service",
    ),
    "request_id": ({"request_id": "1"}, "request_id"),
}


@pytest.mark.parametrize("name", BAD_ROTATIONS)
async def test_bad_fields_are_named(host: RotatingHost, client: Client, name: str) -> None:
    changes, field = BAD_ROTATIONS[name]
    refused = await refusal(client.keys.RotateTlsKey(rotation(host, **changes)))
    assert (refused.reason, refused.fields[0].field) == ("INVALID_FIELD", field)
    assert host.kernel.log == []


async def test_no_keyring_is_told(host: RotatingHost, client: Client) -> None:
    refused = await refusal(client.keys.RotateTlsKey(rotation(host, keyring=pb.KeyringRef(name="nvmed-none"))))
    assert refused.reason == "KEYRING_NOT_FOUND"


# -- DH-HMAC-CHAP


def text(fill: bytes) -> str:
    return build_text(Secret(fill * 32), HmacAlgorithm.NONE, Reading.SECRET).reveal_text()


def both(host: bytes, controller: bytes) -> DhchapSecrets:
    return DhchapSecrets(Secret.from_text(text(host)), Secret.from_text(text(controller)))


def secrets_of(host: RotatingHost) -> list[tuple[str, str]]:
    return [
        (one.secrets.host.reveal_text(), one.secrets.controller.reveal_text())
        for one in host.kernel.connections.values()
        if one.secrets.host is not None and one.secrets.controller is not None
    ]


async def rotate_dhchap(client: Client, **changes: Any) -> list[str]:
    request = pb.RotateDhchapKeyRequest(**{**NAMES, "acknowledge_disruption": True, **changes})
    done = await wait(client.operations, await client.keys.RotateDhchapKey(request))
    return list(unpack(done, pb.RotateDhchapKeyResponse).controllers)


async def test_secrets_are_given_to_every_connection(host: RotatingHost, client: Client) -> None:
    for _ in range(2):
        host.kernel.connect(is_tls=False, secrets=both(b"a", b"b"))
    planned = await rotate_dhchap(client, host_secret=text(b"c"), validate_only=True)
    assert (planned, host.kernel.log) == ([FIRST, SECOND], [])
    assert await rotate_dhchap(client, host_secret=text(b"c")) == [FIRST, SECOND]
    assert secrets_of(host) == [(text(b"c"), text(b"b"))] * 2
    await rotate_dhchap(client, controller_secret=text(b"e"))
    assert secrets_of(host) == [(text(b"c"), text(b"e"))] * 2


async def test_refused_secrets_are_taken_back(host: RotatingHost, client: Client) -> None:
    for _ in range(2):
        host.kernel.connect(is_tls=False, secrets=both(b"a", b"b"))
    asked = itertools.count()
    new = text(b"c").encode()
    host.kernel.accepts_secrets = lambda one: one.host is None or not one.host.matches(new) or next(asked) < 3
    assert (await refusal(rotate_dhchap(client, host_secret=text(b"c")))).reason == "KEY_ROTATION_UNDONE"
    assert secrets_of(host) == [(text(b"a"), text(b"b"))] * 2


async def test_secrets_that_the_subsystem_does_not_take_change_nothing(host: RotatingHost, client: Client) -> None:
    host.kernel.connect(is_tls=False, secrets=both(b"a", b"b"))
    new = text(b"c").encode()
    host.kernel.accepts_secrets = lambda one: one.host is None or not one.host.matches(new)
    assert (await refusal(rotate_dhchap(client, host_secret=text(b"c")))).reason == "CONNECTION_NOT_MADE"
    assert secrets_of(host) == [(text(b"a"), text(b"b"))]
    assert host.kernel.log == ["try nvme0"]


BAD_SECRETS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({}, "INVALID_FIELD"),
    "two at once": ({"host_secret": text(b"a"), "controller_secret": text(b"b")}, "INVALID_FIELD"),
    "structure": ({"host_secret": "DHHC-1"}, "KEY_TEXT_STRUCTURE"),
    "crc": ({"controller_secret": text(b"a").replace("YWFh", "YWFi", 1)}, "KEY_TEXT_CRC"),
    "hash": ({"host_secret": text(b"a").replace(":00:", ":04:")}, "KEY_TEXT_HASH"),
    "nobody authenticates": ({"host_secret": text(b"a")}, "CONTROLLER_NOT_FOUND"),
    "host NQN": ({"host_nqn": "", "host_secret": text(b"a")}, "INVALID_FIELD"),
}


@pytest.mark.parametrize("name", BAD_SECRETS)
async def test_bad_secrets_are_refused_with_their_reason(client: Client, name: str) -> None:
    changes, reason = BAD_SECRETS[name]
    assert (await refusal(rotate_dhchap(client, **changes))).reason == reason


async def test_the_journal_holds_no_secret(host: RotatingHost, client: Client) -> None:
    await add_old(host)
    host.kernel.connect(secrets=both(b"a", b"b"))
    await rotate(client, rotation(host))
    await rotate_dhchap(client, host_secret=text(b"c"))
    await rotate_dhchap(client, controller_secret=text(b"d"))
    with closing(sqlite3.connect(host.daemon.state_dir / "journal.sqlite")) as journal:
        dump = "\n".join(journal.iterdump())
    assert json.dumps(derived().identity) in dump
    for secret in (TEXT, *map(text, (b"a", b"b", b"c", b"d"))):
        assert secret.split(":")[2][:20] not in dump
    for payload in (KEY, derived().psk.reveal()):
        assert payload.hex() not in dump.lower()


async def test_simulated_drives_have_no_connections_to_rotate(start_daemon: StartDaemon, ring: Ring) -> None:
    daemon = await start_daemon()
    async with Client(daemon.address) as client:
        request = pb.RotateDhchapKeyRequest(**NAMES, host_secret=text(b"a"))
        assert (await refusal(client.keys.RotateDhchapKey(request))).reason == "CONTROLLER_NOT_FOUND"
