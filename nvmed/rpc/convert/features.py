"""Features as the messages of the contract, and requests about them as what `nvmed.features` takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nvmed.devices.controller import Device
from nvmed.devices.features import FeatureReport, FeatureValue
from nvmed.features.changes import Setting
from nvmed.features.values import fields, identified, shown
from nvmed.nearest import nearest
from nvmed.nvme.feature_fields import FeatureRow, Field
from nvmed.nvme.feature_table import FEATURES, row_of
from nvmed.preconditions.gates import check_overrides
from nvmed.reasons import invalid_field
from nvmed.rpc.convert.fitted import fitted, fitted_dict, omissions
from nvmed.v1 import feature_pb2 as pb
from nvmed.v1 import operations_pb2


def feature(found: FeatureReport) -> pb.Feature:
    """A feature as a controller has it."""
    row, changes = found.query.row, found.changes
    values = {
        name: fitted_dict(pb.FeatureValue, shown(row, value))
        for name, value in (
            ("current_value", found.current),
            ("default_value", found.default),
            ("saved_value", found.saved),
        )
        if value is not None
    }
    made = fitted(
        pb.Feature,
        title=row.title if row else "",
        scope=f"FEATURE_SCOPE_{row.scope.value}" if row else 0,
        saveable=changes.saveable if changes else None,
        namespace_specific=changes.namespace_specific if changes else None,
        changeable=changes.changeable if changes else None,
        owner=row.owner if row else "",
        is_action=row.is_action if row else False,
        omissions=omissions(found.omissions),
        **values,
    )
    made.MergeFrom(fitted_dict(pb.Feature, identified(found.query)))
    return made


def value(row: FeatureRow | None, found: FeatureValue) -> pb.FeatureValue:
    """One value of a feature."""
    return fitted_dict(pb.FeatureValue, {**shown(row, found), "fields": fields(row, found.fields)})


def named(text: str) -> tuple[int, FeatureRow | None]:
    """The feature that a request names, by its name or its number; INVALID_FIELD for neither."""
    if (row := FEATURES.get(text)) is not None:
        return row.fid, row
    try:
        fid = int(text, 0)
    except ValueError:
        raise invalid_field("feature", f"{text!r} is no feature{nearest(text, FEATURES)}") from None
    if not 1 <= fid <= 0xFF:
        raise invalid_field("feature", f"is {text}; identifiers are 0x01 to 0xff")
    return fid, row_of(fid)


def values_of(field: str, given: Iterable[Any], known: Iterable[Field]) -> dict[str, int]:
    """Fields of a request by their names; INVALID_FIELD for one that there is not, that is there twice or too large."""
    rows = {one.name: one for one in known}
    found: dict[str, int] = {}
    for one in given:
        row = rows.get(one.name)
        if row is None or row.read_only:
            what = "is read only" if row else f"is none of this feature's{nearest(one.name, rows)}"
            raise invalid_field(field, f"{one.name!r} {what}")
        if one.name in found:
            raise invalid_field(field, f"{one.name!r} is there twice")
        if one.value > row.maximum:
            raise invalid_field(field, f"{one.name} is {one.value}; it must be 0 to {row.maximum}")
        found[one.name] = one.value
    return found


def setting(device: Device, nsid: int, request: pb.SetFeatureRequest) -> Setting:
    """A feature to set."""
    fid, row = named(request.feature)
    is_raw = request.HasField("raw_value") or bool(request.raw_data)
    if row is not None and is_raw:
        raise invalid_field("raw_value", f"must be left out: {row.name} has fields, give these")
    if row is None and not request.HasField("raw_value"):
        raise invalid_field("raw_value", f"is required: feature {fid:#04x} has no fields that nvmed knows")
    if row is not None and not request.fields:
        raise invalid_field("fields", f"are required; {row.name} has {', '.join(one.name for one in row.fields[:16])}")
    known = row.fields if row else ()
    names = (operations_pb2.Gate.Name(gate).removeprefix("GATE_") for gate in request.override_gates)
    return Setting(
        device=device,
        fid=fid,
        row=row,
        nsid=nsid,
        selection=values_of("selectors", request.selectors, row.selectors if row else ()),
        fields=values_of("fields", request.fields, known),
        raw_value=request.raw_value,
        raw_data=request.raw_data,
        save=request.save,
        expected=values_of("expected", request.expected, [one for one in known if not one.read_only]),
        expected_raw=request.expected_raw if request.HasField("expected_raw") else None,
        acknowledged=request.acknowledge_risk,
        overrides=check_overrides(names),
    )
