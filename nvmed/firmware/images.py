"""Deleting images and uploads, as operations: so that a request made twice is done once and answered the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed.errors import NotFound
from nvmed.firmware.spool import Spool
from nvmed.firmware.spool_files import Image
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State
from nvmed.operations.running import Result, Running

DELETE: Final = "nvmed.v1.FirmwareService/DeleteImage"
ABORT: Final = "nvmed.v1.FirmwareService/AbortUpload"
FETCH: Final = "nvmed.v1.FirmwareService/FetchImage"


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
    """How each kind is reconciled: what was to be deleted, or fetched, is there or it is not."""

    async def look(interrupted: Interrupted) -> Verdict:
        kind, _, name = interrupted.record.target.partition("/")
        try:
            spool.image(name) if kind == "images" else spool.upload(name)
        except NotFound:
            return Verdict(State.SUCCEEDED, result={"name": interrupted.record.target})
        return Verdict(State.SAFE_TO_RETRY, f"{interrupted.record.target} is still there")

    async def fetched(interrupted: Interrupted) -> Verdict:
        image = spool.find_image(interrupted.record.target.removeprefix("images/"))
        if image is None:
            return Verdict(State.SAFE_TO_RETRY, "the image was not complete; what is on disk is kept and gone on from")
        return Verdict(State.SUCCEEDED, result=fetch_result(image, image.size_bytes))

    return {DELETE: look, ABORT: look, FETCH: fetched}


def fetch_result(image: Image, fetched_bytes: int) -> Result:
    """What FetchImage answers."""
    return {"image": f"images/{image.sha256}", "size_bytes": image.size_bytes, "fetched_bytes": fetched_bytes}
