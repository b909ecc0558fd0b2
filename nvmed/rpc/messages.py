"""How large the messages of each method may be, and decoding them: one that cannot be decoded is a bad request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError

from nvmed import limits
from nvmed.reasons import invalid_field

Decode = Callable[[bytes], Any]

OVERHEAD_BYTES: Final = 8 * limits.KIB
"""What stands around the bytes that a message is for."""

_PASSTHRU: Final = limits.PASSTHRU_DATA_BYTES_MAX + limits.PASSTHRU_METADATA_BYTES_MAX + OVERHEAD_BYTES
_CHUNK: Final = limits.CHUNK_BYTES_MAX + OVERHEAD_BYTES

_FEATURE_FIELD_BYTES: Final = 256
"""A field of a feature by its name, or an item of what selects one, as large as it may be."""
_DESIRED: Final = limits.DESIRED_MAX * 2 * limits.FEATURE_FIELDS_MAX * _FEATURE_FIELD_BYTES + OVERHEAD_BYTES

LARGER: Final[Mapping[str, int]] = {
    "/nvmed.v1.AdminService/TestPermission": limits.IDENTITIES_MAX * (limits.IDENTITY_BYTES_MAX + 8) + OVERHEAD_BYTES,
    "/nvmed.v1.DriveService/PlanDrive": _DESIRED,
    "/nvmed.v1.DriveService/ApplyDrive": _DESIRED,
    "/nvmed.v1.PassthruService/ExecuteAdmin": _PASSTHRU,
    "/nvmed.v1.PassthruService/ExecuteIo": _PASSTHRU,
    "/nvmed.v1.PassthruService/TestPassthru": _PASSTHRU,
    "/nvmed.v1.KeyService/ImportTlsKey": limits.KEY_FILE_BYTES_MAX + limits.KIB * 64,
    "/nvmed.v1.FirmwareService/UploadImage": _CHUNK,
    "/nvmed.v1.FirmwareService/DownloadFirmware": _CHUNK,
}
"""Methods whose own fields need more than REQUEST_BYTES_MAX; a test compares what fields may hold with it."""

RECEIVED_BYTES_MAX: Final = max(LARGER.values())
"""The most that any method takes: gRPC's limit, which it has for all methods at once."""


def bytes_max(method: str) -> int:
    """How large a message of `method` may be."""
    return LARGER.get(method, limits.REQUEST_BYTES_MAX)


def decoded(method: str, decode: Decode | None, body: bytes) -> Any:
    """The message in `body`; raises INVALID_FIELD if it is too large for the method, or none of its messages."""
    if len(body) > (most := bytes_max(method)):
        raise invalid_field("", f"the message has {len(body)} bytes; at most {most} are allowed for this method")
    if decode is None:
        return body
    try:
        return decode(body)
    except DecodeError:
        raise invalid_field("", "the message cannot be decoded; send what this method takes, as protobuf") from None
