"""How warm a drive is: as its surroundings, which drift, and its work make it, within bounds.

It follows from the drive's clock, its work and a seed alone, so that the same life gives the same temperatures. A drive
that does not live stays as it was made, for tests that look at numbers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final

HEAT_PER_BYTE: Final = 1 / (64 << 20)
"""Kelvin: little work is to be seen, as a simulated drive gets little."""

HEAT_MAX_KELVIN: Final = 30.0
COOLING_S: Final = 180.0
"""In this time all but a third of the work's heat is gone."""

DRIFTS: Final = ((2.0, 420.0, 780.0), (1.0, 1_800.0, 2_900.0))
"""Amplitude in kelvin, and between which periods in seconds each drive has its own."""


class Thermal:
    """The composite temperature. Called with the subsystem's lock held."""

    def __init__(self, base_kelvin: int, clock: Callable[[], float], seed: str, *, lives: bool) -> None:
        self.lives = lives
        self.held_kelvin: int | None = None
        self._base = base_kelvin
        self._clock = clock
        self._started = self._heated = clock()
        self._heat = 0.0
        chance = random.Random(f"thermal/{seed}")  # noqa: S311
        self._drifts = [
            (high, chance.uniform(least, most), chance.uniform(0, math.tau)) for high, least, most in DRIFTS
        ]

    @property
    def kelvin(self) -> int:
        """The temperature now, or the one that it is held at."""
        if self.held_kelvin is not None:
            return self.held_kelvin
        return self._base + round(self._drift() + self._warmth()) if self.lives else self._base

    def work(self, size_bytes: int) -> None:
        """The drive moved so many bytes."""
        self._heat = min(self._warmth() + size_bytes * HEAT_PER_BYTE, HEAT_MAX_KELVIN)
        self._heated = self._clock()

    def _warmth(self) -> float:
        return self._heat * math.exp((self._heated - self._clock()) / COOLING_S)

    def _drift(self) -> float:
        """None at the start, and at most twice the amplitudes."""
        elapsed = self._clock() - self._started
        return sum(
            high * (math.sin(math.tau * elapsed / period + phase) - math.sin(phase))
            for high, period, phase in self._drifts
        )
