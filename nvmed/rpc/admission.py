"""What every call passes: who is it, may they, is the request sound; what went wrong, and one line in the log.

The only place where an error becomes a gRPC status. Handlers raise `NvmedError`s; anything else is a bug and is
reported as such, with a request id that leads to the traceback in the log and nothing about it on the wire.
"""

from __future__ import annotations

import asyncio
import time
import traceback
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc
import structlog
from grpc_status import rpc_status

from nvmed import limits, tracing
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error, invalid_field
from nvmed.rpc.budget import Budget, Lease
from nvmed.rpc.call import Call, current_call
from nvmed.rpc.errors import to_status
from nvmed.rpc.messages import RECEIVED_BYTES_MAX, Decode, bytes_max, decoded
from nvmed.rpc.metrics import CallMetrics
from nvmed.rpc.resources import Resources
from nvmed.rpc.throttle import Throttle
from nvmed.rpc.validate import validate
from nvmed.security.audit import Audit, Event, Kind
from nvmed.security.bindings import Policy
from nvmed.security.policy import denied, is_audited, rule_of

Context = grpc.aio.ServicerContext[Any, Any]

Identify = Callable[[Context], tuple[str, ...]]
"""What the client of a call proved to be, at least one identity; raises UNKNOWN_PRINCIPAL."""

DENIALS: Final = frozenset({Reason.POLICY_DENIED.name, Reason.UNKNOWN_PRINCIPAL.name})
"""Reasons of what the audit calls a denial. A drive that refuses is none."""

STREAMED_MESSAGES: Final = 2
"""Messages of a client's stream that are in memory at once: one is worked on while the next arrives."""

log: Final = structlog.get_logger("nvmed.rpc")


class AdmissionControl:
    """What all admissions share. `policy` is replaced by a reload; calls that run are then checked again."""

    def __init__(
        self,
        policy: Policy,
        resources: Resources,
        calls: CallMetrics,
        audit: Audit,
        throttle: Throttle,
        budget: Budget,
        tracer: tracing.Tracer = tracing.OFF,
    ) -> None:
        self.resources = resources
        self.calls = calls
        self.audit = audit
        self.throttle = throttle
        self.budget = budget
        self.tracer = tracer
        self._policy = policy
        self._inside: set[Admission] = set()

    @property
    def policy(self) -> Policy:
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._policy = policy
        for admission in tuple(self._inside):
            admission.check_again()

    def entered(self, admission: Admission) -> None:
        """A call begins."""
        self._inside.add(admission)

    def left(self, admission: Admission) -> None:
        """A call has ended."""
        self._inside.discard(admission)


class Admission:
    """Around one call: checks its requests, translates what it raises, logs how it ended."""

    def __init__(
        self,
        control: AdmissionControl,
        method: str,
        context: Context,
        identify: Identify,
        decode: Decode | None = None,
        *,
        stream: bool = False,
    ) -> None:
        self._control = control
        self._stream = stream
        self._context = context
        self._decode = decode
        self._method = method
        self._started = time.monotonic()
        # Both are asked once and at once: after a cancelled call they would crash in grpc.
        self._peer = context.peer()
        self._identities, self._refusal = _identified(identify, context)
        self._lease = Lease(control.budget, self._caller)
        self._call: Call | None = None
        self._request_id = uuid.uuid4().hex
        self._task: asyncio.Task[Any] | None = None
        self._span = tracing.NONE
        self._count_sent: Callable[[], None] | None = None
        self._attempted = False
        self._is_counted = False
        self._is_revoked = False
        self._is_unreadable = False

    async def __aenter__(self) -> Admission:
        self._span = self._control.tracer.call(self._method, self._context.invocation_metadata)
        tracing.current.set(self._span)
        structlog.contextvars.bind_contextvars(request_id=self._request_id)
        if self._span.trace_id:
            structlog.contextvars.bind_contextvars(trace_id=self._span.trace_id)
        self._task = asyncio.current_task()
        self._control.entered(self)
        self._control.calls.began(self._method)
        try:
            self._control.throttle.enter(self._caller, stream=self._stream)
        except NvmedError as exc:
            self._refusal = exc
        else:
            self._is_counted = True
        return self

    def sent(self) -> None:
        """A message of a stream is about to be sent."""
        if self._count_sent is None:
            self._count_sent = self._control.calls.streams(self._method)
        self._count_sent()

    async def admit(self) -> Any:
        """Let the call begin: whoever it is may do this to that, and the request, which is returned, is sound."""
        call = self._call = self._identified_call()
        rule = rule_of(self._method)
        await self._lease.resize(RECEIVED_BYTES_MAX)
        body = await self._first_message()
        self._lease.shrink(len(body))
        request = self._decoded(body)
        self._validate(request, call, rule.permission)
        call.operation = await self._control.resources.operation(request, rule)
        call.resources = await self._control.resources.of(self._method, request, rule, call.operation)
        call.require(rule.permission)
        if is_audited(rule, request):
            self._attempted = True
            await self._control.audit.write(self._event(Kind.ATTEMPT))
        return request

    async def _first_message(self) -> bytes:
        """What the call asks for; raises CALL_TIMEOUT for who sends too slowly: its room is held meanwhile."""
        try:
            async with asyncio.timeout(limits.FIRST_MESSAGE_S):
                body: Any = await self._context.read()
        except TimeoutError:
            allowed = limits.FIRST_MESSAGE_S
            sentence = f"no whole message arrived within {allowed} s; send it at once"
            raise error(Reason.CALL_TIMEOUT, sentence, timeout_s=allowed) from None
        if body is grpc.aio.EOF:
            raise invalid_field("", "the call has no message, or one that is larger than any method takes")
        return bytes(body)

    def admit_unknown(self) -> None:
        """Let a call of a method that does not exist in, so far that it may hear that."""
        self._call = self._identified_call()

    async def admitted(self) -> AsyncIterator[Any]:
        """The messages of a stream, of which the first has decided that the call may begin; all must be sound."""
        first = await self.admit()
        await self._lease.resize(STREAMED_MESSAGES * bytes_max(self._method))
        return self._rest(first)

    def check_again(self) -> None:
        """End the call if the policy that is in force now would not let it begin."""
        if self._call is None or self._refusal is not None:
            return
        try:
            call = self._made_call()
            call.resources, call.operation = self._call.resources, self._call.operation
            call.require(rule_of(self._method).permission)
            self._call.principal = call.principal  # what it may see from now on
        except NvmedError as exc:
            self._refusal, self._is_revoked = exc, True
            if self._task is not None:
                self._task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        self._control.left(self)
        self._lease.shrink(0)
        if self._is_counted:
            self._control.throttle.leave(self._caller, stream=self._stream)
        if isinstance(exc, asyncio.CancelledError) and self._is_revoked and self._refusal and self._task:
            self._task.uncancel()
            await self._abort(self._refusal)
        elif exc is None:
            self._log("ok")
            if self._attempted:
                await self._control.audit.settle(self._event(Kind.OUTCOME, "OK"))
        elif isinstance(exc, GeneratorExit | asyncio.CancelledError):
            self._went_away(exc)
        elif isinstance(
            exc, grpc.aio.InternalError
        ):  # what is sent after its caller went, before this loop learns of it
            self._went_away(exc)
            raise asyncio.CancelledError from None
        elif isinstance(exc, grpc.aio.AbortError):  # a library's servicer (health, reflection) aborted by itself
            self._log("aborted")
        else:
            await self._abort(exc)

    def _went_away(self, exc: BaseException) -> None:
        traceback.clear_frames(exc.__traceback__)
        self._log("CANCELLED")
        if self._attempted:
            self._control.audit.note(self._event(Kind.OUTCOME, "CANCELLED"))

    def _identified_call(self) -> Call:
        """The call of whoever it is, from here on the current one; raises UNKNOWN_PRINCIPAL, TOO_MANY_CALLS."""
        if self._refusal is not None:
            raise self._refusal.copy()
        call = self._made_call()
        current_call.set(call)
        structlog.contextvars.bind_contextvars(principal=call.principal.name)
        return call

    def _made_call(self) -> Call:
        principal = self._control.policy.principal(self._identities)
        return Call(self._method, principal, self._peer, self._request_id, self._lease)

    @property
    def _caller(self) -> str:
        """Whom the call is counted for; all who prove nothing are one."""
        return next(iter(self._identities), "")

    def _decoded(self, body: bytes) -> Any:
        try:
            return decoded(self._method, self._decode, body)
        except NvmedError:
            self._is_unreadable = True
            raise

    def _validate(self, request: Any, call: Call, permission: str) -> None:
        """Raise INVALID_FIELD for what is wrong: but who may do this to nothing at all is told that instead."""
        try:
            validate(request)
        except NvmedError:
            if not any(permission in grant.permissions for grant in call.principal.grants):
                raise denied(call.principal, permission, "anything") from None
            raise

    async def _rest(self, first: Any) -> AsyncIterator[Any]:
        yield first
        while (body := await self._context.read()) is not grpc.aio.EOF:
            request = self._decoded(body)
            validate(request)
            yield request

    async def _abort(self, exc: BaseException) -> None:
        if isinstance(exc, NvmedError):
            failure = exc
        else:
            log.error("bug", method=self._method, exc_info=exc)
            failure = error(Reason.BUG, f"a bug in nvmed; its log has the details under {self._request_id}")
        # gRPC keeps the error that ends a call, and so all frames that it went through, with messages in them.
        traceback.clear_frames(exc.__traceback__)
        self._log(failure.code, reason=failure.reason, message=failure.message)
        is_denial = failure.reason in DENIALS or self._is_unreadable
        if is_denial or self._attempted:
            await self._control.audit.settle(
                self._event(Kind.DENIAL if is_denial else Kind.OUTCOME, failure.code, failure)
            )
        await self._context.abort_with_status(rpc_status.to_status(to_status(failure, self._request_id)))

    def _event(self, kind: Kind, code: str = "", failure: NvmedError | None = None) -> Event:
        """What the audit is told of this call."""
        call = self._call
        principal = call.principal.name if call else self._caller
        return Event(
            kind,
            method=self._method,
            principal=principal,
            peer=self._peer,
            request_id=self._request_id,
            resources=tuple(dict.fromkeys(call.resources.values())) if call else (),
            code=code,
            reason=failure.reason if failure else "",
            message=failure.message if failure else "",
        )

    def _trace(self, code: str, reason: str) -> None:
        """End the span: who, what about and how it ended. No message of an error, which may quote the request."""
        span = self._span
        if span is tracing.NONE:
            return
        span.set("rpc.response.status_code", code.upper())
        span.set("nvmed.request_id", self._request_id)
        if self._call is not None:
            span.set("nvmed.principal", self._call.principal.name)
        if reason:
            span.failed(reason)
        elif self._call is not None:  # of a call that is refused they may be whatever the caller wrote
            span.set("nvmed.resources", " ".join(dict.fromkeys(self._call.resources.values())))
        span.end()

    def _log(self, code: str, **more: str) -> None:
        seconds = time.monotonic() - self._started
        self._control.calls.ended(self._method, code, seconds, streamed=self._count_sent is not None)
        self._trace(code, more.get("reason", ""))
        if not self._is_counted:
            return  # the throttle tells of all that it refuses at once
        log.info(
            "call",
            method=self._method,
            principal=self._call.principal.name if self._call else "",
            resources=tuple(dict.fromkeys(self._call.resources.values())) if self._call else (),
            peer=self._peer,
            request_id=self._request_id,
            code=code,
            duration_ms=round(seconds * 1000, 1),
            **more,
        )


def _identified(identify: Identify, context: Context) -> tuple[tuple[str, ...], NvmedError | None]:
    try:
        return identify(context), None
    except NvmedError as exc:
        return (), exc
