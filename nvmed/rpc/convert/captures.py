"""Captures as the messages of the contract."""

from __future__ import annotations

from nvmed.captures.capturing import SOURCES
from nvmed.captures.files import Capture
from nvmed.rpc.convert.fitted import fitted, timestamp
from nvmed.rpc.convert.telemetry import detection
from nvmed.v1 import telemetry_pb2


def capture(found: Capture) -> telemetry_pb2.Capture:
    """A capture without its bytes."""
    return fitted(
        telemetry_pb2.Capture,
        name=found.name,
        controller=found.controller,
        source=SOURCES[found.log],
        data_area=found.area,
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        generation_number=found.generation,
        change_detection=detection(has_generation=found.has_generation),
        reason_identifier=found.reason_identifier,
        model_number=found.model,
        serial_number=found.serial,
        firmware_revision=found.firmware_revision,
        create_time=timestamp(found.created_ms),
        expire_time=timestamp(found.expires_ms),
        automatic=found.automatic,
        principal=found.principal,
        labels=found.labels,
    )


def header(found: Capture, offset: int, chunk_bytes: int) -> telemetry_pb2.ReadCaptureResponse:
    """The first message of a capture's stream."""
    return fitted(
        telemetry_pb2.ReadCaptureResponse,
        header=fitted(
            telemetry_pb2.CaptureHeader, capture=capture(found), start_offset=offset, chunk_bytes=chunk_bytes
        ),
    )


def trailer(found: Capture) -> telemetry_pb2.ReadCaptureResponse:
    """The last one."""
    return fitted(
        telemetry_pb2.ReadCaptureResponse,
        trailer=fitted(telemetry_pb2.CaptureTrailer, total_bytes=found.size_bytes, sha256=found.sha256),
    )
