"""TLS keys of connections, replaced at both ends: what is done for one host and one subsystem. Knows no engine.

The target gets the new key beside the old one, the host moves its connections to it, and then the old one is revoked at
the target too. What the host refuses is taken back from the target. Every step may be repeated, by another worker too.

A file of pairs, in TOML; hosts are those of the inventory, and `psk` is a reference (`nvmed_fleet.secrets`)::

    [[pair]]
    host = "node1"
    target = "stor1"          # without it, somebody else gives the key to the target, before
    host_nqn = "nqn.2014-08.org.nvmexpress:uuid:..."
    subsystem_nqn = "nqn.2024-01.io.example:subsys1"
    psk = "file:/etc/nvmed-fleet/keys/node1.psk"
"""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from nvmedctl import operations
from nvmedctl.hosts import Inventory

from nvmed.errors import NotFound, NvmedError
from nvmed.keys.secret import Secret
from nvmed.reasons import Reason, invalid_field
from nvmed.v1 import key_pb2 as pb
from nvmed_fleet import secrets, survey, verdicts
from nvmed_fleet.asking import Session, described
from nvmed_fleet.plan import NAMESPACE, PlannedHost
from nvmed_fleet.steps import client_of
from nvmed_fleet.store import check_id
from nvmed_fleet.verdicts import Next

GONE = frozenset({Reason.KEY_NOT_FOUND.name, Reason.KEY_REVOKED.name})


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One host and one subsystem. Keyrings are named; `key_type` is of the target's key."""

    host: str
    host_nqn: str
    subsystem_nqn: str
    psk: str
    target: str = ""
    host_keyring: str = ".nvme"
    target_keyring: str = ".nvme"
    key_type: str = "psk"

    @property
    def name(self) -> str:
        return f"{self.host} {self.subsystem_nqn}"


class Pairs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    pair: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """How a rotation goes: as a campaign's options of the same names."""

    in_flight: int = 10
    failure_budget: int = 3
    acknowledge_disruption: bool = False
    unreachable_after_s: float = 300.0


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """A whole rotation: references, never secrets."""

    rotation: str
    pairs: Mapping[str, Pair]
    hosts: Mapping[str, PlannedHost]
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What came of a pair: `done`, `failed`, `unreachable`, or `half`: moved, but the target has the old key still."""

    verdict: str
    reason: str = ""
    message: str = ""


def load(path: Path) -> tuple[Pair, ...]:
    """The pairs of a file; INVALID_FIELD names what is wrong, and no value of `psk`."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text()), Pairs)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise invalid_field("pairs", f"{path} is no TOML.") from None  # what the parser says may quote a secret
    except msgspec.ValidationError as failure:
        raise invalid_field("pairs", f"{path}: {failure}.") from None
    for number, pair in enumerate(found.pair, 1):
        secrets.check(pair.psk, f"pair {number}: psk")
    if not found.pair:
        raise invalid_field("pairs", f"{path} has no pair.")
    return found.pair


def make(rotation: str, pairs: Sequence[Pair], inventory: Inventory, options: Options | None = None) -> RotationPlan:
    """The plan of a rotation; INVALID_FIELD for a host that there is not, or a pair that is told twice."""
    options = options or Options()
    for name, value, most in (
        ("in-flight", options.in_flight, 1000),
        ("failure-budget", options.failure_budget, 100_000),
        ("unreachable-after", options.unreachable_after_s, 86400),
    ):
        if not 1 <= value <= most:
            raise invalid_field(name, f"must be 1 to {most}, not {value:g}.")
    known = {host.name: host for host in inventory.hosts}
    named = [name for pair in pairs for name in (pair.host, pair.target) if name]
    if unknown := [name for name in named if name not in known]:
        raise invalid_field("pairs", f"{unknown[0]!r} is no host of the inventory.")
    by_name = {pair.name: pair for pair in pairs}
    if len(by_name) < len(pairs):
        raise invalid_field("pairs", "a host and a subsystem are told twice.")
    planned = {name: survey.planned(known[name]) for name in named}
    return RotationPlan(check_id(rotation), by_name, planned, options)


async def rotate(plan: RotationPlan, name: str) -> Rotated:
    """Replace the key of a pair, whatever of it was done before."""
    pair = plan.pairs[name]
    moved = False
    try:
        psk = await secrets.reveal(pair.psk, plan.rotation)
        identity = await _give_target(plan, pair, psk)
        try:
            retired = await _move_host(plan, pair, psk)
        except NvmedError as failure:
            if identity and verdicts.after(failure) in (Next.GIVE_UP, Next.NEW_ID):  # it is known not to be in use
                await _revoke(plan, pair, identity)
            raise
        moved = True
        for old in retired if pair.target else ():
            await _revoke(plan, pair, old)
    except NvmedError as failure:
        unreachable = verdicts.after(failure) is Next.SAME_ID
        return Rotated("half" if moved else "unreachable" if unreachable else "failed", **described(failure))
    return Rotated("done")


async def _give_target(plan: RotationPlan, pair: Pair, psk: Secret) -> str:
    """The new key at the target, beside the old one; its identity, "" if it was there already."""
    if not pair.target:
        return ""
    request = pb.InsertTlsKeyRequest(
        keyring=pb.KeyringRef(name=pair.target_keyring),
        key_type=pair.key_type,
        host_nqn=pair.host_nqn,
        subsystem_nqn=pair.subsystem_nqn,
        psk=pb.ConfiguredPsk(text=psk.reveal().decode()),
        request_id=_id(plan, pair, "give"),
    )
    async with client_of(plan.hosts[pair.target]) as client:
        session = Session(client, plan.options.unreachable_after_s)
        answer = await session.reach(lambda: client.keys.InsertTlsKey(request))
    return "" if answer.key.previous_serial else answer.key.identity.identity


async def _move_host(plan: RotationPlan, pair: Pair, psk: Secret) -> list[str]:
    """The host's connections on the new key; the descriptions of the old ones."""
    request = pb.RotateTlsKeyRequest(
        keyring=pb.KeyringRef(name=pair.host_keyring),
        host_nqn=pair.host_nqn,
        subsystem_nqn=pair.subsystem_nqn,
        psk=pb.ConfiguredPsk(text=psk.reveal().decode()),
        acknowledge_disruption=plan.options.acknowledge_disruption,
        request_id=_id(plan, pair, "move"),
    )
    async with client_of(plan.hosts[pair.host]) as client:
        session = Session(client, plan.options.unreachable_after_s)

        async def once() -> pb.RotateTlsKeyResponse:
            begun = await client.keys.RotateTlsKey(request)
            return operations.unpack(await operations.wait(client.operations, begun), pb.RotateTlsKeyResponse)

        answer = await session.reach(once)
    new = answer.key.identity.identity  # where the key was the same already, it is among those that were replaced
    return [key.description for key in answer.retired_keys if key.revoked and key.description != new]


async def _revoke(plan: RotationPlan, pair: Pair, identity: str) -> None:
    """Nobody can use a key of the target's any more; one that is gone is fine."""
    request = pb.RevokeTlsKeyRequest(
        keyring=pb.KeyringRef(name=pair.target_keyring), key_type=pair.key_type, identity=identity
    )
    async with client_of(plan.hosts[pair.target]) as client:
        session = Session(client, plan.options.unreachable_after_s)
        try:
            await session.reach(lambda: client.keys.RevokeTlsKey(request))
        except NotFound:
            return
        except NvmedError as failure:
            if failure.reason not in GONE:
                raise


def _id(plan: RotationPlan, pair: Pair, step: str) -> str:
    """The same whoever asks, so that a worker that takes over asks the same."""
    return str(uuid.uuid5(NAMESPACE, "\0".join((plan.rotation, pair.name, step))))
