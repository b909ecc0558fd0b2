"""Where a daemon listens: `unix:/path`, `/path` or `host:port`, and what TLS needs."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nvmed.reasons import invalid_field
from nvmedctl.defaults import DEFAULT_SOCKETS, ENVIRONMENT

SOCKET_PATH_MAX = 107
"""`sun_path` holds 108 bytes, one of them the terminator (unix(7))."""

_HOST_PORT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    """An address: `target` as gRPC takes it. For TCP `host` is the host alone, for a unix socket ""."""

    target: str
    host: str = ""

    @property
    def is_unix(self) -> bool:
        return not self.host

    @property
    def is_loopback(self) -> bool:
        """Whether bytes stay on this host, so that they need no TLS."""
        if self.is_unix or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return False

    def diagnose(self) -> str:
        """What keeps this user from connecting, as far as this host can tell; "" if nothing does."""
        path = self.target.removeprefix("unix:")
        if not self.is_unix or os.access(path, os.R_OK | os.W_OK):
            return ""
        try:
            Path(path).stat()
        except FileNotFoundError:
            return "there is no such socket"
        except OSError as failure:
            return failure.strerror or ""
        return "this user may not open the socket"

    def __str__(self) -> str:
        return self.target


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of PEM for TLS: `ca` verifies the server, `certificate` and `key` prove who calls.

    `server_name` is the name that the server's certificate must have, where it is not the address's host.
    """

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise invalid_field("tls", "a certificate needs its key and a key its certificate; give both or neither.")


def parse(text: str) -> Address:
    """The address that `text` says; INVALID_FIELD if it says none."""
    if text.startswith(("unix:", "/", ".")):
        path = text.removeprefix("unix:")
        path = "/" + path.lstrip("/") if path.startswith("/") else path
        if not path or len(os.fsencode(path)) > SOCKET_PATH_MAX:
            raise invalid_field("address", f"a socket's path has 1 to {SOCKET_PATH_MAX} bytes, not {text!r}.")
        return Address(f"unix:{path}")
    match = _HOST_PORT.fullmatch(text)
    if not match or not 0 < int(match["port"]) < 65536:
        raise invalid_field("address", f"must be unix:/path, /path or host:port, not {text!r}.")
    return Address(text, host=match["host"].strip("[]"))


def resolve(text: str | None = None, environ: Mapping[str, str] = os.environ) -> Address:
    """The address given, else the environment's, else that of this host's daemon."""
    given = text or environ.get(ENVIRONMENT)
    if given:
        return parse(given)
    usable = (path for path in DEFAULT_SOCKETS if os.access(path, os.R_OK | os.W_OK))
    return Address(f"unix:{next(usable, DEFAULT_SOCKETS[0])}")


def tls_of_environment(environ: Mapping[str, str] = os.environ) -> Tls | None:
    """What NVMED_CA, NVMED_CERT, NVMED_KEY and NVMED_SERVER_NAME say, as nvmedctl has them; None without NVMED_CA."""
    ca, certificate, key = (environ.get(f"NVMED_{name}") for name in ("CA", "CERT", "KEY"))
    if not ca:
        return None
    own = (Path(certificate) if certificate else None, Path(key) if key else None)
    return Tls(Path(ca), *own, environ.get("NVMED_SERVER_NAME", ""))
