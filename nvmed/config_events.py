"""The tables of the configuration about what the daemon looks for by itself."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from nvmed.config_table import Table


class Events(Table, frozen=True):
    """What the daemon looks for by itself, to tell it to those who watch events."""

    poll_interval_s: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description="How often drives are asked, in turns, for telemetry of their own and for critical warnings, "
            "and keys for their expiry; 0 for never. Coming and going is told by the kernel, at once.",
        ),
    ] = 30
    key_expiry_warnings_s: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=2**32 - 1)], ...],
        Meta(max_length=16, description="How long before its end a TLS key is warned of, in seconds: once for each."),
    ] = (604_800, 86_400, 3_600)
    certificate_expiry_warnings_s: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=2**32 - 1)], ...],
        Meta(
            max_length=16,
            description="How long before its end a certificate of `listen.tls`, its own or a CA's, is warned of, in "
            "seconds: once for each.",
        ),
    ] = (2_592_000, 604_800, 86_400)
    correctable_errors_max: Annotated[
        int,
        Meta(
            ge=0,
            le=2**32 - 1,
            description="How many corrected errors on a drive's link between two polls are told of; 0 for none.",
        ),
    ] = 100


class SlowDrives(Table, frozen=True):
    """Drives that take longer than others of their model: see `docs/host.md`."""

    enabled: Annotated[bool, Meta(description="Compare drives, every `events.poll_interval_s`.")] = True
    peers_percent: Annotated[
        int,
        Meta(
            ge=110,
            le=100_000,
            description="A drive is slow whose mean latency is at least so much of the median of the others'.",
        ),
    ] = 300
    past_percent: Annotated[
        int, Meta(ge=100, le=100_000, description="And at least so much of what it took itself before.")
    ] = 200
    io_count_min: Annotated[
        int,
        Meta(ge=1, le=2**32 - 1, description="Reads, or writes, that a drive must complete in an interval to count."),
    ] = 200
    peers_min: Annotated[int, Meta(ge=2, le=1024, description="Others of its model that must count as well.")] = 3
    intervals: Annotated[
        int, Meta(ge=1, le=10_000, description="Intervals in a row after which a drive is told as slow, or recovered.")
    ] = 5
    capture: Annotated[
        bool,
        Meta(
            description="Create and capture a telemetry log of a drive when it is told as slow, at most one in "
            "`captures.automatic_interval_s`, with the area and quota of automatic captures. Off, as a log that is "
            "created replaces the drive's last one."
        ),
    ] = False
