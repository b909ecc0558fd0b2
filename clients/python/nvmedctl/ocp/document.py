"""A decoded log as what JSON has: one object, or one a statistic and event for who reads line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import islice
from typing import Any, Final

from nvmed.nvme.health import OcpSmartLog, SmartLog
from nvmed.nvme.layout import Structure, shown_text
from nvmed.nvme.telemetry import TelemetryLog
from nvmedctl.ocp.events import Event, timestamp
from nvmedctl.ocp.names import BEHAVIORS
from nvmedctl.ocp.statistics import Statistic
from nvmedctl.ocp.telemetry import AREAS, Fifo, OcpTelemetry

NUMBER_BYTES: Final = 16
"""Data of a statistic up to this size are a number too."""

Object = dict[str, Any]


def document(log: OcpTelemetry, most_events: int) -> Object:
    """The whole log as one object; of each FIFO the last `most_events` events, and how many more there are.

    Keys are never renamed; values are numbers, texts, and bytes in hexadecimal. `problems` is what could not be read.
    """
    whole: Object = summary(log)
    whole["statistics"] = [statistic_object(log, area, each) for area in AREAS for each in log.statistics(area)]
    whole["fifos"] = [_fifo_object(log, fifo, most_events) for fifo in log.fifos]
    whole["problems"] = problem_objects(log)
    return whole


def lines(log: OcpTelemetry) -> Iterator[Object]:
    """The log as objects that say in `kind` what they are: the log, then each statistic, event and problem."""
    yield {"kind": "log", **summary(log)}
    for area in AREAS:
        for each in log.statistics(area):
            yield {"kind": "statistic", **statistic_object(log, area, each)}
    for fifo in log.fifos:
        for event in log.events(fifo):
            yield {"kind": "event", "fifo": fifo.number, **event_object(log, event)}
    for problem in problem_objects(log):
        yield {"kind": "problem", **problem}


def summary(log: OcpTelemetry) -> Object:
    """What a log is, and the two log pages that are in it."""
    area, reason = log.area, log.reason
    smart, extended = SmartLog.parse(area.smart_page), OcpSmartLog.parse(area.smart_extended_page)
    return {
        "log": "controller" if log.header.log is TelemetryLog.CONTROLLER_INITIATED else "host",
        "generation_number": log.header.generation,
        "last_blocks": list(log.header.last_blocks),
        "structure_version": f"{area.major_version}.{area.minor_version}",
        "firmware_revision": area.firmware_revision,
        **timestamp(area.timestamp),
        "profiles": area.profiles,
        "selected_profile": area.selected_profile,
        "offsets": log.offsets.value,
        "reason": {
            "line_number": reason.line_number if reason.valid & 1 else None,
            "file_id": reason.file_id.hex() if reason.valid & 2 else None,
            "error_id": shown_text(reason.error_id) if reason.valid & 4 else None,
            "vendor": reason.vendor.hex() if reason.valid & 8 else None,
        },
        "smart": {"temperature_celsius": smart.temperature_celsius, **_plain(smart)},
        "smart_extended": _plain(extended) if extended.is_ocp else None,
    }


def statistic_object(log: OcpTelemetry, area: int, statistic: Statistic) -> Object:
    """A statistic; `value` is None where its data are longer than a number is."""
    data = statistic.data
    bad = statistic.bad_blocks
    return {
        "area": area,
        "identifier": statistic.identifier,
        "name": statistic.name(log.strings),
        "behavior": BEHAVIORS.get(statistic.behavior, str(statistic.behavior)),
        "nsid": statistic.nsid,
        "value": statistic.value if len(data) <= NUMBER_BYTES else None,
        **({"bad_blocks_percent": bad[0], "bad_blocks": bad[1]} if bad else {}),
        "data": data.hex(),
        "offset_bytes": statistic.offset_bytes,
    }


def event_object(log: OcpTelemetry, event: Event) -> Object:
    """An event, with what its class and its vendor say of it."""
    found: Object = {
        "class": event.event_class,
        "class_name": event.class_name,
        "identifier": event.identifier,
        "name": event.name(log.strings),
        **event.fields,
        "data": event.data.hex(),
        "offset_bytes": event.offset_bytes,
    }
    if event.vendor_data:
        identifier, data = event.vendor_data
        name = log.strings.vendor_event(event.event_class, identifier)
        found["vendor"] = {"identifier": identifier, "name": name, "data": data.hex()}
    return found


def problem_objects(log: OcpTelemetry) -> list[Object]:
    """What could not be read so far, and how much more of that there was."""
    found: list[Object] = [{"offset_bytes": each.offset_bytes, "message": each.message} for each in log.problems.found]
    more = log.problems.left_out
    return [*found, {"offset_bytes": None, "message": f"{more} more problems"}] if more else found


def _fifo_object(log: OcpTelemetry, fifo: Fifo, most_events: int) -> Object:
    count = sum(1 for _ in log.events(fifo))
    shown = islice(log.events(fifo), max(count - most_events, 0), None)
    return {
        "number": fifo.number,
        "name": fifo.name,
        "area": fifo.area,
        "size_bytes": fifo.end - fifo.start,
        "event_count": count,
        "events": [event_object(log, event) for event in shown],
    }


def _plain(structure: Structure) -> Object:
    """A structure's fields under their names."""
    values = ((each.name, getattr(structure, each.name)) for each in fields(structure))  # type: ignore[arg-type]
    return {name: _json(value) for name, value in values}


def _json(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return [*value] if isinstance(value, tuple) else value
