"""What must have come of the scenario, without the client's help: by the daemon, its log, the files and the proxies."""

from __future__ import annotations

import filecmp
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.longrunning.operations_pb2 import GetOperationRequest, Operation
from nvmedctl import Client
from nvmedctl.errors import from_status
from nvmedctl.operations import unpack

from clients.conformance.daemon import CLIENT_URI, Call, Wrong
from clients.conformance.disturbance import EVENTS, TELEMETRY_CUTS, UPLOAD_CUT, Disturbance
from clients.conformance.relay import DamagingRelay
from nvmed.reasons import Reason
from nvmed.v1.event_pb2 import ListEventsRequest
from nvmed.v1.firmware_pb2 import (
    FIRMWARE_OUTCOME_STAGED,
    GetFirmwareSlotsRequest,
    GetImageRequest,
    StageFirmwareResponse,
)
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest

STEPS = re.findall(r"^\| `([a-z-]+)` \|", Path(__file__).with_name("README.md").read_text(), re.MULTILINE)

PRINCIPAL = f"uri:{CLIENT_URI}"

IMAGE_BYTES = 3 << 20
REVISION = "7.7.7"

Reports = Mapping[str, Mapping[str, str]]
"""What the client reported, by step."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a step's call must fail, and what the client must have read in it beside the ids."""

    method: str
    code: grpc.StatusCode
    reason: str
    details: Mapping[str, str]

    @property
    def reported(self) -> dict[str, str]:
        return {
            "code": number(self.code),
            "reason": self.reason,
            "remedy": one_word(Reason[self.reason].remedy),
            **self.details,
        }


def number(code: grpc.StatusCode) -> str:
    """The code as the wire has it."""
    return str(code.value[0])


def one_word(text: str) -> str:
    """A text as a value of a report, which has no blanks."""
    return text.replace(" ", "_")


STREAM = "/nvmed.v1.TelemetryService/StreamTelemetry"
UPLOAD = "/nvmed.v1.FirmwareService/UploadImage"
UPLOAD_BUSY = "UPLOAD_BUSY"
"""The daemon had not noticed yet that the call before was gone."""
WATCH = "/nvmed.v1.EventService/WatchEvents"

FAILURES: Mapping[str, Failure] = {
    "error-request-reused": Failure(
        "/nvmed.v1.FirmwareService/StageFirmware",
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        {},
    ),
    "error-not-found": Failure(
        "/nvmed.v1.InventoryService/GetController",
        grpc.StatusCode.NOT_FOUND,
        "CONTROLLER_NOT_FOUND",
        {"name": "controllers/none-1"},
    ),
    "error-bad-field": Failure(
        STREAM,
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
        {"fields": "chunk_bytes"},
    ),
    "error-nvme-status": Failure(
        "/nvmed.v1.LogService/ReadLogPage",
        grpc.StatusCode.UNIMPLEMENTED,
        "NVME_UNSUPPORTED",
        {"sct": "1", "sc": str(0x09), "opcode": str(0x02)},  # Invalid Log Page, to Get Log Page
    ),
}


def parse_reports(output: str) -> dict[str, dict[str, str]]:
    """The lines of a client that did everything; raises `Wrong` unless its steps are those of the scenario."""
    reports = {}
    for line in output.splitlines():
        verdict, _, rest = line.partition(" ")
        step, *pairs = rest.split(" ")
        if verdict != "ok" or not all("=" in pair for pair in pairs):
            raise Wrong(f"no report of a step: {line}")
        reports[step] = dict(pair.split("=", 1) for pair in pairs)
    if list(reports) != STEPS:
        raise Wrong(f"the client's steps are {list(reports)}, not {STEPS}")
    return reports


def fact(reports: Reports, step: str, name: str) -> str:
    """What the client reported as `name`; raises `Wrong` if it did not."""
    if name not in reports[step]:
        raise Wrong(f"{step}: no {name} is reported")
    return reports[step][name]


def expect(what: str, got: object, wanted: object) -> None:
    """Raise `Wrong` unless they are equal."""
    if got != wanted:
        raise Wrong(f"{what}: {got!r}, expected {wanted!r}")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def check_state(
    reports: Reports, client: Client, place: Path, relay: DamagingRelay, disturbance: Disturbance
) -> None:
    """Hold what the client reported against what the daemon says to the driver, and against the files."""
    expect("principal", reports["connect"], {"principal": PRINCIPAL})
    expect("refusal", reports["refuse-anonymous"], {"code": number(grpc.StatusCode.UNAVAILABLE)})
    names = [controller.name async for controller in client.list_controllers()]
    expect("controllers", reports["list-controllers"], {"names": ",".join(names)})
    await _check_telemetry(reports, client, names[0], place)
    _check_relay(reports, place, relay)
    await _check_events(reports, client, names, disturbance.captures)
    _check_upload(disturbance)
    await _check_firmware(reports, client, names[0], place / "image")
    for step, failure in FAILURES.items():
        found = {name: value for name, value in reports[step].items() if name != "request_id"}
        expect(step, found, failure.reported)


async def _check_telemetry(reports: Reports, client: Client, controller: str, place: Path) -> None:
    log = await save_log(client, controller, place / "expected")
    facts = {"streams": str(len(TELEMETRY_CUTS) + 1), "generation": str(log), "sha256": sha256(place / "expected")}
    expect("telemetry", reports["receive-telemetry"], facts)
    if not filecmp.cmp(place / "telemetry", place / "expected", shallow=False):
        raise Wrong("the client's file is not the drive's log")


async def save_log(client: Client, controller: str, path: Path) -> int:
    """Put the log that the drive has now into `path`; its generation."""
    request = StreamTelemetryRequest(controller=controller, source=TELEMETRY_SOURCE_HOST)
    return (await client.save_telemetry(request, path)).generation_number


def _check_relay(reports: Reports, place: Path, relay: DamagingRelay) -> None:
    """Whether the client resumed rather than began again, and passed on what came before the damage and no more."""
    expect("streams to the damaging proxy", len(relay.requests), 2)
    resumed = relay.requests[1]
    expect("resume token and create", (resumed.resume_token, resumed.create), (relay.resume_token, False))
    if not 0 < resumed.offset <= relay.broken_at:
        raise Wrong(f"resumed at {resumed.offset} what broke at {relay.broken_at}")
    expect("what came before the damage", reports["refuse-damage"], {"bytes": str(relay.damaged_at)})
    passed_on = (place / "damaged").read_bytes()
    if passed_on != (place / "expected").read_bytes()[: relay.damaged_at]:
        raise Wrong(f"the {len(passed_on)} bytes passed on are not the first {relay.damaged_at} of the log")


async def _check_events(reports: Reports, client: Client, controllers: list[str], captures: list[str]) -> None:
    """Whether the client got each event once, also that of when its line was broken, and was told of the gap."""
    listed = await client.events.ListEvents(ListEventsRequest(filter="kind = CAPTURE_FINISHED"))
    expect("events that the daemon has", [event.capture_finished.capture for event in listed.events], captures)
    expect("events that were made", len(captures), EVENTS)
    expect("first part of the stream", reports["watch-events"], {"part": "heartbeat"})
    sequences = ",".join(str(event.sequence) for event in listed.events)
    expect("events", reports["resume-events"], {"sequences": sequences, "captures": ",".join(captures)})
    expect("gap and snapshot", reports["events-gap"], {"dropped": "0", "controllers": ",".join(controllers)})


def _check_upload(disturbance: Disturbance) -> None:
    """Whether the image went on from what was on disk, rather than from its beginning."""
    sent = disturbance.upload.requests.carried_bytes
    if sent >= UPLOAD_CUT + IMAGE_BYTES:
        raise Wrong(f"{sent} bytes were sent of an image of {IMAGE_BYTES}: none was spared that had arrived")


async def _check_firmware(reports: Reports, client: Client, controller: str, file: Path) -> None:
    image = await client.firmware.GetImage(GetImageRequest(name=fact(reports, "upload-image", "image")))
    expect("image", image.name, f"images/{sha256(file)}")
    expect("size and revision of the image", (image.size_bytes, image.firmware_revision), (IMAGE_BYTES, REVISION))

    operation = await _operation(client, fact(reports, "stage-image", "operation"))
    expect("operation of the same request", reports["repeat-request"], {"operation": operation.name})
    (drive,) = unpack(operation, StageFirmwareResponse).drives
    expect("drive and outcome", (drive.controller, drive.outcome), (controller, FIRMWARE_OUTCOME_STAGED))
    facts = {"outcome": str(drive.outcome), "slot": str(drive.slot), "revision": REVISION}
    expect("what was staged", reports["wait-operation"], facts)
    slots = (await client.firmware.GetFirmwareSlots(GetFirmwareSlotsRequest(controller=controller))).slots
    expect("revision that the drive has", {slot.slot: slot.revision for slot in slots}[drive.slot], REVISION)

    failed = await _operation(client, fact(reports, "error-operation", "operation"))
    failure = from_status(failed.error)
    expect("gates", [gate.kind for gate in failure.gates], ["EXPECTED_MODEL"])
    code = number(grpc.StatusCode.FAILED_PRECONDITION)
    facts = {"operation": failed.name, "code": code, "reason": "GATE_FAILED", "gates": "EXPECTED_MODEL"}
    expect("why the operation failed", reports["error-operation"], {**facts, "remedy": one_word(failure.remedy)})


async def _operation(client: Client, name: str) -> Operation:
    operation: Operation = await client.operations.GetOperation(GetOperationRequest(name=name))
    expect(f"whether {name} is done", operation.done, True)
    return operation


def check_calls(reports: Reports, calls: list[Call]) -> None:
    """Hold what the client reported against the daemon's log of the client's calls."""
    expect("principals", {call.principal for call in calls if not call.principal.startswith("unix:")}, {PRINCIPAL})
    by_id = {call.request_id: call for call in calls if call.principal == PRINCIPAL}
    for step, failure in FAILURES.items():
        request_id = fact(reports, step, "request_id")
        call = by_id.get(request_id)
        if call is None:
            raise Wrong(f"{step}: the daemon knows no call {request_id} of {PRINCIPAL}")
        expect(step, (call.method, call.code, call.reason), (failure.method, failure.code.name, failure.reason))
    uploads = [call.code for call in by_id.values() if call.method == UPLOAD and call.reason != UPLOAD_BUSY]
    expect("how uploads ended", sorted(uploads), ["CANCELLED", "ok"])
    # One that was cut off, its successor, and that with the gap: who watches ends it.
    watches = [call.code for call in by_id.values() if call.method == WATCH]
    expect("how streams of events ended", watches, ["CANCELLED"] * 3)
    # Those of the step and, of the example, one.
    streams = [call.code for call in by_id.values() if call.method == STREAM and not call.reason]
    expect("how streams of telemetry ended", sorted(streams), ["CANCELLED"] * len(TELEMETRY_CUTS) + ["ok"] * 2)
