"""The log pages of the OCP Datacenter NVMe SSD Specification, as a drive of any of its versions has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from nvmed.nvme.hardware_components import ComponentKind, build_components
from nvmed.nvme.logpage import LogPageRequest
from nvmed.nvme.ocp import (
    DeviceCapabilities,
    TcgConfigurationLog,
    UnsupportedRequirements,
)
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.uuid_list import OCP_UUID, index_of
from nvmed.simulator.commands.log_page import Page, whole
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import OcpSpec
from nvmed.simulator.state import ocp_telemetry
from nvmed.simulator.state.drive import ControllerState

Version = tuple[int, int]

SMART_VERSIONS: Mapping[Version, int] = {(2, 0): 3, (2, 5): 4, (2, 6): 5, (2, 7): 6}
"""Log page versions of C0h, by the specification's."""

ANY_SUPPORT = 0x8001
"""The command is supported, and was tested."""


def _spec(controller: ControllerState) -> OcpSpec:
    spec = controller.subsystem.spec.ocp
    if spec is None:
        raise Refused(Sc.INVALID_LOG_PAGE)
    return spec


def _later(version: Version, old: int, new: int, since: Version = (2, 5)) -> int:
    """The version of a page that another version of the specification changed."""
    return new if version >= since else old


def _smart(controller: ControllerState, spec: OcpSpec) -> bytes:
    version = SMART_VERSIONS[spec.version]
    major, minor = spec.version
    log = replace(
        controller.health.ocp_log(), version=version, specification_major=major, specification_minor=minor,
        security_version=1, lowest_permitted_firmware_revision=1, total_media_dies=64, die_failure_tolerance=1,
        maximum_temperature_celsius=62, average_user_data_erases=1,
        total_nuse=sum(one.size_blocks for one in controller.subsystem.namespaces),
        endurance_estimate_bytes=controller.subsystem.spec.capacity_bytes * spec.full_writes,
        firmware_revision=controller.firmware_revision[:8],
    )  # fmt: skip
    return log.build(version)


def _error_recovery(controller: ControllerState, spec: OcpSpec) -> bytes:
    return replace(controller.subsystem.ocp.error_recovery, version=_later(spec.version, 2, 3)).build()


def _history(controller: ControllerState, spec: OcpSpec) -> bytes:
    return controller.subsystem.ocp.history().build()


def _latency(controller: ControllerState, spec: OcpSpec) -> bytes:
    return controller.latency_monitor.log(_later(spec.version, 1, 4)).build()


def _capabilities(controller: ControllerState, spec: OcpSpec) -> bytes:
    """Power states from 5 to 25 W, of a drive with one NVMe power state."""
    sanitize = controller.subsystem.spec.sanitize_capabilities
    return DeviceCapabilities(
        pcie_ports=1, out_of_band=ANY_SUPPORT | 0x6, write_zeroes=ANY_SUPPORT | 0x1E,
        sanitize=(ANY_SUPPORT | (sanitize & 7) << 1) if sanitize else 0, dataset_management=ANY_SUPPORT | 2,
        write_uncorrectable=ANY_SUPPORT | 0xE, minimum_power_state=5,
        power_states=tuple(0x80 if 5 <= watts <= 25 else 0 for watts in range(128)), version=1,
    ).build()  # fmt: skip


def _requirements(controller: ControllerState, spec: OcpSpec) -> bytes:
    named = tuple(sorted(spec.unsupported_requirements))
    return UnsupportedRequirements(count=len(named), entries=named, version=1).build()


def _components(controller: ControllerState, spec: OcpSpec) -> bytes:
    serial = controller.serial.encode()
    parts = [(kind, b"NVMED", b"2026-01", b"") for kind in (ComponentKind.CONTROLLER, ComponentKind.NAND)]
    return build_components([*parts, (ComponentKind.SERIAL_NUMBER, b"", b"", serial)])


def _tcg(controller: ControllerState, spec: OcpSpec) -> bytes:
    return TcgConfigurationLog(
        locking_objects=16, range_provisioned_objects=16, read_unlocked_objects=16, write_unlocked_objects=16,
        sid_authentication_limit=5, version=1,
    ).build()  # fmt: skip


def _strings(controller: ControllerState, spec: OcpSpec) -> bytes:
    return ocp_telemetry.strings()


def _of_ocp(read: Callable[[ControllerState, OcpSpec], bytes], since: Version = (2, 0)) -> Page:
    """OCP's page; where its UUID is one of several, by its index alone: by another one it is all zeros."""

    def page(controller: ControllerState, request: LogPageRequest) -> bytes:
        uuids = controller.subsystem.spec.uuids
        if uuids and request.uuid_index > len(uuids):
            raise Refused(Sc.INVALID_FIELD)
        data = read(controller, _spec(controller))
        if OCP_UUID in uuids and request.uuid_index != index_of(uuids, OCP_UUID):
            return bytes(len(data))
        return data

    def supported(controller: ControllerState) -> bool:
        spec = controller.subsystem.spec.ocp
        return spec is not None and spec.version >= since

    return Page(whole(page), supported)


PAGES: Mapping[int, Page] = {
    LogPage.OCP_SMART_EXTENDED: _of_ocp(_smart),
    LogPage.OCP_ERROR_RECOVERY: _of_ocp(_error_recovery),
    LogPage.OCP_FIRMWARE_ACTIVATION_HISTORY: _of_ocp(_history),
    LogPage.OCP_LATENCY_MONITOR: _of_ocp(_latency),
    LogPage.OCP_DEVICE_CAPABILITIES: _of_ocp(_capabilities),
    LogPage.OCP_UNSUPPORTED_REQUIREMENTS: _of_ocp(_requirements),
    LogPage.OCP_HARDWARE_COMPONENT: _of_ocp(_components, (2, 6)),
    LogPage.OCP_TCG_CONFIGURATION: _of_ocp(_tcg, (2, 5)),
    LogPage.OCP_TELEMETRY_STRING: _of_ocp(_strings, (2, 5)),
}
