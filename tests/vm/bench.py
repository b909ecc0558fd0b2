"""How fast telemetry leaves a real kernel, as ratios to nvme-cli:  make vm-bench

In the guest, from the simulator as NVMe/TCP controller: nvme-cli saves the log, nvmed's device reader reads it without
gRPC, and a client reads it through gRPC from the daemon. Rounds alternate, and the median of each ratio is printed.
Nothing here gates anything; wanted are at most 0.1 for the reader and 0.33 through gRPC.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nvmed.nvme.telemetry import BLOCK_BYTES
from nvmed.simulator.spec import KIB, MIB, DriveSpec, NamespaceSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from tests.vm import daemon, fabrics, simulated
from tests.vm.guest import Guest
from tests.vm.lab.build import build

AREAS = (64 * KIB, 2 * MIB, 14 * MIB - 64 * KIB)
"""16 MiB in areas 1 to 3, which need no Host Behavior Support."""

DRIVE = DriveSpec(
    serial="NVMED-BENCH",
    namespaces=(NamespaceSpec(size_bytes=16 * MIB),),
    telemetry=TelemetrySpec.of_sizes(*AREAS),
)
DRIVES_FILE = f"""
[[drives]]
serial = "{DRIVE.serial}"
namespaces = [{{ size_bytes = {DRIVE.namespaces[0].size_bytes} }}]
telemetry = {{ last_blocks = {list(DRIVE.telemetry.last_blocks)}, host_log_present = true }}
"""
"""The same drive for `nvmed simulator`."""

LOOPBACK, PORT = "127.0.0.1", 4520


def by_nvme_cli(node: str) -> float:
    """In the guest: seconds that `nvme telemetry-log` takes."""
    import subprocess
    import time

    command = f"nvme telemetry-log /dev/{node} --host-generate=0 --data-area=3 --output-file=/tmp/bench"
    started = time.perf_counter()
    subprocess.run(command.split(), check=True, capture_output=True)
    return time.perf_counter() - started


def by_reader(node: str, expected: int, hashed: bool) -> float:
    """In the guest: seconds that the device reader takes, chunks copied out with their CRC as the service has them.

    `hashed` adds the SHA-256 of the whole, which without instructions for it, as in an emulated processor, takes longer
    than the reading.
    """
    import asyncio
    import time
    from contextlib import aclosing

    from isal import isal_zlib

    from nvmed import limits, malloc
    from nvmed.devices.inventory import Inventory
    from nvmed.devices.log_reader import LogRange, OrderedDigest, read_chunks
    from nvmed.linux.sysfs import LinuxHost
    from nvmed.nvme.telemetry import TelemetryLog, read_data

    malloc.tune()  # as the daemon does

    def encode(buffer: memoryview, size: int, offset: int) -> bytes:
        data = bytes(buffer[:size])
        isal_zlib.crc32(data)
        return data

    what = LogRange(
        command=lambda offset, size: read_data(TelemetryLog.HOST_INITIATED, size, offset),
        start=0, end=expected, chunk_bytes=limits.CHUNK_BYTES_DEFAULT, window=limits.WINDOW_DEFAULT,
        transfer_bytes=limits.CHUNK_BYTES_DEFAULT, headroom=0, encode=encode,
    )  # fmt: skip

    async def read() -> float:
        device = (await Inventory(LinuxHost()).find(node)).device
        started = time.perf_counter()
        async with device.open() as session:
            limit = await device.transfer_limit(session)
            async with aclosing(read_chunks(session, what, limit, OrderedDigest() if hashed else None)) as chunks:
                received = sum([len(chunk) async for chunk in chunks])
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
        "device reader": guest.call(by_reader, node, size, False),
        "with SHA-256": guest.call(by_reader, node, size, True),
        "through gRPC": guest.call(through_grpc, node, daemon.SOCKET, size),
    }


@contextmanager
def outside(guest: Guest) -> Iterator[str]:
    """The controller in this process, behind QEMU's network: packets of 1500 bytes, each of them emulated."""
    subsystem = Subsystem(DRIVE)
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        yield node


@contextmanager
def inside(guest: Guest) -> Iterator[str]:
    """The controller in the guest, behind its loopback interface: `nvmed simulator`."""
    guest.sh("modprobe nvme-tcp; cat >/tmp/drives.toml", stdin=DRIVES_FILE.encode())
    simulator = ("nvmed", "simulator", "--nvme-tcp", f"{LOOPBACK}:{PORT}", "--config", "/tmp/drives.toml")
    with guest.unit("simulator", *simulator):
        guest.wait(f"ss -Hltn sport = :{PORT} | read")
        nqn = Subsystem(DRIVE).nqn
        with fabrics.connected(guest, nqn, transport="tcp", traddr=LOOPBACK, trsvcid=PORT, keep_alive_tmo=30) as node:
            yield node


def report(place: str, measured: Sequence[Mapping[str, float]]) -> None:
    """Print the medians of some rounds."""
    for way in measured[0]:
        seconds = statistics.median(one[way] for one in measured)
        ratio = statistics.median(one[way] / one["nvme-cli 2.3"] for one in measured)
        sys.stdout.write(
            f"controller {place}: {way:13} {sum(AREAS) / MIB:.0f} MiB in {seconds:6.2f} s   "
            f"{ratio:5.3f} of nvme-cli's time\n"
        )


def main(rounds: int) -> None:
    """Boot, measure, print."""
    with Guest.boot(build()) as guest, daemon.running(guest):
        for place, controller in (("outside", outside), ("inside ", inside)):
            with controller(guest) as node:
                report(place, [measure(guest, node, sum(AREAS) + BLOCK_BYTES) for _ in range(rounds)])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
