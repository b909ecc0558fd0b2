"""Every rule about a field of a request, in one table: `RULES`, by full message name and field name.

Messages that requests are made of have their rows too. A rule speaks of one field alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from nvmed import limits
from nvmed.v1 import key_pb2, operations_pb2, telemetry_pb2


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field must be.

    `check` gets its value (each item's, of a repeated field) and says what is wrong, or "". `required` refuses a field
    that is not set: for one without presence, empty or zero.
    """

    check: Callable[[Any], str]
    required: bool = False
    items_max: int = 0


def text(max_bytes: int = limits.NAME_BYTES_MAX, *, required: bool = False) -> Rule:
    """A string of at most `max_bytes` in UTF-8, without NUL."""

    def check(value: str) -> str:
        if (size := len(value.encode())) > max_bytes:
            return f"has {size} bytes; at most {max_bytes} are allowed"
        return "must not contain NUL" if "\0" in value else ""

    return Rule(check, required)


def pattern(expression: str, wanted: str, *, required: bool = False) -> Rule:
    """A string that is a full match of `expression`; `wanted` says so in words."""
    compiled = re.compile(expression)
    return Rule(lambda value: "" if compiled.fullmatch(value) else wanted, required)


def number(low: int, high: int, *, multiple_of: int = 1, zero: bool = False) -> Rule:
    """An integer from `low` to `high`, a multiple of `multiple_of`; `zero` allows 0 for a default as well."""

    def check(value: int) -> str:
        if (zero and value == 0) or (low <= value <= high and value % multiple_of == 0):
            return ""
        step = f" and a multiple of {multiple_of}" if multiple_of > 1 else ""
        return f"is {value}; it must be {low} to {high}{step}" + (", or 0 for the default" if zero else "")

    return Rule(check)


def choice(enum: Any, *, required: bool = False) -> Rule:
    """A value that the enum has; `required` refuses its 0, UNSPECIFIED."""

    def check(value: int) -> str:
        if value not in enum.values():
            return f"is {value}, which this version does not know"
        return ""

    return Rule(check, required)


def items(rule: Rule, at_most: int) -> Rule:
    """A repeated field of at most `at_most` items, each of which obeys `rule`."""
    return replace(rule, items_max=at_most)


def nested(*, required: bool = False) -> Rule:
    """A message, whose fields have rules of their own."""
    return Rule(lambda _: "", required)


def data(max_bytes: int, *, required: bool = False) -> Rule:
    """At most `max_bytes` bytes."""
    return Rule(
        lambda value: f"has {len(value)} bytes; at most {max_bytes} are allowed" if len(value) > max_bytes else "",
        required,
    )


def anything() -> Rule:
    """Every value is fine: booleans, and numbers that use their whole range."""
    return Rule(lambda _: "")


_PAGE: Final = {
    "page_size": number(0, 2**31 - 1),  # AIP-158: too large is lowered, not refused
    "page_token": text(limits.TOKEN_BYTES_MAX),
    "filter": text(limits.FILTER_BYTES_MAX),
}
_NAME: Final = text(required=True)
_REQUEST_ID: Final = pattern(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|", "must be a UUID, or empty"
)
_IMAGE_NAME: Final = pattern(r"images/[0-9a-f]{64}", "must be images/ and 64 hexadecimal digits", required=True)
_UPLOAD_NAME: Final = pattern(r"uploads/[0-9a-f]{32}", "must be uploads/ and 32 hexadecimal digits", required=True)
_LABEL: Final = Rule(
    lambda label: (
        ""
        if len(label[0].encode()) <= limits.LABEL_KEY_BYTES_MAX and len(label[1].encode()) <= limits.LABEL_BYTES_MAX
        else f"has more than {limits.LABEL_KEY_BYTES_MAX} bytes before or {limits.LABEL_BYTES_MAX} behind the colon"
    )
)
_IMAGE_BYTES: Final = number(4, limits.IMAGE_BYTES_MAX, multiple_of=4)
_MUTATION: Final = {"request_id": _REQUEST_ID, "validate_only": anything()}
"""The fields of every request that changes something."""

_SERIAL: Final = number(1, 2**31 - 1)
_IN_KEYRING: Final = {"keyring": nested(), "key_type": text(limits.KEY_TYPE_BYTES_MAX)}
_NQNS: Final = {"host_nqn": _NAME, "subsystem_nqn": _NAME}  # how long they may be is for nvmed.keys to say
_PSK: Final = {
    "psk": nested(required=True),
    "identity_version": number(0, 1),
    "derivation": choice(key_pb2.TlsKeyDerivation),
}

_BY_MESSAGE: Final[dict[str, Mapping[str, Rule]]] = {
    "GetServerInfoRequest": {},
    "ListControllersRequest": _PAGE,
    "GetControllerRequest": {"name": _NAME},
    "GetControllerCapabilitiesRequest": {"name": _NAME},
    "ListSubsystemsRequest": _PAGE,
    "GetSubsystemRequest": {"name": _NAME},
    "ListNamespacesRequest": {"parent": text(), **_PAGE},
    "GetNamespaceRequest": {"name": _NAME},
    "GetTelemetryCapabilitiesRequest": {"controller": _NAME},
    "StreamTelemetryRequest": {
        "controller": _NAME,
        "source": choice(telemetry_pb2.TelemetrySource, required=True),
        "data_area": choice(telemetry_pb2.TelemetryDataArea),
        "create": anything(),
        "retain_async_event": anything(),
        "max_transfer_bytes": number(limits.TRANSFER_BYTES_MIN, 2**32 - 1, multiple_of=512, zero=True),
        "chunk_bytes": number(limits.CHUNK_BYTES_MIN, limits.CHUNK_BYTES_MAX, multiple_of=512, zero=True),
        "window": number(1, limits.WINDOW_MAX, zero=True),
        "resume_token": text(limits.TOKEN_BYTES_MAX),
        "offset": anything(),
        "request_id": _REQUEST_ID,
    },
    "AcknowledgeTelemetryRequest": {
        "controller": _NAME,
        "generation_number": Rule(lambda value: "" if value <= 0xFF else f"is {value}; generations are 0 to 255", True),
        **_MUTATION,
    },
    "Chunk": {"offset": anything(), "crc32": anything(), "data": data(limits.CHUNK_BYTES_MAX)},
    "UploadImageRequest": {"header": nested(), "chunk": nested(), "finish": nested()},
    "UploadHeader": {
        "sha256": Rule(lambda value: "" if len(value) == 32 else f"has {len(value)} bytes; SHA-256 has 32", True),
        "size_bytes": _IMAGE_BYTES,
        "firmware_revision": text(8),
        "model_number": text(40),
        "labels": items(_LABEL, limits.IMAGE_LABELS_MAX),
        **_MUTATION,
    },
    "UploadFinish": {},
    "GetUploadRequest": {"name": _UPLOAD_NAME},
    "AbortUploadRequest": {"name": _UPLOAD_NAME, **_MUTATION},
    "ListImagesRequest": _PAGE,
    "GetImageRequest": {"name": _IMAGE_NAME},
    "DeleteImageRequest": {"name": _IMAGE_NAME, **_MUTATION},
    "DownloadFirmwareRequest": {"header": nested(), "chunk": nested()},
    "DownloadHeader": {
        "controller": _NAME,
        "size_bytes": _IMAGE_BYTES,
        "offset_bytes": number(0, 2**34 - 4, multiple_of=4),
        "transfer_bytes": number(4, 2**32 - 4, multiple_of=4, zero=True),
        "ignore_overlap": anything(),
        "override_gates": items(choice(operations_pb2.Gate), len(operations_pb2.Gate.values())),
        **_MUTATION,
    },
    "KeyringRef": {"name": text(limits.KEY_DESCRIPTION_BYTES_MAX), "serial": _SERIAL},
    "ConfiguredPsk": {
        "key": data(limits.KEY_PAYLOAD_BYTES_MAX),
        "text": text(limits.KEY_TEXT_BYTES_MAX),
        "hash": choice(key_pb2.HmacAlgorithm),
    },
    "LookupKeyringRequest": {"name": text(limits.KEY_DESCRIPTION_BYTES_MAX)},
    "DescribeKeyRequest": {"serial": replace(_SERIAL, required=True)},
    "LookupKeyRequest": {**_IN_KEYRING, "description": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True)},
    "LinkKeyringRequest": {"keyring": nested(), **_MUTATION},
    "ReadKeyRequest": {"keyring": nested(), "serial": replace(_SERIAL, required=True)},
    "UpdateKeyRequest": {
        **_IN_KEYRING,
        "description": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True),
        "payload": data(limits.KEY_PAYLOAD_BYTES_MAX, required=True),
        "ttl_s": anything(),
        **_MUTATION,
    },
    "ScanTlsKeysRequest": _IN_KEYRING,
    "InsertTlsKeyRequest": {**_IN_KEYRING, **_NQNS, **_PSK, "ttl_s": anything(), **_MUTATION},
    "GenerateTlsKeyIdentityRequest": {**_NQNS, **_PSK},
    "RevokeTlsKeyRequest": {
        **_IN_KEYRING,
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True),
        **_MUTATION,
    },
    "ExportTlsKeyRequest": {"psk": nested(), "stored": nested()},
    "ExportTlsKeyRequest.StoredTlsKey": {
        **_IN_KEYRING,
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True),
    },
    "ImportTlsKeyRequest": {
        **_IN_KEYRING,
        "key": nested(),
        "key_file": data(limits.KEY_FILE_BYTES_MAX),
        "ttl_s": anything(),
        **_MUTATION,
    },
    "ImportTlsKeyRequest.DerivedTlsKey": {
        "identity": text(limits.KEY_DESCRIPTION_BYTES_MAX, required=True),
        "text": text(limits.KEY_TEXT_BYTES_MAX, required=True),
    },
    "GenerateTlsKeyRequest": {"hash": choice(key_pb2.HmacAlgorithm), "size_bytes": anything()},
    "GenerateDhchapKeyRequest": {
        "hmac": choice(key_pb2.HmacAlgorithm),
        "nqn": text(),
        "secret": data(limits.KEY_PAYLOAD_BYTES_MAX),
        "size_bytes": anything(),
    },
    "CheckTlsKeyRequest": {**_IN_KEYRING, **_NQNS, "psk": nested(required=True)},
    "ConnectionOptions": {
        "header_digest": anything(),
        "data_digest": anything(),
        "write_queues": anything(),
        "poll_queues": anything(),
        "type_of_service": number(0, 255),
    },
    "RotateTlsKeyRequest": {
        "keyring": nested(),
        **_NQNS,
        **_PSK,
        "ttl_s": anything(),
        "connection_options": nested(),
        "acknowledge_disruption": anything(),
        **_MUTATION,
    },
    "RotateDhchapKeyRequest": {
        **_NQNS,
        "host_secret": text(limits.KEY_TEXT_BYTES_MAX),
        "controller_secret": text(limits.KEY_TEXT_BYTES_MAX),
        "acknowledge_disruption": anything(),
        **_MUTATION,
    },
}

RULES: Final = {f"nvmed.v1.{message}": rules for message, rules in _BY_MESSAGE.items()}
