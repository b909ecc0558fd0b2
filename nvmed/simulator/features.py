"""Get Features and Set Features (Base 2.0, sections 5.15 and 5.27)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nvmed.nvme.features import HostBehavior
from nvmed.nvme.layout import bits
from nvmed.nvme.opcodes import NSID_ALL, FeatureId, FeatureSelect
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.request import Request

if TYPE_CHECKING:
    from nvmed.simulator.controller import Controller

MAXIMUM_QUEUES = 64
OVER_THRESHOLD_KELVIN = 343
SAVE = 1 << 31
UNDER_THRESHOLD = 1 << 20
"""THSEL of the temperature threshold: the value below which the drive is too cold."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature: what it starts with, and what may be done to it.

    `data_bytes` is the size of its data structure, `selector_mask` the bits of CDW11 that choose one of its values.
    """

    default: int = 0
    data_bytes: int = 0
    saveable: bool = False
    changeable: bool = True
    per_namespace: bool = False
    selector_mask: int = 0
    value_mask: int = 0xFFFF_FFFF

    @property
    def capabilities(self) -> int:
        """Dword 0 of Get Features with SEL 3."""
        return self.saveable | self.per_namespace << 1 | self.changeable << 2


FEATURES: dict[int, Feature] = {
    FeatureId.ARBITRATION: Feature(saveable=True),
    FeatureId.POWER_MANAGEMENT: Feature(value_mask=0xFF),
    FeatureId.TEMPERATURE_THRESHOLD: Feature(
        OVER_THRESHOLD_KELVIN, saveable=True, selector_mask=0x3F_0000, value_mask=0xFFFF
    ),
    FeatureId.ERROR_RECOVERY: Feature(per_namespace=True, saveable=True),
    FeatureId.VOLATILE_WRITE_CACHE: Feature(1, saveable=True, value_mask=1),
    FeatureId.NUMBER_OF_QUEUES: Feature((MAXIMUM_QUEUES - 1) << 16 | MAXIMUM_QUEUES - 1),
    FeatureId.INTERRUPT_COALESCING: Feature(value_mask=0xFFFF),
    FeatureId.WRITE_ATOMICITY_NORMAL: Feature(changeable=False),
    FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION: Feature(),
    FeatureId.TIMESTAMP: Feature(data_bytes=8),
    FeatureId.KEEP_ALIVE_TIMER: Feature(),
    FeatureId.NON_OPERATIONAL_POWER_STATE_CONFIG: Feature(value_mask=1),
    FeatureId.LBA_STATUS_INFORMATION_REPORT_INTERVAL: Feature(0x0001_0001, saveable=True),
    FeatureId.HOST_BEHAVIOR_SUPPORT: Feature(data_bytes=HostBehavior.SIZE),
    FeatureId.SANITIZE_CONFIG: Feature(saveable=True, value_mask=1),
    FeatureId.SOFTWARE_PROGRESS_MARKER: Feature(saveable=True, value_mask=0xFF),
    FeatureId.HOST_IDENTIFIER: Feature(data_bytes=16),
    FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG: Feature(per_namespace=True, value_mask=7),
}

Key = tuple[int, int, int]
"""Feature identifier, namespace (0 for the controller), selector."""

Value = tuple[int, bytes]
"""Dword and data structure."""


class Features:
    """The current and saved values of one controller's features. Called with the subsystem's lock held.

    `etdas` is whether the host said that it knows telemetry data area 4.
    """

    def __init__(self) -> None:
        self._saved: dict[Key, Value] = {}
        self._current: dict[Key, Value] = {}
        self.etdas = False

    def reset(self) -> None:
        """A controller level reset: saved values come back, the rest are default."""
        self._current = dict(self._saved)
        self.etdas = False

    def value(self, feature_id: int, nsid: int = 0, selector: int = 0) -> int:
        """The dword of a feature."""
        return self._current.get((feature_id, nsid, selector), default_value(feature_id, selector))[0]

    def select(self, select: int, key: Key) -> Value:
        """What Get Features with SEL 0, 1 or 2 gives."""
        values = {FeatureSelect.CURRENT: self._current, FeatureSelect.SAVED: self._saved}.get(FeatureSelect(select), {})
        return values.get(key, default_value(key[0], key[2]))

    def store(self, key: Key, value: Value, *, save: bool) -> None:
        """Give a feature another value."""
        self._current[key] = value
        if key[0] == FeatureId.HOST_BEHAVIOR_SUPPORT:
            self.etdas = bool(HostBehavior.parse(value[1]).etdas)
        if save:
            self._saved[key] = value


def default_value(feature_id: int, selector: int = 0) -> Value:
    """What a feature has before anybody sets it."""
    feature = FEATURES[feature_id]
    return (0 if selector & UNDER_THRESHOLD else feature.default), bytes(feature.data_bytes)


def set_features(controller: Controller, request: Request) -> int:
    """Set Features: CDW10 has the feature and Save, CDW11 the value."""
    command = request.command
    feature_id = bits(command.cdw10, 7, 0)
    feature, nsid = _find(controller, feature_id, command.nsid)
    save = bool(command.cdw10 & SAVE)
    if save and not feature.saveable:
        raise Refused(Sc.FEATURE_NOT_SAVEABLE)
    if not feature.changeable:
        raise Refused(Sc.FEATURE_NOT_CHANGEABLE)
    data = request.take(_data_bytes(feature_id, feature, command.cdw11)) if feature.data_bytes else b""
    selector, value = _selector(feature, command.cdw11), command.cdw11 & feature.value_mask
    setter = _SETTERS.get(feature_id)
    if setter is not None:
        value, data = setter(controller, nsid, value, data)
    attached = controller.subsystem.namespaces.attached(controller.controller_id)
    for one in [namespace.nsid for namespace in attached] if nsid == NSID_ALL else [nsid]:
        controller.features.store((feature_id, one, selector), (value, data), save=save)
    controller.feature_changed(feature_id)
    return value if feature_id == FeatureId.NUMBER_OF_QUEUES else 0


def get_features(controller: Controller, request: Request) -> int:
    """Get Features: CDW10 has the feature and SEL; the value is dword 0, a data structure fills the buffer."""
    command = request.command
    feature_id, select = bits(command.cdw10, 7, 0), bits(command.cdw10, 10, 8)
    feature, nsid = _find(controller, feature_id, command.nsid)
    if select > FeatureSelect.SUPPORTED_CAPABILITIES or nsid == NSID_ALL:
        raise Refused(Sc.INVALID_FIELD)
    if select == FeatureSelect.SUPPORTED_CAPABILITIES:
        return feature.capabilities
    selector = _selector(feature, command.cdw11)
    value, data = controller.features.select(select, (feature_id, nsid, selector))
    getter = _GETTERS.get(feature_id)
    if getter is not None and select == FeatureSelect.CURRENT:
        value, data = getter(controller, nsid)
    if feature.data_bytes:
        request.fill(data[: _data_bytes(feature_id, feature, command.cdw11)])
    return value


def _find(controller: Controller, feature_id: int, nsid: int) -> tuple[Feature, int]:
    """The feature, and the namespace that the command is about: 0 for the controller."""
    feature = FEATURES.get(feature_id)
    if feature is None:
        raise Refused(Sc.INVALID_FIELD)
    if not feature.per_namespace:
        if nsid not in (0, NSID_ALL):
            raise Refused(Sc.FEATURE_NOT_NAMESPACE_SPECIFIC)
        return feature, 0
    if nsid != NSID_ALL:
        controller.subsystem.namespaces.active(nsid, controller.controller_id)
    return feature, nsid


def _selector(feature: Feature, cdw11: int) -> int:
    """Which of several values: composite temperature only, over or under."""
    selector = cdw11 & feature.selector_mask
    if selector not in (0, UNDER_THRESHOLD):
        raise Refused(Sc.INVALID_FIELD)
    return selector


def _data_bytes(feature_id: int, feature: Feature, cdw11: int) -> int:
    """A host identifier has 8 bytes unless EXHID asks for 16."""
    if feature_id == FeatureId.HOST_IDENTIFIER and not cdw11 & 1:
        return 8
    return feature.data_bytes


def _set_queues(controller: Controller, nsid: int, value: int, data: bytes) -> Value:
    submission, completion = value & 0xFFFF, value >> 16
    if 0xFFFF in (submission, completion):
        raise Refused(Sc.INVALID_FIELD)
    return min(submission, MAXIMUM_QUEUES - 1) | min(completion, MAXIMUM_QUEUES - 1) << 16, data


def _set_timestamp(controller: Controller, nsid: int, value: int, data: bytes) -> Value:
    controller.timestamp.set(int.from_bytes(data[:6], "little"))
    return value, data


def _set_power_state(controller: Controller, nsid: int, value: int, data: bytes) -> Value:
    if value & 0x1F:
        raise Refused(Sc.INVALID_FIELD)
    return value, data


def _set_write_protection(controller: Controller, nsid: int, value: int, data: bytes) -> Value:
    """States 2 and 3 last until a power cycle and for ever, which NWPC does not offer."""
    if value > 1:
        raise Refused(Sc.INVALID_FIELD)
    for namespace in controller.subsystem.namespaces.attached(controller.controller_id):
        if nsid in (NSID_ALL, namespace.nsid):
            namespace.write_protected = bool(value)
    return value, data


def _get_timestamp(controller: Controller, nsid: int) -> Value:
    return 0, controller.timestamp.data()


def _get_write_protection(controller: Controller, nsid: int) -> Value:
    """The namespace's own state: every controller sees the same."""
    return int(controller.subsystem.namespaces.active(nsid, controller.controller_id).write_protected), b""


_SETTERS: dict[int, Callable[[Controller, int, int, bytes], Value]] = {
    FeatureId.NUMBER_OF_QUEUES: _set_queues,
    FeatureId.TIMESTAMP: _set_timestamp,
    FeatureId.POWER_MANAGEMENT: _set_power_state,
    FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG: _set_write_protection,
}
"""Features whose values are checked or kept elsewhere."""

_GETTERS: dict[int, Callable[[Controller, int], Value]] = {
    FeatureId.TIMESTAMP: _get_timestamp,
    FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG: _get_write_protection,
}
"""Features whose current values are kept elsewhere."""


class Timestamp:
    """Feature 0Eh: milliseconds since 1970 that the host set, and go on counting; before, since power on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._origin_ms = 0
        self._set_at = clock()
        self._by_host = False

    def set(self, milliseconds: int) -> None:
        """The host says what time it is."""
        self._origin_ms, self._set_at, self._by_host = milliseconds, self._clock(), True

    @property
    def milliseconds(self) -> int:
        return self._origin_ms + int((self._clock() - self._set_at) * 1000)

    def data(self) -> bytes:
        """The feature's data structure: 48 bits of milliseconds, attributes (origin: set by the host), reserved."""
        return struct.pack("<Q", self.milliseconds & (1 << 48) - 1 | (0x02 if self._by_host else 0) << 48)
