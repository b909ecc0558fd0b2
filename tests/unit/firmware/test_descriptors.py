"""What firmware operations and uploads have open: nothing, once they have ended."""

from __future__ import annotations

import gc
import hashlib
import zlib
from pathlib import Path

from nvmed.firmware.spool import Spool
from nvmed.firmware.spool_files import Image
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.operations.records import State
from nvmed.simulator.faults import Fault, Refuse
from tests.unit.firmware.firmware_lab import Labs

DO_NOT_RETRY = 0x4000
INTERNAL_ERROR = 0x0006


async def test_an_image_is_closed_when_the_drive_refuses_it(tmp_path: Path) -> None:
    """Not when Python gets to it: with many drives that refuse, a daemon had as many files open."""
    labs = Labs(tmp_path / "state")
    refusal = Fault(Refuse(DO_NOT_RETRY | INTERNAL_ERROR), opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, times=None)
    labs.host.controller("nvme0").faults.add(refusal)
    gc.disable()
    try:
        async with labs.start() as lab:
            for _ in range(3):
                assert (await lab.end(await lab.stage())).state is State.FAILED
            assert opened(tmp_path) == []
    finally:
        gc.enable()


async def test_an_upload_is_closed_when_its_caller_leaves_it(tmp_path: Path) -> None:
    image = Image(hashlib.sha256(b"an image").hexdigest(), 8)
    async with Spool(tmp_path).serving() as spool:
        for _ in range(3):
            async with spool.receive(image, "unix:alice") as writer:
                await writer.write(writer.committed_bytes, zlib.crc32(b"i"), b"i")
                assert [path.suffix for path in opened(tmp_path)].count(".part") == 1
        assert opened(tmp_path) == []


def opened(below: Path) -> list[Path]:
    """Files of images and uploads that this process has open."""
    found = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [path for path in found if below in path.parents and path.suffix in (".image", ".part", ".json")]
