"""The host around a drive, over the wire: nothing of it asks the drive."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest

from nvmed.nvme.surroundings import Link, LinkErrors
from nvmed.v1 import inventory_pb2 as pb
from tests.rpc.client.command_line import nvmedctl, shown
from tests.rpc.harness import Daemon


async def around(daemon: Daemon) -> pb.ControllerSurroundings:
    return await daemon.inventory.GetControllerSurroundings(pb.GetControllerSurroundingsRequest(name="nvme0"))


async def locate(daemon: Daemon, **fields: Any) -> pb.SetLocatorResponse:
    return await daemon.inventory.SetLocator(pb.SetLocatorRequest(name="nvme0", **fields))


async def test_what_is_around_a_drive(daemon: Daemon) -> None:
    before = daemon.drive().journal.records
    daemon.host.surround(
        "nvme0", link=Link(8_000, 4, 16_000, 4), errors=LinkErrors({"RxErr": 7}, {}, {}), counters={"reset_count": 2}
    )
    found = await around(daemon)
    assert (found.location.slot, found.location.label, found.location.numa_node) == ("1", "NVMe bay 1", 0)
    assert (found.link.speed_mts, found.link.max_speed_mts, found.link.degraded) == (8_000, 16_000, True)
    assert (found.pci_errors.correctable["RxErr"], found.kernel_counters["reset_count"]) == (7, 2)
    assert [path.nsid for path in found.paths] == [1]
    assert daemon.drive().journal.records == before


async def test_a_light_is_switched_and_shown(daemon: Daemon) -> None:
    answer = await locate(daemon, on=True, timeout_ms=60_000)
    assert answer.on
    light = (await around(daemon)).indicators[0]
    assert (light.indicator, light.on) == (pb.INDICATOR_LOCATE, True)
    assert light.expire_time == answer.expire_time
    await locate(daemon, on=False)
    light = (await around(daemon)).indicators[0]
    assert (light.on, light.HasField("expire_time")) == (False, False)


async def test_a_dry_run_switches_nothing(daemon: Daemon) -> None:
    assert (await locate(daemon, on=True, validate_only=True)).on
    assert not (await around(daemon)).indicators[0].on


async def test_a_request_that_is_repeated_is_done_once(daemon: Daemon) -> None:
    request_id = str(uuid.uuid4())
    first = await locate(daemon, on=True, request_id=request_id)
    assert await locate(daemon, on=True, request_id=request_id) == first


@pytest.mark.parametrize("fields", [{"timeout_ms": 31 * 86_400_000}, {"indicator": 9}, {"request_id": "x"}])
async def test_a_request_that_cannot_be_is_refused(daemon: Daemon, fields: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await daemon.inventory.SetLocator(pb.SetLocatorRequest(name="nvme0", on=True, **fields))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_command_line(daemon: Daemon) -> None:
    assert "locate light on until" in await shown(daemon, "controllers", "locate", "nvme0", "--for", "60")
    assert "link.max_speed_mts" in await shown(daemon, "controllers", "surroundings", "nvme0")
    _, answer, _ = await nvmedctl(daemon, "controllers", "locate", "nvme0", "--fault", "--off")
    assert (answer["indicator"], answer["on"]) == ("INDICATOR_FAULT", False)
    daemon.host.surround("nvme0", indicators={})
    code, _, failure = await nvmedctl(daemon, "controllers", "locate", "nvme0")
    assert (code != 0, failure["error"]["reason"]) == (True, "INDICATOR_UNSUPPORTED")
