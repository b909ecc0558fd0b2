"""Preconditions of changing a drive's firmware or resetting it: one table, evaluated as a whole.

A gate is a function of what is known of a drive and what is wanted. It never raises and changes nothing, so all of them
are evaluated and reported together, and `validate_only` sees exactly what the real request would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from nvmed import limits
from nvmed.errors import GateViolation
from nvmed.nvme import firmware
from nvmed.nvme.capabilities import Capabilities
from nvmed.nvme.firmware import FirmwareSlots, FirmwareUpdates
from nvmed.nvme.host import Usage, Use
from nvmed.nvme.identify import IdentifyController
from nvmed.preconditions.firmware_rules import Quirk, Rules
from nvmed.reasons import Reason, error, invalid_field


@dataclass(frozen=True, slots=True)
class DriveState:
    """A drive as it is now: `identity` is fresh, `limit_bytes` is what one command carries.

    `usages` are those of every namespace of the subsystem, `unknown` what keeps the host from telling about others.
    `slots` is None where the controller has no firmware commands, or refuses its slot log. `busy_with` names who works
    on the subsystem.
    """

    controller: str
    subsystem: str
    identity: IdentifyController
    slots: FirmwareSlots | None
    limit_bytes: int
    usages: tuple[Usage, ...] = ()
    unknown: tuple[str, ...] = ()
    busy_with: str = ""

    @property
    def model(self) -> str:
        return self.identity.mn

    @property
    def revision(self) -> str:
        """The firmware that runs."""
        return self.identity.fr

    @property
    def updates(self) -> FirmwareUpdates:
        return FirmwareUpdates.of(self.identity)

    @property
    def has_firmware_commands(self) -> bool:
        return Capabilities(self.identity).has("firmware_download")

    @property
    def running_slot(self) -> int:
        """The slot of what runs, 0 where it is not shown."""
        return self.slots.running_slot(self.revision) if self.slots else 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted, as far as gates ask for it; empty and 0 where there is nothing to ask.

    `image_fault` is what is wrong with the image's file. `target_revision` is what is to run, or to be stored, as far
    as it is known. `slot` 0 leaves the choice to nvmed. `staged` is what the slot got that does not show it, if it did:
    see `nvmed.firmware.evidence`. `risk` is what may come of it, in words.
    """

    rules: Rules = field(default_factory=Rules)
    overrides: frozenset[str] = frozenset()
    model: str = ""
    revision: str = ""
    image_sha256: str = ""
    image_bytes: int | None = None
    image_fault: str = ""
    target_revision: str = ""
    slot: int = 0
    slot_revision: str = ""
    staged: str | None = None
    live: bool = False
    disruptive: bool = False
    acknowledged: bool = False
    risk: str = ""


@unique
class Found(Enum):
    """How a gate was found; the names are those of the contract's `GateResult.State`, but for VIOLATED."""

    HOLDS = "HOLDS"
    OVERRIDDEN = "OVERRIDDEN"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    VIOLATED = "VIOLATED"


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate of one drive."""

    controller: str
    gate: str
    found: Found
    description: str
    transient: bool = False


Answer = tuple[Found, str]
Check = Callable[[DriveState, Wanted], Answer]


@dataclass(frozen=True, slots=True)
class Gate:
    """A row of the table; only an overridable gate may be left out by a request, and only a transient one holds later
    without anybody's doing."""

    check: Check
    overridable: bool = False
    transient: bool = False


def _holds(description: str) -> Answer:
    return Found.HOLDS, description


def _violated(description: str) -> Answer:
    return Found.VIOLATED, description


def _nothing(description: str) -> Answer:
    return Found.NOT_APPLICABLE, description


# -- what the drive is


def _supported(drive: DriveState, wanted: Wanted) -> Answer:
    if not drive.has_firmware_commands:
        return _violated("the controller has no firmware commands (OACS bit 2 is not set)")
    if wanted.live and not wanted.rules.quirk_of(drive.model).takes(firmware.CommitAction.ACTIVATE_IMMEDIATELY):
        return _violated(f"{drive.model!r} takes no commit action 3, by the firmware rules; activate by a reset")
    if wanted.live and not drive.updates.activates_without_reset:
        return _violated("the controller cannot activate while it runs (FRMW bit 4 is not set); activate by a reset")
    return _holds("the controller has the commands")


def _expected_model(drive: DriveState, wanted: Wanted) -> Answer:
    if not wanted.model:
        return _nothing("no model is expected")
    if drive.model != wanted.model:
        return _violated(f"the model is {drive.model!r}, not {wanted.model!r}")
    return _holds(f"the model is {drive.model!r}")


def _expected_revision(drive: DriveState, wanted: Wanted) -> Answer:
    if not wanted.revision:
        return _nothing("no revision is expected")
    if drive.revision != wanted.revision:
        return _violated(f"{drive.revision!r} runs, not {wanted.revision!r}")
    return _holds(f"{drive.revision!r} runs")


# -- the image on its way to the drive


def _image(drive: DriveState, wanted: Wanted) -> Answer:
    size = wanted.image_bytes
    if size is None:
        return _nothing("no image is sent")
    if wanted.image_fault:
        return _violated(wanted.image_fault)
    if size <= 0 or size % 4:
        return _violated(f"the image has {size} bytes; firmware is a multiple of 4 bytes and not empty")
    if size > limits.IMAGE_BYTES_MAX:
        return _violated(f"the image has {size} bytes; at most {limits.IMAGE_BYTES_MAX} are sent to a drive")
    return _holds(f"the image has {size} bytes and is whole")


def _granularity(drive: DriveState, wanted: Wanted) -> Answer:
    if wanted.image_bytes is None:
        return _nothing("no image is sent")
    quirk = wanted.rules.quirk_of(drive.model)
    fwug = drive.identity.fwug
    if quirk.granularity_bytes is None and fwug in (firmware.FWUG_NOT_REPORTED, firmware.FWUG_NO_RESTRICTION):
        return _nothing(f"the controller reports no granularity (FWUG {fwug})")
    unit = granularity_bytes(drive, quirk)
    source = "by the firmware rules" if quirk.granularity_bytes else f"FWUG {fwug}"
    if over := wanted.image_bytes % unit:
        return _violated(f"the image ends {over} bytes into a granule of {unit} bytes ({source}); the drive may refuse")
    return _holds(f"the image ends on a granule of {unit} bytes ({source})")


def _transfer_size(drive: DriveState, wanted: Wanted) -> Answer:
    if wanted.image_bytes is None:
        return _nothing("no image is sent")
    piece = piece_bytes(drive, wanted)
    if piece > drive.limit_bytes:
        return _violated(
            f"a piece has {piece} bytes, but one command carries {drive.limit_bytes} (MDTS, queue limit); "
            + _smaller_pieces(drive, wanted)
        )
    source = ", as GATE_GRANULARITY is overridden" if "GRANULARITY" in wanted.overrides else ""
    return _holds(f"a piece has {piece} bytes of {drive.limit_bytes} that one command carries{source}")


def _smaller_pieces(drive: DriveState, wanted: Wanted) -> str:
    """What makes the pieces smaller."""
    if wanted.rules.quirk_of(drive.model).transfer_bytes is not None:
        return f"the firmware rules ask for such pieces of {drive.model!r} (transfer_bytes)"
    if wanted.rules.quirk_of(drive.model).granularity_bytes is not None:
        return f"the firmware rules ask for such granules of {drive.model!r} (granularity_bytes)"
    return f"with GATE_GRANULARITY overridden they have {firmware.GRANULARITY_BYTES}"


def _image_listed(drive: DriveState, wanted: Wanted) -> Answer:
    if not wanted.image_sha256 or not wanted.rules.require_listed_images:
        return _nothing("the firmware rules ask for no listed images")
    if not wanted.rules.lists(wanted.image_sha256, drive.model):
        return _violated(f"the firmware rules do not list the image for {drive.model!r}")
    return _holds(f"the firmware rules list the image for {drive.model!r}")


# -- slots and revisions


def _slot_exists(drive: DriveState, wanted: Wanted) -> Answer:
    if not wanted.slot:
        return _nothing("no slot is named")
    if wanted.slot > drive.updates.slots:
        return _violated(f"there is no slot {wanted.slot}; the controller has {drive.updates.slots}")
    return _holds(f"slot {wanted.slot} is one of {drive.updates.slots}")


def _slot_writable(drive: DriveState, wanted: Wanted) -> Answer:
    if not drive.has_firmware_commands:
        return _nothing("the controller has no firmware commands")
    only = wanted.rules.quirk_of(drive.model).slot
    if not wanted.slot:
        slot = choose_slot(drive, wanted)
        if slot is None:
            return _violated("every slot is read only, runs, or will run after the next reset; name the slot to write")
        return _holds(f"slot {slot} is chosen" + (f": {drive.model!r} takes no other, by the rules" if only else ""))
    if only not in (None, wanted.slot):
        return _violated(f"{drive.model!r} takes images in slot {only} alone, by the firmware rules")
    if wanted.slot == 1 and drive.updates.slot_1_read_only:
        return _violated("slot 1 is read only (FRMW bit 0); use another slot")
    if wanted.slot > drive.updates.slots:
        return _nothing("there is no such slot")
    return _holds(f"slot {wanted.slot} can be written")


def _slot_content(drive: DriveState, wanted: Wanted) -> Answer:
    if not drive.has_firmware_commands or wanted.slot > drive.updates.slots:
        return _nothing("there is no such slot")
    if not wanted.slot:
        return _violated("no slot holds the image that ran before; name the slot")
    held = drive.slots.revision(wanted.slot) if drive.slots else ""
    if wanted.staged is not None:
        return _unshown(wanted, held)
    if drive.slots is None and not wanted.slot_revision:
        return _nothing("the controller refuses its slot log: what the slot holds is not known")
    if drive.slots is None:
        return _violated(
            "the controller refuses its slot log, so what is in the slot is unknown; leave slot_revision out"
        )
    if not held:
        return _violated(f"slot {wanted.slot} is empty; stage an image first")
    if wanted.slot_revision and held != wanted.slot_revision:
        return _violated(f"slot {wanted.slot} holds {held!r}, not {wanted.slot_revision!r}")
    return _holds(f"slot {wanted.slot} holds {held!r}")


def _unshown(wanted: Wanted, held: str) -> Answer:
    """A slot that got an image which it does not show."""
    if wanted.slot_revision and wanted.staged != wanted.slot_revision:
        got = repr(wanted.staged) if wanted.staged else "an image of an unknown revision"
        return _violated(f"slot {wanted.slot} got {got}, not {wanted.slot_revision!r}")
    return _holds(f"slot {wanted.slot} got {wanted.staged or 'an image'!r}, which it does not show: it shows {held!r}")


def _transition(drive: DriveState, wanted: Wanted) -> Answer:
    objection = wanted.rules.objection(drive.model, drive.revision, wanted.target_revision)
    step = f"{drive.revision!r} to {wanted.target_revision or 'an unknown revision'!r}"
    if objection:
        return _violated(f"{step}: {objection}")
    if not wanted.rules.has_steps(drive.model):
        return _nothing(f"the firmware rules say nothing of steps of {drive.model!r}")
    return _holds(f"{step}: the firmware rules allow it")


def _live_activation(drive: DriveState, wanted: Wanted) -> Answer:
    if not wanted.live:
        return _nothing("nothing is activated while the drive runs")
    quirk = wanted.rules.quirk_of(drive.model)
    if quirk.forbid_live_activation:
        return _violated(f"the firmware rules forbid it for {drive.model!r}: {quirk.because or 'no reason is given'}")
    return _holds("asked for by name, and no rule forbids it")


# -- the host


def _boot_device(drive: DriveState, wanted: Wanted) -> Answer:
    for usage in drive.usages:
        if usage.is_boot:
            return _violated(f"the host boots from {usage.node}{_explained(usage.uses)}")
    if drive.unknown:
        return _violated(f"it cannot be told whether the host boots from it: {'; '.join(drive.unknown)}")
    return _holds("the host does not boot from it")


def _in_use(drive: DriveState, wanted: Wanted) -> Answer:
    used = [f"{usage.node} is in use{_explained(usage.uses)}" for usage in drive.usages if usage.is_in_use]
    if used or drive.unknown:
        return _violated("; ".join((*used, *drive.unknown)))
    return _holds("nothing uses its namespaces" if drive.usages else "it has no namespaces here")


def _subsystem_busy(drive: DriveState, wanted: Wanted) -> Answer:
    if drive.busy_with:
        return _violated(f"{drive.busy_with} works on {drive.subsystem}; wait for it")
    return _holds(f"nothing else works on {drive.subsystem}")


def _disruption_acknowledged(drive: DriveState, wanted: Wanted) -> Answer:
    if not wanted.disruptive:
        return _nothing("I/O is not interrupted")
    if not wanted.acknowledged:
        return _violated("I/O to the drive stops meanwhile; set acknowledge_disruption if that is fine")
    return _holds("acknowledged")


def _risk_acknowledged(drive: DriveState, wanted: Wanted) -> Answer:
    if not wanted.risk:
        return _nothing("nothing is at risk")
    if not wanted.acknowledged:
        return _violated(f"{wanted.risk}; set acknowledge_risk if that is meant")
    return _holds(f"acknowledged: {wanted.risk}")


def _explained(uses: Sequence[Use]) -> str:
    shown = [f"{use.device} {use.kind.value}{f' {use.subject}' if use.subject else ''}" for use in uses[:4]]
    more = [f"{len(uses) - 4} more"] if len(uses) > 4 else []
    return f" ({', '.join(shown + more)})" if shown else ""


GATES: Final[Mapping[str, Gate]] = {
    "SUPPORTED": Gate(_supported),
    "EXPECTED_MODEL": Gate(_expected_model),
    "EXPECTED_REVISION": Gate(_expected_revision),
    "IMAGE": Gate(_image),
    "GRANULARITY": Gate(_granularity, overridable=True),
    "TRANSFER_SIZE": Gate(_transfer_size),
    "SLOT_EXISTS": Gate(_slot_exists),
    "SLOT_WRITABLE": Gate(_slot_writable),
    "SLOT_CONTENT": Gate(_slot_content),
    "TRANSITION": Gate(_transition, overridable=True),
    "IMAGE_LISTED": Gate(_image_listed, overridable=True),
    "BOOT_DEVICE": Gate(_boot_device, overridable=True),
    "IN_USE": Gate(_in_use, overridable=True),
    "SUBSYSTEM_BUSY": Gate(_subsystem_busy, transient=True),
    "LIVE_ACTIVATION": Gate(_live_activation, overridable=True),
    "DISRUPTION_ACKNOWLEDGED": Gate(_disruption_acknowledged),
    "RISK_ACKNOWLEDGED": Gate(_risk_acknowledged),
}
"""Every gate, by the name that it has in the contract's enum (`GATE_...`) and in PreconditionFailure."""

HOST: Final = ("BOOT_DEVICE", "IN_USE", "SUBSYSTEM_BUSY")
IDENTITY: Final = ("SUPPORTED", "EXPECTED_MODEL")
IMAGE: Final = ("IMAGE", "GRANULARITY", "TRANSFER_SIZE")

CURRENT: Final = IDENTITY
"""What is asked of a drive that has what is wanted already."""
DOWNLOAD: Final = ("SUPPORTED", *IMAGE, *HOST)
STAGE: Final = (
    *IDENTITY, "EXPECTED_REVISION", *IMAGE, "SLOT_EXISTS", "SLOT_WRITABLE", "TRANSITION", "IMAGE_LISTED", *HOST,
)  # fmt: skip
ACTIVATE: Final = (
    *IDENTITY, "EXPECTED_REVISION", "SLOT_EXISTS", "SLOT_CONTENT", "TRANSITION", *HOST, "LIVE_ACTIVATION",
    "DISRUPTION_ACKNOWLEDGED",
)  # fmt: skip
RISKY: Final = (*HOST, "RISK_ACKNOWLEDGED")
RESET: Final = (*HOST, "DISRUPTION_ACKNOWLEDGED")


def evaluate(names: Iterable[str], drive: DriveState, wanted: Wanted) -> tuple[GateResult, ...]:
    """Every one of these gates."""
    return tuple(_evaluate(name, drive, wanted) for name in names)


def _evaluate(name: str, drive: DriveState, wanted: Wanted) -> GateResult:
    found, description = GATES[name].check(drive, wanted)
    if found is Found.VIOLATED and name in wanted.overrides:
        found = Found.OVERRIDDEN
    return GateResult(drive.controller, name, found, description, GATES[name].transient)


def refuse(results: Iterable[GateResult]) -> None:
    """Raise GATE_FAILED, which names every gate that is violated, if one is; SUBSYSTEM_BUSY if waiting is all it needs.

    The metadata has the names of those that are not violated (`holding`), and of the violated ones that will hold
    without anybody's doing (`transient`).
    """
    everything = tuple(results)
    violated = [result for result in everything if result.found is Found.VIOLATED]
    if not violated:
        return
    names = dict.fromkeys(result.gate for result in violated)
    transient = [*dict.fromkeys(result.gate for result in violated if result.transient)]
    raise error(
        Reason.SUBSYSTEM_BUSY if len(transient) == len(names) else Reason.GATE_FAILED,
        "; ".join(f"{result.controller}: {result.gate}: {result.description}" for result in violated[:8])
        + (f"; and {len(violated) - 8} more" if len(violated) > 8 else ""),
        gates=[GateViolation(result.gate, result.controller, result.description) for result in violated],
        gate=violated[0].gate,
        holding=", ".join(dict.fromkeys(result.gate for result in everything if result.gate not in names)),
        transient=", ".join(transient),
    )


def check_overrides(names: Iterable[str]) -> frozenset[str]:
    """`names` as overrides; raises INVALID_FIELD for a gate that no request may leave out."""
    given = frozenset(names)
    fixed = sorted(name for name in given if name not in GATES or not GATES[name].overridable)
    if fixed:
        allowed = ", ".join(f"GATE_{name}" for name, gate in GATES.items() if gate.overridable)
        raise invalid_field("override_gates", f"GATE_{fixed[0]} cannot be overridden; these can: {allowed}")
    return given


# -- what gates and downloads have in common


def granularity_bytes(drive: DriveState, quirk: Quirk) -> int:
    """What a piece must be a multiple of."""
    return quirk.granularity_bytes or firmware.granularity_bytes(drive.identity.fwug)


def piece_bytes(drive: DriveState, wanted: Wanted) -> int:
    """How large the pieces of a download are: a granule, at least 4 KiB, unless a quirk says otherwise.

    A drive whose granularity is overridden gets 4 KiB, as nvme-cli does it where none is reported.
    """
    quirk = wanted.rules.quirk_of(drive.model)
    if quirk.transfer_bytes is not None:
        return quirk.transfer_bytes
    if "GRANULARITY" in wanted.overrides:
        return firmware.GRANULARITY_BYTES
    return max(granularity_bytes(drive, quirk), firmware.GRANULARITY_BYTES)


def choose_slot(drive: DriveState, wanted: Wanted) -> int | None:
    """A slot to write to: an empty one, else one that neither runs nor will run after the next reset.

    Of a drive that does not show its slots, the one after the first, which most of them run from when they are new.
    """
    only = wanted.rules.quirk_of(drive.model).slot
    if only is not None:
        return only if only in drive.updates.writable_slots else None
    slots = drive.slots
    if slots is None:
        return min(drive.updates.writable_slots, key=lambda slot: (slot == 1, slot), default=None)
    taken = (slots.active_slot, slots.next_slot, drive.running_slot)
    spare = [slot for slot in drive.updates.writable_slots if slot not in taken]
    return min(spare, key=lambda slot: (bool(slots.revision(slot)), slot), default=None)
