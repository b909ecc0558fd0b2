"""What gRPC reads from the environment, once, before its first channel or server: set it before gRPC is imported."""

from __future__ import annotations

import os

CIPHERS = "GRPC_SSL_CIPHER_SUITES"

NO_TLS_1_2 = "ECDHE-PSK-AES256-CBC-SHA"
"""gRPC has no switch for the version of TLS, and this list is of ciphers of TLS 1.2 alone: those of 1.3 are always
offered. It may not be empty, so it has one that needs a key which both sides share and nobody has: TLS 1.2 then fails
in the handshake. Admission of calls looks at the version once more, in case another gRPC reads this otherwise."""


def prepare() -> None:
    """Let this process speak TLS 1.3 alone, as server and as client, and keep handshakes that fail out of the log.

    Whoever can connect could fill the log with them; `GRPC_VERBOSITY` in the environment brings them back.
    """
    os.environ[CIPHERS] = NO_TLS_1_2
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
