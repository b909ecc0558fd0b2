"""Boot the guest and run each line of standard input in it, for a look around:  python -m tests.vm.shell"""

from __future__ import annotations

import sys

from tests.vm.guest import Guest
from tests.vm.lab import cache
from tests.vm.lab.build import build

if __name__ == "__main__":
    with Guest.boot(build()) as guest:
        cache.report(f"booted in {guest.boot_seconds:.1f} s; one command a line, end of input stops the guest")
        for line in sys.stdin:
            result = guest.run("bash", "-c", line)
            sys.stdout.write(result.text + result.errors)
            sys.stdout.flush()
