"""Keys of type psk in `.nvme`, and handshakes of the kernel with what nvmed made.

Host and target are one kernel with one keyring: a handshake shows identity, type and insertion, not derivation.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.vm import nvmet
from tests.vm.guest import HOST_NQN, Guest, GuestError
from tests.vm.nvmet import AllowedHost, Port, Target

NQN = "nqn.2026-01.dev.nvmed:keys"


def insert(subsystem: str, host: str, version: int, byte: int) -> dict[str, Any]:
    """In the guest: insert a TLS key, through nvmed, in a process that then ends."""
    import asyncio

    from nvmed.keyring.keyring import Keyring
    from nvmed.keys.psk import PskHash
    from nvmed.keys.secret import Secret
    from nvmed.linux.key_thread import KeyThread

    thread = KeyThread()
    inserted = asyncio.run(
        Keyring(thread).insert_tls_key(
            Secret(bytes([byte]) * 32), host, subsystem, version=version, hash_=PskHash.SHA256
        )
    )
    thread.close()
    return {
        "identity": inserted.identity,
        "serial": inserted.key.serial,
        "previous": inserted.key.previous_serial,
        "outcome": inserted.key.outcome.value,
    }


def ask(call: str, *arguments: object) -> object:
    """In the guest: what a method of `Keyring` says: a serial, the serials found, or the reason of the error."""
    import asyncio

    from nvmed.errors import NvmedError
    from nvmed.keyring.keyring import Keyring
    from nvmed.linux.key_thread import KeyThread

    async def answer() -> object:
        method = getattr(Keyring(thread), call)
        if call == "scan_tls_keys":
            return [[key.serial, str(key.about.identity), key.expiry.state.value] async for key in method(*arguments)]
        return await method(*arguments)

    thread = KeyThread()
    try:
        result = asyncio.run(answer())
    except NvmedError as failure:
        return failure.reason
    finally:
        thread.close()
    return result if isinstance(result, int | list) else str(result)


@pytest.mark.usefixtures("clean_keyring")
def test_a_psk_is_displaced_and_the_old_one_revoked(guest: Guest) -> None:
    first = guest.call(insert, NQN, HOST_NQN, 0, 1)
    second = guest.call(insert, NQN, HOST_NQN, 0, 2)
    assert (first["outcome"], second["outcome"]) == ("created", "replaced")
    assert second["previous"] == first["serial"] != second["serial"]
    assert guest.call(ask, "describe_key", first["serial"]) in {"KEY_REVOKED", "KEY_NOT_FOUND"}
    assert guest.call(ask, "lookup_key", "psk", second["identity"], ".nvme") == second["serial"]


@pytest.mark.usefixtures("clean_keyring")
def test_a_key_whose_name_begins_like_another_is_another(guest: Guest) -> None:
    """The kernel matches psk keys by prefix: libnvme revokes the key of x10 when that of x1 is inserted."""
    long = guest.call(insert, f"{NQN}.x10", HOST_NQN, 0, 1)
    assert guest.call(ask, "lookup_key", "psk", long["identity"].removesuffix("0"), ".nvme") == "KEY_NOT_FOUND"
    short = guest.call(insert, f"{NQN}.x1", HOST_NQN, 0, 2)
    assert (short["outcome"], short["previous"]) == ("created", 0)
    scanned = guest.call(ask, "scan_tls_keys")
    assert isinstance(scanned, list)
    assert sorted(key[:2] for key in scanned) == sorted([key["serial"], key["identity"]] for key in (long, short))
    assert {key[2] for key in scanned} == {"permanent"}
    assert guest.call(insert, f"{NQN}.x1", HOST_NQN, 0, 3)["previous"] == short["serial"]
    assert guest.call(insert, f"{NQN}.x10", HOST_NQN, 0, 3)["previous"] == long["serial"]
    assert guest.call(ask, "revoke_tls_key", short["identity"]) != long["serial"]
    assert guest.call(ask, "revoke_tls_key", short["identity"]) in {"KEY_REVOKED", "KEY_NOT_FOUND"}


@pytest.mark.usefixtures("clean_keyring")
@pytest.mark.parametrize("version", [0, 1])
def test_an_inserted_key_lets_a_tls_connection_through(guest: Guest, version: int) -> None:
    key = guest.call(insert, NQN, HOST_NQN, version, 7)
    target = Target(NQN, ports=[Port(tls=True)])
    with nvmet.handshakes(guest), nvmet.serving(guest, target):
        with nvmet.connected(guest, target, tls=True) as node:
            assert int(guest.sh(f"cat /sys/class/nvme/{node}/tls_key"), 16) == key["serial"]
        assert guest.call(ask, "revoke_tls_key", key["identity"]) == key["serial"]
        with pytest.raises(GuestError):
            nvmet.connect(guest, target, tls=True)


@pytest.mark.usefixtures("clean_keyring")
def test_a_key_for_another_host_lets_nothing_through(guest: Guest) -> None:
    guest.call(insert, NQN, "nqn.2026-01.dev.nvmed:another-host", 0, 7)
    target = Target(NQN, ports=[Port(tls=True)])
    with nvmet.handshakes(guest), nvmet.serving(guest, target), pytest.raises(GuestError):
        nvmet.connect(guest, target, tls=True)


def dhchap(secret: str, hmac: int, nqn: str) -> list[str]:
    """In the guest: both texts that nvmed makes of a secret."""
    from nvmed.keys.dhchap import HmacAlgorithm, make_key
    from nvmed.keys.secret import Secret

    made = make_key(Secret(bytes.fromhex(secret)), HmacAlgorithm(hmac), nqn)
    assert made.transformed_text is not None
    return [made.secret_text.reveal_text(), made.transformed_text.reveal_text()]


@pytest.mark.parametrize("hmac", [1, 2, 3])
def test_both_ends_prove_themselves_with_secrets_of_nvmed(guest: Guest, hmac: int) -> None:
    size = {1: 32, 2: 48, 3: 64}[hmac]
    host_texts = guest.call(dhchap, bytes(range(size)).hex(), hmac, HOST_NQN)
    controller_texts = guest.call(dhchap, bytes(range(size, 2 * size)).hex(), hmac, NQN)
    made = f"nvme gen-dhchap-key --hmac={hmac} --key-length={size} --secret={bytes(range(size)).hex()} -n {HOST_NQN}"
    assert guest.sh(made).strip() == host_texts[1]  # nvme-cli 2 transforms
    digest = {1: "hmac(sha256)", 2: "hmac(sha384)", 3: "hmac(sha512)"}[hmac]
    for ours, theirs in zip(host_texts, controller_texts, strict=True):
        host = AllowedHost(key=ours, controller_key=theirs, hash=digest, dh_group="ffdhe2048")
        target = Target(NQN, hosts=[host])
        with (
            nvmet.serving(guest, target),
            nvmet.connected(guest, target, dhchap_secret=ours, dhchap_ctrl_secret=theirs) as node,
        ):
            assert guest.sh(f"cat /sys/class/nvme/{node}/state").strip() == "live"
