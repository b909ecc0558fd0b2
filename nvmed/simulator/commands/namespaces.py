"""The commands that change namespaces: Namespace Management and Attachment, Format NVM (Base 2.0, 5.23, 5.22, 5.14)."""

from __future__ import annotations

from nvmed.nvme.identify import CONTROLLER_LIST_MAX
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.namespace import AttachmentSelect, ManagementSelect, NamespaceSettings, SecureErase, decode_format
from nvmed.nvme.opcodes import IDENTIFY_BYTES, NSID_ALL
from nvmed.nvme.persistent_event import EventType
from nvmed.nvme.transport import Command
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.namespaces import Namespace
from nvmed.simulator.state.persistent_events import change_namespace, format_start


def manage(controller: ControllerState, request: Request) -> int:
    """Namespace Management: SEL 0 creates and returns the identifier, 1 deletes."""
    select = bits(request.command.cdw10, 3, 0)
    if select == ManagementSelect.CREATE:
        return _create(controller, request)
    if select == ManagementSelect.DELETE:
        return _delete(controller, request.command)
    raise Refused(Sc.INVALID_FIELD)


def _create(controller: ControllerState, request: Request) -> int:
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


def _delete(controller: ControllerState, command: Command) -> int:
    namespaces = controller.subsystem.namespaces
    for namespace in list(namespaces) if command.nsid == NSID_ALL else [namespaces.allocated(command.nsid)]:
        namespaces.delete(namespace.nsid)
        controller.record(EventType.CHANGE_NAMESPACE, change_namespace(command.cdw10, namespace))
        _changed(controller, namespace, namespace.controllers)
    return 0


def attach_or_detach(controller: ControllerState, request: Request) -> int:
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


def _controller_list(controller: ControllerState, data: bytes) -> set[int]:
    """The controllers of the subsystem that a list names: ascending, each once, at least one."""
    count = int.from_bytes(data[:2], "little")
    if not 1 <= count <= CONTROLLER_LIST_MAX:
        raise Refused(Sc.CONTROLLER_LIST_INVALID)
    ids = [int.from_bytes(data[at : at + 2], "little") for at in range(2, 2 + 2 * count, 2)]
    if ids != sorted(set(ids)) or not set(ids) <= set(controller.subsystem.controllers):
        raise Refused(Sc.CONTROLLER_LIST_INVALID)
    return set(ids)


def format_nvm(controller: ControllerState, request: Request) -> int:
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


def _changed(controller: ControllerState, namespace: Namespace, controllers: set[int]) -> None:
    """Tell the controllers that had or have the namespace attached."""
    for controller_id in sorted(controllers):
        controller.subsystem.controllers[controller_id].namespaces_changed(namespace)
