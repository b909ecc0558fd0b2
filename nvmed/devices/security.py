"""What a drive says of its security without a password."""

from __future__ import annotations

from dataclasses import dataclass

from nvmed.devices.controller import Device
from nvmed.nvme import security
from nvmed.nvme.security import Discovery


@dataclass(frozen=True, slots=True)
class SecurityState:
    """The protocols that a drive lists, and its level 0 discovery; None of a drive that does not speak TCG's."""

    protocols: tuple[int, ...]
    discovery: Discovery | None
    raw: bytes


async def read_security_state(device: Device) -> SecurityState:
    """Two commands that change nothing; NVME_UNSUPPORTED of a controller without Security Receive."""
    async with device.open() as session:
        (await device.capabilities(session)).require("security_send_receive")
        data = bytearray(security.RECEIVE_BYTES)
        await session.admin(security.receive(security.INFORMATION_PROTOCOL, 0), data)
        protocols = security.parse_protocols(data)
        if security.TCG_PROTOCOL not in protocols:
            return SecurityState(protocols, None, b"")
        raw = bytearray(security.RECEIVE_BYTES)
        await session.admin(security.receive(security.TCG_PROTOCOL, security.LEVEL_0), raw)
        return SecurityState(protocols, security.parse_discovery(raw), bytes(raw))
