"""Who makes the traffic: a caller draws what it does, and all that it is told is recorded."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from nvmedctl.address import Tls
from nvmedctl.client import Client

from nvmed.errors import NvmedError
from nvmed.v1 import inventory_pb2
from nvmed.v1 import operations_pb2 as ours
from tests.robustness.history import Answered, Kept, Named, Operation
from tests.robustness.world import CLIENT, World

T = TypeVar("T")
CALL_S: Final = 20.0
AGAIN: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})
"""After these nobody knows what became of a request: it is made again, as it was."""

TRIES_MAX: Final = 60
"""Half a minute in all: a channel that found nobody looks again within 5 s, and says until then what it found."""

PENDING, RUNNING = ours.OperationMetadata.STATE_PENDING, ours.OperationMetadata.STATE_RUNNING


@dataclass
class Known:
    """What all callers together have learned."""

    drives: dict[str, str] = field(default_factory=dict)
    """The serial number of each name."""
    images: list[str] = field(default_factory=list)
    captures: list[str] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)
    """The principal of each operation that has not ended as far as was told."""


@dataclass
class Caller:
    """A principal's connection. `chance` draws what it does."""

    world: World
    principal: str
    client: Client
    chance: random.Random
    known: Known

    def request_id(self) -> str:
        """A new one."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def drive(self) -> tuple[str, str]:
        """The name and the serial number of a drive."""
        return self.chance.choice(sorted(self.known.drives.items()))

    async def call(self, method: str, call: Awaitable[T], drive: str = "") -> T:
        """Make a call, and record how it ended, which is raised."""
        began, code, reason, message = time.monotonic(), "LEFT", "", ""
        try:
            answer = await call
            code = "OK"
            return answer
        except NvmedError as failure:
            code, reason, message = failure.code, failure.reason, failure.message[:300]
            raise
        finally:
            took_s = round(time.monotonic() - began, 3)
            self.world.record(Answered(
                method=method, principal=self.principal, took_s=took_s, drive=drive, code=code, reason=reason,
                message=message,
            ))  # fmt: skip

    async def surely(self, method: str, make: Callable[[], Awaitable[T]], drive: str = "") -> T:
        """Make a call until something is known of it."""
        for _ in range(TRIES_MAX):
            try:
                return await self.call(method, make(), drive)
            except NvmedError as failure:
                if failure.code not in AGAIN:
                    raise
                await asyncio.sleep(self.chance.uniform(0.05, 0.5))
        return await self.call(method, make(), drive)

    async def operate(self, method: str, stub: Any, request: Any, drive: str = "") -> operations_pb2.Operation:
        """Begin an operation, sometimes twice at once, and wait for its end; what is told of it is recorded."""

        async def begin() -> operations_pb2.Operation:
            return await self._told(stub(request, timeout=CALL_S), request.request_id)

        twice = self.chance.random() < 0.2
        begun = await asyncio.gather(
            *(self.surely(method, begin, drive) for _ in range(1 + twice)), return_exceptions=True
        )
        for one in begun:
            if isinstance(one, BaseException):
                raise one
        return await self._waited(begun[0], request.request_id)

    async def _waited(self, operation: Any, request_id: str) -> operations_pb2.Operation:
        asked = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(seconds=2))

        async def wait() -> operations_pb2.Operation:
            return await self._told(self.client.operations.WaitOperation(asked, timeout=CALL_S), request_id)

        while not operation.done:
            operation = await self.surely("WaitOperation", wait)
        return cast("operations_pb2.Operation", operation)

    async def _told(self, call: Awaitable[operations_pb2.Operation], request_id: str) -> operations_pb2.Operation:
        """The operation that a call answers with, recorded."""
        began_s = time.monotonic()
        operation, metadata = await call, ours.OperationMetadata()
        operation.metadata.Unpack(metadata)
        state = ours.OperationMetadata.State.Name(metadata.state).removeprefix("STATE_")
        self.world.record(Operation(
            name=operation.name, principal=self.principal, request_id=request_id, state=state, method=metadata.method,
            target=metadata.target, began_s=began_s,
        ))  # fmt: skip
        return operation

    async def learn(self) -> None:
        """See which drives there are."""
        listed = await self.call(
            "ListControllers",
            self.client.inventory.ListControllers(inventory_pb2.ListControllersRequest(), timeout=CALL_S),
        )
        for one in listed.controllers:
            if one.serial_number:
                self.world.record(Named(name=one.name, drive=one.serial_number))
                self.known.drives[one.name] = one.serial_number

    def keep(self, name: str, *, is_kept: bool = True) -> None:
        """Something was promised to be there from now on; or is to be deleted now."""
        self.world.record(Kept(name=name, is_kept=is_kept))


@asynccontextmanager
async def calling(world: World, principal: str, seed: object, known: Known) -> AsyncIterator[Caller]:
    """A caller, connected inside."""
    pki = world.folder / "pki"
    name = CLIENT.rpartition("/")[2]
    tls = Tls(ca=pki / "ca.pem", certificate=pki / f"{name}.pem", key=pki / f"{name}.key")
    is_remote = principal.startswith("uri:")
    async with Client(world.address(principal), tls=tls if is_remote else None, timeout=CALL_S) as client:
        yield Caller(world, principal, client, random.Random(f"{seed}/{principal}"), known)
