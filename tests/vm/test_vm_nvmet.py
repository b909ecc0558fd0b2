"""The kernel's target works in the guest, driven by nvme-cli and keyctl alone: what nvmed does with it comes later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm import nvmet
from tests.vm.guest import HOST_NQN, Guest, GuestError
from tests.vm.nvmet import AllowedHost, Namespace, Port, Target

NQN = "nqn.2026-01.dev.nvmed:test"


@pytest.mark.parametrize("transport", ["tcp", "loop"])
def test_read_and_write(guest: Guest, transport: str) -> None:
    target = Target(NQN, ports=[Port(transport)])
    with nvmet.serving(guest, target), nvmet.connected(guest, target) as node:
        identify = guest.json(f"nvme id-ctrl /dev/{node} -o json")
        assert (identify["sn"].strip(), identify["subnqn"]) == (target.serial, NQN)
        assert guest.sh(f"cat /sys/class/nvme/{node}/transport").strip() == transport
        guest.wait(f"[ -b /dev/{node}n1 ]")
        guest.sh(f"head -c 65536 /dev/urandom > /tmp/block; dd if=/tmp/block of=/dev/{node}n1 oflag=direct bs=64k")
        guest.sh(f"dd if=/dev/{node}n1 iflag=direct bs=64k count=1 | cmp - /tmp/block; rm /tmp/block")


def test_two_paths_with_ana(guest: Guest) -> None:
    near, far = Port("tcp", 4420), Port("tcp", 4421, ana={1: "non-optimized", 2: "inaccessible"})
    target = Target(NQN, namespaces=[Namespace(1), Namespace(2, ana_group=2)], ports=[near, far])
    with (
        nvmet.serving(guest, target),
        nvmet.connected(guest, target, near),
        nvmet.connected(guest, target, far) as second,
    ):
        states = f"cat /sys/class/nvme/{second}/nvme*c*n*/ana_state | sort | xargs"
        guest.wait(f'[ "$({states})" = "inaccessible non-optimized" ]')
        nvmet.set_ana_state(guest, target, far, 2, "optimized")
        guest.wait(f'[ "$({states})" = "non-optimized optimized" ]')
        log = guest.json(f"nvme ana-log /dev/{second} -o json")
        assert {group["grpid"] for group in log["ANA DESC LIST "]} >= {1, 2}


@pytest.mark.parametrize("digest", [1, 2, 3])
def test_both_ends_prove_themselves(guest: Guest, digest: int) -> None:
    secret = guest.sh(f"nvme gen-dhchap-key --hmac={digest} -n {HOST_NQN}").strip()
    controller_secret = guest.sh(f"nvme gen-dhchap-key --hmac={digest} -n {NQN}").strip()
    hash_name = {1: "hmac(sha256)", 2: "hmac(sha384)", 3: "hmac(sha512)"}[digest]
    host = AllowedHost(key=secret, controller_key=controller_secret, hash=hash_name, dh_group="ffdhe2048")
    target = Target(NQN, hosts=[host])
    with (
        nvmet.serving(guest, target),
        nvmet.connected(guest, target, dhchap_secret=secret, dhchap_ctrl_secret=controller_secret) as node,
    ):
        assert guest.sh(f"cat /sys/class/nvme/{node}/state").strip() == "live"
        assert guest.sh(f"cat /sys/class/nvme/{node}/dhchap_secret").strip() == secret


@pytest.mark.usefixtures("quick")
def test_a_wrong_secret_connects_nobody(guest: Guest) -> None:
    right, wrong = (guest.sh(f"nvme gen-dhchap-key --hmac=1 -n {HOST_NQN}").strip() for _ in range(2))
    target = Target(NQN, hosts=[AllowedHost(key=right)])
    with nvmet.serving(guest, target), pytest.raises(GuestError):
        nvmet.connect(guest, target, dhchap_secret=wrong)


def identity(host: str = HOST_NQN) -> str:
    """Version 0, a retained key with SHA-256: it names the two parties alone, so that any key does between them."""
    return f"NVMe0R01 {host} {NQN}"


@pytest.fixture
def key(guest: Guest) -> Iterator[str]:
    """The serial number of a TLS key that host and target share, both being this kernel."""
    serial = nvmet.add_key(guest, identity(), bytes(range(32)))
    yield serial
    nvmet.keyring(guest, f"keyctl revoke {serial}")


def tls_key(guest: Guest, node: str) -> int:
    return int(guest.sh(f"cat /sys/class/nvme/{node}/tls_key"), 16)


def test_tls_by_default_and_by_serial_number(guest: Guest, key: str) -> None:
    target = Target(NQN, ports=[Port(tls=True)])
    with nvmet.handshakes(guest), nvmet.serving(guest, target):
        with nvmet.connected(guest, target, tls=True) as node:
            assert tls_key(guest, node) == int(key)
        with nvmet.connected(guest, target, tls=True, tls_key=key) as node:
            assert tls_key(guest, node) == int(key)
        with pytest.raises(GuestError):  # a required key that is not offered
            nvmet.connect(guest, target)


def test_no_tls_without_the_right_key(guest: Guest) -> None:
    target = Target(NQN, ports=[Port(tls=True)])
    other = nvmet.add_key(guest, identity(host="nqn.2026-01.dev.nvmed:another-host"), bytes(range(32)))
    revoked = nvmet.add_key(guest, identity(), bytes(range(32)))
    nvmet.keyring(guest, f"keyctl revoke {revoked}")
    with nvmet.handshakes(guest), nvmet.serving(guest, target), pytest.raises(GuestError):
        nvmet.connect(guest, target, tls=True)
    nvmet.keyring(guest, f"keyctl revoke {other}")
