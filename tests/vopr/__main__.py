"""`python -m tests.vopr --seed 1 --runs 10 --hours 24`: simulations of so many hours, one after another.

Says each seed; of one that fails, what was promised and not kept, the last steps, and how to see it again.
"""

from __future__ import annotations

from tests.vopr import clock

clock.install()  # before nvmed is imported

import argparse  # noqa: E402
import gc  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from itertools import groupby  # noqa: E402
from pathlib import Path  # noqa: E402

from tests.vopr import history, inside  # noqa: E402
from tests.vopr.broken import BROKEN  # noqa: E402
from tests.vopr.validators import objections  # noqa: E402
from tests.vopr.world import World  # noqa: E402

SHOWN: int = 12
SHOWN_OF_ONE: int = 3


def say(text: str) -> None:
    """Say it at once, as simulations take long."""
    print(text, flush=True)  # noqa: T201


def main() -> int:
    """The exit status: 1 if anything was found."""
    arguments = argparse.ArgumentParser(prog="python -m tests.vopr", description=__doc__)
    arguments.add_argument("--seed", type=int, default=1, help="of the first simulation; each has the next")
    arguments.add_argument("--runs", type=int, default=1, help="how many simulations")
    arguments.add_argument("--hours", type=float, default=24.0, help="simulated in each")
    arguments.add_argument("--until", metavar="VALIDATOR", default="", help="end with the first to which it objects")
    arguments.add_argument("--save", type=Path, help="directory for the histories of those that fail")
    arguments.add_argument("--broken", choices=BROKEN, default="", metavar="NAME", help="break nvmed so before")
    wanted = arguments.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, hard), hard))
    inside.install()
    if wanted.broken:
        BROKEN[wanted.broken]()
    gc.disable()  # the simulation collects at steps of its own
    gc.freeze()
    failed: list[int] = []
    for seed in range(wanted.seed, wanted.seed + wanted.runs):
        wrong = _run(seed, wanted)
        if wrong:
            failed.append(seed)
        if wanted.until and any(text.startswith(f"{wanted.until}: ") for text in wrong):
            break
    if failed:
        say(f"{len(failed)} failed: {failed}")
    return bool(failed)


def _run(seed: int, wanted: argparse.Namespace) -> list[str]:
    world = World(seed, wanted.hours)
    found = world.run()
    wrong = objections(found)
    say(
        f"seed {seed}: {wanted.hours:g} h, {world.life} lives, {world.steps} steps, {len(found)} entries, "
        f"digest {history.digest(found)[:16]}: {'FAILED' if wrong else 'ok'}"
    )
    if not wrong:
        return []
    if wanted.save is not None:
        wanted.save.mkdir(exist_ok=True)
        history.save(found, wanted.save / f"{seed}.jsonl")
    for validator, texts in groupby(wrong, key=lambda text: text.partition(":")[0]):
        first = [*texts]
        for text in first[:SHOWN_OF_ONE]:
            say(f"  {text}")
        if len(first) > SHOWN_OF_ONE:
            say(f"  {validator} objects {len(first) - SHOWN_OF_ONE} times more")
    say("the last steps:")
    for entry in found[-SHOWN:]:
        say(f"  {history.line(entry)[:300]}")
    broken = f" --broken {wanted.broken!r}" if wanted.broken else ""
    say(f"again: python -m tests.vopr --seed {seed} --hours {wanted.hours:g}{broken}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
