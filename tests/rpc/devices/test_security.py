"""GetSecurityState: what a drive says of locking and ownership without a password."""

from __future__ import annotations

import grpc
import pytest

from nvmed.simulator.spec import TcgSpec
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from nvmed.v1.security_pb2 import GetSecurityStateRequest, SecurityState
from tests.rpc.harness import Daemon, StartDaemon, reason_of, small_drive

OACS = 0x21E


async def state(daemon: Daemon) -> SecurityState:
    return await DriveServiceStub(daemon.channel).GetSecurityState(
        GetSecurityStateRequest(controller="nvme0", include_raw=True)
    )


async def test_an_opal_drive_that_is_locked_and_owned(start_daemon: StartDaemon) -> None:
    tcg = TcgSpec(locking_enabled=True, locked=True, sid_owned=True)
    found = await state(await start_daemon(small_drive(optional_admin_commands=OACS | 1, tcg=tcg)))
    assert (found.tcg, list(found.security_subsystem_classes), list(found.protocols)) == (True, ["Opal 2"], [0, 1])
    assert (found.locking_supported, found.locking_enabled, found.locked) == (True, True, True)
    assert (found.mbr_enabled, found.mbr_done, found.sid_owned, found.sid_blocked) == (False, False, True, False)
    assert [one.code for one in found.features] == [1, 2, 0x203, 0x402]
    assert (len(found.raw), found.cut) == (4096, False)


async def test_a_drive_without_tcg(start_daemon: StartDaemon) -> None:
    found = await state(await start_daemon(small_drive(optional_admin_commands=OACS | 1)))
    assert (found.tcg, found.HasField("locked"), list(found.protocols)) == (False, False, [0])


async def test_a_drive_without_security_commands(start_daemon: StartDaemon) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await state(await start_daemon(small_drive()))
    assert reason_of(caught.value) == "NVME_UNSUPPORTED"
