"""One guest for the whole session, and what every test in here is given."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.vm import daemon as daemons
from tests.vm import nvmet
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest
from tests.vm.lab import build, cache

TEST_TIMEOUT_S = 600
GUEST = pytest.StashKey[Guest]()
GONE = pytest.StashKey[str]()
"""QEMU's last words, once it has gone in the middle of the tests."""

ABORTED = pytest.StashKey[bool]()
STATUS_ABORTED = 86
"""pytest's exit status if it was QEMU itself that failed: `tests/vm/run` boots again and runs what failed, once."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Emulation is slow; and booting, which has its own limit, is not a test's time."""
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S, func_only=True))


@pytest.fixture(scope="session")
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    """The running guest, shared by all tests: leave it as it was found."""
    lab = build.build()
    with Guest.boot(lab) as guest:
        cache.report(f"guest booted in {guest.boot_seconds:.1f} s")
        request.config.stash[GUEST] = guest
        yield guest


@pytest.fixture(scope="session")
def daemon(guest: Guest) -> Iterator[Daemon]:
    """nvmed in the guest, confined as on any host, shared by all tests."""
    with daemons.running(guest) as running:
        yield running


@pytest.fixture
def quick(guest: Guest) -> Iterator[None]:
    """Authentication that fails is waited for as long as any admin command."""
    parameter = "/sys/module/nvme_core/parameters/admin_timeout"
    before = guest.sh(f"cat {parameter}").strip()
    guest.sh(f"echo 5 > {parameter}")
    yield
    guest.sh(f"echo {before} > {parameter}")


@pytest.fixture
def clean_keyring(guest: Guest) -> Iterator[None]:
    """Nothing in `.nvme` before and after."""
    nvmet.keyring(guest, "keyctl clear $ring")
    yield
    nvmet.keyring(guest, "keyctl clear $ring")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test has to find out by itself that the guest has gone."""
    if said := item.config.stash.get(GONE, ""):
        pytest.fail(said, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the kernel's last words with every failure."""
    report = yield
    guest = item.config.stash.get(GUEST, None)
    if guest and report.failed and GONE not in item.config.stash:
        report.sections.append(("guest console", guest.serial_log()))
        if said := guest.last_words:
            item.config.stash[GONE], item.config.stash[ABORTED] = said, guest.is_aborted
        else:
            report.sections.append(("guest journal", guest.journal()))
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell a fault of QEMU's own from one of a test, or of the guest's kernel."""
    if said := session.config.stash.get(GONE, ""):
        cache.report(said)
    if session.config.stash.get(ABORTED, False):
        session.exitstatus = STATUS_ABORTED
