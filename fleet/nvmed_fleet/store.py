"""What must outlive processes and engines: plans and images by digest, and what was done, host by host.

A folder; of several workers on several machines the same one, shared. Every file appears whole or not at all::

    blobs/SHA256                                plans and images
    campaigns/ID/request                        digest of what was asked for when it was planned
    campaigns/ID/plan                           digest of its plan
    campaigns/ID/hosts/HOST/ROUND.PHASE.json    nvmed_fleet.records.HostRecord
    campaigns/ID/events/NUMBER.json             nvmed_fleet.records.Event
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from nvmed.reasons import invalid_field
from nvmed_fleet.errors import FleetReason, error
from nvmed_fleet.plan import Plan
from nvmed_fleet.records import Event, HostRecord

T = TypeVar("T")

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PLANS_MAX = 8
"""Plans that are remembered."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


def default_folder() -> Path:
    """Where an ordinary user's state belongs (XDG Base Directory)."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local/state") / "nvmed-fleet"


def check_id(campaign: str) -> str:
    """The id, if it can be one."""
    if not ID.fullmatch(campaign):
        raise invalid_field("id", f"{campaign!r} is none: letters, digits, `.`, `_` and `-`, 100 at most.")
    return campaign


class Store:
    """A folder of plans, images and records. Blocks; safe for many processes. Raises `OSError`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Decoding a plan of 10,000 hosts takes a worker longer than what it does for one of them.
        self._plans: OrderedDict[str, Plan] = OrderedDict()

    # by digest

    def blob(self, digest: str) -> Path:
        """Where the content of `digest` is, or would be."""
        if not _DIGEST.fullmatch(digest):
            raise invalid_field("digest", f"{digest!r} is no SHA-256 in hexadecimal digits.")
        return self.folder / "blobs" / digest

    def put(self, content: bytes) -> str:
        """Keep `content`; returns its digest."""
        digest = hashlib.sha256(content).hexdigest()
        if not self.blob(digest).exists():
            _write(self.blob(digest), content)
        return digest

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keep the content of a file; returns digest and size."""
        content = path.read_bytes()
        return self.put(content), len(content)

    def get(self, digest: str) -> bytes:
        """The content of `digest`; STORE_DAMAGED if it is something else, or gone."""
        try:
            content = self.blob(digest).read_bytes()
        except FileNotFoundError:
            raise error(FleetReason.STORE_DAMAGED, f"{self.blob(digest)} is not there.") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise error(FleetReason.STORE_DAMAGED, f"{self.blob(digest)} is not what was put there.")
        return content

    def put_plan(self, plan: Plan) -> str:
        """Keep a plan; returns its digest."""
        return self.put(msgspec.json.encode(plan, order="deterministic"))

    def plan(self, digest: str) -> Plan:
        """The plan of `digest`."""
        if (known := self.known_plan(digest)) is not None:
            return known
        found: Plan = msgspec.json.decode(self.get(digest), type=Plan)
        self._plans[digest] = found
        if len(self._plans) > PLANS_MAX:
            self._plans.popitem(last=False)
        return found

    def known_plan(self, digest: str) -> Plan | None:
        """The plan, if it was read lately; does not block."""
        return self._plans.get(digest)

    # campaigns

    def campaigns(self) -> list[str]:
        """The ids of all, the newest first."""
        folder = self.folder / "campaigns"
        found = [path for path in folder.iterdir() if (path / "plan").exists()] if folder.is_dir() else []
        return [path.name for path in sorted(found, key=lambda path: (path / "plan").stat().st_mtime, reverse=True)]

    def begin(self, campaign: str, request: str, plan: str) -> None:
        """Name the plan of a campaign; CAMPAIGN_EXISTS if it has another."""
        folder = self._campaign(campaign)
        if (found := self.request_of(campaign)) not in ("", request):
            raise error(FleetReason.CAMPAIGN_EXISTS, f"{campaign} was planned for something else.", campaign=campaign)
        if not found:
            _write(folder / "request", request.encode())
            _write(folder / "plan", plan.encode())

    def request_of(self, campaign: str) -> str:
        """The digest of what a campaign was planned for; "" if there is no such campaign."""
        path = self._campaign(campaign) / "request"
        return path.read_text() if path.exists() else ""

    def plan_of(self, campaign: str) -> str:
        """The digest of its plan; CAMPAIGN_NOT_FOUND if there is none."""
        try:
            return (self._campaign(campaign) / "plan").read_text()
        except FileNotFoundError:
            raise error(
                FleetReason.CAMPAIGN_NOT_FOUND, f"{self.folder} has no campaign {campaign}.", campaign=campaign
            ) from None

    def record(self, campaign: str, record: HostRecord) -> None:
        """Keep what came of a host; the same phase of the same round again replaces it."""
        folder = self._campaign(campaign) / "hosts" / record.host
        _write(folder / f"{record.round}.{record.phase}.json", msgspec.json.encode(record))

    def records_of(self, campaign: str, host: str) -> list[HostRecord]:
        """What came of a host, by round, and within one by when it began."""
        folder = self._campaign(campaign) / "hosts" / host
        found = [_decode(path, HostRecord) for path in folder.glob("*.json")] if folder.is_dir() else []
        return sorted(found, key=lambda record: (record.round, record.begun))

    def records(self, campaign: str) -> Iterator[HostRecord]:
        """What came of every host."""
        folder = self._campaign(campaign) / "hosts"
        for host in sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ():
            yield from self.records_of(campaign, host)

    def happened(self, campaign: str, event: Event) -> None:
        """Keep an event; the same number again replaces it."""
        _write(self._campaign(campaign) / "events" / f"{event.number:06}.json", msgspec.json.encode(event))

    def events(self, campaign: str) -> list[Event]:
        """What happened to the campaign, in order."""
        folder = self._campaign(campaign) / "events"
        return [_decode(path, Event) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []

    def _campaign(self, campaign: str) -> Path:
        return self.folder / "campaigns" / check_id(campaign)


def _decode(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as failure:
        raise error(FleetReason.STORE_DAMAGED, f"{path}: {failure}.") from failure


def make_folder(folder: Path) -> None:
    """A folder for its owner alone, and those that lead to it where they are not there."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Put a file there, whole, and durable before it has its name."""
    make_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
