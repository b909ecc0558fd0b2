"""SanitizeDrive: chosen, begun, watched to its end, looked at, and written down.

The intent is in the journal, with all that is known of the drive, before the drive is told. From then on the drive goes
on by itself: a daemon that stops leaves the operation open, and the next one follows the drive's own log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

from nvmed.devices.controller import Device
from nvmed.devices.lane import NOT_STARTED
from nvmed.erasure import formatting, samples
from nvmed.erasure.certificate import Certificate, Outcome
from nvmed.erasure.evidence import Evidence
from nvmed.erasure.kit import Kit, shown
from nvmed.erasure.methods import FORMATS, Method, Settings, choose, lacking
from nvmed.erasure.samples import Findings
from nvmed.erasure.watch import Watch
from nvmed.errors import InvalidArgument, NvmedError, Unimplemented
from nvmed.nvme.health import SanitizeState, SanitizeStatus
from nvmed.nvme.layout import bits
from nvmed.nvme.sanitize import Action, Sanitize, deallocated, estimate_seconds, is_running, is_verifying
from nvmed.operations import failure
from nvmed.operations.manager import Interrupted, Resumption, Verdict
from nvmed.operations.records import State
from nvmed.operations.running import Result, Running
from nvmed.preconditions import gates
from nvmed.preconditions.gates import DriveState, GateResult
from nvmed.reasons import Reason, error

KIND: Final = "nvmed.v1.DriveService/SanitizeDrive"
STEP: Final = "sanitize"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for: `samples` blocks are read before and after, `stall_s` 0 leaves patience to nvmed."""

    device: Device
    settings: Settings
    samples: int
    stall_s: float
    overrides: frozenset[str]
    requested: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The methods to be tried, in order, and how the gates were found."""

    methods: tuple[Method, ...]
    gates: tuple[GateResult, ...]
    estimate_s: int | None


@dataclass(frozen=True, slots=True)
class Begun:
    """What the drive was told to do; as the journal has it, for whoever follows it to its end.

    `command` is None where it was not told to sanitize, but to format. `is_sure` is whether it took the command.
    """

    method: Method
    command: Sanitize | None
    evidence: Evidence
    tried: tuple[Mapping[str, Any], ...]
    requested: Mapping[str, Any]
    samples: int
    stall_s: float
    is_sure: bool = True

    def detail(self) -> dict[str, Any]:
        """As the step's detail has it."""
        return {
            "method": self.method.value,
            "begun": {
                "tried": [*self.tried],
                "requested": dict(self.requested),
                "samples": self.samples,
                "stall_s": self.stall_s,
                "evidence": self.evidence.dump(),
                "command": asdict(self.command) if self.command else None,
            },
        }

    @classmethod
    def load(cls, detail: Mapping[str, Any], *, is_sure: bool) -> Begun:
        """What `detail` gave."""
        saved = detail["begun"]
        told = saved["command"]
        command = Sanitize(**{**told, "action": Action(told["action"])}) if told else None
        return cls(
            Method(detail["method"]), command, Evidence.load(saved["evidence"]), tuple(saved["tried"]),
            saved["requested"], saved["samples"], saved["stall_s"], is_sure,
        )  # fmt: skip


class Sanitizing:
    """Sanitizes drives with what `kit` has."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def check(self, wanted: Wanted) -> Result:
        """What would be done; raises what keeps it from being done."""
        (state,) = await self._kit.drives.examine((wanted.device,))
        plan = await self._plan(wanted, state)
        return {
            "controller": wanted.device.resource_name,
            "method": f"ERASURE_METHOD_{plan.methods[0].value}",
            "gates": [shown(result) for result in plan.gates],
            **({} if plan.estimate_s is None else {"estimated_seconds": plan.estimate_s}),
        }

    async def run(self, running: Running, wanted: Wanted) -> Result:
        """Sanitize, by the first method that the drive takes."""
        device = wanted.device
        async with self._kit.drives.claim((device,), f"operations/{running.record.id}") as (state,):
            plan = await self._plan(wanted, state)
            evidence = await self._kit.evidence(device, wanted.samples)
            running.no_return()
            begun = await self._begin(running, wanted, plan, evidence)
            return await self._follow(running, begun, plan.gates)

    async def reconcile(self, case: Interrupted) -> Verdict | Resumption:
        """Follow what the drive was told last, if it was told anything."""
        step = next((one for one in reversed(case.steps) if one.name == STEP), None)
        if step is None:
            return Verdict(State.SAFE_TO_RETRY, "the drive had not been told anything")
        why = (step.outcome or {}).get("failure")
        if why and why["nvme"]:
            return Verdict(State.FAILED, failure=why)
        begun = Begun.load(step.detail, is_sure=bool(step.outcome and step.outcome.get("ok")))
        return Resumption(partial(self._resume, begun=begun))

    async def _plan(self, wanted: Wanted, state: DriveState) -> Plan:
        methods = choose(wanted.settings, state.identity)
        found = await self._kit.gates(
            wanted.device, state, wanted.overrides, unrestricted_exit=wanted.settings.unrestricted_exit
        )
        gates.refuse(found.results)
        first, estimate = methods[0], None
        if (command := wanted.settings.sanitize(first)) and found.status is not None:
            estimate = estimate_seconds(found.status, command)
        return Plan(methods, found.results, estimate)

    async def _begin(self, running: Running, wanted: Wanted, plan: Plan, evidence: Evidence) -> Begun:
        """Tell the drive, by one method after another, until it takes one; raises what it refuses the last with."""
        tried: list[Mapping[str, Any]] = []
        settings = wanted.settings

        def told(method: Method) -> Begun:
            return Begun(
                method, settings.sanitize(method), evidence, tuple(tried), wanted.requested, wanted.samples,
                wanted.stall_s,
            )  # fmt: skip

        for method in plan.methods:
            begun = told(method)
            try:
                async with running.step(STEP, **begun.detail()):
                    await self._tell(running, wanted.device, begun)
            except NvmedError as exc:
                if exc.nvme is None and exc.reason != Reason.ERASURE_METHOD_UNSUPPORTED.name:
                    raise
                tried.append({"method": method.value, "refused": exc.message})
                if not isinstance(exc, InvalidArgument | Unimplemented) and exc.nvme is not None:
                    await self._failed(running, told(method), exc, Outcome.FAILED)
                    raise
            else:
                return replace(begun, tried=(*tried, {"method": method.value, "refused": ""}))
        refused = lacking([f"{one['method']} ({one['refused']})" for one in tried])
        await self._failed(running, told(plan.methods[-1]), refused, Outcome.FAILED)
        raise refused

    async def _tell(self, running: Running, device: Device, begun: Begun) -> None:
        """Tell the drive to erase; where nobody knows whether it heard, it is asked in the end."""
        try:
            if begun.command is None:
                await formatting.erase(device, FORMATS[begun.method])
            else:
                await self._submit(device, begun.command)
        except NvmedError as exc:
            if exc.nvme is None and exc.reason not in (*NOT_STARTED, Reason.ERASURE_METHOD_UNSUPPORTED.name):
                running.uncertain()
            raise

    async def _submit(self, device: Device, command: Sanitize) -> None:
        async with device.open() as session:
            await session.mutate(command.command())

    async def _resume(self, running: Running, begun: Begun) -> Result:
        """Go on with an operation of a daemon before this one, or whose command had no answer."""
        with self._kit.drives.hold(begun.evidence.subsystem, f"operations/{running.record.id}"):
            tried = (*begun.tried, {"method": begun.method.value, "refused": ""})
            return await self._follow(running, replace(begun, tried=tried), ())

    # -- from here on the drive is at it

    async def _follow(self, running: Running, begun: Begun, found: tuple[GateResult, ...]) -> Result:
        running.may_stop()
        running.leave_to_drive()
        watch = Watch(self._kit.inventory, running.record.target, begun.evidence.version)
        media, status = None, None
        try:
            if begun.command is not None:
                media, status = await self._until_erased(running, begun, begun.command, watch)
                _require_done(begun, begun.command, status)
            elif not begun.is_sure:
                raise error(Reason.ERASURE_UNCONFIRMED, "a format leaves no trace that shows whether it was completed")
            findings = await self._look_at(begun, status)
            samples.require_erased(findings)
        except NvmedError as exc:
            if exc.reason == Reason.OPERATION_INTERRUPTED.name:
                raise
            await self._failed(running, begun, exc, _outcome_of(exc), watch.raw)
            raise
        certificate = Certificate(
            running.record, begun.evidence, begun.requested, begun.tried, begun.method, Outcome.ERASED,
            watch.raw, findings, media,
        )  # fmt: skip
        name = await self._kit.write(running, certificate)
        return {
            "controller": running.record.target,
            "method": f"ERASURE_METHOD_{begun.method.value}",
            "erasure_record": name,
            "sample_finding": f"SAMPLE_FINDING_{findings.finding.value}",
            "gates": [shown(result) for result in found],
        }

    async def _until_erased(
        self, running: Running, begun: Begun, command: Sanitize, watch: Watch
    ) -> tuple[Findings | None, SanitizeStatus]:
        """Watch it to its end; where the drive shows its media first, look at them and let it go on."""
        before = SanitizeStatus.parse(bytes.fromhex(begun.evidence.log), begun.evidence.version)
        estimate = estimate_seconds(before, command)
        seen = await watch.until_over(running, estimate, begun.stall_s)
        media = None
        if is_verifying(seen.status):
            media = await self._look_at(begun, seen.status)
            async with running.step("exit_media_verification"):
                device = (await self._kit.inventory.find(running.record.target)).device
                await self._submit(device, Sanitize(Action.EXIT_MEDIA_VERIFICATION))
            seen = await watch.until_over(running, None, begun.stall_s)
        if not begun.is_sure and seen.raw == bytes.fromhex(begun.evidence.log):
            raise error(
                Reason.ERASURE_UNCONFIRMED,
                "the drive's log is as it was before: nothing shows that it was told anything; erase it again",
            )
        return media, seen.status

    async def _look_at(self, begun: Begun, status: SanitizeStatus | None) -> Findings:
        """What blocks read as; `status` is None where the drive was formatted."""
        command = begun.command
        return await self._kit.look(
            begun.evidence,
            begun.samples,
            is_deallocated=status is None or (not is_running(status) and deallocated(status)),
            pattern=command.pattern if command and command.action is Action.OVERWRITE else None,
            inverted=bool(command and command.invert),
        )

    async def _failed(
        self, running: Running, begun: Begun, exc: NvmedError, outcome: Outcome, log_after: str = ""
    ) -> None:
        """Write down how it did not end."""
        running.finish_anyway()
        certificate = Certificate(
            running.record, begun.evidence, begun.requested, begun.tried, begun.method, outcome, log_after,
            why=failure.dump(exc),
        )  # fmt: skip
        exc.metadata["erasure_record"] = await self._kit.write(running, certificate)


def _require_done(begun: Begun, command: Sanitize, status: SanitizeStatus) -> None:
    """Raise what the log says against it: it failed, or is of another command."""
    if bits(status.scdw10, 2, 0) != command.action:
        raise error(
            Reason.ERASURE_UNCONFIRMED,
            f"the drive's last sanitize is another one than it was told (its log has CDW10 {status.scdw10:#x})",
        )
    if status.state == SanitizeState.FAILED:
        raise error(
            Reason.ERASURE_FAILED,
            f"the drive failed at {begun.method.value} (SSTAT {status.sstat:#06x}) and is in failure mode",
        )
    if status.state not in (SanitizeState.COMPLETED, SanitizeState.COMPLETED_UNEXPECTED_DEALLOCATE):
        raise error(Reason.ERASURE_UNCONFIRMED, f"the drive says of its sanitize what nobody knows: {status.state}")


def _outcome_of(exc: NvmedError) -> Outcome:
    return {
        Reason.ERASURE_FAILED.name: Outcome.FAILED,
        Reason.ERASURE_CONTRADICTED.name: Outcome.CONTRADICTED,
    }.get(exc.reason, Outcome.UNCONFIRMED)
