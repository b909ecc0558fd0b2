"""Which commands may be passed through: rules as data, the first that matches decides, and none is a denial.

The rules that ship are in `passthru-rules.toml` beside this module, which also explains the form. An operator's own
file is read anew when it changes; one that is wrong or gone is refused as a whole, and nothing is passed through
until it is right: a denial that is silently left out would let through what it forbids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from nvmed import config, files
from nvmed.errors import NvmedError
from nvmed.nvme.passthru import Passthru, changes_state, refusal
from nvmed.reasons import Reason, error
from nvmed.security.principal import Principal

SHIPPED: Final = Path(__file__).with_name("passthru-rules.toml")
FILE_BYTES_MAX: Final = 1 << 20

DEFAULT: Final = "default"
"""What a verdict calls the rule that denies what no rule matches."""

BUILT_IN: Final = "built-in"
"""What a verdict calls the rule that no other can overrule."""

U32_MAX: Final = 0xFFFF_FFFF
U32 = Annotated[int, msgspec.Meta(ge=0, le=U32_MAX)]
Ranges = tuple[int | tuple[int, int], ...]
"""Numbers, and ranges with both ends. What they may be is checked by hand: msgspec 0.22 crashes the process when it
frees a union of a constrained integer and a tuple."""
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Dword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on a command dword: its bits in `mask` are one of `values`."""

    cdw: Literal[2, 3, 10, 11, 12, 13, 14, 15]
    values: Annotated[tuple[U32, ...], msgspec.Meta(min_length=1)]
    mask: U32 = 0xFFFF_FFFF

    def __post_init__(self) -> None:
        if wrong := [value for value in self.values if value & ~self.mask]:
            raise ValueError(f"values: {wrong[0]:#x} has bits that mask {self.mask:#x} leaves out")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule; an empty collection and None are no condition."""

    name: Name
    effect: Literal["allow", "deny"]
    queue: Literal["admin", "io"]
    opcodes: Ranges = ()
    dwords: tuple[Dword, ...] = ()
    direction: Literal["read", "write", "none"] | None = None
    data_bytes_max: U32 | None = None
    metadata_bytes_max: U32 | None = None
    nsids: Ranges = ()
    models: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    acknowledge_destructive: bool = False
    changes_nothing: bool = False
    because: str = ""

    def __post_init__(self) -> None:
        if self.name in (DEFAULT, BUILT_IN):
            raise ValueError(f"name: {self.name!r} means something else already")
        if self.effect == "allow" and not self.opcodes:
            raise ValueError(f"opcodes: rule {self.name!r} allows, so it has to say which")
        for field, ranges, highest in (("opcodes", self.opcodes, 0xFF), ("nsids", self.nsids, U32_MAX)):
            for one in ranges:
                low, high = one if isinstance(one, tuple) else (one, one)
                if not 0 <= low <= high <= highest:
                    raise ValueError(
                        f"{field}: {low:#x} to {high:#x} of rule {self.name!r} is not in 0 to {highest:#x}"
                    )

    def is_about(self, passthru: Passthru) -> bool:
        """Whether queue and opcode are the rule's."""
        return self.queue == passthru.queue.value and _covers(self.opcodes, passthru.command.opcode)

    def objections(self, passthru: Passthru, principal: Principal, model: str) -> Iterator[str]:
        """Why the rule, which `is_about` the command, does not match it."""
        command = passthru.command
        for dword in self.dwords:
            if getattr(command, f"cdw{dword.cdw}") & dword.mask not in dword.values:
                yield f"CDW{dword.cdw} masked with {dword.mask:08X}h is none of its values"
        if self.direction not in (None, passthru.direction.value):
            yield f"the direction of its data is {self.direction}"
        for what, size, limit in (
            ("data", passthru.data_bytes, self.data_bytes_max),
            ("metadata", passthru.metadata_bytes, self.metadata_bytes_max),
        ):
            if limit is not None and size > limit:
                yield f"it is for at most {limit} bytes of {what}"
        if not _covers(self.nsids, command.nsid):
            yield f"namespace {command.nsid} is none of its own"
        if self.models and not any(fnmatchcase(model, pattern) for pattern in self.models):
            yield f"it is not for model {model!r}"
        if self.principals and principal.name not in self.principals:
            yield "it is for other callers"
        if self.roles and not set(self.roles) & set(principal.roles):
            yield "it is for other roles"


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file says."""

    rule: tuple[Rule, ...] = ()
    include_shipped: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a command; `changes_state` is without the controller's own effects log."""

    allowed: bool
    rule: str
    because: str
    changes_state: bool
    needs_acknowledgement: bool
    is_harmless: bool = False
    """The rule says that this vendor's command changes nothing."""


def judge(rules: Collection[Rule], passthru: Passthru, principal: Principal, model: str) -> Verdict:
    """What the first matching rule says of a command by `principal` to a controller of `model`."""
    changes = changes_state(passthru)
    if reason := refusal(passthru):
        return Verdict(False, BUILT_IN, f"nobody may send it: {reason}", changes, changes)
    for rule in rules:
        if rule.is_about(passthru) and not any(rule.objections(passthru, principal, model)):
            because = f"rule {rule.name} {'allows' if rule.effect == 'allow' else 'denies'} it"
            harmless = rule.changes_nothing and passthru.is_vendor_specific
            changes = changes and not harmless
            return Verdict(
                allowed=rule.effect == "allow",
                rule=rule.name,
                because=f"{because}: {rule.because}" if rule.because else because,
                changes_state=changes,
                needs_acknowledgement=changes or rule.acknowledge_destructive,
                is_harmless=harmless,
            )
    return Verdict(False, DEFAULT, _explain(rules, passthru, principal, model), changes, changes)


def require(verdict: Verdict) -> None:
    """Raise POLICY_DENIED, naming the rule, unless the command is allowed."""
    if not verdict.allowed:
        raise error(Reason.POLICY_DENIED, f"the command is not passed through; {verdict.because}", rule=verdict.rule)


def _explain(rules: Collection[Rule], passthru: Passthru, principal: Principal, model: str) -> str:
    """Why no rule matches, and what the first that came near would have needed."""
    for rule in rules:
        if rule.effect == "allow" and rule.is_about(passthru):
            return f"no rule allows it; for rule {rule.name}, {next(rule.objections(passthru, principal, model))}"
    return f"no rule allows opcode {passthru.command.opcode:02X}h on the {passthru.queue.value} queue"


def _covers(ranges: Collection[int | tuple[int, int]], number: int) -> bool:
    """Whether `number` is in one of the ranges; there being none is every number."""
    return not ranges or any(one[0] <= number <= one[1] if isinstance(one, tuple) else one == number for one in ranges)


# -- files


def parse(text: bytes) -> RuleFile:
    """The rules in a file's bytes; `ValueError` says what is wrong with them."""
    if len(text) > FILE_BYTES_MAX:
        raise ValueError(f"larger than {FILE_BYTES_MAX} bytes")
    found = msgspec.convert(config.toml(text.decode("utf-8")), RuleFile)
    for name, count in Counter(rule.name for rule in found.rule).items():
        if count > 1:
            raise ValueError(f"{count} rules are named {name!r}")
    return found


class PassthruRules:
    """The rules as the files have them now: the operator's first, then those that ship.

    `current` reads files: one thread at a time calls it. Rules that shipped are not read again: they change with nvmed.
    """

    def __init__(self, own: Path | None = None) -> None:
        self._own = own
        self._shipped = parse(files.read_bytes(SHIPPED)).rule
        self._stamp: files.Stamp | None = None
        self._rules = self._shipped

    def current(self) -> tuple[Rule, ...]:
        """Every rule in order; raises PASSTHRU_RULES_INVALID, also where the own file is gone: denials were in it."""
        if self._own is None:
            return self._rules
        try:
            stamp = files.stamp(self._own)
            if stamp != self._stamp:
                own = parse(config.read_trusted(self._own).encode())
                self._rules = own.rule + (self._shipped if own.include_shipped else ())
                self._stamp = stamp
        except (OSError, ValueError, NvmedError) as exc:
            self._stamp = None
            raise error(
                Reason.PASSTHRU_RULES_INVALID,
                f"the passthrough rules in {self._own} cannot be used ({config.why(exc)}); nothing is passed through "
                "meanwhile",
                path=self._own,
            ) from exc
        return self._rules
