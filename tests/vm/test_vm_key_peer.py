"""TLS keys as another implementation derives them: nvme-cli 2.13 with libnvme 1.13, in the same keyring."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from nvmedctl import Client

from nvmed.v1 import key_pb2 as pb
from tests.vm import nvmet
from tests.vm.daemon import Daemon
from tests.vm.guest import HOST_NQN, Guest
from tests.vm.lab.nvme_cli import COMMAND, PLACE, build_nvme_cli

NQN = "nqn.2026-01.dev.nvmed:key-peer"
NAMES: dict[str, Any] = {"host_nqn": HOST_NQN, "subsystem_nqn": NQN}
COMPAT = pb.TLS_KEY_DERIVATION_COMPAT
"""The derivation of libnvme 1.10 to 1.15."""


@pytest.fixture(scope="module")
def nvme(guest: Guest) -> str:
    """The command that starts it in the guest."""
    guest.put("/run/nvme-cli.tar", build_nvme_cli().read_bytes())
    guest.sh(f"mkdir -p {PLACE}; tar -C {PLACE} -xf /run/nvme-cli.tar; rm /run/nvme-cli.tar")
    assert "libnvme version 1.13" in guest.sh(f"{COMMAND} version")
    return COMMAND


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with daemon.client() as connected:
        yield connected


@pytest.mark.usefixtures("clean_keyring")
@pytest.mark.parametrize("size", [32, 48])
async def test_identities_and_keys_are_those_of_nvme_cli(guest: Guest, client: Client, nvme: str, size: int) -> None:
    """It inserts, nvmed recognises; and what nvmed inserts is found under the same identity."""
    secret = bytes(range(size)).hex()
    hmac = {32: 1, 48: 2}[size]
    text = guest.sh(f"{nvme} gen-tls-key --hmac={hmac} --secret={secret}").strip()
    for version in (0, 1):
        names = f"--hostnqn={HOST_NQN} --subsysnqn={NQN} --identity={version}"
        identity = guest.sh(f"{nvme} check-tls-key --keydata='{text}' {names}").strip()
        request = pb.GenerateTlsKeyIdentityRequest(
            **NAMES, psk=pb.ConfiguredPsk(text=text), identity_version=version, derivation=COMPAT
        )
        ours = await client.keys.GenerateTlsKeyIdentity(request)
        assert (ours.identity, ours.derivation, ours.version) == (identity, COMPAT, version)

        nvmet.keyring(guest, f"{nvme} check-tls-key --keydata='{text}' {names} --insert --keyring=.nvme")
        checked = await client.keys.CheckTlsKey(pb.CheckTlsKeyRequest(**NAMES, psk=pb.ConfiguredPsk(text=text)))
        (found,) = (
            variant for variant in checked.variants
            if variant.identity.identity == identity and variant.identity.derivation == COMPAT
        )  # fmt: skip
        assert found.loaded == checked.LOADED_DERIVED
        listed = nvmet.keyring(guest, f"keyctl rdescribe {found.serial}").strip().split("\n")[-1]
        assert listed.split(";", 4)[4] == identity

        insert = pb.InsertTlsKeyRequest(
            **NAMES, psk=pb.ConfiguredPsk(text=text), identity_version=version, derivation=COMPAT
        )
        inserted = (await client.keys.InsertTlsKey(insert)).key
        assert (inserted.previous_serial, inserted.identity.identity) == (found.serial, identity)


async def test_interchange_texts_are_read_by_each_other(guest: Guest, client: Client, nvme: str) -> None:
    text = (await client.keys.GenerateTlsKey(pb.GenerateTlsKeyRequest())).text
    checked = guest.sh(f"{nvme} check-tls-key --keydata='{text}' --hostnqn={HOST_NQN} --subsysnqn={NQN} --identity=0")
    assert checked.strip() == f"NVMe0R0{text.split(':')[1][1]} {HOST_NQN} {NQN}"
