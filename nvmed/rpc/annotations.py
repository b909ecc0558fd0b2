"""What the contract's annotations say, read from the descriptors: `proto/` is the one place where it is written."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, Final

from google.api.field_behavior_pb2 import REQUIRED, field_behavior
from google.api.field_info_pb2 import FieldInfo, field_info
from google.longrunning.operations_proto_pb2 import operation_info
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

import nvmed.v1

UUID4: Final = FieldInfo.UUID4


def is_required(field: Any) -> bool:
    """Whether a field is `google.api.field_behavior = REQUIRED`."""
    return REQUIRED in field.GetOptions().Extensions[field_behavior]


def format_of(field: Any) -> int:
    """The `google.api.field_info.format` of a field, 0 if it has none."""
    return int(field.GetOptions().Extensions[field_info].format)


def _files() -> Iterator[Any]:
    for module in pkgutil.iter_modules(nvmed.v1.__path__):
        if module.name.endswith("_pb2"):
            yield importlib.import_module(f"nvmed.v1.{module.name}").DESCRIPTOR


FILES: Final = tuple(_files())
"""The descriptor of every file of the contract."""


def message(name: str) -> Any:
    """The descriptor of a message of the contract, by its name within the package."""
    return descriptor_pool.Default().FindMessageTypeByName(f"nvmed.v1.{name}")


def operation_responses() -> Iterator[tuple[str, type[Message]]]:
    """Each method that returns an Operation, as `nvmed.v1.Service/Method`, and what that ends with."""
    for file in FILES:
        for service in file.services_by_name.values():
            for method in service.methods:
                if kind := method.GetOptions().Extensions[operation_info].response_type:
                    yield f"{service.full_name}/{method.name}", message_factory.GetMessageClass(message(kind))
