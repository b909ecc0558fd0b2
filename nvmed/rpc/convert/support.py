"""Support bundles as the messages of the contract."""

from __future__ import annotations

from nvmed.rpc.convert.fitted import fitted, timestamp
from nvmed.support.files import Bundle
from nvmed.v1 import support_pb2 as pb


def bundle(found: Bundle) -> pb.SupportBundle:
    """A bundle, without its bytes."""
    return fitted(
        pb.SupportBundle,
        name=found.name,
        controllers=found.controllers,
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        parts_complete=found.parts_complete,
        parts_missing=found.parts_missing,
        create_time=timestamp(found.created_ms),
        expire_time=timestamp(found.expires_ms),
        principal=found.principal,
    )


def header(found: Bundle, offset: int, chunk_bytes: int) -> pb.ReadSupportBundleResponse:
    """The first message of a stream."""
    shown = fitted(pb.SupportBundleHeader, support_bundle=bundle(found), start_offset=offset, chunk_bytes=chunk_bytes)
    return fitted(pb.ReadSupportBundleResponse, header=shown)


def trailer(found: Bundle) -> pb.ReadSupportBundleResponse:
    """The last one."""
    shown = fitted(pb.SupportBundleTrailer, total_bytes=found.size_bytes, sha256=found.sha256)
    return fitted(pb.ReadSupportBundleResponse, trailer=shown)
