"""Credentials of a TLS address that change while it serves: connections keep what they began with.

grpc asks for the certificate at every handshake, in one of its own threads. What it gets there was read and checked
before, so that nothing can go wrong in a handshake; files that do not fit together are refused as a whole.
"""

from __future__ import annotations

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


class ListenerCredentials:
    """Certificate, key and CA of one address. Made and `reload`ed in any thread, one at a time: both read files."""

    def __init__(self, listener: config.TlsListener) -> None:
        self._listener = listener
        self._signature = tls.signature(listener)
        self.material = tls.load(listener)
        if not tls.is_current(self.material):
            log.error("certificate_not_valid", file=listener.certificate, not_after=self.material.not_after.isoformat())
        self._next: deque[grpc.ServerCertificateConfiguration] = deque(maxlen=1)
        self.credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(self.material),
            self._fetch,  # type: ignore[arg-type]  # grpc's documentation: None for what it has already
            require_client_authentication=True,
        )

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
        self._next.append(_configuration(found))
        log.info("certificate_reloaded", names=found.names, not_after=found.not_after.isoformat())

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """For grpc: a configuration it has not got yet, or None."""
        try:
            return self._next.popleft()
        except IndexError:
            return None


def _configuration(material: tls.TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key.reveal(), material.chain)], root_certificates=material.client_ca
    )
