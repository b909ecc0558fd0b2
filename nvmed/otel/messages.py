"""Small messages of OTLP that spans, metrics and logs share."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from nvmed import __version__
from nvmed.cut import cut

VALUE_BYTES_MAX: Final = 2048

SCOPE: Final = InstrumentationScope(name="nvmed", version=__version__)


def resource_of(configured: Mapping[str, str]) -> Resource:
    """Who sends: `service.*` and `host.name`, and what is configured, which goes before them."""
    own = {"service.name": "nvmed", "service.version": __version__, "host.name": socket.gethostname()}
    return Resource(attributes=attributes_of({**own, **configured}))


def attributes_of(values: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes, with texts cut."""
    return [KeyValue(key=name, value=any_value(value)) for name, value in values.items()]


def any_value(value: Any) -> AnyValue:
    """A value as OTLP has it; what is neither text, number nor a list of them becomes text."""
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int() if -(2**63) <= value < 2**63:
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list() | tuple():
            return _array(value)
        case _:
            text = cut(str(value), VALUE_BYTES_MAX)
            return AnyValue(string_value=text.encode(errors="replace").decode())


def _array(values: Sequence[Any]) -> AnyValue:
    made = AnyValue()
    made.array_value.values.extend(any_value(value) for value in values)
    return made
