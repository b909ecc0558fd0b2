"""Operations, images, uploads, captures and the like by the first digits of their names, as tables show them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import click

import nvmedctl
from nvmedctl.cli import pb
from nvmedctl.cli.session import Session

DIGITS = 32
IMAGE_DIGITS = 64
DIGITS_MIN = 4
"""Fewer are a typing mistake rather than a name."""


async def operation_name(session: Session, given: str) -> str:
    """`operations/{operation}`, of which the id or its beginning will do."""
    request = pb.longrunning.ListOperationsRequest()
    listed = nvmedctl.pages(session.client.operations.ListOperations, request, lambda answer: answer.operations)
    return await _whole("operations", DIGITS, given, listed)


async def image_name(session: Session, given: str) -> str:
    """`images/{sha256}`, of which the hash or its beginning will do; sha256sum prints the hash alone."""
    request = pb.firmware.ListImagesRequest()
    listed = nvmedctl.pages(session.client.firmware.ListImages, request, lambda answer: answer.images)
    return await _whole("images", IMAGE_DIGITS, given, listed)


async def upload_name(session: Session, given: str) -> str:
    """`uploads/{upload}`, of which the id or its beginning will do."""
    request = pb.firmware.ListUploadsRequest()
    listed = nvmedctl.pages(session.client.firmware.ListUploads, request, lambda answer: answer.uploads)
    return await _whole("uploads", DIGITS, given, listed)


async def capture_name(session: Session, given: str) -> str:
    """`captures/{capture}`, of which the id or its beginning will do."""
    request = pb.telemetry.ListCapturesRequest()
    listed = nvmedctl.pages(session.client.telemetry.ListCaptures, request, lambda answer: answer.captures)
    return await _whole("captures", DIGITS, given, listed)


async def bundle_name(session: Session, given: str) -> str:
    """`supportBundles/{support_bundle}`, of which the id or its beginning will do."""
    request = pb.support.ListSupportBundlesRequest()
    listed = nvmedctl.pages(session.client.support.ListSupportBundles, request, lambda answer: answer.support_bundles)
    return await _whole("supportBundles", DIGITS, given, listed)


async def record_name(session: Session, given: str) -> str:
    """`erasureRecords/{record}`, of which the id or its beginning will do."""
    request = pb.erasure.ListErasureRecordsRequest()
    listed = nvmedctl.pages(session.client.drives.ListErasureRecords, request, lambda answer: answer.erasure_records)
    return await _whole("erasureRecords", DIGITS, given, listed)


async def _whole(collection: str, digits: int, given: str, listed: AsyncIterator[Any]) -> str:
    """The name that begins as `given`; the daemon is asked only where that is less than the whole.

    What no name begins with goes to the daemon as it is, whose error then says so.
    """
    start = given.removeprefix(f"{collection}/")
    if not re.fullmatch(rf"[0-9a-f]{{{DIGITS_MIN},{digits - 1}}}", start):
        return f"{collection}/{start}"
    found = [item.name async for item in listed if item.name.startswith(f"{collection}/{start}")]
    if len(found) > 1:
        raise click.UsageError(f"{given} is the beginning of {len(found)} names; give more digits of one.")
    return found[0] if found else f"{collection}/{start}"
