"""The kernel's own NVMe target, in the guest, as peer for what a simulator cannot prove: ANA, authentication and TLS.

    with nvmet.serving(guest, Target(NQN, ports=[Port("tcp", 4420)])) as target, nvmet.connected(guest, target) as node:
        guest.sh(f"nvme id-ctrl /dev/{node}")

The target is made by writing into configfs, each connection by `fabrics`.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.vm import fabrics
from tests.vm.guest import HOST_NQN, Guest

CONFIG = "/sys/kernel/config"
HOST_DEVICES = f"{CONFIG}/nullb"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace in memory; `ana_group` is 1 unless the ports define more."""

    nsid: int = 1
    size_mib: int = 16
    ana_group: int = 1


@dataclass(frozen=True, slots=True)
class Port:
    """Where the target listens: "tcp" on 127.0.0.1 and this port number, or "loop", which knows no addresses.

    `ana` gives the state of each ANA group on this port; `tls` demands TLS 1.3.
    """

    transport: str = "tcp"
    service: int = 4420
    tls: bool = False
    ana: Mapping[int, str] = field(default_factory=lambda: {1: "optimized"})

    @property
    def address(self) -> dict[str, str]:
        """The address in the words of /dev/nvme-fabrics."""
        if self.transport == "loop":
            return {"transport": "loop"}
        return {"transport": self.transport, "traddr": "127.0.0.1", "trsvcid": str(self.service)}


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A host that may connect, with the DH-HMAC-CHAP keys ("DHHC-1:..") of host and controller, "" for none."""

    nqn: str = HOST_NQN
    key: str = ""
    controller_key: str = ""
    hash: str = "hmac(sha256)"
    dh_group: str = "null"


@dataclass(frozen=True, slots=True)
class Target:
    """One subsystem. Without `hosts`, any host may connect. `serial` is at most 20 characters."""

    nqn: str
    serial: str = "NVMED-NVMET"
    namespaces: Sequence[Namespace] = (Namespace(),)
    ports: Sequence[Port] = (Port(),)
    hosts: Sequence[AllowedHost] = ()

    @property
    def path(self) -> str:
        return f"{CONFIG}/nvmet/subsystems/{self.nqn}"

    def port_path(self, port: Port) -> str:
        """configfs numbers ports; `service` is unique and fits."""
        return f"{CONFIG}/nvmet/ports/{port.service}"

    def disk(self, namespace: Namespace) -> str:
        """The name of the null_blk device behind a namespace."""
        return f"{re.sub('[^a-z0-9]', '', self.nqn.rpartition(':')[2])[-16:]}x{namespace.nsid}"


def write(path: str, value: object) -> str:
    """A line of shell that writes one attribute, without a newline: keys are taken literally."""
    return f"printf %s {shlex.quote(str(value))} > {shlex.quote(path)}"


def creation(target: Target) -> Iterator[str]:
    """The lines of shell that make the target."""
    modules = {f"nvmet-{port.transport}" for port in target.ports} - {"nvmet-loop"} | {"nvme-loop"}
    yield f"modprobe -a nvmet nvme-tcp {' '.join(sorted(modules))}; modprobe null_blk nr_devices=0"
    yield f"mkdir {target.path}"
    yield write(f"{target.path}/attr_serial", target.serial)
    yield write(f"{target.path}/attr_allow_any_host", int(not target.hosts))
    for namespace in target.namespaces:
        disk = f"{HOST_DEVICES}/{target.disk(namespace)}"
        yield f"mkdir {disk}"
        for attribute, value in (("size", namespace.size_mib), ("memory_backed", 1), ("power", 1)):
            yield write(f"{disk}/{attribute}", value)
        path = f"{target.path}/namespaces/{namespace.nsid}"
        yield f"mkdir {path}"
        yield write(f"{path}/device_path", f"/dev/{target.disk(namespace)}")
        yield write(f"{path}/ana_grpid", namespace.ana_group)
        yield write(f"{path}/enable", 1)
    for host in target.hosts:
        path = f"{CONFIG}/nvmet/hosts/{host.nqn}"
        yield f"mkdir {path}"
        yield write(f"{path}/dhchap_hash", host.hash)
        yield write(f"{path}/dhchap_dhgroup", host.dh_group)
        for attribute, key in (("dhchap_key", host.key), ("dhchap_ctrl_key", host.controller_key)):
            if key:
                yield write(f"{path}/{attribute}", key)
        yield f"ln -s {path} {target.path}/allowed_hosts/"
    for port in target.ports:
        yield from port_creation(target, port)


def port_creation(target: Target, port: Port) -> Iterator[str]:
    """The lines of shell that open one port, last of all: from then on hosts connect."""
    path = target.port_path(port)
    attributes = {"addr_trtype": port.transport}
    if port.transport != "loop":
        attributes |= {"addr_adrfam": "ipv4", "addr_traddr": "127.0.0.1", "addr_trsvcid": str(port.service)}
    if port.tls:
        attributes |= {"addr_tsas": "tls1.3", "addr_treq": "required"}
    yield f"mkdir {path}"
    for attribute, value in attributes.items():
        yield write(f"{path}/{attribute}", value)
    for group, state in port.ana.items():
        yield f"mkdir -p {path}/ana_groups/{group}"
        yield write(f"{path}/ana_groups/{group}/ana_state", state)
    yield f"ln -s {target.path} {path}/subsystems/"


def removal(target: Target) -> Iterator[str]:
    """The lines of shell that remove whatever part of the target there is."""
    yield f"nvme disconnect -n {target.nqn} > /dev/null || true"
    for port in target.ports:
        path = target.port_path(port)
        yield f"rm -f {path}/subsystems/{target.nqn}"
        yield from (f"! [ -d {path} ] || rmdir {path}/ana_groups/{group}" for group in port.ana if group != 1)
        yield f"! [ -d {path} ] || rmdir {path}"
    for host in target.hosts:
        yield f"rm -f {target.path}/allowed_hosts/{host.nqn}"
        yield f"! [ -d {CONFIG}/nvmet/hosts/{host.nqn} ] || rmdir {CONFIG}/nvmet/hosts/{host.nqn}"
    for namespace in target.namespaces:
        path, disk = f"{target.path}/namespaces/{namespace.nsid}", f"{HOST_DEVICES}/{target.disk(namespace)}"
        yield f"! [ -d {path} ] || {{ {write(f'{path}/enable', 0)}; rmdir {path}; }}"
        yield f"! [ -d {disk} ] || {{ {write(f'{disk}/power', 0)}; rmdir {disk}; }}"
    yield f"! [ -d {target.path} ] || rmdir {target.path}"


@contextlib.contextmanager
def serving(guest: Guest, target: Target) -> Iterator[Target]:
    """The target, while the block lasts; its connections are closed with it."""
    try:
        guest.sh("\n".join(creation(target)))
        yield target
    finally:
        guest.sh("\n".join(removal(target)))


def set_ana_state(guest: Guest, target: Target, port: Port, group: int, state: str) -> None:
    """Change a group's state on a port, which tells the hosts connected there."""
    guest.sh(write(f"{target.port_path(port)}/ana_groups/{group}/ana_state", state))


def wait_ana_state(guest: Guest, node: str, nsid: int, state: str) -> None:
    """Wait until the kernel has this state for a controller's path to a namespace: nvme3c3n1 may be the second."""
    path = f"$(grep -lx {nsid} /sys/class/nvme/{node}/nvme*c*n*/nsid | sed s/nsid$/ana_state/)"
    guest.wait(f'grep -qx {state} "{path}"')


def connect(guest: Guest, target: Target, port: Port | None = None, **options: str | int) -> str:
    """Connect the guest to its own target; options, result and errors as those of `fabrics.connect`."""
    return fabrics.connect(guest, target.nqn, **(port or target.ports[0]).address, **options)


def connected(
    guest: Guest, target: Target, port: Port | None = None, **options: str | int
) -> contextlib.AbstractContextManager[str]:
    """The same while the block lasts."""
    return fabrics.connected(guest, target.nqn, **(port or target.ports[0]).address, **options)


def keyring(guest: Guest, script: str, stdin: bytes = b"") -> str:
    """Run a shell script that possesses the keyring .nvme, whose serial number is $ring, and return what it printed.

    It runs in a session keyring of its own, where .nvme is linked: root owns that keyring but does not possess it.
    """
    prologue = 'ring=0x$(awk \'$8 == "keyring" && $9 == ".nvme:" {print $1}\' /proc/keys); keyctl link $ring @s\n'
    return guest.sh(f"keyctl session - bash -euc {shlex.quote(prologue + script)}", stdin=stdin)


def add_key(guest: Guest, identity: str, key: bytes) -> str:
    """Load a TLS key under `identity` and return its serial number."""
    return keyring(guest, f"keyctl padd psk '{identity}' $ring", stdin=key).strip()


@contextlib.contextmanager
def handshakes(guest: Guest) -> Iterator[None]:
    """tlshd, the daemon that does TLS handshakes for the kernel, with the keys of the keyring .nvme.

    systemd calls it active as soon as it has been started. The kernel has nobody to ask (ESRCH) until tlshd has joined
    its multicast group: a generic netlink socket (family 16) named by the process (the lower 22 bits) with a group.
    """
    guest.sh("modprobe tls")
    with guest.unit("tlshd", "/usr/sbin/tlshd"):
        guest.wait(
            "pid=$(systemctl show -P MainPID tlshd); [ $pid != 0 ] && "
            "awk -v pid=$pid '$2 == 16 && $3 % 4194304 == pid && $4 ~ /[1-9a-f]/ { n++ } END { exit !n }' "
            "/proc/net/netlink"
        )
        yield
