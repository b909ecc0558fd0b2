"""Namespaces: which there are, and which controllers have them attached."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nvmed.nvme.namespace import flbas_of
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import DriveSpec, LbaFormat, NamespaceSpec
from nvmed.simulator.state.storage import Background, SparseBytes, zeros


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

    def erase(self, left: Background = zeros) -> None:
        """All data are gone, and `left` is what is read instead."""
        self.storage.clear(left)
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

    def save(self) -> dict[str, Any]:
        """What outlives the power, as JSON has it; what is stored in them does not."""
        kept = ("nsid", "size_blocks", "format_index", "extended", "shared", "ana_group", "name", "write_protected")
        rows = [
            {name: getattr(one, name) for name in kept} | {"controllers": sorted(one.controllers)}
            for one in self._by_nsid.values()
        ]
        return {"created": self._created, "namespaces": rows}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Be as `save` says, without what was stored."""
        self._created = saved["created"]
        rows = [{**row, "controllers": set(row["controllers"])} for row in saved["namespaces"]]
        self._by_nsid = {row["nsid"]: Namespace(formats=self._spec.lba_formats, **row) for row in rows}

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
