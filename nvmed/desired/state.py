"""Desired state of a drive, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Any

from nvmed.features.changes import Setting
from nvmed.firmware.activation import Mode
from nvmed.nvme.feature_fields import FeatureRow, Values


@dataclass(frozen=True, slots=True)
class DesiredFirmware:
    """The revision that is to run, the image that holds it ("" where a slot has it already), and how it gets active."""

    revision: str
    sha256: str = ""
    mode: Mode = Mode.CONTROLLER_RESET


@dataclass(frozen=True, slots=True)
class DesiredFeature:
    """Fields of a feature that are to have these values, now and, with `save`, after a reset."""

    row: FeatureRow
    fields: Values
    selection: Values = field(default_factory=dict)
    nsid: int = 0
    save: bool = False


@dataclass(frozen=True, slots=True)
class DesiredLayout:
    """Blocks of `block_bytes` (0: any), and one namespace of `capacity_percent` of the drive (0: as it is)."""

    block_bytes: int = 0
    capacity_percent: int = 0


@dataclass(frozen=True, slots=True)
class Desired:
    """What a drive should be; nothing is said of what is not there."""

    firmware: DesiredFirmware | None = None
    layout: DesiredLayout | None = None
    features: tuple[DesiredFeature, ...] = ()


@dataclass(frozen=True, slots=True)
class Consent:
    """What the caller acknowledges, and gates that need not hold."""

    data_loss: bool = False
    disruption: bool = False
    risk: bool = False
    overrides: frozenset[str] = frozenset()


@unique
class Kind(Enum):
    """What differs, in the order in which it is mended; the contract's names without `KIND_`."""

    FIRMWARE = "FIRMWARE"
    NAMESPACES = "NAMESPACES"
    FORMAT = "FORMAT"
    FEATURE = "FEATURE"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as desired: what it is now, what it should be, what mending it takes.

    `nsids` are the namespaces that a change of layout is about, `setting` is how a feature is set.
    """

    kind: Kind
    subject: str
    now: str
    wanted: str
    loses_data: bool = False
    disrupts: bool = False
    nsids: tuple[int, ...] = ()
    setting: Setting | None = None

    def shown(self) -> Mapping[str, Any]:
        """`DriveDifference` of the contract."""
        return {
            "kind": f"KIND_{self.kind.value}",
            "subject": self.subject,
            "current": self.now,
            "desired": self.wanted,
            "loses_data": self.loses_data,
            "disrupts": self.disrupts,
        }
