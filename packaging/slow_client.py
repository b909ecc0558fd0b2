"""What packaging/machine needs of a client in the machine: `stream` holds a telemetry log, `metrics` prints them."""

from __future__ import annotations

import socket
import struct
import sys
import time
from pathlib import Path

import grpc

from nvmed.v1.telemetry_pb2 import TELEMETRY_DATA_AREA_3, TELEMETRY_SOURCE_HOST, StreamTelemetryRequest
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub

SOCKET = Path("/run/nvmed/admin.sock")


def hold_stream() -> None:
    """Take the header of a log and no more until the daemon has ended; say how the stream did."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(SOCKET))
        pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    daemon = Path(f"/proc/{pid}")
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16384)]
    with grpc.insecure_channel(f"unix:{SOCKET}", options=options) as channel:
        request = StreamTelemetryRequest(
            controller="nvme0",
            source=TELEMETRY_SOURCE_HOST,
            create=True,
            data_area=TELEMETRY_DATA_AREA_3,
            chunk_bytes=4096,
            window=1,
        )
        stream = TelemetryServiceStub(channel).StreamTelemetry(request)
        print(next(stream).WhichOneof("part"), flush=True)
        while daemon.exists():
            time.sleep(0.1)
        try:
            for _ in stream:
                pass
        except grpc.RpcError as error:
            print(f"ended: {error.code().name}")
        else:
            print("ended: complete")


def print_metrics() -> None:
    """What a scraper gets."""
    with socket.socket(socket.AF_UNIX) as scraper:
        scraper.connect("/run/nvmed/metrics.sock")
        scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: nvmed\r\nConnection: close\r\n\r\n")
        while data := scraper.recv(65536):
            sys.stdout.buffer.write(data)


if __name__ == "__main__":
    {"stream": hold_stream, "metrics": print_metrics}[sys.argv[1]]()
