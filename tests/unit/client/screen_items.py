"""What stands on the screens of tests/unit/client/screens.txt beside what `test_screens` has itself: a drive's life."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from google.longrunning.operations_pb2 import Operation
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status
from nvmedctl.cli import (
    captures,
    drive,
    drive_erasing,
    erasure,
    features,
    firmware,
    ocp_logs,
    operations,
    render,
    server,
    support,
    surroundings,
)
from nvmedctl.cli.tables import table

from nvmed.v1 import (
    admin_pb2,
    desired_pb2,
    erasure_pb2,
    feature_pb2,
    inventory_pb2,
    ocp_pb2,
    operations_pb2,
    self_test_pb2,
    support_pb2,
    telemetry_pb2,
)

NOW = datetime(2026, 11, 28, 18, 0, tzinfo=UTC)
CONTROLLER = "controllers/s4cxnf0m123456-1"


def at(hours: float) -> Timestamp:
    """A moment so many hours before `NOW`."""
    return Timestamp(seconds=int(NOW.timestamp() - hours * 3600))


SERVER = admin_pb2.ServerInfo(
    version="0.2.0", api_versions=["nvmed.v1"], kernel_release="6.12.41-amd64", host_name="storage-7",
    features=["inventory", "telemetry", "firmware", "logs", "namespaces", "events"], principal="unix:admin",
    host_nqn="nqn.2014-08.org.nvmexpress:uuid:7c94fba2-77af-4a78-8e38-024adf5599f0",
    limits={"watchers_max": 10_000, "image_bytes": 1 << 30},
)  # fmt: skip
ERASED = erasure_pb2.ErasureRecord(
    name="erasureRecords/" + "5c07d2e1" * 4, sequence=17, outcome="ERASURE_OUTCOME_ERASED",
    method="ERASURE_METHOD_SANITIZE_CRYPTO_ERASE",
    controller=CONTROLLER, serial_number="S4CXNF0M123456", model_number="Example Data Center Drive 3.84TB",
    principal="uri:spiffe://example.org/fleet", start_time=at(31), end_time=at(30), ieee_2883="purge",
    nist_800_88="purge", sample_finding="SAMPLE_FINDING_CHANGED",
)  # fmt: skip
ERASING = erasure_pb2.SanitizeDriveResponse(
    controller=CONTROLLER, method="ERASURE_METHOD_SANITIZE_CRYPTO_ERASE", sample_finding="SAMPLE_FINDING_CHANGED",
    erasure_record="erasureRecords/" + "5c07d2e1" * 4,
)  # fmt: skip


def _value(**fields: tuple[int, str]) -> feature_pb2.FeatureValue:
    named = [feature_pb2.FeatureFieldValue(name=name, value=value[0], text=value[1]) for name, value in fields.items()]
    return feature_pb2.FeatureValue(raw=1, fields=named)


FEATURES = [
    feature_pb2.Feature(
        feature="temperature-threshold", feature_id=4, title="Temperature Threshold", changeable=True, saveable=True,
        selectors=[{"name": "sensor", "value": 0, "text": "composite"}, {"name": "side", "value": 1, "text": "under"}],
        current_value=_value(threshold_kelvin=(343, "70 °C")), default_value=_value(threshold_kelvin=(343, "70 °C")),
    ),
    feature_pb2.Feature(
        feature="volatile-write-cache", feature_id=6, title="Volatile Write Cache", changeable=True,
        current_value=_value(enabled=(1, "")),
    ),
    feature_pb2.Feature(feature="number-of-queues", feature_id=7, title="Number of Queues", owner="the kernel's driver",
                        current_value=_value(submission_queues=(31, ""), completion_queues=(31, ""))),
]  # fmt: skip
TESTED = self_test_pb2.RunSelfTestResponse(
    controller=CONTROLLER, test="SELF_TEST_EXTENDED",
    result={"outcome": "OUTCOME_FAILED_SEGMENT", "segment": 5, "nsid": 1, "failing_lba": 90_001},
)  # fmt: skip
DIFFERENCES = [
    desired_pb2.DriveDifference(subject="firmware", current="EDA5402Q", desired="EDA5602Q", disrupts=True),
    desired_pb2.DriveDifference(
        subject="namespaces", current="1 of 3840755982336 bytes", desired="2 of 1920377991168 bytes", loses_data=True
    ),
    desired_pb2.DriveDifference(
        subject="feature volatile-write-cache", current="enabled=1", desired="enabled=0"
    ),
]  # fmt: skip
GATES = [
    operations_pb2.GateResult(controller=CONTROLLER, gate=gate, state=state, description=description)
    for gate, state, description in (
        ("GATE_IMAGE", "STATE_HOLDS", "the image has 8388608 bytes and is whole"),
        ("GATE_TRANSITION", "STATE_NOT_APPLICABLE", "the firmware rules say nothing of steps of 'Example Drive'"),
        ("GATE_SUBSYSTEM_BUSY", "STATE_HOLDS", "nothing else works on subsystems/s4cxnf0m123456-840df8d5"),
    )
]
CAPTURE = telemetry_pb2.Capture(
    name="captures/" + "3f2a90b7" * 4, controller=CONTROLLER, source="TELEMETRY_SOURCE_CONTROLLER",
    size_bytes=16 << 20, create_time=at(2), expire_time=at(-700), automatic=True, generation_number=3,
)  # fmt: skip
BUNDLE = support_pb2.SupportBundle(
    name="supportBundles/" + "91bc44de" * 4, controllers=[CONTROLLER], size_bytes=3 << 19, parts_complete=41,
    parts_missing=2, create_time=at(1), expire_time=at(-23), principal="unix:admin",
)  # fmt: skip
PARTS = [
    {"part": "host/journal", "size_bytes": 18_000, "duration_ms": 12, "finding": "complete", "begin_time": ""},
    {"part": f"{CONTROLLER}/logs/smart", "duration_ms": 30_000, "finding": "missing", "begin_time": "",
     "message": "the drive did not answer within 30 s"},
]  # fmt: skip
ACTIVATIONS = [
    ocp_pb2.OcpFirmwareActivationHistory.Activation(
        activation_count=3, event_time=at(50), previous_revision="EDA5402Q", new_revision="EDA5602Q", slot=2,
        commit_action=3, status_mnemonic="NVME_SC_SUCCESS",
    )
]  # fmt: skip
BUCKETS = [
    ocp_pb2.LatencyMonitorLog.Bucket(number=number, from_ms=ms, read={"count": reads}, write={"count": 0},
                                     deallocate={"count": 0})
    for number, ms, reads in ((0, 5, 1812), (1, 10, 12), (2, 100, 1))
]  # fmt: skip
LIT = inventory_pb2.SetLocatorResponse(
    controller=CONTROLLER, indicator="INDICATOR_LOCATE", on=True, expire_time=at(-1)
)  # fmt: skip


def _operation() -> Operation:
    """One that has failed, with its steps."""
    about = operations_pb2.OperationMetadata(
        method="/nvmed.v1.FirmwareService/StageFirmware", target=CONTROLLER, phase="commit", principal="unix:admin",
        state=operations_pb2.OperationMetadata.STATE_FAILED, create_time=at(1), bytes_done=1 << 22, bytes_total=1 << 22,
        steps=[
            {"name": "download", "intend_time": at(1), "settle_time": at(1)},
            {"name": "commit", "intend_time": at(1), "failure_message": "the drive refuses the image"},
        ],
    )  # fmt: skip
    failed = Operation(name="operations/" + "e89b4d21" * 4, done=True, error=Status(message="the image is refused"))
    failed.metadata.Pack(about)
    return failed


SHOWN: dict[str, Callable[[], str]] = {
    "server info": lambda: server.view(SERVER, "table"),
    "server info -o wide": lambda: server.view(SERVER, "wide"),
    "erasure list": lambda: table(erasure.RECORDS, [ERASED]),
    "drive sanitize": lambda: drive_erasing.erased(ERASING),
    "features list": lambda: table(features.FEATURES, FEATURES),
    "features get": lambda: features.view(FEATURES[0]),
    "drive self-test": lambda: drive.tested(TESTED),
    "drive plan": lambda: table(drive.DIFFERENCES, DIFFERENCES),
    "drive apply": lambda: drive.applied(
        desired_pb2.ApplyDriveResponse(controller=CONTROLLER, differences=DIFFERENCES[:2], remaining=DIFFERENCES[2:]),
        dry_run=False,
    ),
    "firmware stage --dry-run": lambda: firmware.gate_table(GATES),
    "captures list": lambda: table(captures.COLUMNS, [CAPTURE]),
    "support list": lambda: table(support.BUNDLES, [BUNDLE]),
    "support show": lambda: table(support.PARTS, PARTS),
    "logs ocp firmware-history": lambda: table(ocp_logs.ACTIVATIONS, ACTIVATIONS),
    "logs ocp latency": lambda: table(ocp_logs.BUCKETS, BUCKETS),
    "operations show": lambda: operations.view(_operation()),
    "controllers locate": lambda: surroundings.sentence(LIT, validate_only=False),
    "captures show": lambda: render.details(CAPTURE),
}
"""What each command shows of them."""

SENTENCES = ("drive sanitize", "drive self-test", "drive apply", "operations show", "controllers locate")
"""What is no table: a terminal folds it by itself."""
