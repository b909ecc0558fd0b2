"""The table of the configuration about a collector of OpenTelemetry."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from nvmed.config_table import OptionalPath, Table


class Otel(Table, frozen=True):
    """Traces, metrics and logs for an OpenTelemetry collector, over OTLP/gRPC: see `docs/tracing.md`.

    Takes the extra `nvmed[otel]`. The unit lets no packet out until a drop-in opens it to the collector.
    """

    endpoint: Annotated[
        str,
        Meta(description="`https://` and `HOST:PORT`, or `http://` and a loopback address; empty to send nothing."),
    ] = ""
    ca: Annotated[
        OptionalPath,
        Meta(description="Certificates that the collector's must be signed by, PEM; empty for the system's."),
    ] = ""
    headers_file: Annotated[
        OptionalPath,
        Meta(description="File of headers that the collector asks for, `name: value` on a line each; root's alone."),
    ] = ""
    traces: Annotated[bool, Meta(description="Send spans of calls, operations, their steps and commands.")] = True
    metrics: Annotated[bool, Meta(description="Send what drives say of their health.")] = True
    logs: Annotated[bool, Meta(description="Send the lines of the log too, from `log_level` on.")] = False
    sample_ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of calls that are traced where the caller has not decided: its `traceparent` counts.",
        ),
    ] = 1.0
    metrics_interval_s: Annotated[
        int, Meta(ge=5, le=86_400, description="How often metrics are sent; drives are asked as `[metrics]` says.")
    ] = 60
    resource: Annotated[
        dict[Annotated[str, Meta(pattern="^[a-z][a-z0-9._-]{0,127}$")], Annotated[str, Meta(max_length=1024)]],
        Meta(max_length=64, description="Attributes of the resource beside `service.*` and `host.name`, or instead."),
    ] = {}  # noqa: RUF012
