"""The kernel's events: the parser on anything, the reader on a real netlink socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.linux.uevent import RESCAN, LinuxEvents, Uevent, UeventReader, is_nvme, parse
from nvmed.nvme.host import EVENTS_LOST, HostEvent

AEN = (
    b"change@/devices/virtual/nvme-fabrics/ctl/nvme3\0ACTION=change\0DEVPATH=/devices/virtual/nvme-fabrics/ctl/nvme3\0"
    b"SUBSYSTEM=nvme\0NVME_AEN=0x070f002\0NVME_TRTYPE=tcp\0MAJOR=246\0MINOR=3\0DEVNAME=nvme3\0SEQNUM=1234\0"
)


def build(event: Uevent) -> bytes:
    pairs = [f"{key}={value}" for key, value in event.properties.items()]
    return "\0".join([f"{event.action}@{event.devpath}", *pairs, ""]).encode()


def test_a_message_of_a_controller() -> None:
    event = parse(AEN)
    assert event is not None
    assert (event.action, event.name, event.subsystem, event.nvme_aen) == ("change", "nvme3", "nvme", 0x70F002)
    assert event.properties["NVME_TRTYPE"] == "tcp"
    assert is_nvme(event)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"SUBSYSTEM": "nvme"}, True),
        ({"SUBSYSTEM": "nvme-subsystem"}, True),
        ({"SUBSYSTEM": "block", "DEVTYPE": "disk"}, True),
        ({"SUBSYSTEM": "block", "DEVTYPE": "partition"}, False),
        ({"SUBSYSTEM": "net"}, False),
        ({}, False),
    ],
)
def test_what_is_wanted(properties: dict[str, str], expected: bool) -> None:
    event = parse(build(Uevent("add", "/devices/x/nvme0n1", "", properties)))
    assert event is not None
    assert is_nvme(event) is expected


def test_another_disk_is_not_wanted() -> None:
    assert not is_nvme(Uevent("add", "/devices/x/sda", "block", {"DEVTYPE": "disk"}))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(TEXT.map(lambda text: text.replace("@", "")).filter(bool), TEXT, st.dictionaries(
    TEXT.map(lambda text: text.replace("=", "")), TEXT, max_size=8))  # fmt: skip
def test_parse_reads_what_was_built(action: str, path: str, properties: dict[str, str]) -> None:
    event = Uevent(action, "/" + path, properties.get("SUBSYSTEM", ""), properties)
    assert parse(build(event)) == event


@given(st.binary(max_size=300))
def test_arbitrary_messages(message: bytes) -> None:
    event = parse(message)
    assert event is None or (event.action and event.devpath.startswith("/"))
    assert event is None or is_nvme(event) in (True, False)


@given(TEXT)
def test_arbitrary_aens(text: str) -> None:
    value = Uevent("change", "/x", "nvme", {"NVME_AEN": text}).nvme_aen
    assert value is None or 0 <= value <= 0xFFFF_FFFF


def test_udev_messages_are_not_the_kernels() -> None:
    assert parse(b"libudev\0\xfe\xed\xca\xfe@/devices") is None


NULL_UEVENT = Path("/sys/devices/virtual/mem/null/uevent")
Trigger = Callable[[], None]


@pytest.fixture
def marker() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def trigger(marker: str) -> Trigger:
    """Make the kernel send an event of /dev/null that carries `marker` (Documentation/ABI/testing/sysfs-uevent)."""

    def write() -> None:
        try:
            NULL_UEVENT.write_text(f"change {marker}")
        except OSError as exc:
            pytest.skip(f"cannot trigger an event here: {exc}")

    return write


def by(marker: str) -> Callable[[Uevent], bool]:
    return lambda event: event.properties.get("SYNTH_UUID") == marker


async def test_the_kernel_is_heard(trigger: Trigger, marker: str) -> None:
    with UeventReader(by(marker)) as reader:
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)  # it waits already when the event comes
        trigger()
        event = await waiting
        assert (event.action, event.subsystem, event.name) == ("change", "mem", "null")
        trigger()
        trigger()
        assert [(await anext(reader)).name for _ in range(2)] == ["null", "null"]


async def test_a_cancelled_wait_loses_nothing(trigger: Trigger, marker: str) -> None:
    with UeventReader(by(marker)) as reader:
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        trigger()
        assert (await anext(reader)).name == "null"


async def test_lost_events_ask_for_a_rescan(trigger: Trigger, marker: str) -> None:
    with UeventReader(by(marker), buffer_bytes=4096) as reader:
        for _ in range(200):
            trigger()
        events = [await anext(reader)]
        while events[-1] is not RESCAN:
            events.append(await anext(reader))
        assert len(events) < 200


async def test_the_host_is_told_of_both(trigger: Trigger, marker: str) -> None:
    with contextlib.closing(LinuxEvents(UeventReader(by(marker), buffer_bytes=4096))) as events:
        told = aiter(events)
        trigger()
        assert await anext(told) == HostEvent("change", "null")
        for _ in range(200):
            trigger()
        while await anext(told) is not EVENTS_LOST:
            pass


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"NVME_AEN": "0x00020101"}, HostEvent("change", "nvme0", async_event=0x20101)),
        ({"NVME_AEN": "nonsense"}, HostEvent("change", "nvme0")),
        ({"NVME_EVENT": "connected"}, HostEvent("change", "nvme0", is_started=True)),
        ({"NVME_EVENT": "rediscover"}, HostEvent("change", "nvme0")),
        ({}, HostEvent("change", "nvme0")),
    ],
)
def test_what_a_controller_tells(properties: dict[str, str], expected: HostEvent) -> None:
    assert Uevent("change", "/devices/pci0/nvme/nvme0", "nvme", properties).host_event == expected


async def test_only_the_kernel_is_believed(trigger: Trigger, marker: str) -> None:
    forged = AEN + f"SYNTH_UUID={marker}\0".encode()
    with UeventReader(by(marker)) as reader:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as liar:
            liar.bind((0, 0))
            try:
                liar.sendto(forged, (0, 1))
            except PermissionError:
                pytest.skip("only root may send to the group")
        trigger()
        assert (await anext(reader)).name == "null"


def test_the_buffer_is_enlarged_as_far_as_allowed() -> None:
    with UeventReader() as reader:
        size = reader._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert size == 8 << 20 or os.geteuid() != 0
    assert size > 0
