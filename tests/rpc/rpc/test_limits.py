"""Limits of each caller over the wire: refused with a reason and a delay, told by GetServerInfo."""

from __future__ import annotations

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from nvmed.config import Limits
from nvmed.v1 import admin_pb2 as pb
from tests.rpc.harness import StartDaemon, reason_of


async def test_too_many_calls_are_refused_with_a_delay(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(limits=Limits(calls_per_second=1, calls_burst=3))
    let_in = 0
    refusal = None
    while refusal is None:
        try:
            await daemon.admin.GetServerInfo(pb.GetServerInfoRequest())
            let_in += 1
        except grpc.aio.AioRpcError as failure:
            refusal = failure
    assert let_in >= 3
    assert (refusal.code(), reason_of(refusal)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    retry = error_details_pb2.RetryInfo()
    status = rpc_status.from_call(refusal)
    assert status is not None
    assert any(detail.Unpack(retry) for detail in status.details)
    assert 0 < retry.retry_delay.ToMilliseconds() <= 1000


async def outcome(health: health_pb2_grpc.HealthStub) -> str:
    """What becomes of one more stream: `served`, or the reason why not."""
    watch = health.Watch(health_pb2.HealthCheckRequest())
    try:
        async for _ in watch:
            return "served"
        return "ended"
    except grpc.aio.AioRpcError as failure:
        return reason_of(failure)
    finally:
        watch.cancel()


async def test_streams_at_once_are_limited_and_come_back(start_daemon: StartDaemon) -> None:
    """Health's Watch is a stream like any other."""
    daemon = await start_daemon(limits=Limits(streams_at_once=2))
    health = health_pb2_grpc.HealthStub(daemon.channel)
    request = health_pb2.HealthCheckRequest()
    watches = [health.Watch(request) for _ in range(2)]
    for watch in watches:
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    assert await outcome(health) == "TOO_MANY_CALLS"
    assert (await daemon.admin.GetServerInfo(pb.GetServerInfoRequest())).version
    watches[0].cancel()
    while (found := await outcome(health)) != "served":
        assert found == "TOO_MANY_CALLS"


async def test_the_limits_are_told(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(limits=Limits(calls_per_second=77, connections=55))
    info = await daemon.admin.GetServerInfo(pb.GetServerInfoRequest())
    assert (info.limits["calls_per_second"], info.limits["connections"]) == (77, 55)
    assert info.limits["streams_at_once"] == Limits().streams_at_once


async def test_connections_are_limited(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(limits=Limits(connections=2))
    assert (await daemon.admin.GetServerInfo(pb.GetServerInfoRequest())).version
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(daemon.address, options=options) for _ in range(3)]
    try:
        outcomes = []
        for channel in channels:
            stub = health_pb2_grpc.HealthStub(channel)
            try:
                await stub.Check(health_pb2.HealthCheckRequest())
                outcomes.append("served")
            except grpc.aio.AioRpcError as failure:
                outcomes.append(failure.code().name)
        assert outcomes == ["served", "UNAVAILABLE", "UNAVAILABLE"]
    finally:
        for channel in channels:
            await channel.close()
