"""A drive that outlives its process is the drive that it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvmed.nvme import logpage, namespace
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, FeatureSelect, LogPage
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.simulator.durable import DurableDrive, durable
from nvmed.simulator.spec import DriveSpec, NamespaceSpec, TelemetrySpec

SPEC = DriveSpec(
    serial="A", namespaces=(NamespaceSpec(1 << 20),), telemetry=TelemetrySpec.of_sizes(1024, host_log_present=False)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def ask(drive: DurableDrive, command: Command, size: int = 0) -> bytes:
    buffer = bytearray(size)
    assert drive.subsystem.controller.admin(command, buffer or None).status == 0
    return bytes(buffer)


def identity(drive: DurableDrive) -> list[tuple[object, ...]]:
    return [
        (one.nsid, one.size_blocks, one.format_index, one.nguid, one.uuid, one.controllers, one.flbas)
        for one in drive.subsystem.namespaces
    ]


def test_namespaces_are_those_that_there_were(folder: Path) -> None:
    drive = durable(SPEC, folder)
    ask(drive, Command(AdminOpcode.NAMESPACE_MANAGEMENT, nsid=1, cdw10=namespace.ManagementSelect.DELETE))
    with drive.subsystem.lock:
        drive.subsystem.namespaces.create(8, 1, extended=False, shared=True, ana_group=1).controllers.add(1)
    ask(drive, Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.VOLATILE_WRITE_CACHE, cdw11=0))
    again = durable(SPEC, folder)
    assert [one.size_blocks for one in again.subsystem.namespaces] == [8]
    assert identity(again) == identity(drive)
    with again.subsystem.lock:
        made = again.subsystem.namespaces.create(8, 1, extended=False, shared=True, ana_group=1)
    assert made.nguid not in {one.nguid for one in drive.subsystem.namespaces}, "and a new one is no old one"


def test_features_are_set_as_they_were_and_come_back_as_they_were_saved(folder: Path) -> None:
    drive = durable(SPEC, folder)
    cache = FeatureId.VOLATILE_WRITE_CACHE
    ask(drive, Command(AdminOpcode.SET_FEATURES, cdw10=cache | 1 << 31, cdw11=0))
    ask(drive, Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.INTERRUPT_COALESCING, cdw11=7))
    features = durable(SPEC, folder).subsystem.controller.features
    assert features.value(FeatureId.INTERRUPT_COALESCING) == 7
    features.reset()
    assert features.value(FeatureId.INTERRUPT_COALESCING) == 0
    assert features.select(FeatureSelect.SAVED, (cache, 0, 0)) == (0, b"")


def test_a_log_that_was_created_goes_on_with_its_generation(folder: Path) -> None:
    drive = durable(SPEC, folder)
    create = logpage.get_log_page(LogPage.TELEMETRY_HOST_INITIATED, 512, lsp=1)
    ask(drive, create, 512)
    ask(drive, create, 512)
    drive.subsystem.controller.capture_controller_telemetry()
    read = logpage.get_log_page(LogPage.TELEMETRY_CONTROLLER_INITIATED, 1024, rae=True)
    content = ask(drive, read, 1024)
    again = durable(SPEC, folder)
    assert again.subsystem.controller.telemetry.generation(TelemetryLog.HOST_INITIATED) == 2
    assert again.subsystem.controller.telemetry.controller_data_available
    assert ask(again, read, 1024) == content
