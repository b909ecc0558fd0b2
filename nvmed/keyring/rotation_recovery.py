"""What becomes of a rotation that a crash interrupted: finished, undone, or left to an administrator.

The keyring in which it held its keys outlives the daemon (see `rotation_calls`), and sysfs says which key each
connection uses. If all of them use the new one only the end is missing. If none does, keys are put back and nothing has
happened. Otherwise both keys stay held, nothing is revoked, and the next rotation of the same two goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nvmed.keyring import calls as keyring_calls
from nvmed.keyring import rotation_calls as calls
from nvmed.keyring.keyring import Keyring
from nvmed.keyring.paths import Path, Paths
from nvmed.keyring.recovery import PLANNED
from nvmed.keyring.rotation import Method
from nvmed.keyring.rotation_calls import OldKey
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State

ROTATE_TLS_KEY: Final = "nvmed.v1.KeyService/RotateTlsKey"


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left of a rotation."""

    ring: int
    holder: int
    new: int
    old: tuple[OldKey, ...]
    paths: tuple[Path, ...]

    @property
    def moved(self) -> tuple[Path, ...]:
        return tuple(path for path in self.paths if self.new and self.new in (path.security.tls_key, path.named_key))


def reconcilers(keyring: Keyring, paths: Paths) -> Mapping[str, Reconcile]:
    """How rotations are reconciled."""

    async def rotate(case: Interrupted) -> Verdict:
        return await _reconcile(keyring, paths, case)

    return {ROTATE_TLS_KEY: rotate}


async def _reconcile(keyring: Keyring, paths: Paths, case: Interrupted) -> Verdict:
    names = [step.name for step in case.steps]
    holder = await keyring.run(calls.find_holder, case.record.id)
    if not holder:
        if "revoke" in names or ("release" in names and "put_back_keys" not in names):
            return Verdict(State.SUCCEEDED, result=_result(case, _serial_in_steps(case), {}))
        return Verdict(
            State.SAFE_TO_RETRY, "nothing of it is left: the old keys are where they were, or the host was restarted"
        )
    left = await _look(keyring, paths, case, holder)
    if "revoke" in names or (left.paths and len(left.moved) == len(left.paths) and "put_back_keys" not in names):
        using = await paths.using(old.serial for old in left.old)
        for old in left.old:
            if not using[old.serial]:
                await keyring.run(calls.revoke, holder, old.serial)
        if not any(using.values()):
            await keyring.run(calls.release, holder)
        return Verdict(State.SUCCEEDED, result=_result(case, left.new, using))
    if not left.moved:
        await keyring.possessing(left.ring, calls.put_back, holder, left.new, left.old)
        if left.new:
            await keyring.run(calls.revoke, holder, left.new)
        await keyring.run(calls.release, holder)
        return Verdict(State.SAFE_TO_RETRY, "the old keys were put back, and no connection uses the new one")
    moved = {path.name for path in left.moved}
    others = ", ".join(path.name for path in left.paths if path.name not in moved)
    return Verdict(
        State.NEEDS_ATTENTION,
        f"{', '.join(sorted(moved))} use the new key {left.new}, {others or 'no other'} the old one; neither was "
        "revoked. Rotate again, which moves the others too",
    )


async def _look(keyring: Keyring, paths: Paths, case: Interrupted, holder: int) -> _Left:
    """What sysfs and keyrings say now. The steps say where the old keys were, what is held says which live still."""
    parameters = case.record.parameters
    held = await keyring.run(calls.held, holder)
    ring = await keyring.resolve_keyring(case.steps[0].detail["keyring"])
    old = [OldKey(**key) for key in case.steps[0].detail["old"]]
    new = _serial_in_steps(case) or await keyring.possessing(ring, _new_key, parameters, [key.serial for key in old])
    found = await paths.find(parameters["host_nqn"], parameters["subsystem_nqn"])
    return _Left(
        ring=ring,
        holder=holder,
        new=new,
        old=tuple(key for key in old if key.serial in held),
        paths=tuple(path for path in found if path.security.is_tls),
    )


def _new_key(ring: int, parameters: Mapping[str, Any], old: list[int]) -> int:
    """The new key where the journal did not get its serial any more, 0 if it was not made."""
    serial = keyring_calls.find_key(ring, parameters["key_type"], parameters["identity"])
    return serial if serial is not None and serial not in old else 0


def _serial_in_steps(case: Interrupted) -> int:
    outcomes = [step.outcome or {} for step in case.steps if step.name == "insert"]
    return int(outcomes[0].get("serial", 0)) if outcomes else 0


def _result(case: Interrupted, new: int, using: Mapping[int, tuple[str, ...]]) -> dict[str, Any]:
    """`RotateTlsKeyResponse`, of what was planned and what the steps say."""
    planned: dict[str, Any] = dict(case.record.parameters[PLANNED])
    before = {one["previous_controller"]: one for one in planned["connections"]}
    connections = []
    for step in case.steps:
        if step.name in ("connect", "reset"):
            name = step.detail["controller"]
            after = (step.outcome or {}).get("controller", name if step.name == "reset" else "")
            method = Method.RESET if step.name == "reset" else Method.RECONNECT
            connections.append({**before[name], "controller": after, "method": method.value, "serial": new})
    return {
        **planned,
        "key": {**planned["key"], "serial": new},
        "connections": connections,
        "retired_keys": [
            {**key, "revoked": not using.get(key["serial"]), "controllers": list(using.get(key["serial"], ()))}
            for key in planned["retired_keys"]
        ],
    }
