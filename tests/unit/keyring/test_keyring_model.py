"""TLS keys against a dictionary: put in, replaced, expired, revoked, compared, in a simulated `.nvme` keyring."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nvmed.errors import NvmedError
from nvmed.keyring import kernel
from nvmed.keyring.calls import UpdateOutcome
from nvmed.keyring.keyring import Keyring, LoadedPayload
from nvmed.keys.interchange import export_psk, import_psk
from nvmed.keys.psk import PskHash, derive_tls_key
from nvmed.keys.secret import Secret
from nvmed.linux.key_thread import KeyThread
from nvmed.simulator.keyring import SimulatedKeyring
from nvmed.simulator.subsystem import ManualClock

T = TypeVar("T")
HOST = "nqn.2026-01.dev.nvmed:host"
SUBSYSTEMS = [f"nqn.2026-01.dev.nvmed:s{number}" for number in range(3)]
PSKS = [bytes([number]) * 32 for number in range(2)]
subsystems = st.sampled_from(SUBSYSTEMS)
psks = st.sampled_from(PSKS)
TIMEOUT_S = 100


@dataclass
class Held:
    """What lies under an identity: which configured PSK it was made of, its serial, and until when."""

    psk: bytes
    serial: int
    until_s: float


class KeyringModel(RuleBasedStateMachine):
    """`held` are the keys that are there, by their subsystem; each serial was given out once."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        service = SimulatedKeyring(self.clock)
        self.thread = KeyThread(partial(kernel.use, service))
        self.keyring = Keyring(self.thread)
        self.runner = asyncio.Runner()
        self.held: dict[str, Held] = {}
        self.serials: set[int] = set()

    def teardown(self) -> None:
        self.thread.close()
        self.runner.close()

    def go(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def alive(self, subsystem: str) -> Held | None:
        held = self.held.get(subsystem)
        return held if held is not None and self.clock.now < held.until_s else None

    def identity(self, subsystem: str, psk: bytes) -> str:
        """Of version 0, which is the same whichever key it is."""
        with Secret(psk) as configured:
            return derive_tls_key(configured, HOST, subsystem, version=0, hash_=PskHash.SHA256).identity

    @rule(subsystem=subsystems, psk=psks, timeout_s=st.sampled_from([None, TIMEOUT_S]))
    def is_inserted(self, subsystem: str, psk: bytes, timeout_s: int | None) -> None:
        before = self.alive(subsystem)
        with Secret(psk) as configured:
            inserted = self.go(
                self.keyring.insert_tls_key(
                    configured, HOST, subsystem, version=0, hash_=PskHash.SHA256, timeout_s=timeout_s
                )
            )
        key = inserted.key
        assert key.serial not in self.serials, "a psk key is never updated in place"
        assert (key.outcome is UpdateOutcome.CREATED) is (before is None)
        assert key.previous_serial == (before.serial if before else 0)
        self.serials.add(key.serial)
        until_s = self.clock.now + timeout_s if timeout_s else float("inf")
        self.held[subsystem] = Held(psk, key.serial, until_s)

    @rule(subsystem=subsystems)
    def is_revoked(self, subsystem: str) -> None:
        identity, held = self.identity(subsystem, PSKS[0]), self.alive(subsystem)
        if held is None:
            with pytest.raises(NvmedError):
                self.go(self.keyring.revoke_tls_key(identity))
        else:
            assert self.go(self.keyring.revoke_tls_key(identity)) == held.serial
        self.held.pop(subsystem, None)

    @rule(seconds=st.sampled_from([1, TIMEOUT_S, 10 * TIMEOUT_S]))
    def time_goes_by(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def those_that_live_are_found_and_no_others(self) -> None:
        async def scanned() -> set[int]:
            return {info.serial async for info in self.keyring.scan_tls_keys()}

        alive = {held.serial for name in SUBSYSTEMS if (held := self.alive(name)) is not None}
        assert self.go(scanned()) == alive

    @invariant()
    def each_is_what_was_put_there(self) -> None:
        for subsystem in SUBSYSTEMS:
            held = self.alive(subsystem)
            identity = self.identity(subsystem, PSKS[0])
            if held is None:
                with pytest.raises(NvmedError):
                    self.go(self.keyring.export_tls_key(identity))
                continue
            exported = self.go(self.keyring.export_tls_key(identity))
            with Secret(held.psk) as configured, exported.text, exported.line, import_psk(exported.text).key as psk:
                wanted = derive_tls_key(configured, HOST, subsystem, version=0, hash_=PskHash.SHA256)
                assert (exported.serial, psk.matches(wanted.psk)) == (held.serial, True)

    @invariant()
    def a_check_says_whose_key_it_is(self) -> None:
        for subsystem in SUBSYSTEMS:
            held = self.alive(subsystem)
            for psk in PSKS:
                with Secret(psk) as configured, export_psk(configured, PskHash.SHA256) as text:
                    checked = self.go(self.keyring.check_tls_key(text, HOST, subsystem))
                loaded = {one.loaded for one in checked.variants if one.version == 0}
                wanted = LoadedPayload.DERIVED if held is not None and held.psk == psk else LoadedPayload.OTHER
                assert (wanted if held else LoadedPayload.NOT_LOADED) in loaded


KeyringModel.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestKeyring = KeyringModel.TestCase
