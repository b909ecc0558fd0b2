"""Each call that libnvme was observed to make is a test of nvmed, or this fails."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from tests.rpc.rpc import test_command_vectors
from tests.unit.devices import test_firmware_download, test_logs_vectors, test_telemetry_vectors

Case = dict[str, Any]
CASES: list[Case] = json.loads((Path(__file__).parents[2] / "vectors" / "commands.json").read_text())

DEVICE_CALLS = {
    "nvme_get_telemetry_max": test_command_vectors,
    "nvme_get_telemetry_log": test_telemetry_vectors,
    "nvme_get_ctrl_telemetry": test_telemetry_vectors,
    "nvme_get_host_telemetry": test_telemetry_vectors,
    "nvme_get_new_host_telemetry": test_telemetry_vectors,
    "nvme_fw_download_seq": test_firmware_download,
    "nvme_get_ana_log_len": test_logs_vectors,
    "nvme_get_ana_log_len_from_id_ctrl": test_logs_vectors,
    "nvme_get_lba_status_log": test_logs_vectors,
    "nvme_get_logical_block_size": test_command_vectors,
    "nvme_namespace_attach_ctrls": test_command_vectors,
    "nvme_namespace_detach_ctrls": test_command_vectors,
}
"""Where the cases of each function run against a drive; deviations are named in the module's docstring or table."""


def as_tuple(value: Any) -> tuple[Any, ...]:
    """The arguments of one test: pytest.param, a tuple, or a single one."""
    if isinstance(value, ParameterSet):
        return tuple(value.values)
    return value if isinstance(value, tuple) else (value,)


def parameters(module: ModuleType) -> list[Case]:
    """Every case that a test of `module` is parametrized with."""
    marks = [
        mark
        for name, function in vars(module).items()
        if name.startswith("test_")
        for mark in getattr(function, "pytestmark", [])
        if mark.name == "parametrize"
    ]
    flat = [one for mark in marks for value in mark.args[1] for one in as_tuple(value)]
    return [one for one in flat if isinstance(one, dict) and "function" in one]


def test_every_function_has_its_tests() -> None:
    assert {case["function"] for case in CASES} == set(DEVICE_CALLS)


@pytest.mark.parametrize(("function", "module"), DEVICE_CALLS.items())
def test_every_case_is_a_test(function: str, module: ModuleType) -> None:
    observed = [case for case in CASES if case["function"] == function]
    tried = [case for case in parameters(module) if case["function"] == function]
    assert observed
    assert [case["case"] for case in observed if case not in tried] == []
