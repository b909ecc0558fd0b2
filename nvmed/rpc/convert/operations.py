"""Operations of the journal as google.longrunning.Operation, with the contract's metadata and typed responses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import structlog
from google.longrunning import operations_pb2 as longrunning
from google.protobuf import descriptor_pool, empty_pb2, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from nvmed.operations import failure
from nvmed.operations.records import Record, State, Step
from nvmed.operations.running import Running
from nvmed.reasons import CONTENTION, Reason
from nvmed.rpc.annotations import operation_responses
from nvmed.rpc.convert.fitted import fitted, fitted_dict, timestamp
from nvmed.rpc.errors import to_status
from nvmed.v1 import operations_pb2

OPERATIONS: Final = "operations/"

RESPONSES: Final[Mapping[str, type[Message]]] = dict(operation_responses())
"""The response of every method that returns an Operation, as its annotation says; a test holds that none is missing."""

_PASSING: Final = frozenset(
    reason.name for reason in (*CONTENTION, Reason.NVME_BUSY, Reason.AUDIT_UNAVAILABLE, Reason.FETCH_FAILED)
)
"""Reasons of failed operations that changed nothing and may be asked for again as they are.

Not those of a command that may have been executed, and not NVME_FAILED: what a drive that failed internally makes of
the same command is not for a program to find out.
"""

_CHECKS: Final[Mapping[str, operations_pb2.OperationMetadata.NextStep]] = {
    "FirmwareService": operations_pb2.OperationMetadata.NEXT_STEP_CHECK_FIRMWARE,
    "NamespaceService": operations_pb2.OperationMetadata.NEXT_STEP_CHECK_NAMESPACES,
    "KeyService": operations_pb2.OperationMetadata.NEXT_STEP_CHECK_KEYS,
}
"""Where to look after an operation of a service whose end is not known; for the rest, at the controller."""

log: Final = structlog.get_logger("nvmed.rpc")


@cache
def response_class(method: str) -> type[Message]:
    """The response of an operation that `method` (`nvmed.v1.Service/Method`) began.

    A method that answers directly has its own; one that streams, or that this version does not know, has none.
    """
    if method in RESPONSES:
        return RESPONSES[method]
    service, _, name = method.partition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
    except KeyError:
        return empty_pb2.Empty
    if found.server_streaming:
        return empty_pb2.Empty
    made: type[Message] = message_factory.GetMessageClass(found.output_type)
    return made


def response(method: str, result: Mapping[str, Any]) -> Message:
    """A result as its response message."""
    return fitted_dict(response_class(method), result)  # also of a record that another version made


def checked(method: str, result: Mapping[str, Any]) -> longrunning.Operation:
    """What validate_only answers: an operation that is done and has no name (AIP-151)."""
    return longrunning.Operation(done=True, response=_packed(response(method, result)))


def operation(
    record: Record,
    running: Running | None,
    steps: Sequence[Step] = (),
    parts: Sequence[operations_pb2.OperationMetadata.Part] = (),
) -> longrunning.Operation:
    """An operation, as far as it is; `running` is its inside while it runs."""
    shown = longrunning.Operation(
        name=OPERATIONS + record.id,
        metadata=_packed(metadata(record, running, steps, parts)),
        done=not record.state.is_open,
    )
    if record.failure is not None:
        shown.error.CopyFrom(to_status(failure.load(record.failure), record.request_id or record.id))
    elif shown.done:
        shown.response.CopyFrom(_packed(response(record.kind, record.result or {})))
    return shown


def metadata(
    record: Record,
    running: Running | None,
    steps: Sequence[Step] = (),
    parts: Sequence[operations_pb2.OperationMetadata.Part] = (),
) -> operations_pb2.OperationMetadata:
    """What `Operation.metadata` holds."""
    shown = fitted(
        operations_pb2.OperationMetadata,
        method=record.kind,
        target=record.target,
        principal=record.principal,
        request_id=record.request_id,
        state=state(record),
        phase=record.phase,
        create_time=timestamp(record.created_ms),
        update_time=timestamp(record.updated_ms),
        steps=[_step(step) for step in steps],
        parts=parts,
        next_step=next_step(record),
    )
    if running is not None and record.state.is_open:
        progress = running.progress
        shown.MergeFrom(
            fitted(
                operations_pb2.OperationMetadata,
                phase=progress.phase or record.phase,
                bytes_done=progress.bytes_done,
                bytes_total=progress.bytes_total,
                bytes_per_second=int(progress.bytes_per_second),
                percent_complete=progress.percent,
                remaining_seconds=None if progress.remaining_s is None else int(progress.remaining_s),
                cancellable=progress.cancellable,
                cancel_requested=running.cancel_requested,
            )
        )
    return shown


def part(record: Record, running: Running | None) -> operations_pb2.OperationMetadata.Part:
    """An operation that another consists of."""
    why = record.failure or {}
    shown = fitted(
        operations_pb2.OperationMetadata.Part,
        operation=OPERATIONS + record.id,
        target=record.target,
        state=state(record),
        phase=record.phase,
        failure_reason=why.get("reason", ""),
        failure_message=why.get("message", ""),
        next_step=next_step(record),
    )
    if running is not None and record.state.is_open:
        progress = running.progress
        shown.MergeFrom(
            fitted(
                operations_pb2.OperationMetadata.Part,
                phase=progress.phase or record.phase,
                bytes_done=progress.bytes_done,
                bytes_total=progress.bytes_total,
            )
        )
    return shown


def next_step(record: Record) -> operations_pb2.OperationMetadata.NextStep:
    """What is to be done after an operation, by how it ended."""
    why = record.failure or {}
    passes = record.state is State.FAILED and why.get("reason") in _PASSING
    if passes or record.state is State.SAFE_TO_RETRY:
        return operations_pb2.OperationMetadata.NEXT_STEP_REQUEST_AGAIN
    if record.state is not State.NEEDS_ATTENTION:
        return operations_pb2.OperationMetadata.NEXT_STEP_UNSPECIFIED
    if named := why.get("metadata", {}).get("next_step"):
        shown: operations_pb2.OperationMetadata.NextStep = getattr(
            operations_pb2.OperationMetadata, f"NEXT_STEP_{named}"
        )
        return shown
    service = record.kind.partition("/")[0].rpartition(".")[2]
    return _CHECKS.get(service, operations_pb2.OperationMetadata.NEXT_STEP_CHECK_CONTROLLER)


def state(record: Record) -> operations_pb2.OperationMetadata.State:
    """The contract's state."""
    return operation_state(record.state)


def operation_state(found: State) -> operations_pb2.OperationMetadata.State:
    """The same of a state alone."""
    shown: operations_pb2.OperationMetadata.State = getattr(operations_pb2.OperationMetadata, f"STATE_{found.value}")
    return shown


def _step(step: Step) -> operations_pb2.OperationMetadata.Step:
    outcome = dict(step.outcome or {})
    why = outcome.pop("failure", None) or {}
    outcome.pop("ok", None)
    return fitted(
        operations_pb2.OperationMetadata.Step,
        name=step.name,
        detail={key: _text(value) for key, value in step.detail.items()},
        intend_time=timestamp(step.intended_ms),
        outcome={key: _text(value) for key, value in outcome.items()},
        failure_reason=why.get("reason", ""),
        failure_message=why.get("message", ""),
        settle_time=None if step.settled_ms is None else timestamp(step.settled_ms),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
