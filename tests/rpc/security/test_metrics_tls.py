"""Metrics over mutual TLS: to whom the policy lets, with certificates that are replaced while the daemon serves."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from nvmed.config import Audit, Binding, Config, HostConfig, Listen, Metrics, Policy, UnixListener
from nvmed.daemon import opened
from nvmed.reload import Reloader, Served
from nvmed.security.dev_ca import Pair, make_authority
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from tests.rpc.harness import small_drive
from tests.rpc.tls import Pki

SCRAPER = "spiffe://example.org/prometheus"
STRANGER = "spiffe://example.org/stranger"


@dataclass
class Lab:
    """A daemon that is scraped over TLS."""

    served: Served
    pki: Pki
    port: int
    source: list[Config]

    def context(self, client: Pair | None) -> ssl.SSLContext:
        """What a scraper with a client's certificate has."""
        context = ssl.create_default_context(cafile=str(self.pki.folder / "ca.pem"))
        if client is not None:
            context.load_cert_chain(*client.write(self.pki.folder, "client"))
        return context

    async def connect(self, client: Pair | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("localhost", self.port, ssl=self.context(client))


async def ask(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> tuple[int, bytes]:
    """Status and body of one scrape; the connection is kept."""
    reader, writer = connection
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(line for line in head.splitlines() if line.startswith("content-length:")).partition(":")[2]
    return int(head.split()[1]), await reader.readexactly(int(length))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@asynccontextmanager
async def scraped(tmp_path: Path) -> AsyncIterator[Lab]:
    pki, port = Pki(tmp_path / "pki"), free_port()
    configured = Config(
        state_dir=str(tmp_path),
        host=HostConfig(simulate=1),
        listen=Listen(unix=(UnixListener(path=str(tmp_path / "admin.sock"), roles=("admin",)),)),
        metrics=Metrics(tls=(msgspec.structs.replace(pki.listener(), address=f"127.0.0.1:{port}"),)),
        policy=Policy(bindings=(Binding(principals=(f"uri:{SCRAPER}",), roles=("metrics",), resources=("host",)),)),
        audit=Audit(journald=False),
    )
    async with opened(SimulatedHost([Subsystem(small_drive())]), configured, "test") as served:
        yield Lab(served, pki, port, [configured])


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with scraped(tmp_path) as made:
        yield made


async def test_who_has_the_role_scrapes_again_and_again_over_one_connection(lab: Lab) -> None:
    connection = await lab.connect(lab.pki.client(SCRAPER))
    answers = [await ask(connection) for _ in range(3)]
    assert [status for status, _ in answers] == [200, 200, 200]
    body = answers[-1][1]
    assert b"nvmed_drive_info{" in body
    ends = int(lab.served.tls_credentials[0].material.not_after.timestamp())
    (line,) = [row for row in body.splitlines() if row.startswith(b"nvmed_certificate_expiry_timestamp_seconds{")]
    assert float(line.split()[1]) == ends
    connection[1].close()


@pytest.mark.parametrize(
    ("names", "reason"), [((STRANGER,), b"POLICY_DENIED"), ((), b"POLICY_DENIED")], ids=["stranger", "operator"]
)
async def test_who_has_it_not_is_told_why_and_the_audit_knows(lab: Lab, names: tuple[str, ...], reason: bytes) -> None:
    connection = await lab.connect(lab.pki.client(*names))
    status, body = await ask(connection)
    assert status == 403
    assert body.startswith(reason)
    assert b"metrics.read" in body
    audit = lab.served.components.admission.audit
    await audit.flush()
    written = "".join(path.read_text() for path in audit.directory.glob("*.jsonl*"))
    assert '"method":"/metrics"' in written.replace('": "', '":"')
    connection[1].close()


async def test_a_certificate_without_a_name_is_nobody(lab: Lab) -> None:
    connection = await lab.connect(lab.pki.anonymous())
    status, body = await ask(connection)
    assert (status, body.split(b":")[0]) == (403, b"UNKNOWN_PRINCIPAL")
    connection[1].close()


async def is_refused(lab: Lab, client: Pair | None) -> bool:
    """TLS 1.3 tells a client only with the first answer that its certificate was not taken."""
    connection = await lab.connect(client)
    try:
        await ask(connection)
    except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
        return True
    finally:
        connection[1].close()
    return False


async def test_no_certificate_and_another_authority_s_are_refused_by_tls(lab: Lab) -> None:
    assert await is_refused(lab, None)
    other = Pki(lab.pki.folder.parent / "other", authority=make_authority())
    assert await is_refused(lab, other.client(SCRAPER))
    assert not await is_refused(lab, lab.pki.client(SCRAPER))


async def test_a_new_certificate_is_for_new_connections_and_old_ones_go_on(lab: Lab) -> None:
    client = lab.pki.client(SCRAPER)
    old = await lab.connect(client)
    before = old[1].get_extra_info("ssl_object").getpeercert(binary_form=True)
    lab.pki.serve_with(lab.pki.server())
    reloader = Reloader(lab.served, lambda: lab.source[0])
    await reloader.look_at_certificates()
    new = await lab.connect(client)
    assert new[1].get_extra_info("ssl_object").getpeercert(binary_form=True) != before
    assert [(await ask(one))[0] for one in (old, new)] == [200, 200]
    reloader.close()
    for one in (old, new):
        one[1].close()


async def test_a_reload_that_revokes_holds_for_connections_that_are_kept(lab: Lab) -> None:
    connection = await lab.connect(lab.pki.client(SCRAPER))
    assert (await ask(connection))[0] == 200
    blocked = Policy(bindings=lab.source[0].policy.bindings, blocked=(f"uri:{SCRAPER}",))
    lab.source[0] = msgspec.structs.replace(lab.source[0], policy=blocked)
    reloader = Reloader(lab.served, lambda: lab.source[0])
    await reloader.reload()
    reloader.close()
    assert (await ask(connection))[0] == 403
    connection[1].close()
