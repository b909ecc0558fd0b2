"""Credentials of a TLS address that change while it serves: connections keep what they began with.

What a handshake gets was read and checked before, so that nothing can go wrong in it; files that do not fit together
are refused as a whole. grpc asks for the certificate at every handshake, in one of its own threads; Python's ssl has a
context for each.
"""

from __future__ import annotations

import os
import ssl
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Final

import grpc
import structlog

from nvmed import config
from nvmed.errors import NvmedError
from nvmed.security import tls

log: Final = structlog.get_logger("nvmed.tls")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Files that were read and checked, and what shows that they were replaced since."""

    listener: config.TlsListener
    signature: tls.Signature
    material: tls.TlsMaterial


class ListenerCredentials(ABC):
    """Certificate, key and CA of one address. Made and `reload`ed in any thread, one at a time: both read files."""

    def __init__(self, listener: config.TlsListener) -> None:
        self._listener = listener
        self._signature = tls.signature(listener)
        self.material = tls.load(listener)
        if not tls.is_current(self.material):
            log.error("certificate_not_valid", file=listener.certificate, not_after=self.material.not_after.isoformat())

    @property
    def address(self) -> str:
        """The address that they are of, as configured."""
        return self._listener.address

    @property
    def expires_at(self) -> float:
        """When the certificate ends, in seconds since the epoch."""
        return self.material.not_after.timestamp()

    @abstractmethod
    def _use(self, material: tls.TlsMaterial) -> None:
        """Let handshakes have what was read."""

    def reload_if_changed(self) -> None:
        """Take the files if one of them was touched since they were last looked at; what is wrong is logged once."""
        found = tls.signature(self._listener)
        if found == self._signature:
            return
        self._signature = found
        try:
            self.reload()
        except NvmedError as exc:
            log.error("certificate_refused", message=exc.message, kept=self.material.fingerprint[:16])

    def reload(self) -> None:
        """Take what the files hold now for new connections; raises CONFIG_INVALID and keeps what it has."""
        self.take(self.prepare(self._listener))

    def prepare(self, listener: config.TlsListener) -> Prepared:
        """What the files of `listener` hold now, for `take`; raises CONFIG_INVALID if they cannot be used."""
        signature = tls.signature(listener)
        found = tls.load(listener)
        if not tls.is_current(found) and tls.is_current(self.material):
            raise config.invalid(listener.certificate, "", "is not valid now, and the one in use is")
        return Prepared(listener, signature, found)

    def take(self, prepared: Prepared) -> None:
        """Use what was prepared for new connections."""
        self._listener, self._signature = prepared.listener, prepared.signature
        found = prepared.material
        if found.fingerprint == self.material.fingerprint:
            return
        self.material = found
        self._use(found)
        log.info("certificate_reloaded", names=found.names, not_after=found.not_after.isoformat())


class GrpcCredentials(ListenerCredentials):
    """Those of a gRPC server: `credentials`."""

    def __init__(self, listener: config.TlsListener) -> None:
        super().__init__(listener)
        self._next: deque[grpc.ServerCertificateConfiguration] = deque(maxlen=1)
        self.credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(self.material),
            self._fetch,  # type: ignore[arg-type]  # grpc's documentation: None for what it has already
            require_client_authentication=True,
        )

    def _use(self, material: tls.TlsMaterial) -> None:
        self._next.append(_configuration(material))

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """For grpc: a configuration it has not got yet, or None."""
        try:
            return self._next.popleft()
        except IndexError:
            return None


class SslCredentials(ListenerCredentials):
    """Those of an asyncio server: `context`, which is another one after each reload."""

    def __init__(self, listener: config.TlsListener) -> None:
        super().__init__(listener)
        self.context = _context(self.material)

    def _use(self, material: tls.TlsMaterial) -> None:
        self.context = _context(material)


def _configuration(material: tls.TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key.reveal(), material.chain)], root_certificates=material.client_ca
    )


def _context(material: tls.TlsMaterial) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=material.client_ca.decode())
    # ssl reads chains and keys from files alone: this one is in memory, and holds what was checked.
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, material.key.reveal() + b"\n" + material.chain)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context
