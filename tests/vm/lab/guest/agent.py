#!/usr/bin/python3
"""Runs commands for the tests outside: one per TCP connection, binary-safe both ways.

    request   {"argv": [...], "timeout_s": 60, "stdin": 5}\\n  and 5 bytes
    reply     {"returncode": 0, "stdout": 7, "stderr": 0}\\n  and 7 bytes

A command that runs out of time is killed with its whole session and answers 124. Only QEMU's user network leads here.
"""

import json
import os
import signal
import socketserver
import subprocess
from pathlib import Path
from typing import Any


def execute(request: dict[str, Any], stdin: bytes) -> tuple[int, bytes, bytes]:
    environment = {**os.environ, "HOME": "/root", "LC_ALL": "C.UTF-8", **request.get("env", {})}
    try:
        process = subprocess.Popen(
            request["argv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as failure:
        return 127, b"", str(failure).encode()
    try:
        stdout, stderr = process.communicate(stdin, request["timeout_s"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        return 124, stdout, stderr + b"\nkilled: out of time"
    return process.returncode, stdout, stderr


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return
        request = json.loads(line)
        returncode, stdout, stderr = execute(request, self.rfile.read(request.get("stdin", 0)))
        head = {"returncode": returncode, "stdout": len(stdout), "stderr": len(stderr)}
        self.wfile.write(json.dumps(head).encode() + b"\n")
        self.wfile.write(stdout)
        self.wfile.write(stderr)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    with Server(("10.0.2.15", 7000), Handler) as server:
        Path("/dev/console").write_text("nvmed-lab: the agent is ready\n")
        server.serve_forever()
