"""What the kernel says about a key, as text: `KEYCTL_DESCRIBE` and the lines of /proc/keys. No key material is here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, unique

from nvmed.keys.identity import TlsIdentity, try_parse_identity

_TLS_KEY = re.compile(r"NVMe\d.\d\d ")
_DESCRIBED = re.compile(r"([^;]+);(\d{1,10});(\d{1,10});([0-9a-f]{8});(.*)", re.ASCII | re.DOTALL)
_PROC_LINE = re.compile(
    r"([0-9a-f]{8}) (\S{7}) +(\d+) +(perm|expd|\d+[smhdw]) +([0-9a-f]{8}) +(\d+) +(\d+) (\S+) +(.*)", re.ASCII
)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """A key as KEYCTL_DESCRIBE shows it: `type;uid;gid;perm;description`.

    `permissions` are four bytes, possessor first, then user, group, other; in each 0x01 view, 0x02 read, 0x04 write,
    0x08 search, 0x10 link, 0x20 set attributes (keyrings(7)). `description` is whole, whatever semicolons are in it;
    bytes that are no UTF-8 stand in it as surrogates (`surrogateescape`).
    """

    type: str
    uid: int
    gid: int
    permissions: int
    description: str

    def __str__(self) -> str:
        return f"{self.type};{self.uid};{self.gid};{self.permissions:08x};{self.description}"

    @property
    def names_tls_key(self) -> bool:
        """Whether `nvme_scan_tls_keys` takes this for a TLS PSK's: `NVMe<digit><letter><2 digits> `, then anything."""
        return _TLS_KEY.match(self.description) is not None

    @property
    def identity(self) -> TlsIdentity | None:
        """The identity that the description is, or None: what `names_tls_key` takes need not be a valid one."""
        return try_parse_identity(self.description)


def parse_description(text: str) -> KeyDescription:
    """Split what KEYCTL_DESCRIBE returned; ValueError if it is nothing of the kind."""
    parts = _DESCRIBED.fullmatch(text)
    if parts is None:
        raise ValueError("not a key description: type;uid;gid;perm;description")
    return KeyDescription(parts[1], int(parts[2]), int(parts[3]), int(parts[4], 16), parts[5])


@unique
class ExpiryState(Enum):
    """Whether a key expires. UNKNOWN where /proc/keys is hidden (`ProcSubset=pid`) or does not show the key."""

    UNKNOWN = "unknown"
    PERMANENT = "permanent"
    EXPIRES = "expires"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class KeyExpiry:
    """When a key expires: in `remaining_s` to `remaining_s + resolution_s` seconds, since the kernel rounds down to the
    unit it prints (seconds, minutes, hours, days, weeks). Both are 0 unless `state` is EXPIRES."""

    state: ExpiryState
    remaining_s: int = 0
    resolution_s: int = 0


UNKNOWN_EXPIRY = KeyExpiry(ExpiryState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ProcKey:
    """A line of /proc/keys. `flags` are the kernel's letters (I instantiated, R revoked, D dead, Q in quota, ...).

    `description` is what the type makes of it (a keyring's is followed by its count) and may be forged: a key's name
    may contain a newline and what looks like the next line. Only KEYCTL_DESCRIBE of `serial` tells the truth.
    """

    serial: int
    flags: str
    expiry: KeyExpiry
    permissions: int
    uid: int
    gid: int
    type: str
    description: str


def parse_expiry(text: str) -> KeyExpiry:
    """The timeout column of /proc/keys: `perm`, `expd`, or a number with s, m, h, d or w."""
    if text == "perm":
        return KeyExpiry(ExpiryState.PERMANENT)
    if text == "expd":
        return KeyExpiry(ExpiryState.EXPIRED)
    unit = _UNIT_S[text[-1]]
    return KeyExpiry(ExpiryState.EXPIRES, int(text[:-1]) * unit, unit)


def parse_proc_line(line: str) -> ProcKey | None:
    """A line of /proc/keys (`proc_keys_show`), or None if it is none."""
    parts = _PROC_LINE.fullmatch(line.rstrip("\n"))
    if parts is None:
        return None
    return ProcKey(
        serial=int(parts[1], 16),
        flags=parts[2],
        expiry=parse_expiry(parts[4]),
        permissions=int(parts[5], 16),
        uid=int(parts[6]),
        gid=int(parts[7]),
        type=parts[8],
        description=parts[9],
    )
