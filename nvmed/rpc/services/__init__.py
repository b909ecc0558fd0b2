"""One servicer per service of the contract, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.inventory import Inventory
from nvmed.devices.lane import Lane
from nvmed.devices.sampler import Sampler
from nvmed.events.sources import EventSources
from nvmed.firmware.fetch import Fetcher
from nvmed.firmware.resets import Resets
from nvmed.firmware.spool import Spool
from nvmed.firmware.staging import Firmware
from nvmed.keyring.keys import Keys
from nvmed.operations.manager import Manager
from nvmed.operations.passthru import Passthrus
from nvmed.operations.request_digest import RequestDigests
from nvmed.preconditions.drives import Drives
from nvmed.rpc.admission import AdmissionControl
from nvmed.rpc.governed import Governed
from nvmed.rpc.metrics import Metrics
from nvmed.rpc.services.admin import AdminService, HostIdentity
from nvmed.rpc.services.event import EventService
from nvmed.rpc.services.firmware import FirmwareService
from nvmed.rpc.services.inventory import InventoryService
from nvmed.rpc.services.key import KeyService
from nvmed.rpc.services.log import LogService
from nvmed.rpc.services.namespace import NamespaceService
from nvmed.rpc.services.operations import OperationsService, add_operations_to_server
from nvmed.rpc.services.passthru import PassthruService
from nvmed.rpc.services.telemetry import TelemetryService
from nvmed.v1.admin_pb2_grpc import add_AdminServiceServicer_to_server
from nvmed.v1.event_pb2_grpc import add_EventServiceServicer_to_server
from nvmed.v1.firmware_pb2_grpc import add_FirmwareServiceServicer_to_server
from nvmed.v1.inventory_pb2_grpc import add_InventoryServiceServicer_to_server
from nvmed.v1.key_pb2_grpc import add_KeyServiceServicer_to_server
from nvmed.v1.log_pb2_grpc import add_LogServiceServicer_to_server
from nvmed.v1.namespace_pb2_grpc import add_NamespaceServiceServicer_to_server
from nvmed.v1.passthru_pb2_grpc import add_PassthruServiceServicer_to_server
from nvmed.v1.telemetry_pb2_grpc import add_TelemetryServiceServicer_to_server


@dataclass(frozen=True, slots=True)
class Components:
    """What the services are made of; the daemon makes it."""

    inventory: Inventory
    extended_telemetry: ExtendedTelemetry
    operations: Manager
    keys: Keys
    digests: RequestDigests
    spool: Spool
    firmware: Firmware
    fetcher: Fetcher
    resets: Resets
    drives: Drives
    sampler: Sampler
    passthrus: Passthrus
    events: EventSources
    metrics: Metrics
    admission: AdmissionControl
    audit_reader: Lane
    identity: HostIdentity
    simulated: bool
    governed: Governed

    @property
    def own_lanes(self) -> tuple[Lane, ...]:
        """The lanes that nothing works without: those of the scan, the journal and the spool."""
        return self.inventory.lane, *self.operations.lanes, self.spool.lane


Add = Callable[[Any, Any], None]
Make = Callable[[Components], Any]

SERVICES: Final[tuple[tuple[Add, Make], ...]] = (
    (
        add_AdminServiceServicer_to_server,
        lambda on: AdminService(on.admission, on.audit_reader, on.identity, simulated=on.simulated),
    ),
    (add_InventoryServiceServicer_to_server, lambda on: InventoryService(on.inventory, on.operations, on.resets)),
    (
        add_TelemetryServiceServicer_to_server,
        lambda on: TelemetryService(on.inventory, on.extended_telemetry, on.operations),
    ),
    (add_LogServiceServicer_to_server, lambda on: LogService(on.inventory, on.operations)),
    (add_NamespaceServiceServicer_to_server, lambda on: NamespaceService(on.operations, on.drives)),
    (add_KeyServiceServicer_to_server, lambda on: KeyService(on.keys, on.operations, on.digests)),
    (
        add_FirmwareServiceServicer_to_server,
        lambda on: FirmwareService(on.inventory, on.operations, on.spool, on.firmware, on.fetcher),
    ),
    (add_operations_to_server, lambda on: OperationsService(on.operations)),
    (add_PassthruServiceServicer_to_server, lambda on: PassthruService(on.passthrus, on.digests)),
    (add_EventServiceServicer_to_server, lambda on: EventService(on.inventory, on.events)),
)
"""How each service is made and added to a server."""
