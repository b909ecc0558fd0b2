"""Reading features: current, default and saved value, and what may be done to them. Nothing here changes a drive.

What a controller says it does not have is not asked: optional commands that it refuses fill its error log. So a list
is made by the Feature Identifiers Supported and Effects log (12h) where there is one, else by capabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from nvmed import limits
from nvmed.devices.controller import Device, Session
from nvmed.devices.log_pieces import at_least
from nvmed.devices.logs import read_bytes, read_supported_pages
from nvmed.devices.logs_ocp import ocp_index, read_ocp
from nvmed.devices.namespaces import list_nsids
from nvmed.devices.omission import Omission, unless_refused
from nvmed.errors import InvalidArgument, NvmedError, Unimplemented
from nvmed.nvme.feature_fields import FeatureRow, Scope, Values
from nvmed.nvme.feature_table import FEATURES
from nvmed.nvme.features import get_features
from nvmed.nvme.health import OcpSmartLog
from nvmed.nvme.layout import bit
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import FeatureSelect, LogPage
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error, invalid_field

SELECTS: Final = "save_features"
"""The capability without which a feature has only a current value that can be asked for."""

EFFECTS_BYTES: Final = 1024
"""Of log page 12h: a dword for each feature identifier, in which bit 0 says that there is one."""


@dataclass(frozen=True, slots=True)
class FeatureValue:
    """What Get Features answered: dword 0, the data structure, and the fields of both."""

    dword: int
    data: bytes = b""
    fields: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the controller lets be done to a feature (SEL 3)."""

    saveable: bool
    namespace_specific: bool
    changeable: bool


@dataclass(frozen=True, slots=True)
class FeatureQuery:
    """Which value of which feature: `row` is None for one that has none, whose `data_bytes` the asker knows.

    `nsid` is 0 for a feature that is not a namespace's. `selection` are the selectors of the row.
    """

    fid: int
    row: FeatureRow | None = None
    nsid: int = 0
    selection: Values = field(default_factory=dict)
    data_bytes: int = 0
    uuid_index: int = 0

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"feature {self.fid:02X}h" + (f" ({self.row.name})" if self.row else "")

    def command(self, select: int) -> Command:
        """Get Features."""
        if self.row is not None:
            return self.row.get(select, self.nsid, self.selection, self.uuid_index)
        return get_features(self.fid, select=select, nsid=self.nsid, uuid_index=self.uuid_index)


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """A feature as the controller has it; what is None was not asked for or not told, and `omissions` say why."""

    query: FeatureQuery
    current: FeatureValue | None = None
    default: FeatureValue | None = None
    saved: FeatureValue | None = None
    changes: Changes | None = None
    omissions: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureList:
    """The features of a controller, and what could not be asked."""

    features: tuple[FeatureReport, ...]
    omissions: tuple[Omission, ...] = ()


async def read_value(session: Session, query: FeatureQuery, select: int = FeatureSelect.CURRENT) -> FeatureValue:
    """One value of a feature; NVME_UNSUPPORTED if the controller refuses its identifier."""
    size = query.row.data_bytes if query.row else query.data_bytes
    data = bytearray(await at_least(session, size)) if size else None
    try:
        completion = await session.admin(query.command(select), data)
    except (InvalidArgument, Unimplemented) as exc:
        if exc.nvme is None:
            raise
        raise error(
            Reason.NVME_UNSUPPORTED,
            f"{session.device.resource_name} refuses to tell the {select_name(select)} value of {query.title}: "
            f"{exc.message}",
            feature_id=query.fid,
        ) from exc
    dword = completion.result & 0xFFFF_FFFF
    raw = bytes(data or b"")[:size]
    return FeatureValue(dword, raw, query.row.decode(dword, raw) if query.row else {})


def select_name(select: int) -> str:
    """`current`, `default`, `saved`, `supported capabilities`."""
    return FeatureSelect(select).name.lower().replace("_", " ")


async def read_changes(session: Session, query: FeatureQuery) -> Changes | None:
    """What may be done to a feature; None where the controller does not tell (ONCS bit 4)."""
    if not (await session.device.capabilities(session)).has(SELECTS):
        return None
    dword = (await session.admin(query.command(FeatureSelect.SUPPORTED_CAPABILITIES))).result
    return Changes(saveable=bit(dword, 0), namespace_specific=bit(dword, 1), changeable=bit(dword, 2))


async def read_feature(session: Session, query: FeatureQuery) -> FeatureReport:
    """All that can be told of a feature; raises what keeps its current value from being read."""
    current = None if query.row and query.row.is_action else await read_value(session, query)
    omissions: list[Omission] = []
    changes = await unless_refused("supported", read_changes(session, query), None, omissions)
    default = saved = None
    if changes is not None and current is not None:
        default = await unless_refused(
            "default_value", read_value(session, query, FeatureSelect.DEFAULT), None, omissions
        )
        if changes.saveable:
            saved = await unless_refused(
                "saved_value", read_value(session, query, FeatureSelect.SAVED), None, omissions
            )
    return FeatureReport(query, current, default, saved, changes, tuple(omissions))


async def query_of(
    session: Session, fid: int, row: FeatureRow | None, nsid: int, selection: Values, data_bytes: int = 0
) -> FeatureQuery:
    """The question as this controller takes it; raises NVME_UNSUPPORTED for a capability that it lacks, INVALID_FIELD
    for a namespace where there is none to name, or none is named.
    """
    if row is None:
        return FeatureQuery(fid, None, nsid, {}, data_bytes)
    if row.capability:
        (await session.device.capabilities(session)).require(row.capability)
    of_namespace = row.scope is Scope.NAMESPACE
    if of_namespace and not nsid:
        raise invalid_field("nsid", f"is required: {row.name} is a namespace's")
    if nsid and not of_namespace:
        raise invalid_field("nsid", f"must be left out: {row.name} is not a namespace's")
    index = await _ocp_selector(session) if row.is_ocp else 0
    if index is None:
        raise error(
            Reason.NVME_UNSUPPORTED,
            f"{session.device.resource_name} does not follow the OCP Datacenter NVMe SSD Specification, whose "
            f"feature {row.name} is",
            feature_id=fid,
        )
    return FeatureQuery(fid, row, nsid, selection, row.data_bytes, index)


async def _ocp_selector(session: Session) -> int | None:
    """The UUID index of OCP's features; 0 for a drive without a list whose log C0h is OCP's, None for any other."""
    if (await session.device.capabilities(session)).has("uuid_list"):
        return await ocp_index(session) or None
    try:
        await read_ocp(session.device, OcpSmartLog, 0)
    except NvmedError:
        return None
    return 0


async def list_features(device: Device, nsid: int = 0) -> FeatureList:
    """Every feature of the table that the controller has; those of namespaces for `nsid`, or for each attached one."""
    omissions: list[Omission] = []
    async with device.open() as session:
        capabilities = await device.capabilities(session)
        supported = await _supported(session, omissions)
        nsids = (nsid,) if nsid else await _namespaces(session, omissions)
        ocp = await _ocp_selector(session)
        found: list[FeatureReport] = []
        for row in FEATURES.values():
            if row.capability and not capabilities.has(row.capability):
                continue
            if (supported is not None and row.fid not in supported and not row.is_ocp) or (row.is_ocp and ocp is None):
                continue
            for one in nsids if row.scope is Scope.NAMESPACE else (0,):
                for selection in row.selections:
                    query = FeatureQuery(row.fid, row, one, selection, row.data_bytes, (ocp or 0) * row.is_ocp)
                    found += await _listed(session, query, omissions)
    return FeatureList(tuple(found), tuple(omissions))


async def _listed(session: Session, query: FeatureQuery, omissions: list[Omission]) -> tuple[FeatureReport, ...]:
    """The feature, or nothing where the controller refuses it; another failure is noted, and the drive asked on."""
    try:
        return (await read_feature(session, query),)
    except NvmedError as exc:
        if exc.reason == Reason.NVME_UNSUPPORTED.name:
            return ()
        if exc.nvme is None:
            raise
        omissions.append(Omission.of(query.row.name if query.row else "", exc))
        return ()


async def _supported(session: Session, omissions: list[Omission]) -> frozenset[int] | None:
    """The feature identifiers there are; None where the controller has no log of them."""
    if not (await session.device.capabilities(session)).has("supported_log_pages"):
        return None
    lid = LogPage.FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS
    pages = await unless_refused("features", read_supported_pages(session.device), None, omissions)
    if pages is None or not pages.log.is_supported(lid):
        return None
    page = partial(get_log_page, lid)
    data = await unless_refused("features", read_bytes(session, page, 0, EFFECTS_BYTES), b"", omissions)
    return frozenset(fid for fid in range(len(data) // 4) if data[fid * 4] & 1) or None


async def _namespaces(session: Session, omissions: list[Omission]) -> tuple[int, ...]:
    """The attached namespaces whose features are listed."""
    nsids = await unless_refused("nsid", list_nsids(session, allocated=False), (), omissions)
    if len(nsids) > limits.FEATURE_NAMESPACES_MAX:
        why = (
            f"{len(nsids)} namespaces are attached; give nsid for those after the first {limits.FEATURE_NAMESPACES_MAX}"
        )
        omissions.append(Omission("nsid", Reason.LIMIT_EXCEEDED.name, why))
    return nsids[: limits.FEATURE_NAMESPACES_MAX]
