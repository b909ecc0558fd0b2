"""A planted secret goes through everything that handles keys, well and badly, and shows up nowhere."""

from __future__ import annotations

import asyncio
import base64
import copy
import dataclasses
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from nvmed.errors import NvmedError
from nvmed.keyring.keyring import Keyring
from nvmed.keys import dhchap, identity, interchange, keyfile, psk
from nvmed.keys.psk import Derivation, PskHash
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread
from tests.support.planted import GOOD_DHHC, GOOD_LINE, GOOD_TEXT, IDENTITY, NQN, PLANTED, damaged


def forms() -> list[str]:
    """The secret as it could show up: text, hexadecimal, base64, in pieces of eight characters."""
    whole = [PLANTED.decode(), PLANTED.hex(), base64.b64encode(PLANTED).decode().rstrip("="), str(list(PLANTED))[1:-1]]
    whole += [base64.b64encode(psk.derive(Secret(PLANTED), NQN.encode(), NQN.encode(), version=version, hash_=hash_,
              derivation=derivation)[1].reveal()).decode() for version in (0, 1)
              for hash_ in (PskHash.NONE, PskHash.SHA256) for derivation in Derivation]  # fmt: skip
    return [text[at : at + 8].lower() for text in whole for at in range(0, len(text) - 7, 4)]


FORMS = forms()


Act = Callable[[], object]


def pure_acts() -> list[Act]:
    acts: list[Act] = []
    for size in (0, 16, 31, 32):
        for hash_ in PskHash:
            part = Secret(PLANTED[:size])
            acts += [
                lambda part=part, hash_=hash_: psk.derive_tls_key(part, NQN, NQN, version=1, hash_=hash_),  # type: ignore[misc]
                lambda part=part, hash_=hash_: psk.derive_tls_key(part, "", NQN, version=0, hash_=hash_),  # type: ignore[misc]
                lambda part=part, hash_=hash_: psk.derive_variants(part, NQN, NQN, hash_=hash_),  # type: ignore[misc]
                lambda part=part, hash_=hash_: interchange.export_psk(part, hash_),  # type: ignore[misc]
            ]
        for hmac in dhchap.HmacAlgorithm:
            acts.append(lambda part=part, hmac=hmac: dhchap.make_key(part, hmac, NQN))  # type: ignore[misc]
    for text in [Secret(GOOD_TEXT), *damaged(GOOD_TEXT)]:
        acts.append(lambda text=text: interchange.import_psk(text))  # type: ignore[misc]
    for text in [Secret(GOOD_DHHC), *damaged(GOOD_DHHC)]:
        for reading in dhchap.Reading:
            acts.append(lambda text=text, reading=reading: dhchap.parse_text(text, reading))  # type: ignore[misc]
    for text in [Secret(GOOD_LINE), *damaged(GOOD_LINE)]:
        acts.append(lambda text=text: keyfile.parse_line(text))  # type: ignore[misc]
        acts.append(lambda text=text: keyfile.parse_file(text))  # type: ignore[misc]
    acts.append(lambda: keyfile.build_line(keyfile.KeyFileEntry(identity.parse_identity(IDENTITY), Secret(PLANTED))))
    return acts


def shown(value: object) -> str:
    """All that printing `value` gives, and, for an error, all that it carries."""
    texts = [repr(value), str(value)]
    if isinstance(value, BaseException):
        texts += traceback.format_exception(value)
    if isinstance(value, NvmedError):
        texts += [value.message, repr(value.metadata), repr(value.fields), repr(value.os), repr(value.args)]
    return "\n".join(texts)


def leaks(text: str) -> list[str]:
    return [form for form in FORMS if form in text.lower()]


def keeps_its_secrets(value: object) -> None:
    """Printing shows nothing, and what holds a secret can be neither pickled nor copied."""
    assert leaks(shown(value)) == []
    if "<Secret" in repr(value):
        for way in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError):
                way(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            with pytest.raises(TypeError):
                dataclasses.asdict(value)


def outcome_of(act: Act) -> object:
    try:
        return act()
    except NvmedError as failure:
        return failure


def test_the_search_would_find_a_leak() -> None:
    for leak in (PLANTED.decode(), PLANTED.hex(), repr(PLANTED), GOOD_TEXT.decode(), str(list(PLANTED))):
        assert leaks(f"somewhere {leak} in a line")
    assert not leaks(shown(ValueError("nothing")))


def test_computing_and_parsing_leak_nothing(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    outcomes = [outcome_of(act) for act in pure_acts()]
    for outcome in outcomes:
        keeps_its_secrets(outcome)
    assert sum(isinstance(outcome, NvmedError) for outcome in outcomes) > 50
    assert leaks(caplog.text) == []
    assert leaks("".join(capfd.readouterr())) == []


@pytest.fixture
async def keyring() -> AsyncIterator[tuple[Keyring, int]]:
    thread = KeyThread()
    try:
        ring = await thread.run(keyctl.add_key, "keyring", "nvmed-leaks", Secret(b""), keyctl.PROCESS_KEYRING)
    except NvmedError as refusal:
        thread.close()
        pytest.skip(f"this kernel, or the sandbox, has no keyrings: {refusal}")
    yield Keyring(thread), ring
    await thread.run(keyctl.unlink, ring, keyctl.PROCESS_KEYRING)
    thread.close()


async def test_keyring_operations_leak_nothing(
    keyring: tuple[Keyring, int], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    keys, ring = keyring
    outcomes: list[object] = []

    async def drive(call: Awaitable[object]) -> None:
        try:
            outcomes.append(await call)
        except NvmedError as failure:
            outcomes.append(failure)

    for target in (ring, "nvmed-no-such-keyring"):
        for key_type in ("user", "nvmed-no-type"):
            insert = keys.insert_tls_key(
                Secret(PLANTED), NQN, NQN, version=0, hash_=PskHash.SHA256, keyring=target, key_type=key_type
            )
            await drive(insert)
            await drive(keys.update_key(key_type, "planted", Secret(PLANTED), target))
            await drive(keys.update_key(key_type, "planted", Secret(PLANTED * 2000), target))
            for line in [Secret(GOOD_LINE), *damaged(GOOD_LINE)]:
                await drive(keys.import_key_file(line, keyring=target, key_type=key_type))
            for text in [Secret(GOOD_TEXT), *damaged(GOOD_TEXT)]:
                await drive(keys.import_tls_key(IDENTITY, text, keyring=target, key_type=key_type))
                await drive(keys.check_tls_key(text, NQN, NQN, target, key_type=key_type))
            await drive(keys.export_tls_key(IDENTITY, target, key_type=key_type))
    for serial in (await keys.lookup_key("user", "planted", ring), 999999999):
        await drive(keys.describe_key(serial))
        await drive(keys.read_key(serial, ring))
    await drive(keys.revoke_tls_key(IDENTITY, ring, key_type="user"))
    for outcome in outcomes:
        keeps_its_secrets(outcome)
    assert sum(isinstance(outcome, NvmedError) for outcome in outcomes) > 50
    assert leaks(caplog.text) == []
    assert leaks("".join(capfd.readouterr())) == []
    assert leaks(await asyncio.to_thread(command_lines)) == []


def command_lines() -> str:
    """What `ps` shows to everybody."""
    lines: list[str] = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            lines.append(command.read_bytes().decode(errors="replace"))
    return "\n".join(lines)
