"""The contract as grpcurl sees it, which has no file of it: as a viewer, over mutual TLS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from nvmed.security.policy import METHODS
from tests.docs.reader import ROOT, TOOLS
from tests.support.simulated_host import Host, serving

Grpcurl = Callable[..., str]

UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED.value[0]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with TemporaryDirectory(prefix="nvmed-docs-", dir="/tmp") as folder, serving(Path(folder)) as found:
        yield found


@pytest.fixture
def grpcurl(host: Host) -> Grpcurl:
    """Runs it as a viewer; with `proto`, by that file of the contract instead of reflection."""
    program = shutil.which("grpcurl", path=f"{TOOLS}:{os.environ['PATH']}")
    if program is None:
        (pytest.fail if os.environ.get("DOCS_COMPLETE") else pytest.skip)("grpcurl is not on this machine")

    def run(*args: str, proto: str = "", code: int = 0) -> str:
        files = ["-import-path", ROOT / "proto", "-import-path", ROOT / "third_party", "-proto", proto] if proto else []
        home = host.home
        tls = ["-cacert", home / "ca.pem", "-cert", home / "viewer.pem", "-key", home / "viewer.key"]
        *options, words = args
        command = [str(word) for word in [program, *files, *tls, *options, f"localhost:{host.port}", *words.split()]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return str(done.stdout + done.stderr)

    return run


def test_it_lists_what_is_served(grpcurl: Grpcurl) -> None:
    services = {method[1:].partition("/")[0] for method in METHODS}
    assert set(grpcurl("list").split()) == services
    methods = {method[1:].replace("/", ".") for method in METHODS}
    assert set(grpcurl("list nvmed.v1.NamespaceService").split()) == {
        name for name in methods if name.startswith("nvmed.v1.NamespaceService.")
    }


@pytest.mark.parametrize(
    ("symbol", "told"),
    [
        ("nvmed.v1.FirmwareService", 'response_type: "StageFirmwareResponse"'),
        ("nvmed.v1.FirmwareService.StageFirmware", "returns ( .google.longrunning.Operation )"),
        ("nvmed.v1.GetControllerRequest.name", "REQUIRED"),
        ("nvmed.v1.Gate", "GATE_IN_USE = 13"),
        ("google.longrunning.Operations.GetOperation", "GetOperationRequest"),
        ("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo"),
    ],
)
def test_it_describes_whatever_has_a_name(grpcurl: Grpcurl, symbol: str, told: str) -> None:
    assert told in grpcurl(f"describe {symbol}")


def test_it_calls(grpcurl: Grpcurl) -> None:
    asked = json.loads(grpcurl("nvmed.v1.InventoryService/ListControllers"))
    assert len(asked["controllers"]) == 2


@pytest.mark.parametrize("proto", ["", "nvmed/v1/errors.proto"], ids=["reflection", "files"])
def test_it_shows_all_that_a_refusal_says(grpcurl: Grpcurl, proto: str) -> None:
    """Whether reflection tells of the details, or the file that explains them."""
    request = json.dumps({"controller": "nvme0", "log_page": 0xBF, "length_bytes": 4096})
    more = ["-proto", "nvmed/v1/log.proto"] if proto else []
    failed = grpcurl(*more, "-d", request, "nvmed.v1.LogService/ReadLogPage", proto=proto, code=64 + UNIMPLEMENTED)
    for said in (
        '"reason": "NVME_UNSUPPORTED"',
        "google.rpc.RequestInfo",
        '"mnemonic": "NVME_SC_INVALID_LOG_PAGE"',
        '"links"',
    ):
        assert said in failed
