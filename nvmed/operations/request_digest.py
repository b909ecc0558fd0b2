"""Digests of requests that hold secrets: comparable by this daemon, useless to who reads its journal.

The journal keeps a digest of each request, to notice a `request_id` that is used again for something else. A plain
SHA-256 of a request that holds a secret would be a commitment on disk: whoever gets the journal could try passphrases
against it at leisure. Leaving the secret out instead would let one request_id stand for two different keys, and answer
the second one with success. So requests with secrets are digested with a key of this host's own, in a file beside the
journal and not in it, that never leaves the host.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Final

import structlog

from nvmed.files import read_bytes, write_whole
from nvmed.keys.secret import Secret
from nvmed.reasons import Reason, error

KEY_BYTES: Final = 32
FILE_NAME: Final = "request-digest.key"

log: Final = structlog.get_logger("nvmed.operations")


class RequestDigests:
    """Makes digests with the key in `state_dir`, which is made if it is not there. Raises STATE_NOT_WRITABLE."""

    def __init__(self, state_dir: Path) -> None:
        path = state_dir / FILE_NAME
        try:
            self._key = Secret(_load(path) or _make(path))
        except OSError as exc:
            raise error(
                Reason.STATE_NOT_WRITABLE,
                f"{path} cannot be read or made ({exc.strerror}); requests with secrets need it",
                path=path,
            ) from exc

    def keyed(self, digest: bytes) -> bytes:
        """The keyed digest of a request whose SHA-256 is `digest`: HMAC-SHA-256."""
        with self._key.borrow() as key:
            return hmac.digest(key, digest, "sha256")


def _load(path: Path) -> bytes | None:
    """The key, None where there is none or what is there is none."""
    try:
        found = read_bytes(path)
    except FileNotFoundError:
        return None
    if len(found) == KEY_BYTES:
        return found
    log.warning(
        "request_digest_key_damaged",
        path=str(path),
        message="a new one is made: a request with a secret that was made before counts as another one now",
    )
    return None


def _make(path: Path) -> bytes:
    """A new key, on disk before it is used, whole or not at all."""
    fresh = os.urandom(KEY_BYTES)
    write_whole(path, fresh)
    return fresh
