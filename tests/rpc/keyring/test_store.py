"""A daemon that is configured to insert keys has inserted them before its first call."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from nvmedctl import Client

from nvmed import checks, config
from nvmed.config import Config
from nvmed.errors import NvmedError
from nvmed.keyring import keys
from nvmed.keyring.store import KeyStore
from nvmed.keys.identity import parse_identity
from nvmed.keys.keyfile import KeyFileEntry, build_line
from nvmed.v1 import key_pb2 as pb
from tests.rpc.harness import StartDaemon
from tests.rpc.key_ring import Ring, derived


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.mkdir(0o700)
    return made


def write(path: Path, version: int) -> None:
    key = derived(version)
    path.write_bytes(build_line(KeyFileEntry(parse_identity(key.identity), key.psk)).reveal())
    path.chmod(0o600)


async def scanned(address: str, ring: Ring) -> set[str]:
    async with Client(address) as client:
        return {part.key.description async for part in client.keys.ScanTlsKeys(pb.ScanTlsKeysRequest(**ring.where))}


async def test_keys_of_the_directory_and_of_credentials_are_there_from_the_first_call_on(
    start_daemon: StartDaemon, ring: Ring, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a keyring of this kernel, where `.nvme` is not to be touched."""
    monkeypatch.setattr(keys, "KeyStore", partial(KeyStore, ring=ring.serial, key_type="user"))
    credentials = tmp_path / "credentials"
    credentials.mkdir(0o700)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    write(credentials / "nvme-keys_storage", 0)
    write(folder / "storage", 1)
    (folder / "broken").write_text("nonsense")
    (folder / "broken").chmod(0o600)
    started = await start_daemon(keys=config.Keys(directory=str(folder)))
    assert await scanned(started.address, ring) == {derived(0).identity, derived(1).identity}
    async with Client(started.address) as client:
        revocation = pb.RevokeTlsKeyRequest(**ring.where, identity=derived(0).identity)
        await client.keys.RevokeTlsKey(revocation)
    again = await start_daemon(keys=config.Keys(directory=str(folder)), state_dir=started.state_dir)
    assert await scanned(again.address, ring) == {derived(1).identity}


async def test_a_daemon_without_the_keyring_serves_and_waits_for_it(
    start_daemon: StartDaemon, ring: Ring, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KeyStore", partial(KeyStore, ring="nvmed-no-such-keyring", key_type="user"))
    write(folder / "storage", 1)
    started = await start_daemon(keys=config.Keys(directory=str(folder)))
    assert await scanned(started.address, ring) == set()


def test_a_configuration_is_checked_with_the_files_it_names(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = Config(state_dir=str(tmp_path), keys=config.Keys(directory=str(folder)))
    write(folder / "storage", 1)
    checks.check(configured, "test")
    (folder / "storage").chmod(0o644)
    with pytest.raises(NvmedError, match="open to others") as refused:
        checks.check(configured, "test")
    assert refused.value.reason == "CONFIG_INVALID"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "missing"))
    (folder / "storage").chmod(0o600)
    with pytest.raises(NvmedError, match="No such file"):
        checks.check(configured, "test")
