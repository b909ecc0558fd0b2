"""Rules about firmware as data: steps between revisions, quirks of models, known images. Read anew when they change.

Two files of the same form are read: `firmware-rules.toml` beside this module, and an operator's own. One that is
wrong, or named and not there, is refused as a whole, and nothing is staged or activated until it is right: rules that
are silently left out would let through what they forbid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from nvmed import config, files
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error

SHIPPED: Final = Path(__file__).with_name("firmware-rules.toml")
FILE_BYTES_MAX: Final = 4 << 20

Granularity = Annotated[int, msgspec.Meta(ge=4, le=1 << 30, multiple_of=4)]
Sha256Hex = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sources": "from", "targets": "to"}):
    """Steps of a model from some revisions to some others; all three are patterns."""

    model: str
    sources: tuple[str, ...] = ("*",)
    targets: tuple[str, ...] = ("*",)
    because: str = ""

    def covers(self, running: str, wanted: str) -> bool:
        """Whether the step from `running` to `wanted` is one of these."""
        return _matches(running, self.sources) and _matches(wanted, self.targets)


class Quirk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is different about a model.

    `commit_actions` are those that it takes, `slot` the only one that it takes images in, `required_reset` what
    activates firmware, whatever it answers.
    """

    model: str = "*"
    granularity_bytes: Granularity | None = None
    transfer_bytes: Granularity | None = None
    forbid_live_activation: bool = False
    commit_actions: tuple[Literal[0, 1, 2, 3], ...] | None = None
    slot: Annotated[int, msgspec.Meta(ge=1, le=7)] | None = None
    required_reset: Literal["controller", "subsystem", "conventional"] | None = None
    because: str = ""

    def takes(self, action: int) -> bool:
        """Whether the model takes a commit action, as far as the rules say."""
        return self.commit_actions is None or action in self.commit_actions


class KnownImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image that somebody has looked at, for the models of a pattern."""

    sha256: Sha256Hex
    model: str = "*"


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a file says."""

    require_listed_images: bool = False
    allow: tuple[Step, ...] = ()
    forbid: tuple[Step, ...] = ()
    quirk: tuple[Quirk, ...] = ()
    image: tuple[KnownImage, ...] = ()

    def objection(self, model: str, running: str, wanted: str) -> str:
        """Why a drive of `model` may not go from one revision to another, "" if it may. `wanted` "" is not known."""
        for step in _of_model(self.forbid, model):
            if wanted and step.covers(running, wanted):
                return f"forbidden for {model}" + (f": {step.because}" if step.because else "")
        allowed = _of_model(self.allow, model)
        if not allowed:
            return ""
        if not wanted:
            return f"steps of {model} are listed, so say which revision the image holds (firmware_revision)"
        if any(step.covers(running, wanted) for step in allowed):
            return ""
        return f"not among the steps listed for {model}"

    def has_steps(self, model: str) -> bool:
        """Whether there is any rule about steps of `model`."""
        return bool(_of_model((*self.allow, *self.forbid), model))

    def quirk_of(self, model: str) -> Quirk:
        """All that is different about `model`; where several quirks say something, the last does."""
        found = _of_model(self.quirk, model)
        return Quirk(
            model=model,
            granularity_bytes=_last(quirk.granularity_bytes for quirk in found),
            transfer_bytes=_last(quirk.transfer_bytes for quirk in found),
            forbid_live_activation=any(quirk.forbid_live_activation for quirk in found),
            commit_actions=_last(quirk.commit_actions for quirk in found),
            slot=_last(quirk.slot for quirk in found),
            required_reset=_last(quirk.required_reset for quirk in found),
            because="; ".join(quirk.because for quirk in found if quirk.because),
        )

    def lists(self, sha256: str, model: str) -> bool:
        """Whether an image is listed for `model`."""
        return any(image.sha256 == sha256 for image in _of_model(self.image, model))

    def __add__(self, other: Rules) -> Rules:
        """Both, `other` later."""
        return Rules(
            self.require_listed_images or other.require_listed_images,
            self.allow + other.allow,
            self.forbid + other.forbid,
            self.quirk + other.quirk,
            self.image + other.image,
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was read: by its inode, size and time of change, so that a change is noticed."""

    stamp: files.Stamp
    rules: Rules


class RulesFiles:
    """The rules as the files have them now. `current` blocks; one thread at a time calls it."""

    def __init__(self, own: Path | None = None) -> None:
        self._own = own
        self._seen: dict[Path, _Seen] = {}

    def current(self) -> Rules:
        """The rules of both files; raises FIRMWARE_RULES_INVALID."""
        rules = self._read(SHIPPED, files.read_regular)
        return rules if self._own is None else rules + self._read(self._own, _read_trusted)

    def _read(self, path: Path, read: Callable[[Path, int], bytes]) -> Rules:
        try:
            stamp = files.stamp(path)
            seen = self._seen.get(path)
            if seen is None or seen.stamp != stamp:
                seen = self._seen[path] = _Seen(stamp, parse(read(path, FILE_BYTES_MAX)))
        except (OSError, ValueError, NvmedError) as exc:
            self._seen.pop(path, None)
            raise error(
                Reason.FIRMWARE_RULES_INVALID,
                f"the firmware rules in {path} cannot be used ({config.why(exc)}); "
                "no firmware is changed until they can be",
                path=path,
            ) from exc
        return seen.rules


def _read_trusted(path: Path, bytes_max: int) -> bytes:
    return config.read_trusted(path, bytes_max).encode()


def parse(text: bytes) -> Rules:
    """The rules in a file's bytes; `ValueError` says what is wrong with them."""
    if len(text) > FILE_BYTES_MAX:
        raise ValueError(f"larger than {FILE_BYTES_MAX} bytes")
    return msgspec.convert(config.toml(text.decode("utf-8")), Rules)


T = TypeVar("T")
M = TypeVar("M", Step, Quirk, KnownImage)


def _of_model(rows: Iterable[M], model: str) -> Sequence[M]:
    return [row for row in rows if fnmatchcase(model, row.model)]


def _matches(revision: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(revision, pattern) for pattern in patterns)


def _last(values: Iterable[T | None]) -> T | None:
    given = [value for value in values if value is not None]
    return given[-1] if given else None
