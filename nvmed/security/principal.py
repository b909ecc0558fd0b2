"""Who is calling: what the transport proved, never what a request says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509

from nvmed import limits
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.security.glob import Glob

TLS_VERSION: Final = "TLSv1.3"

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
"""RFC 3986's characters, behind a scheme."""
_LABEL: Final = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS: Final = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_PRINTABLE: Final = re.compile(r"[ -~]+")

URI_BYTES_MAX: Final = 2048  # of a SPIFFE ID
DNS_BYTES_MAX: Final = 253


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role of one binding gives: `permissions` over the resources that one of the patterns matches."""

    binding: str
    role: str
    permissions: frozenset[str]
    resources: tuple[Glob, ...]

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
    """The identities in the certificate of a TLS connection: URIs first, then DNS names; raises UNKNOWN_PRINCIPAL.

    The certificate itself is read: gRPC's `peer_uri` and `peer_dns` end at a NUL, so that a name could pass for the
    part before it, and `x509_subject_alternative_name` mixes kinds. Neither the common name nor any other kind counts.
    """
    certificates = auth_context.get("x509_pem_cert", ())
    if len(certificates) != 1:
        raise _refused("there is none")
    return _identities(certificates[0])


@lru_cache(maxsize=1024)
def _identities(pem: bytes) -> tuple[str, ...]:
    """What a certificate says that its bearer is. One name that is not what its kind allows refuses all of them: who
    could have that signed, could have had the others.
    """
    try:
        extensions = x509.load_pem_x509_certificate(pem).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise _refused("it has no subject alternative name") from None
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise _refused("its extensions cannot be read") from None
    if len(names) > limits.IDENTITIES_MAX:
        raise _refused(f"it has {len(names)} subject alternative names; at most {limits.IDENTITIES_MAX} are looked at")
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    hosts = names.get_values_for_type(x509.DNSName)
    kinds = (
        ("URI", uris, _URI, URI_BYTES_MAX),
        ("DNS name", hosts, _DNS, DNS_BYTES_MAX),
        ("e-mail address", names.get_values_for_type(x509.RFC822Name), _PRINTABLE, URI_BYTES_MAX),
    )
    for kind, values, allowed, bytes_max in kinds:
        for value in values:
            if len(value) > bytes_max or not allowed.fullmatch(value):
                raise _refused(f"{value[:64]!a} among its subject alternative names is no {kind}")
    servers = [host.lower() for host in hosts if not host.startswith("*")]  # wildcards identify nobody
    found = tuple(dict.fromkeys([*(f"uri:{uri}" for uri in uris), *(f"dns:{host}" for host in servers)]))
    if not found:
        raise _refused("it needs a URI or a DNS name as subject alternative name")
    return found


def _refused(why: str) -> NvmedError:
    return error(Reason.UNKNOWN_PRINCIPAL, f"the certificate identifies nobody: {why}")


def is_outdated_tls(auth_context: Mapping[str, Sequence[bytes]]) -> bool:
    """Whether gRPC says that the connection has another TLS than 1.3. Where it says nothing, the ciphers see to it."""
    versions = auth_context.get("ssl_tls_version", ())
    return any(version.decode("latin-1") != TLS_VERSION for version in versions)
