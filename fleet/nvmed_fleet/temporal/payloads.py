"""What goes into the engine's history: names, digests and numbers. Plans, images and records stay in the store.

These are a contract, like the names of workflows and activities: other languages start and ask campaigns with them (as
JSON, field by field), and histories under way are replayed with them. Fields are added, with defaults; none changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

TASK_QUEUE = "nvmed-fleet"

CAMPAIGN = "nvmed.Campaign"
HOST_LOCK = "nvmed.HostLock"

State = Literal[
    "beginning", "staging", "approval", "updating", "soaking", "gate", "halted", "done", "cancelled", "refused"
]
"""`approval` and `halted` wait for a person; `done`, `cancelled` and `refused` are ends."""

ENDS: frozenset[State] = frozenset({"done", "cancelled", "refused"})


def workflow_id(campaign: str) -> str:
    """The id of a campaign's workflow."""
    return f"nvmed-campaign/{campaign}"


def lock_id(host: str) -> str:
    """The id of the workflow whose being there is a host's lock."""
    return f"nvmed-host-lock/{host}"


@dataclass
class Progress:
    """Argument of `nvmed.Campaign`: `campaign` and `plan` (digest) to begin one; the rest is where it is.

    A run hands it to the next one when its history is long enough. `failed` are the hosts that failed and were not
    tried again since, `unstaged` those of them that have no image in a slot; `retry` are hosts of earlier runs to try
    again, and then nothing else is done.
    """

    campaign: str
    plan: str
    round: int = 0
    state: State = "beginning"
    is_locked: bool = False
    staged: int = 0
    wave: int = 0
    at: int = 0
    good: int = 0
    failed: list[str] = field(default_factory=list)
    unstaged: list[str] = field(default_factory=list)
    retry: list[str] = field(default_factory=list)
    forgiven: int = 0
    approved: list[int] = field(default_factory=list)
    is_paused: bool = False
    is_cancelled: bool = False
    why: str = ""
    events: int = 0


@dataclass
class Outline:
    """Of a plan, what the workflow has to know; answer of `nvmed.read_plan`."""

    waves: list[int]
    failure_budget: int
    in_flight: int
    stage_in_flight: int
    soak_s: float
    approve_before: list[int]
    gates: int
    has_drain: bool
    has_undrain: bool
    rollback_failed: bool


@dataclass
class Slice:
    """Hosts of a plan: `count` from `at` on in wave `wave`, from 1 on; wave 0 is all waves after each other."""

    plan: str
    wave: int
    at: int
    count: int


@dataclass
class Place:
    """A host, and the failure domain that it is in."""

    host: str
    domain: str


@dataclass
class Places:
    """Answer of `nvmed.read_places` and `nvmed.find_places`."""

    places: list[Place]


@dataclass
class Hosts:
    """Argument of `nvmed.find_places`: hosts of a plan, by name."""

    plan: str
    hosts: list[str]


@dataclass
class Task:
    """Argument of `nvmed.host_phase`: one phase (`nvmed_fleet.records.PHASES`) of one host."""

    plan: str
    host: str
    phase: str
    round: int


@dataclass
class TaskResult:
    """What came of it; the store has the whole record."""

    verdict: str
    is_good: bool
    reason: str = ""
    message: str = ""


@dataclass
class Locks:
    """Argument of `nvmed.lock_hosts` and `nvmed.unlock_hosts`: all hosts of a plan."""

    campaign: str
    plan: str


@dataclass
class Gate:
    """Argument of `nvmed.ask_gate`."""

    plan: str
    number: int


@dataclass
class Happened:
    """Argument of `nvmed.record_event`."""

    campaign: str
    number: int
    kind: str
    time: str
    wave: int
    text: str


@dataclass
class Status:
    """Answer of the query `status`, and result of `nvmed.Campaign`."""

    campaign: str
    plan: str
    state: State
    is_paused: bool
    wave: int
    waves: int
    hosts: int
    staged: int
    good: int
    failed: list[str]
    in_flight: list[str]
    round: int
    failure_budget: int
    why: str = ""
