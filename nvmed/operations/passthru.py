"""Commands that are passed through: allowed by a rule, checked and sent; as an operation if the drive may change."""

from __future__ import annotations

import base64
import errno
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

from nvmed import limits
from nvmed.devices import passthru as devices
from nvmed.devices.controller import Device
from nvmed.devices.inventory import SUBSYSTEMS, Inventory
from nvmed.devices.lane import Lane
from nvmed.devices.passthru import Answer, EffectsLogs
from nvmed.errors import NotFound, NvmedError
from nvmed.nvme.passthru import Passthru
from nvmed.nvme.status import Queue, command_name
from nvmed.operations import failure
from nvmed.operations.manager import Manager, Mutation, Result, Running
from nvmed.preconditions.exclusion import Exclusion
from nvmed.reasons import Reason, error, invalid_field
from nvmed.security.passthru import PassthruRules, Verdict, judge, require
from nvmed.security.principal import Principal

UNDECIDED: Final = frozenset({errno.EINTR, errno.EIO, errno.ETIMEDOUT})
"""After these the controller may have executed the command, or may yet."""

NOTHING: Final = Answer(0, b"", b"")


@dataclass(frozen=True, slots=True)
class PassthruTarget:
    """Where a command goes: `node` is the namespace's, "" for the controller itself; `nsid` is 0 then."""

    device: Device
    name: str
    node: str = ""
    nsid: int = 0


@dataclass(frozen=True, slots=True)
class PassthruOutcome:
    """What a request came to, on the resource `target` by `rule`; the answer is empty if it was only validated."""

    target: str
    rule: str
    changes_state: bool
    answer: Answer = NOTHING


class Passthrus:
    """Sends what the rules allow. Close it when no call runs any more."""

    def __init__(self, inventory: Inventory, operations: Manager, exclusion: Exclusion, rules: PassthruRules) -> None:
        self._inventory = inventory
        self._operations = operations
        self._exclusion = exclusion
        self._rules = rules
        self._reader = Lane("passthru-rules", threads=1)
        self._effects = EffectsLogs()

    def close(self) -> None:
        """Let go of the thread that reads rules."""
        self._reader.close()

    def use(self, rules: PassthruRules) -> None:
        """Take the rules of another file from now on."""
        self._rules = rules

    async def controller(self, name: str, field: str) -> PassthruTarget:
        """The controller of a name; INVALID_FIELD for a namespace's node, though the kernel would take it."""
        target = await self._inventory.find(name, field)
        if target.namespace_node:
            raise invalid_field(
                field,
                f"{name} is a namespace's node; admin commands go to a controller: give "
                f"{target.device.resource_name} or {target.device.node.node}",
            )
        return PassthruTarget(target.device, target.device.resource_name)

    async def namespace(self, name: str, field: str) -> PassthruTarget:
        """The namespace of a name; INVALID_FIELD for a controller, where only a deprecated ioctl would take it."""
        try:
            namespace = await self._inventory.find_namespace(name)
        except NvmedError as missing:
            if name.startswith(SUBSYSTEMS):
                raise
            try:
                await self._inventory.find(name, field)
            except NotFound:
                raise missing from None
            raise invalid_field(
                field,
                f"{name} is a controller; I/O commands go to a namespace: give its node (nvme0n1, ng0n1) or "
                "subsystems/{subsystem}/namespaces/{nsid}",
            ) from None
        asked = [path for path in namespace.paths if name in (path.node.node, path.node.generic_node)]
        path = min(
            asked or namespace.paths,
            key=lambda one: (one.device.node.state != "live", one.node.ana_state != "optimized"),
        )
        node = path.node.generic_node or path.node.node
        if not node:
            raise error(
                Reason.NAMESPACE_NOT_FOUND,
                f"the kernel shows no node of {namespace.name} to send commands to; rescan {path.device.resource_name}",
                name=name,
            )
        return PassthruTarget(path.device, namespace.name, node, path.node.nsid)

    async def check_rules(self) -> None:
        """Raise PASSTHRU_RULES_INVALID if nothing is passed through, as the rules cannot be read."""
        await self._reader.run(self._rules.current)

    async def judge(self, passthru: Passthru, target: PassthruTarget, principal: Principal) -> Verdict:
        """What the rules say, as their file is now; raises PASSTHRU_RULES_INVALID."""
        rules = await self._reader.run(self._rules.current)
        return judge(rules, passthru, principal, target.device.node.model)

    async def repeated(self, wanted: Mutation) -> PassthruOutcome | None:
        """What the same request came to before, None if there was none; raises what that one raised."""
        found = await self._operations.replay(wanted) if wanted.request_id else None
        if found is None:
            return None
        done = await self._operations.wait(found.id)
        if done.result is None:
            raise failure.load(done.failure or {})
        return _kept(done.target, done.result)

    async def execute(
        self,
        passthru: Passthru,
        target: PassthruTarget,
        wanted: Mutation,
        may_change: Callable[[], None],
        *,
        verdict: Verdict,
        acknowledged: bool,
        validate_only: bool,
    ) -> PassthruOutcome:
        """Check the command and send it; one that changes state as the operation `wanted`.

        `may_change` raises if the caller may not change drives this way. Raises POLICY_DENIED, INVALID_FIELD before
        the command is sent, and what becomes of one that fails.
        """
        require(verdict)
        async with target.device.open(target.node) as session:
            await devices.check(session, passthru)
            changes = not verdict.is_harmless and (
                verdict.changes_state or await self._effects.changes_state(session, passthru)
            )
            if changes:
                may_change()
                _require_keepable(wanted, passthru)
            if changes or verdict.needs_acknowledgement:
                _require_acknowledgement(passthru, target, given=acknowledged)
            outcome = PassthruOutcome(target.name, verdict.rule, changes)
            if validate_only:
                return outcome
            if not changes:
                return replace(outcome, answer=await devices.execute(session, passthru, changes_state=False))
        return await self._change(wanted, target, passthru, outcome)

    async def _change(
        self, wanted: Mutation, target: PassthruTarget, passthru: Passthru, outcome: PassthruOutcome
    ) -> PassthruOutcome:
        answers: list[Answer] = []

        async def run(running: Running) -> Result:
            with ExitStack() as stack:
                if passthru.queue is Queue.ADMIN:
                    stack.enter_context(
                        self._exclusion.hold(target.device.subsystem, f"operations/{running.record.id}")
                    )
                answers.append(await _send(running, target, passthru))
            return _keep(replace(outcome, answer=answers[0]), with_data=bool(wanted.request_id))

        result = await self._operations.perform(wanted, run)
        return replace(outcome, answer=answers[0]) if answers else _kept(target.name, result)


async def _send(running: Running, target: PassthruTarget, passthru: Passthru) -> Answer:
    """Send a command that changes state, as a journalled step, to the node that was opened and checked anew."""
    name = command_name(passthru.command, passthru.queue)
    async with (
        target.device.open(target.node) as session,
        running.step("execute", command=name, node=session.path) as outcome,
    ):
        try:
            answer = await devices.execute(session, passthru, changes_state=True)
        except NvmedError as exc:
            if exc.reason == Reason.COMMAND_TIMEOUT.name or (exc.os and exc.os.errno in UNDECIDED):
                running.uncertain()
            raise
        finally:
            target.device.forget_identity()
        outcome["result"] = answer.result
    return answer


def _require_acknowledgement(passthru: Passthru, target: PassthruTarget, *, given: bool) -> None:
    if not given:
        name = command_name(passthru.command, passthru.queue)
        raise invalid_field(
            "acknowledge_destructive", f"must be set: {name} may change the drive or lose data of {target.name}"
        )


def _require_keepable(wanted: Mutation, passthru: Passthru) -> None:
    size = passthru.read_bytes + passthru.read_metadata_bytes
    if wanted.request_id and size > limits.PASSTHRU_KEPT_BYTES_MAX:
        raise invalid_field(
            "request_id",
            f"keeps the answer, and {size} bytes are more than the {limits.PASSTHRU_KEPT_BYTES_MAX} that are kept: "
            "read less, or leave it out",
        )


def _keep(outcome: PassthruOutcome, *, with_data: bool) -> Result:
    """What is journalled of an outcome; what was read only where the request may be repeated."""
    answer = outcome.answer
    kept: dict[str, Any] = {"rule": outcome.rule, "result": answer.result}
    if with_data:
        kept["data"] = base64.b64encode(answer.data).decode()
        kept["metadata"] = base64.b64encode(answer.metadata).decode()
    return kept


def _kept(target: str, result: Result) -> PassthruOutcome:
    """What `_keep` made of an outcome."""
    data, metadata = (base64.b64decode(result.get(name, "")) for name in ("data", "metadata"))
    return PassthruOutcome(target, result["rule"], True, Answer(result["result"], data, metadata))


def of_namespace(passthru: Passthru, target: PassthruTarget) -> Passthru:
    """The command with the namespace's own identifier, which is the only one that its node takes."""
    nsid = passthru.command.nsid
    if nsid not in (0, target.nsid):
        raise invalid_field("command.nsid", f"is {nsid}, and {target.name} is namespace {target.nsid}; leave it out")
    return replace(passthru, command=replace(passthru.command, nsid=target.nsid))
