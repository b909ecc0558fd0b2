"""What a stream's trailer has of its bytes: the request's choice."""

from __future__ import annotations

from typing import Any

from nvmed.v1.common_pb2 import STREAM_DIGEST_NONE, STREAM_DIGEST_SHA256, StreamDigest


def has_digest(request: Any) -> bool:
    """Whether the stream that `request` asks for is to be hashed."""
    return bool(request.digest != STREAM_DIGEST_NONE)


def digest_of(sha256: bytes) -> StreamDigest:
    """What a trailer with this `sha256` has."""
    return STREAM_DIGEST_SHA256 if sha256 else STREAM_DIGEST_NONE
