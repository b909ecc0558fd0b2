"""KeyService of a daemon in the guest, with keys of type psk in `.nvme`, and the kernel and tlshd as its peers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.longrunning import operations_pb2 as longrunning
from google.longrunning.operations_grpc_pb2 import OperationsStub
from nvmedctl import Client

from nvmed.errors import NvmedError
from nvmed.v1 import key_pb2 as pb
from tests.vm import nvmet
from tests.vm.daemon import Daemon
from tests.vm.guest import HOST_NQN, Guest, GuestError
from tests.vm.nvmet import AllowedHost, Port, Target

NQN = "nqn.2026-01.dev.nvmed:key-service"
NAMES: dict[str, Any] = {"host_nqn": HOST_NQN, "subsystem_nqn": NQN}
PATIENT: dict[str, Any] = {"reconnect_delay": 1}
"""Options of a connection whose failures need not be waited for."""


def psk(byte: int, size: int = 32) -> pb.ConfiguredPsk:
    return pb.ConfiguredPsk(key=bytes([byte]) * size)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with daemon.client() as connected:
        yield connected


def used_key(guest: Guest, node: str) -> int:
    return int(guest.sh(f"cat /sys/class/nvme/{node}/tls_key"), 16)


def nodes(guest: Guest) -> list[str]:
    """The controllers of the guest that belong to our target."""
    return guest.sh(f"cd /sys/class/nvme; grep -lx {NQN} nvme*/subsysnqn | cut -d/ -f1").split()


async def done(client: Client, begun: longrunning.Operation) -> longrunning.Operation:
    """The operation when it has ended."""
    operations = OperationsStub(client.channel)
    while not begun.done:
        begun = await operations.WaitOperation(longrunning.WaitOperationRequest(name=begun.name), timeout=200)
    return begun


async def rotated(client: Client, request: pb.RotateTlsKeyRequest) -> pb.RotateTlsKeyResponse:
    ended = await done(client, await client.keys.RotateTlsKey(request))
    assert not ended.HasField("error"), ended.error.message
    response = pb.RotateTlsKeyResponse()
    assert ended.response.Unpack(response)
    return response


@pytest.mark.usefixtures("clean_keyring")
async def test_keyring_and_keys_as_keyctl_shows_them(guest: Guest, client: Client) -> None:
    keyring = await client.keys.LookupKeyring(pb.LookupKeyringRequest())
    assert nvmet.keyring(guest, "printf %d $ring").split()[-1] == str(keyring.serial)
    made = (await client.keys.InsertTlsKey(pb.InsertTlsKeyRequest(**NAMES, psk=psk(1), ttl_s=3600))).key
    shown = nvmet.keyring(guest, f"keyctl rdescribe {made.serial}").split("\n")[-2].split(";")
    found = [part.key async for part in client.keys.ScanTlsKeys(pb.ScanTlsKeysRequest())]
    assert [key.serial for key in found] == [made.serial]
    assert shown == ["psk", str(found[0].uid), str(found[0].gid), f"{found[0].permissions:08x}", found[0].description]
    assert found[0].identity.identity == made.identity.identity
    assert found[0].expiry_state == pb.KernelKey.EXPIRY_STATE_EXPIRES
    replaced = (await client.keys.InsertTlsKey(pb.InsertTlsKeyRequest(**NAMES, psk=psk(1)))).key
    assert (replaced.outcome, replaced.previous_serial) == (pb.KEY_UPDATE_OUTCOME_REPLACED, made.serial)
    checked = await client.keys.CheckTlsKey(pb.CheckTlsKeyRequest(**NAMES, psk=psk(1)))
    loaded = {variant.serial for variant in checked.variants if variant.loaded == checked.LOADED_DERIVED}
    assert loaded == {replaced.serial}


@pytest.mark.usefixtures("clean_keyring")
async def test_an_inserted_key_opens_a_connection_until_it_is_revoked(guest: Guest, client: Client) -> None:
    key = (await client.keys.InsertTlsKey(pb.InsertTlsKeyRequest(**NAMES, psk=psk(1, 48)))).key
    target = Target(NQN, ports=[Port(tls=True)])
    with nvmet.handshakes(guest), nvmet.serving(guest, target):
        with nvmet.connected(guest, target, tls=True) as node:
            assert used_key(guest, node) == key.serial
        await client.keys.RevokeTlsKey(pb.RevokeTlsKeyRequest(identity=key.identity.identity))
        with pytest.raises(GuestError):
            nvmet.connect(guest, target, tls=True)


@pytest.mark.usefixtures("clean_keyring")
@pytest.mark.parametrize("version", [0, 1])
async def test_rotation_of_connections_that_look_up(guest: Guest, client: Client, version: int) -> None:
    old = (await client.keys.InsertTlsKey(pb.InsertTlsKeyRequest(**NAMES, psk=psk(1), identity_version=version))).key
    ports = [Port(tls=True), Port(service=4421, tls=True)]
    target = Target(NQN, ports=ports)
    with (
        nvmet.handshakes(guest), nvmet.serving(guest, target),
        nvmet.connected(guest, target, ports[0], tls=True, **PATIENT) as left,
        nvmet.connected(guest, target, ports[1], tls=True, **PATIENT) as right,
    ):  # fmt: skip
        assert [used_key(guest, node) for node in (left, right)] == [old.serial] * 2
        request = pb.RotateTlsKeyRequest(**NAMES, psk=psk(2), identity_version=version, request_id=str(uuid.uuid4()))
        answer = await rotated(client, request)
        assert [used_key(guest, node) for node in (left, right)] == [answer.key.serial] * 2
        assert answer.key.serial != old.serial
        assert [one.method for one in answer.connections] == [pb.ROTATION_METHOD_RESET] * 2
        assert [(key.serial, key.revoked) for key in answer.retired_keys] == [(old.serial, True)]
        assert await rotated(client, request) == answer
        guest.sh(f"nvme list-ns /dev/{left}; nvme list-ns /dev/{right}")
    with pytest.raises(NvmedError):
        await client.keys.DescribeKey(pb.DescribeKeyRequest(serial=old.serial))
    assert "nvmed-rotation" not in guest.sh("cat /proc/keys")


@pytest.mark.usefixtures("clean_keyring")
@pytest.mark.parametrize("version", [0, 1])
async def test_rotation_of_connections_that_name_their_key(guest: Guest, client: Client, version: int) -> None:
    """The block device stays, and is written to all the while."""
    old = (await client.keys.InsertTlsKey(pb.InsertTlsKeyRequest(**NAMES, psk=psk(1), identity_version=version))).key
    target = Target(NQN, ports=[Port(tls=True)])
    with nvmet.handshakes(guest), nvmet.serving(guest, target):
        options: dict[str, Any] = {"tls": True, "tls_key": old.serial, "nr_io_queues": 1, "ctrl_loss_tmo": 77}
        node = nvmet.connect(guest, target, **options)
        assert used_key(guest, node) == old.serial
        patience, unasked = guest.sh(f"cat /sys/class/nvme/{node}/ctrl_loss_tmo"), "600\n"
        disk = guest.sh(f"ls /sys/class/nvme/{node} | grep -oE '^nvme[0-9]+(c[0-9]+)?n[0-9]+'").split()[0]
        disk = f"/dev/{disk.replace(disk[disk.index('c') : disk.index('n', 4)], '') if 'c' in disk else disk}"
        writer = f"while :; do dd if=/dev/zero of={disk} bs=4k count=64 oflag=direct status=none || exit 1; done"
        with guest.unit("writer", "/bin/bash", "-c", writer) as unit:
            request = pb.RotateTlsKeyRequest(**NAMES, psk=psk(2), identity_version=version)
            answer = await rotated(client, request)
            assert unit.active()
        (now,) = nodes(guest)
        assert now != node
        assert used_key(guest, now) == answer.key.serial != old.serial
        assert int(guest.sh(f"cat /sys/class/nvme/{now}/tls_configured_key"), 16) == answer.key.serial
        assert guest.sh(f"cat /sys/class/nvme/{now}/ctrl_loss_tmo") == patience != unasked
        assert guest.sh(f"cat /sys/class/nvme/{now}/queue_count").strip() == "2"
        (moved,) = answer.connections
        assert (moved.method, moved.previous_serial, moved.serial) == (
            pb.ROTATION_METHOD_RECONNECT, old.serial, answer.key.serial,
        )  # fmt: skip
        assert moved.controller != moved.previous_controller
        assert [(key.serial, key.revoked) for key in answer.retired_keys] == [(old.serial, True)]


@pytest.mark.usefixtures("clean_keyring")
async def test_a_rotation_that_fails_is_undone(guest: Guest, client: Client) -> None:
    """Without tlshd no handshake succeeds: the new key is given up, and the old one serves when tlshd is back."""
    old = (await client.keys.InsertTlsKey(pb.InsertTlsKeyRequest(**NAMES, psk=psk(1)))).key
    target = Target(NQN, ports=[Port(tls=True)])
    with nvmet.serving(guest, target):
        with nvmet.handshakes(guest):
            node = nvmet.connect(guest, target, tls=True, **PATIENT)
        request = pb.RotateTlsKeyRequest(**NAMES, psk=psk(2), acknowledge_disruption=True)
        with pytest.raises(NvmedError, match="acknowledge_disruption"):
            await client.keys.RotateTlsKey(pb.RotateTlsKeyRequest(**NAMES, psk=psk(2)))
        begun = await client.keys.RotateTlsKey(request)
        guest.wait(f"grep -qx connecting /sys/class/nvme/{node}/state")
        with nvmet.handshakes(guest):
            ended = await done(client, begun)
            assert ended.error.message.endswith("everything was put back as it was"), ended
            guest.wait(f"grep -qx live /sys/class/nvme/{node}/state")
            assert used_key(guest, node) == old.serial
    found = [part.key.serial async for part in client.keys.ScanTlsKeys(pb.ScanTlsKeysRequest())]
    assert found == [old.serial]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("hmac", [pb.HMAC_ALGORITHM_SHA256, pb.HMAC_ALGORITHM_SHA512])
async def test_rotation_of_secrets(guest: Guest, client: Client, hmac: pb.HmacAlgorithm) -> None:
    async def made(nqn: str) -> str:
        return (await client.keys.GenerateDhchapKey(pb.GenerateDhchapKeyRequest(hmac=hmac, nqn=nqn))).secret_text

    host, controller, new_host, new_controller = [await made(nqn) for nqn in (HOST_NQN, NQN) * 2]
    target = Target(NQN, hosts=[AllowedHost(key=host, controller_key=controller)])
    with nvmet.serving(guest, target):
        secrets: dict[str, Any] = {"dhchap_secret": host, "dhchap_ctrl_secret": controller}
        with nvmet.connected(guest, target, **secrets, **PATIENT) as node:
            request = pb.RotateDhchapKeyRequest(**NAMES, host_secret=new_host, acknowledge_disruption=True)
            refused = await done(client, await client.keys.RotateDhchapKey(request))  # the target does not have them
            assert "a connection like that" in refused.error.message, refused
            assert guest.sh(f"cat /sys/class/nvme/{node}/dhchap_secret").strip() == host
            assert guest.sh(f"cat /sys/class/nvme/{node}/state").strip() == "live"
            configured = f"{nvmet.CONFIG}/nvmet/hosts/{HOST_NQN}"
            guest.sh(nvmet.write(f"{configured}/dhchap_key", new_host))
            ended = await done(client, await client.keys.RotateDhchapKey(request))
            assert not ended.HasField("error"), ended.error.message
            guest.sh(nvmet.write(f"{configured}/dhchap_ctrl_key", new_controller))
            request = pb.RotateDhchapKeyRequest(**NAMES, controller_secret=new_controller, acknowledge_disruption=True)
            ended = await done(client, await client.keys.RotateDhchapKey(request))
            assert not ended.HasField("error"), ended.error.message
            guest.wait(f"grep -qx live /sys/class/nvme/{node}/state")
            assert nodes(guest) == [node]
            assert guest.sh(f"cat /sys/class/nvme/{node}/dhchap_secret").strip() == new_host
            assert guest.sh(f"cat /sys/class/nvme/{node}/dhchap_ctrl_secret").strip() == new_controller


async def test_secrets_are_not_in_the_daemons_log(guest: Guest, daemon: Daemon, client: Client) -> None:
    text = (await client.keys.GenerateTlsKey(pb.GenerateTlsKeyRequest())).text
    await client.keys.GenerateTlsKeyIdentity(pb.GenerateTlsKeyIdentityRequest(**NAMES, psk=pb.ConfiguredPsk(text=text)))
    log = await asyncio.to_thread(daemon.unit.log, 10_000)
    assert "GenerateTlsKeyIdentity" in log
    assert text[16:40] not in log
