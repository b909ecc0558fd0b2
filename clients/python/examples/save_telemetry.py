"""Saves a telemetry log of a drive, resumed wherever the line breaks, and lets the drive capture the next one.

python save_telemetry.py nvme0 nvme0.telemetry

Connects to NVMED_ADDRESS, with NVMED_CA, NVMED_CERT and NVMED_KEY for TLS.
"""

from __future__ import annotations

import sys

from nvmedctl.blocking import Client

from nvmed.errors import NvmedError
from nvmed.v1.telemetry_pb2 import (
    TELEMETRY_DATA_AREA_3,
    TELEMETRY_SOURCE_CONTROLLER,
    TELEMETRY_SOURCE_HOST,
    AcknowledgeTelemetryRequest,
    GetTelemetryCapabilitiesRequest,
    StreamTelemetryRequest,
)


def show(received: int, total: int) -> None:
    """One line that is written over and over; `received` may go back, when the drive's log changed meanwhile."""
    print(f"\r{received:>12} of {total} bytes", end="", file=sys.stderr, flush=True)


def save(client: Client, controller: str, path: str) -> None:
    """The drive's own log if it has captured one, else one that is captured now."""
    known = client.telemetry.GetTelemetryCapabilities(GetTelemetryCapabilitiesRequest(controller=controller))
    waits = known.controller_log.available
    request = StreamTelemetryRequest(
        controller=controller,
        source=TELEMETRY_SOURCE_CONTROLLER if waits else TELEMETRY_SOURCE_HOST,
        create=not waits,
        data_area=TELEMETRY_DATA_AREA_3,
    )
    log = client.save_telemetry(request, path, progress=show)
    print(f"\n{path}: {log.size_bytes} bytes, generation {log.generation_number}, sha256 {log.sha256.hex()}")
    print(f"{log.attempts} streams, begun again {log.restarts} times", file=sys.stderr)
    if waits:
        # Only now, with the file on disk: the drive may then put another log in its place.
        client.telemetry.AcknowledgeTelemetry(
            AcknowledgeTelemetryRequest(controller=controller, generation_number=log.generation_number)
        )


def main() -> None:
    controller, path = sys.argv[1:]
    try:
        with Client() as client:
            save(client, controller, path)
    except NvmedError as failure:
        sys.exit(f"\nerror: {failure} ({failure.reason})")


if __name__ == "__main__":
    main()
