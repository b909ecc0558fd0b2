"""Who keeps the signed record of a format that erases: another trade, which the daemon hands in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nvmed.devices.controller import Device
from nvmed.errors import NvmedError
from nvmed.nvme.namespace import Format
from nvmed.operations.records import Record


class Recorder(Protocol):
    """Writes records of erasures."""

    async def before(self, device: Device, settings: Format, nsids: Sequence[int]) -> Mapping[str, Any]:
        """What the journal is to keep from before the drive is told, as JSON; nothing where nothing is erased."""

    async def after(self, record: Record, kept: Mapping[str, Any], why: NvmedError | None = None) -> str:
        """Write how it ended, well unless `why` says otherwise; gives the record's resource name.

        Written once for each operation, whoever asks again. Raises ERASURE_CONTRADICTED where blocks that were read
        hold what they must not; that is in the record too.
        """
