"""The contract: every part of it explained to those who write clients, and usable in their languages."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

from nvmed.rpc.convert.operations import RESPONSES
from scripts.contract import files

ROOT = Path(__file__).resolve().parents[3]
PROTOS = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))

Path_ = tuple[int, ...]
Part = tuple[str, Path_]
"""Name of a part of a file, and its path in the file's descriptor, as source info gives it."""


def contract() -> dict[str, FileDescriptorProto]:
    """Each file of the contract with its source info."""
    return {name: files()[name] for name in PROTOS}


def message_parts(message: DescriptorProto, name: str, path: Path_) -> Iterator[Part]:
    """A message, its fields and oneofs, and all that is declared in it."""
    if message.options.map_entry:
        return
    name = f"{name}.{message.name}"
    yield name, path
    yield from ((f"{name}.{field.name}", (*path, 2, number)) for number, field in enumerate(message.field))
    for number, nested in enumerate(message.nested_type):
        yield from message_parts(nested, name, (*path, 3, number))
    for number, enum in enumerate(message.enum_type):
        yield from enum_parts(enum, name, (*path, 4, number))
    synthetic = {field.oneof_index for field in message.field if field.proto3_optional}
    for number, oneof in enumerate(message.oneof_decl):
        if number not in synthetic:
            yield f"{name}.{oneof.name}", (*path, 8, number)


def enum_parts(enum: EnumDescriptorProto, name: str, path: Path_) -> Iterator[Part]:
    """An enum and its values."""
    yield f"{name}.{enum.name}", path
    for number, value in enumerate(enum.value):
        yield f"{name}.{enum.name}.{value.name}", (*path, 2, number)


def service_parts(service: ServiceDescriptorProto, path: Path_) -> Iterator[Part]:
    """A service and its methods."""
    yield service.name, path
    for number, method in enumerate(service.method):
        yield f"{service.name}.{method.name}", (*path, 2, number)


def parts(file: FileDescriptorProto) -> Iterator[Part]:
    """Everything in a file that a client author meets."""
    for number, message in enumerate(file.message_type):
        yield from message_parts(message, file.package, (4, number))
    for number, enum in enumerate(file.enum_type):
        yield from enum_parts(enum, file.package, (5, number))
    for number, service in enumerate(file.service):
        yield from service_parts(service, (6, number))


@pytest.mark.parametrize("name", PROTOS)
def test_everything_is_explained_in_sentences(name: str) -> None:
    file = contract()[name]
    comments = {tuple(place.path): place.leading_comments.strip() for place in file.source_code_info.location}
    assert [part for part, path in parts(file) if not comments.get(path, "").endswith((".", ":"))] == []


@pytest.mark.parametrize("name", PROTOS)
def test_every_language_gets_its_options(name: str) -> None:
    """And Debian's protoc 3.21 can compile it: proto3, no edition."""
    file = contract()[name]
    options = file.options
    assert file.syntax == "proto3"
    assert (options.go_package, options.java_package, options.java_multiple_files) == (
        "github.com/nvmed/nvmed/clients/go/nvmed/v1;nvmedv1",
        "dev.nvmed.v1",
        True,
    )


def test_one_file_holds_one_service() -> None:
    assert {name: len(file.service) for name, file in contract().items() if len(file.service) > 1} == {}


def test_what_is_committed_is_what_the_contract_generates() -> None:
    check: list[str | Path] = [sys.executable, ROOT / "scripts/generate_proto.py", "--check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_lower_bounds_are_what_generated_code_asks_for() -> None:
    """grpcio and protobuf refuse code of a newer generator when it is imported."""
    generated = "".join(path.read_text() for path in (ROOT / "nvmed/v1").glob("*_pb2*.py"))
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    grpcio = set(re.findall(r"GRPC_GENERATED_VERSION = '([\d.]+)'", generated))
    protobuf = {".".join(numbers) for numbers in re.findall(r"Domain\.PUBLIC,\s+(\d+),\s+(\d+),\s+(\d+),", generated)}
    assert [f"grpcio>={version}" for version in grpcio] == [name for name in dependencies if name.startswith("grpcio>")]
    assert [f"protobuf>={version}" for version in protobuf] == [
        name for name in dependencies if name.startswith("protobuf")
    ]


def test_every_operation_has_a_typed_response() -> None:
    """Clients unpack what a method's operation ends with."""
    begin = {
        f"{file.package}.{service.name}/{method.name}"
        for file in contract().values()
        for service in file.service
        for method in service.method
        if method.output_type == ".google.longrunning.Operation"
    }
    assert set(RESPONSES) == begin
