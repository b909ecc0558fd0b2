"""Why a daemon cannot be reached: gRPC says UNAVAILABLE to all of it, so the connection is tried once more by hand."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nvmedctl.address import Address, Tls

TIMEOUT_S: Final = 3.0
"""How long each step may take; who waits has waited already."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a connection, and what to do about it in words that can be typed."""

    cause: str
    remedy: str


START: Final = "Start the daemon (systemctl start nvmed), or give its --address."
NEEDS_TLS: Final = Diagnosis("it wants TLS", "Give --ca, --cert and --key.")
NO_TLS: Final = Diagnosis("it answers, but without TLS", "Leave out --ca, --cert and --key, or check the port.")
NO_CERTIFICATE: Final = Diagnosis("it wants a certificate of the client", "Give --cert and --key.")
OWN_CERTIFICATE: Final = "Give --cert one that the daemon's client_ca has signed and that is valid today."


def diagnose(address: Address, tls: Tls | None = None) -> Diagnosis | None:
    """Why nobody gets through to `address`; None if that cannot be told from here. Blocks for some seconds at most."""
    if address.is_unix:
        cause = address.diagnose()
        return Diagnosis(cause, _SOCKET_REMEDIES.get(cause, START)) if cause else None
    host, _, port = address.target.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S) as connection:
            return _of_tls(connection, address, tls) if tls else _of_plain(connection)
    except socket.gaierror as failure:
        return Diagnosis(f"there is no host {host}: {failure.strerror}", "Check the name in --address.")
    except TimeoutError:
        return Diagnosis("nothing answers", "Check the address, the network and its firewalls.")
    except ConnectionRefusedError:
        return Diagnosis("nothing listens there", START)
    except OSError as failure:
        return Diagnosis(failure.strerror or str(failure), "Check the address and the network.")


_SOCKET_REMEDIES: Final = {
    "this user may not open the socket": "Become a member of the socket's group (usermod -aG), or use sudo.",
}


def _of_plain(connection: socket.socket) -> Diagnosis | None:
    """Plain was tried: whether it is TLS that answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with context.wrap_socket(connection):
            return NEEDS_TLS
    except OSError:
        return None


def _of_tls(connection: socket.socket, address: Address, tls: Tls) -> Diagnosis | None:
    """TLS was tried: which side refuses what."""
    name = tls.server_name or address.host
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate and tls.key:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ValueError) as failure:
        return Diagnosis(f"the files for TLS cannot be used: {failure}", "Check --ca, --cert and --key.")
    context.set_alpn_protocols(["h2"])
    context.check_hostname = False  # that is looked at by itself, to name both
    try:
        with context.wrap_socket(connection, server_hostname=name) as secured:
            return _of_name(secured, name) or _of_client(secured, tls)
    except ssl.SSLCertVerificationError as failure:
        return _VERIFICATIONS.get(failure.verify_code, _UNKNOWN_CA)(failure.verify_message)
    except ssl.SSLError as failure:
        return NO_TLS if failure.reason in _NOT_TLS else _alert(failure, tls)
    except (ConnectionError, TimeoutError):
        return NO_TLS


def _of_name(secured: ssl.SSLSocket, name: str) -> Diagnosis | None:
    """Whether the daemon's certificate has the name by which it was called."""
    alternatives: Any = (secured.getpeercert() or {}).get("subjectAltName", ())
    names = [str(value) for _, value in alternatives]
    if any(_matches(name, each) for each in names):
        return None
    has = ", ".join(names) or "no name"
    remedy = f"Give --server-name {names[0]}, or the address by that name." if names else "Give the daemon another one."
    return Diagnosis(f"its certificate has {has}, not {name}", remedy)


def _matches(name: str, pattern: str) -> bool:
    """RFC 6125: a star stands for one label, the first."""
    if pattern.startswith("*."):
        return name.partition(".")[2].lower() == pattern[2:].lower()
    return name.lower() == pattern.lower()


def _of_client(secured: ssl.SSLSocket, tls: Tls) -> Diagnosis | None:
    """What the daemon says to the client's certificate, which in TLS 1.3 comes after the handshake."""
    secured.settimeout(TIMEOUT_S)
    try:
        if secured.recv(1):
            return None
    except ssl.SSLError as failure:
        return _alert(failure, tls)
    except (ConnectionError, TimeoutError):
        pass
    if not tls.certificate:
        return NO_CERTIFICATE
    return Diagnosis(f"it refuses the certificate of {tls.certificate}, or has too many connections", OWN_CERTIFICATE)


def _alert(failure: ssl.SSLError, tls: Tls) -> Diagnosis:
    if not tls.certificate:
        return NO_CERTIFICATE
    alert = (failure.reason or str(failure)).rpartition("ALERT_")[2].lower().replace("_", " ")
    return Diagnosis(f"it refuses the certificate of {tls.certificate} ({alert})", OWN_CERTIFICATE)


def _unknown_ca(message: str) -> Diagnosis:
    return Diagnosis(f"its certificate is of an unknown authority ({message})", "Give --ca the one that has signed it.")


_UNKNOWN_CA: Final[Callable[[str], Diagnosis]] = _unknown_ca
_VERIFICATIONS: Final[dict[int, Callable[[str], Diagnosis]]] = {
    9: lambda _: Diagnosis("its certificate is not valid yet", "Check the clocks of both hosts."),
    10: lambda _: Diagnosis("its certificate has expired", "Renew it on the host; the daemon takes it over by itself."),
}
"""X509_V_ERR_* of OpenSSL that are no question of who has signed."""

_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING", "PACKET_LENGTH_TOO_LONG"}
)
"""What OpenSSL says when no TLS answers."""
