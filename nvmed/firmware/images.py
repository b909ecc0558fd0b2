"""Deleting images and uploads, as operations: so that a request made twice is done once and answered the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed.errors import NotFound
from nvmed.firmware.spool import Spool
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State
from nvmed.operations.running import Result, Running

DELETE: Final = "nvmed.v1.FirmwareService/DeleteImage"
ABORT: Final = "nvmed.v1.FirmwareService/AbortUpload"


async def delete_image(running: Running, spool: Spool, sha256: str) -> Result:
    """Delete an image; raises IMAGE_NOT_FOUND, IMAGE_IN_USE."""
    await spool.delete(sha256, validate_only=True)
    async with running.step("delete"):
        await spool.delete(sha256)
    return {"name": f"images/{sha256}"}


async def abort_upload(running: Running, spool: Spool, upload: str) -> Result:
    """Give an upload up; raises UPLOAD_NOT_FOUND, UPLOAD_BUSY."""
    await spool.abort(upload, validate_only=True)
    async with running.step("abort"):
        await spool.abort(upload)
    return {"name": f"uploads/{upload}"}


def reconcilers(spool: Spool) -> Mapping[str, Reconcile]:
    """How each kind is reconciled: what was to be deleted is still there or it is not."""

    async def look(interrupted: Interrupted) -> Verdict:
        kind, _, name = interrupted.record.target.partition("/")
        try:
            spool.image(name) if kind == "images" else spool.upload(name)
        except NotFound:
            return Verdict(State.SUCCEEDED, result={"name": interrupted.record.target})
        return Verdict(State.SAFE_TO_RETRY, f"{interrupted.record.target} is still there")

    return {DELETE: look, ABORT: look}
