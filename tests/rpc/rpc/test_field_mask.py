"""Masks of answers: what is asked for, and nothing else, of whatever method answers with one message."""

from __future__ import annotations

import grpc
import pytest

from nvmed.v1 import admin_pb2, inventory_pb2, inventory_pb2_grpc, log_pb2, log_pb2_grpc
from tests.rpc.harness import Daemon, reason_of


async def controllers(daemon: Daemon, mask: str) -> inventory_pb2.ListControllersResponse:
    stub = inventory_pb2_grpc.InventoryServiceStub(daemon.channel)
    answer: inventory_pb2.ListControllersResponse = await stub.ListControllers(
        inventory_pb2.ListControllersRequest(), metadata=(("x-goog-fieldmask", mask),)
    )
    return answer


async def test_a_mask_goes_through_lists(daemon: Daemon) -> None:
    (whole,) = (await controllers(daemon, "*")).controllers
    assert whole.serial_number
    (one,) = (await controllers(daemon, "controllers.name, controllers.state")).controllers
    assert {field.name for field, _ in one.ListFields()} == {"name", "state"}
    assert (one.name, one.state) == (whole.name, whole.state)
    assert list((await controllers(daemon, "controllers,controllers.name")).controllers) == [whole]
    assert not (await controllers(daemon, "next_page_token")).controllers


async def test_maps_are_whole(daemon: Daemon) -> None:
    asked = admin_pb2.GetServerInfoRequest()
    info = await daemon.admin.GetServerInfo(asked, metadata=(("x-goog-fieldmask", "limits"),))
    assert info.limits["chunk_bytes_max"]
    assert not info.version


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ("nope", "no field 'nope'"),
        ("controllers.nope", "no field 'controllers.nope'"),
        ("controllers.name.x", "no field 'controllers.name.x'"),
        ("", "no field ''"),
        (",".join(["controllers"] * 65), "at most 64"),
    ],
)
async def test_a_mask_that_fits_nothing_is_refused_before_anything_is_done(
    daemon: Daemon, mask: str, said: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await controllers(daemon, mask)
    assert reason_of(refused.value) == "INVALID_FIELD"
    assert said in (refused.value.details() or "")


async def test_the_error_log_has_pages_too(daemon: Daemon) -> None:
    logs = log_pb2_grpc.LogServiceStub(daemon.channel)
    whole = await logs.ListErrorLogEntries(log_pb2.ListErrorLogEntriesRequest(controller="nvme0"))
    found: list[int] = []
    token = ""
    while True:
        asked = log_pb2.ListErrorLogEntriesRequest(controller="nvme0", page_size=1, page_token=token)
        some = await logs.ListErrorLogEntries(asked)
        found += [entry.error_count for entry in some.error_log_entries]
        if not (token := some.next_page_token):
            break
    assert found == [entry.error_count for entry in whole.error_log_entries] == sorted(found, reverse=True)
