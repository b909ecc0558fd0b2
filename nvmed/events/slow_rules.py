"""Whether a drive is slow, compared with others of its model on the host and with itself before: no clock and no I/O.

In one interval a drive is slow if it completed enough I/O to tell, enough peers did too, its mean latency is at least
`peers_factor` times the median of theirs, and at least `past_factor` times its own of before. It is told as slow after
`intervals` of these in a row, and as recovered after as many that are not. What makes all drives slow makes none slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

import msgspec
from msgspec.structs import replace

PAST_INTERVALS: Final = 2880
"""Over how many intervals the past goes: a day, of those of 30 s. What is older counts ever less."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a drive is slow."""

    peers_factor: float
    past_factor: float
    io_count_min: int
    peers_min: int
    intervals: int


@dataclass(frozen=True, slots=True)
class Measured:
    """I/O that a drive completed in one interval, and how long that took in all."""

    count: int
    total_us: int

    @property
    def latency_us(self) -> float:
        """The mean; of no I/O there is none."""
        return self.total_us / self.count


class Past(msgspec.Struct, frozen=True):
    """What a drive took before, learned from so many `intervals`; whether it was told as slow; and how many intervals
    in a row have said otherwise since.
    """

    latency_us: float = 0.0
    intervals: int = 0
    is_slow: bool = False
    against: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A drive that is slow from now on, or not any more, and what says so."""

    name: str
    is_slow: bool
    now: Measured
    peers_us: float
    peers: int
    past_us: float


def judge(
    rule: Rule, past: Mapping[str, Past], now: Mapping[str, Measured]
) -> tuple[Mapping[str, Past], tuple[Verdict, ...]]:
    """One interval of drives of one model, by name: what is known of them afterwards, and who changed.

    A drive with too little I/O or too few peers stays as it was known.
    """
    known = {name: past.get(name, Past()) for name in now}
    counted = {name: one for name, one in now.items() if one.count and one.count >= rule.io_count_min}
    verdicts = []
    if len(counted) <= rule.peers_min:
        return known, ()
    for name, measured in counted.items():
        before, latency = known[name], measured.latency_us
        peers_us = median(one.latency_us for other, one in counted.items() if other != name)
        is_beyond = latency > 0 and latency >= rule.peers_factor * peers_us
        has_past = before.intervals >= rule.intervals
        is_slow = is_beyond and (before.is_slow or (has_past and latency >= rule.past_factor * before.latency_us))
        after = before if is_beyond and has_past else _learned(before, latency)
        after = replace(after, against=before.against + 1 if is_slow != before.is_slow else 0)
        if after.against >= rule.intervals:
            after = replace(after, is_slow=is_slow, against=0)
            verdicts.append(Verdict(name, is_slow, measured, peers_us, len(counted) - 1, before.latency_us))
        known[name] = after
    return known, tuple(verdicts)


def _learned(past: Past, latency_us: float) -> Past:
    """The past with one more interval: a mean at first, then one that forgets."""
    count = min(past.intervals + 1, PAST_INTERVALS)
    return replace(past, latency_us=past.latency_us + (latency_us - past.latency_us) / count, intervals=count)
