"""A controller of NVMe 1.3 behind a real kernel: what later versions brought is not believed of it."""

from __future__ import annotations

import pytest
from nvmedctl import Client

from nvmed.errors import FailedPrecondition, NvmedError
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1.inventory_pb2 import GetControllerCapabilitiesRequest
from nvmed.v1.telemetry_pb2 import (
    TELEMETRY_CHANGE_DETECTION_BEST_EFFORT,
    TELEMETRY_DATA_AREA_3,
    TELEMETRY_DATA_AREA_4,
    TELEMETRY_SOURCE_HOST,
    StreamTelemetryRequest,
    TelemetryChangeDetection,
)
from tests.vm import simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest

NVME_1_3 = 0x0001_0300
WITHOUT_AREA_4 = 0x0E
"""LPA: commands supported and effects, extended data for Get Log Page, telemetry."""


async def streamed(client: Client, request: StreamTelemetryRequest) -> tuple[bytes, list[TelemetryChangeDetection]]:
    """The log, and what header and trailer say of noticing changes."""
    data, said = b"", list[TelemetryChangeDetection]()
    async for part in client.telemetry.StreamTelemetry(request):
        if part.HasField("header"):
            said.append(part.header.change_detection)
        elif part.HasField("trailer"):
            said.append(part.trailer.change_detection)
        else:
            data += part.chunk.data
    return data, said


async def test_telemetry_of_before_nvme_2(guest: Guest, daemon: Daemon) -> None:
    """The log has no generation number, and there is no area 4: the same bytes as nvme-cli's, with that said of it."""
    telemetry = TelemetrySpec.of_sizes(4096, 65536, 512 * 1024, seed=11)
    spec = DriveSpec(
        serial="NVMED-1-3", nvme_version=NVME_1_3, log_attributes=WITHOUT_AREA_4, telemetry=telemetry,
        namespaces=(NamespaceSpec(size_bytes=MIB),),
    )  # fmt: skip
    subsystem = Subsystem(spec)
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        guest.sh(f"nvme telemetry-log /dev/{node} --host-generate=0 --data-area=3 --output-file=/tmp/log")
        expected = guest.get("/tmp/log")
        request = StreamTelemetryRequest(controller=node, source=TELEMETRY_SOURCE_HOST, data_area=TELEMETRY_DATA_AREA_3)
        async with daemon.client() as client:
            found = await client.inventory.GetControllerCapabilities(GetControllerCapabilitiesRequest(name=node))
            assert found.nvme_version == "1.3.0"
            assert await streamed(client, request) == (expected, [TELEMETRY_CHANGE_DETECTION_BEST_EFFORT] * 2)
            request.require_change_detection = True
            with pytest.raises(FailedPrecondition) as raised:
                await streamed(client, request)
            assert raised.value.reason == "TELEMETRY_CHANGE_UNDETECTABLE"
            request = StreamTelemetryRequest(
                controller=node, source=TELEMETRY_SOURCE_HOST, data_area=TELEMETRY_DATA_AREA_4
            )
            with pytest.raises(NvmedError) as unsupported:
                await streamed(client, request)
            assert unsupported.value.reason == "TELEMETRY_UNSUPPORTED"
