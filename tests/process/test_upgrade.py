"""A daemon of this release on what one of the release before left, and a client of then with a daemon of now."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api import field_behavior_pb2, field_info_pb2, resource_pb2
from google.longrunning import operations_proto_pb2
from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tests.process.conftest import StartProcess

ROOT = Path(__file__).parents[2]
BEFORE = Path(__file__).parent / "state-0.1/state.tar.gz"
OPTIONS = (field_behavior_pb2, field_info_pb2, resource_pb2, operations_proto_pb2)
"""What declares the options that the contract has: they are known once it is imported."""

CONTRACT = ROOT / "proto/releases/0.1.txtpb"


def nvmedctl(address: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", "nvmedctl", "--address", address, "-o", "json", *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def contract_of_before() -> descriptor_pool.DescriptorPool:
    """What a client of 0.1.0 was compiled against, and what that imports."""
    for path in (ROOT / "nvmed/v1").glob("*_pb2.py"):
        importlib.import_module(f"nvmed.v1.{path.stem}")  # these bring what the contract imports
    pool = descriptor_pool.DescriptorPool()
    own = {file.name: file for file in text_format.Parse(CONTRACT.read_text("utf-8"), FileDescriptorSet()).file}
    added: set[str] = set()

    def add(name: str) -> None:
        if name in added:
            return
        added.add(name)
        file = own.get(name)
        if file is None:
            file = FileDescriptorProto()
            descriptor_pool.Default().FindFileByName(name).CopyToProto(file)
        for imported in file.dependency:
            add(imported)
        pool.Add(file)

    for name in own:
        add(name)
    return pool


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The state directory of 0.1.0, in which no image is too old to be kept."""
    with tarfile.open(BEFORE) as archive:
        archive.extractall(tmp_path, filter="data")
    state = tmp_path / "state"
    state.chmod(0o700)
    for described in (state / "spool").glob("*.json"):
        image = json.loads(described.read_text())
        described.write_text(json.dumps({**image, "created_ms": int(time.time() * 1000)}))
    return state


@pytest.mark.timeout(60)
def test_what_the_release_before_left_is_read_and_gone_on_with(before: Path, start_process: StartProcess) -> None:
    daemon = start_process("--simulate", "2")
    assert daemon.process.poll() is None, daemon.log.read_text()
    history = nvmedctl(daemon.address, "firmware", "history", "nvme0")["records"]
    assert [(each["outcome"], each["slot_revision"]) for each in history] == [
        ("FIRMWARE_OUTCOME_ALREADY_CURRENT", "3.0.0"), ("FIRMWARE_OUTCOME_STAGED", "3.0.0"),
    ]  # fmt: skip
    (image,) = nvmedctl(daemon.address, "firmware", "images")["images"]
    staged = nvmedctl(daemon.address, "firmware", "stage", "nvme1", "--image", image["name"].partition("/")[2])
    assert staged["drives"][0]["outcome"] == "FIRMWARE_OUTCOME_STAGED"
    daemon.process.terminate()
    daemon.process.wait()
    verify = [sys.executable, "-m", "nvmedctl", "audit", "verify", str(before / "audit")]
    verified = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.timeout(60)
def test_a_client_of_the_release_before_is_understood(start_process: StartProcess) -> None:
    """By the contract as it was compiled then: what is new is passed over, what was there is there."""
    pool = contract_of_before()
    daemon = start_process("--simulate", "2")
    with grpc.insecure_channel(daemon.address) as channel:
        service = pool.FindServiceByName("nvmed.v1.InventoryService")
        method = service.FindMethodByName("ListControllers")
        asked, told = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
        call = channel.unary_unary(
            f"/{service.full_name}/{method.name}",
            request_serializer=asked.SerializeToString,
            response_deserializer=told.FromString,
        )
        answer: Any = call(asked(page_size=10), timeout=20)
    assert [one.device_node for one in answer.controllers] == ["nvme0", "nvme1"]
