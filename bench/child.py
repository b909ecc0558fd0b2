"""`python -m bench.child MODULE ...`: a module as a program that ends with whoever started it, however that ended.

Its standard input is a pipe of its parent's, which the kernel closes when that is killed: nothing else tells a child.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

COMMAND = (sys.executable, "-m", "bench.child")
"""What stands before a module's name. The process's standard input has to be a pipe."""

GRACE_S = 20
"""How long it may take to end."""


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)  # nobody is left who would wait for it
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
