"""The part of a support bundle that is about the daemon and the host, not about what a drive answers."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import distributions
from typing import Any, Final

import msgspec
from google.longrunning import operations_pb2 as longrunning

import nvmed
from nvmed import limits
from nvmed.audit_chain import verify
from nvmed.config import Config
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.lane import Lane
from nvmed.events.events import Events
from nvmed.nvme import kernel_log
from nvmed.nvme.host import Host
from nvmed.nvme.kernel_log import KernelLine
from nvmed.os_errors import os_error
from nvmed.rpc.admission import AdmissionControl
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import events as convert_events
from nvmed.rpc.convert.fitted import fitted
from nvmed.rpc.metrics import Metrics
from nvmed.rpc.services.event import View
from nvmed.rpc.services.support_parts import Asked, bytes_part, json_part, plain
from nvmed.support.collecting import Part
from nvmed.v1 import admin_pb2, inventory_pb2, telemetry_pb2
from nvmed.v1.operations_pb2 import OperationMetadata

_PASSTHRU: Final = "nvmed.v1.PassthruService/"
"""Methods whose answers are a drive's data, kept for a request_id: no business of a bundle's."""


class HostState:
    """What is asked of the daemon. `own_lanes` are those beside the drives'."""

    def __init__(
        self,
        asked: Asked,
        configured: Config,
        host: Host,
        inventory: Inventory,
        events: Events,
        control: AdmissionControl,
        metrics: Metrics,
        reader: Lane,
        own_lanes: Callable[[], Sequence[Lane]],
    ) -> None:
        self._asked = asked
        self._configured = configured
        self._host = host
        self._inventory = inventory
        self._events = events
        self._control = control
        self._metrics = metrics
        self._reader = reader
        self._own_lanes = own_lanes

    def drive_parts(self, device: Device, kernel: KernelLog) -> list[Part]:
        """What the host knows of a drive: first, as that asks nobody who may hang."""
        folder, node = device.resource_name, device.node
        names = {node.node, *(one for n in node.namespaces for one in (n.node, n.generic_node))}
        names.add(node.address if not node.is_connection else "")
        return [
            json_part(f"{folder}/operations.json", partial(self._operations, device.resource_name)),
            json_part(f"{folder}/captures.json", partial(self._captures, device.resource_name)),
            json_part(f"{folder}/events.json", partial(self._events_of, device.resource_name)),
            bytes_part(f"{folder}/kernel.log", partial(kernel.about, names - {""})),
            json_part(f"{folder}/lane.json", partial(_given, lambda: _lane(device.lane))),
        ]

    def parts(self, kernel: KernelLog) -> list[Part]:
        """What only who may do that over the host is shown."""
        return [
            json_part("host/server-info.json", self._server_info),
            json_part("host/configuration.json", partial(_given, lambda: msgspec.to_builtins(self._configured))),
            json_part("host/policy.json", self._policy),
            json_part("host/software.json", partial(self._reader.run, _software)),
            json_part("host/process.json", partial(_given, self._process)),
            bytes_part("host/metrics.prom", partial(_given, self._metrics.exposition)),
            json_part("host/audit.json", partial(self._reader.run, self._audit)),
            json_part("host/controllers.json", self._controllers),
            json_part("host/operations.json", partial(self._operations, "")),
            json_part("host/events.json", partial(self._events_of, "")),
            bytes_part("host/kernel.log", partial(kernel.about, None)),
        ]

    def kernel_log(self) -> KernelLog:
        """The kernel's log, to be read once for a bundle."""
        return KernelLog(self._host, self._reader)

    async def _server_info(self) -> Any:
        return await self._asked.admin.GetServerInfo(admin_pb2.GetServerInfoRequest(), None)

    async def _policy(self) -> Any:
        return await self._asked.admin.GetPolicy(admin_pb2.GetPolicyRequest(), None)

    async def _controllers(self) -> Any:
        request = fitted(inventory_pb2.ListControllersRequest, page_size=limits.PAGE_SIZE_MAX)
        return await self._asked.inventory.ListControllers(request, None)

    async def _operations(self, target: str) -> Any:
        wanted = f'target = "{target}"' if target else ""
        request = fitted(longrunning.ListOperationsRequest, filter=wanted, page_size=limits.PAGE_SIZE_MAX)
        answer = await self._asked.operations.ListOperations(request, None)
        for operation in answer.operations:
            metadata = OperationMetadata()
            operation.metadata.Unpack(metadata)
            if metadata.method.startswith(_PASSTHRU):
                operation.ClearField("response")
        return answer

    async def _captures(self, controller: str) -> Any:
        """Telemetry that is on the host's disk already, of what the caller may read."""
        wanted = f'controller = "{controller}"'
        request = fitted(telemetry_pb2.ListCapturesRequest, filter=wanted, page_size=limits.PAGE_SIZE_MAX)
        return await self._asked.telemetry.ListCaptures(request, None)

    async def _events_of(self, subject: str) -> Any:
        """The events that are kept, of those that the caller may see."""
        view, shown, position = View(current_call.get(), subject), [], 0
        while batch := self._events.since(position).events:
            shown += [convert_events.event(event, self._events.run) for event in batch if view.shows(event)]
            position = batch[-1].sequence
            await asyncio.sleep(0)
        return {"events": [plain(event) for event in shown]}

    def _process(self) -> dict[str, Any]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        budget = self._control.budget
        lanes = [*self._own_lanes(), *(device.lane for device in self._inventory.known)]
        return {
            "pid": os.getpid(),
            "max_resident_kib": usage.ru_maxrss,
            "processor_s": usage.ru_utime + usage.ru_stime,
            "tasks": len(asyncio.all_tasks()),
            "lanes": [_lane(lane) for lane in lanes],
            "budget": {name: getattr(budget, name) for name in ("total", "used", "used_max", "refused")},
            "throttle": msgspec.structs.asdict(self._control.throttle.limits),
        }

    def _audit(self) -> dict[str, Any]:
        """Whether the audit is what was written; blocks."""
        return asdict(verify(self._control.audit.directory))


class KernelLog:
    """The kernel's log as it was when it was first asked for."""

    def __init__(self, host: Host, lane: Lane) -> None:
        self._host = host
        self._lane = lane
        self._lock = asyncio.Lock()
        self._lines: Sequence[KernelLine] | None = None

    async def about(self, names: Collection[str] | None) -> bytes:
        """The lines about a drive of these names, or about NVMe at all; raises where it may not be read."""
        async with self._lock:
            if self._lines is None:
                self._lines = await self._lane.run(self._read)
        found = kernel_log.about_nvme(self._lines) if names is None else kernel_log.about(self._lines, names)
        return "".join(f"{line}\n" for line in found).encode()

    def _read(self) -> Sequence[KernelLine]:
        try:
            return self._host.kernel_log()
        except OSError as exc:
            raise os_error(exc, "open", "/dev/kmsg") from exc


async def _given(value: Callable[[], Any]) -> Any:
    return value()


def _lane(lane: Lane) -> dict[str, Any]:
    return {name: getattr(lane, name) for name in ("name", "busy", "waiting", "stalled", "stalled_for_ms", "fault")}


def _software() -> dict[str, Any]:
    """Versions of what runs here; blocks."""
    return {
        "nvmed": nvmed.__version__,
        "python": sys.version,
        "kernel": list(os.uname()),
        "libc": " ".join(platform.libc_ver()),
        "distributions": dict(sorted((one.name, one.version) for one in distributions())),
    }
