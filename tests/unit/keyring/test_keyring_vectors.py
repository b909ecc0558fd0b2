"""What libkeyutils and libnvme were observed to do with keyrings of type user: equal, or a named deviation."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from nvmed.errors import NvmedError
from nvmed.keyring.keyring import Keyring
from nvmed.keys.psk import PskHash
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors" / "keyring.json").read_text())
RING = f"nvmed-vectors-{os.getpid()}"
MISSING = "nvmed-no-such-keyring"
KEY = bytes.fromhex("5512dbb6737d0106f65975b773dfb011ffc344bcf442e2dd6d8bc4870b5d5b03")


class Deviation(Enum):
    """Where nvmed answers otherwise than libnvme, on purpose."""

    EMPTY_NAME = "an empty name is a wrong argument, not a keyring that is missing"
    SPECIAL_SERIAL = "negative serials name the caller's own keyrings: over the network they would be the daemon's"
    READ_CAUSE = "libnvme says EPERM whatever the cause; nvmed says which"
    WHOLE_DESCRIPTION = "libnvme cuts a description at its last semicolon"
    SCAN_MISSING = "libnvme says EINVAL for a missing keyring; nvmed says that it is missing"


Act = Callable[[Keyring, KeyThread, int], Awaitable[object]]


async def add(thread: KeyThread, ring: int, description: str) -> int:
    return await thread.run(keyctl.add_key, "user", description, Secret(b"data"), ring)


async def revoked(thread: KeyThread, ring: int) -> int:
    serial = await add(thread, ring, "to be revoked")
    await thread.run(keyctl.revoke, serial)
    return serial


async def insert(keyring: Keyring, ring: str, key_type: str, version: int = 0) -> tuple[str, str, str, bool]:
    async def once() -> Any:
        return await keyring.insert_tls_key(
            Secret(KEY), "h", "s", version=version, hash_=PskHash.SHA256, keyring=ring, key_type=key_type
        )

    first = await once()
    second = await once()
    about = (await keyring.describe_key(second.key.serial)).about
    payload = await keyring.read_key(second.key.serial, ring)
    same = first.key.serial == second.key.serial
    return about.description, f"{about.permissions:08x}", payload.reveal().hex(), same


async def scan(keyring: Keyring, ring: str) -> list[object]:
    return [key async for key in keyring.scan_tls_keys(ring)]


async def described(keyring: Keyring, serial: int) -> str:
    return (await keyring.describe_key(serial)).about.description


ACTS: dict[str, Act] = {
    "lookup_keyring NULL (.nvme)": lambda keyring, thread, ring: keyring.lookup_keyring(),
    "lookup_keyring empty": lambda keyring, thread, ring: keyring.lookup_keyring(""),
    "set_keyring existing": lambda keyring, thread, ring: keyring.link_keyring(ring),
    "set_keyring 999999": lambda keyring, thread, ring: keyring.link_keyring(999999),
    "set_keyring -3": lambda keyring, thread, ring: keyring.link_keyring(-3),
    "set_keyring -4": lambda keyring, thread, ring: keyring.link_keyring(-4),
    "update_key zero length": lambda keyring, thread, ring: keyring.update_key("user", "z", Secret(b""), RING),
    "lookup_key user idA": lambda keyring, thread, ring: keyring.lookup_key("user", "idA"),
    "lookup_key user nope": lambda keyring, thread, ring: keyring.lookup_key("user", "nope"),
    "lookup_key psk x": lambda keyring, thread, ring: keyring.lookup_key("psk", "x"),
    "lookup_key keyring nvmed-k": lambda keyring, thread, ring: keyring.lookup_key("keyring", RING),
}


async def _read_live(keyring: Keyring, thread: KeyThread, ring: int) -> int:
    return len(await keyring.read_key(await add(thread, ring, "live"), RING))


async def _read_revoked(keyring: Keyring, thread: KeyThread, ring: int) -> object:
    return await keyring.read_key(await revoked(thread, ring), RING)


async def _describe_revoked(keyring: Keyring, thread: KeyThread, ring: int) -> object:
    return await keyring.describe_key(await revoked(thread, ring))


async def _describe_semicolon(keyring: Keyring, thread: KeyThread, ring: int) -> str:
    return await described(keyring, await add(thread, ring, "a;b c"))


ACTS |= {
    "read_key live": _read_live,
    "read_key revoked": _read_revoked,
    "read_key missing": lambda keyring, thread, ring: keyring.read_key(999999999, RING),
    "describe_key_serial revoked": _describe_revoked,
    "describe_key_serial missing": lambda keyring, thread, ring: keyring.describe_key(999999999),
    "describe_key_serial keyring": lambda keyring, thread, ring: described(keyring, ring),
    "describe_key_serial with ';' in description": _describe_semicolon,
    "revoke_tls_key nvmed-k": lambda keyring, thread, ring: keyring.revoke_tls_key("never", RING, key_type="user"),
    "scan_tls_keys nvmed-k": lambda keyring, thread, ring: scan(keyring, RING),
    "scan_tls_keys None": lambda keyring, thread, ring: scan(keyring, MISSING),
    "insert_tls_key_versioned user type": lambda keyring, thread, ring: insert(keyring, RING, "user"),
    "insert missing ring": lambda keyring, thread, ring: insert(keyring, MISSING, "user"),
    "insert NULL ring (.nvme absent)": lambda keyring, thread, ring: insert(keyring, ".nvme", "psk"),
    "insert psk type": lambda keyring, thread, ring: insert(keyring, RING, "psk"),
    "insert same twice": lambda keyring, thread, ring: insert(keyring, RING, "user", 1),
}

REASON_OF: dict[str, str] = {
    "ENOKEY": "KEY_NOT_FOUND",
    "EKEYREVOKED": "KEY_REVOKED",
    "ENODEV": "KEYRING_TYPE_MISSING",
    "EINVAL": "INVALID_FIELD",
}
"""libnvme's errno as nvmed's reason."""

KEYRING_MISSING = {
    "lookup_keyring NULL (.nvme)",
    "set_keyring 999999",
    "insert missing ring",
    "insert NULL ring (.nvme absent)",
}
"""Cases in which ENOKEY is about the keyring: nvmed tells that from a missing key."""

DEVIATIONS: dict[str, tuple[Deviation, str]] = {
    "lookup_keyring empty": (Deviation.EMPTY_NAME, "INVALID_FIELD"),
    "set_keyring -3": (Deviation.SPECIAL_SERIAL, "INVALID_FIELD"),
    "set_keyring -4": (Deviation.SPECIAL_SERIAL, "INVALID_FIELD"),
    "read_key revoked": (Deviation.READ_CAUSE, "KEY_REVOKED"),
    "read_key missing": (Deviation.READ_CAUSE, "KEY_NOT_FOUND"),
    "scan_tls_keys None": (Deviation.SCAN_MISSING, "KEYRING_NOT_FOUND"),
}


def name_of(case: dict[str, Any]) -> str:
    words = {
        "set_keyring": ("arg",),
        "lookup_key": ("type", "id"),
        "scan_tls_keys": ("ring",),
        "revoke_tls_key": ("ring",),
    }
    return " ".join([case["case"], *(str(case[key]) for key in words.get(case["case"], ()))])


def expected(case: dict[str, Any]) -> object:
    """What the case yields: a reason for a failure, else the value to compare, or None where there is none."""
    name = name_of(case)
    if name in DEVIATIONS:
        return DEVIATIONS[name][1]
    failure = case.get("error") or case.get("errno")
    if failure:
        return "KEYRING_NOT_FOUND" if name in KEYRING_MISSING else REASON_OF[failure]
    if "psk_hex" in case:
        return case["desc"], case["perm"], case["psk_hex"], True
    if name == "describe_key_serial with ';' in description":  # Deviation.WHOLE_DESCRIPTION
        assert "a;b c".endswith(f";{case['result']}")
        return "a;b c"
    if name == "describe_key_serial keyring":
        return RING
    return case.get("len", case.get("callbacks"))


@pytest.fixture
async def thread() -> AsyncIterator[KeyThread]:
    thread = KeyThread()
    yield thread
    thread.close()


@pytest.fixture
async def ring(thread: KeyThread) -> AsyncIterator[int]:
    """The keyring of the vectors with a key `idA`, held by a session of its own, as libnvme's is."""

    def make() -> int:
        keyctl.join_session_keyring()
        serial = keyctl.add_key("keyring", RING, Secret(b""), keyctl.SESSION_KEYRING)
        keyctl.add_key("user", "idA", Secret(b"data"), serial)
        return serial

    try:
        serial = await thread.run(make)
    except NvmedError as refusal:
        pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")
    yield serial
    await thread.run(keyctl.unlink, serial, keyctl.SESSION_KEYRING)


def knows_psk(ring: int) -> bool:
    try:
        keyctl.unlink(keyctl.add_key("psk", "NVMe0R01 probe probe", Secret(KEY), ring), ring)
    except NvmedError:
        return False
    return True


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_equal_or_deviating_by_name(thread: KeyThread, ring: int, case: dict[str, Any]) -> None:
    name = name_of(case)
    if (".nvme" in name or "psk" in name) and await thread.run(knows_psk, ring):
        pytest.skip("this kernel has type psk and `.nvme`: their absence cannot be observed")
    try:
        outcome = await ACTS[name](Keyring(thread), thread, ring)
    except NvmedError as refusal:
        outcome = refusal.reason
    wanted = expected(case)
    assert outcome == wanted or (wanted is None and isinstance(outcome, int))


def test_every_case_has_its_act() -> None:
    assert {name_of(case) for case in CASES} == set(ACTS)
    assert {deviation for deviation, _ in DEVIATIONS.values()} | {Deviation.WHOLE_DESCRIPTION} == set(Deviation)
