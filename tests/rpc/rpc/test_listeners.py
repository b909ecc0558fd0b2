"""Sockets: their modes and groups are who may call, and their principals are who calls."""

from __future__ import annotations

import grp
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from nvmed.config import Config, HostConfig, Listen, Loopback, UnixListener
from nvmed.daemon import serving
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from tests.rpc.harness import reason_of, small_drive

NOBODY = 65534
OTHER = 54321
"""A group that nothing belongs to."""

CONNECT = """
import os, socket, sys
os.setgroups([int(group) for group in sys.argv[2:]])
os.setgid(54321)
os.setuid(65534)
socket.socket(socket.AF_UNIX).connect(sys.argv[1])
"""
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else, to see what they may")


@asynccontextmanager
async def served(folder: Path, *sockets: UnixListener, loopback: Loopback | None = None) -> AsyncIterator[None]:
    listen = Listen(unix=sockets, insecure_loopback=loopback)
    config = Config(state_dir=str(folder / "state"), host=HostConfig(simulate=1), listen=listen)
    async with serving(SimulatedHost([Subsystem(small_drive())]), config):
        yield


def own_group() -> str:
    """A group that this user may give a socket to, and is not its first."""
    others = [number for number in (os.getgroups() if os.getuid() else [1, NOBODY]) if number != os.getgid()]
    for number in others:
        try:
            return grp.getgrgid(number).gr_name
        except KeyError:
            continue
    pytest.skip("this user is in no second group that has a name")


async def principal(path: Path) -> str:
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        return (await AdminServiceStub(channel).GetServerInfo(GetServerInfoRequest())).principal


async def test_each_socket_has_its_mode_group_and_principal(tmp_path: Path) -> None:
    group = own_group()
    mine, ours = tmp_path / "admin.sock", tmp_path / "nvmed.sock"
    async with served(
        tmp_path,
        UnixListener(path=str(mine), roles=("admin",)),
        UnixListener(path=str(ours), mode="0660", group=group, principal="nvmed", roles=("viewer",)),
    ):
        assert (stat.S_IMODE(mine.stat().st_mode), mine.stat().st_gid) == (0o600, os.getegid())
        assert (stat.S_IMODE(ours.stat().st_mode), grp.getgrgid(ours.stat().st_gid).gr_name) == (0o660, group)
        assert (await principal(mine), await principal(ours)) == ("unix:admin", "unix:nvmed")
    assert not mine.exists()
    assert not ours.exists()


def may_connect(path: Path, *groups: int) -> bool:
    """Whether a user who is not root, of these groups, can connect."""
    command = [sys.executable, "-c", CONNECT, str(path), *map(str, groups)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode or "PermissionError" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder to which everybody can go."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@as_root
async def test_the_kernel_holds_others_off(reachable: Path) -> None:
    member = grp.getgrnam(own_group()).gr_gid
    mine, ours = reachable / "admin.sock", reachable / "nvmed.sock"
    async with served(
        reachable,
        UnixListener(path=str(mine), roles=("admin",)),
        UnixListener(path=str(ours), mode="0660", group=grp.getgrgid(member).gr_name, principal="nvmed"),
    ):
        assert not may_connect(mine, OTHER)
        assert not may_connect(mine, member)
        assert not may_connect(ours, OTHER)
        assert may_connect(ours, member)


async def test_a_socket_without_roles_lets_nobody_do_anything(tmp_path: Path) -> None:
    path = tmp_path / "nvmed.sock"
    async with served(tmp_path, UnixListener(path=str(path), principal="nvmed")):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await principal(path)
    assert reason_of(refused.value) == "POLICY_DENIED"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
async def test_a_directory_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(Exception, match="others may write"):
        async with served(tmp_path, UnixListener(path=str(folder / "d.sock"))):
            pass
    folder.chmod(0o1777)
    async with served(tmp_path, UnixListener(path=str(folder / "d.sock"), roles=("admin",))):
        assert await principal(folder / "d.sock") == "unix:admin"


async def test_a_group_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no group 'nonesuch'"):
        async with served(tmp_path, UnixListener(path=str(tmp_path / "d.sock"), mode="0660", group="nonesuch")):
            pass


async def test_the_socket_of_a_dead_daemon_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with served(tmp_path, UnixListener(path=str(path), roles=("admin",))):
        assert await principal(path) == "unix:admin"
    target = tmp_path / "precious"
    target.write_text("precious")
    path.symlink_to(target)
    with pytest.raises(Exception, match="is no socket"):
        async with served(tmp_path, UnixListener(path=str(path))):
            pass
    assert target.read_text() == "precious"
