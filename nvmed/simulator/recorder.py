"""Record what a drive answers: every command that only reads, and that says what kind of a drive it is.

Nothing is changed: Identify, Get Features, and Get Log Page with Retain Asynchronous Event set, of logs that are not
made by reading them. A command that is refused is recorded as such; one that the drive does not answer is left out.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from nvmed.nvme import ana, features, identify, logpage
from nvmed.nvme.ana import RETURN_GROUPS_ONLY
from nvmed.nvme.effects import SupportedLogPages
from nvmed.nvme.health import ErrorLogEntry
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.memory import PAGE_BYTES, pages
from nvmed.nvme.opcodes import (
    IDENTIFY_BYTES,
    NSID_ALL,
    NSID_MAX,
    VENDOR_LOG_PAGE_FIRST,
    FeatureId,
    FeatureSelect,
    IdentifyCns,
    LogPage,
)
from nvmed.nvme.telemetry import BLOCK_BYTES, TelemetryLog, parse_header
from nvmed.nvme.transport import Command, Completion, Transport
from nvmed.simulator.recording import ALL_BYTES_MAX, DATA_BYTES_MAX, Recording, total_bytes

TIMEOUT_MS: Final = 10_000
NAMESPACES_MAX: Final = 128
GONE: Final = frozenset({errno.ENODEV, errno.ENXIO, errno.EBADF})
EXTENDED_DATA: Final = 1 << 2
"""LPA: log pages have offsets."""

SELECTABLE: Final = 1 << 4
"""ONCS: Get Features selects which value of a feature."""

FEATURES: Final = (*range(0x01, 0x20), FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG)
FEATURE_DATA: Final = {
    FeatureId.AUTONOMOUS_POWER_STATE_TRANSITION: 256,
    FeatureId.TIMESTAMP: 8,
    FeatureId.HOST_BEHAVIOR_SUPPORT: 512,
}
NOT_RECORDED: Final = frozenset({FeatureId.LBA_RANGE_TYPE, FeatureId.HOST_MEMORY_BUFFER})
"""Features whose data say what is on the drive, or where the host's memory is."""

UNDER_TEMPERATURE: Final = 1 << 20
"""THSEL of Temperature Threshold."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is recorded beside what each drive has: its telemetry as it is, and the vendor's own logs."""

    telemetry: bool = False
    vendor_data: bool = False


def record(transport: Transport, wanted: Wanted | None = None) -> Recording:
    """What the drive answers, with whose it is in it: see `nvmed.simulator.masking`. Blocks, and takes some seconds.

    `OSError` if the drive is gone, or cannot even be identified.
    """
    recorder = _Recorder(transport)
    data = recorder.ask(identify.identify_controller(), IDENTIFY_BYTES)
    if data is None:
        raise OSError(errno.EIO, "the controller does not identify itself")
    about = IdentifyController.parse(data)
    nsids = recorder.namespaces()
    for log, size in _logs(about, nsids):  # before drives have counted what is refused below
        recorder.ask_log(log, size, whole=bool(about.lpa & EXTENDED_DATA))
    for command in _identify_commands(about, nsids):
        recorder.ask(command, IDENTIFY_BYTES)
    for command, size in _features(about, nsids):
        recorder.ask(command, size)
    asked = wanted or Wanted()
    if asked.telemetry:
        recorder.telemetry()
    if asked.vendor_data:
        recorder.vendor_logs()
    return recorder.recording


class _Recorder:
    """A drive, and what it has answered so far."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.recording = Recording(masked=False)

    def ask(self, command: Command, size: int) -> bytes | None:
        """The data of a command, which is recorded; None if it was refused or not answered."""
        answer = self._submit(command, size)
        if answer is None:
            return None
        completion, data = answer
        self.recording.add(command, completion.status, completion.result, b"" if completion.status else data)
        return None if completion.status else data

    def ask_log(self, log: Command, size: int, *, whole: bool) -> bytes | None:
        """The same of a log, read in pieces where the drive has offsets, and else what one command reads."""
        size = min(size, DATA_BYTES_MAX, ALL_BYTES_MAX - total_bytes(self.recording.answers.values()))
        read = bytearray()
        while len(read) < size:
            piece = min(PAGE_BYTES, size - len(read))
            request = replace(logpage.decode(log), length_bytes=piece, offset_bytes=len(read), rae=True)
            command = _get_log(request)
            answer = self._submit(command, piece)
            if answer is None or (answer[0].status and read):
                break
            completion, data = answer
            if completion.status:
                self.recording.add(command, completion.status, completion.result, b"")
                return None
            read += data
            if not whole:
                break
        if read:
            self.recording.add(log, 0, 0, bytes(read))
        return bytes(read) or None

    def namespaces(self) -> tuple[int, ...]:
        """The active ones, or where the drive lists none, as before NVMe 1.1, the first."""
        listed = self.ask(identify.identify_namespace_list(), IDENTIFY_BYTES)
        found = (1,) if listed is None else identify.parse_namespace_list(listed)
        return tuple(dict.fromkeys(nsid for nsid in found if nsid <= NSID_MAX))[:NAMESPACES_MAX]

    def telemetry(self) -> None:
        """Both telemetry logs to the end of area 3, as they are: none is created."""
        for log in TelemetryLog:
            head = self._submit(logpage.get_log_page(log, BLOCK_BYTES, rae=True), BLOCK_BYTES)
            if head is None or head[0].status:
                continue
            header = parse_header(head[1], log, 3)
            last = max(header.dalb1, header.dalb2, header.dalb3)
            self.ask_log(logpage.get_log_page(log, BLOCK_BYTES), (last + 1) * BLOCK_BYTES, whole=True)

    def vendor_logs(self) -> None:
        """Those that the drive lists, or OCP's first where it lists none; a block of each."""
        listed = self.recording.data(logpage.get_log_page(LogPage.SUPPORTED_LOG_PAGES, SupportedLogPages.SIZE))
        lids = [int(LogPage.OCP_SMART_EXTENDED)]
        if len(listed) == SupportedLogPages.SIZE:
            pages = SupportedLogPages.parse(listed)
            lids = [lid for lid in range(VENDOR_LOG_PAGE_FIRST, 0x100) if pages.is_supported(lid)]
        for lid in lids:
            for nsid in (NSID_ALL, 0):
                if self.ask_log(logpage.get_log_page(lid, 512, nsid=nsid), 512, whole=False):
                    break

    def _submit(self, command: Command, size: int) -> tuple[Completion, bytes] | None:
        """Completion and data; None if there was none in time. `OSError` if the drive is gone."""
        buffer = pages(size)[:size] if size else None
        try:
            completion = self._transport.admin(replace(command, timeout_ms=TIMEOUT_MS), buffer)
        except OSError as exc:
            if exc.errno in GONE:
                raise
            return None
        return completion, bytes(buffer or b"")


def _get_log(request: logpage.LogPageRequest) -> Command:
    return logpage.get_log_page(
        request.lid, request.length_bytes, request.offset_bytes, lsp=request.lsp, lsi=request.lsi, rae=request.rae,
        uuid_index=request.uuid_index, csi=request.csi, nsid=request.nsid,
    )  # fmt: skip


def _identify_commands(about: IdentifyController, nsids: tuple[int, ...]) -> Iterator[Command]:
    for nsid in (*nsids, NSID_ALL):
        yield identify.identify_namespace(nsid)
    for nsid in nsids:
        yield identify.identify_namespace_descriptors(nsid)
        yield identify.identify_namespace(nsid, IdentifyCns.INDEPENDENT_NAMESPACE)
        yield identify.identify_namespace(nsid, IdentifyCns.IO_COMMAND_SET_NAMESPACE)
        yield identify.identify_namespace(nsid, IdentifyCns.ALLOCATED_NAMESPACE)
        yield identify.identify_controller_list(nsid=nsid)
    yield identify.identify_controller_nvm()
    yield identify.identify_namespace_list(allocated=True)
    yield identify.identify_controller_list()
    for cns in (
        IdentifyCns.NVM_SET_LIST, IdentifyCns.PRIMARY_CONTROLLER_CAPABILITIES, IdentifyCns.NAMESPACE_GRANULARITY_LIST,
        IdentifyCns.UUID_LIST, IdentifyCns.DOMAIN_LIST, IdentifyCns.ENDURANCE_GROUP_LIST,
    ):  # fmt: skip
        yield identify.identify(cns)
    yield identify.identify(IdentifyCns.IO_COMMAND_SET, cntid=about.cntlid)


def _logs(about: IdentifyController, nsids: tuple[int, ...]) -> Iterator[tuple[Command, int]]:
    sizes = {
        LogPage.SUPPORTED_LOG_PAGES: 1024,
        LogPage.ERROR_INFORMATION: ErrorLogEntry.SIZE * (about.elpe + 1),
        LogPage.FIRMWARE_SLOT_INFORMATION: 512,
        LogPage.CHANGED_ATTACHED_NAMESPACE_LIST: 4096,
        LogPage.COMMANDS_SUPPORTED_AND_EFFECTS: 4096,
        LogPage.DEVICE_SELF_TEST: 564,
        LogPage.LBA_STATUS_INFORMATION: 4096,
        LogPage.FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS: 1024,
        LogPage.NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS: 1024,
        LogPage.SANITIZE_STATUS: 512,
    }
    for nsid in (NSID_ALL, 0, *nsids):
        yield logpage.get_log_page(LogPage.SMART_HEALTH_INFORMATION, 4, nsid=nsid), 512
    for lid, size in sizes.items():
        yield logpage.get_log_page(lid, 4), size
    if about.anacap:
        for lsp in (0, RETURN_GROUPS_ONLY):
            size = ana.ana_log_bytes(about.nanagrpid, about.mnan or about.nn, groups_only=bool(lsp))
            yield logpage.get_log_page(LogPage.ASYMMETRIC_NAMESPACE_ACCESS, 4, lsp=lsp), size
    for group in range(1, min(about.endgidmax, 8) + 1):
        yield logpage.get_log_page(LogPage.ENDURANCE_GROUP_INFORMATION, 4, lsi=group), 512


def _features(about: IdentifyController, nsids: tuple[int, ...]) -> Iterator[tuple[Command, int]]:
    """Every value of each: those other than the current one where the drive knows SEL (ONCS bit 4)."""
    selects = tuple(FeatureSelect) if about.oncs & SELECTABLE else (FeatureSelect.CURRENT,)
    for fid in FEATURES:
        if fid in NOT_RECORDED:
            continue
        for select in selects:
            size = 0 if select is FeatureSelect.SUPPORTED_CAPABILITIES else FEATURE_DATA.get(FeatureId(fid), 0)
            yield features.get_features(fid, select=select), size
            for nsid in (*nsids[:1], NSID_ALL):
                yield features.get_features(fid, select=select, nsid=nsid), size
    for select in selects:
        yield features.get_features(FeatureId.TEMPERATURE_THRESHOLD, select=select, cdw11=UNDER_TEMPERATURE), 0
