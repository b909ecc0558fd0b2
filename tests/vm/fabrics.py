"""Connecting the guest to targets, by writing into /dev/nvme-fabrics as libnvme does.

nvme-cli 2.3 refuses a second connection to the same address and NQN, and knows nothing of TLS keys.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator

from tests.vm.guest import HOST_ID, HOST_NQN, Guest


def connect(guest: Guest, nqn: str, **options: str | int) -> str:
    """Connect to the subsystem `nqn` and return the controller's name, such as "nvme3".

    `options` are the kernel's: transport, traddr, trsvcid, dhchap_secret, tls_key, ctrl_loss_tmo..; one that is True
    stands by itself (tls). GuestError, with what the kernel logged last, if the kernel refuses.
    """
    words = {"nqn": nqn, "hostnqn": HOST_NQN, "hostid": HOST_ID, **options}
    line = ",".join(name if value is True else f"{name}={value}" for name, value in words.items())
    script = f"""
        exec 3<>/dev/nvme-fabrics
        printf %s {shlex.quote(line)} >&3 || {{ dmesg | tail -n 5 >&2; exit 1; }}
        cat <&3
    """
    found = re.search(r"instance=(\d+)", guest.sh(script))
    assert found, "the kernel connected without saying what"
    return f"nvme{found[1]}"


@contextlib.contextmanager
def connected(guest: Guest, nqn: str, **options: str | int) -> Iterator[str]:
    """A connection while the block lasts: see `connect`."""
    node = connect(guest, nqn, **options)
    try:
        yield node
    finally:
        guest.run("nvme", "disconnect", "-d", node)
