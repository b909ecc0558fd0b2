"""What the target grants every host."""

from __future__ import annotations

from dataclasses import dataclass

ADMIN_IN_CAPSULE_BYTES = 8192
"""What a host may always send in a capsule of the admin queue (NVMe TCP Transport Specification 1.0, section 3.3.2)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`queue_entries` and `io_queues` count from 1. `keep_alive_granularity` is KAS, in 100 ms."""

    queue_entries: int = 128
    io_queues: int = 16
    in_capsule_bytes: int = 8192
    max_h2c_data_bytes: int = 256 * 1024
    max_c2h_data_bytes: int = 512 * 1024
    max_transfer_bytes: int = 16 * 1024 * 1024
    async_event_requests: int = 4
    keep_alive_granularity: int = 1
    handshake_timeout_s: float = 30.0
    termination_timeout_s: float = 1.0
