"""Warns of TLS keys that expire soon: without a successor, connections that need them break then.

Each key is told of once for each of the configured distances, the nearest that it has come to; if its life is extended
beyond one, it is told of again when it comes there. The kernel says when a key expires in whole seconds, minutes,
hours, days or weeks (/proc/keys), and nothing where that is hidden.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from nvmed.errors import NvmedError
from nvmed.events.events import Events
from nvmed.events.kinds import Event, KeyExpiring, Kind
from nvmed.keyring.calls import DEFAULT_KEYRING, KeyInfo, KeyringRef
from nvmed.keyring.keyring import TLS_KEY_TYPE, Keyring
from nvmed.keys.description import ExpiryState
from nvmed.operations.records import now_ms

log: Final = structlog.get_logger("nvmed.events")


class KeyExpiry:
    """Looks at the keys of `keyring` every `interval_s` seconds; never, for 0, or without `warnings_s`."""

    def __init__(
        self,
        keys: Keyring,
        events: Events,
        interval_s: float,
        warnings_s: Sequence[int],
        *,
        keyring: KeyringRef = DEFAULT_KEYRING,
        key_type: str = TLS_KEY_TYPE,
    ) -> None:
        self._keys = keys
        self._events = events
        self._interval_s = interval_s
        self._warnings_s = sorted(warnings_s)
        self._keyring = keyring
        self._key_type = key_type
        self._told: dict[int, int] = {}
        self.ends_ms: dict[str, int] = {}
        """When each key ends that does, in milliseconds since the epoch, by its identity, at the last look."""
        self._failing = ""

    async def run(self) -> None:
        """Look until cancelled. A host without the keyring has no keys that could expire."""
        while self._interval_s and self._warnings_s:
            failing = ""
            try:
                await self.look()
            except NvmedError as exc:
                failing = exc.reason
            if failing != self._failing:
                self._failing = failing
                if failing:
                    log.info("keys_not_watched", reason=failing)
                else:
                    log.info("keys_watched")
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Publish a warning for each key that has come to another distance since the last look."""
        told: dict[int, int] = {}
        ends_ms: dict[str, int] = {}
        async for key in self._keys.scan_tls_keys(self._keyring, key_type=self._key_type):
            if key.expiry.state is ExpiryState.EXPIRES:
                ends_ms[key.about.description] = now_ms() + key.expiry.remaining_s * 1000
            distance = self._distance(key)
            if distance is None:
                continue
            told[key.serial] = distance
            if distance < self._told.get(key.serial, distance + 1):
                self._events.publish(Event(Kind.KEY_EXPIRING, detail=self._detail(key)))
        self._told = told
        self.ends_ms = ends_ms

    def _distance(self, key: KeyInfo) -> int | None:
        """The nearest distance that the key has come to; None if it is farther away than all, or does not expire."""
        if key.expiry.state is not ExpiryState.EXPIRES:
            return None
        return next((distance for distance in self._warnings_s if key.expiry.remaining_s <= distance), None)

    def _detail(self, key: KeyInfo) -> KeyExpiring:
        return KeyExpiring(
            keyring=str(self._keyring),
            serial=key.serial,
            identity=key.about.description,
            expires_ms=now_ms() + key.expiry.remaining_s * 1000,
            resolution_s=key.expiry.resolution_s,
        )
