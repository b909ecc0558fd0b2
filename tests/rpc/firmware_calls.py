"""What tests of FirmwareService send, and how they read the answers."""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import grpc
import pytest
from google.longrunning.operations_pb2 import Operation

from nvmed.nvme import firmware
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.firmware_image import build_image
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.common_pb2 import Chunk
from nvmed.v1.firmware_pb2_grpc import FirmwareServiceStub
from tests.rpc.harness import KIB, Daemon, reason_of

MIB = KIB * KIB
CODE = grpc.StatusCode
Answer = TypeVar("Answer")


def content(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def header(data: bytes, **changes: Any) -> pb.UploadImageRequest:
    fields = {"sha256": hashlib.sha256(data).digest(), "size_bytes": len(data), **changes}
    return pb.UploadImageRequest(header=pb.UploadHeader(**fields))


def chunk(data: bytes, offset: int = 0, **changes: Any) -> Chunk:
    return Chunk(**{"offset": offset, "crc32": zlib.crc32(data), "data": data, **changes})


def chunks(data: bytes, size: int = 256 * KIB, start: int = 0) -> Iterable[pb.UploadImageRequest]:
    for offset in range(start, len(data), size):
        yield pb.UploadImageRequest(chunk=chunk(data[offset : offset + size], offset))


FINISH = pb.UploadImageRequest(finish=pb.UploadFinish())


def stub(daemon: Daemon) -> Any:
    """Untyped, so that messages can be wrong in every way."""
    return FirmwareServiceStub(daemon.channel)


async def answers(daemon: Daemon, *requests: pb.UploadImageRequest) -> list[pb.UploadImageResponse]:
    """What one call answers to these messages and the end of the stream."""
    return [answer async for answer in stub(daemon).UploadImage(iter(requests))]


async def upload(daemon: Daemon, data: bytes, **facts: Any) -> pb.Image:
    """Upload what is missing of an image."""
    begun = await answers(daemon, header(data, **facts))
    if begun[-1].HasField("image"):
        return begun[-1].image
    missing = chunks(data, start=begun[0].ready.committed_bytes)
    return (await answers(daemon, header(data, **facts), *missing, FINISH))[-1].image


async def begun(daemon: Daemon, data: bytes, size: int) -> str:
    """An upload of which `size` bytes are committed, and whose call ended."""
    got = await answers(daemon, header(data), *chunks(data[:size]))
    assert got[-1].progress.committed_bytes == size
    return got[0].ready.upload


async def put(daemon: Daemon, revision: str = "2.0.0", size: int = 64 * KIB, **facts: Any) -> str:
    """The name of an image that the simulated drives take, in the spool."""
    image = build_image(revision, size)
    return str((await upload(daemon, image, **{"firmware_revision": revision, **facts})).name)


async def stage(daemon: Daemon, *nodes: str, **fields: Any) -> Operation:
    """Begin to stage; of the image `put` makes, if no other is named."""
    image = fields.pop("image", "") or await put(daemon)
    request = pb.StageFirmwareRequest(controllers=nodes or ("nvme0",), image=image, **fields)
    return await stub(daemon).StageFirmware(request)


async def activate(daemon: Daemon, slot: int = 2, mode: str = "CONTROLLER_RESET", **fields: Any) -> Operation:
    """Begin to activate; acknowledged, if nothing else is said."""
    fields = {"controller": "nvme0", "acknowledge_disruption": True, **fields}
    request = pb.ActivateFirmwareRequest(slot=slot, activation_mode=f"ACTIVATION_MODE_{mode}", **fields)
    return await stub(daemon).ActivateFirmware(request)


async def rollback(daemon: Daemon, mode: str = "CONTROLLER_RESET", *, leaves: str = "", **fields: Any) -> Operation:
    """Begin to roll back from the revision that it leaves, or to a slot; acknowledged, if nothing else is said."""
    conditions = pb.FirmwarePreconditions(firmware_revision=leaves)
    fields = {"controller": "nvme0", "acknowledge_disruption": True, "preconditions": conditions, **fields}
    request = pb.RollbackFirmwareRequest(activation_mode=f"ACTIVATION_MODE_{mode}", **fields)
    return await stub(daemon).RollbackFirmware(request)


def commits(daemon: Daemon, node: str = "nvme0") -> list[tuple[int, int]]:
    """(action, slot) of each Firmware Commit that a drive was given."""
    commands = daemon.drive(node).journal.commands(opcode=AdminOpcode.FIRMWARE_COMMIT)
    decoded = (firmware.decode_commit(command) for command in commands)
    return [(int(one.action), one.slot) for one in decoded]


def downloads(daemon: Daemon, node: str = "nvme0") -> int:
    """How many Firmware Image Downloads a drive was given."""
    return len(daemon.drive(node).journal.commands(opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD))


async def consumed(call: Any) -> None:
    """Await a call, or read all that it answers."""
    if not hasattr(call, "__aiter__"):
        await call
        return
    async for _ in call:
        pass


async def refused(code: grpc.StatusCode, reason: str, call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await consumed(call)
    assert (caught.value.code(), reason_of(caught.value)) == (code, reason), caught.value.details()
    return caught.value


async def eventually(attempt: Callable[[], Awaitable[Answer]], reason: str) -> Answer:
    """What an attempt gives, made again as long as it fails for that reason."""
    while True:
        try:
            return await attempt()
        except grpc.aio.AioRpcError as exc:
            if reason_of(exc) != reason:
                raise
