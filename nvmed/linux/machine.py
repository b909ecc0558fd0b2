"""Which installation this is: machine-id(5), and the NQN that the host's connections use."""

from __future__ import annotations

import hmac
import uuid
from pathlib import Path
from typing import Final

from nvmed.files import read_bytes

MACHINE_ID_BYTES: Final = 16
NVMED: Final = uuid.UUID("c3b9a7e0-5d1f-4b0e-9a43-6f1d2e8b7c54")
"""nvmed's application id. Never another: inventories know hosts by what is made of it."""


def machine_id(etc: Path = Path("/etc")) -> bytes | None:
    """The machine id; None where there is none, as in a container, or before the first boot is over."""
    try:
        found = bytes.fromhex(read_bytes(etc / "machine-id").decode("ascii").strip())
    except (OSError, ValueError):
        return None
    return found if len(found) == MACHINE_ID_BYTES and any(found) else None


def host_nqn(etc: Path = Path("/etc")) -> str:
    """The first line of nvme/hostnqn, "" if there is none."""
    try:
        lines = read_bytes(etc / "nvme/hostnqn").decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[0].strip() if lines else ""


def application_id(secret: bytes, application: uuid.UUID = NVMED) -> uuid.UUID:
    """What an application may show of `secret`, as sd_id128_get_machine_app_specific(3) makes it of the machine id."""
    return as_uuid(hmac.digest(secret, application.bytes, "sha256"))


def as_uuid(digest: bytes) -> uuid.UUID:
    """The first 16 bytes of a digest as a version 4 UUID."""
    return uuid.UUID(bytes=digest[:16], version=4)
