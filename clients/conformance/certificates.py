"""Certificates for one run: an authority's, the daemon's and a client's, as PEM files in a folder."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT_URI = "spiffe://nvmed.dev/conformance"
"""What the client's certificate calls it."""

_VALID_FOR = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA whose certificate is `ca.pem` in `folder`."""

    folder: Path
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, folder: Path) -> Authority:
        """A new one."""
        authority = cls(folder, ec.generate_private_key(ec.SECP256R1()))
        builder = _builder("authority", authority.key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        authority._write("ca", builder)
        return authority

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str, proves: x509.GeneralName, usage: x509.ObjectIdentifier) -> tuple[Path, Path]:
        """Files of a certificate and its key, for what it `proves` in the role of `usage`."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(name, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([proves]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        path = self.folder / f"{name}.key"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return self._write(name, builder), path

    def issue_server(self) -> tuple[Path, Path]:
        """For a daemon on `localhost`."""
        return self.issue("server", x509.DNSName("localhost"), ExtendedKeyUsageOID.SERVER_AUTH)

    def issue_client(self) -> tuple[Path, Path]:
        """For a client that is CLIENT_URI."""
        return self.issue("client", x509.UniformResourceIdentifier(CLIENT_URI), ExtendedKeyUsageOID.CLIENT_AUTH)

    def _write(self, name: str, builder: x509.CertificateBuilder) -> Path:
        path = self.folder / f"{name}.pem"
        signed = builder.issuer_name(_name("authority")).sign(self.key, hashes.SHA256())
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return path


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + _VALID_FOR)
    )
