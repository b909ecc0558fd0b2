"""What `python -m bench` measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import decode, events, history, hostile, scrape, serve, stage, start, streams, upload
from bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Line:
    """Something to measure, in a directory of its own."""

    what: str
    measure: Callable[[Path], Iterator[Figure]]


LINES: Mapping[str, Line] = {
    "stream": Line("a telemetry stream against a bare one, and one with the same checksums", streams.measure),
    "memory": Line("what a stream of 1 GiB takes at its peak", streams.measure_memory),
    "first": Line("the first data of a large log against that of a small one", streams.measure_first_byte),
    "upload": Line("an upload against a bare one, or with the same promises", upload.measure),
    "stage": Line("staging on 24 drives against one", stage.measure),
    "events": Line("an event to many watchers, and what idle ones cost", events.measure),
    "history": Line("a page of a long journal against one of a short one", history.measure),
    "start": Line("nvmedctl against `python -c pass`", start.measure),
    "serve": Line("the daemon until it serves, against a bare server; idle with 64 drives", serve.measure),
    "hostile": Line("memory under streams that nobody reads, and small calls beside heavy ones", hostile.measure),
    "decode": Line("decoding 64 MiB of telemetry", decode.measure),
    "scrape": Line("a scrape of 64 drives", scrape.measure),
}
"""In this order; each prints as it goes."""
