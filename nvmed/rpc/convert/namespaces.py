"""Namespaces as the messages of the contract, and requests about them as what `nvmed.namespaces` takes."""

from __future__ import annotations

from nvmed import limits
from nvmed.devices.controller import Device
from nvmed.devices.namespaces import Allocated, Identity, block_bytes, format_count
from nvmed.namespaces.changes import Attachment, Creation, Deletion
from nvmed.namespaces.format import Formatting
from nvmed.nvme.identify import IdentifyNamespace
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.namespace import AttachmentSelect, Format, NamespaceSettings, remaining_percent
from nvmed.rpc.convert.fitted import fitted, omissions
from nvmed.v1 import namespace_pb2 as pb

SHARED, WRITE_PROTECTED, EXTENDED_METADATA = 0, 0, 4
"""Bits of NMIC, NSATTR and FLBAS."""


def allocated(found: Allocated) -> pb.AllocatedNamespace:
    """A namespace as its drive knows it."""
    return fitted(
        pb.AllocatedNamespace,
        nsid=found.nsid,
        attached=found.is_attached,
        controller_ids=found.controller_ids,
        device_node=found.node,
    )


def identity(device: Device, found: Identity, *, include_raw: bool) -> pb.NamespaceIdentity:
    """What a namespace is."""
    data = found.data
    return fitted(
        pb.NamespaceIdentity,
        controller=device.resource_name,
        nsid=found.nsid,
        attached=found.is_attached,
        size_blocks=data.nsze,
        capacity_blocks=data.ncap,
        utilization_blocks=data.nuse,
        size_bytes=data.nsze * block_bytes(data.format),
        lba_formats=_formats(data),
        extended_metadata=bit(data.flbas, EXTENDED_METADATA),
        shared=bit(data.nmic, SHARED),
        protection_type=bits(data.dps, 2, 0),
        write_protected=bit(data.nsattr, WRITE_PROTECTED),
        ana_group_id=data.anagrpid,
        nvm_set_id=data.nvmsetid,
        endurance_group_id=data.endgid,
        nvm_capacity_bytes=data.nvmcap,
        format_remaining_percent=remaining_percent(data),
        nguid=data.nguid.hex() if any(data.nguid) else "",
        eui64=data.eui64.hex() if any(data.eui64) else "",
        controller_ids=found.controller_ids,
        raw=found.raw if include_raw else b"",
        omissions=omissions(found.omissions),
    )


def _formats(data: IdentifyNamespace) -> list[pb.LbaFormat]:
    return [
        fitted(
            pb.LbaFormat,
            index=number,
            logical_block_bytes=block_bytes(one),
            metadata_bytes=one.ms,
            relative_performance=bits(one.rp, 1, 0),
            in_use=number == data.format_index,
        )
        for number, one in enumerate(data.lbaf[: format_count(data)])
    ]


def block_size(device: Device, nsid: int, data: IdentifyNamespace, size: int) -> pb.LogicalBlockSize:
    """The size of a logical block."""
    return fitted(
        pb.LogicalBlockSize,
        controller=device.resource_name,
        nsid=nsid,
        logical_block_bytes=size,
        lba_format=data.format_index,
        metadata_bytes=data.format.ms,
        extended_metadata=bit(data.flbas, EXTENDED_METADATA),
    )


def attachment(
    device: Device, select: AttachmentSelect, request: pb.AttachControllersRequest | pb.DetachControllersRequest
) -> Attachment:
    """What AttachControllers and DetachControllers ask for."""
    return Attachment(device, select, request.nsid, frozenset(request.controller_ids), wait_ms(request.wait_timeout_ms))


def creation(device: Device, request: pb.CreateNamespaceRequest) -> Creation:
    """What CreateNamespace asks for."""
    size, chosen = request.WhichOneof("size"), request.WhichOneof("format")
    return Creation(
        device,
        NamespaceSettings(
            nmic=int(request.shared),
            dps=request.protection_type,
            anagrpid=request.ana_group_id,
            nvmsetid=request.nvm_set_id,
            endgid=request.endurance_group_id,
        ),
        size_blocks=request.size_blocks if size == "size_blocks" else None,
        size_bytes=request.size_bytes if size == "size_bytes" else None,
        capacity_blocks=request.capacity_blocks,
        format_index=request.lba_format if chosen == "lba_format" else None,
        block_bytes=request.logical_block_bytes if chosen == "logical_block_bytes" else None,
        extended_metadata=request.extended_metadata,
    )


def deletion(device: Device, request: pb.DeleteNamespaceRequest) -> Deletion:
    """What DeleteNamespace asks for."""
    return Deletion(device, request.nsid, wait_ms(request.wait_timeout_ms))


def formatting(device: Device, request: pb.FormatNamespaceRequest) -> Formatting:
    """What FormatNamespace asks for."""
    chosen = request.WhichOneof("format")
    return Formatting(
        device,
        None if request.all_namespaces else request.nsid,
        Format(
            lba_format=0,
            secure_erase=request.secure_erase,
            protection=request.protection_type,
            protection_first=request.protection_first,
            extended_metadata=request.extended_metadata,
        ),
        format_index=request.lba_format if chosen == "lba_format" else None,
        block_bytes=request.logical_block_bytes if chosen == "logical_block_bytes" else None,
        timeout_ms=request.timeout_ms or limits.FORMAT_MS_DEFAULT,
    )


def wait_ms(given: int) -> int:
    """How long to wait for the kernel."""
    return given or limits.WAIT_MS_DEFAULT
