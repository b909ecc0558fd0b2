"""What happens to keyrings on the key thread: policy over `nvmed.linux.keyctl`, blocking, without asyncio.

Three habits differ from libnvme's on purpose. A keyring is possessed for the length of a call through the thread's own
keyring, where libnvme leaves it linked in the session for good. A key found is compared by its whole description,
because the kernel matches psk keys by prefix. A key is replaced before the old one is revoked, not after.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, unique

from nvmed.errors import NotFound, NvmedError
from nvmed.keyring.kernel import kernel
from nvmed.keys.description import UNKNOWN_EXPIRY, KeyDescription, KeyExpiry
from nvmed.keys.kernel import MAX_DESCRIPTION_BYTES, MAX_PAYLOAD_BYTES, PROCESS_KEYRING, THREAD_KEYRING
from nvmed.keys.secret import Secret
from nvmed.linux import keyctl
from nvmed.reasons import Reason, error, invalid_field

DEFAULT_KEYRING = ".nvme"
"""The keyring in which kernel and tlshd look for TLS PSKs. Nobody but the kernel can make one with a leading dot."""

KeyringRef = str | int
"""A keyring by name or serial."""

GONE = {Reason.KEY_NOT_FOUND.name, Reason.KEY_REVOKED.name, Reason.KEY_EXPIRED.name}
"""The reasons why a key can no longer be used."""

_DEAD = {Reason.KEY_REVOKED.name, Reason.KEY_EXPIRED.name}
_UPDATED_IN_PLACE = {"user", "logon", "big_key", "encrypted", "trusted"}
_TAKE_NO_EMPTY_PAYLOAD = {"psk", "user", "logon"}
_WRITE_OR_SET_ATTRIBUTE = 0x04 | 0x20


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key, without its payload."""

    serial: int
    about: KeyDescription
    expiry: KeyExpiry


@unique
class UpdateOutcome(Enum):
    """CREATED: there was none. UPDATED: in place, the serial stays. REPLACED: a new serial, and the old one revoked."""

    CREATED = "created"
    UPDATED = "updated"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class UpdatedKey:
    """The key that now holds the payload, and the one that did before (0 if none)."""

    serial: int
    previous_serial: int
    outcome: UpdateOutcome


def check_serial(field: str, serial: int) -> int:
    """`serial`, or the validation error of one that names no key; negative ones name the daemon's own keyrings."""
    if not 0 < serial < 1 << 31:
        raise invalid_field(field, f"{serial} is no serial of a key; those are positive and below 2**31")
    return serial


def check_name(field: str, value: str, limit: int = MAX_DESCRIPTION_BYTES) -> str:
    """`value`, or the validation error of what the kernel takes for no type or description."""
    try:
        size = len(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise invalid_field(field, "it is not valid Unicode; send it as UTF-8") from None
    if not size or "\0" in value:
        raise invalid_field(field, "it is empty or contains a NUL; give the name the key is to be found by")
    if size > limit:
        raise invalid_field(field, f"it has {size} bytes, over the kernel's limit of {limit}")
    return value


def check_type(key_type: str) -> str:
    """`key_type`, or the validation error of what can be no key type (`key_get_type_from_user`: 31 bytes)."""
    if key_type.startswith("."):
        raise invalid_field("key_type", "types with a leading dot are the kernel's own; use psk or user")
    return check_name("key_type", key_type, 31)


def check_payload(payload: Secret) -> None:
    """Raises the validation error of a payload that types user and psk do not take: empty, or over 32767 bytes."""
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        raise invalid_field("payload", f"it has {len(payload)} bytes; the kernel takes 1 to {MAX_PAYLOAD_BYTES}")


def check_timeout(timeout_s: int | None) -> None:
    """Raises the validation error of a time to live that the kernel cannot take; None is for ever."""
    if timeout_s is not None and not 0 < timeout_s < 1 << 32:
        raise invalid_field("timeout_s", f"{timeout_s} s is no time to live; give 1 or more, or none for a lasting key")


def find_keyring(name: str) -> int:
    """The serial of the keyring `name`: in the thread's own keyrings, then among those of /proc/keys.

    There, only a keyring of the daemon's user or of uid 0 counts, and only after KEYCTL_DESCRIBE confirmed what the
    line says: anybody can make a keyring of any name (but for a leading dot) and forge lines.
    """
    check_name("keyring", name)
    with suppress(NvmedError):
        serial = kernel().request_key("keyring", name)
        if kernel().describe(serial).description == name:
            return serial
    owners = {0, os.geteuid()}
    for key in kernel().proc_keys():
        if key.type != "keyring" or key.description.rpartition(": ")[0] != name:
            continue
        with suppress(NvmedError):
            about = kernel().describe(key.serial)
            if (about.type, about.description) == ("keyring", name) and about.uid in owners:
                return key.serial
    raise _no_keyring(name)


def _no_keyring(name: str) -> NvmedError:
    remedy = (
        "load the module nvme-keyring: modprobe nvme-keyring, or nvme-tcp"
        if name == DEFAULT_KEYRING
        else ("check the name, and that the keyring lets the daemon's user view it")
    )
    if not keyctl.PROC_KEYS.exists():
        remedy += "; /proc/keys is hidden, so keyrings are not found by name: drop ProcSubset=pid from the unit"
    return error(
        Reason.KEYRING_NOT_FOUND, f"there is no keyring {name!r} that the daemon can see: {remedy}", keyring=name
    )


def resolve_keyring(keyring: KeyringRef) -> int:
    """The serial of a keyring given by name or serial; KEYRING_NOT_FOUND, or KEYRING_LINK_INVALID if it is a key."""
    if isinstance(keyring, str):
        return find_keyring(keyring)
    check_serial("keyring", keyring)
    try:
        about = kernel().describe(keyring)
    except NotFound:
        raise error(
            Reason.KEYRING_NOT_FOUND, f"there is no keyring with serial {keyring}; look it up by name", keyring=keyring
        ) from None
    if about.type != "keyring":
        raise error(
            Reason.KEYRING_LINK_INVALID,
            f"serial {keyring} is a key of type {about.type}, not a keyring; name a keyring",
            keyring=keyring,
        )
    return keyring


@contextmanager
def possessing(key: int, anchor: int = THREAD_KEYRING) -> Iterator[None]:
    """Hold a key, or all that is in a keyring, in a keyring of this thread: what is possessed can be used."""
    kernel().link(key, anchor)
    try:
        yield
    finally:
        with suppress(NotFound):  # invalidated meanwhile
            kernel().unlink(key, anchor)


def walk(keyring: int) -> Iterator[tuple[int, KeyDescription]]:
    """Every living key in the tree of a possessed keyring, that keyrings within it hold too, each once.

    What cannot be described (revoked, expired, gone, not permitted) is left out; not so if `keyring` cannot be read.
    """
    seen = {keyring}
    waiting = deque(kernel().read_keyring(keyring))
    while waiting:
        serial = waiting.popleft()
        if serial in seen:
            continue
        seen.add(serial)
        try:
            about = kernel().describe(serial)
            if about.type == "keyring":
                waiting.extend(kernel().read_keyring(serial))
        except NvmedError:
            continue
        yield serial, about


def find_key(keyring: int, key_type: str, description: str) -> int | None:
    """The serial of the key of exactly this type and description in the tree of a possessed keyring, or None.

    Raises KEY_REVOKED, KEY_EXPIRED or KEY_PERMISSION if the search met only a key that is dead or may not be searched.
    """
    refusal: NvmedError | None = None
    try:
        serial = kernel().search(keyring, key_type, description)
    except NotFound:
        return None
    except NvmedError as failure:
        refusal = failure
    else:
        try:
            if kernel().describe(serial).description == description:
                return serial
        except NvmedError as failure:
            refusal = None if isinstance(failure, NotFound) else failure
    # Another key, of which this description is a prefix or that is one of it, came first: look at each.
    for serial, about in walk(keyring):
        if (about.type, about.description) == (key_type, description):
            return serial
    if refusal is not None:
        raise refusal
    return None


def lookup_key(keyring: int, key_type: str, description: str) -> int:
    """The serial that `find_key` finds; raises KEY_NOT_FOUND if there is none."""
    serial = find_key(keyring, key_type, description)
    if serial is None:
        raise error(
            Reason.KEY_NOT_FOUND,
            f"there is no key {description!r} of type {key_type} in the keyring; ScanTlsKeys shows those there are",
            key_type=key_type,
            description=description,
        )
    return serial


def update_key(
    keyring: int, key_type: str, description: str, payload: Secret, timeout_s: int | None = None
) -> UpdatedKey:
    """Let the key of this description in a possessed keyring hold `payload`, making it if there is none.

    An old key is linked into the process keyring meanwhile: adding a psk key displaces the old one, and what is not
    possessed cannot be revoked. It is revoked last, so that a failure leaves it in force. `timeout_s` None means that
    the key does not expire.
    """
    old = _find_living(keyring, key_type, description)
    if old is None:
        serial = add_key(keyring, key_type, description, payload, timeout_s)
        return UpdatedKey(serial, 0, UpdateOutcome.CREATED)
    with possessing(old, PROCESS_KEYRING):
        check_revocable(old)
        serial = add_key(keyring, key_type, description, payload, timeout_s)
        if serial == old:
            return UpdatedKey(serial, old, UpdateOutcome.UPDATED)
        try:
            kernel().revoke(old)
        except NvmedError as failure:
            if failure.reason not in GONE:
                raise
    return UpdatedKey(serial, old, UpdateOutcome.REPLACED)


def plan_update(keyring: int, key_type: str, description: str) -> UpdatedKey:
    """What `update_key` would do now, without doing it: its serial is 0.

    Raises what can be known beforehand: no such type, an old key that cannot be revoked. Quotas cannot.
    """
    check_type_is_there(keyring, key_type)
    old = _find_living(keyring, key_type, description)
    if old is None:
        return UpdatedKey(0, 0, UpdateOutcome.CREATED)
    with possessing(old, PROCESS_KEYRING):
        check_revocable(old)
    return UpdatedKey(0, old, UpdateOutcome.UPDATED if key_type in _UPDATED_IN_PLACE else UpdateOutcome.REPLACED)


def check_type_is_there(keyring: int, key_type: str) -> None:
    """Raises KEYRING_TYPE_MISSING if the kernel has no such type, as far as one can ask without making a key.

    An empty payload tells: the kernel looks for the type first (ENODEV), then psk and user refuse the payload (EINVAL).
    """
    if key_type not in _TAKE_NO_EMPTY_PAYLOAD:
        return
    try:
        kernel().add_key(key_type, "nvmed: is there such a type?", Secret(b""), keyring)
    except NvmedError as answer:
        if answer.reason != Reason.KERNEL_REFUSED.name:
            raise


def _find_living(keyring: int, key_type: str, description: str) -> int | None:
    try:
        return find_key(keyring, key_type, description)
    except NvmedError as failure:
        if failure.reason not in _DEAD:
            raise
        return None


def add_key(keyring: int, key_type: str, description: str, payload: Secret, timeout_s: int | None) -> int:
    """Add a key, or update or displace one, and let it expire; returns its serial."""
    serial = kernel().add_key(key_type, description, payload, keyring)
    if timeout_s is not None:
        kernel().set_timeout(serial, timeout_s)
    return serial


def check_revocable(key: int) -> None:
    """Refuse before anything is changed, rather than find out with two keys in force (blktests#175).

    Reckons as `key_task_permission` does: one of user, group and others, and the possessor on top.
    """
    about = kernel().describe(key)
    if about.uid == os.geteuid():
        rights = about.permissions >> 16
    elif about.gid in {os.getegid(), *os.getgroups()}:
        rights = about.permissions >> 8
    else:
        rights = about.permissions
    if not (rights | about.permissions >> 24) & _WRITE_OR_SET_ATTRIBUTE:
        raise error(
            Reason.KEY_PERMISSION,
            f"the old key {key} could not be revoked: its permissions {about.permissions:08x} let the daemon neither "
            "write it nor set its attributes; nothing was changed",
            key=key,
            permissions=f"{about.permissions:08x}",
        )


def describe_key(serial: int) -> KeyInfo:
    """A key's whole description, and its expiry as far as /proc/keys shows it."""
    about = kernel().describe(serial)
    expiry = next((key.expiry for key in kernel().proc_keys() if key.serial == serial), UNKNOWN_EXPIRY)
    return KeyInfo(serial, about, expiry)


def read_key(keyring: int, serial: int) -> Secret:
    """The payload of a key in the tree of a possessed keyring.

    A serial alone opens nothing: the right to read TLS keys is not one to every key of uid 0 on the host.
    """
    if serial not in kernel().read_keyring(keyring) and all(serial != other for other, _ in walk(keyring)):
        raise error(
            Reason.KEY_NOT_FOUND, f"key {serial} is not in that keyring; name the keyring that holds it", key=serial
        )
    return kernel().read(serial)


def expiries(key_type: str) -> dict[int, KeyExpiry]:
    """The expiry of every key of a type that /proc/keys shows."""
    return {key.serial: key.expiry for key in kernel().proc_keys() if key.type == key_type}
