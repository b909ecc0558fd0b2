"""Every List method pages, filters and orders in the same way (AIP-132, AIP-158, AIP-160): what one has, all have."""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor as Field

from nvmed.rpc.annotations import FILES

ORDERED_BY_NATURE = {
    "ListAuditRecordsRequest": "newest first: it is read backwards from files",
    "ListFirmwareHistoryRequest": "newest first, by the journal's own index",
    "ListEventsRequest": "as they happened",
    "ListAllocatedNamespacesRequest": "by identifier: the controller tells them so, a few at a time",
}
"""Lists without `order_by`, and why."""

FIELDS = {"page_size": Field.TYPE_INT32, "page_token": Field.TYPE_STRING, "filter": Field.TYPE_STRING}


def test_all_lists_are_asked_for_alike() -> None:
    wrong: list[str] = []
    unordered: set[str] = set()
    for file in FILES:
        for service in file.services_by_name.values():
            for method in service.methods:
                if not method.name.startswith("List"):
                    continue
                asked, told = method.input_type, method.output_type
                if "order_by" not in asked.fields_by_name:
                    unordered.add(asked.name)
                for name, kind in FIELDS.items():
                    field = asked.fields_by_name.get(name)
                    if field is None or field.type != kind or field.is_repeated:
                        wrong.append(f"{asked.name} has no {name}: page it with nvmed.rpc.listing.page")
                if "next_page_token" not in told.fields_by_name:
                    wrong.append(f"{told.name} has no next_page_token")
                if not any(field.is_repeated for field in told.fields):
                    wrong.append(f"{told.name} lists nothing")
    assert not wrong, wrong
    assert unordered == set(ORDERED_BY_NATURE), "add order_by, or a row with the reason"
