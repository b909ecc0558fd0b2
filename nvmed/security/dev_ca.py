"""A certificate authority for development: `nvmed dev-ca`. Its keys lie in files, so a fleet has a real one instead.

    DIRECTORY/ca.pem ca.key             the authority; ca.pem is what both sides trust
    DIRECTORY/server.pem server.key     for the daemon: its DNS names and addresses
    DIRECTORY/NAME.pem NAME.key         for each client: a URI or a DNS name

An authority that is there already is used again, so that clients can be added.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nvmed import config
from nvmed.files import open_descriptor, read_bytes

CA_DAYS: Final = 3650
DAYS: Final = 90
CLOCK_SKEW: Final = timedelta(minutes=5)

SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write `NAME.pem` and `NAME.key`, the latter for its owner alone; returns both."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        with os.fdopen(open_descriptor(certificate, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "wb") as file:
            file.write(self.certificate_pem)
        key.unlink(missing_ok=True)
        with os.fdopen(open_descriptor(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self.key_pem)
        return certificate, key


def make_authority(name: str = "nvmed development CA", days: int = CA_DAYS) -> Pair:
    """A new authority, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key, datetime.now(UTC) - CLOCK_SKEW, datetime.now(UTC) + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs=True), critical=True)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def issue(
    authority: Pair,
    name: str,
    alternatives: Sequence[x509.GeneralName],
    usages: Sequence[x509.ObjectIdentifier] = (SERVER, CLIENT),
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> Pair:
    """A new certificate of `authority`; `name` is for people, the alternatives are what counts."""
    key = ec.generate_private_key(ec.SECP256R1())
    begins = not_before or datetime.now(UTC) - CLOCK_SKEW
    ends = not_after or begins + timedelta(days=DAYS)
    issuer = authority.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    builder = _builder(name, str(issuer), key, begins, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs=False), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def alternative(text: str) -> x509.GeneralName:
    """The subject alternative name that `text` is: an address, a URI if it has a scheme, else a DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    return x509.UniformResourceIdentifier(text) if ":" in text else x509.DNSName(text)


def prepare(directory: Path, servers: Sequence[str], clients: Sequence[str]) -> list[Path]:
    """Make or complete the files of `directory`; returns those that were written."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    written: list[Path] = []
    if (directory / "ca.key").exists():
        authority = _read_authority(directory)
    else:
        authority = make_authority()
        written += authority.write(directory, "ca")
    if servers:
        names = [alternative(name) for name in servers]
        written += issue(authority, servers[0], names, [SERVER]).write(directory, "server")
    for client in clients:
        file_name = re.sub(r"[^A-Za-z0-9.-]+", "-", client.rpartition("/")[2]).strip("-.") or "client"
        if file_name in ("ca", "server"):
            file_name = f"client-{file_name}"
        written += issue(authority, client[:64], [alternative(client)], [CLIENT]).write(directory, file_name)
    return written


def _read_authority(directory: Path) -> Pair:
    try:
        certificate = x509.load_pem_x509_certificate(read_bytes(directory / "ca.pem"))
        key = serialization.load_pem_private_key(read_bytes(directory / "ca.key"), None)
    except (OSError, ValueError, TypeError) as exc:
        raise config.invalid(str(directory), "", f"the authority in it cannot be used: {exc}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise config.invalid(str(directory), "", "ca.key is not the key of ca.pem")
    return Pair(certificate, key)


def _builder(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
