"""One simulation: a daemon that lives, dies and lives again over the same drives and what of its disk survives.

Everything that is drawn is drawn of the seed: what clients ask, what goes wrong, which task goes first, where it ends.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from nvmed import config, daemon
from nvmed.errors import NvmedError
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.security.bindings import make_policy
from nvmed.simulator.keyring import NVME_KEYRING
from tests.support.memory import MEMORY
from tests.support.power_cut import PowerCut
from tests.vopr import clock, inside
from tests.vopr.clock import CLOCK
from tests.vopr.drives import SteppedHost, come_back, make_drive, note_telemetry
from tests.vopr.history import Bug, Died, Entry, Named, Opened
from tests.vopr.kernel import KEYS, SteppedKernel
from tests.vopr.loop import Killed, SimulatedLoop
from tests.vopr.workload import Workload

HOUR_S: Final = 3600.0
TWIN: Final = "VOPRTWIN"
"""The serial number of two drives, which nothing that they say tells apart."""

LIFE_HOURS: Final = 1.0
"""How long a daemon lives at most, on average, before it is stopped."""

COLLECT_STEPS: Final = 20_000

STEPS_MAX: Final = 200_000
ACTS_MAX: Final = 400
"""After how many steps, or how many of those that matter, it is killed, at most."""

KILLED_AT: Final = ("download", "commit", "reset", "create", "add_key", "revoke")
PLACES: Final = tuple(f"{when} {what}" for when in ("before", "after") for what in KILLED_AT)
"""Where it is killed too: at one of the first times that it comes there."""

NEVER: Final = 1 << 60

NOTHING_UNSYNCED, ALL = 0, 1
"""What survives, as seeds of `PowerCut.cut`; any other is something in between."""

TROUBLES: Final = (0.0, 0.0, 0.01, 0.05)
"""How often commands fail, in a life of the daemon."""


class World:
    """A simulation of `hours`; `history` is what happened."""

    def __init__(self, seed: int, hours: float) -> None:
        clock.begin(seed)
        self.seed = seed
        self.until_s = hours * HOUR_S
        self.history: list[Entry] = []
        self.life = 0
        self.steps = 0
        self.trouble = 0.0
        self.schedule, self.faults, self.fate = (
            random.Random(f"{what}/{seed}") for what in ("schedule", "faults", "fate")
        )
        self.workload = Workload(random.Random(f"workload/{seed}"), self)
        self.drives = [make_drive(1), make_drive(2), make_drive(3, TWIN), make_drive(4, TWIN)]
        self._steps_left = self._acts_left = self._places_left = 0
        self._place_of_death = ""
        self._is_dying = self._is_syncing = False
        self._failed_syncs = 0
        self._loop: SimulatedLoop | None = None
        self._power: PowerCut | None = None
        self._place = Path()
        self._state = Path()
        self._next_state: Path | None = None
        inside.AT.scene = self
        self.host = self._booted()
        self.note(Named(name=f"keyrings/{NVME_KEYRING}", drive=KEYS))
        for drive in self.drives:
            note_telemetry(self, drive.controller, TelemetryLog.HOST_INITIATED)

    # -- for what is inside

    def note(self, entry: Entry) -> None:
        """Remember what happened, unless nobody lives to whom it can."""
        if self._loop is None or not self._loop.is_dead:
            if isinstance(entry, Bug):
                entry = Bug(text=entry.text.replace(str(self._place), ""))  # which is another one each time
            at_ms = round((CLOCK.now_s + CLOCK.debt_s) * 1000)
            self.history.append(type(entry)(**{**_fields(entry), "at_ms": at_ms, "life": self.life}))

    def reached(self, where: str, *, is_act: bool = False) -> None:
        """A step, and perhaps the last; raises Killed from there on."""
        loop = self._loop
        if loop is None or self._is_dying:
            return
        if loop.is_dead:
            raise Killed
        self.steps += 1
        if self.steps % COLLECT_STEPS == 0:
            gc.collect()  # at the same steps in every process: what it finalises may have something to do
        self._steps_left -= 1
        self._acts_left -= is_act
        self._places_left -= where == self._place_of_death
        if self._steps_left <= 0 or self._acts_left <= 0 or self._places_left <= 0:
            self._die(where)
            raise Killed

    @property
    def is_quiet(self) -> bool:
        """Whether nothing goes wrong any more, so that what was promised can be looked at."""
        return CLOCK.now_s >= self.until_s

    # -- living

    def run(self) -> list[Entry]:
        """Simulate it all; what happened comes back."""
        gc.collect()
        with tempfile.TemporaryDirectory(prefix="vopr-", dir=MEMORY) as place, contextlib.suppress(_Stuck):
            self._place = Path(place)
            self._state = self._place / "0"
            self._state.mkdir(mode=0o700)
            while not self.is_quiet:
                self._live()
            self._live()  # a last one, to which nothing happens
        return self.history

    def _live(self) -> None:
        """One life of the daemon, from its start to its end."""
        self.life += 1
        self._draw_fate()
        loop = self._loop = SimulatedLoop(CLOCK, self.schedule, self.reached)
        loop.set_exception_handler(lambda _, context: self._unhandled(loop, context))
        self._next_state = None
        self._is_syncing, self._failed_syncs = False, 0
        try:
            with PowerCut(self._state, lambda _: self._synced(), holes=False).watching() as power:
                self._power = power
                loop.run_until_complete(self._serve())
                self.note(Died(stopped=True))
        except Killed:
            pass
        except (NvmedError, OSError) as exc:
            if self._failed_syncs:
                self.note(Died(where="a disk that fails"))
                return
            self.note(Bug(text=f"the daemon does not go on: {exc}"))
            raise _Stuck from exc
        finally:
            is_dead, loop.is_dead = loop.is_dead, True
            with _unheard():
                loop.abandon()
                for journal in [*inside.opened]:
                    journal.close()
                gc.collect()
            self._loop = None
        if is_dead:
            self._bury()

    async def _serve(self) -> None:
        settings = _configured(self._state)
        async with contextlib.AsyncExitStack() as stack:
            components = await daemon.make_components(self.host, settings, make_policy(settings, "vopr"), "vopr")
            await daemon._enter(stack, components)
            self.note(Opened(run=components.events.events.run))
            lasts_s = self.fate.expovariate(1 / (LIFE_HOURS * HOUR_S))
            until_s = CLOCK.now_s if self.is_quiet else min(CLOCK.now_s + lasts_s, self.until_s)
            await self.workload.run(components, until_s)

    def _draw_fate(self) -> None:
        """When this life ends, and how much goes wrong in it."""
        self.trouble = 0.0 if self.is_quiet else self.fate.choice(TROUBLES)
        self._steps_left = self._acts_left = self._places_left = NEVER
        self._place_of_death = ""
        if self.is_quiet:
            for drive in self.drives:
                come_back(self, drive.controller)
            return
        how = self.fate.choice(("steps", "acts", "place", "place", "place", "none"))
        if how == "steps":
            self._steps_left = round(STEPS_MAX ** self.fate.random())
        elif how == "acts":
            self._acts_left = round(ACTS_MAX ** self.fate.random())
        elif how == "place":
            self._place_of_death, self._places_left = self.fate.choice(PLACES), self.fate.randint(1, 4)

    def _synced(self) -> None:
        """Called before and after each sync, which may fail before."""
        self._is_syncing = not self._is_syncing
        self.reached("a sync", is_act=True)
        if self._is_syncing and self.faults.random() < self.trouble / 3:
            self._is_syncing = False
            self._failed_syncs += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    # -- dying

    def _die(self, where: str) -> None:
        """From now on nothing of this life happens; its disk is what it is at this moment."""
        assert self._loop is not None
        assert self._power is not None
        self._is_dying = True
        is_cut = self.fate.random() < 0.5
        self.note(Died(is_cut=is_cut, where=where))
        self._next_state = self._place / str(self.life)
        self._power.cut(
            self._next_state, self.fate.randrange(3 if self.fate.random() < 0.5 else 1 << 30) if is_cut else 1
        )
        for kept in self._next_state.rglob("*"):
            before = self._state / kept.relative_to(self._next_state)
            if before.exists():
                os.utime(kept, ns=(before.stat().st_mtime_ns,) * 2)
        if is_cut:
            self.host = self._booted()
        self.host.kernel.keyring.forget_task()
        self._loop.is_dead, self._is_dying = True, False

    def _bury(self) -> None:
        assert self._next_state is not None
        self._next_state.chmod(0o700)
        shutil.rmtree(self._state)
        self._state = self._next_state

    def _booted(self) -> SteppedHost:
        """The host after a boot, with all drives in it: their power was off."""
        for drive in self.drives:
            drive.controller._watchers.clear()
            drive.controller.disappear()
            come_back(self, drive.controller)
        host = SteppedHost()
        host.scene = self
        host.kernel = SteppedKernel(self, self.fate.getrandbits(32))
        for drive in self.drives:
            host.add(drive)
        return host

    def _unhandled(self, loop: SimulatedLoop, context: dict[str, Any]) -> None:
        exc = context.get("exception")
        if not loop.is_dead and not isinstance(exc, Killed):
            told = "".join(traceback.format_exception(exc, limit=-6)) if exc is not None else ""
            self.note(Bug(text=f"{context['message']}: {told}"))


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Say nothing of what could not tidy up."""
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before


class _Stuck(Exception):
    """It cannot go on."""


def _fields(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__struct_fields__}


def _configured(state: Path) -> config.Config:
    return config.Config(
        state_dir=str(state),
        host=config.HostConfig(simulate=1, simulate_keyring=True),
        audit=config.Audit(journald=False, file_bytes_max=1 << 16),
        events=config.Events(poll_interval_s=600),
    )
