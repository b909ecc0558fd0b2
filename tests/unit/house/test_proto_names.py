"""Names of the contract that a language cannot have, of those that are compiled where the contract is not looked at."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from scripts import contract

MACROS = frozenset(
    {"errno", "assert", "major", "minor", "makedev", "stdin", "stdout", "stderr", "unix", "linux", "signbit"}
)
"""What glibc's headers, which generated C++ includes, make of a field's accessor."""

RELEASED = {
    "nvmed.v1.KernelKey.description_bytes": "clients/java/stubs/pom.xml",
    "nvmed.v1.OsError.errno": "clients/cpp/stubs/CMakeLists.txt",
}
"""What was released before anybody compiled it, and where its language gets another name for it."""


def messages(package: str, within: DescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
    name = f"{package}.{within.name}"
    yield name, within
    for nested in within.nested_type:
        yield from messages(name, nested)


def impossible(message: DescriptorProto) -> Iterator[str]:
    """Fields whose accessors clash: Java makes getXBytes() of a string X, getXCount(), getXList() of repeated ones."""
    names = {field.name for field in message.field}
    for field in message.field:
        if field.name in MACROS:
            yield field.name
        if field.type == FieldDescriptorProto.TYPE_STRING and f"{field.name}_bytes" in names:
            yield f"{field.name}_bytes"
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            yield from (f"{field.name}{end}" for end in ("_count", "_list") if f"{field.name}{end}" in names)


def test_no_field_has_a_name_that_java_or_cpp_cannot_have() -> None:
    found = {
        f"{name}.{field}"
        for file in contract.files().values() if file.package == contract.PACKAGE
        for top in file.message_type
        for name, message in messages(file.package, top)
        for field in impossible(message)
    }  # fmt: skip
    assert found == set(RELEASED)


def test_no_file_has_the_name_of_a_message_of_another() -> None:
    """A file is a class in Java; protoc evades what is in the same file, and nothing else."""
    ours = [file for file in contract.files().values() if file.package == contract.PACKAGE]
    kinds = {
        *((message.name, file.name) for file in ours for message in file.message_type),
        *((enum.name, file.name) for file in ours for enum in file.enum_type),
        *((service.name, file.name) for file in ours for service in file.service),
    }
    for file in ours:
        stem = file.name.rsplit("/", 1)[-1].removesuffix(".proto")
        outer = file.options.java_outer_classname or "".join(word.capitalize() for word in stem.split("_"))
        assert [where for name, where in kinds if name == outer and where != file.name] == []
