"""Rotation of DH-HMAC-CHAP secrets: written to each connection in turn, which then authenticates anew.

The kernel begins to authenticate when a secret is written, and says nowhere how that ended. A connection whose secrets
are refused is dropped by the subsystem, and given up for good by the kernel at its first attempt to get it up again. So
the new secret is tried first, by a second connection that goes away again. Then it is written, and the connection is
reset, to be sure. Until the last one is through, a failure puts the old secrets back; they are in this process alone,
so a crash leaves the connections that were moved to the new ones.

One secret at a time: between two writes the kernel would authenticate with one of each kind, the subsystem would drop
the connection, and Linux 6.12 can then hang (its error recovery waits for the authentication, which waits for it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from nvmed.errors import NvmedError
from nvmed.keyring.paths import Path, Paths, check_ready
from nvmed.linux.fabrics import DhchapSecrets
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State
from nvmed.operations.running import Result, Running
from nvmed.preconditions.exclusion import Exclusion
from nvmed.reasons import Reason, error, invalid_field

ROTATE_DHCHAP_KEY: Final = "nvmed.v1.KeyService/RotateDhchapKey"
_STOPPED: Final = {Reason.OPERATION_CANCELLED.name, Reason.OPERATION_INTERRUPTED.name}


@dataclass(frozen=True, slots=True, eq=False)
class DhchapRotation:
    """What is asked for: the new secret of one direction, None for the one that keeps its own."""

    host_nqn: str
    subsystem_nqn: str
    secrets: DhchapSecrets
    is_disruption_acknowledged: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    path: Path
    old: DhchapSecrets


class DhchapRotations:
    """RotateDhchapKey."""

    def __init__(self, paths: Paths, exclusion: Exclusion) -> None:
        self._paths = paths
        self._exclusion = exclusion

    async def check(self, wanted: DhchapRotation) -> Result:
        """What would be done, and every gate; changes nothing."""
        return _result([path.name for path in await self._plan(wanted)])

    async def run(self, running: Running, wanted: DhchapRotation) -> Result:
        """Rotate. Raises what `check` raises, and CONNECTION_NOT_MADE where the subsystem does not take the secrets,
        before anything is done; KEY_ROTATION_UNDONE, KEY_ROTATION_INCOMPLETE.
        """
        with ExitStack() as held:
            paths = await self._plan(wanted)
            for subsystem in sorted({path.device.subsystem for path in paths}):
                held.enter_context(self._exclusion.hold(subsystem, f"operations/{running.record.id}"))
            moved: list[_Moved] = []
            names: list[str] = []
            try:
                for path in paths:
                    async with running.step("try", controller=path.name):
                        await self._paths.try_secrets(path, wanted.secrets)
                for path in paths:
                    async with running.step("authenticate", controller=path.name):
                        moved.append(_Moved(path, await self._paths.read_secrets(path)))
                        names.append(await self._move(path, wanted.secrets))
                running.no_return()
            except Exception as why:
                await self._undo(running, moved, why)
                raise
        return _result(names)

    async def _plan(self, wanted: DhchapRotation) -> tuple[Path, ...]:
        """The connections that authenticate, ordered by name.

        Raises INVALID_FIELD, CONTROLLER_NOT_FOUND if there is none, GATE_FAILED if one cannot be moved.
        """
        if wanted.secrets.host is not None and wanted.secrets.controller is not None:
            raise invalid_field(
                "controller_secret",
                "cannot be rotated together with host_secret: the kernel would authenticate with one old and one new; "
                "give one new secret to the subsystem and to nvmed, then the other",
            )
        found = await self._paths.find(wanted.host_nqn, wanted.subsystem_nqn)
        paths = tuple(path for path in found if path.security.has_host_secret)
        if not paths:
            raise error(
                Reason.CONTROLLER_NOT_FOUND,
                f"no connection of {wanted.host_nqn} to {wanted.subsystem_nqn} authenticates with DH-HMAC-CHAP",
                host_nqn=wanted.host_nqn,
                subsystem_nqn=wanted.subsystem_nqn,
            )
        check_ready(
            paths,
            paths,
            acknowledged=wanted.is_disruption_acknowledged,
            one_way=() if wanted.secrets.controller is None else paths,
        )
        return paths

    async def _move(self, path: Path, secrets: DhchapSecrets) -> str:
        """Move it, and return its name, which may be another one then."""
        await self._paths.write_secrets(path, secrets)
        try:
            await self._paths.reset(path)
        except NvmedError as failure:
            if failure.reason != Reason.DEVICE_BUSY.name:  # busy: it was dropped, and comes up with the new ones
                raise
        return (await self._paths.settled(path, lambda _: True)).name

    async def _undo(self, running: Running, moved: Sequence[_Moved], why: Exception) -> None:
        """Put the old secrets back, and raise what that came to; `why` itself if somebody had asked to stop."""
        if not moved:
            return
        running.finish_anyway()
        problems = []
        for one in reversed(moved):
            try:
                async with running.step("put_back", controller=one.path.name):
                    await self._move_back(one)
            except NvmedError as failure:
                problems.append(failure.message)
        reason = why.message if isinstance(why, NvmedError) else f"a bug in nvmed ({type(why).__name__})"
        if problems:
            raise error(
                Reason.KEY_ROTATION_INCOMPLETE, f"{reason}; and not everything could be put back: {'; '.join(problems)}"
            ) from why
        if isinstance(why, NvmedError) and why.reason not in _STOPPED:
            raise error(Reason.KEY_ROTATION_UNDONE, f"{reason}; everything was put back as it was") from why

    async def _move_back(self, one: _Moved) -> None:
        """Write the old secrets, with which the connection comes up by a reset, or by the kernel's own attempts."""
        await self._paths.write_secrets(await self._paths.now(one.path), one.old)
        await self._paths.reset_or_wait(one.path)
        await self._paths.settled(one.path, lambda _: True)


def reconcilers() -> Mapping[str, Reconcile]:
    """How rotations are reconciled."""
    return {ROTATE_DHCHAP_KEY: _reconcile}


async def _reconcile(case: Interrupted) -> Verdict:
    """The secrets are gone with the process, so it cannot be found out which of them a connection has."""
    names = [step.name for step in case.steps]
    done = ", ".join(step.detail["controller"] for step in case.steps if step.name == "authenticate")
    if "put_back" in names:
        done += "; it was being undone"
    return Verdict(
        State.NEEDS_ATTENTION,
        f"connections that may have the new secrets: {done}. Rotate again, which gives them to all",
    )


def _result(names: Sequence[str]) -> dict[str, Any]:
    """`RotateDhchapKeyResponse`."""
    return {"controllers": list(names)}
