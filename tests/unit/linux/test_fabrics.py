"""The kernel's files for connections over fabrics; the kernel itself is met in tests/vm/test_vm_key_service.py."""

from __future__ import annotations

import os
import threading
import tty
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nvmed.errors import NvmedError
from nvmed.keys.secret import Secret
from nvmed.linux.fabrics import ConnectionOptions, DhchapSecrets, LinuxFabrics, Security
from nvmed.nvme.host import ControllerNode

NQN = "nqn.2026-01.dev.nvmed:fabrics"
NODE = ControllerNode(
    node="nvme3", serial="SERIAL", model="Linux", firmware_revision="6.12", controller_id=7, subsystem_nqn=NQN,
    subsystem_node="nvme-subsys3", transport="tcp", address="traddr=10.0.0.1,trsvcid=4420,src_addr=10.0.0.9",
    state="live", host_nqn="nqn.h", host_id="uuid-h",
)  # fmt: skip
ATTRIBUTES = {
    "dev": "241:3", "serial": "SERIAL  ", "cntlid": "7", "transport": "tcp", "subsysnqn": NQN, "hostnqn": "nqn.h",
    "hostid": "uuid-h",
    "address": NODE.address, "ctrl_loss_tmo": "off", "reconnect_delay": "10", "fast_io_fail_tmo": "off", "kato": "5",
    "queue_count": "5", "sqsize": "127", "cntrltype": "io", "reset_controller": "", "delete_controller": "",
}  # fmt: skip
LINE = (
    f"transport=tcp,nqn={NQN},hostnqn=nqn.h,hostid=uuid-h,traddr=10.0.0.1,trsvcid=4420,ctrl_loss_tmo=-1,"
    "reconnect_delay=10,fast_io_fail_tmo=-1,keep_alive_tmo=5,nr_io_queues=4,queue_size=128"
)
OLD, NEW = "DHHC-1:01:old:", "DHHC-1:01:new:"


class Kernel:
    """sysfs and /dev as files; /dev/nvme-fabrics is a terminal whose other end answers what is written to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written: list[str] = []
        self._terminal, self._device = os.openpty()
        tty.setraw(self._device)
        self.show(**ATTRIBUTES)
        (root / "dev").mkdir()
        (root / "dev/nvme-fabrics").symlink_to(os.ttyname(self._device))
        self.fabrics = LinuxFabrics(root / "sys", root / "dev")

    def show(self, node: str = "nvme3", **attributes: str) -> None:
        folder = self.root / "sys/class/nvme" / node
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in attributes.items():
            (folder / name).write_text(value and value + "\n")

    def written_to(self, attribute: str, node: str = "nvme3") -> str:
        return (self.root / "sys/class/nvme" / node / attribute).read_text()

    def answering(self, answer: bytes) -> threading.Thread:
        """A thread that takes one line of options and gives `answer`."""

        def serve() -> None:
            self.written.append(os.read(self._terminal, 4096).decode())
            os.write(self._terminal, answer)

        thread = threading.Thread(target=serve)
        thread.start()
        return thread

    def close(self) -> None:
        os.close(self._terminal)
        os.close(self._device)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    made = Kernel(tmp_path)
    yield made
    made.close()


def secret(text: str) -> Secret:
    return Secret(text.encode())


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, Security()),
        ({"tls_key": "", "tls_configured_key": ""}, Security(is_tls=True)),
        (
            {"tls_key": "0000002a", "tls_configured_key": "0000002b"},
            Security(is_tls=True, tls_key=0x2A, tls_configured_key=0x2B),
        ),
        ({"dhchap_secret": OLD, "dhchap_ctrl_secret": "none"}, Security(has_host_secret=True)),
        ({"dhchap_secret": OLD, "dhchap_ctrl_secret": OLD}, Security(has_host_secret=True, has_controller_secret=True)),
    ],
)
def test_security_is_what_sysfs_shows(kernel: Kernel, attributes: dict[str, str], expected: Security) -> None:
    kernel.show(**attributes)
    assert kernel.fabrics.security(NODE) == expected


@pytest.mark.parametrize(
    ("options", "tls_key", "added"),
    [
        (ConnectionOptions(), 0, ",duplicate_connect"),
        (ConnectionOptions(header_digest=True, data_digest=True), 0, ",duplicate_connect,hdr_digest,data_digest"),
        (ConnectionOptions(type_of_service=0), 0, ",tos=0,duplicate_connect"),
        (ConnectionOptions(), 42, ",tls,duplicate_connect,tls_key=42"),
    ],
)
def test_another_connection_has_the_same_options(
    kernel: Kernel, options: ConnectionOptions, tls_key: int, added: str
) -> None:
    served = kernel.answering(b"instance=12,cntlid=9\n")
    assert kernel.fabrics.connect_like(NODE, tls_key, options) == "nvme12"
    served.join()
    assert kernel.written == [LINE + added]


def test_queues_of_every_kind_are_asked_for(kernel: Kernel) -> None:
    served = kernel.answering(b"instance=12,cntlid=9\n")
    kernel.fabrics.connect_like(NODE, 0, ConnectionOptions(write_queues=1, poll_queues=2))
    served.join()
    assert "nr_write_queues=1,nr_poll_queues=2,nr_io_queues=1,queue_size=128" in kernel.written[0]


def test_another_connection_has_the_same_secrets(kernel: Kernel) -> None:
    kernel.show(dhchap_secret=OLD, dhchap_ctrl_secret=OLD)
    served = kernel.answering(b"instance=12,cntlid=9\n")
    kernel.fabrics.connect_like(NODE, 0, ConnectionOptions())
    served.join()
    assert kernel.written == [f"{LINE},duplicate_connect,dhchap_secret={OLD},dhchap_ctrl_secret={OLD}"]


def test_secrets_are_tried_on_a_connection_that_is_deleted(kernel: Kernel) -> None:
    kernel.show(dhchap_secret=OLD)
    kernel.show("nvme12", delete_controller="")
    served = kernel.answering(b"instance=12,cntlid=9\n")
    kernel.fabrics.try_secrets(NODE, DhchapSecrets(host=secret(NEW)))
    served.join()
    assert kernel.written == [f"{LINE},duplicate_connect,dhchap_secret={NEW}"]
    assert kernel.written_to("delete_controller", "nvme12") == "1"


def test_only_the_secrets_given_are_written(kernel: Kernel) -> None:
    kernel.show(dhchap_secret=OLD, dhchap_ctrl_secret=OLD)
    kernel.fabrics.write_secrets(NODE, DhchapSecrets(controller=secret(NEW)))
    assert kernel.written_to("dhchap_secret").startswith(OLD)
    assert kernel.written_to("dhchap_ctrl_secret").startswith(NEW)
    read = kernel.fabrics.read_secrets(NODE)
    assert read.host is not None
    with read.host.borrow() as text:
        assert bytes(text) == OLD.encode()


@pytest.mark.parametrize(("call", "attribute"), [("reset", "reset_controller"), ("disconnect", "delete_controller")])
def test_one_byte_resets_and_deletes(kernel: Kernel, call: str, attribute: str) -> None:
    getattr(kernel.fabrics, call)(NODE)
    assert kernel.written_to(attribute) == "1"


ANOTHER = {
    "subsystem_nqn": "nqn.another", "host_nqn": "nqn.another", "host_id": "another", "transport": "rdma",
    "address": "traddr=10.0.0.2,trsvcid=4420", "instance": "this-boot:1",
}  # fmt: skip


def test_a_connection_made_anew_is_the_same(kernel: Kernel) -> None:
    kernel.fabrics.reset(replace(NODE, controller_id=8, address="traddr=10.0.0.1,trsvcid=4420,src_addr=10.0.0.8"))
    assert kernel.written_to("reset_controller") == "1"


@pytest.mark.parametrize(("field", "value"), ANOTHER.items())
def test_another_controller_of_the_name_is_left_alone(kernel: Kernel, field: str, value: str) -> None:
    was = replace(NODE, **{field: value})  # type: ignore[arg-type]
    with pytest.raises(NvmedError) as refused:
        kernel.fabrics.reset(was)
    assert refused.value.reason == "DEVICE_IDENTITY_CHANGED"
    assert kernel.written_to("reset_controller") == ""


def test_a_controller_that_is_gone_is_no_longer_found(kernel: Kernel) -> None:
    with pytest.raises(NvmedError) as gone:
        kernel.fabrics.security(replace(NODE, node="nvme9"))
    assert gone.value.reason == "CONTROLLER_NOT_FOUND"


def test_a_host_without_fabrics_says_what_to_load(kernel: Kernel) -> None:
    (kernel.root / "dev/nvme-fabrics").unlink()
    kernel.show(dhchap_secret=OLD)
    with pytest.raises(NvmedError, match="modprobe nvme-fabrics") as refused:
        kernel.fabrics.connect_like(NODE, 0, ConnectionOptions())
    assert (refused.value.reason, OLD in str(refused.value)) == ("CONNECTION_NOT_MADE", False)


def test_an_answer_without_an_instance_is_a_protocol_error(kernel: Kernel) -> None:
    served = kernel.answering(b"cntlid=9\n")
    with pytest.raises(NvmedError, match="EPROTO"):
        kernel.fabrics.connect_like(NODE, 0, ConnectionOptions())
    served.join()
