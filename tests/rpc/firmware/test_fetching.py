"""FetchImage over the wire: off unless configured, a permission of its own, audited, replayed, validated."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.longrunning.operations_pb2 import Operation

from nvmed import config
from nvmed.config import Binding, Policy
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.admin_pb2 import ListAuditRecordsRequest
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.rpc.firmware_calls import CODE, content, refused, stub, upload
from tests.rpc.harness import KIB, Daemon, StartDaemon
from tests.rpc.operation_calls import metadata, unpacked, wait
from tests.support.image_server import ImageServer, says, serves

DATA = content(64 * KIB, 3)
SIGNATURE = "signature=planted-in-a-query"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ImageServer]:
    async with ImageServer(tmp_path / "server").serving() as serving:
        serving.answers["/fw/a.bin"] = serves(DATA)
        yield serving


def allowing(server: ImageServer) -> config.Firmware:
    return config.Firmware(fetch=config.Fetch(allow=(f"{server.root}fw/",), ca=server.ca))


def request(server: ImageServer, data: bytes = DATA, **changes: Any) -> pb.FetchImageRequest:
    fields = {"url": f"{server.root}fw/a.bin", "sha256": hashlib.sha256(data).digest(), "size_bytes": len(data)}
    return pb.FetchImageRequest(**{**fields, **changes})


async def fetched(daemon: Daemon, asked: pb.FetchImageRequest) -> Operation:
    return await wait(daemon, await stub(daemon).FetchImage(asked))


async def test_an_image_is_fetched_and_can_be_staged(start_daemon: StartDaemon, server: ImageServer) -> None:
    daemon = await start_daemon(firmware=allowing(server))
    asked = request(server, firmware_revision="2.0.0", labels={"ticket": "7"}, request_id=str(uuid.uuid4()))
    operation = await fetched(daemon, asked)
    answer = unpacked(operation, pb.FetchImageResponse)
    name = f"images/{hashlib.sha256(DATA).hexdigest()}"
    assert answer == pb.FetchImageResponse(image=name, size_bytes=len(DATA), fetched_bytes=len(DATA))
    image = await stub(daemon).GetImage(pb.GetImageRequest(name=name))
    assert (image.firmware_revision, dict(image.labels)) == ("2.0.0", {"ticket": "7"})
    assert (await fetched(daemon, asked)).name == operation.name
    assert len(server.asked) == 1
    await refused(CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", stub(daemon).FetchImage(request(
        server, request_id=asked.request_id)))  # fmt: skip


async def test_validating_connects_to_nothing(start_daemon: StartDaemon, server: ImageServer) -> None:
    daemon = await start_daemon(firmware=allowing(server))
    checked = await stub(daemon).FetchImage(request(server, validate_only=True))
    assert (checked.done, checked.name, server.asked) == (True, "", [])
    assert not (await stub(daemon).ListImages(pb.ListImagesRequest())).images


@pytest.mark.parametrize(
    "changes",
    [
        {"url": ""},
        {"url": "https://localhost/" + "a" * 2048},
        {"url": "ftp://localhost/a"},
        {"url": "https://localhost/a b"},
        {"sha256": b""},
        {"sha256": b"x" * 31},
        {"size_bytes": 0},
        {"size_bytes": 5},
        {"size_bytes": 2**63},
        {"firmware_revision": "123456789"},
        {"model_number": "m" * 41},
        {"labels": {str(number): "" for number in range(17)}},
        {"request_id": "1"},
    ],
)
async def test_bad_requests(start_daemon: StartDaemon, server: ImageServer, changes: dict[str, Any]) -> None:
    daemon = await start_daemon(firmware=allowing(server))
    await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", stub(daemon).FetchImage(request(server, **changes)))


async def test_what_is_not_configured_is_not_fetched(start_daemon: StartDaemon, server: ImageServer) -> None:
    off = await start_daemon()
    await refused(CODE.PERMISSION_DENIED, "FETCH_NOT_ALLOWED", stub(off).FetchImage(request(server)))
    daemon = await start_daemon(firmware=allowing(server))
    for url in (f"{server.root}a.bin", f"{server.root}fwx/a.bin", "https://localhost/fw/a.bin"):
        for validate_only in (True, False):
            asked = request(server, url=url, validate_only=validate_only)
            await refused(CODE.PERMISSION_DENIED, "FETCH_NOT_ALLOWED", stub(daemon).FetchImage(asked))
    assert server.asked == []


async def test_a_permission_of_its_own_over_the_image(start_daemon: StartDaemon, server: ImageServer) -> None:
    uploader = Policy(
        roles={"uploader": config.Role(permissions=("firmware.upload", "firmware.read"))},
        bindings=(Binding(principals=("unix:admin",), roles=("uploader",)),),
    )
    daemon = await start_daemon(firmware=allowing(server), roles=(), policy=uploader)
    await upload(daemon, content(64, 1))
    await refused(CODE.PERMISSION_DENIED, "POLICY_DENIED", stub(daemon).FetchImage(request(server)))
    others = Policy(
        bindings=(Binding(principals=("unix:admin",), roles=("firmware",), resources=("host", f"images/{'0' * 64}")),)
    )
    daemon = await start_daemon(firmware=allowing(server), roles=(), policy=others)
    await refused(CODE.PERMISSION_DENIED, "POLICY_DENIED", stub(daemon).FetchImage(request(server)))
    assert server.asked == []


async def test_audited_without_what_is_secret_in_the_url(start_daemon: StartDaemon, server: ImageServer) -> None:
    daemon = await start_daemon(firmware=allowing(server))
    server.answers["/fw/a.bin"] = says(403)
    operation = await fetched(daemon, request(server, url=f"{server.root}fw/a.bin?{SIGNATURE}"))
    assert "403" in operation.error.message
    records = (await daemon.admin.ListAuditRecords(ListAuditRecordsRequest())).audit_records
    assert any(record.method.endswith("/FetchImage") for record in records)
    everything = [path.read_bytes() for path in daemon.state_dir.rglob("*") if path.is_file()]
    assert SIGNATURE.encode() not in b"".join(everything) + operation.SerializeToString()
    assert SIGNATURE not in str(records)


async def test_a_failure_that_may_pass_says_so(
    start_daemon: StartDaemon, server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvmed.firmware.fetch.RETRY_S", 0.001)
    daemon = await start_daemon(firmware=allowing(server))
    server.answers["/fw/a.bin"] = says(503)
    operation = await fetched(daemon, request(server))
    assert metadata(operation).next_step == OperationMetadata.NEXT_STEP_REQUEST_AGAIN
