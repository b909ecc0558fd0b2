"""Get Features and Set Features (Base 2.0, sections 5.15 and 5.27)."""

from __future__ import annotations

from collections.abc import Callable

from nvmed.nvme.feature_table_ocp import CLEAR_FIRMWARE_HISTORY, LATENCY_MONITOR
from nvmed.nvme.latency_config import DiscardDebugLog, LatencyMonitorConfig
from nvmed.nvme.layout import bits
from nvmed.nvme.ocp import CLEAR_HISTORY
from nvmed.nvme.opcodes import NSID_ALL, FeatureId, FeatureSelect
from nvmed.nvme.transport import Command
from nvmed.nvme.uuid_list import OCP_UUID, index_of
from nvmed.simulator.commands.identify import THERMAL_KELVIN
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.features import MAXIMUM_QUEUES, UNDER_THRESHOLD, Feature, Value

SAVE = 1 << 31


def set_features(controller: ControllerState, request: Request) -> int:
    """Set Features: CDW10 has the feature and Save, CDW11 the value."""
    command = request.command
    feature_id = bits(command.cdw10, 7, 0)
    feature, nsid = _find(controller, feature_id, command)
    save = bool(command.cdw10 & SAVE)
    if save and not feature.saveable:
        raise Refused(Sc.FEATURE_NOT_SAVEABLE)
    if not feature.changeable:
        raise Refused(Sc.FEATURE_NOT_CHANGEABLE)
    data = request.take(_data_bytes(feature_id, feature, command.cdw11)) if feature.data_bytes else b""
    selector, value = _selector(feature, command.cdw11), command.cdw11 >> feature.shift & feature.value_mask
    if feature_id in controller.subsystem.spec.features.ignored:
        return 0
    setter = _SETTERS.get(feature_id)
    if setter is not None:
        value, data = setter(controller, nsid, value, data)
    attached = controller.subsystem.namespaces.attached(controller.controller_id)
    for one in [namespace.nsid for namespace in attached] if nsid == NSID_ALL else [nsid]:
        controller.features.store((feature_id, one, selector), (value, data), save=save)
    controller.feature_changed(feature_id)
    return value if feature_id == FeatureId.NUMBER_OF_QUEUES else 0


def get_features(controller: ControllerState, request: Request) -> int:
    """Get Features: CDW10 has the feature and SEL; the value is dword 0, a data structure fills the buffer."""
    command = request.command
    feature_id, select = bits(command.cdw10, 7, 0), bits(command.cdw10, 10, 8)
    feature, nsid = _find(controller, feature_id, command)
    if select and not controller.subsystem.spec.features.selectable:
        raise Refused(Sc.INVALID_FIELD)
    if feature.is_action and select == FeatureSelect.CURRENT:
        raise Refused(Sc.INVALID_FIELD)
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


def _find(controller: ControllerState, feature_id: int, command: Command) -> tuple[Feature, int]:
    """The feature, and the namespace that the command is about: 0 for the controller."""
    feature, nsid, uuids = controller.features.known.get(feature_id), command.nsid, controller.subsystem.spec.uuids
    if feature is None:
        raise Refused(Sc.INVALID_FIELD)
    if feature.is_ocp and uuids and bits(command.cdw14, 6, 0) != index_of(uuids, OCP_UUID):
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


def _set_queues(controller: ControllerState, nsid: int, value: int, data: bytes) -> Value:
    submission, completion = value & 0xFFFF, value >> 16
    if 0xFFFF in (submission, completion):
        raise Refused(Sc.INVALID_FIELD)
    return min(submission, MAXIMUM_QUEUES - 1) | min(completion, MAXIMUM_QUEUES - 1) << 16, data


def _set_timestamp(controller: ControllerState, nsid: int, value: int, data: bytes) -> Value:
    controller.timestamp.set(int.from_bytes(data[:6], "little"))
    return value, data


def _set_power_state(controller: ControllerState, nsid: int, value: int, data: bytes) -> Value:
    if value & 0x1F >= len(controller.subsystem.spec.power_states):
        raise Refused(Sc.INVALID_FIELD)
    return value, data


def _set_temperatures(controller: ControllerState, nsid: int, value: int, data: bytes) -> Value:
    heavy, light = value & 0xFFFF, value >> 16
    low, high = THERMAL_KELVIN
    if any(one and not low <= one <= high for one in (heavy, light)) or (heavy and light and light >= heavy):
        raise Refused(Sc.INVALID_FIELD)
    return value, data


def _set_write_protection(controller: ControllerState, nsid: int, value: int, data: bytes) -> Value:
    """States 2 and 3 last until a power cycle and for ever, which NWPC does not offer."""
    if value > 1:
        raise Refused(Sc.INVALID_FIELD)
    for namespace in controller.subsystem.namespaces.attached(controller.controller_id):
        if nsid in (NSID_ALL, namespace.nsid):
            namespace.write_protected = bool(value)
    return value, data


def _clear_history(controller: ControllerState, nsid: int, value: int, data: bytes) -> Value:
    if value & CLEAR_HISTORY:
        controller.subsystem.ocp.clear_activations()
    return 0, data


def _set_latency_monitor(controller: ControllerState, nsid: int, value: int, data: bytes) -> Value:
    """Thresholds have to rise; with the debug log alone to discard, which this drive never makes, nothing is set."""
    config = LatencyMonitorConfig.parse(data)
    if config.discard == DiscardDebugLog.DISCARD_ALONE:
        return value, controller.latency_monitor.config.build()
    if list(config.thresholds) != sorted(set(config.thresholds)) or config.enabled > 1:
        raise Refused(Sc.INVALID_FIELD)
    controller.latency_monitor.configure(config)
    return value, data


def _get_latency_monitor(controller: ControllerState, nsid: int) -> Value:
    return 0, controller.latency_monitor.config.build()


def _get_timestamp(controller: ControllerState, nsid: int) -> Value:
    return 0, controller.timestamp.data()


def _get_write_protection(controller: ControllerState, nsid: int) -> Value:
    """The namespace's own state: every controller sees the same."""
    return int(controller.subsystem.namespaces.active(nsid, controller.controller_id).write_protected), b""


_SETTERS: dict[int, Callable[[ControllerState, int, int, bytes], Value]] = {
    FeatureId.NUMBER_OF_QUEUES: _set_queues,
    FeatureId.TIMESTAMP: _set_timestamp,
    FeatureId.POWER_MANAGEMENT: _set_power_state,
    FeatureId.HOST_CONTROLLED_THERMAL_MANAGEMENT: _set_temperatures,
    FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG: _set_write_protection,
    CLEAR_FIRMWARE_HISTORY: _clear_history,
    LATENCY_MONITOR: _set_latency_monitor,
}
"""Features whose values are checked or kept elsewhere."""

_GETTERS: dict[int, Callable[[ControllerState, int], Value]] = {
    FeatureId.TIMESTAMP: _get_timestamp,
    FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG: _get_write_protection,
    LATENCY_MONITOR: _get_latency_monitor,
}
"""Features whose current values are kept elsewhere."""
