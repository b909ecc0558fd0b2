"""A double of the kernel's connections with a real keyring, and daemons that rotate keys on it."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from nvmed.errors import NvmedError
from nvmed.keyring import rotation_calls
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread
from tests.support.kernel_double import KernelDouble
from tests.unit.keyring.rotating_daemon import Daemon

_names = (f"nvmed-rotation-test-{os.getpid()}-{number}" for number in itertools.count())


@pytest.fixture
async def kernel() -> AsyncIterator[KernelDouble]:
    thread = KeyThread()

    def make() -> int:
        serial = keyctl.add_key("keyring", next(_names), Secret(b""), keyctl.PROCESS_KEYRING)
        keyctl.set_permissions(serial, 0x3F3F0000)
        return serial

    try:
        double = KernelDouble(await thread.run(make))
    except NvmedError as refusal:
        thread.close()
        pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")
    yield double
    double.close()
    for name, holder in await thread.run(lambda: list(rotation_calls.holders())):
        assert name
        await thread.run(rotation_calls.release, holder)
    thread.close()


@pytest.fixture
async def start(kernel: KernelDouble, tmp_path: Path) -> AsyncIterator[Callable[[], Daemon]]:
    started: list[Daemon] = []

    def begin() -> Daemon:
        started.append(Daemon(kernel, tmp_path / "journal.sqlite"))
        return started[-1]

    yield begin
    kernel.release()
    for daemon in started:
        await daemon.close()


@pytest.fixture
def daemon(start: Callable[[], Daemon]) -> Daemon:
    return start()
