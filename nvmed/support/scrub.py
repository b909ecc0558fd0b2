"""Takes secrets out of text that goes into a bundle.

Nothing that is collected should hold any: this is for what others wrote, as the kernel's log, and for the day on which
something is collected that nobody thought of.
"""

from __future__ import annotations

import re
from typing import Final

REMOVED: Final = b"[removed by nvmed]"

_SECRETS: Final = re.compile(
    rb"NVMeTLSkey-1:[0-9A-Za-z+/=:]*"  # a TLS PSK in interchange format
    rb"|DHHC-1:[0-9A-Za-z+/=:]*"  # a DH-HMAC-CHAP secret
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    rb"|(?<=://)[^/\s\"@]+:[^/\s\"@]+(?=@)",  # user and password of a URL
    re.DOTALL,
)


def scrubbed(text: bytes) -> bytes:
    """`text` without what has the form of a key, a secret, a private key or a URL's password."""
    return _SECRETS.sub(REMOVED, text)
