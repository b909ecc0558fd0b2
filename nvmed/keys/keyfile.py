"""nvme-cli's key files (`/etc/nvme/tls-keys`): one TLS PSK a line, ready to be loaded.

    <identity> <interchange text>

The interchange text holds the *derived* TLS PSK, not the configured one: it is stored under the identity as it is.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from nvmed.errors import NvmedError
from nvmed.keys.identity import TlsIdentity, parse_identity
from nvmed.keys.interchange import export_psk, import_psk
from nvmed.keys.psk import KEY_BYTES
from nvmed.keys.secret import Secret
from nvmed.reasons import invalid_field

MAX_LINE_BYTES = 511
"""With the newline: nvme-cli reads lines into 512 bytes and takes the rest of a longer one for the next."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyFileEntry:
    """A TLS PSK and the identity it belongs to."""

    identity: TlsIdentity
    psk: Secret


@dataclass(frozen=True, slots=True, eq=False)
class KeyFileLine:
    """A line that is not blank, counted from 1: its entry, or the error that says what is wrong with it."""

    number: int
    entry: KeyFileEntry | None
    problem: NvmedError | None


def build_line(entry: KeyFileEntry) -> Secret:
    """The line of `entry`, with its newline; itself a secret.

    Raises a validation error if the key is not as long as the identity's hash asks, or the line over 511 bytes.
    """
    text = export_psk(entry.psk, entry.identity.hash)
    with text.borrow() as view:
        line = Secret(b"%s %s\n" % (str(entry.identity).encode(), view))
    _check_length(len(line))
    return line


def parse_line(line: Secret) -> KeyFileEntry:
    """The entry of one line, with or without its end; split at the last blank, of which people write several.

    Raises a validation error of the identity or the line's form, or the KEY_TEXT reason of the interchange text.
    """
    _check_length(len(line))
    identity_text, blank, text = b" ".join(line.reveal().split()).rpartition(b" ")
    if not blank:
        raise invalid_field("line", "there is no blank between identity and interchange text")
    try:
        identity = parse_identity(identity_text.decode())
    except UnicodeDecodeError:
        raise invalid_field("identity", "the identity is not UTF-8") from None
    key = import_psk(Secret(text))
    if len(key.key) not in KEY_BYTES[identity.hash]:
        fitting = KEY_BYTES[identity.hash][0]
        raise invalid_field("line", f"the identity's hash goes with a key of {fitting} bytes, not {len(key.key)}")
    return KeyFileEntry(identity, key.key)


def parse_file(content: Secret) -> tuple[KeyFileLine, ...]:
    """Every line that is neither blank nor a comment (#), without byte order mark and CR LF, which some editors write.

    A bad line spoils no other: a host should come up with the keys it can read.
    """
    lines: list[KeyFileLine] = []
    for number, raw in enumerate(content.reveal().removeprefix(codecs.BOM_UTF8).split(b"\n"), start=1):
        if not raw.strip() or raw.lstrip().startswith(b"#"):
            continue
        try:
            lines.append(KeyFileLine(number, parse_line(Secret(raw)), None))
        except NvmedError as problem:
            lines.append(KeyFileLine(number, None, problem))
    return tuple(lines)


def _check_length(length: int) -> None:
    if length > MAX_LINE_BYTES:
        raise invalid_field("line", f"the line has {length} bytes, over the {MAX_LINE_BYTES} that nvme-cli reads")
