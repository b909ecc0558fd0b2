"""Who is calling: what the transport proved, never what a request says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

TLS_VERSION: Final = "TLSv1.3"

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,2040}")
_DNS: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role of one binding gives: `permissions` over the resources that one of the patterns matches."""

    binding: str
    role: str
    permissions: frozenset[str]
    resources: tuple[re.Pattern[str], ...]

    def covers(self, permission: str, resource: str) -> bool:
        """Whether it gives `permission` over `resource`."""
        return permission in self.permissions and any(pattern.fullmatch(resource) for pattern in self.resources)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller and what it may do, as the policy was when the call began.

    `name` is what logs and audit say: the first of `identities`, each of which is `uri:...`, `dns:...`, `unix:...` or
    `loopback`. The prefixes keep a certificate's names from ever being taken for a socket's.
    """

    name: str
    roles: frozenset[str] = frozenset()
    """Names of its roles, whatever they are over."""
    grants: tuple[Grant, ...] = ()
    identities: tuple[str, ...] = ()


def proven_by_certificate(auth_context: Mapping[str, Sequence[bytes]]) -> tuple[str, ...]:
    """The identities in what gRPC says of a TLS connection: URIs first, then DNS names; none if it proved none.

    Neither the common name nor `x509_subject_alternative_name` counts: the one is free text, the other mixes kinds, so
    that an e-mail address could pass for a DNS name. Wildcards are for servers and identify nobody.
    """
    uris = [uri for value in auth_context.get("peer_uri", ()) if _URI.fullmatch(uri := value.decode("latin-1"))]
    names = [name for value in auth_context.get("peer_dns", ()) if _DNS.fullmatch(name := value.decode("latin-1"))]
    return tuple(dict.fromkeys([*(f"uri:{uri}" for uri in uris), *(f"dns:{name.lower()}" for name in names)]))


def is_outdated_tls(auth_context: Mapping[str, Sequence[bytes]]) -> bool:
    """Whether gRPC says that the connection has another TLS than 1.3. Where it says nothing, the ciphers see to it."""
    versions = auth_context.get("ssl_tls_version", ())
    return any(version.decode("latin-1") != TLS_VERSION for version in versions)
