"""What waits for a collector is bounded, and what is dropped is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from nvmed.otel import outbox
from nvmed.otel.outbox import BATCH_MAX, WAITING_MAX, Outbox, Sender


class Collector:
    """The method of a stub: it fails with `code`, if there is one."""

    def __init__(self) -> None:
        self.code: grpc.StatusCode | None = None
        self.sent: list[int] = []

    async def export(self, request: Sequence[int], *, timeout: float, metadata: Any) -> None:  # noqa: ASYNC109
        assert len(request) <= BATCH_MAX
        if self.code is not None:
            raise grpc.aio.AioRpcError(self.code, grpc.aio.Metadata(), grpc.aio.Metadata(), "details")
        self.sent += request


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def box(collector: Collector) -> Outbox[int]:
    return Outbox(Sender("trace", collector.export, ()), list)


async def test_all_is_sent_in_its_order(box: Outbox[int], collector: Collector) -> None:
    for number in range(BATCH_MAX * 2 + 1):
        box.put(number)
    await box.flush()
    assert collector.sent == [*range(BATCH_MAX * 2 + 1)]
    assert box.dropped == 0


async def test_what_finds_no_room_is_dropped_and_told_of_once(box: Outbox[int], collector: Collector) -> None:
    with capture_logs() as logged:
        for number in range(WAITING_MAX + 7):
            box.put(number)
        await box.flush()
    assert (len(collector.sent), box.dropped) == (WAITING_MAX, 7)
    assert [(line["event"], line["dropped"]) for line in logged] == [("otel_dropped", 7)]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
async def test_what_cannot_be_sent_now_waits(box: Outbox[int], collector: Collector, code: grpc.StatusCode) -> None:
    collector.code = code
    box.put(1)
    box.put(2)
    assert await box._send_some() is outbox.Outcome.LATER
    collector.code = None
    await box.flush()
    assert (collector.sent, box.dropped) == ([1, 2], 0)


async def test_what_is_refused_is_not_sent_again(box: Outbox[int], collector: Collector) -> None:
    collector.code = grpc.StatusCode.INVALID_ARGUMENT
    box.put(1)
    with capture_logs() as logged:
        await box.flush()
    assert (collector.sent, box.dropped) == ([], 1)
    assert [line["event"] for line in logged] == ["otel_failing", "otel_dropped"]
