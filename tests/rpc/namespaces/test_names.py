"""A request that names a namespace by its node and another by number is refused, whatever it is about."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from nvmed.v1 import log_pb2, namespace_pb2
from nvmed.v1.log_pb2_grpc import LogServiceStub
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from tests.rpc.harness import Daemon, StartDaemon, reason_of
from tests.rpc.namespace_calls import PAIR

SERVICES = ((namespace_pb2, NamespaceServiceStub), (log_pb2, LogServiceStub))
MORE: dict[str, dict[str, Any]] = {
    "AttachControllers": {"controller_ids": [1]},
    "DetachControllers": {"controller_ids": [1]},
    "DeleteNamespace": {"acknowledge_data_loss": True},
    "FormatNamespace": {"acknowledge_data_loss": True},
    "StartSelfTest": {"test": log_pb2.SELF_TEST_SHORT},
    "ReadLogPage": {"log_page": 2, "length_bytes": 512},
}


def methods() -> list[tuple[Any, Any, str]]:
    """(messages, stub, method) of each that takes a controller and a namespace's number."""
    return [
        (messages, stub, method.name)
        for messages, stub in SERVICES
        for service in messages.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if {"controller", "nsid"} <= set(method.input_type.fields_by_name)
    ]


@pytest.mark.parametrize(("messages", "stub", "method"), methods(), ids=lambda one: one if isinstance(one, str) else "")
async def test_two_names_that_contradict_each_other(
    start_daemon: StartDaemon, messages: Any, stub: Any, method: str
) -> None:
    daemon = await start_daemon(PAIR)
    node = next(one.node for one in daemon.host.scan()[1].namespaces if one.nsid == 3)
    request = getattr(messages, f"{method}Request")(controller=node, nsid=1, **MORE.get(method, {}))
    call = getattr(stub(daemon.channel), method)(request)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call if not hasattr(call, "read") else [part async for part in call]
    assert (reason_of(failure.value), f"{node} is namespace 3" in (failure.value.details() or "")) == (
        "INVALID_FIELD", True,
    )  # fmt: skip
    assert not daemon.drive().journal.commands(opcode=0x0D)


async def test_all_namespaces_and_the_node_of_one(start_daemon: StartDaemon) -> None:
    daemon: Daemon = await start_daemon(PAIR)
    node = daemon.host.scan()[0].namespaces[0].node
    request = namespace_pb2.FormatNamespaceRequest(controller=node, all_namespaces=True, acknowledge_data_loss=True)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await NamespaceServiceStub(daemon.channel).FormatNamespace(request)
    assert reason_of(failure.value) == "INVALID_FIELD"
