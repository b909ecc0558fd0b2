"""The client library as its users import it: exports, malloc, connections, stubs and pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grpc
import nvmedctl
import pytest
from nvmedctl import Client

from nvmed import malloc
from nvmed.errors import DeadlineExceeded, NotFound, Unavailable, Unimplemented
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.inventory_pb2 import GetControllerCapabilitiesRequest, GetControllerRequest, GetSubsystemRequest
from nvmed.v1.telemetry_pb2 import StreamTelemetryRequest
from tests.unit.client.scripted_server import Telemetry, cut, make_inventory, serving


def test_what_is_public_is_exported() -> None:
    assert nvmedctl.__all__ == sorted(nvmedctl.__all__)
    assert all(getattr(nvmedctl, name) for name in nvmedctl.__all__)
    assert set(nvmedctl.__all__) <= set(dir(nvmedctl))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nvmedctl.nothing


IMPORTED = """
import sys
import nvmedctl
print(sorted({"ctypes", "grpc", "asyncio", "google"} & set(sys.modules)))
"""


def test_importing_the_library_imports_nothing_else_and_changes_no_process() -> None:
    """`ctypes` is how malloc would be told anything."""
    result = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


TUNED_FIRST = """
import sys
from unittest import mock
from nvmed import malloc
told = []
with mock.patch.object(malloc, "tune", lambda: told.append("grpc" in sys.modules)):
    from nvmedctl.cli import nvmedctl
    nvmedctl(["server", "info", "--address", "/nowhere.sock"], standalone_mode=False)
print(told, malloc.tune())
"""


@pytest.mark.skipif(not malloc.is_glibc(), reason="another C library")
@pytest.mark.parametrize(
    ("environment", "tuned"),
    [({}, "True"), ({"NVMED_MALLOC": "default"}, "False"), ({"MALLOC_ARENA_MAX": "4"}, "False")],
)
def test_the_command_line_tunes_malloc_before_grpc_is_imported(environment: dict[str, str], tuned: str) -> None:
    command = [sys.executable, "-c", TUNED_FIRST]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.stdout == f"[False] {tuned}\n", result.stderr


def test_a_client_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        Client("/run/x.sock")


async def test_no_daemon_is_a_failed_connection(tmp_path: Path) -> None:
    async with Client(f"{tmp_path}/none.sock") as client:
        with pytest.raises(Unavailable) as raised:
            await client.admin.GetServerInfo(GetServerInfoRequest())
    assert raised.value.reason == "CONNECTION_FAILED"
    assert str(raised.value) == f"unix:{tmp_path}/none.sock: there is no such socket."
    assert raised.value.metadata["address"] == f"unix:{tmp_path}/none.sock"


async def test_pages_are_joined_and_keep_the_filter(tmp_path: Path) -> None:
    inventory = make_inventory(5)
    async with serving(tmp_path, Telemetry(b""), inventory) as address, Client(address) as client:
        names = [controller.device_node async for controller in client.list_controllers("state = LIVE")]
    assert names == ["nvme0", "nvme1", "nvme2", "nvme3", "nvme4"]
    assert inventory.filters == ["state = LIVE"] * 3


async def test_stubs_answer_and_raise_the_tree(tmp_path: Path) -> None:
    async with serving(tmp_path, Telemetry(b"", [cut(1)]), make_inventory()) as address, Client(address) as client:
        found = await client.inventory.GetController(GetControllerRequest(name="nvme1"))
        assert found.name == "controllers/sim0001-1"
        with pytest.raises(NotFound) as missing:
            await client.inventory.GetController(GetControllerRequest(name="nvme9"))
        assert (missing.value.reason, missing.value.metadata["request_id"]) == ("CONTROLLER_NOT_FOUND", "request-1")
        with pytest.raises(Unimplemented):
            await client.inventory.GetSubsystem(GetSubsystemRequest(name="subsystems/x"))
        call = client.telemetry.StreamTelemetry(StreamTelemetryRequest(controller="nvme0"))
        assert (await call.read()).HasField("header")  # type: ignore[attr-defined]
        assert await call.initial_metadata() is not None  # what is not covered is the real call's
        with pytest.raises(Unavailable):
            await call.read()


async def test_a_unary_call_has_a_deadline(tmp_path: Path) -> None:
    async with serving(tmp_path, Telemetry(b""), make_inventory()) as address, Client(address, timeout=0.05) as client:
        with pytest.raises(DeadlineExceeded) as raised:
            await client.inventory.GetControllerCapabilities(GetControllerCapabilitiesRequest())
        assert raised.value.reason == "CALL_TIMEOUT"
        info = await client.admin.GetServerInfo(GetServerInfoRequest(), timeout=None)
        assert info.version == "9.9"


async def test_the_channel_serves_other_stubs_and_its_state(tmp_path: Path) -> None:
    async with serving(tmp_path, Telemetry(b""), make_inventory()) as address, Client(address) as client:
        state = client.channel.get_state(try_to_connect=True)
        await client.channel.wait_for_state_change(state)
        await client.channel.channel_ready()
        assert client.channel.get_state() is grpc.ChannelConnectivity.READY
        echo = client.channel.stream_stream("/nvmed.v1.Nothing/Here")()
        with pytest.raises(Unimplemented):
            await echo.read()
        upload = client.channel.stream_unary("/nvmed.v1.Nothing/Here")()
        with pytest.raises(Unimplemented):
            await upload
