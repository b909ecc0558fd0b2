"""A request that changes something, as the operation manager wants it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from nvmed.devices.telemetry import Journalled
from nvmed.operations.manager import Manager, Mutation, Running
from nvmed.operations.request_digest import RequestDigests
from nvmed.rpc.call import current_call


def mutation(request: Any, target: str, digests: RequestDigests | None = None, /, **parameters: Any) -> Mutation:
    """The mutation that `request`, the call being served, asks for on the resource `target`.

    `parameters` is what the journal keeps of it for reconciliation and history; of the rest it keeps a digest, so that
    a request_id used again for something else is noticed and no secret is stored. A request that may hold one needs
    `digests`: its digest is good for nothing outside this host. The request_id is a UUID, which the
    rules have seen to, in its canonical form (RFC 9562: lower case), as it is the same one however it is written.
    """
    call = current_call.get()
    body = type(request)()
    body.CopyFrom(request)
    body.ClearField("request_id")
    digest = hashlib.sha256(body.SerializeToString(deterministic=True)).digest()
    return Mutation(
        kind=call.method.removeprefix("/"),
        target=target,
        principal=call.principal.name,
        request_id=request.request_id.lower(),
        digest=digest if digests is None else digests.keyed(digest),
        parameters=parameters,
        resources=tuple(dict.fromkeys(call.resources.values())),
    )


def journalled(operations: Manager, request: Any, target: str, replayed: str) -> Journalled:
    """Changes of the call being served, each done as an operation of one step.

    `replayed` is the step that the request's request_id stands for: it is not done again where it was done before.
    """
    wanted = mutation(request, target)

    async def change_as_operation(step: str, change: Callable[[], Awaitable[None]]) -> None:
        asked = wanted if step == replayed else replace(wanted, request_id="")

        async def run(running: Running) -> dict[str, Any]:
            async with running.step(step):
                await change()
            return {}

        await operations.perform(asked, run)

    return change_as_operation
