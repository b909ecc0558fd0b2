"""Warns of certificates of TLS listeners that expire soon, and of those of the CAs whose clients they trust.

Each certificate is told of once for each of the configured distances, the nearest that it has come to. What was told is
forgotten with the daemon: a warning a restart is better than one that nobody saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog

from nvmed.config import TlsListener
from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from nvmed.events.events import Events
from nvmed.events.kinds import CertificateExpiring, CertificateUse, Event, Kind
from nvmed.operations.records import now_ms
from nvmed.security.tls import Certificate, certificates

log: Final = structlog.get_logger("nvmed.events")


class CertificateExpiry:
    """Looks at the files of `listeners` every `interval_s` seconds; never, for 0, or without `warnings_s`."""

    def __init__(
        self,
        listeners: Sequence[TlsListener],
        lane: Lane,
        events: Events,
        interval_s: float,
        warnings_s: Sequence[int],
    ) -> None:
        self.listeners = listeners
        """The TLS addresses now: a reload may give them other files."""
        self._lane = lane
        self._events = events
        self._interval_s = interval_s
        self._warnings_s = sorted(warnings_s)
        self._told: dict[bytes, int] = {}
        self._failing = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while self._interval_s and self._warnings_s:
            await self.look()
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Publish a warning for each certificate that has come to another distance since the last look."""
        try:
            found = await self._lane.run(partial(_found, self.listeners))
        except NvmedError as exc:  # serving goes on with what was read before
            if exc.message != self._failing:
                log.warning("certificates_not_watched", message=exc.message)
            self._failing = exc.message
            return
        self._failing = ""
        told: dict[bytes, int] = {}
        for use, path, one in found:
            left_s = (one.expires_ms - now_ms()) / 1000
            distance = next((each for each in self._warnings_s if left_s <= each), None)
            if distance is None:
                continue
            if one.fingerprint not in told and distance < self._told.get(one.fingerprint, distance + 1):
                detail = CertificateExpiring(use, path, one.subject, one.expires_ms, one.fingerprint)
                self._events.publish(Event(Kind.CERTIFICATE_EXPIRING, detail=detail))
            told[one.fingerprint] = distance
        self._told = told


def _found(listeners: Sequence[TlsListener]) -> Sequence[tuple[CertificateUse, str, Certificate]]:
    """What each certificate is for, its file, and itself."""
    files = [
        file
        for one in listeners
        for file in ((CertificateUse.SERVER, one.certificate), (CertificateUse.CLIENT_CA, one.client_ca))
    ]
    return [(use, path, certificate) for use, path in dict.fromkeys(files) for certificate in certificates(path)]
