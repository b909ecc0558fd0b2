"""What a drive shows of its firmware after a commit, and what that proves.

Every controller with firmware commands has a slot log. In the field some show a slot's new revision late, or only once
it runs, some go on to show the slot that ran before, and some refuse the log. The revision that runs, by Identify, is
what counts. What a drive took and does not show is neither a failure nor done: its outcome is UNVERIFIED.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nvmed.devices.controller import Session
from nvmed.errors import NvmedError
from nvmed.nvme.firmware import FirmwareSlots
from nvmed.operations.records import Record, State
from nvmed.operations.running import Running
from nvmed.preconditions.drives import slots_if_shown

LATE_S: Final = 2.0
"""How long a slot log may take to show what was committed."""

LATE_POLL_S: Final = 0.1

UNVERIFIED: Final = "UNVERIFIED"


def shows(before: Sequence[str], after: FirmwareSlots | None, slot: int, revision: str) -> bool | None:
    """Whether a slot holds what was committed to it; None if the log does not tell.

    It does not if it is refused, shows nothing of the slot, or what it showed before. `revision` "" is not known.
    """
    if after is None:
        return None
    held = after.revision(slot)
    if revision and held == revision:
        return True
    if not held or held == (before[slot - 1] if before else ""):
        return None
    return not revision


async def look(session: Session, running: Running) -> FirmwareSlots | None:
    """The slot log after a commit; if it cannot be read, what became of the drive is uncertain."""
    try:
        return await slots_if_shown(session)
    except NvmedError:
        running.uncertain()
        raise


async def look_again(
    session: Session, running: Running, before: Sequence[str], slot: int, revision: str
) -> FirmwareSlots | None:
    """The slot log once it tells of the commit, or as it is after `LATE_S`."""
    until = time.monotonic() + LATE_S
    while True:
        after = await look(session, running)
        if after is None or shows(before, after, slot, revision) is not None or time.monotonic() >= until:
            return after
        await asyncio.sleep(LATE_POLL_S)


def runs_wanted(before: str, now: str, wanted: str, *, from_slot: bool) -> bool | None:
    """Whether an activation is done, by the revision that ran before, that runs now, and that the slot holds.

    `from_slot` is whether the slot log says that the slot runs, which decides where revisions do not: if they are the
    same, or the wanted one is not known. None if nothing decides it.
    """
    if wanted and now != wanted:
        return False
    if now != before or from_slot:
        return True
    return None


@dataclass(frozen=True, slots=True)
class Content:
    """What a slot holds. `staged` is what it got and does not show ("" if nobody knows its revision), else None."""

    revision: str
    staged: str | None = None


def content_of(shown: FirmwareSlots | None, slot: int, stagings: Iterable[Record]) -> Content:
    """What a slot holds, by the log, and by the newest of `stagings` (newest first) to it where that was not shown.

    A log that shows something else than it did then has caught up.
    """
    held = shown.revision(slot) if shown and 0 < slot <= len(shown.revisions) else ""
    for record in stagings:
        drives: Sequence[Mapping[str, Any]] = (record.result or {}).get("drives", ())
        result = drives[0] if len(drives) == 1 else {}
        if record.state is not State.SUCCEEDED or result.get("slot") != slot:
            continue
        staged = result.get("staged_revision")  # there only where it was not shown
        if staged is not None and held == result.get("slot_revision", ""):
            return Content(staged or held, staged)
        break
    return Content(held)
