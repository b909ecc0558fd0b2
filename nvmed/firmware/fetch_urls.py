"""URLs of images: what one may look like, which ones the configuration allows, and which addresses behind a name.

A name is somebody else's to point anywhere. So what it leads to is looked at as well: this host and its links are
refused unless the configuration names them in so many words.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from nvmed import limits

HTTPS_PORT: Final = 443

_CHARACTERS: Final = re.compile(r"[!-~]+", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+", re.ASCII)
_LOCAL_NAMES: Final = ("localhost",)


class UrlError(ValueError):
    """What is wrong with a URL, without what is secret in it."""


@dataclass(frozen=True, slots=True)
class Location:
    """An HTTPS URL. Its query may be a signature: it is in no text that is made of this."""

    host: str
    port: int
    path: str
    query: _Query

    @property
    def shown(self) -> str:
        """The URL for people, journal and logs: without its query."""
        return f"https://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """Host and port, as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """What a server is asked for."""
        return f"{self.path}?{self.query}" if self.query else self.path


class _Query(str):
    """The query of a URL, which shows in no representation."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'" if self else "''"


def parse(url: str) -> Location:
    """The location that `url` is; raises `UrlError`."""
    if len(url) > limits.URL_CHARACTERS_MAX or not _CHARACTERS.fullmatch(url) or "\\" in url:
        raise UrlError(
            f"must be 1 to {limits.URL_CHARACTERS_MAX} printable ASCII characters without blank or backslash"
        )
    try:
        parts = urlsplit(url)
        port = HTTPS_PORT if parts.port is None else parts.port
    except ValueError:
        raise UrlError("has no usable host and port") from None
    if parts.scheme != "https":
        raise UrlError("must begin with https://")
    if "@" in parts.netloc:
        raise UrlError("must not have a user or password in it")
    if parts.fragment or url.endswith("#"):
        raise UrlError("must not have a fragment")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or not port:
        raise UrlError("has no usable host and port")
    path = parts.path or "/"
    if not is_plain(path):
        raise UrlError("must not have '.' or '..' as a part of its path, nor an encoded slash")
    return Location(host, port, path, _Query(parts.query))


def is_plain(path: str) -> bool:
    """Whether every server takes a path for what it looks like, however often it decodes it."""
    while True:
        if any(part in (".", "..") for part in path.replace("\\", "/").split("/")):
            return False
        decoded = unquote(path)
        if decoded == path:
            return True
        if decoded.count("/") != path.count("/") or "\\" in decoded:
            return False
        path = decoded


def is_allowed(location: Location, folders: Sequence[Location]) -> bool:
    """Whether a location lies in one of the folders, whose paths end with a slash."""
    return any(
        (location.host, location.port) == (folder.host, folder.port) and location.path.startswith(folder.path)
        for folder in folders
    )


def is_reachable(host: str, address: str) -> bool:
    """Whether `address`, which `host` led to, may be connected to: it is not this host or a link, or is named so."""
    if host in _LOCAL_NAMES or host == address:
        return True
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return not (found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified)
