"""The configuration: one TOML file, checked as a whole before anything of it is used.

Its schema is here and nowhere else: `docs/configure.md` is generated from it. A field that is not known, of another
type or out of range is refused with its path; what needs other parts of the house (roles that exist, certificates that
fit) is checked by those. Options of the command line go before the file.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from nvmed import limits
from nvmed.config_events import Events as Events
from nvmed.config_events import SlowDrives as SlowDrives
from nvmed.config_kept import Audit as Audit
from nvmed.config_kept import Captures as Captures
from nvmed.config_kept import History as History
from nvmed.config_kept import Support as Support
from nvmed.config_otel import Otel as Otel
from nvmed.config_table import (
    MODE_PATTERN,
    NAME_PATTERN,
    URL_FOLDER_PATTERN,
    AbsolutePath,
    Count,
    Mode,
    Name,
    OptionalPath,
    Table,
    UrlFolder,
)
from nvmed.trusted import FILE_BYTES_MAX as FILE_BYTES_MAX
from nvmed.trusted import explained
from nvmed.trusted import invalid as invalid
from nvmed.trusted import read_trusted as read_trusted
from nvmed.trusted import toml as toml
from nvmed.trusted import why as why


class UnixListener(Table, frozen=True):
    """A unix socket. Whoever may open it is its principal: owner, group and mode of the file are the proof."""

    path: Annotated[
        AbsolutePath,
        Meta(
            description="The socket, of at most 107 bytes. No other user may own or write a directory on the way to it."
        ),
    ]
    mode: Annotated[Mode, Meta(description="Mode of the socket, in octal.")] = "0600"
    group: Annotated[str, Meta(description="Group of the socket; empty for the daemon's own.")] = ""
    principal: Annotated[Name, Meta(description="Callers are `unix:PRINCIPAL` in bindings, logs and audit.")] = "admin"
    roles: Annotated[tuple[Name, ...], Meta(description="Roles of its callers over everything, beside bindings.")] = ()


class TlsListener(Table, frozen=True):
    """TCP with TLS 1.3 and client certificates. Callers are who their certificate's URI and DNS names say."""

    address: Annotated[str, Meta(description="`ADDRESS:PORT`, an IPv6 address in brackets; port 0 for a free one.")]
    certificate: Annotated[AbsolutePath, Meta(description="The server's certificate and what leads to its root, PEM.")]
    key: Annotated[AbsolutePath, Meta(description="Its private key, PEM without a passphrase; not readable by others.")]
    client_ca: Annotated[
        AbsolutePath,
        Meta(description="Certificates that clients' certificates must be signed by, PEM. No others are trusted."),
    ]


class Loopback(Table, frozen=True):
    """Plain TCP, without identity, for tests on one machine. Everyone on it is the principal `loopback`."""

    address: Annotated[str, Meta(description="`ADDRESS:PORT` with a loopback address.")]
    roles: Annotated[tuple[Name, ...], Meta(description="Roles of everyone on this machine.")] = ("admin",)


class Listen(Table, frozen=True):
    """Where clients connect."""

    unix: Annotated[tuple[UnixListener, ...], Meta(description="Unix sockets.")] = ()
    tls: Annotated[tuple[TlsListener, ...], Meta(description="TCP with mutual TLS.")] = ()
    insecure_loopback: Annotated[Loopback | None, Meta(description="Plain TCP on loopback.")] = None


class HostConfig(Table, frozen=True):
    """Whose drives are managed."""

    simulate: Annotated[
        int, Meta(ge=0, le=64, description="Manage so many simulated drives instead of this host's.")
    ] = 0
    simulate_from: Annotated[
        tuple[AbsolutePath, ...], Meta(max_length=64, description="Recordings of drives to simulate as well.")
    ] = ()
    simulate_faults: Annotated[
        OptionalPath, Meta(description="File of faults that simulated drives have from the start.")
    ] = ""
    simulate_keyring: Annotated[
        bool, Meta(description="Keep keys in a simulated keyring of the daemon's own, not in the kernel's.")
    ] = False
    sysfs_root: Annotated[AbsolutePath, Meta(description="sysfs.")] = "/sys"
    dev_root: Annotated[AbsolutePath, Meta(description="Device nodes.")] = "/dev"

    @property
    def is_simulated(self) -> bool:
        """Whether none of this host's drives is touched."""
        return bool(self.simulate or self.simulate_from)


class Role(Table, frozen=True):
    """A role: a set of permissions, by the name of its table."""

    permissions: Annotated[
        tuple[str, ...], Meta(min_length=1, description="Permissions, as `docs/secure.md` lists them; no patterns.")
    ]


class Binding(Table, frozen=True):
    """Who has which roles over what. Nobody has what no binding gives."""

    principals: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Patterns of `uri:...`, `dns:...`, `unix:...` or `loopback`."),
    ]
    roles: Annotated[tuple[Name, ...], Meta(min_length=1, description="Names of roles.")]
    resources: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Patterns of resource names, and `host` for what is about the whole host."),
    ] = ("**",)


class Policy(Table, frozen=True):
    """What callers may do, beside what the roles that ship allow: see `docs/secure.md`."""

    roles: Annotated[dict[Name, Role], Meta(description="Roles of your own; those that ship cannot be changed.")] = {}  # noqa: RUF012  # a struct copies it
    bindings: Annotated[tuple[Binding, ...], Meta(description="Who has which roles over what.")] = ()
    blocked: Annotated[
        tuple[str, ...],
        Meta(description="Patterns of principals that may do nothing, whatever bindings say: the way to revoke."),
    ] = ()
    passthru_rules: Annotated[
        OptionalPath,
        Meta(
            description="File of rules for passthrough commands, before those that ship. While it is missing or wrong, "
            "nothing is passed through."
        ),
    ] = ""


class Metrics(Table, frozen=True):
    """Metrics for Prometheus: they name drives, keys and callers' methods, no secrets. `address` is plain HTTP without
    authentication, for this host alone; `tls` is HTTPS for callers with `metrics.read` over the host.
    """

    address: Annotated[
        str, Meta(description="`ADDRESS:PORT` with a loopback address, `unix:/path`, or empty for none.")
    ] = ""
    tls: Annotated[tuple[TlsListener, ...], Meta(description="HTTPS with client certificates, as for gRPC.")] = ()
    group: Annotated[str, Meta(description="Group that may open the unix socket; empty for root alone.")] = ""
    sample_interval_s: Annotated[
        int, Meta(ge=5, le=86_400, description="How often drives are asked for SMART data; scrapes never ask them.")
    ] = 60


class Limits(Table, frozen=True):
    """How much one caller may take, so that others are served. GetServerInfo shows them, with those that are fixed."""

    calls_per_second: Annotated[Count, Meta(description="Calls of one principal, in the long run.")] = 200
    calls_burst: Annotated[Count, Meta(description="Calls of one principal at once after a pause.")] = 400
    calls_at_once: Annotated[Count, Meta(description="Calls of one principal that run, streams not counted.")] = 128
    streams_at_once: Annotated[Count, Meta(description="Streams of one principal that run.")] = 64
    connections: Annotated[Count, Meta(description="Connections of each address that is listened on.")] = 1000
    connections_per_address: Annotated[Count, Meta(description="TCP connections of each address of clients.")] = 64
    connections_per_principal: Annotated[
        Count, Meta(description="TCP connections to an address over which one principal makes calls.")
    ] = 64
    connections_silent: Annotated[
        Count,
        Meta(
            description="TCP connections to an address over which nobody who is known has made a call yet, those in "
            "their handshake among them; the oldest end where there are more."
        ),
    ] = 256
    connection_idle_s: Annotated[
        int, Meta(ge=10, le=604_800, description="A connection ends after so long without a call.")
    ] = 300
    streams_per_connection: Annotated[
        Count, Meta(description="Calls and streams at once over one connection; clients wait with more.")
    ] = 256
    bytes_in_flight: Annotated[
        int,
        Meta(
            ge=16 * limits.MIB,
            le=limits.KIB * limits.MIB,
            description="Bytes of messages and streams that all callers together have in memory; of these a caller can "
            "hold at most a third of what it leaves free.",
        ),
    ] = 256 * limits.MIB
    connection_age_s: Annotated[
        int,
        Meta(
            ge=60,
            le=604_800,
            description="A connection takes no new calls after this, so that clients prove who they are again.",
        ),
    ] = 3600
    handshake_timeout_s: Annotated[
        int, Meta(ge=1, le=120, description="Time that a client has for its TLS handshake.")
    ] = 10


class Fetch(Table, frozen=True):
    """Images that the host fetches by itself (FetchImage), from HTTPS servers that are allowed: see `docs/firmware.md`.

    The unit lets no packet out until a drop-in opens it to these servers and to the resolver of names.
    """

    allow: Annotated[
        tuple[UrlFolder, ...],
        Meta(
            description="URLs of folders, as `https://images.example.org/firmware/`: an image must lie under one of "
            "them, also where a server redirects to. Empty: nothing is fetched."
        ),
    ] = ()
    ca: Annotated[
        OptionalPath, Meta(description="Certificates that servers' must be signed by, PEM; empty for the system's.")
    ] = ""
    timeout_s: Annotated[int, Meta(ge=1, le=86_400, description="Time that one fetch may take in all.")] = 3600
    stall_timeout_s: Annotated[
        int, Meta(ge=1, le=600, description="Time that a server may send nothing, or take to be connected.")
    ] = 30


class Firmware(Table, frozen=True):
    """Firmware of drives."""

    fetch: Fetch = Fetch()

    rules: Annotated[
        OptionalPath,
        Meta(
            description="File of steps, quirks and known images beside those that ship. While it is missing or "
            "wrong, no firmware is changed."
        ),
    ] = ""


class Keys(Table, frozen=True):
    """Keys that are put into the kernel's keyring at start and whenever it is a new one: see `docs/keys.md`.

    Each file has nvme-cli's format, a line for each key: identity, a blank, interchange text of the derived TLS PSK.
    """

    directory: Annotated[
        OptionalPath, Meta(description="Directory of key files, root's alone, as each file in it; empty for none.")
    ] = ""
    credentials: Annotated[
        tuple[str, ...],
        Meta(description="Patterns of the names of systemd credentials (`LoadCredential=`) that are key files."),
    ] = ("nvme-keys*",)


class SelfTests(Table, frozen=True):
    """Self-tests that RunSelfTest runs."""

    concurrent_max: Annotated[
        int,
        Meta(ge=1, le=1024, description="Drives that are tested at the same time: a test takes time from I/O."),
    ] = 4


class Config(Table, frozen=True):
    """The whole file."""

    state_dir: Annotated[
        AbsolutePath,
        Meta(description="Where the daemon keeps what must survive it; no other user may own it or write there."),
    ] = "/var/lib/nvmed"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="What is logged: this and what is graver.")
    ] = "info"
    host: HostConfig = HostConfig()
    listen: Listen = Listen(unix=(UnixListener(path="/run/nvmed/admin.sock", roles=("admin",)),))
    policy: Policy = Policy()
    audit: Audit = Audit()
    metrics: Metrics = Metrics()
    otel: Otel = Otel()
    limits: Limits = Limits()
    history: History = History()
    self_test: SelfTests = SelfTests()
    captures: Captures = Captures()
    support: Support = Support()
    firmware: Firmware = Firmware()
    keys: Keys = Keys()
    events: Events = Events()
    slow_drives: SlowDrives = SlowDrives()

    @property
    def tls_listeners(self) -> tuple[tuple[str, TlsListener], ...]:
        """Every TLS address, by the field that names it."""
        groups = (("listen.tls", self.listen.tls), ("metrics.tls", self.metrics.tls))
        return tuple((f"{name}[{index}]", one) for name, group in groups for index, one in enumerate(group))

    @property
    def audit_directory(self) -> Path:
        """Where the audit's files are."""
        return Path(self.audit.directory or f"{self.state_dir}/audit")


def load(path: Path) -> Config:
    """The configuration in a file; raises CONFIG_INVALID, which says where it is wrong."""
    return parse(read_trusted(path), str(path))


def parse(text: str, source: str) -> Config:
    """The configuration that `text` is; `source` names it in errors."""
    try:
        config = msgspec.convert(toml(text), Config)
    except tomllib.TOMLDecodeError as exc:
        raise invalid(source, "", f"is no TOML: {exc}") from None
    except msgspec.ValidationError as exc:
        raise invalid(source, *explained(exc, _WORDS)) from None
    _check(config, source)
    return config


def replaced(config: Config, source: str, changes: dict[str, Any]) -> Config:
    """`config` with other values of some fields, by dotted path, checked again; for options of the command line."""
    plain = msgspec.to_builtins(config)
    for path, value in changes.items():
        *parents, last = path.split(".")
        table = plain
        for parent in parents:
            table = table[parent]
        table[last] = msgspec.to_builtins(value)
    try:
        changed = msgspec.convert(plain, Config)
    except msgspec.ValidationError as exc:
        raise invalid(source, *explained(exc, _WORDS)) from None
    _check(changed, source)
    return changed


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_HOST_PORT: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})")


def host_and_port(address: str) -> tuple[str, int] | None:
    """Host, without brackets, and port of `host:port`; None if it is not that."""
    match = _HOST_PORT.fullmatch(address)
    if not match or int(match["port"]) > 65535:
        return None
    return match["host"].strip("[]"), int(match["port"])


def is_loopback(address: str) -> bool:
    """Whether `host:port` can be reached from this machine alone."""
    parts = host_and_port(address)
    if parts is None:
        return False
    try:
        return parts[0] == "localhost" or ipaddress.ip_address(parts[0]).is_loopback
    except ValueError:
        return False


_WORDS: Final = {
    "`str` matching regex '^/'": "an absolute path",
    "`str` matching regex '^(/|$)'": "an absolute path, or nothing",
    f"`str` matching regex '{NAME_PATTERN}'": "a name of lower-case letters, digits and hyphens",
    f"`str` matching regex '{URL_FOLDER_PATTERN}'": "an https:// URL that ends with a slash",
    f"`str` matching regex '{MODE_PATTERN}'": "an octal mode such as 0660",
}


SOCKET_PATH_BYTES_MAX: Final = 107
"""Of unix(7)'s sun_path, without its NUL."""


def _check(config: Config, source: str) -> None:
    """What the types cannot say."""
    _check_texts(msgspec.to_builtins(config), source)
    _check_listen(config.listen, source)
    for name in ("simulate_faults", "simulate_keyring"):
        if getattr(config.host, name) and not config.host.is_simulated:
            raise invalid(source, f"host.{name}", "is for simulated drives; give simulate or simulate_from too")
    _check_otel(config.otel, source)
    for where, tls in config.tls_listeners:
        if host_and_port(tls.address) is None:
            raise invalid(source, f"{where}.address", f"{tls.address!r} is not ADDRESS:PORT")
    address = config.metrics.address
    if address.startswith("unix:/"):
        _check_socket_path(address.removeprefix("unix:"), source, "metrics.address")
    elif address and not is_loopback(address):
        raise invalid(
            source,
            "metrics.address",
            f"{address!r} is neither unix:/path nor a loopback ADDRESS:PORT, without authentication; use metrics.tls",
        )


def _check_otel(otel: Otel, source: str) -> None:
    scheme, _, address = otel.endpoint.partition("://")
    if not otel.endpoint:
        return
    if scheme not in ("http", "https") or host_and_port(address) is None:
        raise invalid(source, "otel.endpoint", f"{otel.endpoint!r} is neither https:// nor http:// with HOST:PORT")
    if scheme == "http" and not is_loopback(address):
        raise invalid(
            source,
            "otel.endpoint",
            f"{otel.endpoint!r} is plain text to another machine; use https, or a loopback address",
        )


def _check_texts(value: Any, source: str, where: str = "") -> None:
    """No text of the file has a control character: in a path a NUL ends it, in a log a newline makes two of one."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_texts(key, source, where)
            _check_texts(inner, source, f"{where}.{key}" if where else key)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _check_texts(inner, source, f"{where}[{index}]")
    elif isinstance(value, str) and (wrong := _CONTROL.search(value)):
        raise invalid(source, where, f"has the control character U+{ord(wrong[0]):04X}")


def _check_socket_path(path: str, source: str, where: str) -> None:
    if (size := len(path.encode())) > SOCKET_PATH_BYTES_MAX:
        raise invalid(source, where, f"has {size} bytes; the path of a socket has at most {SOCKET_PATH_BYTES_MAX}")


def _check_listen(listen: Listen, source: str) -> None:
    if not listen.unix and not listen.tls and listen.insecure_loopback is None:
        raise invalid(source, "listen", "nobody could connect; give a unix socket or a TLS address")
    if listen.insecure_loopback is not None and not is_loopback(listen.insecure_loopback.address):
        raise invalid(
            source,
            "listen.insecure_loopback.address",
            f"{listen.insecure_loopback.address!r} is no loopback ADDRESS:PORT; plain TCP is for this machine alone",
        )
    for name, values in (
        ("path", [unix.path for unix in listen.unix]),
        ("principal", [unix.principal for unix in listen.unix]),
    ):
        if len(set(values)) < len(values):
            raise invalid(source, "listen.unix", f"two sockets have the same {name}")
    for index, unix in enumerate(listen.unix):
        _check_socket_path(unix.path, source, f"listen.unix[{index}].path")
        if int(unix.mode, 8) & 0o007:
            raise invalid(
                source, f"listen.unix[{index}].mode", f"{unix.mode} lets everyone on the host in; use a group"
            )
