"""A kernel's keyrings in software, so that keys can be tried where there are none: `nvmed.keys.kernel.KeyService`.

It has the types keyring, user and psk, the keyring `.nvme`, one user (that of this process) and one task, whose thread,
process, session and user keyrings it has. What it does is what Linux 6.12 does (security/keys, nvme/common/keyring.c):
a user key is updated in place, a psk key or a keyring displaced; psk keys match by prefix, so that a search for `..x1`
finds `..x10`; what is possessed has the possessor's rights on top; revoked and expired keys answer EKEYREVOKED and
EKEYEXPIRED until they are collected, and what no keyring holds is gone at once. Nothing of it outlives the process, and
no other process sees it.
"""

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

from nvmed.keys.description import KeyDescription, ProcKey, parse_expiry
from nvmed.keys.kernel import (
    MAX_DESCRIPTION_BYTES,
    MAX_PAYLOAD_BYTES,
    PROCESS_KEYRING,
    SESSION_KEYRING,
    THREAD_KEYRING,
    USER_KEYRING,
    key_error,
)
from nvmed.keys.secret import Secret

NVME_KEYRING: Final = ".nvme"
NVME_PERMISSIONS: Final = 0x1F1F0000
"""All but set attributes, for who possesses it and for its user (nvme_keyring_init)."""

DEFAULT_PERMISSIONS: Final = 0x3F010000
SPECIAL_PERMISSIONS: Final = 0x3F1F0000
COLLECTED_AFTER_S: Final = 300
"""key_gc_delay: how long a key that is dead says so."""

KEYS_MAX: Final = 1000
LEVELS_MAX: Final = 6
"""KEYRING_SEARCH_MAX_DEPTH: keyrings within keyrings."""

_UNITS: Final = ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h"), (604_800, 86_400, "d"), (1 << 63, 604_800, "w"))
"""Up to how many seconds /proc/keys rounds down to which unit (proc_keys_show)."""

_SPECIAL: Final = {THREAD_KEYRING: "_tid", PROCESS_KEYRING: "_pid", SESSION_KEYRING: "_ses", USER_KEYRING: "_uid.0"}


class Right(IntFlag):
    """What a byte of the permissions allows (keyrings(7))."""

    VIEW = 0x01
    READ = 0x02
    WRITE = 0x04
    SEARCH = 0x08
    LINK = 0x10
    SET_ATTRIBUTE = 0x20


@dataclass(slots=True, eq=False)
class _Key:
    """A key, or a keyring with its `links` by type and description."""

    serial: int
    type: str
    description: str
    permissions: int = DEFAULT_PERMISSIONS
    payload: Secret = field(default_factory=lambda: Secret(b""))
    links: dict[tuple[str, str], _Key] = field(default_factory=dict)
    expires: float | None = None
    revoked: float | None = None

    @property
    def is_keyring(self) -> bool:
        return self.type == "keyring"

    def is_match(self, key_type: str, description: str) -> bool:
        if self.type != key_type:
            return False
        return self.description.startswith(description) if key_type == "psk" else self.description == description


class SimulatedKeyring:
    """Implements `KeyService`. One thread calls it; `clock` gives seconds and only advances."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, seed: int = 0) -> None:
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311
        self._keys: dict[int, _Key] = {}
        self._special: dict[int, _Key] = {}
        self._nvme = self._make("keyring", NVME_KEYRING, NVME_PERMISSIONS)

    def add_key(self, key_type: str, description: str, payload: Secret, keyring: int) -> int:
        call, about = "add_key", f"{key_type} {description!r}"
        if key_type.startswith("."):
            raise key_error(errno.EPERM, call, about)
        if key_type not in ("keyring", "user", "psk"):
            raise key_error(errno.ENODEV, call, about)
        if not description or len(description.encode("utf-8", "surrogateescape")) > MAX_DESCRIPTION_BYTES:
            raise key_error(errno.EINVAL, call, about)
        if key_type == "keyring" and description.startswith("."):
            raise key_error(errno.EPERM, call, about)
        fits = not len(payload) if key_type == "keyring" else 0 < len(payload) <= MAX_PAYLOAD_BYTES
        if not fits:
            raise key_error(errno.EINVAL, call, about)
        ring = self._find(keyring, Right.WRITE, call, about, ring=True, create=True)
        old = ring.links.get((key_type, description))
        if key_type == "user" and old is not None and old.revoked is None:
            if not self._may(old, Right.WRITE):
                raise key_error(errno.EACCES, call, about)
            old.payload, old.expires = _copied(payload), None
            return old.serial
        if len(self._keys) >= KEYS_MAX:
            raise key_error(errno.EDQUOT, call, about)
        made = self._make(key_type, description, DEFAULT_PERMISSIONS, _copied(payload))
        ring.links[key_type, description] = made
        self._collect()
        return made.serial

    def request_key(self, key_type: str, description: str) -> int:
        return self._search(self._own(), key_type, description, "request_key")

    def revoke(self, key: int) -> None:
        call, about = "keyctl(REVOKE)", f"key {key}"
        found = self._find(key, None, call, about)
        if not (self._may(found, Right.WRITE) or self._may(found, Right.SET_ATTRIBUTE)):
            raise key_error(errno.EACCES, call, about)
        found.revoked = self._clock()
        found.payload.wipe()
        found.links.clear()
        self._collect()

    def set_permissions(self, key: int, permissions: int) -> None:
        call, about = "keyctl(SETPERM)", f"key {key}"
        if permissions & ~0x3F3F3F3F:
            raise key_error(errno.EINVAL, call, about)
        self._find(key, Right.SET_ATTRIBUTE, call, about).permissions = permissions

    def set_timeout(self, key: int, timeout_s: int) -> None:
        found = self._find(key, Right.SET_ATTRIBUTE, "keyctl(SET_TIMEOUT)", f"key {key}")
        found.expires = self._clock() + timeout_s if timeout_s else None

    def link(self, key: int, keyring: int) -> None:
        call, about = "keyctl(LINK)", f"key {key}"
        ring = self._find(keyring, Right.WRITE, call, about, ring=True, create=True)
        found = self._find(key, Right.LINK, call, about)
        if found.is_keyring and (found is ring or any(one is ring for one in _tree(found))):
            raise key_error(errno.EDEADLK, call, about)
        ring.links[found.type, found.description] = found
        self._collect()

    def unlink(self, key: int, keyring: int) -> None:
        call, about = "keyctl(UNLINK)", f"key {key}"
        ring = self._find(keyring, Right.WRITE, call, about, ring=True)
        found = self._special.get(key) or self._keys.get(key)
        if found is None:
            raise key_error(errno.ENOKEY, call, about)
        if (found.type, found.description) not in ring.links:
            raise key_error(errno.ENOENT, call, about)
        # By type and description, as the kernel does: of a key that was displaced, the one that displaced it.
        del ring.links[found.type, found.description]
        self._collect()

    def search(self, keyring: int, key_type: str, description: str) -> int:
        call = "keyctl(SEARCH)"
        ring = self._find(keyring, Right.SEARCH, call, f"{key_type} {description!r}", ring=True)
        return self._search([ring], key_type, description, call)

    def describe(self, key: int) -> KeyDescription:
        found = self._find(key, Right.VIEW, "keyctl(DESCRIBE)", f"key {key}")
        return KeyDescription(found.type, os.geteuid(), os.getegid(), found.permissions, found.description)

    def read(self, key: int) -> Secret:
        call, about = "keyctl(READ)", f"key {key}"
        found = self._find(key, None, call, about)
        if not (self._may(found, Right.READ) or (self._is_possessed(found) and self._may(found, Right.SEARCH))):
            raise key_error(errno.EACCES, call, about)
        return _copied(found.payload)

    def read_keyring(self, keyring: int) -> tuple[int, ...]:
        ring = self._find(keyring, Right.READ, "keyctl(READ)", f"key {keyring}", ring=True)
        return tuple(one.serial for one in ring.links.values())

    def proc_keys(self) -> Iterator[ProcKey]:
        self._collect()
        for key in sorted(self._keys.values(), key=lambda one: one.serial):
            if self._may(key, Right.VIEW):
                size = len(key.links) or "empty" if key.is_keyring else len(key.payload)
                yield ProcKey(
                    serial=key.serial, flags=f"I{'R' if key.revoked is not None else '-'}-Q---",
                    expiry=parse_expiry(self._timeout(key)), permissions=key.permissions, uid=os.geteuid(),
                    gid=os.getegid(), type=key.type, description=f"{key.description}: {size}",
                )  # fmt: skip

    # what the calls stand on

    def _make(self, key_type: str, description: str, permissions: int, payload: Secret | None = None) -> _Key:
        serial = 0
        while serial < 3 or serial in self._keys:
            serial = self._random.getrandbits(31)
        key = self._keys[serial] = _Key(serial, key_type, description, permissions)
        if payload is not None:
            key.payload = payload
        return key

    def _find(
        self, key: int, right: Right | None, call: str, about: str, *, ring: bool = False, create: bool = False
    ) -> _Key:
        """The living key of a serial, or a special keyring, that allows `right` (lookup_user_key).

        Session and user have theirs; `create` makes the thread's and the process's.
        """
        self._collect()
        if key in _SPECIAL and key not in self._special and (create or key in (SESSION_KEYRING, USER_KEYRING)):
            self._special[key] = self._make("keyring", _SPECIAL[key], SPECIAL_PERMISSIONS)
        found = self._special.get(key) or self._keys.get(key)
        if found is None:
            raise key_error(errno.ENOKEY if key > 0 or key in _SPECIAL else errno.EINVAL, call, about)
        if dead := self._dead(found):
            raise key_error(dead, call, about)
        if right is not None and not self._may(found, right):
            raise key_error(errno.EACCES, call, about)
        if ring and not found.is_keyring:
            raise key_error(errno.ENOTDIR, call, about)
        return found

    def _search(self, rings: list[_Key], key_type: str, description: str, call: str) -> int:
        """The first living match in the trees of `rings`; if there is none, the error of a dead one."""
        number = errno.ENOKEY
        for ring in rings:
            for key in (ring, *_tree(ring, lambda each: self._may(each, Right.SEARCH))):
                if not key.is_match(key_type, description):
                    continue
                refusal = self._dead(key) or (0 if self._may(key, Right.SEARCH) else errno.EACCES)
                if not refusal:
                    return key.serial
                number = refusal
        raise key_error(number, call, f"{key_type} {description!r}")

    def _dead(self, key: _Key) -> int:
        """The errno of a key that cannot be used any more, 0 for one that can (key_validate)."""
        if key.revoked is not None:
            return errno.EKEYREVOKED
        return errno.EKEYEXPIRED if key.expires is not None and self._clock() >= key.expires else 0

    def _may(self, key: _Key, right: Right) -> bool:
        """Whether the task may (key_task_permission): every key is its user's."""
        rights = key.permissions >> 16
        if self._is_possessed(key):
            rights |= key.permissions >> 24
        return bool(rights & right)

    def _is_possessed(self, key: _Key) -> bool:
        """Whether a search from the task's own keyrings gets to it: each keyring on the way allows that, and it too."""
        if not _may_be_passed(key):
            return False
        return any(key is one for ring in self._own() for one in (ring, *_tree(ring, _may_be_passed)))

    def _own(self) -> list[_Key]:
        """The keyrings through which the task possesses what it does."""
        return [
            self._special[one] for one in (THREAD_KEYRING, PROCESS_KEYRING, SESSION_KEYRING) if one in self._special
        ]

    def _timeout(self, key: _Key) -> str:
        """The column of /proc/keys."""
        if key.expires is None:
            return "perm"
        left = int(key.expires - self._clock())
        if left <= 0:
            return "expd"
        return next(f"{left // unit}{letter}" for limit, unit, letter in _UNITS if left < limit)

    def _collect(self) -> None:
        """Forget keys that have been dead for a while, and those that no keyring holds."""
        now = self._clock()
        for key in self._keys.values():
            for name, one in [*key.links.items()]:
                ended = min(time for time in (one.revoked, one.expires, now) if time is not None)
                if now - ended > COLLECTED_AFTER_S:
                    del key.links[name]
        roots = (self._nvme, *self._special.values())
        held = {*roots, *(key for root in roots for key in _tree(root))}
        for serial in [serial for serial, key in self._keys.items() if key not in held]:
            self._keys.pop(serial).payload.wipe()


def _copied(payload: Secret) -> Secret:
    with payload.borrow() as view:
        return Secret(view)


def _may_be_passed(key: _Key) -> bool:
    """Whether the task, possessing it, could search it."""
    return bool((key.permissions >> 24 | key.permissions >> 16) & Right.SEARCH)


def _tree(ring: _Key, enters: Callable[[_Key], bool] = lambda key: True) -> Iterator[_Key]:
    """What is in a keyring and, as far as it may be entered, in keyrings within it; each once, breadth first."""
    seen, level = {ring}, [ring]
    for _ in range(LEVELS_MAX + 1):
        below = [key for one in level if one.is_keyring and enters(one) for key in one.links.values()]
        level = []
        for key in below:
            if key not in seen:
                seen.add(key)
                level.append(key)
                yield key
