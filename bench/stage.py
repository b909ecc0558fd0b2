"""Staging one image on many drives at once against staging it on one: `measure` is called by `python -m bench`."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc
from google.longrunning import operations_pb2 as longrunning

from bench.figures import Figure
from bench.processes import MIB, server
from nvmed.nvme.firmware import GRANULARITY_BYTES, download
from nvmed.simulator.controller import Controller
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.common_pb2 import Chunk
from nvmed.v1.firmware_pb2_grpc import FirmwareServiceStub

DRIVES = 24
LATENCY_MS = 1.0


async def put(stub: Any, revision: str, size: int) -> str:
    """The name of a new image in the spool."""
    image = build_image(revision, size)
    header = pb.UploadHeader(sha256=hashlib.sha256(image).digest(), size_bytes=size, firmware_revision=revision)
    parts = [pb.UploadImageRequest(header=header)]
    for offset in range(0, size, MIB):
        piece = image[offset : offset + MIB]
        parts.append(pb.UploadImageRequest(chunk=Chunk(offset=offset, crc32=zlib.crc32(piece), data=piece)))
    parts.append(pb.UploadImageRequest(finish=pb.UploadFinish()))
    answers = [answer async for answer in stub.UploadImage(iter(parts))]
    return str(answers[-1].image.name)


async def stage(channel: grpc.aio.Channel, image: str, drives: int) -> float:
    """Stage it on the first drives; how long that took."""
    wait: Any = channel.unary_unary(
        "/google.longrunning.Operations/WaitOperation",
        request_serializer=longrunning.WaitOperationRequest.SerializeToString,
        response_deserializer=longrunning.Operation.FromString,
    )
    stub: Any = FirmwareServiceStub(channel)
    names = [f"nvme{number}" for number in range(drives)]
    request = pb.StageFirmwareRequest(controllers=names, image=image, slot=2, max_concurrency=drives)
    started = perf_counter()
    begun = await stub.StageFirmware(request)
    done = await wait(longrunning.WaitOperationRequest(name=begun.name))
    took = perf_counter() - started
    assert not done.HasField("error"), done.error.message
    return took


async def compare(socket: Path, rounds: int, size: int) -> tuple[list[float], list[float]]:
    """Times that many drives take longer than one, round by round: of the daemon, and of the drives alone."""
    ours, bare = [], []
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        for turn in range(rounds + 1):
            one = await stage(channel, await put(FirmwareServiceStub(channel), f"2.{turn}", size), 1)
            many = await stage(channel, await put(FirmwareServiceStub(channel), f"3.{turn}", size), DRIVES)
            ours.append(many / one)
            bare.append(alone(DRIVES, size) / alone(1, size))
    return ours[1:], bare[1:]


def alone(drives: int, size: int) -> float:
    """How long the simulated drives take by themselves: the same commands, given by bare threads of this process."""
    image = memoryview(build_image("4.0", size))
    subsystems = [Subsystem(DriveSpec(serial=f"ALONE{number}", latency_ms=LATENCY_MS)) for number in range(drives)]

    def send(controller: Controller) -> None:
        for offset in range(0, size, GRANULARITY_BYTES):
            controller.admin(download(offset, GRANULARITY_BYTES), image[offset : offset + GRANULARITY_BYTES])

    controllers = [controller for subsystem in subsystems for controller in subsystem.controllers.values()]
    with ThreadPoolExecutor(drives) as pool:
        started = perf_counter()
        list(pool.map(send, controllers))
        return perf_counter() - started


def measure(scratch: Path, rounds: int = 5, size: int = 2 * MIB) -> Iterator[Figure]:
    """How much longer many drives take than one, each of them slow."""
    socket = scratch / "stage.sock"
    sizes = [str(MIB)] * DRIVES
    latency = ("--latency-ms", str(LATENCY_MS))
    with server("bench.servers", "nvmed", socket, "--sizes", *sizes, *latency, state=scratch):
        ours, bare = asyncio.run(compare(socket, rounds, size))
    what = f"staging on {DRIVES} drives of {LATENCY_MS:g} ms a command, to one"
    yield Figure("stage", what, "times", tuple(ours), "the simulated drives alone, in bare threads", tuple(bare))
