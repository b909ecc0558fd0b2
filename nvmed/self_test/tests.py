"""RunSelfTest: a test as an operation that outlives the daemon, for it goes on in the drive.

Its command is a journalled step; then the drive's log is read, gently, until it has the result. A daemon that stops
leaves the operation open, and its successor goes on watching. Cancelling aborts the drive's test. A drive that resets,
disappears or answers nothing meanwhile is asked again until the test has had its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from nvmed.devices.controller import Device, Session
from nvmed.devices.logs import read_self_tests
from nvmed.devices.namespaces import list_nsids
from nvmed.devices.quirks import Quirk
from nvmed.errors import NvmedError
from nvmed.nvme import health
from nvmed.nvme.health import SelfTestLog
from nvmed.nvme.layout import bit
from nvmed.nvme.namespace import require_nsid
from nvmed.nvme.opcodes import NSID_ALL, SelfTestCode
from nvmed.operations.records import now_ms
from nvmed.operations.running import Result, Running
from nvmed.operations.submit import submit
from nvmed.preconditions import gates
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.gates import Wanted
from nvmed.reasons import Reason, error
from nvmed.self_test.results import Started, is_running, kept, new_result, shown

START, WATCH, ABORT = "self_test", "watch", "abort"
"""Steps."""

SHORT_S: Final = 120
"""What a short self-test takes at most (Base 2.0, section 8.6)."""

UNKNOWN_S: Final = 3 * 3600
"""What an extended one is expected to take on a controller that does not say (EDSTT)."""

GRACE_S: Final = 600
"""What a test may take beyond three times what it is expected to."""

POLL_FIRST_S: Final = 0.05
POLL_MOST_S: Final = 60.0

ONE_PER_SUBSYSTEM, REFRESH = 0, 1
"""Bits of DSTO (Base 2.1, figure 313): only one test in the NVM subsystem; host-initiated refresh."""

log: Final = structlog.get_logger("nvmed.self_test")


@dataclass(frozen=True, slots=True)
class Test:
    """A test of the controller alone (`nsid` 0), one namespace, or everything. `timeout_ms` 0 leaves it to nvmed."""

    device: Device
    code: SelfTestCode
    nsid: int = NSID_ALL
    timeout_ms: int = 0


class SelfTests:
    """A check, which changes nothing, and a run, which begins with the same check. At most `at_once` tests run."""

    def __init__(self, drives: Drives, at_once: int) -> None:
        self._drives = drives
        self._at_once = at_once
        self._busy: dict[str, str] = {}

    async def check(self, wanted: Test) -> Result:
        """What would be tested; raises what keeps it from being."""
        async with wanted.device.open() as session:
            started = await self._plan(session, wanted)
            key = await _key(session)
        with self._hold(key, ""):
            return _result(wanted.device.resource_name, started, None)

    async def run(self, running: Running, wanted: Test) -> Result:
        """Start it, and watch it to its end."""
        name = wanted.device.resource_name
        async with wanted.device.open() as session:
            started = await self._plan(session, wanted)
            key = await _key(session)
        with self._hold(key, running.record.id):
            async with wanted.device.open() as session:
                started = await self._start(running, session, started)
            return await self._watch(running, name, started)

    async def resume(self, running: Running, started: Started) -> Result:
        """Watch a test that another daemon started; it counts among those that run, beyond the limit if need be."""
        name = running.record.target
        self._busy[name] = running.record.id
        try:
            return await self._watch(running, name, started)
        finally:
            self._busy.pop(name, None)

    # -- starting

    async def _plan(self, session: Session, wanted: Test) -> Started:
        device = session.device
        (await device.capabilities(session)).require("device_self_test")
        identity = await device.identify(session)
        if wanted.code is SelfTestCode.HOST_INITIATED_REFRESH and not bit(identity.dsto, REFRESH):
            raise error(
                Reason.NVME_UNSUPPORTED,
                f"{device.resource_name} has no host-initiated refresh (DSTO bit 1 is not set)",
                field="DSTO",
            )
        if wanted.nsid not in (0, NSID_ALL):
            require_nsid(wanted.nsid)
        (state,) = await self._drives.examine((device,))
        gates.refuse(gates.evaluate(("SUBSYSTEM_BUSY",), state, Wanted()))
        found = (await read_self_tests(device)).log
        if found.running:
            raise error(
                Reason.NVME_BUSY,
                f"a self-test is running in {device.resource_name}, {found.percent_complete} % done; wait for it, or "
                "abort it with StartSelfTest",
                retry_delay_ms=60_000,
                percent_complete=found.percent_complete,
            )
        expected_s = SHORT_S if wanted.code is SelfTestCode.SHORT else identity.edstt * 60 or UNKNOWN_S
        allowed_ms = wanted.timeout_ms or (3 * expected_s + GRACE_S) * 1000
        return Started(wanted.code, wanted.nsid, kept(found.finished), expected_s, now_ms() + allowed_ms)

    async def _start(self, running: Running, session: Session, started: Started) -> Started:
        """Give the command; a drive that refuses to test all namespaces at once is given its only one."""
        quirks = session.device.quirks
        if started.nsid == NSID_ALL and Quirk.REFUSES_BROADCAST_SELF_TEST in quirks:
            started = replace(started, nsid=await _only_namespace(session))
        try:
            await self._command(running, session, started)
        except NvmedError as exc:
            if exc.nvme is None or started.nsid != NSID_ALL or exc.reason not in _NAMESPACE_REFUSALS:
                raise
            started = replace(started, nsid=await _only_namespace(session, exc))
            await self._command(running, session, started)
            quirks.add(Quirk.REFUSES_BROADCAST_SELF_TEST)
        return started

    async def _command(self, running: Running, session: Session, started: Started) -> None:
        async with running.step(START, **started.detail()):
            await submit(running, session, health.device_self_test(started.code, started.nsid))

    @contextmanager
    def _hold(self, key: str, operation: str) -> Iterator[None]:
        """Be the one that tests `key`; raises NVME_BUSY, and LIMIT_EXCEEDED where enough drives are tested."""
        if key in self._busy:
            raise error(
                Reason.NVME_BUSY,
                f"{key} is being tested by operations/{self._busy[key]}; wait for it, or cancel it",
                retry_delay_ms=60_000,
            )
        if len(self._busy) >= self._at_once:
            raise error(
                Reason.LIMIT_EXCEEDED,
                f"{len(self._busy)} drives are being tested, and self_test.concurrent_max is {self._at_once}; try "
                "again when one of them is done",
                limit=self._at_once,
            )
        if not operation:
            yield
            return
        self._busy[key] = operation
        try:
            yield
        finally:
            del self._busy[key]

    # -- watching

    async def _watch(self, running: Running, name: str, started: Started) -> Result:
        running.leave_to_drive()
        pause = POLL_FIRST_S
        async with running.step(WATCH, cancellable=True) as outcome:
            while True:
                result = await self._look(running, name, started)
                if result is not None:
                    outcome["outcome"] = result["result"]["outcome"]
                    return result
                try:
                    await running.until_stopped(asyncio.sleep(pause))
                except NvmedError:
                    if running.cancel_requested:
                        await self._abort(running, name)
                    raise
                pause = min(pause * 2, max(started.expected_s / 100, POLL_FIRST_S), POLL_MOST_S)

    async def _look(self, running: Running, name: str, started: Started) -> Result | None:
        """The result, None while there is none; raises when the test has had its time, or ended without a result."""
        why = "it does not answer"
        try:
            found = await self._read(name)
        except NvmedError as exc:
            log.info("self_test_unread", controller=name, reason=exc.reason)
            why = exc.message
        else:
            if (result := new_result(found, started)) is not None:
                return _result(name, started, shown(result))
            if not is_running(found, started):
                raise error(
                    Reason.NVME_DATA_INVALID,
                    f"{name}: the self-test is over and its log has no result of it",
                    controller=name,
                )
            done = found.percent_complete
            running.estimate(done, started.expected_s * (100 - done) / 100)
            why = f"it is {done} % done"
        if now_ms() < started.until_ms:
            return None
        await self._abort(running, name)
        raise error(
            Reason.COMMAND_TIMEOUT,
            f"{name}: the self-test has not ended in its time ({why}); it was told to abort",
            controller=name,
        )

    async def _read(self, name: str) -> SelfTestLog:
        await self._drives.inventory.controllers()  # after a reset it may have another node
        return (await read_self_tests((await self._drives.inventory.find(name)).device)).log

    async def _abort(self, running: Running, name: str) -> None:
        """Tell the drive to end the test. One that cannot be told goes on: the operation's steps say so."""
        running.finish_anyway()
        try:
            device = (await self._drives.inventory.find(name)).device
            async with device.open() as session, running.step(ABORT):
                await session.mutate(health.device_self_test(SelfTestCode.ABORT))
        except NvmedError as exc:
            log.warning("self_test_not_aborted", controller=name, reason=exc.reason)


_NAMESPACE_REFUSALS: Final = frozenset(
    {Reason.NVME_INVALID_FIELD.name, Reason.NAMESPACE_NOT_FOUND.name, Reason.NVME_NOT_FOUND.name}
)


async def _key(session: Session) -> str:
    """What only one test runs of: the NVM subsystem or the controller (DSTO bit 0)."""
    alone = bit((await session.device.identify(session)).dsto, ONE_PER_SUBSYSTEM)
    return session.device.subsystem if alone else session.device.resource_name


async def _only_namespace(session: Session, refusal: NvmedError | None = None) -> int:
    """The namespace to name instead of all; raises `refusal`, or INVALID_FIELD, where there is not just one."""
    nsids = await list_nsids(session, allocated=False)
    if len(nsids) == 1:
        return nsids[0]
    raise refusal or error(
        Reason.NVME_INVALID_FIELD,
        f"{session.device.resource_name} refuses to test all namespaces at once, and has {len(nsids)}; name one",
    )


def _result(name: str, started: Started, result: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "controller": name,
        "test": started.code.value,
        "nsid": started.nsid,
        "expected_s": started.expected_s,
        **({"result": result} if result else {}),
    }
