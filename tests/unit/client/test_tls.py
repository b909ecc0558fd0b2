"""A client proves who it is, and whom it talks to, by certificates."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nvmedctl import Client, Tls

from nvmed.errors import Unavailable
from nvmed.v1 import admin_pb2_grpc
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from tests.unit.client.scripted_server import Admin

SERVER_NAME = "storage-7.example.com"


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA with its certificates in `folder`."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> Authority:
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate("ca", key, "ca", key, ca=True)
        (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(folder, key, certificate)

    def issue(self, name: str) -> tuple[Path, Path]:
        """(certificate, key) for `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, "ca", self.key, ca=False)
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signer, hashes.SHA256())
    )


@asynccontextmanager
async def serving(authority: Authority) -> AsyncIterator[str]:
    """A server that asks for a certificate of `authority`; yields its address."""
    certificate, key = authority.issue(SERVER_NAME)
    pair = (key.read_bytes(), certificate.read_bytes())
    roots = (authority.folder / "ca.pem").read_bytes()
    credentials = grpc.ssl_server_credentials([pair], root_certificates=roots, require_client_auth=True)
    server = grpc.aio.server()
    admin_pb2_grpc.add_AdminServiceServicer_to_server(Admin(), server)  # type: ignore[abstract]
    port = server.add_secure_port("localhost:0", credentials)
    await server.start()
    try:
        yield f"localhost:{port}"
    finally:
        await server.stop(None)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "ours")


async def ask(address: str, tls: Tls) -> str:
    async with Client(address, tls=tls) as client:
        return (await client.admin.GetServerInfo(GetServerInfoRequest())).version


async def test_both_sides_prove_who_they_are(authority: Authority) -> None:
    certificate, key = authority.issue("operator")
    async with serving(authority) as address:
        assert await ask(address, Tls(authority.folder / "ca.pem", certificate, key, SERVER_NAME)) == "9.9"


async def test_neither_side_trusts_a_stranger(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority.make(tmp_path / "theirs")
    ours, theirs = authority.folder / "ca.pem", stranger.folder / "ca.pem"
    own = authority.issue("operator")
    async with serving(authority) as address:
        for tls in (
            Tls(theirs, *own, SERVER_NAME),  # the server's certificate is of another CA
            Tls(ours, *own),  # and not of "localhost"
            Tls(ours, *stranger.issue("operator"), SERVER_NAME),
            Tls(ours, server_name=SERVER_NAME),
        ):
            with pytest.raises(Unavailable):
                await ask(address, tls)
