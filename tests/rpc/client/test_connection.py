"""Connections that do not come about: which of the many causes it was, and what to type."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from nvmedctl import Tls
from nvmedctl.address import parse
from nvmedctl.diagnosis import diagnose

from nvmed.config import Config, HostConfig, Listen, Loopback
from nvmed.daemon import serving
from nvmed.security.dev_ca import CLIENT, Pair, alternative, issue, make_authority
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from tests.rpc.harness import small_drive
from tests.rpc.tls import DAY, OPERATOR, Pki, TlsDaemon, serving_tls, tomorrow, yesterday

Options = Sequence[str]


async def failing(address: str, *options: str) -> tuple[int, str]:
    """(exit code, standard error) of a command that cannot connect."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nvmedctl", "server", "info", "--address", address, "--timeout", "15", *options,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    return process.returncode or 0, err.decode()


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[TlsDaemon]:
    async with serving_tls(Pki(tmp_path / "pki")) as daemon:
        yield daemon


def files(folder: Path, client: Pair | None, authority: Pair) -> Options:
    """The options for TLS with these certificates."""
    authority.write(folder, "trusted")
    if client is None:
        return ("--ca", f"{folder}/trusted.pem")
    client.write(folder, "own")
    return "--ca", f"{folder}/trusted.pem", "--cert", f"{folder}/own.pem", "--key", f"{folder}/own.key"


@dataclass(frozen=True, slots=True)
class Case:
    """How a client connects to a daemon with TLS, and what it hears."""

    options: Callable[[Pki], Options]
    cause: str
    remedy: str
    server: Callable[[Pki], Pair] | None = None


def of_another(authority: Pair) -> Pair:
    return issue(authority, "client", [alternative(OPERATOR)], [CLIENT])


CASES = {
    "plain": Case(lambda pki: (), "it wants TLS", "Give --ca, --cert and --key."),
    "no certificate": Case(
        lambda pki: files(pki.folder, None, pki.authority),
        "it wants a certificate of the client",
        "Give --cert and --key.",
    ),
    "of another authority": Case(
        lambda pki: files(pki.folder, of_another(make_authority()), pki.authority),
        "it refuses the certificate of",
        "client_ca has signed",
    ),
    "expired": Case(
        lambda pki: files(pki.folder, pki.client(not_before=yesterday() - DAY, not_after=yesterday()), pki.authority),
        "it refuses the certificate of",
        "valid today",
    ),
    "authority unknown": Case(
        lambda pki: files(pki.folder, pki.client(), make_authority()),
        "its certificate is of an unknown authority",
        "Give --ca the one that has signed it.",
    ),
    "another name": Case(
        lambda pki: files(pki.folder, pki.client(), pki.authority),
        "its certificate has storage-7.example.org, not 127.0.0.1",
        "Give --server-name storage-7.example.org",
        lambda pki: pki.server("storage-7.example.org"),
    ),
    "server expired": Case(
        lambda pki: files(pki.folder, pki.client(), pki.authority),
        "its certificate has expired",
        "Renew it on the host",
        lambda pki: pki.server(not_before=yesterday() - DAY, not_after=yesterday()),
    ),
    "server not yet valid": Case(
        lambda pki: files(pki.folder, pki.client(), pki.authority),
        "its certificate is not valid yet",
        "Check the clocks",
        lambda pki: pki.server(not_before=tomorrow()),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_what_is_wrong_with_tls_is_said(tmp_path: Path, case: Case) -> None:
    pki = Pki(tmp_path / "pki")
    if case.server:
        pki.serve_with(case.server(pki))
    async with serving_tls(pki) as daemon:
        code, err = await failing(daemon.address, *case.options(pki))
    assert (code, case.cause in err, case.remedy in err) == (6, True, True), err


async def test_tls_where_none_is_spoken(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    listen = Listen(unix=(), insecure_loopback=Loopback(address="127.0.0.1:0"))
    configured = Config(state_dir=str(tmp_path / "state"), host=HostConfig(simulate=1), listen=listen)
    async with serving(SimulatedHost([Subsystem(small_drive())]), configured) as (address,):
        code, err = await failing(address, *files(pki.folder, pki.client(), pki.authority))
    assert (code, "it answers, but without TLS" in err, "Leave out --ca" in err) == (6, True, True), err


async def test_a_connection_that_works_has_no_diagnosis(daemon: TlsDaemon) -> None:
    folder = daemon.pki.folder
    files(folder, daemon.pki.client(), daemon.pki.authority)
    tls = Tls(folder / "trusted.pem", folder / "own.pem", folder / "own.key")
    assert await asyncio.to_thread(diagnose, parse(daemon.address), tls) is None


async def test_nothing_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        code, err = await failing(address)
    assert (code, "nothing listens there" in err, "systemctl start nvmed" in err) == (6, True, True), err


async def test_there_is_no_such_socket(tmp_path: Path) -> None:
    code, err = await failing(f"unix:{tmp_path}/none.sock")
    assert (code, "there is no such socket" in err, "systemctl start nvmed" in err) == (6, True, True), err


@pytest.mark.skipif(os.getuid() == 0, reason="root may open every socket")
async def test_a_socket_of_others(tmp_path: Path) -> None:
    path = tmp_path / "others.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0)
        code, err = await failing(f"unix:{path}")
    assert (code, "this user may not open the socket" in err, "usermod" in err) == (6, True, True), err
