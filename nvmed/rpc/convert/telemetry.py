"""Telemetry logs as the messages of the contract."""

from __future__ import annotations

from nvmed.devices.controller import Device
from nvmed.devices.telemetry import TelemetryEnd, TelemetryStart, TelemetryState
from nvmed.nvme.telemetry import BLOCK_BYTES, TelemetryHeader, TelemetryLog
from nvmed.rpc.convert.digests import digest_of
from nvmed.rpc.convert.fitted import fitted, omissions
from nvmed.v1 import telemetry_pb2


def capabilities(device: Device, state: TelemetryState) -> telemetry_pb2.TelemetryCapabilities:
    """What telemetry a controller has."""
    return fitted(
        telemetry_pb2.TelemetryCapabilities,
        controller=device.resource_name,
        supported=state.max_area > 0,
        max_data_area=state.max_area,
        max_transfer_bytes=state.transfer_bytes,
        host_log=_log(state.host),
        controller_log=_log(state.controller),
        omissions=omissions(state.omissions),
    )


def _area_ends(header: TelemetryHeader) -> list[int]:
    return [(last + 1) * BLOCK_BYTES if last else 0 for last in header.last_blocks]


def detection(*, has_generation: bool) -> telemetry_pb2.TelemetryChangeDetection:
    """Whether a change of a log would be noticed."""
    return (
        telemetry_pb2.TELEMETRY_CHANGE_DETECTION_GENERATION
        if has_generation
        else telemetry_pb2.TELEMETRY_CHANGE_DETECTION_BEST_EFFORT
    )


def _log(header: TelemetryHeader | None) -> telemetry_pb2.TelemetryCapabilities.Log | None:
    if header is None:
        return None
    controllers = header.log is TelemetryLog.CONTROLLER_INITIATED
    return fitted(
        telemetry_pb2.TelemetryCapabilities.Log,
        generation_number=header.generation,
        area_end_bytes=_area_ends(header),
        available=header.is_available if controllers else any(header.last_blocks),
        reason_identifier=header.reason_identifier,
        change_detection=detection(has_generation=header.has_generation),
    )


def header(
    name: str, request: telemetry_pb2.StreamTelemetryRequest, start: TelemetryStart, chunk_bytes: int
) -> telemetry_pb2.StreamTelemetryResponse:
    """The first message of a stream."""
    return fitted(
        telemetry_pb2.StreamTelemetryResponse,
        header=fitted(
            telemetry_pb2.TelemetryHeader,
            controller=name,
            source=request.source,
            data_area=telemetry_pb2.TelemetryDataArea.Name(int(start.area)),  # areas 1 to 4 have their own numbers
            total_bytes=start.total_bytes,
            start_offset=start.offset,
            generation_number=start.header.generation,
            area_end_bytes=_area_ends(start.header),
            reason_identifier=start.header.reason_identifier,
            resume_token=start.resume_token,
            chunk_bytes=chunk_bytes,
            change_detection=detection(has_generation=start.header.has_generation),
            omissions=omissions(start.omissions),
        ),
    )


def trailer(offset: int, total: int, end: TelemetryEnd) -> telemetry_pb2.StreamTelemetryResponse:
    """The last message of a stream."""
    return fitted(
        telemetry_pb2.StreamTelemetryResponse,
        trailer=fitted(
            telemetry_pb2.TelemetryTrailer,
            total_bytes=total,
            sha256=end.sha256,
            hash_covers_from_offset=offset,
            generation_number=end.header.generation,
            async_event_retained=end.async_event_retained,
            change_detection=detection(has_generation=end.header.has_generation),
            digest=digest_of(end.sha256),
        ),
    )
