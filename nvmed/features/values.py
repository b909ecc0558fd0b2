"""Values of features as the journal and the contract have them."""

from __future__ import annotations

import base64
from typing import Any

from nvmed.devices.features import FeatureQuery, FeatureValue
from nvmed.nvme.feature_fields import FeatureRow, Values


def shown(row: FeatureRow | None, value: FeatureValue) -> dict[str, Any]:
    """`FeatureValue` of the contract."""
    return {
        "raw": value.dword,
        "data": base64.b64encode(value.data).decode(),
        "fields": fields(row, value.fields),
    }


def fields(row: FeatureRow | None, values: Values) -> list[dict[str, str]]:
    """`FeatureFieldValue`s of the contract; of a long table, those that are not zero."""
    known = [one for one in (*row.fields, *row.selectors) if one.name in values] if row else []
    brief = len(known) > 16
    return [
        {"name": one.name, "value": str(values[one.name]), "text": one.text(values[one.name])}
        for one in known
        if values[one.name] or not brief
    ]


def identified(query: FeatureQuery) -> dict[str, Any]:
    """The fields that say which feature of what it is."""
    selection = {one.name: query.selection.get(one.name, 0) for one in query.row.selectors} if query.row else {}
    return {
        "feature": query.row.name if query.row else "",
        "feature_id": query.fid,
        "nsid": query.nsid,
        "selectors": fields(query.row, selection),
    }
