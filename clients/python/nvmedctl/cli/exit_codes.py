"""What a command exits with."""

from __future__ import annotations

EXIT_CODES: dict[int, tuple[str, frozenset[str]]] = {
    1: ("another failure", frozenset({"INTERNAL", "UNKNOWN"})),
    2: ("wrong usage, or the daemon refused a field of the request", frozenset({"INVALID_ARGUMENT", "OUT_OF_RANGE"})),
    3: ("not found", frozenset({"NOT_FOUND"})),
    4: ("not permitted, or not known who calls", frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED"})),
    5: (
        "not possible as things are, or not supported",
        frozenset({"FAILED_PRECONDITION", "UNIMPLEMENTED", "ALREADY_EXISTS", "RESOURCE_EXHAUSTED"}),
    ),
    6: (
        "unavailable, timed out or aborted: trying again may help",
        frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED"}),
    ),
    7: ("data corrupted: on the way or on the medium", frozenset({"DATA_LOSS"})),
}
"""Exit code: its meaning, and the status codes that it stands for. Append-only: scripts branch on it."""

EXIT_HELP = "\n".join(
    ["\b", "Exit codes:", "  0    done"]
    + [f"  {code}    {meaning}" for code, (meaning, _) in EXIT_CODES.items()]
    + ["  130  interrupted (SIGINT)", "  143  terminated (SIGTERM)"]
)
"""For --help; the mark keeps click from filling the lines."""
