"""The contract with its comments, for what is generated from it: as buf compiles it, which needs nothing installed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from google.api import field_behavior_pb2, field_info_pb2, resource_pb2
from google.longrunning import operations_proto_pb2
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

ROOT: Final = Path(__file__).resolve().parent.parent
RELEASES: Final = ROOT / "proto/releases"
PACKAGE: Final = "nvmed.v1"
OPTIONS: Final = (field_behavior_pb2, field_info_pb2, resource_pb2, operations_proto_pb2)
"""What declares the options that the contract has: they are known once it is imported."""

_WITHIN: Final = {
    "FileDescriptorProto": ("message_type", "enum_type", "service"),
    "DescriptorProto": ("field", "nested_type", "enum_type"),
    "EnumDescriptorProto": ("value",),
    "ServiceDescriptorProto": ("method",),
}
"""Fields of a descriptor that hold what has a name and a comment of its own."""


@cache
def files() -> dict[str, FileDescriptorProto]:
    """Every file of the contract, and what it imports, by name."""
    buf = Path(sys.executable).with_name("buf")
    image = subprocess.run([buf, "build", "--output", "-"], cwd=ROOT, capture_output=True, check=True).stdout
    return {file.name: file for file in FileDescriptorSet.FromString(image).file}


@cache
def comments() -> dict[str, str]:
    """The comment of everything that has a name, by that: `nvmed.v1.Image.name`. Its lines are as they stand."""
    return dict(each for file in files().values() for each in _comments(file))


def paragraphs(name: str) -> list[str]:
    """The comment of what has that name: each paragraph on one line."""
    return [" ".join(paragraph.split()) for paragraph in comments()[name].split("\n\n")]


@cache
def version() -> tuple[int, int]:
    """The minor release that this tree is, or becomes."""
    major, minor, *_ = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"].split(".")
    return int(major), int(minor)


@cache
def released() -> dict[tuple[int, int], frozenset[str]]:
    """What each minor release had of the contract, oldest first: the names of everything that has one."""
    frozen = {tuple(map(int, path.stem.split("."))): path for path in RELEASES.glob("*.txtpb")}
    return {
        (number[0], number[1]): frozenset(
            name
            for file in text_format.Parse(frozen[number].read_text("utf-8"), FileDescriptorSet()).file
            for name, _ in _named(file)
        )
        for number in sorted(frozen)
    }


def since(name: str) -> str:
    """The release that brought what has that name, as people write it: that which this tree becomes if none had it."""
    number = next((number for number, names in released().items() if name in names), version())
    return ".".join(map(str, number))


def frozen() -> str:
    """The contract as a release keeps it: text that can be reviewed, without comments and what it imports."""
    own = FileDescriptorSet()
    for file in files().values():
        if file.package == PACKAGE:
            own.file.add().CopyFrom(file)
            own.file[-1].ClearField("source_code_info")
    return text_format.MessageToString(own)


def _comments(file: Any) -> Iterator[tuple[str, str]]:
    by_path = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    for name, path in _named(file):
        if text := by_path.get(path, "").strip():
            yield name, "\n".join(line.removeprefix(" ").rstrip() for line in text.splitlines())


def _named(file: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Everything of a file that has a name, with its path in the file's descriptor."""

    def walk(descriptor: Any, name: str, path: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
        if path:
            yield name, path
        for field in _WITHIN.get(descriptor.DESCRIPTOR.name, ()):
            number = descriptor.DESCRIPTOR.fields_by_name[field].number
            for index, each in enumerate(getattr(descriptor, field)):
                yield from walk(each, f"{name}.{each.name}", (*path, number, index))

    return walk(file, file.package, ())
