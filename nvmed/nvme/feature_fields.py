"""What a feature's value is made of: fields of a dword and of a data structure, as rows of a table.

Get Features answers with dword 0 of the completion and perhaps data; Set Features sends CDW11 to CDW13 and perhaps
data (Base 2.0, sections 5.15 and 5.27). A `Field` says where its bits are in the one and in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from typing import Final

from nvmed.nvme.features import get_features, set_features
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.layout import bits
from nvmed.nvme.opcodes import FeatureSelect
from nvmed.nvme.transport import Command

Values = Mapping[str, int]
"""The value of each field, by its name."""

DWORD_MAX: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Field:
    """Bits `high`:`low` of dword 0, or of the data structure where `of_data` (read as one little-endian number).

    Set Features has it at the same place of CDW11, unless `set_low` or `dword` (11 to 13) say otherwise. `names` are
    those of its values. `read_only` is what only the controller writes.
    """

    name: str
    high: int
    low: int
    title: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    of_data: bool = False
    set_low: int | None = None
    dword: int = 11
    read_only: bool = False

    @property
    def maximum(self) -> int:
        """The largest value that fits."""
        return (1 << self.high - self.low + 1) - 1

    def text(self, value: int) -> str:
        """What a value is called; "" where it has no name."""
        return self.names.get(value, "")


@unique
class Scope(Enum):
    """What a feature's value belongs to; the contract's names without `FEATURE_SCOPE_`."""

    CONTROLLER = "CONTROLLER"
    NAMESPACE = "NAMESPACE"
    SUBSYSTEM = "SUBSYSTEM"
    ENDURANCE_GROUP = "ENDURANCE_GROUP"
    NVM_SET = "NVM_SET"


def nothing_wrong(identity: IdentifyController, values: Values) -> str:
    """Any value that fits is fine."""
    return ""


def harmless(identity: IdentifyController, before: Values, after: Values) -> str:
    """No change does harm."""
    return ""


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A feature: its layout, to whom it belongs, and what must be looked at before it is changed.

    `selectors` are fields of CDW11 that choose one of several values; `selections` those that a listing reads.
    `capability` is the row of `capabilities.CAPABILITIES` that tells whether the controller has it, "" where only
    asking does. `owner` says who sets it instead of SetFeature, and why, "" if nobody else does. `is_action` is a
    feature that only does something when it is set and has no value. `keeps_value` is false where the value goes on by
    itself. `is_ocp` is one of the OCP Datacenter NVMe SSD Specification, which its UUID index selects.

    `wrong` says what is wrong with values for a controller, as "field: sentence", `hazard` what a change may do to who
    uses the drive; both "" for nothing.
    """

    fid: int
    name: str
    title: str
    source: str
    fields: tuple[Field, ...] = ()
    selectors: tuple[Field, ...] = ()
    selections: tuple[Values, ...] = ({},)
    data_bytes: int = 0
    scope: Scope = Scope.CONTROLLER
    capability: str = ""
    owner: str = ""
    is_action: bool = False
    keeps_value: bool = True
    is_ocp: bool = False
    wrong: Callable[[IdentifyController, Values], str] = nothing_wrong
    hazard: Callable[[IdentifyController, Values, Values], str] = harmless

    def field(self, name: str) -> Field | None:
        """The field of that name, None if there is none."""
        return next((one for one in self.fields if one.name == name), None)

    def decode(self, dword: int, data: bytes) -> dict[str, int]:
        """The fields of a value as Get Features gave it; those of data that were not read are left out."""
        whole = int.from_bytes(data, "little")
        return {
            one.name: bits(whole if one.of_data else dword, one.high, one.low)
            for one in self.fields
            if not one.of_data or one.high < len(data) * 8
        }

    def get(self, select: int, nsid: int, selection: Values, uuid_index: int = 0) -> Command:
        """Get Features."""
        cdw11 = sum(selection.get(one.name, 0) << one.low for one in self.selectors)
        return get_features(self.fid, select=FeatureSelect(select), nsid=nsid, cdw11=cdw11, uuid_index=uuid_index)

    def set(
        self, values: Values, nsid: int, selection: Values, *, save: bool, uuid_index: int = 0
    ) -> tuple[Command, bytes]:
        """Set Features, and the data that it sends."""
        dwords = {11: sum(selection.get(one.name, 0) << one.low for one in self.selectors), 12: 0, 13: 0}
        whole = 0
        for one in self.fields:
            value = values.get(one.name, 0)
            if one.read_only:
                continue
            if one.of_data:
                whole |= value << one.low
            else:
                dwords[one.dword] |= value << (one.low if one.set_low is None else one.set_low)
        command = set_features(self.fid, dwords[11], save=save, nsid=nsid, uuid_index=uuid_index)
        return replace(command, cdw12=dwords[12], cdw13=dwords[13]), whole.to_bytes(self.data_bytes, "little")
