"""Import this before structlog: it then leaves rich out, which it has for terminals alone.

A daemon's log is JSON. Rich and pygments would be a twentieth of the time until it serves, and 4.6 MiB of its memory.
"""

from __future__ import annotations

import sys

if "structlog" not in sys.modules and "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # what is None cannot be imported
    import structlog  # noqa: F401

    del sys.modules["rich"]
