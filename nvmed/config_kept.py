"""The tables of the configuration about what the daemon keeps: its audit, what was done, telemetry."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from nvmed import limits
from nvmed.config_table import Count, OptionalPath, Table


class Audit(Table, frozen=True):
    """The record of mutations, denials and secrets that were shown."""

    directory: Annotated[
        OptionalPath, Meta(description="Where its files are; empty for `audit` in the state directory.")
    ] = ""
    file_bytes_max: Annotated[
        int,
        Meta(
            ge=64 * limits.KIB, le=limits.KIB * limits.MIB, description="A file of this size is followed by the next."
        ),
    ] = 16 * limits.MIB
    files_max: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Oldest files beyond this many are deleted; 0 keeps all.")
    ] = 0
    journald: Annotated[bool, Meta(description="Send each record to journald as well.")] = True


class History(Table, frozen=True):
    """How much of what was done is remembered. Beyond it the oldest is forgotten, but never an operation that has not
    ended, nor one whose `request_id` may still be repeated: for a day. `[audit]` has its own rules.
    """

    operations_days: Annotated[
        int, Meta(ge=1, le=36_500, description="How long operations are remembered that are no drive's history.")
    ] = 30
    history_days: Annotated[
        int,
        Meta(
            ge=1,
            le=36_500,
            description="How long a drive's history is: staging, activation, rollback, resets, and what was done to "
            "its namespaces.",
        ),
    ] = 3650
    per_resource_max: Annotated[
        Count, Meta(description="Operations that are remembered of one controller, or other resource; history apart.")
    ] = 1_000
    operations_max: Annotated[
        int,
        Meta(
            ge=100,
            le=10_000_000,
            description="Operations that are remembered in all. A principal may begin a quarter of it with a "
            "`request_id` in a day; more are refused with `LIMIT_EXCEEDED`.",
        ),
    ] = 100_000


class Captures(Table, frozen=True):
    """Telemetry logs on the host's disk, in `captures` in the state directory: see `docs/captures.md`."""

    quota_bytes: Annotated[
        int,
        Meta(
            ge=limits.MIB,
            le=2**50,
            description="Bytes of captures that callers asked for; one principal's are at most half of them.",
        ),
    ] = limits.CAPTURE_BYTES_MAX
    ttl_s: Annotated[
        int,
        Meta(ge=60, le=limits.CAPTURE_TTL_S_MAX, description="How long a capture is kept, and at most may be."),
    ] = limits.CAPTURE_TTL_S
    automatic: Annotated[
        bool,
        Meta(
            description="Capture what a controller raises by itself, as soon as the poll of `[events]` finds it. Off, "
            "as it writes to disk unasked and acknowledges the controller's event, which another agent of the host may "
            "be waiting for."
        ),
    ] = False
    automatic_area: Annotated[
        Literal[1, 2, 3, 4], Meta(description="How much of the log is captured: the data area to read up to.")
    ] = 3
    automatic_acknowledge: Annotated[
        bool,
        Meta(
            description="Acknowledge the controller's event once the capture is on disk, so that it may raise its next "
            "log."
        ),
    ] = True
    automatic_quota_bytes: Annotated[
        int,
        Meta(
            ge=limits.MIB,
            le=2**50,
            description="Bytes of automatic captures, apart from those of callers; one controller's are at most a "
            "quarter of them, and its oldest give way to its newest.",
        ),
    ] = limits.CAPTURE_AUTOMATIC_BYTES_MAX
    automatic_interval_s: Annotated[
        int,
        Meta(ge=0, le=31_536_000, description="How long a controller is left alone after an automatic capture of it."),
    ] = 3_600


class Support(Table, frozen=True):
    """Support bundles on the host's disk, in `support` in the state directory: see `docs/support.md`."""

    quota_bytes: Annotated[
        int,
        Meta(ge=16 * limits.MIB, le=2**50, description="Bytes of bundles; one principal's are at most half of them."),
    ] = limits.SUPPORT_BYTES_MAX
    ttl_s: Annotated[int, Meta(ge=60, le=limits.SUPPORT_TTL_S_MAX, description="How long a bundle is kept.")] = (
        limits.SUPPORT_TTL_S
    )
