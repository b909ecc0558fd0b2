"""Connections over fabrics: how sysfs shows them secured, and the files that make, reset and delete one.

Thin: each method reads or writes the kernel's files and decides nothing. A connection is made by writing its options to
/dev/nvme-fabrics (`nvmf_dev_write`), where the answer `instance=3,cntlid=1` is read; it is reset and deleted by writing
to its directory in sysfs. That directory is opened first and its identity checked through it: the descriptor stays that
of the controller it was opened for, whoever gets the name meanwhile.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nvmed.errors import NvmedError, OsFailure
from nvmed.files import open_descriptor, write_existing
from nvmed.keys.secret import Secret, wipe
from nvmed.linux.sysfs import read_controller
from nvmed.nvme.host import DISCOVERY_NQN, ControllerNode, connection_options, require_same
from nvmed.os_errors import os_error
from nvmed.reasons import Reason, error

_ATTRIBUTE_BYTES: Final = 4096
"""An attribute is at most a page, and so is a line of options."""

_NUMBERS: Final = (
    ("ctrl_loss_tmo", "ctrl_loss_tmo"),
    ("reconnect_delay", "reconnect_delay"),
    ("fast_io_fail_tmo", "fast_io_fail_tmo"),
    ("kato", "keep_alive_tmo"),
)
"""Attributes in seconds and their options; what is off shows as `off`, and is -1 as an option."""

_SECRETS: Final = (("dhchap_secret", "host"), ("dhchap_ctrl_secret", "controller"))

_WHY: Final = {
    errno.ENOENT: "there is no such file; load the module: modprobe nvme-fabrics, or nvme-tcp",
    errno.ENOKEY: "there is no key for it, or it was revoked; insert one",
    errno.EKEYREJECTED: "the subsystem refused the key; give it the same one",
    errno.EACCES: "the TLS handshake failed: the subsystem has another key, or tlshd cannot read this one",
    errno.EPERM: "the TLS handshake failed: the subsystem has another key, or tlshd cannot read this one",
    errno.ESRCH: "nothing does TLS handshakes for the kernel; start tlshd",
    errno.ETIMEDOUT: "the subsystem, or tlshd, did not answer in time; see whether both run, and whether the unit's "
    "IPAddressAllow= names the subsystem's address",
    errno.ECONNREFUSED: "nothing listens at that address",
    errno.ECONNRESET: "the subsystem broke the connection off; its log says why",
    errno.EALREADY: "the kernel takes it for a connection that there is already",
}


@dataclass(frozen=True, slots=True)
class Security:
    """How a connection is secured, as sysfs shows it.

    `tls_key` is the serial of the key that the TLS session was made with, `tls_configured_key` that of `tls_key=` when
    it was connected; 0 where there is none. `is_tls` holds as well while a TLS connection is down and has no key.
    `has_host_secret`, `has_controller_secret`: it authenticates with DH-HMAC-CHAP, in one or both directions.
    """

    is_tls: bool = False
    tls_key: int = 0
    tls_configured_key: int = 0
    has_host_secret: bool = False
    has_controller_secret: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """Options of a connection that sysfs does not show; False, 0 and None leave the kernel's default."""

    header_digest: bool = False
    data_digest: bool = False
    write_queues: int = 0
    poll_queues: int = 0
    type_of_service: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DhchapSecrets:
    """DHHC-1 texts of a connection; None for a direction that is not authenticated, or not to be changed."""

    host: Secret | None = None
    controller: Secret | None = None


class LinuxFabrics:
    """The connections of this machine. Methods block, some as long as connecting takes.

    Each raises DEVICE_IDENTITY_CHANGED or DEVICE_GONE if the node no longer is that controller.
    """

    def __init__(self, sysfs_root: str | Path = "/sys", dev_root: str | Path = "/dev") -> None:
        self._sysfs_root = Path(sysfs_root)
        self._device = Path(dev_root) / "nvme-fabrics"

    def security(self, controller: ControllerNode) -> Security:
        """How the connection is secured; sysfs has the attributes only where they mean something."""
        with self._opened(controller) as directory:
            names = set(os.listdir(directory))  # noqa: PTH208  (pathlib takes no descriptors)
            return Security(
                is_tls="tls_key" in names,
                tls_key=_serial(_read(directory, "tls_key")),
                tls_configured_key=_serial(_read(directory, "tls_configured_key")),
                has_host_secret=_secret(directory, "dhchap_secret") is not None,
                has_controller_secret=_secret(directory, "dhchap_ctrl_secret") is not None,
            )

    def connect_like(self, controller: ControllerNode, tls_key: int, options: ConnectionOptions) -> str:
        """Connect once more as `controller` is, but with this TLS key; returns the new controller's node.

        Raises CONNECTION_NOT_MADE, with the kernel's errno.
        """
        with self._opened(controller) as directory:
            line = _options(directory, tls_key, options)
        try:
            return self._connect(line)
        except OSError as exc:
            raise _not_made(exc, str(self._device), controller) from exc
        finally:
            wipe(line)

    def try_secrets(self, controller: ControllerNode, secrets: DhchapSecrets) -> None:
        """Connect once more as `controller` is, but with these secrets, and take that connection away again.

        Raises CONNECTION_NOT_MADE, with the kernel's errno.
        """
        with self._opened(controller) as directory:
            tls_key = _serial(_read(directory, "tls_configured_key"))
            line = _options(directory, tls_key, ConnectionOptions(), secrets)
        try:
            node = self._connect(line)
            write_existing(self._sysfs_root / "class/nvme" / node / "delete_controller", b"1")
        except OSError as exc:
            raise _not_made(exc, str(self._device), controller) from exc
        finally:
            wipe(line)

    def disconnect(self, controller: ControllerNode) -> None:
        """Delete the controller, and with it the connection."""
        self._write(controller, "delete_controller", b"1")

    def reset(self, controller: ControllerNode) -> None:
        """Reset the controller, which connects anew; returns when it is live, or raises DEVICE_GONE if it is not."""
        self._write(controller, "reset_controller", b"1")

    def read_secrets(self, controller: ControllerNode) -> DhchapSecrets:
        """The DH-HMAC-CHAP secrets that the connection authenticates with."""
        with self._opened(controller) as directory:
            return DhchapSecrets(**{name: _secret(directory, attribute) for attribute, name in _SECRETS})

    def write_secrets(self, controller: ControllerNode, secrets: DhchapSecrets) -> None:
        """Let the connection authenticate with these from now on; the kernel begins at once, and says nothing of it."""
        for attribute, name in _SECRETS:
            secret: Secret | None = getattr(secrets, name)
            if secret is not None:
                with secret.borrow() as text:
                    self._write(controller, attribute, text)

    def _connect(self, line: bytearray) -> str:
        descriptor = open_descriptor(self._device, os.O_RDWR)
        try:
            os.write(descriptor, line)
            answer = os.read(descriptor, _ATTRIBUTE_BYTES).decode("ascii", "replace")
        finally:
            os.close(descriptor)
        found = re.search(r"\binstance=(\d+)", answer, re.ASCII)
        if found is None:
            raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
        return f"nvme{found[1]}"

    def _write(self, controller: ControllerNode, attribute: str, value: bytes | memoryview) -> None:
        path = str(self._directory(controller) / attribute)
        with self._opened(controller) as directory:
            try:
                descriptor = open_descriptor(attribute, os.O_WRONLY, directory=directory)
                try:
                    os.write(descriptor, value)
                finally:
                    os.close(descriptor)
            except OSError as exc:
                raise os_error(exc, f"write({attribute})", path, node=controller.node) from exc

    def _directory(self, controller: ControllerNode) -> Path:
        return self._sysfs_root / "class/nvme" / controller.node

    @contextmanager
    def _opened(self, controller: ControllerNode) -> Iterator[int]:
        """A descriptor of the controller's directory, once it is known to be that controller's."""
        path = self._directory(controller)
        try:
            directory = open_descriptor(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as exc:
            raise os_error(exc, "open(sysfs)", str(path), node=controller.node) from exc
        try:
            now = read_controller(self._sysfs_root, directory, controller.node, whole=False)
            require_same(controller, now, controller.node)
            yield directory
        finally:
            os.close(directory)


def _options(
    directory: int, tls_key: int, options: ConnectionOptions, secrets: DhchapSecrets | None = None
) -> bytearray:
    """The line that makes this connection again with another key, or other secrets; it is to be wiped."""
    words: dict[str, str] = {
        "transport": _read(directory, "transport"),
        "nqn": _read(directory, "subsysnqn"),
        "hostnqn": _read(directory, "hostnqn"),
        "hostid": _read(directory, "hostid"),
    }
    words |= connection_options(_read(directory, "address"))
    words |= {option: found for name, option in _NUMBERS if (found := _seconds(_read(directory, name)))}
    words |= _queues(directory, options)
    if options.type_of_service is not None:
        words["tos"] = str(options.type_of_service)
    is_tls = bool(tls_key) or "tls_key" in os.listdir(directory)
    flags = {"tls": is_tls, "duplicate_connect": True, "hdr_digest": options.header_digest,
             "data_digest": options.data_digest, "discovery": _is_unique_discovery(directory)}  # fmt: skip
    line = bytearray(",".join(f"{name}={value}" for name, value in words.items() if value), "utf-8")
    line += "".join(f",{name}" for name, given in flags.items() if given).encode()
    if tls_key:
        line += f",tls_key={tls_key}".encode()
    for attribute, name in _SECRETS:
        given: Secret | None = getattr(secrets, name, None)
        if given is not None:
            with given.borrow() as view:
                line += f",{attribute}=".encode()
                line += view
            continue
        secret = _secret(directory, attribute)
        if secret is not None:
            with secret as text, text.borrow() as view:
                line += f",{attribute}=".encode()
                line += view
    return line


def _queues(directory: int, options: ConnectionOptions) -> dict[str, str]:
    """How many queues, and how deep: the kernel shows all kinds of queues as one number, the admin queue included."""
    extra = {"nr_write_queues": options.write_queues, "nr_poll_queues": options.poll_queues}
    words = {name: str(count) for name, count in extra.items() if count}
    queues = _number(_read(directory, "queue_count")) - 1 - sum(extra.values())
    if queues > 0:
        words["nr_io_queues"] = str(queues)
    if depth := _number(_read(directory, "sqsize")):
        words["queue_size"] = str(depth + 1)
    return words


def _is_unique_discovery(directory: int) -> bool:
    """Whether it is a discovery controller that its NQN does not tell."""
    return _read(directory, "cntrltype") == "discovery" and _read(directory, "subsysnqn") != DISCOVERY_NQN


def _not_made(exc: OSError, path: str, controller: ControllerNode) -> NvmedError:
    number = exc.errno or 0
    symbol = errno.errorcode.get(number, str(number))
    why = _WHY.get(number, "the kernel's log says more")
    return error(
        Reason.CONNECTION_NOT_MADE,
        f"a connection like that of {controller.node} to {controller.subsystem_nqn} failed with {symbol}: {why}",
        os=OsFailure(number, symbol, "write", path),
        errno=symbol,
        node=controller.node,
        subsystem_nqn=controller.subsystem_nqn,
    )


def _raw(directory: int, name: str) -> bytearray:
    """An attribute, empty if there is none or it cannot be read now."""
    data = bytearray(_ATTRIBUTE_BYTES)
    try:
        descriptor = open_descriptor(name, os.O_RDONLY, directory=directory)
        try:
            del data[os.readv(descriptor, [data]) :]
        finally:
            os.close(descriptor)
    except OSError:
        return bytearray()
    return data


def _read(directory: int, name: str) -> str:
    return _raw(directory, name).split(b"\0", 1)[0].decode("utf-8", "replace").strip(" \t\n")


def _secret(directory: int, name: str) -> Secret | None:
    """A secret attribute; None if there is none."""
    data = _raw(directory, name)
    try:
        del data[len(data.rstrip(b" \t\n\0")) :]
        found = Secret(data)
        return found if found and not found.matches(b"none") else None
    finally:
        wipe(data)


def _serial(text: str) -> int:
    """A serial as sysfs prints it, in hexadecimal; 0 for none."""
    return int(text, 16) if re.fullmatch(r"[0-9a-f]{1,8}", text) else 0


def _seconds(text: str) -> str:
    return "-1" if text == "off" else text if re.fullmatch(r"-?\d+", text, re.ASCII) else ""


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else 0
