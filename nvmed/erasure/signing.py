"""The key that this host signs its erasure records with.

It is made when it is first needed and never replaced: whoever pinned it would find that its records are another host's.
So a file that is there and holds no key is an error that somebody has to look at, and not a reason to make a new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from nvmed.erasure_record import PublicKey
from nvmed.files import read_regular, write_whole
from nvmed.reasons import Reason, error

FILE_NAME: Final = "erasure-signing.key"
PEM_BYTES_MAX: Final = 4096


class Signer:
    """Signs with the key in `state_dir`. Every method blocks on the disk: for a thread, one at a time."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE_NAME
        self._key: Ed25519PrivateKey | None = None

    def public_key(self) -> PublicKey:
        """The public half; raises ERASURE_KEY_DAMAGED, STATE_NOT_WRITABLE."""
        return PublicKey(self._private().public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The signature of 64 bytes (RFC 8032); raises what `public_key` raises."""
        return self._private().sign(message)

    def _private(self) -> Ed25519PrivateKey:
        if self._key is None:
            try:
                self._key = self._load() or self._make()
            except OSError as exc:
                raise error(
                    Reason.STATE_NOT_WRITABLE,
                    f"{self._path} cannot be read or made ({exc.strerror}); erasure records are signed with it",
                    path=self._path,
                ) from exc
        return self._key

    def _load(self) -> Ed25519PrivateKey | None:
        try:
            key = load_pem_private_key(read_regular(self._path, PEM_BYTES_MAX), None)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as exc:
            raise self._damaged("holds no private key") from exc
        if not isinstance(key, Ed25519PrivateKey):
            raise self._damaged("holds no Ed25519 key")
        return key

    def _make(self) -> Ed25519PrivateKey:
        """A new key, on disk before it is used, whole or not at all."""
        fresh = Ed25519PrivateKey.generate()
        write_whole(self._path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return fresh

    def _damaged(self, what: str) -> Exception:
        return error(
            Reason.ERASURE_KEY_DAMAGED,
            f"{self._path} {what}; restore it, or move it away and pin the key that is made instead",
            path=self._path,
        )
