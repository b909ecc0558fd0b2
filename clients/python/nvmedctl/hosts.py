"""Which hosts there are: their names, addresses, TLS, labels and failure domains.

    inventory = hosts.load("hosts.toml").select("rack = r7")
    async with inventory.hosts[0].client() as client: ...

A file of hosts, in TOML, YAML or JSON, or what an executable prints as JSON::

    failure_domain = ["rack"]            # hosts with the same values of these labels fail together

    [defaults]
    port = 8443                          # a host without address is HOST:PORT
    tls = { ca = "pki/ca.pem", certificate = "pki/fleet.pem", key = "pki/fleet.key" }

    [groups.r7]
    labels = { rack = "r7" }

    [hosts.node1]
    groups = ["r7"]
    labels = { model = "X1" }
    address = "10.0.0.1:8443"

What a host says goes before its groups, a later group before an earlier one, and groups before the defaults. Paths are
relative to the file. Ansible's inventories are read through its own JSON: see `nvmedctl.host_sources`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nvmed.errors import NvmedError
from nvmed.reasons import invalid_field
from nvmedctl import address as addresses
from nvmedctl import host_sources, selectors
from nvmedctl.address import Tls
from nvmedctl.client import Client

HOSTS_MAX = 100_000
LABELS_MAX = 64
LABEL_LENGTH_MAX = 256

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
"""What a host, a group or a label may be called."""

RESERVED = ("name", "group", "domain", "and", "or", "not")
"""Keys of selectors, which no label may be called."""

SECTIONS = {"failure_domain", "defaults", "groups", "hosts"}
FIELDS = {"address", "port", "labels", "tls", "groups"}
TLS_FIELDS = {"ca", "certificate", "key", "server_name"}


@dataclass(frozen=True, slots=True)
class Host:
    """A host whose drives nvmed manages. Two hosts of one `domain` are never to be disturbed together."""

    name: str
    address: str
    domain: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    tls: Tls | None = None

    def values(self, key: str) -> Sequence[str]:
        """What a selector compares for `key`."""
        special = {"name": (self.name,), "group": self.groups, "domain": (self.domain,)}
        if key in special:
            return special[key]
        return (self.labels[key],) if key in self.labels else ()

    def client(self, timeout: float | None = 60.0, metadata: Sequence[tuple[str, str]] = ()) -> Client:
        """A client of its daemon; made inside a running event loop. `metadata` goes with each call."""
        return Client(self.address, tls=self.tls, timeout=timeout, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Inventory:
    """Hosts, ordered by name."""

    hosts: tuple[Host, ...]

    def select(self, expression: str) -> Inventory:
        """Those that the selector lets through; INVALID_FIELD if it cannot be read, or lets none through."""
        wanted = selectors.parse(expression)
        found = tuple(host for host in self.hosts if wanted(host.values))
        if not found:
            raise invalid_field("select", f"{expression!r} selects none of {len(self.hosts)} hosts.")
        return Inventory(found)

    def named(self, names: Sequence[str]) -> Inventory:
        """The hosts of these names; INVALID_FIELD names the first that there is not."""
        by_name = {host.name: host for host in self.hosts}
        for name in names:
            if name not in by_name:
                raise invalid_field("hosts", f"{name} is in no host file; {len(self.hosts)} others are.")
        return Inventory(tuple(by_name[name] for name in sorted(set(names))))


def load(source: str) -> Inventory:
    """The hosts that `source` names: a file, an executable, or `ansible:INVENTORY`.

    INVALID_FIELD says what is wrong and where. Raises `OSError` for a file that cannot be read.
    """
    content, folder = host_sources.read(source)
    return parse(content, source, folder)


def parse(content: Mapping[str, Any], source: str, folder: Path) -> Inventory:
    """The hosts in `content`, which errors call `source`; paths in it are relative to `folder`."""
    try:
        _only(content, SECTIONS, "")
        groups = {name: _entry(entry, f"groups.{name}", folder) for name, entry in _table(content, "groups").items()}
        listed = _table(content, "hosts")
        if not 0 < len(listed) <= HOSTS_MAX:
            raise _wrong("hosts", f"{len(listed)} hosts; there must be 1 to {HOSTS_MAX}.")
        base = _entry(content.get("defaults", {}), "defaults", folder)
        domain = _domain(content.get("failure_domain", []))
        hosts = [_host(name, listed[name], base, groups, domain, folder) for name in sorted(listed)]
        _unique(hosts)
    except NvmedError as failure:
        raise invalid_field("hosts", f"{source}: {failure.message}") from failure
    return Inventory(tuple(hosts))


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one table says of a host; None and empty for what it leaves open."""

    address: str | None = None
    port: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tls: Tls | None = None
    groups: tuple[str, ...] = ()

    def over(self, other: _Entry) -> _Entry:
        """This one, and `other` where it leaves something open."""
        return replace(
            self,
            address=self.address or other.address,
            port=self.port or other.port,
            labels={**other.labels, **self.labels},
            tls=self.tls or other.tls,
        )


def _host(
    name: str, raw: Any, base: _Entry, groups: Mapping[str, _Entry], domain: tuple[str, ...], folder: Path
) -> Host:
    where = f"hosts.{name}"
    if not NAME.fullmatch(name):
        raise _wrong("hosts", f"{name!r} is no name of a host: letters, digits, `.`, `_` and `-`, 253 at most.")
    own = entry = _entry(raw, where, folder)
    for group in reversed(own.groups):
        if group not in groups:
            raise _wrong(f"{where}.groups", f"there is no group {group!r}.")
        entry = entry.over(groups[group])
    entry = entry.over(base)
    address = entry.address or (f"{name}:{entry.port}" if entry.port else "")
    if not address:
        raise _wrong(where, "lacks an address; give `address`, or a `port` for HOST:PORT.")
    try:
        where_it_listens = addresses.parse(address)
    except NvmedError as failure:
        raise _wrong(f"{where}.address", failure.message) from failure
    if not where_it_listens.is_loopback and entry.tls is None:
        raise _wrong(where, f"{address} is another host and needs TLS: give `tls` with ca, certificate and key.")
    labels = dict(entry.labels)
    values = [labels[label] for label in domain if label in labels]
    # A host that lacks the label shares its failures with nobody that is known.
    shared = "/".join(values) if len(values) == len(domain) and domain else f"host {name}"
    return Host(name, address, shared, labels, own.groups, None if where_it_listens.is_unix else entry.tls)


def _entry(raw: Any, where: str, folder: Path) -> _Entry:
    if not isinstance(raw, Mapping):
        raise _wrong(where, f"must be a table, not {raw!r}.")
    _only(raw, FIELDS, where)
    port = raw.get("port")
    if port is not None and (not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536):
        raise _wrong(f"{where}.port", f"must be 1 to 65535, not {port!r}.")
    return _Entry(
        address=_text(raw, "address", where),
        port=port,
        labels=_labels(raw.get("labels", {}), f"{where}.labels"),
        tls=_tls(raw.get("tls"), f"{where}.tls", folder),
        groups=_texts(raw.get("groups", []), f"{where}.groups"),
    )


def _labels(raw: Any, where: str) -> dict[str, str]:
    if not isinstance(raw, Mapping) or len(raw) > LABELS_MAX:
        raise _wrong(where, f"must be a table of at most {LABELS_MAX} texts.")
    for key, value in raw.items():
        if not isinstance(key, str) or not NAME.fullmatch(key) or key in RESERVED:
            raise _wrong(where, f"{key!r} is no name of a label; {', '.join(RESERVED)} are taken.")
        if not isinstance(value, (str, int, float, bool)) or len(str(value)) > LABEL_LENGTH_MAX:
            raise _wrong(f"{where}.{key}", f"must be a text of at most {LABEL_LENGTH_MAX} characters.")
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in raw.items()}


def _tls(raw: Any, where: str, folder: Path) -> Tls | None:
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise _wrong(where, f"must be a table, not {raw!r}.")
    _only(raw, TLS_FIELDS, where)
    paths = {name: _text(raw, name, where) for name in ("ca", "certificate", "key")}
    ca, certificate, key = (folder / text if text else None for text in paths.values())
    if ca is None:
        raise _wrong(where, "lacks `ca`, the certificates that the daemon's must be signed by.")
    return Tls(ca, certificate, key, _text(raw, "server_name", where) or "")


def _domain(raw: Any) -> tuple[str, ...]:
    return _texts([raw] if isinstance(raw, str) else raw, "failure_domain")


def _unique(hosts: Sequence[Host]) -> None:
    """Two names for one daemon would be two hosts to every limit."""
    known: dict[str, str] = {}
    for host in hosts:
        if (other := known.setdefault(host.address, host.name)) != host.name:
            raise _wrong(f"hosts.{host.name}", f"has the address of {other}, {host.address}; give each its own.")


def _only(raw: Mapping[str, Any], known: set[str], where: str) -> None:
    for unknown in (key for key in raw if key not in known):
        raise _wrong(f"{where}.{unknown}".lstrip("."), f"is unknown; there are {', '.join(sorted(known))}.")


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name, {})
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise _wrong(name, "must be a table with a table for each name.")
    return found


def _text(raw: Mapping[str, Any], name: str, where: str) -> str | None:
    value = raw.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise _wrong(f"{where}.{name}", f"must be a text, not {value!r}.")
    return value


def _texts(raw: Any, where: str) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple) or not all(isinstance(item, str) for item in raw):
        raise _wrong(where, f"must be a list of texts, not {raw!r}.")
    return tuple(raw)


def _wrong(where: str, what: str) -> NvmedError:
    return invalid_field(where, what)


def ranges(names: Sequence[str]) -> str:
    """Names for people, consecutive numbers as one: `node[1-3,7], db1`."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(set(names)):
        match = re.fullmatch(r"(.*?)(\d{1,18})(\D*)", name)
        grouped.setdefault((match[1], match[3]) if match else (name,), []).append(match[2] if match else "")
    return ", ".join(
        _range(*key, numbers=sorted(numbers, key=lambda n: (len(n), n))) for key, numbers in grouped.items()
    )


def _range(before: str, after: str = "", *, numbers: list[str]) -> str:
    if len(numbers) == 1:
        return f"{before}{numbers[0]}{after}"
    return f"{before}[{','.join(_runs(numbers))}]{after}"


def _runs(numbers: list[str]) -> Iterator[str]:
    first = last = numbers[0]
    for number in [*numbers[1:], ""]:
        if number and len(number) == len(last) and int(number) == int(last) + 1:
            last = number
            continue
        yield first if first == last else f"{first}-{last}"
        first = last = number


_PART = re.compile(r"(?:[^,\[\]]|\[[^\]]*\])+")
_RANGES = re.compile(r"\[(\d{1,18}(?:-\d{1,18})?(?:,\d{1,18}(?:-\d{1,18})?)*)\]")


def expand(text: str) -> list[str]:
    """The names that `text` stands for, as `ranges` writes them: `node[1-3,7], db1`. INVALID_FIELD for too many."""
    found: list[str] = []
    for part in _PART.findall(text):
        found += _expanded(part.strip(), HOSTS_MAX - len(found))
    return found


def _expanded(name: str, room: int) -> list[str]:
    match = _RANGES.search(name)
    if match is None:
        return [name] if name else []
    found: list[str] = []
    for first, _, last in (each.partition("-") for each in match[1].split(",")):
        numbers = range(int(first), int(last or first) + 1)
        if not 0 < len(numbers) <= room - len(found):
            raise invalid_field("host", f"{name} stands for no host, or for more than {HOSTS_MAX}.")
        for number in numbers:
            found += _expanded(f"{name[: match.start()]}{number:0{len(first)}}{name[match.end() :]}", room - len(found))
    return found
