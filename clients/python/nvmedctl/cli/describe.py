"""nvmedctl describe: what the contract says of a method, a message, a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from nvmedctl.cli import contract, render
from nvmedctl.cli.settings import Settings, common_options
from nvmedctl.cli.tables import Column, Columns, paragraphs, table

Facts = Mapping[str, Any]

UNITS: Final = {
    "_bytes": "bytes", "_blocks": "logical blocks", "_ms": "milliseconds", "_s": "seconds", "_seconds": "seconds",
    "_minutes": "minutes", "_hours": "hours", "_celsius": "degrees Celsius", "_percent": "percent",
}  # fmt: skip
"""What the end of a field's name says of its number."""


@click.command("describe")
@click.argument("name", default="", shell_complete=contract.complete)
@click.pass_obj
def describe(settings: Settings | None, name: str) -> None:
    """Explain a service, method, message, field or enum of the contract; without NAME, list the services.

    The end of a name will do, in any case of letters: ListImages, FirmwareService, StageFirmwareRequest.image. A method
    says who may call it: its permission, and which of the roles that ship with nvmed have it; `server policy` shows
    the daemon's. No daemon is asked: what is shown is the contract of this version.

    JSON: an object with name, kind, comment, and what the kind has: methods, fields, values; request, response, roles.
    """
    from nvmedctl.cli import contexts

    facts = facts_of(contract.find(name)) if name else _all_services()
    render.emit(contexts.completed(settings or Settings(), connects=False).format, facts, lambda: view(facts))


describe.params += common_options()


def facts_of(thing: contract.Descriptor) -> dict[str, Any]:
    """What the contract says of something, as JSON has it."""
    from google.protobuf import descriptor as of

    kinds: dict[type, tuple[str, Callable[[Any], dict[str, Any]]]] = {
        of.ServiceDescriptor: ("service", lambda s: {"methods": [facts_of(method) for method in s.methods]}),
        of.MethodDescriptor: ("method", _method),
        of.Descriptor: ("message", lambda m: {"fields": [facts_of(field) for field in m.fields]}),
        of.FieldDescriptor: ("field", _field),
        of.EnumDescriptor: ("enum", lambda e: {"values": [facts_of(value) for value in e.values]}),
        of.EnumValueDescriptor: ("value", lambda v: {"number": v.number}),
    }
    kind, more = next(found for known, found in kinds.items() if isinstance(thing, known))
    return {"name": contract.full_name(thing), "kind": kind, "comment": contract.comment(thing), **more(thing)}


def _all_services() -> dict[str, Any]:
    return {"services": [{**facts_of(each), "methods": [m.name for m in each.methods]} for each in contract.services()]}


def _method(method: contract.Descriptor) -> dict[str, Any]:
    return {
        "request": method.input_type.full_name,
        "response": method.output_type.full_name,
        "client_streaming": method.client_streaming,
        "server_streaming": method.server_streaming,
        **contract.permission(method),
    }


def _field(field: contract.Descriptor) -> dict[str, Any]:
    oneof = field.containing_oneof
    return {
        "type": field_type(field),
        "unit": next((unit for end, unit in UNITS.items() if field.name.endswith(end) and _is_number(field)), ""),
        "behavior": contract.behaviour(field),
        "oneof": oneof.name if oneof and len(oneof.fields) > 1 else "",
    }


def _is_number(field: contract.Descriptor) -> bool:
    from google.protobuf.descriptor import FieldDescriptor as F

    return field.cpp_type in {F.CPPTYPE_INT32, F.CPPTYPE_INT64, F.CPPTYPE_UINT32, F.CPPTYPE_UINT64, F.CPPTYPE_DOUBLE}


def field_type(field: contract.Descriptor) -> str:
    """The type of a field as .proto files have it."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto

    kind = field.message_type or field.enum_type
    if field.message_type and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name
        return f"map<{field_type(entry['key'])}, {field_type(entry['value'])}>"
    scalar = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"{'repeated ' if field.is_repeated else ''}{kind.full_name if kind else scalar}"


# -- for people


def _short(name: str) -> str:
    return name.removeprefix("nvmed.v1.").removeprefix("google.protobuf.")


def _last(facts: Facts) -> str:
    return str(facts["name"]).rpartition(".")[2]


def _first(facts: Facts) -> str:
    """The first sentence of a comment."""
    return str(facts["comment"]).replace("\n", " ").partition(". ")[0].removesuffix(".")


def _meaning(facts: Facts) -> str:
    secret = "Goes in and never comes out. " if "INPUT_ONLY" in facts["behavior"] else ""
    return secret + str(facts["comment"]).replace("\n", " ")


SERVICES: Columns[Facts] = (
    Column("SERVICE", lambda f: f["name"], _short),
    Column("METHODS", lambda f: " ".join(f["methods"])),
)
METHODS: Columns[Facts] = (
    Column("METHOD", _last),
    Column("PERMISSION", lambda f: f.get("permission", "")),
    Column("DOES", _first),
)
FIELDS: Columns[Facts] = (
    Column("FIELD", _last),
    Column("TYPE", lambda f: f["type"], lambda kind: " ".join(map(_short, kind.split()))),
    Column("MEANING", _meaning),
)
VALUES: Columns[Facts] = (
    Column("VALUE", _last),
    Column("NUMBER", lambda f: f["number"]),
    Column("MEANING", lambda f: f["comment"].replace("\n", " ")),
)


def view(facts: Facts) -> str:
    """The facts for people: what it is, what it means, what it is made of."""
    if "services" in facts:
        return table(SERVICES, facts["services"])
    parts = [f"{facts['kind']} {facts['name']}", paragraphs(facts["comment"]), _about(facts)]
    parts += [table(columns, facts[name]) for name, columns in _PARTS.items() if name in facts]
    if facts["kind"] == "method":
        request = contract.find(facts["request"])
        parts += [f"{_short(facts['request'])}:", table(FIELDS, facts_of(request)["fields"])]
    return "\n\n".join(part for part in parts if part)


_PARTS: Final = {"methods": METHODS, "fields": FIELDS, "values": VALUES}


def _about(facts: Facts) -> str:
    if facts["kind"] == "field":
        said = {"type": facts["type"], "unit": facts["unit"], "one of": facts["oneof"]}
        said["behavior"] = ", ".join(each.lower().replace("_", " ") for each in facts["behavior"])
        return "\n".join(f"{name}: {value}" for name, value in said.items() if value)
    if facts["kind"] != "method":
        return ""
    sends, answers = ("a stream of " if facts[way] else "" for way in ("client_streaming", "server_streaming"))
    said = {"request": sends + facts["request"], "answer": answers + facts["response"]}
    if facts.get("permission"):
        over = f" over what {facts['resource_field']} names" if facts["resource_field"] else " over the host"
        said["permission"] = facts["permission"] + over
        said["roles that have it"] = ", ".join(facts["roles"]) or "none that ships"
    return "\n".join(f"{name}: {value}" for name, value in said.items())
