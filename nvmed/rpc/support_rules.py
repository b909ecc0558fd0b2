"""The rules about fields of SupportService's requests: part of `nvmed.rpc.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed import limits
from nvmed.rpc.field_rules import MUTATION, NAME, ORDERED, Rule, anything, items, number, pattern
from nvmed.v1 import telemetry_pb2

_BUNDLE: Final = pattern(r"supportBundles/[0-9a-f]{32}", "must be supportBundles/ and 32 hexadecimal digits")
_AREA: Final = Rule(
    lambda value: (
        ""
        if 0 <= value <= telemetry_pb2.TELEMETRY_DATA_AREA_3
        else "must be TELEMETRY_DATA_AREA_1, _2 or _3: for area 4 a feature is set, and a bundle changes nothing; "
        "StreamTelemetry reads it"
    )
)
_SOURCE: Final = Rule(
    lambda value: (
        ""
        if value in telemetry_pb2.TelemetrySource.values()[1:]
        else "must be TELEMETRY_SOURCE_HOST or TELEMETRY_SOURCE_CONTROLLER"
    )
)

SUPPORT: Final[Mapping[str, Mapping[str, Rule]]] = {
    "CreateSupportBundleRequest": {
        "controllers": items(NAME, limits.SUPPORT_CONTROLLERS_MAX),
        "telemetry_sources": items(_SOURCE, 2),
        "telemetry_data_area": _AREA,
        "part_timeout_ms": number(limits.SUPPORT_MS_MIN, limits.SUPPORT_PART_MS_MAX, zero=True),
        "timeout_ms": number(limits.SUPPORT_MS_MIN, limits.SUPPORT_MS_MAX, zero=True),
        **MUTATION,
    },
    "ReadSupportBundleRequest": {
        "name": _BUNDLE,
        "offset": anything(),
        "chunk_bytes": number(limits.CHUNK_BYTES_MIN, limits.CHUNK_BYTES_MAX, multiple_of=512, zero=True),
    },
    "ListSupportBundlesRequest": ORDERED,
    "GetSupportBundleRequest": {"name": _BUNDLE},
    "DeleteSupportBundleRequest": {"name": _BUNDLE, **MUTATION},
}
