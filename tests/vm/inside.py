"""What functions that run in the guest share: the harness puts this module there, and only this one of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nvmed.linux.sysfs import LinuxHost
from nvmed.nvme.host import ControllerNode
from nvmed.nvme.transport import Transport


def found(node: str) -> ControllerNode:
    """The controller that the kernel now calls `node`."""
    return next(controller for controller in LinuxHost().scan() if controller.node == node)


@contextmanager
def opened(node: str, namespace: str = "") -> Iterator[Transport]:
    """A controller, or a namespace of it, opened as nvmed does."""
    transport = LinuxHost().open(found(node), namespace)
    try:
        yield transport
    finally:
        transport.close()
