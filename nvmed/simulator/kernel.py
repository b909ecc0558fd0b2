"""What a Linux kernel does with a controller by itself, and what it then knows of it.

A kernel reads Identify data when it initialises a controller and keeps them: sysfs shows those, not what the drive
would say now. It looks for namespaces when it is told that they changed, and hands on the events that it does not
understand. Its own commands are neither journalled nor struck by faults, and take no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from nvmed.errors import NvmedError
from nvmed.nvme import ana, features, identify, logpage
from nvmed.nvme.ana import AnaState
from nvmed.nvme.features import AsyncEvent, AsyncEventConfiguration
from nvmed.nvme.identify import IdentifyController, IdentifyNamespace, NamespaceIdentifiers
from nvmed.nvme.opcodes import IDENTIFY_BYTES, AsyncEventNotice, AsyncEventType, FeatureId, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller

SUPPORTED_EVENTS = (
    AsyncEventConfiguration.ATTACHED_NAMESPACE_ATTRIBUTE_NOTICES
    | AsyncEventConfiguration.FIRMWARE_ACTIVATION_NOTICES
    | AsyncEventConfiguration.ASYMMETRIC_NAMESPACE_ACCESS_CHANGE_NOTICES
)
"""NVME_AEN_SUPPORTED of drivers/nvme/host/core.c, without discovery: neither SMART's nor telemetry's events."""

ANA_LOG_BYTES_MAX = 1024 * 1024
"""What one command of a kernel transfers at most."""

_SHOWN_STATE = {
    AnaState.OPTIMIZED: "optimized",
    AnaState.NON_OPTIMIZED: "non-optimized",
    AnaState.INACCESSIBLE: "inaccessible",
    AnaState.PERSISTENT_LOSS: "persistent-loss",
    AnaState.CHANGE: "change",
}
"""nvme_ana_state_names of drivers/nvme/host/multipath.c."""


@dataclass(frozen=True, slots=True)
class KnownNamespace:
    """An active namespace, as it was when the kernel last looked."""

    nsid: int
    identity: IdentifyNamespace
    names: NamespaceIdentifiers
    ana_state: AnaState | None

    @property
    def block_bytes(self) -> int:
        return 1 << self.identity.format.lbads

    @property
    def shown_state(self) -> str:
        """sysfs's `ana_state`, "" on a drive without ANA."""
        return _SHOWN_STATE[self.ana_state] if self.ana_state else ""


class KernelView:
    """A kernel's driver of one controller."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.identity = IdentifyController()
        self.namespaces: Mapping[int, KnownNamespace] = {}

    def initialise(self) -> None:
        """What a kernel does once a controller is enabled: identify it, enable events, look for namespaces."""
        self.identity = IdentifyController.parse(self._read(identify.identify_controller(), IDENTIFY_BYTES))
        enabled = self.identity.oaes & SUPPORTED_EVENTS
        self.controller.execute(Queue.ADMIN, features.set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, enabled))
        self.scan_namespaces()

    def scan_namespaces(self) -> None:
        """Read the active namespace list, and everything about what is on it."""
        listed = self._read(identify.identify_namespace_list(), IDENTIFY_BYTES)
        states = self._ana_states()
        found = {}
        for nsid in identify.parse_namespace_list(listed):
            with suppress(NvmedError):  # of what it cannot read it makes no namespace
                found[nsid] = self._look_at(nsid, states)
        self.namespaces = found

    def _look_at(self, nsid: int, states: Mapping[int, AnaState]) -> KnownNamespace:
        data = IdentifyNamespace.parse(self._read(identify.identify_namespace(nsid), IDENTIFY_BYTES))
        names = self._read(identify.identify_namespace_descriptors(nsid), IDENTIFY_BYTES)
        return KnownNamespace(nsid, data, identify.parse_namespace_descriptors(names), states.get(data.anagrpid))

    def handle_event(self, dword: int) -> bool:
        """Do what the kernel does about an event; false if it leaves that to user space and only hands it on."""
        event = AsyncEvent.parse(dword)
        if event.event_type != AsyncEventType.NOTICE:
            return False
        if event.information == AsyncEventNotice.FIRMWARE_ACTIVATION_STARTING:
            self._read(logpage.get_log_page(LogPage.FIRMWARE_SLOT_INFORMATION, 512), 512)
            self.identity = IdentifyController.parse(self._read(identify.identify_controller(), IDENTIFY_BYTES))
        elif event.information == AsyncEventNotice.ATTACHED_NAMESPACE_ATTRIBUTE_CHANGED:
            self._read(logpage.get_log_page(LogPage.CHANGED_ATTACHED_NAMESPACE_LIST, 4096), 4096)
        self.scan_namespaces()
        return True

    def _ana_states(self) -> dict[int, AnaState]:
        """The state of each group; reading the log lets its event be told again."""
        if not self.identity.anacap:
            return {}
        size = ana.ana_log_bytes(self.identity.nanagrpid, self.identity.mnan)
        if size > min(self.identity.max_transfer_bytes or ANA_LOG_BYTES_MAX, ANA_LOG_BYTES_MAX):
            return {}  # nvme_mpath_init_identify: "disabling ANA support"
        data = self._read(ana.read_ana_log(size, retain_async_event=False), size)
        try:
            log = ana.parse_ana_log(data)
        except NvmedError:
            return {}
        return {group.group_id: AnaState(group.state) for group in log.groups if group.state in _SHOWN_STATE}

    def _read(self, command: Command, size: int) -> bytes:
        """The data of a command; zeros if it is refused, which is what a kernel makes of that here."""
        data = bytearray(size)
        self.controller.execute(Queue.ADMIN, command, data)
        return bytes(data)
