"""Without a collector nothing is traced: nothing is imported for it, and nothing is made."""

from __future__ import annotations

import subprocess
import sys

from nvmed import tracing
from nvmed.config import Config, Otel

SERVED = """
import asyncio, sys
from nvmed import daemon, grpc_environment, logs
from nvmed.config import Config, HostConfig, Listen, Loopback

async def serve(folder):
    configured = Config(
        state_dir=folder + "/state", host=HostConfig(simulate=1, simulate_keyring=True),
        listen=Listen(insecure_loopback=Loopback(address="127.0.0.1:0")),
    )
    async with daemon.serving(daemon.make_host(configured), configured):
        return sorted(name for name in sys.modules if name.split(".")[0] == "opentelemetry" or "nvmed.otel" in name)

grpc_environment.prepare()
logs.configure("warning")
print(asyncio.run(serve(sys.argv[1])))
"""


def test_a_daemon_that_sends_nothing_imports_nothing_of_opentelemetry(tmp_path: object) -> None:
    """But the reader of the file of headers, which is nvmed's own: checks have it."""
    assert Config().otel == Otel()
    assert not Otel().endpoint
    done = subprocess.run([sys.executable, "-c", SERVED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['nvmed.otel', 'nvmed.otel.headers']"


def test_nothing_is_made_where_nobody_traces() -> None:
    def function() -> None: ...

    assert tracing.current.get() is tracing.NONE
    assert tracing.NONE.child("one", {}) is tracing.NONE
    assert tracing.OFF.call("/a/b", lambda: ()) is tracing.NONE
    assert tracing.OFF.resumed("a", "", {}) is tracing.NONE
    assert tracing.carried(function) is function
    assert (tracing.NONE.context, tracing.NONE.trace_id) == ("", "")
