"""An open device node of a simulated host: `nvmed.nvme.transport.Transport`, with a kernel's own refusals."""

from __future__ import annotations

import errno
from collections.abc import Callable

from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import os_error

Route = Callable[[], Controller]
"""The controller that a command goes to now; `OSError` where there is none."""


class SimulatedTransport:
    """Implements `Transport`. Thread-safe; latency and hanging are the submitting thread's.

    `nsid` is the namespace of a namespace's node, None for a controller's; `sole_nsid` tells whether a controller has
    exactly one namespace, because only then its node takes I/O commands (nvme_dev_user_cmd); `rescan` is the host's.
    """

    def __init__(
        self,
        route: Route,
        limit_bytes: int | None,
        *,
        nsid: int | None,
        namespace_count: Callable[[], int],
        rescan: Callable[[], None],
    ) -> None:
        self._route = route
        self._limit_bytes = limit_bytes
        self._nsid = nsid
        self._namespace_count = namespace_count
        self._rescan = rescan
        self._closed = False

    def admin(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        return self._submit(Queue.ADMIN, command, data, metadata)

    def io(
        self,
        command: Command,
        data: bytearray | memoryview | None = None,
        metadata: bytearray | None = None,
    ) -> Completion:
        if self._nsid is None:
            self._check_open()
            namespaces = self._namespace_count()
            if namespaces != 1:
                raise os_error(errno.EINVAL if namespaces else errno.ENOTTY)
        return self._submit(Queue.IO, command, data, metadata)

    def reset_controller(self) -> None:
        self._controller_only().reset()

    def reset_subsystem(self) -> None:
        subsystem = self._controller_only().subsystem
        if not subsystem.spec.subsystem_reset:
            raise os_error(errno.ENOTTY)
        subsystem.reset()

    def rescan(self) -> None:
        self._controller_only()
        self._rescan()

    def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise os_error(errno.EBADF)

    def _controller_only(self) -> Controller:
        """Resets and rescan are ioctls of a controller's node alone."""
        self._check_open()
        if self._nsid is not None:
            raise os_error(errno.ENOTTY)
        return self._route()

    def _submit(
        self, queue: Queue, command: Command, data: bytearray | memoryview | None, metadata: bytearray | None
    ) -> Completion:
        self._check_open()
        controller = self._route()
        # The kernel holds only I/O commands to the namespace of their node (nvme_validate_passthru_nsid).
        if command.flags or (queue is Queue.IO and self._nsid is not None and command.nsid != self._nsid):
            raise os_error(errno.EINVAL)
        if self._limit_bytes is not None and data is not None and len(data) > self._limit_bytes:
            raise os_error(errno.EINVAL)
        if queue is Queue.ADMIN:
            return controller.admin(command, data, metadata)
        return controller.io(command, data, metadata)
