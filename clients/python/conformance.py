"""The scenario of clients/conformance with nvmedctl's library: prints what each step found, or what failed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from google.longrunning.operations_pb2 import Operation
from nvmedctl import Client, Tls, pages
from nvmedctl.operations import unpack, wait
from nvmedctl.telemetry import receive_telemetry

from nvmed.errors import NvmedError
from nvmed.reasons import Reason
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.event_pb2 import EVENT_KIND_CAPTURE_FINISHED, Event, WatchEventsRequest, WatchEventsResponse
from nvmed.v1.firmware_pb2 import FirmwarePreconditions, StageFirmwareRequest, StageFirmwareResponse
from nvmed.v1.inventory_pb2 import GetControllerRequest, ListControllersRequest
from nvmed.v1.log_pb2 import ReadLogPageRequest
from nvmed.v1.log_pb2_grpc import LogServiceStub
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest

if TYPE_CHECKING:
    from nvmed.v1.log_pb2_grpc import LogServiceAsyncStub

EVENTS = 3
"""So many captures resume-events waits for."""

Facts = Mapping[str, object]
"""What a step found."""


class Wrong(Exception):
    """What should have failed did not."""


@dataclass(slots=True)
class Scenario:
    """What steps leave to those after them."""

    client: Client
    tls: Tls
    controller: str = ""
    image: str = ""
    events: AsyncGenerator[WatchEventsResponse, None] | None = None
    staging: StageFirmwareRequest | None = None
    operation: Operation | None = None

    def on(self, line: str) -> Client:
        """A connection of its own over another line."""
        return Client(os.environ[line], tls=self.tls)


async def connect(scenario: Scenario) -> Facts:
    info = await scenario.client.admin.GetServerInfo(GetServerInfoRequest())
    return {"principal": info.principal}


async def refuse_anonymous(scenario: Scenario) -> Facts:
    async with Client(os.environ["NVMED_ADDRESS"], tls=Tls(scenario.tls.ca)) as client:
        failure = await failure_of(client.admin.GetServerInfo(GetServerInfoRequest()))
    return {"code": code(failure)}


async def list_controllers(scenario: Scenario) -> Facts:
    request = ListControllersRequest(page_size=1)
    found = pages(scenario.client.inventory.ListControllers, request, lambda page: page.controllers)
    names = [controller.name async for controller in found]
    scenario.controller = names[0]
    return {"names": ",".join(names)}


async def receive(scenario: Scenario) -> Facts:
    request = StreamTelemetryRequest(controller=scenario.controller, source=TELEMETRY_SOURCE_HOST, create=True)
    log = await scenario.client.save_telemetry(request, os.environ["NVMED_TELEMETRY"])
    return {"streams": log.attempts, "generation": log.generation_number, "sha256": log.sha256.hex()}


@dataclass(slots=True)
class Partial:
    """Keeps what came before a failure, as `save_telemetry` does not."""

    received: bytes = b""

    def write(self, data: bytes) -> None:
        self.received += data

    def restart(self) -> None:
        self.received = b""


async def refuse_damage(scenario: Scenario) -> Facts:
    request = StreamTelemetryRequest(controller=scenario.controller, source=TELEMETRY_SOURCE_HOST)
    sink = Partial()
    with ThreadPoolExecutor(1) as executor:
        async with scenario.on("NVMED_DAMAGING_ADDRESS") as client:
            receiving = receive_telemetry(client.telemetry, request, sink, executor=executor)
            failure = await failure_of(receiving)
    if failure.reason != Reason.TRANSFER_CORRUPTED.name:
        raise failure
    await asyncio.to_thread(Path(os.environ["NVMED_DAMAGED"]).write_bytes, sink.received)
    return {"bytes": len(sink.received)}


async def watch(scenario: Scenario) -> Facts:
    request = WatchEventsRequest(kinds=[EVENT_KIND_CAPTURE_FINISHED])
    scenario.events = _events(scenario.on("NVMED_EVENTS_ADDRESS"), request)
    first = await anext(scenario.events)
    return {"part": first.WhichOneof("part")}


async def _events(connection: Client, request: WatchEventsRequest) -> AsyncGenerator[WatchEventsResponse, None]:
    async with connection as client, aclosing(client.watch_events(request)) as messages:
        async for message in messages:
            yield message


async def resume_events(scenario: Scenario) -> Facts:
    assert scenario.events is not None  # noqa: S101  # the step before
    events: list[Event] = []
    async with aclosing(scenario.events) as messages:
        async for message in messages:
            if message.HasField("dropped"):
                raise Wrong("events are missing")
            if message.HasField("event"):
                events.append(message.event)
            if len(events) == EVENTS:
                break
    captures = [event.capture_finished.capture for event in events]
    return {"sequences": ",".join(str(event.sequence) for event in events), "captures": ",".join(captures)}


async def events_gap(scenario: Scenario) -> Facts:
    request = WatchEventsRequest(resume_token=os.environ["NVMED_EVENTS_TOKEN"], include_snapshot=True)
    dropped, controllers = [], []
    async with aclosing(scenario.client.watch_events(request)) as messages:
        async for message in messages:
            part = message.WhichOneof("part")
            if part == "dropped":
                dropped.append(str(message.dropped.count))
            if part == "event" and message.event.HasField("controller_state"):
                controllers.append(message.event.controller_state.name)
            if part == "snapshot_end":
                break
    return {"dropped": ",".join(dropped), "controllers": ",".join(controllers)}


async def upload_image(scenario: Scenario) -> Facts:
    revision = os.environ["NVMED_IMAGE_REVISION"]
    async with scenario.on("NVMED_UPLOAD_ADDRESS") as client:
        uploaded = await client.upload_image(os.environ["NVMED_IMAGE"], firmware_revision=revision)
    scenario.image = uploaded.image.name
    return {"image": scenario.image}


async def stage_image(scenario: Scenario) -> Facts:
    scenario.staging = StageFirmwareRequest(
        controllers=[scenario.controller], image=scenario.image, request_id=os.environ["NVMED_REQUEST_ID"]
    )
    scenario.operation = await scenario.client.firmware.StageFirmware(scenario.staging)
    return {"operation": scenario.operation.name}


async def repeat_request(scenario: Scenario) -> Facts:
    assert scenario.staging is not None  # noqa: S101  # the step before
    same = await scenario.client.firmware.StageFirmware(scenario.staging)
    return {"operation": same.name}


async def error_request_reused(scenario: Scenario) -> Facts:
    another = StageFirmwareRequest(max_concurrency=2)
    assert scenario.staging is not None  # noqa: S101  # the step before
    another.MergeFrom(scenario.staging)
    return described(await failure_of(scenario.client.firmware.StageFirmware(another)))


async def wait_operation(scenario: Scenario) -> Facts:
    assert scenario.operation is not None  # noqa: S101  # the step before
    async with scenario.on("NVMED_OPERATIONS_ADDRESS") as client:
        done = await wait(client.operations, scenario.operation)
    (drive,) = unpack(done, StageFirmwareResponse).drives
    return {"outcome": drive.outcome, "slot": drive.slot, "revision": drive.slot_revision}


async def error_not_found(scenario: Scenario) -> Facts:
    request = GetControllerRequest(name="controllers/none-1")
    failure = await failure_of(scenario.client.inventory.GetController(request))
    return {**described(failure), "name": failure.metadata["name"]}


async def error_bad_field(scenario: Scenario) -> Facts:
    request = StreamTelemetryRequest(controller=scenario.controller, source=TELEMETRY_SOURCE_HOST, chunk_bytes=1000)
    failure = await failure_of(exhaust(scenario.client.telemetry.StreamTelemetry(request)))
    return {**described(failure), "fields": ",".join(violation.field for violation in failure.fields)}


async def error_nvme_status(scenario: Scenario) -> Facts:
    logs: LogServiceAsyncStub = LogServiceStub(scenario.client.channel)
    request = ReadLogPageRequest(controller=scenario.controller, log_page=0xBF, length_bytes=512)
    failure = await failure_of(exhaust(logs.ReadLogPage(request)))
    if failure.nvme is None:
        raise failure
    status = {"sct": failure.nvme.status_code_type, "sc": failure.nvme.status_code, "opcode": failure.nvme.opcode}
    return {**described(failure), **status}


async def error_operation(scenario: Scenario) -> Facts:
    request = StageFirmwareRequest(
        controllers=[scenario.controller],
        image=scenario.image,
        preconditions=FirmwarePreconditions(model_number="ANOTHER_MODEL"),
    )
    done = await wait(scenario.client.operations, await scenario.client.firmware.StageFirmware(request))
    try:
        response = unpack(done, StageFirmwareResponse)
    except NvmedError as failure:
        gates = ",".join(gate.kind for gate in failure.gates)
        about = {"code": code(failure), "reason": failure.reason, "remedy": one_word(failure.remedy)}
        return {"operation": done.name, **about, "gates": gates}
    raise Wrong(f"answered {response}")


def code(failure: NvmedError) -> int:
    number: int = grpc.StatusCode[failure.code].value[0]
    return number


def described(failure: NvmedError) -> Facts:
    """What every failed call has."""
    return {
        "code": code(failure),
        "reason": failure.reason,
        "request_id": failure.metadata["request_id"],
        "remedy": one_word(failure.remedy),
    }


def one_word(text: str) -> str:
    """A text as a value of a report, which has no blanks."""
    return text.replace(" ", "_")


async def failure_of(call: Awaitable[object]) -> NvmedError:
    """What `call` raises."""
    try:
        answer = await call
    except NvmedError as failure:
        return failure
    raise Wrong(f"answered {answer}")


async def exhaust(stream: AsyncIterable[object]) -> None:
    async for _ in stream:
        pass


STEPS: Mapping[str, Callable[[Scenario], Awaitable[Facts]]] = {
    "connect": connect,
    "refuse-anonymous": refuse_anonymous,
    "list-controllers": list_controllers,
    "receive-telemetry": receive,
    "refuse-damage": refuse_damage,
    "watch-events": watch,
    "resume-events": resume_events,
    "events-gap": events_gap,
    "upload-image": upload_image,
    "stage-image": stage_image,
    "repeat-request": repeat_request,
    "error-request-reused": error_request_reused,
    "wait-operation": wait_operation,
    "error-not-found": error_not_found,
    "error-bad-field": error_bad_field,
    "error-nvme-status": error_nvme_status,
    "error-operation": error_operation,
}


async def main() -> None:
    """Go through all steps; the first that fails ends it."""
    tls = Tls(Path(os.environ["NVMED_CA"]), Path(os.environ["NVMED_CERT"]), Path(os.environ["NVMED_KEY"]))
    async with Client(os.environ["NVMED_ADDRESS"], tls=tls) as client:
        scenario = Scenario(client, tls)
        for name, step in STEPS.items():
            try:
                facts = await step(scenario)
            except (Wrong, NvmedError, OSError) as failure:
                sys.exit(f"failed {name}: {failure}")
            print(*["ok", name, *(f"{key}={value}" for key, value in facts.items())], flush=True)


if __name__ == "__main__":
    asyncio.run(main())
