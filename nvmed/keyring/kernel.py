"""Whose keyrings a thread has: those of the kernel it runs on, or simulated ones.

Special keyrings, and with them possession, are a thread's; so is what answers its calls.
"""

from __future__ import annotations

import threading
from typing import Final

from nvmed.keys.kernel import KeyService
from nvmed.linux import keyctl

_thread: Final = threading.local()


def use(service: KeyService) -> None:
    """Let `service` answer the calling thread from now on, and not this machine's kernel."""
    _thread.service = service


def kernel() -> KeyService:
    """What answers the calling thread."""
    service: KeyService = getattr(_thread, "service", keyctl)
    return service
