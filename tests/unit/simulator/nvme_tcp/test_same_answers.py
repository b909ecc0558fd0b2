"""The same commands to two drives of one kind, one in process and one over NVMe/TCP, are answered alike."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nvmed.nvme import health, logpage
from nvmed.nvme.features import get_features, set_features
from nvmed.nvme.latency_config import LatencyMonitorConfig
from nvmed.nvme.ocp import GUIDS
from nvmed.nvme.opcodes import NSID_ALL, FeatureId, FeatureSelect, LogPage, SelfTestCode
from nvmed.nvme.sanitize import Action, Sanitize
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.simulator.nvme_tcp import NvmeTcpTarget
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.unit.simulator.nvme_tcp.initiator import Initiator

LONG_S = 1e6
SPEC = DriveSpec(short_self_test_s=LONG_S, sanitize_s=LONG_S, autonomous_power_states=True)

Sent = tuple[Command, bytes, int]
"""A command, what it writes, and how many bytes it reads."""


def get(fid: int, select: FeatureSelect = FeatureSelect.CURRENT, size: int = 0) -> Sent:
    return get_features(fid, select=select), b"", size


def put(fid: int, value: int = 0, data: bytes = b"", *, save: bool = False) -> Sent:
    return set_features(fid, value, save=save), data, 0


def log(lid: int, size: int) -> Sent:
    return logpage.get_log_page(lid, size, rae=True), b"", size


def self_test(code: SelfTestCode) -> Sent:
    return health.device_self_test(code, NSID_ALL), b"", 0


def sanitize(action: Action) -> Sent:
    return Sanitize(action).command(), b"", 0


SELF_TEST_LOG, SANITIZE_LOG = log(LogPage.DEVICE_SELF_TEST, health.SelfTestLog.SIZE), log(LogPage.SANITIZE_STATUS, 512)
THRESHOLD = FeatureId.TEMPERATURE_THRESHOLD
MONITOR = LatencyMonitorConfig(thresholds=(1, 2, 3, 4), enabled=1).build()

CONVERSATIONS: dict[str, Sequence[Sent]] = {
    "features": (
        put(THRESHOLD, 340, save=True),
        *(get(THRESHOLD, select) for select in FeatureSelect),
        put(FeatureId.ARBITRATION, 3),
        get(FeatureId.ARBITRATION),
        get(FeatureId.ARBITRATION, FeatureSelect.SAVED),
        get(FeatureId.AUTONOMOUS_POWER_STATE_TRANSITION, size=256),
        get(FeatureId.HOST_BEHAVIOR_SUPPORT, size=512),
        put(FeatureId.HOST_BEHAVIOR_SUPPORT, data=bytes(512)),
        get(0x7A),
        put(0x7A, 1),
        get(0xC5, size=LatencyMonitorConfig.SIZE),
        put(0xC5, data=MONITOR),
        get(0xC5, size=LatencyMonitorConfig.SIZE),
    ),
    "self-test": (
        SELF_TEST_LOG,
        self_test(SelfTestCode.SHORT),
        self_test(SelfTestCode.EXTENDED),  # one is running
        SELF_TEST_LOG,
        self_test(SelfTestCode.ABORT),
        SELF_TEST_LOG,
    ),
    "sanitize": (
        SANITIZE_LOG,
        sanitize(Action.EXIT_FAILURE_MODE),
        sanitize(Action.CRYPTO_ERASE),
        sanitize(Action.BLOCK_ERASE),  # one is running
        self_test(SelfTestCode.SHORT),  # and nothing else may begin
        SANITIZE_LOG,
    ),
    "logs of OCP": tuple(log(lid, 4096) for lid in GUIDS),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_both_ways_are_answered_alike(name: str) -> None:
    near, far = Subsystem(SPEC), Subsystem(SPEC)
    async with NvmeTcpTarget([far], port=0) as target, Initiator(target.port) as initiator:
        await initiator.connect(far.nqn)
        statuses = []
        for command, written, size in CONVERSATIONS[name]:
            data = bytearray(written or size)
            expected = near.controller.execute(Queue.ADMIN, command, data)
            found, read = await initiator.admin.submit(command, written, read_bytes=size)
            assert (found.status, found.result) == (expected.status, expected.result), command
            if size and not expected.status:
                assert read == data, command
            statuses.append(found.status)
        assert statuses.count(0) >= len(statuses) / 2
