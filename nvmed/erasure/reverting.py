"""RevertDrive: a drive goes back to the state that it was made in, by the PSID on its label, and with it its data go.

The session is opened first, where a wrong PSID does no harm. The intent to revert is in the journal before the drive is
told. Where its answer is lost (power, a reset, a daemon that ends) the drive is looked at: by its level 0 discovery,
and by blocks that were read before. What neither shows is said not to be known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from nvmed.devices import tcg
from nvmed.devices.controller import Device
from nvmed.devices.lane import NOT_STARTED
from nvmed.devices.security import SecurityState, read_security_state
from nvmed.erasure import samples, watch
from nvmed.erasure.certificate import Certificate, Outcome
from nvmed.erasure.evidence import Evidence
from nvmed.erasure.kit import Kit, shown
from nvmed.erasure.methods import Method
from nvmed.erasure.samples import Finding, Findings
from nvmed.errors import NvmedError
from nvmed.keys.secret import Secret
from nvmed.nvme import security
from nvmed.nvme.security import BLOCK_SID, LOCKING, Discovery
from nvmed.operations import failure
from nvmed.operations.manager import Interrupted, Resumption, Verdict
from nvmed.operations.records import State
from nvmed.operations.running import Result, Running
from nvmed.preconditions import gates
from nvmed.preconditions.gates import DriveState, GateResult
from nvmed.reasons import Reason, error

KIND: Final = "nvmed.v1.DriveService/RevertDrive"
STEP: Final = "revert"
_LOCKING_ENABLED, _MEDIA_ENCRYPTION, _SID_OWNED = 1, 3, 0

Ask = Callable[[], Awaitable[int | None]]
"""What the drive answered: a status, None if there was no answer to be had."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What a request asks for: `samples` blocks are read before and after."""

    device: Device
    psid: Secret
    samples: int
    overrides: frozenset[str]
    requested: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where sessions are opened, what the drive said of itself, and how the gates were found."""

    com_id: int
    discovery: bytes
    gates: tuple[GateResult, ...]

    @property
    def encrypts(self) -> bool:
        return _encrypts(security.parse_discovery(self.discovery))


@dataclass(frozen=True, slots=True)
class Begun:
    """What the drive was told, as the journal has it for whoever looks what came of it; `discovery` is hexadecimal."""

    evidence: Evidence
    discovery: str
    requested: Mapping[str, Any]
    samples: int

    def detail(self) -> dict[str, Any]:
        """As the step's detail has it."""
        return {
            "evidence": self.evidence.dump(), "discovery": self.discovery, "requested": dict(self.requested),
            "samples": self.samples,
        }  # fmt: skip

    @classmethod
    def load(cls, detail: Mapping[str, Any]) -> Begun:
        """What `detail` gave."""
        evidence = Evidence.load(detail["evidence"])
        return cls(evidence, detail["discovery"], detail["requested"], detail["samples"])

    @property
    def before(self) -> Discovery:
        """What the drive said of itself."""
        return security.parse_discovery(bytes.fromhex(self.discovery))


class Reverting:
    """Reverts drives with what `kit` has."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def check(self, wanted: Wanted) -> Result:
        """What would be done; raises what keeps it from being done. The PSID is not tried: drives count those."""
        (state,) = await self._kit.drives.examine((wanted.device,))
        plan = await self._plan(wanted, state)
        return {
            "controller": wanted.device.resource_name,
            "media_encryption": plan.encrypts,
            "gates": [shown(result) for result in plan.gates],
        }

    async def run(self, running: Running, wanted: Wanted) -> Result:
        """Open a session, revert, look what came of it."""
        device = wanted.device
        async with self._kit.drives.claim((device,), f"operations/{running.record.id}") as (state,):
            plan = await self._plan(wanted, state)
            evidence = await self._kit.evidence(device, wanted.samples)
            begun = Begun(evidence, plan.discovery.hex(), wanted.requested, wanted.samples)
            running.no_return()
            async with device.open() as session:
                with wanted.psid:
                    async with running.step("start_session"):
                        number = await tcg.open_session(session, plan.com_id, wanted.psid, asyncio.sleep)
                try:
                    async with running.step(STEP, **begun.detail()):
                        await tcg.send_revert(session, plan.com_id, number)
                except NvmedError as exc:
                    if exc.nvme is not None:
                        await self._failed(running, begun, exc, Outcome.FAILED)
                    elif exc.reason not in NOT_STARTED:
                        running.uncertain()
                    raise

                async def ask() -> int | None:
                    called = await tcg.answer(session, plan.com_id, partial(_sleep, running))
                    return None if called is None else called.status

                return await self._follow(running, begun, ask, plan.gates)

    async def reconcile(self, case: Interrupted) -> Verdict | Resumption:
        """Look what came of it, if the drive was told anything."""
        step = next((one for one in reversed(case.steps) if one.name == STEP), None)
        if step is None:
            return Verdict(State.SAFE_TO_RETRY, "the drive had not been told to revert")
        why = (step.outcome or {}).get("failure")
        if why and why["nvme"]:
            return Verdict(State.FAILED, failure=why)
        return Resumption(partial(self._resume, begun=Begun.load(step.detail)))

    async def _plan(self, wanted: Wanted, state: DriveState) -> Plan:
        found = await self._kit.gates(wanted.device, state, wanted.overrides, sanitizes=False)
        gates.refuse(found.results)
        said = await _ask_security(wanted.device)
        com_id = None if said.discovery is None else said.discovery.base_com_id
        if said.discovery is None or com_id is None:
            speaks = "no TCG" if said.discovery is None else ", ".join(said.discovery.classes) or "no class of TCG's"
            raise error(Reason.TCG_UNSUPPORTED, f"{wanted.device.resource_name} speaks {speaks}, which no PSID reverts")
        return Plan(com_id, _trimmed(said.raw), found.results)

    async def _resume(self, running: Running, begun: Begun) -> Result:
        """Go on with an operation of a daemon before this one, or whose command had no answer."""
        with self._kit.drives.hold(begun.evidence.subsystem, f"operations/{running.record.id}"):
            return await self._follow(running, begun, _nobody_answers, ())

    # -- from here on the drive was told

    async def _follow(self, running: Running, begun: Begun, ask: Ask, found: tuple[GateResult, ...]) -> Result:
        running.may_stop()
        running.leave_to_drive()
        try:
            status = await self._answer(ask)
            if status:
                raise tcg.refused(status)
            after = await self._look_again(running)
            findings = await self._kit.look(begun.evidence, begun.samples, is_deallocated=False)
            if status is None:
                _require_reverted(begun, after, findings)
            samples.require_erased(findings)
        except NvmedError as exc:
            if exc.reason == Reason.OPERATION_INTERRUPTED.name:
                raise
            await self._failed(running, begun, exc, _outcome_of(exc))
            raise
        outcome = Outcome.ERASED if _encrypts(begun.before) else Outcome.UNCONFIRMED
        name = await self._kit.write(
            running, _certificate(running, begun, outcome, findings=findings, after=_trimmed(after.raw).hex())
        )
        return {
            "controller": running.record.target,
            "erasure_record": name,
            "outcome": f"ERASURE_OUTCOME_{outcome.value}",
            "media_encryption": _encrypts(begun.before),
            "sample_finding": f"SAMPLE_FINDING_{findings.finding.value}",
            "gates": [shown(result) for result in found],
        }

    async def _answer(self, ask: Ask) -> int | None:
        """The status that the drive answered; None where it went away before it did: then it is looked at."""
        try:
            return await ask()
        except NvmedError as exc:
            if watch.passes(exc) or exc.reason == Reason.COMMAND_TIMEOUT.name:
                return None
            raise

    async def _look_again(self, running: Running) -> SecurityState:
        """What the drive says of itself now, once it is there; raises ERASURE_UNCONFIRMED if it stays away."""
        clock = asyncio.get_running_loop().time
        began_at, controller = clock(), running.record.target
        while True:
            try:
                return await _ask_security((await self._kit.inventory.find(controller)).device)
            except NvmedError as exc:
                if not watch.passes(exc) or clock() - began_at > watch.GONE_S:
                    raise error(
                        Reason.ERASURE_UNCONFIRMED,
                        f"{controller} was told to revert, and what came of it cannot be seen: {exc.message}",
                        nvme=exc.nvme,
                        os=exc.os,
                    ) from exc
            await _sleep(running, watch.POLL_S)

    async def _failed(self, running: Running, begun: Begun, exc: NvmedError, outcome: Outcome) -> None:
        """Write down how it did not end."""
        running.finish_anyway()
        certificate = _certificate(running, begun, outcome, why=failure.dump(exc))
        exc.metadata["erasure_record"] = await self._kit.write(running, certificate)


def _certificate(running: Running, begun: Begun, outcome: Outcome, *, after: str = "", **more: Any) -> Certificate:
    return Certificate(
        running.record, begun.evidence, begun.requested, ({"method": Method.REVERT.value, "refused": ""},),
        Method.REVERT, outcome,
        security={
            "discovery_before": begun.discovery, "discovery_after": after, "media_encryption": _encrypts(begun.before),
        },
        **more,
    )  # fmt: skip


def _require_reverted(begun: Begun, after: SecurityState, findings: Findings) -> None:
    """Of a drive that did not answer: raise ERASURE_UNCONFIRMED unless what it is now shows that it was reverted.

    It is shown by who owns it: nobody, where somebody did; or else by its blocks, all of which are others.
    """
    owned, now = _marks(begun.before), _marks(after.discovery)
    if owned and not now:
        return
    if owned or findings.unchanged:
        what = "it is owned, or locks, as before" if owned else "blocks that were read are as before"
        raise _unconfirmed(f"{what}: it was not reverted")
    if findings.finding is not Finding.CHANGED:
        raise _unconfirmed("nothing of it shows whether it was reverted: nobody owned it before either")


def _unconfirmed(what: str) -> NvmedError:
    return error(
        Reason.ERASURE_UNCONFIRMED,
        f"the drive was told to revert and did not answer; {what}",
        remedy="Revert it again.",
    )


def _marks(discovery: Discovery | None) -> frozenset[str]:
    """What of a drive no loss of power changes, and a revert does."""
    if discovery is None:
        return frozenset()
    found = {
        "owned": discovery.flag(BLOCK_SID, _SID_OWNED),
        "locking": discovery.flag(LOCKING, _LOCKING_ENABLED),
    }
    return frozenset(name for name, is_set in found.items() if is_set)


def _encrypts(discovery: Discovery) -> bool:
    """Whether the drive says that it encrypts its media: without that new keys erase nothing."""
    return bool(discovery.flag(LOCKING, _MEDIA_ENCRYPTION))


def _outcome_of(exc: NvmedError) -> Outcome:
    return {
        Reason.TCG_REFUSED.name: Outcome.FAILED,
        Reason.ERASURE_CONTRADICTED.name: Outcome.CONTRADICTED,
    }.get(exc.reason, Outcome.UNCONFIRMED)


def _trimmed(raw: bytes) -> bytes:
    """A discovery without what follows its end."""
    return raw[: 4 + int.from_bytes(raw[:4], "big")]


async def _ask_security(device: Device) -> SecurityState:
    """What a drive says of itself; raises TCG_UNSUPPORTED of one without the commands."""
    try:
        return await read_security_state(device)
    except NvmedError as exc:
        if exc.reason != Reason.NVME_UNSUPPORTED.name:
            raise
        raise error(Reason.TCG_UNSUPPORTED, f"{device.resource_name} has no Security Send and Receive") from exc


async def _nobody_answers() -> None:
    """Whose session is gone has no answer to be asked for."""


async def _sleep(running: Running, seconds: float) -> None:
    await running.until_stopped(asyncio.sleep(seconds))
