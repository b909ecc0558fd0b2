"""A format that erases leaves a signed record, however it ends; one that does not erase leaves none."""

from __future__ import annotations

from typing import Any

import pytest

from nvmed.nvme.opcodes import AdminOpcode, IoOpcode
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.simulator.faults import Fail, Fault, Patch, Refuse
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import MIB, NamespaceSpec
from nvmed.v1 import erasure_pb2, operations_pb2
from nvmed.v1 import namespace_pb2 as pb
from tests.rpc.erase_calls import record, records
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.namespace_calls import ended, stub, wait

USER_DATA, CRYPTOGRAPHIC = pb.SECURE_ERASE_USER_DATA, pb.SECURE_ERASE_CRYPTOGRAPHIC
UNCONFIRMED = erasure_pb2.ERASURE_OUTCOME_UNCONFIRMED


@pytest.fixture
async def full(start_daemon: StartDaemon) -> Daemon:
    """A drive with two namespaces full of what nobody may read."""
    daemon = await start_daemon(small_drive(namespaces=(NamespaceSpec(MIB), NamespaceSpec(MIB))))
    for namespace in daemon.drive().subsystem.namespaces:
        namespace.storage.write(0, memoryview(b"secrets of the last owner" * 41_943))
    return daemon


def request(erase: int = USER_DATA, **fields: Any) -> pb.FormatNamespaceRequest:
    asked: dict[str, Any] = {"controller": "nvme0", "acknowledge_data_loss": True, "secure_erase": erase, **fields}
    return pb.FormatNamespaceRequest(**(asked if "all_namespaces" in asked else {"nsid": 2, **asked}))


@pytest.mark.parametrize(
    ("erase", "method", "name"),
    [(USER_DATA, "FORMAT_USER_DATA", "user data erase"), (CRYPTOGRAPHIC, "FORMAT_CRYPTO_ERASE", "cryptographic")],
)
async def test_the_record_names_the_namespace_alone(full: Daemon, erase: int, method: str, name: str) -> None:
    done = await ended(full, await stub(full).FormatNamespace(request(erase)), pb.FormatNamespaceResponse)
    found, content = await record(full, done.erasure_record)
    assert (found.outcome, list(found.nsids)) == (erasure_pb2.ERASURE_OUTCOME_ERASED, [2])
    assert [one["nsid"] for one in content["drive"]["namespaces"]] == content["requested"]["nsids"] == [2]
    assert content["method"] == method
    assert name in content["technique"]
    assert (found.nist_800_88, found.ieee_2883) == ("clear", "clear")
    assert found.sample_finding == erasure_pb2.SAMPLE_FINDING_AS_EXPECTED
    assert content["samples"]["samples"] == 32
    assert b"last owner" not in found.envelope


async def test_all_namespaces_and_another_block_size(full: Daemon) -> None:
    asked = request(all_namespaces=True, logical_block_bytes=4096)
    done = await ended(full, await stub(full).FormatNamespace(asked), pb.FormatNamespaceResponse)
    found, content = await record(full, done.erasure_record)
    assert (list(found.nsids), found.outcome) == ([1, 2], erasure_pb2.ERASURE_OUTCOME_ERASED)
    assert (content["samples"]["changed"], content["samples"]["unchanged"]) == (0, 0)


async def test_what_erases_nothing_has_none(full: Daemon) -> None:
    asked = request(pb.SECURE_ERASE_UNSPECIFIED)
    done = await ended(full, await stub(full).FormatNamespace(asked), pb.FormatNamespaceResponse)
    assert (done.erasure_record, await records(full)) == ("", [])
    await stub(full).FormatNamespace(request(validate_only=True))
    assert await records(full) == []


async def test_a_drive_that_refuses(full: Daemon) -> None:
    full.drive().faults.add(Fault(Refuse(Sc.INVALID_FORMAT), opcode=AdminOpcode.FORMAT_NVM))
    waited = await wait(full, await stub(full).FormatNamespace(request()))
    (only,) = await records(full)
    assert only.outcome == erasure_pb2.ERASURE_OUTCOME_FAILED
    assert waited.error.code
    assert (only.failure_reason, only.nist_800_88) == ("NVME_INVALID_FIELD", "")


@pytest.mark.parametrize("executed", [True, False])
async def test_a_command_without_an_answer_is_unconfirmed(full: Daemon, executed: bool) -> None:
    full.drive().faults.add(Fault(Fail(110, executed=executed), opcode=AdminOpcode.FORMAT_NVM))
    waited = await wait(full, await stub(full).FormatNamespace(request()))
    assert waited.error.code
    (only,) = await records(full)
    assert (only.outcome, only.failure_reason) == (UNCONFIRMED, "ERASURE_UNCONFIRMED")


async def test_a_drive_that_lies_is_contradicted(full: Daemon) -> None:
    def keeps(command: Command) -> bool:
        return bool(full.drive().journal.commands(opcode=AdminOpcode.FORMAT_NVM))

    full.drive().faults.add(
        Fault(Patch(0, b"still here"), opcode=IoOpcode.READ, queue=Queue.IO, where=keeps, times=None)
    )
    waited = await wait(full, await stub(full).FormatNamespace(request()))
    metadata = operations_pb2.OperationMetadata()
    assert waited.metadata.Unpack(metadata)
    (only,) = await records(full)
    assert (only.outcome, only.failure_reason) == (
        erasure_pb2.ERASURE_OUTCOME_CONTRADICTED,
        "ERASURE_CONTRADICTED",
    )
