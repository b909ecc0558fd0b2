"""The scenario of clients/conformance with nvmedctl's library: prints `ok STEP` for each step, or what failed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from google.longrunning.operations_pb2 import Operation
from nvmedctl import Client, Tls, pages
from nvmedctl.operations import unpack, wait

from nvmed.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    NvmedError,
    Unavailable,
    Unimplemented,
)
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.firmware_pb2 import (
    FIRMWARE_OUTCOME_STAGED,
    FirmwarePreconditions,
    StageFirmwareRequest,
    StageFirmwareResponse,
)
from nvmed.v1.inventory_pb2 import GetControllerRequest, ListControllersRequest
from nvmed.v1.log_pb2 import ReadLogPageRequest
from nvmed.v1.log_pb2_grpc import LogServiceStub
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest

if TYPE_CHECKING:
    from nvmed.v1.log_pb2_grpc import LogServiceAsyncStub


class Wrong(Exception):
    """What a step found instead of what it must show."""


@dataclass(slots=True)
class Scenario:
    """What steps leave to those after them."""

    client: Client
    address: str
    ca: Path
    controller: str = ""
    image: str = ""
    operation: Operation | None = None


async def connect(scenario: Scenario) -> None:
    info = await scenario.client.admin.GetServerInfo(GetServerInfoRequest())
    expect("principal", info.principal, os.environ["NVMED_PRINCIPAL"])


async def refuse_anonymous(scenario: Scenario) -> None:
    async with Client(scenario.address, tls=Tls(scenario.ca)) as client:
        await failure_of(client.admin.GetServerInfo(GetServerInfoRequest()), Unavailable, "CONNECTION_FAILED")


async def list_controllers(scenario: Scenario) -> None:
    request = ListControllersRequest(page_size=1)
    found = pages(scenario.client.inventory.ListControllers, request, lambda page: page.controllers)
    names = [controller.name async for controller in found]
    expect("number of controllers", len(names), 2)
    scenario.controller = names[0]
    expect("collection of the name", scenario.controller.partition("/")[0], "controllers")


async def receive_telemetry(scenario: Scenario) -> None:
    request = StreamTelemetryRequest(controller=scenario.controller, source=TELEMETRY_SOURCE_HOST, create=True)
    log = await scenario.client.save_telemetry(request, os.environ["NVMED_TELEMETRY"])
    if log.attempts < 2:
        raise Wrong("the stream was not cut, so nothing was resumed")


async def upload_image(scenario: Scenario) -> None:
    revision = os.environ["NVMED_IMAGE_REVISION"]
    uploaded = await scenario.client.upload_image(os.environ["NVMED_IMAGE"], firmware_revision=revision)
    scenario.image = uploaded.image.name
    expect("name of the image", scenario.image, f"images/{uploaded.image.sha256.hex()}")


async def stage_image(scenario: Scenario) -> None:
    request = StageFirmwareRequest(controllers=[scenario.controller], image=scenario.image)
    scenario.operation = await scenario.client.firmware.StageFirmware(request)


async def wait_operation(scenario: Scenario) -> None:
    assert scenario.operation is not None  # noqa: S101  # the step before
    done = await wait(scenario.client.operations, scenario.operation)
    (drive,) = unpack(done, StageFirmwareResponse).drives
    expect("outcome", drive.outcome, FIRMWARE_OUTCOME_STAGED)
    expect("revision in the slot", drive.slot_revision, os.environ["NVMED_IMAGE_REVISION"])


async def error_not_found(scenario: Scenario) -> None:
    request = GetControllerRequest(name="controllers/none-1")
    failure = await failure_of(scenario.client.inventory.GetController(request), NotFound, "CONTROLLER_NOT_FOUND")
    expect("metadata", failure.metadata["name"], request.name)
    if not failure.metadata["request_id"]:
        raise Wrong("the error does not say what the daemon's log calls it")


async def error_bad_field(scenario: Scenario) -> None:
    request = StreamTelemetryRequest(controller=scenario.controller, source=TELEMETRY_SOURCE_HOST, chunk_bytes=1000)
    failure = await failure_of(
        anext(aiter(scenario.client.telemetry.StreamTelemetry(request))), InvalidArgument, "INVALID_FIELD"
    )
    fields: list[FieldViolation] = list(failure.fields)
    expect("wrong fields", [violation.field for violation in fields], ["chunk_bytes"])


async def error_nvme_status(scenario: Scenario) -> None:
    logs: LogServiceAsyncStub = LogServiceStub(scenario.client.channel)
    stream = logs.ReadLogPage(ReadLogPageRequest(controller=scenario.controller, log_page=0xBF, length_bytes=512))

    async def read() -> None:
        async for _ in stream:
            pass

    failure = await failure_of(read(), Unimplemented, "NVME_UNSUPPORTED")
    if failure.nvme is None:
        raise Wrong("the error does not say what the drive answered")
    got = failure.nvme.status_code_type, failure.nvme.status_code, failure.nvme.opcode
    expect("status code type, status code and opcode", got, (1, 0x09, 0x02))


async def error_operation(scenario: Scenario) -> None:
    request = StageFirmwareRequest(
        controllers=[scenario.controller],
        image=scenario.image,
        preconditions=FirmwarePreconditions(model_number="ANOTHER MODEL"),
    )
    done = await wait(scenario.client.operations, await scenario.client.firmware.StageFirmware(request))

    async def response() -> StageFirmwareResponse:
        return unpack(done, StageFirmwareResponse)

    failure = await failure_of(response(), FailedPrecondition, "GATE_FAILED")
    expect("failed gates", [gate.kind for gate in failure.gates], ["EXPECTED_MODEL"])


def expect(what: str, got: object, wanted: object) -> None:
    """Raise `Wrong` unless they are equal."""
    if got != wanted:
        raise Wrong(f"{what}: {got!r}, expected {wanted!r}")


async def failure_of(call: Awaitable[object], kind: type[NvmedError], reason: str) -> NvmedError:
    """What `call` raises, which must be this."""
    try:
        answer = await call
    except kind as failure:
        expect("reason", failure.reason, reason)
        return failure
    raise Wrong(f"got {answer!r}, expected {reason}")


STEPS: tuple[Callable[[Scenario], Awaitable[None]], ...] = (
    connect,
    refuse_anonymous,
    list_controllers,
    receive_telemetry,
    upload_image,
    stage_image,
    wait_operation,
    error_not_found,
    error_bad_field,
    error_nvme_status,
    error_operation,
)


async def main() -> None:
    """Go through all steps; the first that fails ends it."""
    address, ca = os.environ["NVMED_ADDRESS"], Path(os.environ["NVMED_CA"])
    tls = Tls(ca, Path(os.environ["NVMED_CERT"]), Path(os.environ["NVMED_KEY"]))
    async with Client(address, tls=tls) as client:
        scenario = Scenario(client, address, ca)
        for step in STEPS:
            name = step.__name__.replace("_", "-")
            try:
                await step(scenario)
            except (Wrong, NvmedError, OSError) as failure:
                sys.exit(f"failed {name}: {failure}")
            sys.stdout.write(f"ok {name}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
