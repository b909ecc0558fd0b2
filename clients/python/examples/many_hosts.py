"""Asks many hosts at once how their drives are, a few at a time, and shows the most worn first.

python many_hosts.py storage-7.example.org:7443 storage-8.example.org:7443

NVMED_CA, NVMED_CERT and NVMED_KEY say who asks. A host that does not answer is told at the end, and holds nobody up.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from nvmedctl import Client
from nvmedctl.address import tls_of_environment

from nvmed.errors import NvmedError
from nvmed.v1.log_pb2 import GetSmartLogRequest

AT_ONCE = 20
"""Hosts; a host's own drives are asked side by side, as each has a lane of its own in the daemon."""


@dataclass(frozen=True, slots=True, order=True)
class Drive:
    """What is shown of one, the most worn first."""

    spare_percent: int
    used_percent: int
    address: str
    name: str


async def ask(address: str) -> list[Drive]:
    """The drives of one host; raises `NvmedError`."""
    async with Client(address, tls=tls_of_environment(), timeout=10) as client:

        async def worn(name: str) -> Drive:
            log = await client.logs.GetSmartLog(GetSmartLogRequest(controller=name))
            return Drive(log.available_spare_percent, log.percentage_used, address, name)

        names = [controller.name async for controller in client.list_controllers()]
        return list(await asyncio.gather(*map(worn, names)))


async def ask_all(addresses: Sequence[str]) -> list[list[Drive] | NvmedError]:
    """The drives of each host, or why they are not known."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(address: str) -> list[Drive] | NvmedError:
        async with places:
            try:
                return await ask(address)
            except NvmedError as failure:
                return failure

    return await asyncio.gather(*map(one, addresses))


def main() -> None:
    answers = asyncio.run(ask_all(sys.argv[1:]))
    drives = sorted(drive for answer in answers if isinstance(answer, list) for drive in answer)
    for drive in drives:
        print(f"{drive.used_percent:>4} % used {drive.spare_percent:>4} % spare  {drive.address} {drive.name}")
    if failures := [answer for answer in answers if isinstance(answer, NvmedError)]:
        sys.exit("\n".join(f"error: {failure} ({failure.reason})" for failure in failures))


if __name__ == "__main__":
    main()
