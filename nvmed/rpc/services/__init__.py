"""One servicer per service of the contract, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nvmed.captures.automatic import Automatic
from nvmed.captures.capturing import Capturing
from nvmed.config import Config
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.inventory import Inventory
from nvmed.devices.lane import Lane
from nvmed.devices.sampler import Sampler
from nvmed.erasure.erasures import Erasures
from nvmed.events.sources import EventSources
from nvmed.firmware.fetch import Fetcher
from nvmed.firmware.resets import Resets
from nvmed.firmware.spool import Spool
from nvmed.firmware.staging import Firmware
from nvmed.keyring.keys import Keys
from nvmed.locator.locators import Locators
from nvmed.nvme.host import Host
from nvmed.operations.manager import Manager
from nvmed.operations.passthru import Passthrus
from nvmed.operations.request_digest import RequestDigests
from nvmed.preconditions.drives import Drives
from nvmed.rpc.admission import AdmissionControl
from nvmed.rpc.governed import Governed
from nvmed.rpc.metrics import Metrics
from nvmed.rpc.services.admin import AdminService, HostIdentity
from nvmed.rpc.services.drive import DriveService
from nvmed.rpc.services.event import EventService
from nvmed.rpc.services.firmware import FirmwareService
from nvmed.rpc.services.inventory import InventoryService
from nvmed.rpc.services.key import KeyService
from nvmed.rpc.services.log import LogService
from nvmed.rpc.services.namespace import NamespaceService
from nvmed.rpc.services.operations import OperationsService, add_operations_to_server
from nvmed.rpc.services.passthru import PassthruService
from nvmed.rpc.services.support import SupportService
from nvmed.rpc.services.support_parts import Asked
from nvmed.rpc.services.support_state import HostState
from nvmed.rpc.services.telemetry import TelemetryService
from nvmed.self_test.tests import SelfTests
from nvmed.support.creating import Supports
from nvmed.v1.admin_pb2_grpc import add_AdminServiceServicer_to_server
from nvmed.v1.drive_pb2_grpc import add_DriveServiceServicer_to_server
from nvmed.v1.event_pb2_grpc import add_EventServiceServicer_to_server
from nvmed.v1.firmware_pb2_grpc import add_FirmwareServiceServicer_to_server
from nvmed.v1.inventory_pb2_grpc import add_InventoryServiceServicer_to_server
from nvmed.v1.key_pb2_grpc import add_KeyServiceServicer_to_server
from nvmed.v1.log_pb2_grpc import add_LogServiceServicer_to_server
from nvmed.v1.namespace_pb2_grpc import add_NamespaceServiceServicer_to_server
from nvmed.v1.passthru_pb2_grpc import add_PassthruServiceServicer_to_server
from nvmed.v1.support_pb2_grpc import add_SupportServiceServicer_to_server
from nvmed.v1.telemetry_pb2_grpc import add_TelemetryServiceServicer_to_server


@dataclass(frozen=True, slots=True)
class Components:
    """What the services are made of; the daemon makes it."""

    host: Host
    inventory: Inventory
    extended_telemetry: ExtendedTelemetry
    operations: Manager
    keys: Keys
    digests: RequestDigests
    spool: Spool
    firmware: Firmware
    fetcher: Fetcher
    resets: Resets
    self_tests: SelfTests
    capturing: Capturing
    automatic: Automatic
    erasures: Erasures
    supports: Supports
    configured: Config
    locators: Locators
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
        """The lanes that nothing works without: those of the scan, the journal, and of what is kept on disk."""
        return (
            self.inventory.lane,
            *self.operations.lanes,
            self.spool.lane,
            self.capturing.store.lane,
            self.erasures.lane,
            self.supports.store.lane,
        )


Add = Callable[[Any, Any], None]
Make = Callable[[Components], Any]


def _admin(on: Components) -> AdminService:
    return AdminService(on.admission, on.audit_reader, on.identity, simulated=on.simulated)


def _inventory(on: Components) -> InventoryService:
    return InventoryService(on.inventory, on.operations, on.resets, on.host, on.locators)


def _telemetry(on: Components) -> TelemetryService:
    return TelemetryService(on.inventory, on.extended_telemetry, on.operations, on.capturing)


def _log(on: Components) -> LogService:
    return LogService(on.inventory, on.operations)


def _namespace(on: Components) -> NamespaceService:
    return NamespaceService(on.operations, on.drives, on.erasures.formats)


def _drive(on: Components) -> DriveService:
    return DriveService(on.erasures, on.operations, on.firmware, on.self_tests, on.digests)


def _firmware(on: Components) -> FirmwareService:
    return FirmwareService(on.inventory, on.operations, on.spool, on.firmware, on.fetcher)


def _operations(on: Components) -> OperationsService:
    return OperationsService(on.operations)


def _support(on: Components) -> SupportService:
    """It asks what clients ask, so that a bundle has what they would be answered."""
    asked = Asked(
        inventory=_inventory(on),
        log=_log(on),
        firmware=_firmware(on),
        drive=_drive(on),
        namespace=_namespace(on),
        telemetry=_telemetry(on),
        operations=_operations(on),
        admin=_admin(on),
        extended=on.extended_telemetry,
    )
    state = HostState(
        asked,
        on.configured,
        on.host,
        on.inventory,
        on.events.events,
        on.admission,
        on.metrics,
        on.audit_reader,
        lambda: on.own_lanes,
    )
    return SupportService(on.supports, on.operations, on.inventory, asked, state)


SERVICES: Final[tuple[tuple[Add, Make], ...]] = (
    (add_AdminServiceServicer_to_server, _admin),
    (add_InventoryServiceServicer_to_server, _inventory),
    (add_TelemetryServiceServicer_to_server, _telemetry),
    (add_LogServiceServicer_to_server, _log),
    (add_NamespaceServiceServicer_to_server, _namespace),
    (add_DriveServiceServicer_to_server, _drive),
    (add_KeyServiceServicer_to_server, lambda on: KeyService(on.keys, on.operations, on.digests)),
    (add_FirmwareServiceServicer_to_server, _firmware),
    (add_operations_to_server, _operations),
    (add_PassthruServiceServicer_to_server, lambda on: PassthruService(on.passthrus, on.digests)),
    (add_EventServiceServicer_to_server, lambda on: EventService(on.inventory, on.events)),
    (add_SupportServiceServicer_to_server, _support),
)
"""How each service is made and added to a server."""
