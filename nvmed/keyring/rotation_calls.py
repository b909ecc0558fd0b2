"""What a rotation does to keyrings, on the key thread: blocking, without asyncio.

While it runs, old and new keys are held in a keyring of its own, named after the operation, in the user keyring. There
they survive a daemon that is killed, which the process keyring would not: what was unlinked can still be put back. Each
key lies in a keyring of its own in there, as two keys of one name displace each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

from nvmed.errors import NotFound, NvmedError
from nvmed.keyring import calls
from nvmed.keyring.kernel import kernel
from nvmed.keys.description import KeyDescription
from nvmed.keys.kernel import USER_KEYRING
from nvmed.keys.secret import Secret

HOLDER: Final = "nvmed-rotation:"
"""What the name of a rotation's keyring begins with; the operation's id follows."""

_ALL_FOR_ITS_USER: Final = 0x3F3F0000
"""Permissions with which the next daemon, of the same user, can possess what this one held."""


@dataclass(frozen=True, slots=True)
class OldKey:
    """A key that a rotation replaces, and the keyring that it lies in."""

    serial: int
    description: str
    keyring: int


@dataclass(frozen=True, slots=True, eq=False)
class NewKey:
    """The key that takes their place."""

    key_type: str
    description: str
    payload: Secret
    timeout_s: int | None


def find_old(ring: int, key_type: str, host_nqn: str, subsystem_nqn: str, used: Collection[int]) -> tuple[OldKey, ...]:
    """The keys in the tree of a possessed keyring that a new one replaces.

    That is every retained key of this host and this subsystem, as a look-up by default might find any of them, those
    of the serials `used` by connections, and such keys that a rotation which could not be completed still holds.
    Raises KEY_PERMISSION if one of them could not be revoked, KEYRING_TYPE_MISSING if no new one could be made.
    """
    calls.check_type_is_there(ring, key_type)
    found: dict[int, OldKey] = {}
    with ExitStack() as possessed:
        for keyring in (ring, *_possess_holders(possessed)):
            for parent, serial, about in _keys(keyring):
                of_both = (identity := about.identity) is not None and (
                    (identity.kind, identity.host_nqn, identity.subsystem_nqn) == ("R", host_nqn, subsystem_nqn)
                )
                if about.type == key_type and (serial in used or of_both):
                    calls.check_revocable(serial)
                    found.setdefault(serial, OldKey(serial, about.description, parent))
    return tuple(found.values())


def pairs(ring: int, key_type: str) -> frozenset[tuple[str, str]]:
    """Host and subsystem NQN of every TLS key in the tree of a possessed keyring."""
    identities = [about.identity for _, _, about in _keys(ring) if about.type == key_type]
    return frozenset((one.host_nqn, one.subsystem_nqn) for one in identities if one is not None)


def hold(ring: int, operation: str, keys: Sequence[OldKey]) -> int:
    """Hold `keys`, which `find_old` found, for `operation`; returns the keyring that holds them."""
    with ExitStack() as possessed:
        _possess_holders(possessed)
        holder = _new_keyring(HOLDER + operation, USER_KEYRING)
        try:
            with calls.possessing(holder):
                for key in keys:
                    kernel().link(key.serial, _new_keyring(str(key.serial), holder))
        except NvmedError:
            release(holder)
            raise
    return holder


def insert(ring: int, holder: int, new: NewKey, old: Sequence[OldKey]) -> int:
    """Add the new key to the possessed keyring, and hold it; returns its serial.

    An old key of the same name is unlinked first: it would be updated in place, as type user is, and could not be put
    back.
    """
    unlink(ring, [key for key in old if key.description == new.description])
    serial = calls.add_key(ring, new.key_type, new.description, new.payload, new.timeout_s)
    with calls.possessing(holder):
        kernel().link(serial, _new_keyring(str(serial), holder))
    return serial


def unlink(ring: int, keys: Sequence[OldKey]) -> None:
    """Take keys out of the possessed keyring, where no look-up finds them any more."""
    for key in keys:
        _unlink(key.serial, key.keyring)


def put_back(ring: int, holder: int, new: int, old: Sequence[OldKey]) -> None:
    """Take the new key (0: there is none) out of the possessed keyring, and link the old ones where they were."""
    with calls.possessing(holder):
        if new:
            _unlink(new, ring)
        for key in old:
            kernel().link(key.serial, key.keyring)


def revoke(holder: int, serial: int) -> None:
    """Revoke a key that is held; one that is gone already is as good."""
    with calls.possessing(holder):
        try:
            kernel().revoke(serial)
        except NvmedError as failure:
            if failure.reason not in calls.GONE:
                raise


def release(holder: int) -> None:
    """Hold the keys no longer; idempotent."""
    with suppress(NotFound):
        kernel().unlink(holder, USER_KEYRING)


def release_empty() -> None:
    """Forget rotations none of whose keys lives any more."""
    for _, holder in [*holders()]:
        if not held(holder):
            release(holder)


def find_holder(operation: str) -> int:
    """The keyring that holds the keys of an operation, 0 if there is none any more."""
    return next((holder for name, holder in holders() if name == operation), 0)


def holders() -> Iterator[tuple[str, int]]:
    """Every operation whose keys are held, and the keyring that holds them."""
    for serial in kernel().read_keyring(USER_KEYRING):
        with suppress(NvmedError):
            about = kernel().describe(serial)
            if about.type == "keyring" and about.description.startswith(HOLDER):
                yield about.description.removeprefix(HOLDER), serial


def held(holder: int) -> tuple[int, ...]:
    """The serials of the living keys that are held."""
    with calls.possessing(holder):
        return tuple(serial for serial, about in calls.walk(holder) if about.type != "keyring")


def _unlink(key: int, keyring: int) -> None:
    """Take a key out of a keyring if it is in there.

    The kernel unlinks by type and description: of a key that was displaced, it would unlink the one that displaced it.
    """
    if key in kernel().read_keyring(keyring):
        kernel().unlink(key, keyring)


def _possess_holders(possessed: ExitStack) -> list[int]:
    """Possess what every rotation holds; the keyrings."""
    found = [holder for _, holder in holders()]
    for holder in found:
        possessed.enter_context(calls.possessing(holder))
    return found


def _keys(ring: int) -> Iterator[tuple[int, int, KeyDescription]]:
    """(keyring, serial, description) of every living key in the tree of a possessed keyring."""
    waiting, seen = [ring], {ring}
    while waiting:
        keyring = waiting.pop()
        for serial in kernel().read_keyring(keyring):
            try:
                about = kernel().describe(serial)
            except NvmedError:  # revoked, expired, gone
                continue
            if about.type != "keyring":
                yield keyring, serial, about
            elif serial not in seen:
                seen.add(serial)
                waiting.append(serial)


def _new_keyring(name: str, keyring: int) -> int:
    """A keyring in a keyring, open to all of its user's processes.

    Whoever makes a key must possess it to open it to others. A session possesses its user's keyring by chance: not that
    of a service of systemd (KeyringMode=private), and none that a keyring was linked into first.
    """
    with calls.possessing(keyring):
        serial = kernel().add_key("keyring", name, Secret(b""), keyring)
        kernel().set_permissions(serial, _ALL_FOR_ITS_USER)
    return serial
