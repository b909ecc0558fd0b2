"""nvmed.v1.PassthruService."""

from __future__ import annotations

from typing import Any, Final

from nvmed.nvme.passthru import Passthru
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.operations.manager import Mutation
from nvmed.operations.passthru import PassthruOutcome, Passthrus, PassthruTarget, of_namespace
from nvmed.operations.request_digest import RequestDigests
from nvmed.rpc.call import current_call
from nvmed.rpc.convert.fitted import fitted
from nvmed.rpc.mutation import mutation
from nvmed.security.policy import CHANGE_BY_PASSTHRU, authorise
from nvmed.v1 import passthru_pb2, passthru_pb2_grpc

_COMMAND: Final = ("opcode", "nsid", "cdw2", "cdw3", "cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15", "timeout_ms")


class PassthruService(passthru_pb2_grpc.PassthruServiceServicer):
    """Sends what the rules allow."""

    def __init__(self, passthrus: Passthrus, digests: RequestDigests) -> None:
        self._passthrus = passthrus
        self._digests = digests

    async def ExecuteAdmin(
        self, request: passthru_pb2.ExecuteAdminRequest, context: Any
    ) -> passthru_pb2.ExecuteAdminResponse:
        outcome = await self._passthrus.repeated(self._mutation(request))
        if outcome is None:
            target = await self._passthrus.controller(request.controller, "controller")
            outcome = await self._execute(request, target, _passthru(Queue.ADMIN, request.command))
        return fitted(passthru_pb2.ExecuteAdminResponse, controller=outcome.target, **_fields(outcome))

    async def ExecuteIo(self, request: passthru_pb2.ExecuteIoRequest, context: Any) -> passthru_pb2.ExecuteIoResponse:
        outcome = await self._passthrus.repeated(self._mutation(request))
        if outcome is None:
            target = await self._passthrus.namespace(request.namespace, "namespace")
            passthru = of_namespace(_passthru(Queue.IO, request.command), target)
            outcome = await self._execute(request, target, passthru)
        return fitted(passthru_pb2.ExecuteIoResponse, namespace=outcome.target, **_fields(outcome))

    async def TestPassthru(
        self, request: passthru_pb2.TestPassthruRequest, context: Any
    ) -> passthru_pb2.TestPassthruResponse:
        if request.queue == passthru_pb2.PASSTHRU_QUEUE_ADMIN:
            target = await self._passthrus.controller(request.resource, "resource")
            passthru = _passthru(Queue.ADMIN, request.command)
        else:
            target = await self._passthrus.namespace(request.resource, "resource")
            passthru = of_namespace(_passthru(Queue.IO, request.command), target)
        verdict = await self._passthrus.judge(passthru, target, current_call.get().principal)
        return passthru_pb2.TestPassthruResponse(
            allowed=verdict.allowed,
            rule=verdict.rule,
            description=verdict.because,
            changes_state=verdict.changes_state,
            needs_acknowledgement=verdict.needs_acknowledgement,
        )

    async def _execute(self, request: Any, target: PassthruTarget, passthru: Passthru) -> PassthruOutcome:
        principal = current_call.get().principal
        return await self._passthrus.execute(
            passthru,
            target,
            self._mutation(request, target.name),
            lambda: authorise(principal, CHANGE_BY_PASSTHRU, target.name),
            verdict=await self._passthrus.judge(passthru, target, principal),
            acknowledged=request.acknowledge_destructive,
            validate_only=request.validate_only,
        )

    def _mutation(self, request: Any, target: str = "") -> Mutation:
        """The request as a mutation; its digest is good for nothing elsewhere: data may be secret (Security Send)."""
        command = {name: getattr(request.command, name) for name in _COMMAND}
        return mutation(request, target, self._digests, **command)


def _passthru(queue: Queue, given: passthru_pb2.PassthruCommand) -> Passthru:
    return Passthru(
        queue=queue,
        command=Command(**{name: getattr(given, name) for name in _COMMAND}),
        data=given.data,
        read_bytes=given.read_bytes,
        metadata=given.metadata,
        read_metadata_bytes=given.read_metadata_bytes,
    )


def _fields(outcome: PassthruOutcome) -> dict[str, Any]:
    """The fields that both answers have."""
    answer = outcome.answer
    return {
        "result": answer.result,
        "data": answer.data,
        "metadata": answer.metadata,
        "rule": outcome.rule,
        "changes_state": outcome.changes_state,
    }
