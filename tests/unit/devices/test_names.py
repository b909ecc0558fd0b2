"""Names of controllers and subsystems: each denotes one for ever, whatever comes, goes, is reset or restarted."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nvmed.devices.names import FILE_NAME, Entry, Named, Names, NamesFile, base_name
from nvmed.errors import NvmedError
from nvmed.nvme.host import DISCOVERY_NQN, ControllerNode, identity_of
from tests.support.memory import MEMORY

DEVICE = ControllerNode(
    "nvme0", "S 1", "M", "1", 1, "nqn.a", "nvme-subsys0", "pcie", "0000:01:00.0", "live", instance="boot:1"
)
CONNECTION = replace(
    DEVICE, transport="tcp", address="traddr=10.0.0.1,trsvcid=4420,src_addr=10.0.0.9", host_nqn="nqn.h", host_id="h"
)
NEW = replace(CONNECTION, serial="", model="", firmware_revision="", subsystem_nqn="", state="new", controller_id=0)


def plugged(number: int, node: ControllerNode = DEVICE, **changes: object) -> ControllerNode:
    """`node` as the kernel's device of that number, in a slot and a subsystem of its own."""
    own = {
        "node": f"nvme{number}", "subsystem_node": f"nvme-subsys{number}", "instance": f"boot:{number}",
        "address": node.address if node.is_connection else f"0000:0{number}:00.0",
    }  # fmt: skip
    return replace(node, **{**own, **changes})  # type: ignore[arg-type]


def names(found: tuple[Named, ...]) -> list[str]:
    return [one.name for one in found]


@pytest.mark.parametrize(
    "other",
    [
        {"serial": "S-1"}, {"model": "N"}, {"subsystem_nqn": "nqn.b"}, {},
        {"serial": "s_1", "subsystem_nqn": "nqn.b"},
    ],
)  # fmt: skip
def test_who_comes_first_keeps_the_name_and_the_other_never_gets_it(other: dict[str, object]) -> None:
    book = Names()
    first, second = plugged(1), plugged(2, DEVICE, **other)
    assert names(book.assign([first])) == ["s-1-1"]
    both = names(book.assign([second, first]))
    assert both[1] == "s-1-1" != both[0]
    assert both[0].startswith("s-1-1-")
    assert names(book.assign([second])) == both[:1]
    assert names(book.assign([])) == []
    assert names(book.assign([first])) == ["s-1-1"] or not other  # nothing tells a twin that comes back from a third


@pytest.mark.parametrize(
    "changed",
    [
        {"controller_id": 2049}, {"address": "traddr=10.0.0.1,trsvcid=4420,src_addr=10.0.0.8"}, {"serial": "T"},
        {"instance": "boot:7"}, {"node": "nvme9"}, {"subsystem_node": "nvme-subsys9"}, {"state": "connecting"},
    ],
)  # fmt: skip
def test_a_connection_keeps_its_name_whatever_the_target_answers(changed: dict[str, object]) -> None:
    book = Names()
    (before,) = book.assign([CONNECTION])
    (after,) = book.assign([replace(CONNECTION, **changed)])  # type: ignore[arg-type]
    assert (after.name, after.subsystem) == (before.name, before.subsystem)


@pytest.mark.parametrize(
    "other",
    [
        {"subsystem_nqn": "nqn.b"}, {"host_nqn": "nqn.other"}, {"host_id": "other"}, {"transport": "rdma"},
        *({"address": address} for address in (
            "traddr=10.0.0.2,trsvcid=4420", "traddr=10.0.0.1,trsvcid=4421",
            "traddr=10.0.0.1,trsvcid=4420,host_traddr=10.0.0.9", "traddr=10.0.0.1,trsvcid=4420,host_iface=eth0",
        )),
    ],
)  # fmt: skip
def test_another_connection_has_another_name(other: dict[str, str]) -> None:
    book = Names()
    second = plugged(2, CONNECTION, **other)
    found = names(book.assign([CONNECTION, second]))
    assert len(set(found)) == 2
    assert names(book.assign([second, CONNECTION])) == found[::-1]


@pytest.mark.parametrize("node", [DEVICE, CONNECTION])
def test_twins_are_told_apart_by_the_kernels_devices_also_after_a_restart(tmp_path: Path, node: ControllerNode) -> None:
    book = Names(tmp_path / FILE_NAME)
    first, second = plugged(1, node), plugged(2, node)
    (alone,) = names(book.assign([first]))
    both = names(book.assign([first, second]))
    assert both[0] == alone
    book.close()
    again = Names(tmp_path / FILE_NAME)
    assert names(again.assign([second])) == both[1:]
    assert names(again.assign([second, first])) == both[::-1]
    third = plugged(3, node)
    assert names(again.assign([second, third]))[0] == both[1]
    assert names(again.assign([third]))[0] not in both
    again.close()


def test_twins_have_their_names_after_a_boot_by_where_they_are_plugged_in(tmp_path: Path) -> None:
    book = Names(tmp_path / FILE_NAME)
    before = names(book.assign([plugged(1), plugged(2)]))
    book.close()
    again = Names(tmp_path / FILE_NAME)
    booted = [plugged(1, instance="next:20"), plugged(2, instance="next:10")]
    assert names(again.assign(booted)) == before
    moved = [plugged(1, instance="third:1", address="0000:05:00.0"), plugged(2, instance="third:2")]
    after = names(again.assign(moved))
    assert after[1] == before[1]
    assert after[0] not in before
    again.close()


def test_a_twin_that_comes_back_has_its_name_only_if_the_other_cannot_be_it() -> None:
    book = Names()
    before = names(book.assign([plugged(1), plugged(2)]))
    book.assign([plugged(2)])
    assert names(book.assign([plugged(2), plugged(1, instance="boot:3")])) == before[::-1]
    book.assign([])
    (one,) = names(book.assign([plugged(1, instance="boot:4")]))  # either of them, in the first one's slot
    assert one not in before


def test_what_the_kernel_has_not_identified_is_listed_and_gets_its_name_then() -> None:
    book = Names()
    two = [plugged(1, NEW), plugged(2, NEW)]
    before = names(book.assign(two))
    assert len(set(before)) == 2
    assert names(book.assign(two)) == before
    (known,) = book.assign([plugged(1, CONNECTION)])
    assert (known.name, known.alias) == ("s-1-1", before[0])
    assert names(book.assign([plugged(3, NEW)]))[0] not in before


def test_discovery_subsystems_and_twins_are_apart_and_paths_together() -> None:
    book = Names()
    discovery = replace(CONNECTION, subsystem_nqn=DISCOVERY_NQN)
    one, two = plugged(1, discovery), plugged(2, discovery, address="traddr=10.0.0.2,trsvcid=8009")
    path = replace(CONNECTION, subsystem_node="nvme-subsys7")
    other = replace(path, node="nvme8", address="traddr=10.0.0.2,trsvcid=4420", controller_id=2)
    twins = [plugged(4), plugged(5)]
    found = [named.subsystem for named in book.assign([one, two, path, other, *twins])]
    assert len(set(found)) == 5
    assert found[2] == found[3]
    alone = [named.subsystem for named in book.assign([two, twins[1], other])]
    assert alone == [found[1], found[5], found[3]]


def test_of_twins_neither_has_the_subsystem_that_a_drive_alone_would_have() -> None:
    """Whoever finds it later could not say whose it was."""
    alone = Names().assign([plugged(1)])[0].subsystem
    both = [named.subsystem for named in Names().assign([plugged(1), plugged(2)])]
    assert len({alone, *both}) == 3
    assert all(one.startswith(f"{alone}-") for one in both)


def test_a_subsystem_keeps_its_name_though_all_of_its_paths_are_new() -> None:
    book = Names()
    before = book.assign([CONNECTION])[0].subsystem
    elsewhere = replace(CONNECTION, address="traddr=10.0.0.2,trsvcid=4420", instance="boot:2")
    assert book.assign([elsewhere])[0].subsystem == before


def test_a_controller_without_serial_or_identifier_has_a_name() -> None:
    assert names(Names().assign([replace(DEVICE, serial="", controller_id=-1)]))[0]
    assert len(base_name(replace(DEVICE, serial="x" * 4096))) < 64


def test_the_table_is_bounded_and_forgotten_names_are_not_given_again(tmp_path: Path) -> None:
    book = Names(tmp_path / FILE_NAME, names_max=4)
    first = plugged(0, serial="SAME", subsystem_nqn="nqn.0")
    given = {names(book.assign([first]))[0]: identity_of(first)}
    for number in range(1, 10):
        node = plugged(number, serial="SAME", subsystem_nqn=f"nqn.{number}")
        (name,) = names(book.assign([node]))
        assert given.setdefault(name, identity_of(node)) == identity_of(node)
    again = names(book.assign([first]))[0]  # forgotten
    assert given.setdefault(again, identity_of(first)) == identity_of(first)
    book.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as table:
        assert table.execute("SELECT COUNT(*) FROM names").fetchone() == (4,)
    table.close()


@pytest.mark.parametrize(
    "damage",
    [
        "PRAGMA user_version = 9", "UPDATE names SET identity = 'x'", "UPDATE names SET identity = '[]'",
        "UPDATE names SET identity = '[1]'", "UPDATE names SET name = 's-1-2'", "UPDATE names SET instance = 'x'",
        "UPDATE names SET name = '../x'", "DROP TABLE names",
    ],
)  # fmt: skip
def test_a_table_that_is_not_ours_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / FILE_NAME
    book = Names(path)
    book.assign([DEVICE])
    book.close()
    table = sqlite3.connect(path)
    table.execute(damage)
    table.commit()
    table.close()
    with pytest.raises(NvmedError, match=r"names\.sqlite.*move it away") as refused:
        Names(path)
    assert refused.value.reason == "STATE_NOT_WRITABLE"


@given(data=st.binary(max_size=200), at=st.integers(0, 12000))
@settings(max_examples=50, deadline=None)
def test_damage_is_refused_or_does_no_harm(data: bytes, at: int) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        path = Path(directory) / FILE_NAME
        book = Names(path)
        book.assign([plugged(1), plugged(2)])
        book.close()
        with path.open("r+b") as file:
            file.seek(at)
            file.write(data)
        with contextlib.suppress(NvmedError):
            book = Names(path)
            assert len(set(names(book.assign([plugged(1), plugged(2)])))) == 2
            book.close()


def test_a_file_is_closed_when_the_names_being_given_are_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon ends while a thread scans: what it found is written whole, and what comes later is not."""
    giving, may_go_on = threading.Event(), threading.Event()
    put = NamesFile.put

    def slowly(file: NamesFile, entry: Entry) -> None:
        giving.set()
        may_go_on.wait()
        put(file, entry)

    monkeypatch.setattr(NamesFile, "put", slowly)
    book = Names(tmp_path / FILE_NAME)
    scanning = threading.Thread(target=book.assign, args=([plugged(1), plugged(2, serial="T")],))
    closing = threading.Thread(target=book.close)
    scanning.start()
    giving.wait()
    closing.start()
    closing.join(0.05)
    may_go_on.set()
    scanning.join()
    closing.join()
    assert names(book.assign([plugged(3, serial="U")])) == ["u-1"]
    book.close()
    with contextlib.closing(NamesFile(tmp_path / FILE_NAME)) as file:
        assert [entry.name for entry in file.read()] == ["s-1-1", "t-1"]


def test_what_cannot_be_written_now_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    book = Names(path)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    assert book._file is not None
    book._file._db.execute("PRAGMA busy_timeout = 1")
    assert names(book.assign([plugged(1)])) == ["s-1-1"]
    blocker.execute("COMMIT")
    blocker.close()
    book.assign([plugged(1), plugged(2)])
    book.close()
    again = Names(path)
    assert "s-1-1" in again._entries
    assert len(again._entries) == 2
    again.close()


SPECS = [
    replace(node, **changes)
    for node in (DEVICE, CONNECTION)
    for changes in (
        {}, {}, {"serial": "s_1"}, {"model": "N"}, {"subsystem_nqn": "nqn.b"}, {"subsystem_nqn": "nqn.b"},
        {"controller_id": 2}, {"serial": ""}, {"serial": "", "model": ""}, {"serial": "s-1-1", "controller_id": -1},
    )
]  # fmt: skip
"""Controllers with one serial, or nearly; some are the same to the letter."""


TWINS = [
    {other for other, its in enumerate(SPECS) if identity_of(its) == identity_of(spec) and other != which}
    for which, spec in enumerate(SPECS)
]


class Host(RuleBasedStateMachine):
    """Controllers come, go, are reset and reconnected, the daemon restarts, the host boots."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = Path(self.directory.name) / FILE_NAME
        self.book = Names(self.path)
        self.there: dict[int, ControllerNode] = {}
        self.stays: set[int] = set()
        """Those that were there at the last look, and have been since."""
        self.names: dict[int, str] = {}
        """What each was called last."""
        self.owners: dict[str, int] = {}
        self.met: dict[int, set[int]] = {which: set() for which in range(len(SPECS))}
        """Whom each was seen together with."""
        self.arrivals = self.boots = 0

    def teardown(self) -> None:
        self.book.close()
        self.directory.cleanup()

    def arrive(self, which: int) -> None:
        self.arrivals += 1
        taken = {one.node for one in self.there.values()}
        node = next(node for number in range(99) if (node := f"nvme{number}") not in taken)
        place = SPECS[which].address if SPECS[which].is_connection else f"0000:{which:02x}:00.0"
        self.there[which] = replace(
            SPECS[which], node=node, instance=f"boot{self.boots}:{self.arrivals}", address=place,
            subsystem_node=f"nvme-subsys{which}",
        )  # fmt: skip

    @rule(which=st.sampled_from(range(len(SPECS))))
    def comes(self, which: int) -> None:
        if which not in self.there:
            self.arrive(which)

    @precondition(lambda self: self.there)
    @rule(data=st.data(), comes_back=st.booleans())
    def goes(self, data: st.DataObject, comes_back: bool) -> None:
        which = data.draw(st.sampled_from(sorted(self.there)))
        del self.there[which]
        self.stays.discard(which)
        if comes_back:
            self.arrive(which)

    @precondition(lambda self: self.there)
    @rule(data=st.data(), controller_id=st.integers(1, 65519))
    def is_reset(self, data: st.DataObject, controller_id: int) -> None:
        which = data.draw(st.sampled_from(sorted(self.there)))
        if SPECS[which].is_connection:
            address = f"traddr=10.0.0.1,trsvcid=4420,src_addr=10.0.0.{controller_id % 256}"
            self.there[which] = replace(self.there[which], controller_id=controller_id, address=address)

    @rule(boots=st.booleans())
    def restarts(self, boots: bool) -> None:
        self.book.close()
        if boots:
            self.boots += 1
            was, self.there = self.there, {}
            self.stays.clear()
            for which in was:
                self.arrive(which)
        self.book = Names(self.path)

    @invariant()
    def names_hold(self) -> None:
        order = sorted(self.there, key=lambda which: self.there[which].node)
        found = self.book.assign([self.there[which] for which in order])
        assert [one.node for one in found] == [self.there[which] for which in order]
        assert len({one.name for one in found}) == len(order)
        for which, one in zip(order, found, strict=True):
            twins = TWINS[which]
            if which in self.names and (which in self.stays or not twins):
                assert one.name == self.names[which]
            owner = self.owners.setdefault(one.name, which)
            if owner != which:  # only where nothing tells them apart, because they were never seen together
                assert owner in twins
                assert owner not in self.met[which] or SPECS[which].is_connection
                assert owner not in self.stays
                self.owners[one.name] = which
            self.names[which] = one.name
        self.stays = set(order)
        for which in order:
            self.met[which].update(order)


Host.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestNames = Host.TestCase
