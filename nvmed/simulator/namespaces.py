"""Namespaces: which there are, who has them attached, and the commands that change that.

Namespace Management and Namespace Attachment are Base 2.0 sections 5.23 and 5.22, Format NVM section 5.14.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nvmed.nvme.identify import CONTROLLER_LIST_MAX
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.namespace import (
    AttachmentSelect,
    ManagementSelect,
    NamespaceSettings,
    SecureErase,
    decode_format,
    flbas_of,
)
from nvmed.nvme.opcodes import IDENTIFY_BYTES, NSID_ALL
from nvmed.nvme.persistent_event import EventType
from nvmed.nvme.transport import Command
from nvmed.simulator.persistent_events import change_namespace, format_start
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.request import Request
from nvmed.simulator.spec import DriveSpec, LbaFormat, NamespaceSpec
from nvmed.simulator.storage import SparseBytes

if TYPE_CHECKING:
    from nvmed.simulator.controller import Controller


@dataclass(slots=True, eq=False)
class Namespace:
    """An allocated namespace. `controllers` are those it is attached to, `bad_blocks` those that cannot be read."""

    nsid: int
    size_blocks: int
    formats: tuple[LbaFormat, ...]
    format_index: int
    extended: bool
    shared: bool
    ana_group: int
    name: str
    controllers: set[int] = field(default_factory=set)
    storage: SparseBytes = field(default_factory=SparseBytes)
    metadata: SparseBytes = field(default_factory=SparseBytes)
    bad_blocks: set[int] = field(default_factory=set)
    write_protected: bool = False
    format_started: float | None = None

    @property
    def format(self) -> LbaFormat:
        """The LBA format in use."""
        return self.formats[self.format_index]

    @property
    def block_bytes(self) -> int:
        """What one logical block takes in a data buffer: with its metadata if they are interleaved."""
        return self.format.data_bytes + (self.format.metadata_bytes if self.extended else 0)

    @property
    def metadata_bytes(self) -> int:
        """What one logical block takes in a metadata buffer."""
        return 0 if self.extended else self.format.metadata_bytes

    @property
    def size_bytes(self) -> int:
        """The capacity for data."""
        return self.size_blocks * self.format.data_bytes

    @property
    def flbas(self) -> int:
        """Formatted LBA Size: the format's index in bits 3:0 and 6:5, bit 4 for interleaved metadata."""
        return flbas_of(self.format_index, extended_metadata=self.extended)

    @property
    def nguid(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()[:16]

    @property
    def eui64(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()[16:24]

    @property
    def uuid(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_OID, self.name)

    def erase(self) -> None:
        """All data are gone."""
        self.storage.clear()
        self.metadata.clear()
        self.bad_blocks.clear()


class Namespaces:
    """The namespaces of a subsystem. Called with its lock held."""

    def __init__(self, spec: DriveSpec, clock: Callable[[], float]) -> None:
        self._spec = spec
        self._clock = clock
        self._by_nsid: dict[int, Namespace] = {}
        self._created = 0

    def create_initial(self, controllers: tuple[int, ...]) -> None:
        """What the drive leaves the factory with."""
        for spec in self._spec.namespaces:
            namespace = self._create_from(spec)
            namespace.controllers.update(controllers if spec.controllers is None else spec.controllers)

    def _create_from(self, spec: NamespaceSpec) -> Namespace:
        blocks = spec.size_bytes // self._spec.lba_formats[spec.format_index].data_bytes
        return self.create(blocks, spec.format_index, spec.extended_metadata, spec.shared, spec.ana_group)

    def create(self, blocks: int, format_index: int, extended: bool, shared: bool, ana_group: int) -> Namespace:
        """Allocate a namespace with the lowest free identifier. Refuses what the drive cannot hold."""
        if not 0 <= format_index < len(self._spec.lba_formats):
            raise Refused(Sc.INVALID_FORMAT)
        if self._spec.ana_groups and not 1 <= ana_group <= self._spec.ana_groups:
            raise Refused(Sc.ANA_GROUP_INVALID)
        if blocks * self._spec.lba_formats[format_index].data_bytes > self.unallocated_bytes:
            raise Refused(Sc.INSUFFICIENT_CAPACITY)
        nsid = next((n for n in range(1, self._spec.maximum_namespaces + 1) if n not in self._by_nsid), 0)
        if not nsid:
            raise Refused(Sc.NAMESPACE_ID_UNAVAILABLE)
        self._created += 1
        namespace = Namespace(
            nsid, blocks, self._spec.lba_formats, format_index, extended, shared, ana_group,
            name=f"{self._spec.serial}/{nsid}/{self._created}",
        )  # fmt: skip
        self._by_nsid[nsid] = namespace
        return namespace

    def delete(self, nsid: int) -> Namespace:
        """Forget a namespace; returns it as it was."""
        return self._by_nsid.pop(nsid)

    def get(self, nsid: int) -> Namespace | None:
        """The allocated namespace of an identifier."""
        return self._by_nsid.get(nsid)

    def __iter__(self) -> Iterator[Namespace]:
        """The allocated namespaces, by ascending identifier."""
        return iter([self._by_nsid[nsid] for nsid in sorted(self._by_nsid)])

    def attached(self, controller_id: int) -> list[Namespace]:
        """The active namespaces of a controller, by ascending identifier."""
        return [namespace for namespace in self if controller_id in namespace.controllers]

    def allocated(self, nsid: int) -> Namespace:
        """The allocated namespace `nsid`; refuses an identifier that is out of range or not allocated."""
        if not 1 <= nsid <= self._spec.maximum_namespaces:
            raise Refused(Sc.INVALID_NAMESPACE)
        namespace = self._by_nsid.get(nsid)
        if namespace is None:
            raise Refused(Sc.INVALID_FIELD)
        return namespace

    def active(self, nsid: int, controller_id: int) -> Namespace:
        """As `allocated`, and attached to the controller: an inactive namespace is an Invalid Field."""
        namespace = self.allocated(nsid)
        if controller_id not in namespace.controllers:
            raise Refused(Sc.INVALID_FIELD)
        return namespace

    @property
    def unallocated_bytes(self) -> int:
        """UNVMCAP: what is left for new namespaces."""
        return self._spec.capacity_bytes - sum(namespace.size_bytes for namespace in self._by_nsid.values())

    def format_remaining_percent(self, namespace: Namespace) -> int:
        """FPI bits 6:0: how much of a Format NVM is still to be done, 0 when none is running."""
        if namespace.format_started is None:
            return 0
        left = 1 - (self._clock() - namespace.format_started) / self._spec.format_s
        if left <= 0:
            namespace.format_started = None
            return 0
        return max(1, int(left * 100))

    def start_format(self, namespace: Namespace) -> None:
        """Begin a Format NVM, which takes `DriveSpec.format_s`."""
        namespace.format_started = self._clock() if self._spec.format_s > 0 else None


def manage(controller: Controller, request: Request) -> int:
    """Namespace Management: SEL 0 creates and returns the identifier, 1 deletes."""
    select = bits(request.command.cdw10, 3, 0)
    if select == ManagementSelect.CREATE:
        return _create(controller, request)
    if select == ManagementSelect.DELETE:
        return _delete(controller, request.command)
    raise Refused(Sc.INVALID_FIELD)


def _create(controller: Controller, request: Request) -> int:
    if bits(request.command.cdw11, 31, 24):
        raise Refused(Sc.INVALID_FIELD)
    wanted = NamespaceSettings.parse(request.take(IDENTIFY_BYTES))
    if not wanted.nsze or wanted.ncap != wanted.nsze or wanted.dps:
        raise Refused(Sc.INVALID_FIELD)
    index, extended = wanted.flbas & 0xF | bits(wanted.flbas, 6, 5) << 4, bit(wanted.flbas, 4)
    namespaces = controller.subsystem.namespaces
    made = namespaces.create(wanted.nsze, index, extended, bit(wanted.nmic, 0), wanted.anagrpid or 1)
    controller.record(EventType.CHANGE_NAMESPACE, change_namespace(request.command.cdw10, made))
    return made.nsid


def _delete(controller: Controller, command: Command) -> int:
    namespaces = controller.subsystem.namespaces
    for namespace in list(namespaces) if command.nsid == NSID_ALL else [namespaces.allocated(command.nsid)]:
        namespaces.delete(namespace.nsid)
        controller.record(EventType.CHANGE_NAMESPACE, change_namespace(command.cdw10, namespace))
        _changed(controller, namespace, namespace.controllers)
    return 0


def attach_or_detach(controller: Controller, request: Request) -> int:
    """Namespace Attachment: SEL 0 attaches to the controllers of the list, 1 detaches; all of them or none."""
    command = request.command
    select = bits(command.cdw10, 3, 0)
    namespace = controller.subsystem.namespaces.allocated(command.nsid)
    wanted = _controller_list(controller, request.take(IDENTIFY_BYTES))
    if select == AttachmentSelect.ATTACH:
        if namespace.controllers & wanted:
            raise Refused(Sc.ALREADY_ATTACHED)
        if not namespace.shared and len(namespace.controllers | wanted) > 1:
            raise Refused(Sc.NAMESPACE_IS_PRIVATE)
        namespace.controllers |= wanted
    elif select == AttachmentSelect.DETACH:
        if not wanted <= namespace.controllers:
            raise Refused(Sc.NOT_ATTACHED)
        namespace.controllers -= wanted
    else:
        raise Refused(Sc.INVALID_FIELD)
    _changed(controller, namespace, wanted)
    return 0


def _controller_list(controller: Controller, data: bytes) -> set[int]:
    """The controllers of the subsystem that a list names: ascending, each once, at least one."""
    count = int.from_bytes(data[:2], "little")
    if not 1 <= count <= CONTROLLER_LIST_MAX:
        raise Refused(Sc.CONTROLLER_LIST_INVALID)
    ids = [int.from_bytes(data[at : at + 2], "little") for at in range(2, 2 + 2 * count, 2)]
    if ids != sorted(set(ids)) or not set(ids) <= set(controller.subsystem.controllers):
        raise Refused(Sc.CONTROLLER_LIST_INVALID)
    return set(ids)


def format_nvm(controller: Controller, request: Request) -> int:
    """Format NVM of one active namespace, or with NSID FFFFFFFFh of all of them."""
    command, wanted = request.command, decode_format(request.command)
    if wanted.secure_erase not in set(SecureErase):
        raise Refused(Sc.INVALID_FIELD)
    if wanted.lba_format >= len(controller.subsystem.spec.lba_formats) or wanted.protection:
        raise Refused(Sc.INVALID_FORMAT)
    namespaces = controller.subsystem.namespaces
    if command.nsid == NSID_ALL:
        chosen = namespaces.attached(controller.controller_id)
    else:
        chosen = [namespaces.active(command.nsid, controller.controller_id)]
    for namespace in chosen:
        if namespace.write_protected:
            raise Refused(Sc.NAMESPACE_WRITE_PROTECTED)
        if namespaces.format_remaining_percent(namespace):
            raise Refused(Sc.FORMAT_IN_PROGRESS)
    controller.record(EventType.FORMAT_NVM_START, format_start(command.nsid, command.cdw10))
    for namespace in chosen:
        _format(namespace, wanted.lba_format, wanted.extended_metadata)
        namespaces.start_format(namespace)
        _changed(controller, namespace, namespace.controllers)
    return 0


def _format(namespace: Namespace, index: int, extended: bool) -> None:
    size_bytes = namespace.size_bytes
    namespace.erase()
    namespace.format_index = index
    namespace.extended = extended and namespace.format.metadata_bytes > 0
    namespace.size_blocks = size_bytes // namespace.format.data_bytes


def _changed(controller: Controller, namespace: Namespace, controllers: set[int]) -> None:
    """Tell the controllers that had or have the namespace attached."""
    for controller_id in sorted(controllers):
        controller.subsystem.controllers[controller_id].namespaces_changed(namespace)
