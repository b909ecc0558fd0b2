"""Lists the controllers of a host and saves a telemetry log of the first one:

python example.py --file nvme.telemetry unix:/run/nvmed/nvmed.sock
python example.py --ca ca.pem --cert me.pem --key me.key --file nvme.telemetry storage-7.example.com:4421
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from nvmedctl import Client, Tls

from nvmed.errors import NvmedError
from nvmed.v1.telemetry_pb2 import TELEMETRY_SOURCE_HOST, StreamTelemetryRequest


async def run(address: str, tls: Tls | None, file: Path) -> None:
    async with Client(address, tls=tls) as client:
        controllers = [controller async for controller in client.list_controllers()]
        for controller in controllers:
            print(controller.name, controller.model_number, controller.firmware_revision)
        if not controllers:
            return
        request = StreamTelemetryRequest(controller=controllers[0].name, source=TELEMETRY_SOURCE_HOST, create=True)
        log = await client.save_telemetry(request, file)
        print(f"{file}: {log.size_bytes} bytes, generation {log.generation_number}, sha256 {log.sha256.hex()}")


def explain(failure: NvmedError) -> str:
    """What is wrong, and what the daemon adds to that."""
    lines = [f"error: {failure} ({failure.reason})"]
    lines += [f"  {violation.field}: {violation.description}" for violation in failure.fields]
    if failure.nvme:
        lines.append(f"  the drive answered {failure.nvme.mnemonic} to opcode {failure.nvme.opcode:#04x}")
    if request_id := failure.metadata.get("request_id"):
        lines.append(f"  the daemon's log calls it {request_id}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="List the controllers of a host and save a log of the first.")
    parser.add_argument("--ca", type=Path, help="certificates that verify the daemon; turns TLS on")
    parser.add_argument("--cert", type=Path, help="own certificate")
    parser.add_argument("--key", type=Path, help="own key")
    parser.add_argument("--file", type=Path, default=Path("nvme.telemetry"), help="where the telemetry log goes")
    parser.add_argument("address", help="unix:/path, /path or host:port")
    options = parser.parse_args()
    try:
        tls = Tls(options.ca, options.cert, options.key) if options.ca else None
        asyncio.run(run(options.address, tls, options.file))
    except NvmedError as failure:
        sys.exit(explain(failure))


if __name__ == "__main__":
    main()
