"""Certificates and keys in files: read whole, checked whole, or refused whole with the reason."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from nvmed import config
from nvmed.keys.secret import Secret

RSA_BITS_MIN: Final = 2048

Signature = tuple[tuple[int, ...] | None, ...]
"""Inode, size and times of each file, None for one that is not there."""


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What one TLS address needs, checked to fit together; all PEM. `fingerprint` changes when anything of it does."""

    chain: bytes
    key: Secret
    client_ca: bytes
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the server's certificate is valid then."""
        return self.not_before <= moment <= self.not_after


def load(listener: config.TlsListener) -> TlsMaterial:
    """What the files of a TLS address say; raises CONFIG_INVALID with the file and what is wrong with it."""
    chain_pem = _read(listener.certificate)
    key_pem = _read_key(listener.key)
    ca_pem = _read(listener.client_ca)
    chain = _certificates(listener.certificate, chain_pem)
    _check_server(listener.certificate, chain)
    _check_key(listener.key, key_pem, chain[0])
    for authority in _certificates(listener.client_ca, ca_pem):
        if not _is_authority(authority):
            raise config.invalid(listener.client_ca, "", f"{_subject(authority)} is no CA's certificate")
    return TlsMaterial(
        chain=chain_pem,
        key=Secret(key_pem),
        client_ca=ca_pem,
        names=_names(chain[0]),
        not_before=chain[0].not_valid_before_utc,
        not_after=chain[0].not_valid_after_utc,
        fingerprint=hashlib.sha256(b"\0".join((chain_pem, key_pem, ca_pem))).hexdigest(),
    )


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in a file: when it expires, in milliseconds since the epoch, and its SHA-256."""

    subject: str
    expires_ms: int
    fingerprint: bytes


def certificates(path: str) -> Sequence[Certificate]:
    """Those of a file, in its order; raises CONFIG_INVALID."""
    return [
        Certificate(_subject(one), int(one.not_valid_after_utc.timestamp() * 1000), one.fingerprint(hashes.SHA256()))
        for one in _certificates(path, _read(path))
    ]


def signature(listener: config.TlsListener) -> Signature:
    """What shows that a file was replaced or rewritten, without reading it."""
    found: list[tuple[int, ...] | None] = []
    for path in (listener.certificate, listener.key, listener.client_ca):
        try:
            status = Path(path).stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(found)


def is_current(material: TlsMaterial) -> bool:
    """Whether the server's certificate is valid now."""
    return material.is_valid_at(datetime.now(UTC))


def _read(path: str) -> bytes:
    return config.read_trusted(Path(path)).encode()


def _read_key(path: str) -> bytes:
    data = _read(path)
    if Path(path).stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise config.invalid(path, "", "holds a private key that others may read; chmod 0600")
    return data


def _certificates(path: str, pem: bytes) -> Sequence[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise config.invalid(path, "", "holds no certificate in PEM, or a damaged one") from None
    for certificate in found:
        try:
            _ = certificate.extensions
        except ValueError:
            raise config.invalid(path, "", f"{_subject(certificate)} has extensions that cannot be read") from None
    return found


def _check_server(path: str, chain: Sequence[x509.Certificate]) -> None:
    """The first must be a server's with a name, and each must be issued by the next."""
    leaf = chain[0]
    if not _names(leaf):
        raise config.invalid(
            path,
            "",
            f"{_subject(leaf)} has no DNS name or address as subject alternative name, so no client accepts it",
        )
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        pass
    else:
        if ExtendedKeyUsageOID.SERVER_AUTH not in usages:
            raise config.invalid(path, "", f"{_subject(leaf)} is not for servers (extended key usage)")
    for certificate, issuer in pairwise(chain):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise config.invalid(
                path, "", f"{_subject(certificate)} is followed by {_subject(issuer)}, which did not issue it"
            ) from None


def _check_key(path: str, pem: bytes, certificate: x509.Certificate) -> None:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError:
        raise config.invalid(path, "", "is encrypted; nobody is there to type a passphrase") from None
    except ValueError:
        raise config.invalid(path, "", "holds no private key in PEM, or a damaged one") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise config.invalid(path, "", "is neither RSA nor of an elliptic curve, which is all that gRPC takes")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < RSA_BITS_MIN:
        raise config.invalid(path, "", f"is RSA of {key.key_size} bits; at least {RSA_BITS_MIN} are needed")
    if key.public_key() != certificate.public_key():
        raise config.invalid(path, "", f"is not the key of the certificate {_subject(certificate)}")


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"serial number {certificate.serial_number:x}"
