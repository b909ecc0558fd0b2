"""structlog without rich, which it has for terminals alone, if nobody imported either before.

A daemon's log is JSON, and rich and pygments would be 3 MiB of its memory.
"""

from __future__ import annotations

import sys

if "rich" in sys.modules:
    import structlog
else:
    sys.modules["rich"] = None  # type: ignore[assignment]  # what is None cannot be imported
    import structlog

    del sys.modules["rich"]

__all__ = ["structlog"]
