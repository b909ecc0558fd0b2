"""The contract's generated modules, each imported when it is first used: `pb.key.ReadKeyRequest`.

Protobuf takes a fifth of a second to import. `--version`, `--help` and completion need none of it, so commands name the
messages inside their functions, and nothing of this module while they are imported.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.longrunning import operations_pb2 as longrunning
    from google.protobuf import timestamp_pb2 as timestamp

    from nvmed.v1 import admin_pb2 as admin
    from nvmed.v1 import desired_pb2 as desired
    from nvmed.v1 import erasure_pb2 as erasure
    from nvmed.v1 import event_pb2 as event
    from nvmed.v1 import feature_pb2 as feature
    from nvmed.v1 import firmware_pb2 as firmware
    from nvmed.v1 import inventory_pb2 as inventory
    from nvmed.v1 import key_pb2 as key
    from nvmed.v1 import log_pages_pb2 as log_pages
    from nvmed.v1 import log_pb2 as log
    from nvmed.v1 import namespace_pb2 as namespace
    from nvmed.v1 import ocp_pb2 as ocp
    from nvmed.v1 import operations_pb2 as operations
    from nvmed.v1 import passthru_pb2 as passthru
    from nvmed.v1 import resources_pb2 as resources
    from nvmed.v1 import security_pb2 as security
    from nvmed.v1 import self_test_pb2 as self_test
    from nvmed.v1 import support_pb2 as support
    from nvmed.v1 import telemetry_pb2 as telemetry

__all__ = [
    "admin", "desired", "erasure", "event", "feature", "firmware", "inventory", "key", "log", "log_pages",
    "longrunning", "namespace", "ocp", "operations", "passthru", "resources", "security", "self_test", "support",
    "telemetry", "timestamp",
]  # fmt: skip

_OF_OTHERS = {"longrunning": "google.longrunning.operations_pb2", "timestamp": "google.protobuf.timestamp_pb2"}


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(name)
    return import_module(_OF_OTHERS.get(name, f"nvmed.v1.{name}_pb2"))
