"""nvmed.v1.DriveService: each part of a drive's life is in a file of its own."""

from __future__ import annotations

from nvmed.desired.apply import DesiredStates
from nvmed.erasure.erasures import Erasures
from nvmed.features.changes import Features
from nvmed.firmware.staging import Firmware
from nvmed.operations.manager import Manager
from nvmed.operations.request_digest import RequestDigests
from nvmed.rpc.services.drive_desired import DesiredMethods
from nvmed.rpc.services.drive_erasure import ErasureMethods
from nvmed.rpc.services.drive_features import FeatureMethods
from nvmed.rpc.services.drive_security import SecurityMethods
from nvmed.rpc.services.drive_self_test import SelfTestMethods
from nvmed.self_test.tests import SelfTests
from nvmed.v1 import (
    drive_pb2,  # noqa: F401  # describes the service; its stubs import the messages alone
    drive_pb2_grpc,
)


class DriveService(
    ErasureMethods,
    SecurityMethods,
    FeatureMethods,
    SelfTestMethods,
    DesiredMethods,
    drive_pb2_grpc.DriveServiceServicer,
):
    """What is done with a drive beside its firmware and namespaces."""

    def __init__(
        self,
        erasures: Erasures,
        operations: Manager,
        firmware: Firmware,
        self_tests: SelfTests,
        digests: RequestDigests,
    ) -> None:
        drives = firmware.drives
        self._digests = digests
        self._erasures = erasures
        self._inventory = drives.inventory
        self._operations = operations
        self._features = Features(drives)
        self._self_tests = self_tests
        self._desired = DesiredStates(drives, firmware, erasures.formats)
