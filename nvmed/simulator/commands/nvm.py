"""The NVM command set: what reads, writes and forgets logical blocks (NVM 1.0, section 3)."""

from __future__ import annotations

from nvmed.nvme.layout import bits
from nvmed.nvme.opcodes import NSID_ALL
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.namespaces import Namespace

RANGE_BYTES = 16
DEALLOCATE = 1 << 2


def flush(controller: ControllerState, request: Request) -> int:
    """Flush: nothing is cached, so there is nothing to do."""
    if request.command.nsid != NSID_ALL:
        _namespace(controller, request)
    return 0


def read(controller: ControllerState, request: Request) -> int:
    """Read, with metadata in their own buffer unless they are interleaved."""
    namespace, first, count = _blocks(controller, request)
    _check_buffers(namespace, request, count)
    if not namespace.bad_blocks.isdisjoint(range(first, first + count)):
        raise Refused(Sc.UNRECOVERED_READ_ERROR)
    namespace.storage.read(first * namespace.block_bytes, request.data[: count * namespace.block_bytes])
    size = namespace.metadata_bytes
    namespace.metadata.read(first * size, request.metadata[: count * size])
    controller.health.host_read(count * namespace.format.data_bytes)
    return 0


def write(controller: ControllerState, request: Request) -> int:
    """Write; blocks that could not be read can be afterwards."""
    namespace, first, count = _writable(controller, request)
    _check_buffers(namespace, request, count)
    namespace.storage.write(first * namespace.block_bytes, request.data[: count * namespace.block_bytes])
    size = namespace.metadata_bytes
    namespace.metadata.write(first * size, request.metadata[: count * size])
    namespace.bad_blocks.difference_update(range(first, first + count))
    controller.health.host_write(count * namespace.format.data_bytes)
    return 0


def compare(controller: ControllerState, request: Request) -> int:
    """Compare: refused with Compare Failure if the blocks differ from the data sent."""
    namespace, first, count = _blocks(controller, request)
    _check_buffers(namespace, request, count)
    if not namespace.bad_blocks.isdisjoint(range(first, first + count)):
        raise Refused(Sc.UNRECOVERED_READ_ERROR)
    for storage, size, sent in (
        (namespace.storage, namespace.block_bytes, request.data),
        (namespace.metadata, namespace.metadata_bytes, request.metadata),
    ):
        there = bytearray(count * size)
        storage.read(first * size, memoryview(there))
        if there != sent[: count * size]:
            raise Refused(Sc.COMPARE_FAILURE)
    return 0


def write_zeroes(controller: ControllerState, request: Request) -> int:
    """Write Zeroes."""
    namespace, first, count = _writable(controller, request)
    _zero(namespace, first, count)
    return 0


def write_uncorrectable(controller: ControllerState, request: Request) -> int:
    """Write Uncorrectable: reading the blocks fails until they are written again."""
    namespace, first, count = _writable(controller, request)
    namespace.bad_blocks.update(range(first, first + count))
    return 0


def dataset_management(controller: ControllerState, request: Request) -> int:
    """Dataset Management: Deallocate makes blocks zero, other attributes are hints."""
    namespace = _namespace(controller, request)
    count = bits(request.command.cdw10, 7, 0) + 1
    data = request.take(count * RANGE_BYTES)
    if not request.command.cdw11 & DEALLOCATE:
        return 0
    _check_writable(namespace)
    ranges = []
    for at in range(0, len(data), RANGE_BYTES):
        length, first = (
            int.from_bytes(data[at + 4 : at + 8], "little"),
            int.from_bytes(data[at + 8 : at + 16], "little"),
        )
        if first + length > namespace.size_blocks:
            raise Refused(Sc.LBA_OUT_OF_RANGE)
        ranges.append((first, length))
    for first, length in ranges:
        _zero(namespace, first, length)
    return 0


def _zero(namespace: Namespace, first: int, count: int) -> None:
    namespace.storage.zero(first * namespace.block_bytes, count * namespace.block_bytes)
    namespace.metadata.zero(first * namespace.metadata_bytes, count * namespace.metadata_bytes)
    namespace.bad_blocks = {block for block in namespace.bad_blocks if not first <= block < first + count}


def _namespace(controller: ControllerState, request: Request) -> Namespace:
    """The namespace that the command is about, usable through this controller now."""
    namespaces = controller.subsystem.namespaces
    namespace = namespaces.active(request.command.nsid, controller.controller_id)
    if namespaces.format_remaining_percent(namespace):
        raise Refused(Sc.FORMAT_IN_PROGRESS)
    controller.ana.check(namespace.ana_group)
    return namespace


def _blocks(controller: ControllerState, request: Request) -> tuple[Namespace, int, int]:
    """Namespace, first block and number of blocks of a command with SLBA and NLB."""
    namespace, command = _namespace(controller, request), request.command
    first, count = command.cdw10 | command.cdw11 << 32, bits(command.cdw12, 15, 0) + 1
    if first + count > namespace.size_blocks:
        raise Refused(Sc.LBA_OUT_OF_RANGE)
    return namespace, first, count


def _writable(controller: ControllerState, request: Request) -> tuple[Namespace, int, int]:
    namespace, first, count = _blocks(controller, request)
    _check_writable(namespace)
    controller.subsystem.sanitizer.written()
    return namespace, first, count


def _check_writable(namespace: Namespace) -> None:
    if namespace.write_protected:
        raise Refused(Sc.NAMESPACE_WRITE_PROTECTED)


def _check_buffers(namespace: Namespace, request: Request, count: int) -> None:
    request.need(count * namespace.block_bytes)
    if len(request.metadata) < count * namespace.metadata_bytes:
        raise Refused(Sc.METADATA_LENGTH_INVALID)
