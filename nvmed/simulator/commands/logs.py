"""Get Log Page: which logs there are, and the rules they share (Base 2.0, section 5.16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nvmed.nvme import logpage
from nvmed.nvme.ana import RETURN_GROUPS_ONLY
from nvmed.nvme.effects import EffectsLog, SupportedLogPages, table
from nvmed.nvme.firmware import FirmwareSlots
from nvmed.nvme.health import (
    NOT_REPORTED,
    SanitizeStatus,
    SelfTestLog,
    SelfTestResult,
    self_test_results,
)
from nvmed.nvme.identify import NAMESPACE_LIST_MAX, build_namespace_list
from nvmed.nvme.layout import V2_1, bits
from nvmed.nvme.logpage import LogPageRequest
from nvmed.nvme.opcodes import NSID_ALL, AdminOpcode, LogPage
from nvmed.nvme.persistent_event import EventAction
from nvmed.nvme.status import Queue
from nvmed.nvme.telemetry import GENERATION_VERSION, TelemetryLog
from nvmed.simulator.commands import lba_status, media_logs, ocp_logs
from nvmed.simulator.commands.log_page import Page, attribute, capability, whole
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.state.drive import ControllerState

LPA_SMART_PER_NAMESPACE, LPA_EFFECTS, LPA_EXTENDED, LPA_TELEMETRY, LPA_PERSISTENT, LPA_SUPPORTED_PAGES = range(6)
"""Bits of LPA (Base 2.0, figure 275)."""

CREATE_TELEMETRY = 1

FEATURE_SUPPORTED, FEATURE_NAMESPACE_SCOPE, FEATURE_CONTROLLER_SCOPE = 1 << 0, 1 << 20, 1 << 21


def _has_ana(controller: ControllerState) -> bool:
    return controller.subsystem.spec.ana_groups > 0


def _can_sanitize(controller: ControllerState) -> bool:
    return AdminOpcode.SANITIZE in controller.supported[Queue.ADMIN]


def _supported_pages(controller: ControllerState, request: LogPageRequest) -> bytes:
    return SupportedLogPages(table({lid: 1 for lid, page in PAGES.items() if page.supported(controller)})).build()


def _errors(controller: ControllerState, request: LogPageRequest) -> bytes:
    return controller.health.error_log()


def _smart(controller: ControllerState, request: LogPageRequest) -> bytes:
    if controller.health.thermal.lives:
        controller.compare_temperature()
    return controller.health.smart_log().build()


def _firmware_slots(controller: ControllerState, request: LogPageRequest) -> bytes:
    firmware = controller.subsystem.firmware
    return FirmwareSlots(firmware.active | firmware.pending << 4, tuple(firmware.slots)).build()


def _changed_namespaces(controller: ControllerState, request: LogPageRequest) -> bytes:
    """More than 1024 are told as FFFFFFFFh alone."""
    changed = controller.log_state.changed_namespaces
    return build_namespace_list([NSID_ALL] if len(changed) > NAMESPACE_LIST_MAX else changed)


def _effects(controller: ControllerState, request: LogPageRequest) -> bytes:
    return EffectsLog(table(controller.supported[Queue.ADMIN]), table(controller.supported[Queue.IO])).build()


def _self_tests(controller: ControllerState, request: LogPageRequest) -> bytes:
    test = controller.self_test
    running = test.running or 0
    results = [
        SelfTestResult(
            dsts=result.outcome | result.code << 4, segment=result.segment,
            valid=bool(result.nsid) | (result.failing_lba is not None) << 1 | 0b1100 * (result.status is not None),
            power_on_hours=result.power_on_hours, nsid=result.nsid, failing_lba=result.failing_lba or 0,
            sct=result.status[0] if result.status else 0, sc=result.status[1] if result.status else 0,
        )
        for result in test.results
    ]  # fmt: skip
    return SelfTestLog(running, test.percent, self_test_results(*results)).build()


def _ana(controller: ControllerState, request: LogPageRequest) -> bytes:
    attached = controller.subsystem.namespaces.attached(controller.controller_id)
    return controller.ana.log(attached, groups_only=bool(request.lsp & RETURN_GROUPS_ONLY))


def _persistent_events(controller: ControllerState, request: LogPageRequest) -> bytes:
    """A snapshot, the context, is made and released on demand; without one there is nothing to read."""
    state, action = controller.log_state, bits(request.lsp, 1, 0)
    if action == EventAction.RELEASE_CONTEXT:
        state.persistent_context = None
        return b""
    if (action == EventAction.ESTABLISH_CONTEXT_AND_READ) is (state.persistent_context is not None):
        raise Refused(Sc.COMMAND_SEQUENCE_ERROR)
    if state.persistent_context is None:
        state.persistent_context = controller.persistent_event_log()
    return state.persistent_context


def _lba_status(controller: ControllerState, request: LogPageRequest) -> bytes:
    return lba_status.log(controller, controller.log_state.lba_status_generation)


def _telemetry(controller: ControllerState, request: LogPageRequest, into: memoryview) -> None:
    log = TelemetryLog(request.lid)
    if log is TelemetryLog.HOST_INITIATED and request.lsp & CREATE_TELEMETRY:
        area = bits(request.lsp, 3, 1)
        if area and controller.subsystem.spec.nvme_version < GENERATION_VERSION:
            raise Refused(Sc.INVALID_FIELD)  # reserved bits
        controller.create_host_telemetry(area)
    controller.telemetry.read(log, request.offset_bytes, into, controller.extended_telemetry)


def _telemetry_acknowledged(controller: ControllerState) -> None:
    controller.telemetry.acknowledge()


def _changed_namespaces_read(controller: ControllerState) -> None:
    controller.log_state.changed_namespaces.clear()


def _features(controller: ControllerState, request: LogPageRequest) -> bytes:
    entries = {
        number: FEATURE_SUPPORTED | (FEATURE_NAMESPACE_SCOPE if one.per_namespace else FEATURE_CONTROLLER_SCOPE)
        for number, one in controller.features.known.items()
    }
    return SupportedLogPages(table(entries)).build()


def _management_commands(controller: ControllerState, request: LogPageRequest) -> bytes:
    """No NVMe-MI commands by way of NVMe-MI Send and Receive."""
    return bytes(4096)


def _sanitize(controller: ControllerState, request: LogPageRequest) -> bytes:
    sanitizer = controller.subsystem.sanitizer
    estimate = int(controller.subsystem.spec.sanitize_s)
    capable = controller.subsystem.spec.sanitize_capabilities
    crypto, block, overwrite = (estimate if capable >> bit & 1 else NOT_REPORTED for bit in range(3))
    return SanitizeStatus(
        sprog=sanitizer.progress, sstat=sanitizer.status, scdw10=sanitizer.command, overwrite_seconds=overwrite,
        block_erase_seconds=block, crypto_erase_seconds=crypto,
        ssi=sanitizer.information if controller.subsystem.spec.nvme_version >= V2_1 else 0,
    ).build(controller.subsystem.spec.nvme_version)  # fmt: skip


PAGES: Mapping[int, Page] = {
    LogPage.SUPPORTED_LOG_PAGES: Page(whole(_supported_pages), attribute(LPA_SUPPORTED_PAGES)),
    LogPage.ERROR_INFORMATION: Page(whole(_errors)),
    LogPage.SMART_HEALTH_INFORMATION: Page(whole(_smart)),
    LogPage.FIRMWARE_SLOT_INFORMATION: Page(whole(_firmware_slots)),
    LogPage.CHANGED_ATTACHED_NAMESPACE_LIST: Page(whole(_changed_namespaces), acknowledge=_changed_namespaces_read),
    LogPage.COMMANDS_SUPPORTED_AND_EFFECTS: Page(whole(_effects), attribute(LPA_EFFECTS)),
    LogPage.DEVICE_SELF_TEST: Page(whole(_self_tests), capability(4)),
    LogPage.TELEMETRY_HOST_INITIATED: Page(_telemetry, attribute(LPA_TELEMETRY)),
    LogPage.TELEMETRY_CONTROLLER_INITIATED: Page(_telemetry, attribute(LPA_TELEMETRY), _telemetry_acknowledged),
    LogPage.ASYMMETRIC_NAMESPACE_ACCESS: Page(whole(_ana), _has_ana),
    LogPage.PERSISTENT_EVENT: Page(whole(_persistent_events), attribute(LPA_PERSISTENT)),
    LogPage.LBA_STATUS_INFORMATION: Page(whole(_lba_status), capability(9)),
    LogPage.FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS: Page(whole(_features), attribute(LPA_SUPPORTED_PAGES)),
    LogPage.NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS: Page(whole(_management_commands), attribute(LPA_SUPPORTED_PAGES)),
    LogPage.SANITIZE_STATUS: Page(whole(_sanitize), _can_sanitize),
    **media_logs.PAGES,
    **ocp_logs.PAGES,
}
"""By log page identifier; any other is an Invalid Log Page."""


OF_MEDIA = frozenset(
    {LogPage.TELEMETRY_HOST_INITIATED, LogPage.TELEMETRY_CONTROLLER_INITIATED, LogPage.LBA_STATUS_INFORMATION}
)
"""Pages that are not to be had while the drive sanitizes (Base 2.1, figure 644)."""


def get_log_page(controller: ControllerState, request: Request) -> int:
    """Get Log Page of any length that MDTS allows, at any dword."""
    asked, spec = logpage.decode(request.command), controller.subsystem.spec
    if spec.ignores_log_page_offset:
        asked = replace(asked, offset_bytes=0)
    page = PAGES.get(asked.lid)
    if page is None or not page.supported(controller):
        raise Refused(Sc.INVALID_LOG_PAGE)
    if asked.lid in OF_MEDIA:
        controller.subsystem.sanitizer.check()
    _check(asked, spec)
    request.need(asked.length_bytes)
    page.fill(controller, asked, request.data[: asked.length_bytes])
    if not asked.rae:
        controller.events.log_read(asked.lid)
        if page.acknowledge is not None:
            page.acknowledge(controller)
    return 0


def _check(asked: LogPageRequest, spec: DriveSpec) -> None:
    """Refuse what no log allows: too much, a crooked offset, an index, a namespace that has no log of its own."""
    extended = spec.log_attributes >> LPA_EXTENDED & 1
    limit = spec.maximum_transfer_bytes
    smart = asked.lid == LogPage.SMART_HEALTH_INFORMATION and spec.log_attributes >> LPA_SMART_PER_NAMESPACE & 1
    if (
        asked.ot
        or asked.offset_bytes % 4
        or (limit is not None and asked.length_bytes > limit)
        or (not extended and (asked.offset_bytes or asked.length_bytes > 4 << 12))
        or (asked.nsid not in (0, NSID_ALL) and not smart)
    ):
        raise Refused(Sc.INVALID_FIELD)
