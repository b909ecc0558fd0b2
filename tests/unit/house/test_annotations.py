"""Annotations say to tools what the comments of the contract say to people: both from one rule, for whatever is added.

A failure names the place and what to type there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from google.api.field_behavior_pb2 import FieldBehavior, field_behavior
from google.api.field_info_pb2 import FieldInfo, field_info
from google.api.resource_pb2 import resource, resource_reference
from google.longrunning.operations_proto_pb2 import operation_info
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from tests.unit.house.test_proto import contract

RESOURCES = {
    "controllers/{controller}": "nvmed.dev/Controller",
    "subsystems/{subsystem}": "nvmed.dev/Subsystem",
    "subsystems/{subsystem}/namespaces/{nsid}": "nvmed.dev/Namespace",
    "images/{sha256}": "nvmed.dev/Image",
    "uploads/{upload}": "nvmed.dev/Upload",
    "erasureRecords/{record}": "nvmed.dev/ErasureRecord",
    "supportBundles/{support_bundle}": "nvmed.dev/SupportBundle",
    "captures/{capture}": "nvmed.dev/Capture",
    "events/{run}-{sequence}": "nvmed.dev/Event",
    "operations/{operation}": "longrunning.googleapis.com/Operation",
}
"""Names of resources as comments write them, and the types they are names of. A resource that is new has a row here."""

PATTERN = re.compile(r"`((?:[a-zA-Z]+/\{[a-z0-9_]+\}(?:-\{[a-z0-9_]+\})?/?)+)`")
RESPONSE = re.compile(r"operation's response is an? (\w+)")
GATES = "A gate that does not hold is the call's status then, and the operation's `error` without it."
OPTION = {
    "required": "(google.api.field_behavior) = REQUIRED",
    "input only": "(google.api.field_behavior) = INPUT_ONLY",
    "output only": "(google.api.field_behavior) = OUTPUT_ONLY",
    "identifier": "(google.api.field_behavior) = IDENTIFIER",
    "uuid": "(google.api.field_info).format = UUID4",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a message, with its comment on one line."""

    file: str
    line: int
    message: DescriptorProto
    full_name: str
    field: FieldDescriptorProto
    comment: str
    is_asked: bool
    """Whether its message is, or is part of, what a method is called with."""


@dataclass(frozen=True, slots=True)
class Files:
    """The contract as a whole."""

    files: dict[str, FileDescriptorProto]

    def messages(self) -> Iterator[tuple[str, tuple[int, ...], str, DescriptorProto]]:
        """Each message with its file, its path there and its full name."""
        for name, file in self.files.items():
            waiting: list[tuple[tuple[int, ...], str, DescriptorProto]] = [
                ((4, number), f"{file.package}.{one.name}", one) for number, one in enumerate(file.message_type)
            ]
            while waiting:
                path, full_name, message = waiting.pop()
                yield name, path, full_name, message
                waiting += [
                    ((*path, 3, number), f"{full_name}.{one.name}", one)
                    for number, one in enumerate(message.nested_type)
                ]

    def asked(self) -> set[str]:
        """Full names of the messages that requests are made of."""
        by_name = {full_name: message for _, _, full_name, message in self.messages()}
        methods = [one for file in self.files.values() for service in file.service for one in service.method]
        found: set[str] = set()
        waiting = [one.input_type[1:] for one in methods]
        while waiting:
            name = waiting.pop()
            if name in by_name and name not in found:
                found.add(name)
                waiting += [field.type_name[1:] for field in by_name[name].field]
        return found

    def places(self) -> Iterator[Place]:
        """Every field of the contract."""
        asked = self.asked()
        for file, path, full_name, message in self.messages():
            told = {tuple(one.path): one for one in self.files[file].source_code_info.location}
            for number, field in enumerate(message.field):
                if (found := told.get((*path, 2, number))) is not None:
                    comment = " ".join(found.leading_comments.split())
                    yield Place(file, found.span[0] + 1, message, full_name, field, comment, full_name in asked)


@cache
def places() -> tuple[Place, ...]:
    return tuple(Files(contract()).places())


def said(place: Place) -> set[str]:
    """The options that the comment of a field asks for, and what it is part of: resources are never sent."""
    wanted: set[str] = set()
    if place.comment.startswith("Required."):
        wanted.add(OPTION["required"])
    if place.is_asked and re.match(r"(Required\. )?Secret\.", place.comment):
        wanted.add(OPTION["input only"])
    if place.field.name == "request_id" and place.message.name != "AuditRecord":
        wanted.add(OPTION["uuid"])
    if place.message.options.HasExtension(resource) and not (place.is_asked or place.field.name == "name"):
        wanted.add(OPTION["output only"])
    if place.field.type == FieldDescriptorProto.TYPE_STRING and (found := PATTERN.search(place.comment)):
        if place.comment.startswith("Resource name, "):
            wanted.add(OPTION["identifier"])
        else:
            wanted.add(refers_to(RESOURCES.get(found[1], f"nvmed.dev/... (and a row in RESOURCES for {found[1]})")))
    return wanted


def refers_to(kind: str) -> str:
    return f'(google.api.resource_reference).type = "{kind}"'


def written(place: Place) -> set[str]:
    """The options that a field has."""
    options = place.field.options
    found = {f"(google.api.field_behavior) = {FieldBehavior.Name(one)}" for one in options.Extensions[field_behavior]}
    if form := options.Extensions[field_info].format:
        found.add(f"(google.api.field_info).format = {FieldInfo.Format.Name(form)}")
    if kind := options.Extensions[resource_reference].type:
        found.add(refers_to(kind))
    return found


def test_fields_are_annotated_as_their_comments_say() -> None:
    wrong: list[str] = []
    for place in places():
        where = f"proto/{place.file}:{place.line} {place.full_name}.{place.field.name}"
        wrong += [f"{where}: write [{option}]" for option in sorted(said(place) - written(place))]
        wrong += [f"{where}: its comment does not say {option}" for option in sorted(written(place) - said(place))]
    assert not wrong, "\n".join([*wrong, "then `make proto`"])


def test_resources_are_annotated_as_their_names_say() -> None:
    """With what generators make of it: the singular and plural of the collection."""
    wrong: list[str] = []
    for place in places():
        if not place.comment.startswith("Resource name, ") or (found := PATTERN.search(place.comment)) is None:
            continue
        kind = place.message.name
        wanted = (f"nvmed.dev/{kind}", found[1], kind[0].lower() + kind[1:], found[1].split("/")[-2])
        option = place.message.options.Extensions[resource]
        if (option.type, "".join(option.pattern), option.singular, option.plural) != wanted:
            text = 'type: "{}" pattern: "{}" singular: "{}" plural: "{}"'.format(*wanted)
            wrong.append(f"proto/{place.file} {place.full_name}: write option (google.api.resource) = {{ {text} }};")
    assert not wrong, "\n".join([*wrong, "then `make proto`"])


def test_methods_that_return_an_operation_say_what_it_ends_with() -> None:
    wrong: list[str] = []
    for name, file in contract().items():
        told = {tuple(one.path): one for one in file.source_code_info.location}
        for number, service in enumerate(file.service):
            for index, method in enumerate(service.method):
                if method.output_type != ".google.longrunning.Operation":
                    continue
                place = told[6, number, 2, index]
                where = f"proto/{name}:{place.span[0] + 1} {method.name}"
                response = "".join(re.findall(RESPONSE, " ".join(place.leading_comments.split()))) or "..."
                info = method.options.Extensions[operation_info]
                if (info.response_type, info.metadata_type) != (response, "OperationMetadata"):
                    text = f'response_type: "{response}" metadata_type: "OperationMetadata"'
                    wrong += [
                        f"{where}: say `The operation's response is a {response}`",
                        f"  and write option (google.longrunning.operation_info) = {{ {text} }};",
                    ]
    assert not wrong, "\n".join([*wrong, "then `make proto`"])


def test_operations_say_where_a_failed_gate_shows_itself() -> None:
    asked = {
        method.input_type.rpartition(".")[2]
        for file in contract().values()
        for service in file.service
        for method in service.method
        if method.output_type == ".google.longrunning.Operation" and method.name != "VerifyFirmware"
    }
    flags = [place for place in places() if place.field.name == "validate_only" and place.message.name in asked]
    assert {place.message.name for place in flags} == asked
    assert [
        f"proto/{place.file}:{place.line} {place.full_name}.validate_only: add `{GATES}`, then `make proto`"
        for place in flags
        if GATES not in place.comment
    ] == []
