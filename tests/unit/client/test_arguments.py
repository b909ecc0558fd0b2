"""Arguments that are no text: a usage error, told in text."""

from __future__ import annotations

import os
import subprocess
import sys


def test_arguments_that_are_no_utf_8() -> None:
    command = [os.fsencode(sys.executable), b"-m", b"nvmedctl", b"controllers", b"show", b"nvme\xff"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=15)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"Error: argument 3, 'nvme\\udcff', is not UTF-8.\n"
