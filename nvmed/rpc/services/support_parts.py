"""What is in a support bundle: a table of questions that clients could ask as well, and what no method answers.

A part is what the method of that name answers, as `nvmedctl --output json` prints it, with the drive's own bytes where
a method can return them. Whatever is asked here must change nothing: no event is cleared, no log is created.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from nvmed import limits
from nvmed.devices import telemetry
from nvmed.devices.controller import Device
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.telemetry import TelemetryRequest
from nvmed.nvme import identify
from nvmed.nvme.opcodes import IDENTIFY_BYTES
from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.support.collecting import Part
from nvmed.v1 import (
    feature_pb2,
    firmware_pb2,
    inventory_pb2,
    log_pages_pb2,
    log_pb2,
    namespace_pb2,
    ocp_pb2,
    security_pb2,
    telemetry_pb2,
)

NAMESPACES_MAX: Final = 32
"""Whose Identify data are in a bundle."""

_ABOUT: Final = ("controller", "name", "parent")
"""The field of a request that names its controller; the first that it has."""

DRIVE_QUESTIONS: Final[Mapping[str, tuple[str, type[Message], Mapping[str, Any]]]] = {
    "controller": ("inventory", inventory_pb2.GetControllerRequest, {}),
    "surroundings": ("inventory", inventory_pb2.GetControllerSurroundingsRequest, {}),
    "firmware-history": ("firmware", firmware_pb2.ListFirmwareHistoryRequest, {"page_size": limits.PAGE_SIZE_MAX}),
    "capabilities": ("inventory", inventory_pb2.GetControllerCapabilitiesRequest, {}),
    "smart": ("log", log_pb2.GetSmartLogRequest, {}),
    "error-log": ("log", log_pb2.ListErrorLogEntriesRequest, {}),
    "firmware-slots": ("firmware", firmware_pb2.GetFirmwareSlotsRequest, {}),
    "self-test": ("log", log_pb2.GetSelfTestLogRequest, {}),
    "sanitize": ("log", log_pb2.GetSanitizeStatusRequest, {}),
    "effects": ("log", log_pb2.GetEffectsLogRequest, {}),
    "feature-effects": ("log", log_pages_pb2.GetFeatureEffectsLogRequest, {}),
    "supported-log-pages": ("log", log_pb2.GetSupportedLogPagesRequest, {}),
    "features": ("drive", feature_pb2.ListFeaturesRequest, {}),
    "namespaces": ("namespace", namespace_pb2.ListAllocatedNamespacesRequest, {"page_size": limits.PAGE_SIZE_MAX}),
    "ana": ("log", log_pb2.GetAnaLogRequest, {}),
    "lba-status": ("log", log_pb2.GetLbaStatusLogRequest, {}),
    "power-measurement": ("log", log_pages_pb2.GetPowerMeasurementLogRequest, {}),
    "security": ("drive", security_pb2.GetSecurityStateRequest, {}),
    "ocp-smart": ("log", log_pb2.GetOcpSmartLogRequest, {}),
    "ocp-error-recovery": ("log", ocp_pb2.GetOcpErrorRecoveryLogRequest, {}),
    "ocp-firmware-activation": ("log", ocp_pb2.GetOcpFirmwareActivationHistoryRequest, {}),
    "ocp-latency-monitor": ("log", ocp_pb2.GetLatencyMonitorLogRequest, {}),
    "ocp-device-capabilities": ("log", ocp_pb2.GetOcpDeviceCapabilitiesRequest, {}),
    "ocp-unsupported-requirements": ("log", ocp_pb2.GetOcpUnsupportedRequirementsRequest, {}),
    "ocp-hardware-components": ("log", ocp_pb2.GetOcpHardwareComponentsRequest, {}),
    "ocp-tcg-configuration": ("log", ocp_pb2.GetOcpTcgConfigurationLogRequest, {}),
    "ocp-telemetry-strings": ("log", ocp_pb2.GetOcpTelemetryStringsRequest, {}),
    "persistent-events": ("log", log_pb2.GetPersistentEventLogRequest, {"events_max": limits.EVENTS_MAX}),
    "telemetry": ("telemetry", telemetry_pb2.GetTelemetryCapabilitiesRequest, {}),
}
"""Of a drive, by the part's name: the servicer, the request, and fields of it. What hangs drives most comes last."""

TELEMETRY: Final[Mapping[int, tuple[str, TelemetryLog]]] = {
    telemetry_pb2.TELEMETRY_SOURCE_HOST: ("telemetry-host.bin", TelemetryLog.HOST_INITIATED),
    telemetry_pb2.TELEMETRY_SOURCE_CONTROLLER: ("telemetry-controller.bin", TelemetryLog.CONTROLLER_INITIATED),
}
AREAS: Final[Mapping[int, TelemetryDataArea]] = {
    telemetry_pb2.TELEMETRY_DATA_AREA_UNSPECIFIED: TelemetryDataArea.AREA_3,
    telemetry_pb2.TELEMETRY_DATA_AREA_1: TelemetryDataArea.AREA_1,
    telemetry_pb2.TELEMETRY_DATA_AREA_2: TelemetryDataArea.AREA_2,
    telemetry_pb2.TELEMETRY_DATA_AREA_3: TelemetryDataArea.AREA_3,
}
"""Area 4 is not here: to read it a feature must be set."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The servicers that are asked, as a client would."""

    inventory: Any
    log: Any
    firmware: Any
    drive: Any
    namespace: Any
    telemetry: Any
    operations: Any
    admin: Any
    extended: ExtendedTelemetry


def drive_parts(asked: Asked, device: Device, sources: Sequence[int], area: int) -> list[Part]:
    """What a drive, and the kernel about it, are asked."""
    folder, name = device.resource_name, device.resource_name
    parts = [
        Part(f"{folder}/{part}.json", partial(_answer, getattr(asked, servicer), request, name, fields))
        for part, (servicer, request, fields) in DRIVE_QUESTIONS.items()
    ]
    commands = {"identify-controller.bin": identify.identify_controller()}
    for namespace in device.node.namespaces[:NAMESPACES_MAX]:
        commands[f"identify-namespace-{namespace.nsid}.bin"] = identify.identify_namespace(namespace.nsid)
    parts[3:3] = [
        Part(f"{folder}/{part}", partial(_identify, device, command), is_text=False)
        for part, command in commands.items()
    ]
    for source in dict.fromkeys(sources):
        file, log = TELEMETRY[source]
        parts.append(Part(f"{folder}/{file}", partial(_telemetry, asked, device, log, AREAS[area]), is_text=False))
    return parts


def json_part(path: str, value: Callable[[], Awaitable[Any]]) -> Part:
    """A part that is a message, or what JSON can hold."""

    async def read() -> AsyncIterator[bytes]:
        yield as_json(await value())

    return Part(path, read)


def bytes_part(path: str, value: Callable[[], Awaitable[bytes]]) -> Part:
    """A part that is text already; a line break where there is none, for it is there."""

    async def read() -> AsyncIterator[bytes]:
        yield await value() or b"\n"

    return Part(path, read)


def as_json(value: Any) -> bytes:
    """A message, or what JSON can hold, as it stands in a bundle."""
    return json.dumps(plain(value), indent=1, default=str).encode() + b"\n"


def plain(value: Any) -> Any:
    """A message as what JSON can hold; everything else as it is."""
    return MessageToDict(value, preserving_proto_field_name=True) if isinstance(value, Message) else value


async def _answer(servicer: Any, request: type[Message], name: str, fields: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """What a method answers: its name is its request's."""
    known = request.DESCRIPTOR.fields_by_name
    about = next(field for field in _ABOUT if field in known)
    raw = {"include_raw": True} if "include_raw" in known else {}
    method = getattr(servicer, request.DESCRIPTOR.name.removesuffix("Request"))
    yield as_json(await method(request(**{about: name}, **raw, **fields), None))


async def _identify(device: Device, command: Command) -> AsyncIterator[bytes]:
    data = bytearray(IDENTIFY_BYTES)
    async with device.open() as session:
        await session.admin(command, data)
    yield bytes(data)


async def _telemetry(asked: Asked, device: Device, log: TelemetryLog, area: TelemetryDataArea) -> AsyncIterator[bytes]:
    """A log as it is, into bytes of its own, as they wait for the disk while the next are read."""

    async def nothing(step: str, change: Callable[[], Awaitable[None]]) -> None:
        raise AssertionError(step)

    wanted = TelemetryRequest(
        log=log,
        area=area,
        create=False,
        retain_async_event=True,
        chunk_bytes=limits.CHUNK_BYTES_DEFAULT,
        window=2,
        transfer_bytes=0,
        resume_token="",
        offset=0,
        headroom=0,
        encode=lambda buffer, size, _: bytes(buffer[:size]),
        journalled=nothing,
    )
    async for piece in telemetry.stream(device, wanted, asked.extended):
        if isinstance(piece, bytes):
            yield piece
