"""How fast telemetry leaves a real kernel, as ratios to nvme-cli:  make vm-bench

In the guest, from the simulator as NVMe/TCP controller: nvme-cli saves the log, nvmed's device reader reads it without
gRPC, and a client reads it through gRPC from the daemon. Rounds alternate, and the median of each ratio is printed.
Nothing here gates anything: issue 2 wants at most 0.1 for the reader and 0.33 through gRPC.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping
from typing import Any

from nvmed.simulator.spec import KIB, MIB, DriveSpec, NamespaceSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from tests.vm import daemon, simulated
from tests.vm.guest import Guest
from tests.vm.lab.build import build

AREAS = (64 * KIB, 2 * MIB, 14 * MIB - 64 * KIB)
"""16 MiB in areas 1 to 3, which need no Host Behavior Support."""


def by_nvme_cli(node: str) -> float:
    """In the guest: seconds that `nvme telemetry-log` takes."""
    import subprocess
    import time

    command = f"nvme telemetry-log /dev/{node} --host-generate=0 --data-area=3 --output-file=/tmp/bench"
    started = time.perf_counter()
    subprocess.run(command.split(), check=True, capture_output=True)
    return time.perf_counter() - started


def by_reader(node: str, expected: int) -> float:
    """In the guest: seconds that the device reader takes, with a look at every byte for the CRC of its chunk."""
    import asyncio
    import time
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from isal import isal_zlib

    from nvmed import limits
    from nvmed.devices.extended_telemetry import ExtendedTelemetry
    from nvmed.devices.inventory import Inventory
    from nvmed.devices.telemetry import TelemetryRequest, stream
    from nvmed.linux.sysfs import LinuxHost
    from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryLog

    def encode(buffer: bytearray, size: int, offset: int) -> bytes:
        data = bytes(memoryview(buffer)[:size])
        isal_zlib.crc32(data)
        return data

    async def never(name: str, change: Callable[[], Awaitable[None]]) -> None:
        raise AssertionError(name)

    async def read() -> float:
        inventory = Inventory(LinuxHost())
        device = (await inventory.find(node)).device
        request = TelemetryRequest(
            log=TelemetryLog.HOST_INITIATED, area=TelemetryDataArea.AREA_3, create=False, retain_async_event=True,
            chunk_bytes=limits.CHUNK_BYTES_DEFAULT, window=limits.WINDOW_DEFAULT, transfer_bytes=0, resume_token="",
            offset=0, headroom=0, encode=encode, journalled=never,
        )  # fmt: skip
        started, received = time.perf_counter(), 0
        async for part in stream(device, request, ExtendedTelemetry(Path("/tmp"))):
            received += len(part) if isinstance(part, bytes) else 0
        took = time.perf_counter() - started
        assert received == expected, received
        return took

    return asyncio.run(read())


def through_grpc(node: str, socket: str, expected: int) -> float:
    """In the guest: seconds that the stream of the daemon takes a client there, connected already."""
    import asyncio
    import time

    import grpc

    from nvmed.rpc.server import OPTIONS
    from nvmed.v1 import telemetry_pb2 as pb

    async def receive() -> float:
        request = pb.StreamTelemetryRequest(
            controller=node, source=pb.TELEMETRY_SOURCE_HOST, data_area=pb.TELEMETRY_DATA_AREA_3
        )
        async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
            await channel.channel_ready()
            stream: Any = channel.unary_stream("/nvmed.v1.TelemetryService/StreamTelemetry")
            started, received = time.perf_counter(), 0
            async for message in stream(request.SerializeToString()):
                received += len(message)
            took = time.perf_counter() - started
        assert received > expected, received
        return took

    return asyncio.run(receive())


def measure(guest: Guest, node: str, size: int) -> Mapping[str, float]:
    """One round: seconds of each way."""
    return {
        "nvme-cli 2.3": guest.call(by_nvme_cli, node),
        "device reader": guest.call(by_reader, node, size),
        "through gRPC": guest.call(through_grpc, node, daemon.SOCKET, size),
    }


def main(rounds: int) -> None:
    """Boot, measure, print."""
    spec = DriveSpec(
        serial="NVMED-BENCH",
        namespaces=(NamespaceSpec(size_bytes=16 * MIB),),
        telemetry=TelemetrySpec.of_sizes(*AREAS),
    )
    subsystem = Subsystem(spec)
    with (
        Guest.boot(build()) as guest,
        daemon.running(guest),
        simulated.serving(guest, subsystem) as target,
        target.connected(guest, subsystem) as node,
    ):
        measured = [measure(guest, node, sum(AREAS) + 512) for _ in range(rounds)]
    for way in measured[0]:
        seconds = statistics.median(one[way] for one in measured)
        ratio = statistics.median(one[way] / one["nvme-cli 2.3"] for one in measured)
        sys.stdout.write(f"{way:16} {sum(AREAS) / MIB:.0f} MiB in {seconds:6.2f} s   {ratio:5.3f} of nvme-cli's time\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
