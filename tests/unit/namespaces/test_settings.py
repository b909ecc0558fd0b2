"""What namespaces are to be, against what Identify says that they can be: refused by the field's name, or compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.namespaces.settings import Layout, check_creation, check_layout, require_formatted, require_made
from nvmed.nvme.identify import IdentifyController, IdentifyNamespace, LbaFormat
from nvmed.nvme.namespace import NamespaceSettings

FORMATS = (LbaFormat(lbads=9), LbaFormat(lbads=12), LbaFormat(ms=8, lbads=9), *[LbaFormat()] * 61)
CAN = IdentifyNamespace(nlbaf=2, mc=0b10, dpc=0b1_0001, lbaf=FORMATS)
"""Formats 0 and 1 without metadata, 2 with 8 bytes in buffers of their own; protection type 1, last."""

PLAIN = Layout(0, extended_metadata=False, protection=0, protection_first=False)


@pytest.mark.parametrize(
    ("layout", "field"),
    [
        (PLAIN, ""),
        (replace(PLAIN, format_index=2), ""),
        (replace(PLAIN, format_index=2, protection=1), ""),
        (replace(PLAIN, extended_metadata=True), "extended_metadata"),
        (replace(PLAIN, format_index=2, extended_metadata=True), "extended_metadata"),
        (replace(PLAIN, format_index=2, protection=2), "protection_type"),
        (replace(PLAIN, protection=1), "protection_type"),
        (replace(PLAIN, format_index=2, protection=1, protection_first=True), "protection_first"),
        (replace(PLAIN, format_index=2, protection_first=True), "protection_first"),
    ],
    ids=str,
)
def test_layouts(layout: Layout, field: str) -> None:
    if not field:
        return check_layout(layout, CAN)
    with pytest.raises(NvmedError) as refused:
        check_layout(layout, CAN)
    assert [one.field for one in refused.value.fields] == [field]
    return None


ALL = IdentifyController(cmic=0b1000, anagrpmax=4, ctratt=0b1_0100, nsetidmax=2, endgidmax=3)


@pytest.mark.parametrize("controller", [IdentifyController(), ALL], ids=["has none", "has few"])
@pytest.mark.parametrize(
    ("field", "wanted"),
    [("ana_group_id", {"anagrpid": 5}), ("nvm_set_id", {"nvmsetid": 3}), ("endurance_group_id", {"endgid": 4})],
)
def test_what_a_drive_does_not_have_is_refused_by_name(
    controller: IdentifyController, field: str, wanted: dict[str, Any]
) -> None:
    settings = NamespaceSettings(nsze=8, ncap=8)
    check_creation(settings, CAN, controller)
    with pytest.raises(NvmedError) as refused:
        check_creation(replace(settings, **wanted), CAN, controller)
    assert [one.field for one in refused.value.fields] == [field]
    fitting: dict[str, Any] = dict.fromkeys(wanted, 1)
    if controller is ALL:
        check_creation(replace(settings, **fitting), CAN, controller)


def test_less_capacity_than_size_needs_thin_provisioning() -> None:
    settings = NamespaceSettings(nsze=8, ncap=4)
    with pytest.raises(NvmedError, match="NSFEAT") as refused:
        check_creation(settings, CAN, ALL)
    assert [one.field for one in refused.value.fields] == ["capacity_blocks"]
    check_creation(settings, replace(CAN, nsfeat=1), ALL)


@pytest.mark.parametrize("dropped", ["nsze", "ncap", "flbas", "dps", "nmic", "anagrpid", "nvmsetid", "endgid"])
def test_nothing_that_was_asked_is_dropped_silently(dropped: str) -> None:
    asked: dict[str, Any] = {
        "nsze": 8, "ncap": 8, "flbas": 2, "dps": 1, "nmic": 1, "anagrpid": 1, "nvmsetid": 2, "endgid": 3,
    }  # fmt: skip
    made = IdentifyNamespace(lbaf=FORMATS, **asked)
    require_made(7, NamespaceSettings(**asked), made)
    gone: dict[str, Any] = {dropped: 0}
    with pytest.raises(NvmedError, match="namespace 7 was created, but its") as told:
        require_made(7, NamespaceSettings(**asked), replace(made, **gone))
    assert (told.value.reason, told.value.metadata["nsid"]) == ("NVME_DATA_INVALID", "7")


@pytest.mark.parametrize("made", [{"flbas": 0x10}, {"dps": 1}, {"dps": 8}, {"flbas": 1}])
def test_a_format_is_compared_as_a_whole(made: dict[str, Any]) -> None:
    require_formatted(1, PLAIN, CAN)
    with pytest.raises(NvmedError, match="after it was formatted to format 0"):
        require_formatted(1, PLAIN, replace(CAN, **made))
