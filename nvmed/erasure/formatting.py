"""Erasing by Format NVM, which a request has to name: every namespace of the drive, each in the format that it has."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from nvmed import limits
from nvmed.devices.controller import Device, Session
from nvmed.devices.namespaces import MANAGEMENT, list_nsids, read_active
from nvmed.nvme.identify import IdentifyNamespace
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.namespace import Format, SecureErase, format_nvm, remaining_percent
from nvmed.nvme.opcodes import NSID_ALL
from nvmed.reasons import Reason, error

ERASE_APPLIES_TO_ALL: Final = 1
"""Bit of FNA: a secure erase of one namespace is one of all (Base 2.0, figure 275)."""

POLL_S: Final = 10.0


async def erase(device: Device, kind: SecureErase) -> None:
    """Format every namespace, and return once the drive is done. Raises what it refuses the first with.

    Raises ERASURE_METHOD_UNSUPPORTED if namespaces are allocated that this controller cannot format.
    """
    async with device.open() as session:
        identity = await device.identify(session)
        nsids = await list_nsids(session, allocated=False)
        if (await device.capabilities(session)).has(MANAGEMENT):
            unattached = set(await list_nsids(session, allocated=True)) - set(nsids)
            if unattached:
                raise error(
                    Reason.ERASURE_METHOD_UNSUPPORTED,
                    f"a format would leave namespace {min(unattached)}, which is not attached to the controller; "
                    "attach it or delete it, or sanitize the drive",
                )
        formats = {nsid: (await read_active(session, nsid))[0] for nsid in nsids}
        if bit(identity.fna, ERASE_APPLIES_TO_ALL) and formats:
            formats = {NSID_ALL: _common(formats)}
        for nsid, namespace in formats.items():
            command = format_nvm(nsid, _kept(namespace, kind))
            await session.mutate(replace(command, timeout_ms=limits.FORMAT_MS_MAX))
        for nsid in nsids:
            await _until_done(session, nsid)


def _common(formats: dict[int, IdentifyNamespace]) -> IdentifyNamespace:
    first = next(iter(formats.values()))
    if len({(one.flbas, one.dps) for one in formats.values()}) > 1:
        raise error(
            Reason.ERASURE_METHOD_UNSUPPORTED,
            "the drive formats all namespaces at once, and they do not have the same format; sanitize it instead",
        )
    return first


def _kept(namespace: IdentifyNamespace, kind: SecureErase) -> Format:
    """The format that it has, erasing."""
    return Format(
        lba_format=namespace.format_index,
        secure_erase=kind,
        protection=bits(namespace.dps, 2, 0),
        protection_first=bit(namespace.dps, 3),
        extended_metadata=bit(namespace.flbas, 4),
    )


async def _until_done(session: Session, nsid: int) -> None:
    """Until it has nothing left to format: a controller may complete the command before (FPI)."""
    while True:
        namespace, _ = await read_active(session, nsid)
        if not remaining_percent(namespace):
            return
        await asyncio.sleep(POLL_S)
