"""Identify (Base 2.0, section 5.17)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from nvmed.nvme.identify import (
    POWER_STATES,
    IdentifyController,
    IdentifyControllerNvm,
    IdentifyNamespace,
    IdentifyNamespaceIndependent,
    LbaFormat,
    NamespaceIdentifiers,
    PowerState,
    build_controller_list,
    build_namespace_descriptors,
    build_namespace_list,
    lba_formats,
)
from nvmed.nvme.layout import bits
from nvmed.nvme.opcodes import IDENTIFY_BYTES, NSID_ALL, NSID_MAX, CommandSetIdentifier, IdentifyCns
from nvmed.nvme.uuid_list import build_uuid_list
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import MIB, DriveSpec
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.namespaces import Namespace

ONCS = 0x5F
"""Compare, write uncorrectable, dataset management, write zeroes, save and select of features, timestamp."""

ANACAP = 0xDF
"""All five states; ANAGRPID does not change while attached, and may be chosen when a namespace is created."""

VWC_FLUSH_ALL = 0x7
"""A volatile write cache, and Flush with NSID FFFFFFFFh."""

CRYPTO_ERASE = 1 << 2
DEALLOCATED_READS_ZERO = 0x09
"""DLFEAT: deallocated blocks read as zeros, and Write Zeroes may deallocate."""

FORMAT_PROGRESS = 0x80
WARNING_KELVIN, CRITICAL_KELVIN = 343, 353
THERMAL_KELVIN = 313, 348
"""MNTMT and MXTMT."""


def identify_controller(controller: ControllerState) -> IdentifyController:
    """CNS 01h: what the controller says of itself now."""
    spec, firmware = controller.subsystem.spec, controller.subsystem.firmware
    several = spec.controllers > 1
    states = tuple(PowerState(mp=one.maximum_mw // 10, flags=2 * (not one.operational)) for one in spec.power_states)
    return IdentifyController(
        vid=spec.vendor_id, ssvid=spec.vendor_id, sn=spec.serial, mn=spec.model, fr=firmware.revision, rab=6,
        ieee=spec.oui, cmic=several | several << 1 | bool(spec.ana_groups) << 3, mdts=spec.mdts,
        cntlid=controller.controller_id, ver=controller.subsystem.spec.nvme_version, rtd3r=1_000_000, rtd3e=1_000_000,
        oaes=controller.optional_events, ctratt=_ctratt(spec), cntrltype=1, fguid=_guid(spec),
        oacs=spec.optional_admin_commands, acl=3, aerl=3, frmw=_frmw(spec), lpa=spec.log_attributes,
        elpe=spec.error_log_entries - 1, avscc=1, wctemp=WARNING_KELVIN, cctemp=CRITICAL_KELVIN,
        mtfa=spec.firmware.maximum_time_ms // 100, tnvmcap=spec.capacity_bytes,
        unvmcap=controller.subsystem.namespaces.unallocated_bytes, edstt=spec.extended_self_test_min,
        dsto=spec.self_test_options,
        fwug=spec.firmware.granularity_pages, kas=10, sanicap=spec.sanitize_capabilities,
        anatt=10 if spec.ana_groups else 0, anacap=ANACAP if spec.ana_groups else 0, anagrpmax=spec.ana_groups,
        nanagrpid=spec.ana_groups, nsetidmax=spec.nvm_sets, endgidmax=spec.endurance_groups, pels=1, sqes=0x66,
        cqes=0x44, nn=spec.maximum_namespaces,
        oncs=ONCS if spec.features.selectable else ONCS & ~(1 << 4), npss=len(states) - 1, hctma=1,
        mntmt=THERMAL_KELVIN[0], mxtmt=THERMAL_KELVIN[1], apsta=int(spec.autonomous_power_states),
        psd=(*states, *(PowerState() for _ in range(POWER_STATES - len(states)))),
        fna=CRYPTO_ERASE, vwc=VWC_FLUSH_ALL, nwpc=1, mnan=spec.maximum_namespaces, subnqn=controller.nqn,
    )  # fmt: skip


def _ctratt(spec: DriveSpec) -> int:
    """A host identifier of 128 bits, NVM sets, endurance groups, predictable latency, UUID list, fixed capacity."""
    sets, groups = bool(spec.nvm_sets), bool(spec.endurance_groups)
    return 1 | sets << 2 | groups << 4 | sets << 5 | bool(spec.uuids) << 9 | spec.capacity_management << 11


def _guid(spec: DriveSpec) -> bytes:
    return uuid.uuid5(uuid.NAMESPACE_OID, spec.serial).bytes


def _frmw(spec: DriveSpec) -> int:
    """Slot 1 read only, number of slots, activation without reset, multiple update detection."""
    firmware = spec.firmware
    return firmware.slot_1_read_only | len(firmware.slots) << 1 | firmware.immediate << 4 | 1 << 5


def identify_namespace(controller: ControllerState, namespace: Namespace | None) -> IdentifyNamespace:
    """CNS 00h and 11h; without a namespace, what all of them have in common."""
    spec = controller.subsystem.spec
    formats = lba_formats(
        *(LbaFormat(one.metadata_bytes, one.data_bytes.bit_length() - 1, one.relative_performance)
          for one in spec.lba_formats)
    )  # fmt: skip
    common = {"nlbaf": len(spec.lba_formats) - 1, "mc": 3, "dlfeat": DEALLOCATED_READS_ZERO, "lbaf": formats}
    if namespace is None:
        return IdentifyNamespace(**common)  # type: ignore[arg-type]
    remaining = controller.subsystem.namespaces.format_remaining_percent(namespace)
    return IdentifyNamespace(
        nsze=namespace.size_blocks, ncap=namespace.size_blocks, nuse=namespace.size_blocks, flbas=namespace.flbas,
        nmic=int(namespace.shared), fpi=FORMAT_PROGRESS | remaining, nvmcap=namespace.size_bytes,
        anagrpid=namespace.ana_group if spec.ana_groups else 0, nsattr=int(namespace.write_protected),
        nguid=namespace.nguid, eui64=namespace.eui64, **common,  # type: ignore[arg-type]
    )  # fmt: skip


def _controller(controller: ControllerState, request: Request) -> bytes:
    return identify_controller(controller).build()


def _namespace(controller: ControllerState, request: Request) -> bytes:
    """Zeros for an inactive namespace: that is not an error here."""
    nsid = request.command.nsid
    if nsid == NSID_ALL and controller.subsystem.spec.optional_admin_commands & 1 << 3:
        return identify_namespace(controller, None).build()
    namespace = _in_range(controller, nsid)
    if namespace is None or controller.controller_id not in namespace.controllers:
        return bytes(IDENTIFY_BYTES)
    return identify_namespace(controller, namespace).build()


def _allocated_namespace(controller: ControllerState, request: Request) -> bytes:
    namespace = _in_range(controller, request.command.nsid)
    return identify_namespace(controller, namespace).build() if namespace else bytes(IDENTIFY_BYTES)


def _in_range(controller: ControllerState, nsid: int) -> Namespace | None:
    if not 1 <= nsid <= controller.subsystem.spec.maximum_namespaces:
        raise Refused(Sc.INVALID_NAMESPACE)
    return controller.subsystem.namespaces.get(nsid)


def _list_after(request: Request, namespaces: list[Namespace]) -> bytes:
    after = request.command.nsid
    if after >= NSID_MAX:
        raise Refused(Sc.INVALID_NAMESPACE)
    return build_namespace_list(namespace.nsid for namespace in namespaces if namespace.nsid > after)


def _active_list(controller: ControllerState, request: Request) -> bytes:
    return _list_after(request, controller.subsystem.namespaces.attached(controller.controller_id))


def _active_list_of_command_set(controller: ControllerState, request: Request) -> bytes:
    _require_nvm(request)
    return _active_list(controller, request)


def _allocated_list(controller: ControllerState, request: Request) -> bytes:
    return _list_after(request, list(controller.subsystem.namespaces))


def _descriptors(controller: ControllerState, request: Request) -> bytes:
    namespace = controller.subsystem.namespaces.active(request.command.nsid, controller.controller_id)
    return build_namespace_descriptors(
        NamespaceIdentifiers(namespace.eui64, namespace.nguid, namespace.uuid, CommandSetIdentifier.NVM)
    )


def _independent(controller: ControllerState, request: Request) -> bytes:
    namespaces = controller.subsystem.namespaces
    namespace = namespaces.active(request.command.nsid, controller.controller_id)
    return IdentifyNamespaceIndependent(
        nmic=int(namespace.shared), fpi=FORMAT_PROGRESS | namespaces.format_remaining_percent(namespace),
        anagrpid=namespace.ana_group if controller.subsystem.spec.ana_groups else 0,
        nsattr=int(namespace.write_protected), nstat=1,
    ).build()  # fmt: skip


def _command_set_namespace(controller: ControllerState, request: Request) -> bytes:
    """No field of the NVM command set's structure applies: no protection information, no storage tags."""
    _require_nvm(request)
    controller.subsystem.namespaces.active(request.command.nsid, controller.controller_id)
    return bytes(IDENTIFY_BYTES)


def _command_set_controller(controller: ControllerState, request: Request) -> bytes:
    _require_nvm(request)
    mdts = controller.subsystem.spec.mdts
    return IdentifyControllerNvm(wzsl=mdts, wusl=mdts, dmrl=255).build()


def _require_nvm(request: Request) -> None:
    if bits(request.command.cdw11, 31, 24) != CommandSetIdentifier.NVM:
        raise Refused(Sc.INVALID_FIELD)


def _attached_controllers(controller: ControllerState, request: Request) -> bytes:
    namespace = controller.subsystem.namespaces.allocated(request.command.nsid)
    return _controllers_from(request, namespace.controllers)


def _all_controllers(controller: ControllerState, request: Request) -> bytes:
    return _controllers_from(request, set(controller.subsystem.controllers))


def _controllers_from(request: Request, ids: set[int]) -> bytes:
    first = request.command.cdw10 >> 16
    return build_controller_list(number for number in ids if number >= first)


def _primary_capabilities(controller: ControllerState, request: Request) -> bytes:
    """No virtualization: the structure names the controller, and no flexible resources."""
    return controller.controller_id.to_bytes(2, "little")


def _secondary_controllers(controller: ControllerState, request: Request) -> bytes:
    """No secondary controllers."""
    return b""


def _granularity(controller: ControllerState, request: Request) -> bytes:
    """One descriptor for all formats: sizes and capacities of whole MiB waste nothing."""
    return bytes(32) + MIB.to_bytes(8, "little") * 2


def _command_sets(controller: ControllerState, request: Request) -> bytes:
    """One combination of I/O command sets: NVM alone."""
    return (1 << CommandSetIdentifier.NVM).to_bytes(8, "little")


def _uuids(controller: ControllerState, request: Request) -> bytes:
    uuids = controller.subsystem.spec.uuids
    if not uuids:
        raise Refused(Sc.INVALID_FIELD)
    return build_uuid_list(uuids)


STRUCTURES: Mapping[int, Callable[[ControllerState, Request], bytes]] = {
    IdentifyCns.NAMESPACE: _namespace,
    IdentifyCns.CONTROLLER: _controller,
    IdentifyCns.ACTIVE_NAMESPACE_LIST: _active_list,
    IdentifyCns.NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST: _descriptors,
    IdentifyCns.IO_COMMAND_SET_NAMESPACE: _command_set_namespace,
    IdentifyCns.IO_COMMAND_SET_CONTROLLER: _command_set_controller,
    IdentifyCns.IO_COMMAND_SET_ACTIVE_NAMESPACE_LIST: _active_list_of_command_set,
    IdentifyCns.INDEPENDENT_NAMESPACE: _independent,
    IdentifyCns.ALLOCATED_NAMESPACE_LIST: _allocated_list,
    IdentifyCns.ALLOCATED_NAMESPACE: _allocated_namespace,
    IdentifyCns.NAMESPACE_ATTACHED_CONTROLLER_LIST: _attached_controllers,
    IdentifyCns.CONTROLLER_LIST: _all_controllers,
    IdentifyCns.PRIMARY_CONTROLLER_CAPABILITIES: _primary_capabilities,
    IdentifyCns.SECONDARY_CONTROLLER_LIST: _secondary_controllers,
    IdentifyCns.NAMESPACE_GRANULARITY_LIST: _granularity,
    IdentifyCns.UUID_LIST: _uuids,
    IdentifyCns.IO_COMMAND_SET: _command_sets,
}
"""By CNS; any other is an Invalid Field. Shorter structures are filled up with zeros."""


def identify(controller: ControllerState, request: Request) -> int:
    """Identify: 4096 bytes, whatever is asked for."""
    structure = STRUCTURES.get(bits(request.command.cdw10, 7, 0))
    if structure is None:
        raise Refused(Sc.INVALID_FIELD)
    request.fill(structure(controller, request), IDENTIFY_BYTES)
    return 0
