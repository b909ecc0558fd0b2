"""What was learnt of a controller that it does not say of itself: asked for once, and known until it is reset."""

from __future__ import annotations

from enum import Enum, unique


@unique
class Quirk(Enum):
    """How a controller differs from what it reports."""

    REFUSES_CREATED_AREA = "refuses to be told how much telemetry to create (MCDA)"
    ZEROS_WHEN_RETAINED = "answers logs with zeros when the event is to be retained (nvme-cli#1729, #1731)"
    REFUSES_BROADCAST_SELF_TEST = "refuses to test all namespaces at once, and takes one that is named"
