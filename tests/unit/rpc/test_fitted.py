"""Numbers that a drive, a kernel or a file gives fit their field or leave it unset, in every conversion."""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

import nvmed.rpc.convert
import nvmed.v1
from nvmed.devices.controller import Device
from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from nvmed.nvme.host import ControllerNode
from nvmed.nvme.layout import Structure
from nvmed.operations.running import Running
from nvmed.reasons import Reason, error
from nvmed.rpc.convert.fitted import TIMESTAMP_MS_MAX, fitted, fitted_dict, timestamp, timestamp_of
from nvmed.simulator.host import SimulatedHost
from nvmed.v1 import log_pb2, namespace_pb2

RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
EDGES = (
    0,
    1,
    -1,
    255,
    256,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**63,
    2**64 - 1,
    2**64,
    2**128 - 1,
    -(2**63) - 1,
)


def messages() -> Iterator[type[Message]]:
    """Every message of the contract."""
    for module in pkgutil.iter_modules(nvmed.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"nvmed.v1.{module.name}").DESCRIPTOR
            yield from (made for one in file.message_types_by_name.values() for made in nested(one))


def nested(descriptor: Any) -> Iterator[type[Message]]:
    yield message_factory.GetMessageClass(descriptor)
    for inner in descriptor.nested_types:
        yield from nested(inner)


NUMBERS = [
    (kind, field.name) for kind in messages() for field in kind.DESCRIPTOR.fields
    if field.cpp_type in RANGES and not (field.message_type or field.enum_type)
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), NUMBERS, ids=[f"{kind.DESCRIPTOR.name}.{name}" for kind, name in NUMBERS])
def test_every_number_of_the_contract_takes_any_value(kind: type[Message], name: str) -> None:
    field = kind.DESCRIPTOR.fields_by_name[name]
    low, high = RANGES[field.cpp_type]
    for value in (low, high, low - 1, high + 1, *EDGES):
        made = fitted(kind, **{name: [value] if field.is_repeated else value})
        got = getattr(made, name)
        counts = field.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
        fits = low <= value <= high or (counts and value > high)
        wanted = min(value, high) if fits else 0
        assert got == ([wanted] if fits else []) if field.is_repeated else got == wanted
        if "omissions" in kind.DESCRIPTOR.fields_by_name and not field.is_repeated:
            assert [one.field for one in made.omissions] == ([] if fits else [name])  # type: ignore[attr-defined]


def test_what_is_no_number_fits_too() -> None:
    assert fitted(log_pb2.SelfTestLog, running=77).running == log_pb2.SELF_TEST_UNSPECIFIED
    assert fitted(log_pb2.PersistentEventLog, model_number="odd \udcff").model_number == "odd ?"
    assert timestamp(TIMESTAMP_MS_MAX) is not None
    assert [timestamp(ms) for ms in (TIMESTAMP_MS_MAX + 1, -1, 2**48)] == [None] * 3
    assert timestamp_of("yesterday") is None


def test_a_result_of_another_version_loses_only_what_does_not_fit() -> None:
    result = {"controller": "controllers/a-1", "nsids": [1, 2], "lba_format": -3, "what is this": 1}
    made = fitted_dict(namespace_pb2.FormatNamespaceResponse, result)
    assert made == namespace_pb2.FormatNamespaceResponse(controller="controllers/a-1", nsids=[1, 2])


# -- every conversion


def modules() -> list[types.ModuleType]:
    found = pkgutil.iter_modules(nvmed.rpc.convert.__path__)
    return [importlib.import_module(f"nvmed.rpc.convert.{one.name}") for one in found if one.name != "fitted"]


def conversions() -> list[Any]:
    """The public functions that make messages."""
    return [
        function for module in modules() for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
        and inspect.isclass(given := typing.get_type_hints(function)["return"]) and issubclass(given, Message)
        and given.__module__.startswith("nvmed.v1")
    ]  # fmt: skip


CONVERSIONS = conversions()


class Sample:
    """Values of any type hint, with `number` for every number, and its low byte in all of a structure."""

    def __init__(self, number: int) -> None:
        self.number = number

    def of(self, hint: Any) -> Any:
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if hint in (Any, type(None), Running):
            return None
        if origin in (types.UnionType, typing.Union):
            return self.of(next(one for one in inner if one is not type(None)))
        if origin is tuple:
            return tuple(self.of(one) for one in inner if one is not ...)
        if inspect.isclass(origin) and issubclass(origin, Mapping):
            return {self.of(inner[0]): self.of(inner[1])}
        if inspect.isclass(origin) and issubclass(origin, Iterable):
            return [self.of(inner[0])]
        return self.of_class(origin or hint, inner)

    def of_class(self, kind: Any, inner: tuple[Any, ...]) -> Any:
        simple: list[tuple[type, Any]] = [
            (bool, True), (int, self.number), (float, float(self.number)), (str, "R"), (bytes, bytes(4096)),
        ]  # fmt: skip
        if issubclass(kind, enum.Enum):
            return next(iter(kind))
        if issubclass(kind, NvmedError):
            return error(Reason.NVME_DATA_INVALID, "cut")
        for base, value in simple:
            if issubclass(kind, base):
                return value
        if issubclass(kind, Message):
            return kind()
        if issubclass(kind, Structure):
            return kind.parse(bytes([self.number & 0xFF]) * kind.SIZE)
        if kind is Device:
            return Device("drive", self.of(ControllerNode), SimulatedHost(), Lane("drive"))
        if not dataclasses.is_dataclass(kind):
            return None
        made: Any = object.__new__(kind)  # type: ignore[arg-type]
        hints, meant = typing.get_type_hints(kind), dict(zip(getattr(kind, "__parameters__", ()), inner, strict=False))
        for field in dataclasses.fields(kind):
            hint = hints[field.name]
            if isinstance(hint, typing.TypeVar):
                hint = meant[hint]
            elif parameters := getattr(hint, "__parameters__", ()):
                hint = hint[tuple(meant[one] for one in parameters)]
            object.__setattr__(made, field.name, self.of(hint))
        return made


SPECIAL: Mapping[str, Mapping[str, Any]] = {
    # who made it has looked at these numbers: they are this host's own, or what a key's text says
    "checked": {"psk_bytes": 32},
    "header": {"chunk_bytes": 4096},
    "surroundings": {"until_ms": lambda name, indicator: None},
}
"""Arguments of a conversion that are not a drive's, a kernel's or a file's."""


@pytest.mark.parametrize("number", EDGES)
@pytest.mark.parametrize("convert", CONVERSIONS, ids=lambda one: f"{one.__module__.rpartition('.')[2]}.{one.__name__}")
def test_every_conversion_takes_any_number(convert: Any, number: int) -> None:
    hints = typing.get_type_hints(convert)
    own = SPECIAL.get(convert.__name__, {})
    given = {name: own.get(name, Sample(number).of(hint)) for name, hint in hints.items() if name != "return"}
    made = convert(**given)
    assert isinstance(made, hints["return"])
    assert made.SerializeToString() is not None


def test_the_conversions_are_there() -> None:
    of_requests_alone = {"desired", "digests"}
    assert {module.__name__.rpartition(".")[2] for module in modules()} - of_requests_alone == {
        function.__module__.rpartition(".")[2] for function in CONVERSIONS
    }


def made_directly() -> Iterator[str]:
    """Where a message with numbers is made of anything but `fitted`, in the conversions and services."""
    root = Path(nvmed.rpc.convert.__file__).parents[1]
    for folder in ("convert", "services"):
        for path in sorted((root / folder).glob("*.py")):
            names = vars(
                importlib.import_module(
                    f"nvmed.rpc.{folder}.{path.stem}" if path.stem != "__init__" else f"nvmed.rpc.{folder}"
                )
            )
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and (kind := named(node.func, names)) is not None:
                    numbers = {name for made, name in NUMBERS if made.DESCRIPTOR.full_name == kind.DESCRIPTOR.full_name}
                    given = {keyword.arg for keyword in node.keywords}
                    if numbers & given:
                        yield f"{folder}/{path.name}:{node.lineno} {kind.DESCRIPTOR.name} {sorted(numbers & given)}"


def named(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The message class that an expression names, None if it names none."""
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        path.insert(0, node.attr)
        node = node.value
    found: Any = names.get(node.id) if isinstance(node, ast.Name) else None
    for name in path:
        found = getattr(found, name, None)
    return found if inspect.isclass(found) and issubclass(found, Message) else None


def test_nothing_but_the_one_place_makes_messages_with_numbers() -> None:
    assert list(made_directly()) == []
