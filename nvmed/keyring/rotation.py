"""Rotation of a TLS key: a new one, every connection moved to it path by path, the old ones revoked last.

Connections come in two kinds, which sysfs tells apart. One made with `tls_key=` keeps that very key, so a second
connection with the new key takes its place. Any other looks its key up by default whenever it connects, so it is reset;
since the kernel may then find the older of two, the old keys are unlinked first. They are held meanwhile: until the
first of them is revoked, whatever fails is undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from enum import Enum, unique
from typing import Any, Final

from nvmed.errors import NvmedError
from nvmed.keyring import rotation_calls as calls
from nvmed.keyring.calls import KeyringRef
from nvmed.keyring.keyring import TLS_KEY_TYPE, Keyring
from nvmed.keyring.paths import Path, Paths, check_ready
from nvmed.keyring.rotation_calls import NewKey, OldKey
from nvmed.keys.psk import DerivedTlsKey
from nvmed.linux.fabrics import ConnectionOptions
from nvmed.operations.running import Result, Running
from nvmed.preconditions.exclusion import Exclusion
from nvmed.reasons import Reason, error

_STOPPED: Final = {Reason.OPERATION_CANCELLED.name, Reason.OPERATION_INTERRUPTED.name}


@unique
class Method(Enum):
    """How a connection is moved; the value is the contract's."""

    RECONNECT = "ROTATION_METHOD_RECONNECT"
    RESET = "ROTATION_METHOD_RESET"


@dataclass(frozen=True, slots=True, eq=False)
class TlsRotation:
    """What is asked for: `key` is the new one, as it was derived."""

    key: DerivedTlsKey
    keyring: KeyringRef
    key_type: str = TLS_KEY_TYPE
    timeout_s: int | None = None
    options: ConnectionOptions = field(default_factory=ConnectionOptions)
    is_disruption_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is: the keyring, its keys that the new one replaces, and the connections, in the order of moving."""

    ring: int
    old: tuple[OldKey, ...]
    paths: tuple[Path, ...]

    @property
    def looks_up(self) -> bool:
        """Whether a connection looks its key up by default."""
        return any(method_of(path) is Method.RESET for path in self.paths)


@dataclass(slots=True)
class Move:
    """A connection on its way: `after` is what uses the new key, `is_before_gone` once there is nothing else."""

    before: Path
    after: Path | None = None
    is_before_gone: bool = False


@dataclass(slots=True)
class _Work:
    """What a rotation has done so far."""

    running: Running
    wanted: TlsRotation
    plan: Plan
    holder: int = 0
    new: int = 0
    moves: list[Move] = field(default_factory=list)

    def old_key_of(self, path: Path) -> int:
        return path.named_key or path.security.tls_key


def method_of(path: Path) -> Method:
    """How a connection has to be moved."""
    return Method.RECONNECT if path.named_key else Method.RESET


class TlsRotations:
    """RotateTlsKey."""

    def __init__(self, keyring: Keyring, paths: Paths, exclusion: Exclusion) -> None:
        self._keyring = keyring
        self._paths = paths
        self._exclusion = exclusion

    async def check(self, wanted: TlsRotation) -> Result:
        """What would be done, and every gate; changes nothing."""
        plan = await self._plan(wanted)
        moves = [Move(path) for path in plan.paths]
        return _result(wanted, plan, 0, moves, {})

    async def run(self, running: Running, wanted: TlsRotation) -> Result:
        """Rotate. Raises what `check` raises before anything is done, KEY_ROTATION_UNDONE, KEY_ROTATION_INCOMPLETE."""
        names = f"TLS keys of {wanted.key.host_nqn} and {wanted.key.subsystem_nqn}"
        with ExitStack() as held:
            held.enter_context(self._exclusion.hold(names, f"operations/{running.record.id}"))
            plan = await self._plan(wanted)
            for subsystem in sorted({path.device.subsystem for path in plan.paths}):
                held.enter_context(self._exclusion.hold(subsystem, f"operations/{running.record.id}"))
            work = _Work(running, wanted, plan)
            try:
                await self._forward(work)
                running.no_return()
            except Exception as why:
                await self._undo(work, why)
                raise
            return _result(wanted, plan, work.new, work.moves, await self._retire(work))

    async def _plan(self, wanted: TlsRotation) -> Plan:
        found = await self._paths.find(wanted.key.host_nqn, wanted.key.subsystem_nqn)
        paths = tuple(path for path in found if path.security.is_tls)
        resets = [path for path in paths if method_of(path) is Method.RESET]
        check_ready(paths, resets, acknowledged=wanted.is_disruption_acknowledged)
        used = {serial for path in paths for serial in (path.security.tls_key, path.named_key) if serial}
        ring = await self._keyring.resolve_keyring(wanted.keyring)
        old = await self._keyring.possessing(
            ring, calls.find_old, wanted.key_type, wanted.key.host_nqn, wanted.key.subsystem_nqn, used
        )
        if not paths and not old:
            raise error(Reason.KEY_NOT_FOUND, await self._nobody(ring, wanted), host_nqn=wanted.key.host_nqn)
        # While the old keys are in the keyring still, those are moved that do not look there for any but their own.
        return Plan(ring, old, tuple(sorted(paths, key=lambda path: (method_of(path) is Method.RESET, path.name))))

    async def _nobody(self, ring: int, wanted: TlsRotation) -> str:
        """What to say where nothing is to be rotated: who is meant, if a name differs in case only."""
        host_nqn, subsystem_nqn = wanted.key.host_nqn, wanted.key.subsystem_nqn
        pairs = {
            *await self._paths.pairs(),
            *await self._keyring.possessing(ring, calls.pairs, wanted.key_type),
        }
        alike = [pair for pair in pairs if _folded(pair) == _folded((host_nqn, subsystem_nqn))]
        hint = "".join(f"; there is {host} and {subsystem}, which differs in case" for host, subsystem in sorted(alike))
        return (
            f"{host_nqn} has neither a connection with TLS to {subsystem_nqn} nor a key for it: there is nothing "
            f"to rotate{hint or '; InsertTlsKey makes a first one'}"
        )

    # -- forward

    async def _forward(self, work: _Work) -> None:
        running, plan, key = work.running, work.plan, work.wanted.key
        async with running.step("hold", keyring=plan.ring, old=[asdict(old) for old in plan.old]):
            work.holder = await self._keyring.possessing(plan.ring, calls.hold, running.record.id, plan.old)
        async with running.step("insert", identity=key.identity) as outcome:
            fresh = NewKey(work.wanted.key_type, key.identity, key.psk, work.wanted.timeout_s)
            work.new = await self._keyring.possessing(plan.ring, calls.insert, work.holder, fresh, plan.old)
            outcome["serial"] = work.new
        is_unlinked = False
        for path in plan.paths:
            if method_of(path) is Method.RECONNECT:
                await self._reconnect(work, path)
                continue
            if not is_unlinked:
                async with running.step("unlink", keys=[old.serial for old in plan.old]):
                    await self._keyring.possessing(plan.ring, calls.unlink, plan.old)
                is_unlinked = True
            await self._reset(work, path)

    async def _reconnect(self, work: _Work, path: Path) -> None:
        move = Move(path)
        async with work.running.step("connect", controller=path.name, key=work.new) as outcome:
            move.after = await self._paths.reconnect(path, work.new, work.wanted.options)
            outcome["controller"] = move.after.name
        work.moves.append(move)
        async with work.running.step("disconnect", controller=path.name):
            await self._paths.disconnect(path)
            move.is_before_gone = True

    async def _reset(self, work: _Work, path: Path) -> None:
        move = Move(path, is_before_gone=True)
        async with work.running.step("reset", controller=path.name, key=work.new):
            work.moves.append(move)
            await self._paths.reset(path)
            move.after = await self._paths.settled(path, lambda now: now.security.tls_key == work.new)

    # -- back

    async def _undo(self, work: _Work, why: Exception) -> None:
        """Put everything back, and raise what that came to; `why` itself if somebody had asked to stop."""
        if not work.holder:
            return
        work.running.finish_anyway()
        problems = [
            problem
            for problem in (
                await self._put_back_keys(work),
                *[await self._put_back_connection(work, move) for move in reversed(work.moves)],
            )
            if problem
        ]
        reason = why.message if isinstance(why, NvmedError) else f"a bug in nvmed ({type(why).__name__})"
        if problems:
            raise error(
                Reason.KEY_ROTATION_INCOMPLETE,
                f"{reason}; and not everything could be put back: {'; '.join(problems)}. Keys {_serials(work)} live",
                keys=_serials(work),
            ) from why
        async with work.running.step("release", keys=[work.new]):
            if work.new:
                await self._keyring.run(calls.revoke, work.holder, work.new)
            await self._keyring.run(calls.release, work.holder)
        if isinstance(why, NvmedError) and why.reason not in _STOPPED:
            raise error(Reason.KEY_ROTATION_UNDONE, f"{why.message}; everything was put back as it was") from why

    async def _put_back_keys(self, work: _Work) -> str:
        """Link the old keys where they were, and the new one nowhere; why that failed, or ""."""
        old = [key.serial for key in work.plan.old]
        try:
            async with work.running.step("put_back_keys", keys=old, new=work.new):
                await self._keyring.possessing(work.plan.ring, calls.put_back, work.holder, work.new, work.plan.old)
        except NvmedError as failure:
            return failure.message
        return ""

    async def _put_back_connection(self, work: _Work, move: Move) -> str:
        """Let a connection use its old key again; why that failed, or ""."""
        before, after = move.before, move.after
        try:
            async with work.running.step("put_back", controller=before.name, key=work.old_key_of(before)):
                if method_of(before) is Method.RESET:
                    await self._reset_back(before, work.new)
                elif after is not None:
                    if move.is_before_gone:
                        await self._paths.reconnect(after, before.named_key, work.wanted.options)
                    await self._paths.disconnect(after)
        except NvmedError as failure:
            return failure.message
        return ""

    async def _reset_back(self, path: Path, new: int) -> None:
        """Reset a connection, or let the kernel's own attempts go on, until it uses an old key."""
        await self._paths.reset_or_wait(path)
        await self._paths.settled(path, lambda now: now.security.tls_key not in (0, new))

    # -- the end

    async def _retire(self, work: _Work) -> Mapping[int, tuple[str, ...]]:
        """Revoke the old keys, but for those that a connection uses, which are returned with its name."""
        using = await self._paths.using(old.serial for old in work.plan.old)
        try:
            for old in work.plan.old:
                if not using[old.serial]:
                    async with work.running.step("revoke", key=old.serial):
                        await self._keyring.run(calls.revoke, work.holder, old.serial)
            if not any(using.values()):
                async with work.running.step("release", keys=[]):
                    await self._keyring.run(calls.release, work.holder)
                    await self._keyring.run(calls.release_empty)
        except NvmedError as failure:
            raise error(
                Reason.KEY_ROTATION_INCOMPLETE,
                f"every connection uses the new key {work.new}, but not every old one could be revoked: "
                f"{failure.message}",
                keys=_serials(work),
            ) from failure
        return using


def _folded(names: tuple[str, str]) -> tuple[str, str]:
    return names[0].casefold(), names[1].casefold()


def _serials(work: _Work) -> str:
    return ", ".join(str(serial) for serial in (work.new, *(old.serial for old in work.plan.old)) if serial)


def _result(
    wanted: TlsRotation, plan: Plan, new: int, moves: list[Move], using: Mapping[int, tuple[str, ...]]
) -> dict[str, Any]:
    """`RotateTlsKeyResponse`."""
    key = wanted.key
    previous = next((old.serial for old in plan.old if old.description == key.identity), 0)
    return {
        "key": {
            "serial": new,
            "previous_serial": previous,
            "outcome": "KEY_UPDATE_OUTCOME_REPLACED" if previous else "KEY_UPDATE_OUTCOME_CREATED",
            "identity": {
                "identity": key.identity,
                "version": key.version,
                "origin": "ORIGIN_RETAINED",
                "cipher": f"HMAC_ALGORITHM_{key.cipher.name}",
                "host_nqn": key.host_nqn,
                "subsystem_nqn": key.subsystem_nqn,
                "digest": key.digest,
                "hash": f"HMAC_ALGORITHM_{key.hash.name}",
                "derivation": f"TLS_KEY_DERIVATION_{key.derivation.name}",
            },
        },
        "connections": [
            {
                "controller": move.after.name if move.after else "",
                "previous_controller": move.before.name,
                "method": method_of(move.before).value,
                "previous_serial": move.before.security.tls_key,
                "serial": move.after.security.tls_key if move.after else 0,
            }
            for move in moves
        ],
        "retired_keys": [
            {
                "serial": old.serial,
                "description": old.description,
                "revoked": bool(new) and not using.get(old.serial),
                "controllers": list(using.get(old.serial, ())),
            }
            for old in plan.old
        ],
    }
