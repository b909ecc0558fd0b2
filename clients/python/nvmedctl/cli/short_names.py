"""Operations and images by the first digits of their names, as tables show them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import click

import nvmedctl
from nvmedctl.cli import pb
from nvmedctl.cli.session import Session

OPERATION_DIGITS = 32
IMAGE_DIGITS = 64
DIGITS_MIN = 4
"""Fewer are a typing mistake rather than a name."""


async def operation_name(session: Session, given: str) -> str:
    """`operations/{operation}`, of which the id or its beginning will do."""
    request = pb.longrunning.ListOperationsRequest()
    listed = nvmedctl.pages(session.client.operations.ListOperations, request, lambda answer: answer.operations)
    return await _whole("operations", OPERATION_DIGITS, given, listed)


async def image_name(session: Session, given: str) -> str:
    """`images/{sha256}`, of which the hash or its beginning will do; sha256sum prints the hash alone."""
    request = pb.firmware.ListImagesRequest()
    listed = nvmedctl.pages(session.client.firmware.ListImages, request, lambda answer: answer.images)
    return await _whole("images", IMAGE_DIGITS, given, listed)


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
