"""The key of erasure records, over the wire."""

from __future__ import annotations

import stat

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from nvmed.erasure.signing import FILE_NAME
from nvmed.erasure_record import PublicKey
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from nvmed.v1.erasure_pb2 import GetErasureKeyRequest
from tests.rpc.harness import StartDaemon, reason_of


async def test_a_host_has_one_key_for_ever(start_daemon: StartDaemon) -> None:
    first = await start_daemon()
    key = await DriveServiceStub(first.channel).GetErasureKey(GetErasureKeyRequest())
    assert PublicKey(key.public_key).id == key.key_id
    assert PublicKey.of_pem(key.pem).raw == key.public_key
    load_pem_public_key(key.pem.encode())
    assert stat.S_IMODE((first.state_dir / FILE_NAME).stat().st_mode) == 0o600
    again = await start_daemon(state_dir=first.state_dir)
    assert await DriveServiceStub(again.channel).GetErasureKey(GetErasureKeyRequest()) == key


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
async def test_a_damaged_key_is_not_replaced(start_daemon: StartDaemon, content: bytes) -> None:
    daemon = await start_daemon()
    path = daemon.state_dir / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await DriveServiceStub(daemon.channel).GetErasureKey(GetErasureKeyRequest())
    assert reason_of(caught.value) == "ERASURE_KEY_DAMAGED"
    assert path.read_bytes() == content
