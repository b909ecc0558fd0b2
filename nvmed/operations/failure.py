"""Errors as JSON, so that an operation that failed before a restart fails the same way after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nvmed.errors import CLASSES, FieldViolation, GateViolation, Internal, NvmedError, NvmeStatus, OsFailure


def dump(exc: NvmedError) -> dict[str, Any]:
    """`exc` as a JSON object."""
    return {
        "code": exc.code,
        "reason": exc.reason,
        "message": exc.message,
        "nvme": asdict(exc.nvme) if exc.nvme else None,
        "os": asdict(exc.os) if exc.os else None,
        "fields": [asdict(violation) for violation in exc.fields],
        "gates": [asdict(violation) for violation in exc.gates],
        "retry_delay_ms": exc.retry_delay_ms,
        "metadata": exc.metadata,
        "remedy": exc.remedy,
    }


def is_whole(saved: Mapping[str, Any]) -> bool:
    """Whether `load` can make an error of it."""
    try:
        load(saved)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return all(isinstance(saved[name], str) for name in ("code", "reason", "message"))


def load(saved: Mapping[str, Any]) -> NvmedError:
    """The error that `dump` saved."""
    return CLASSES.get(saved["code"], Internal)(
        saved["reason"],
        saved["message"],
        nvme=NvmeStatus(**saved["nvme"]) if saved["nvme"] else None,
        os=OsFailure(**saved["os"]) if saved["os"] else None,
        fields=[FieldViolation(**violation) for violation in saved["fields"]],
        gates=[GateViolation(**violation) for violation in saved["gates"]],
        retry_delay_ms=saved["retry_delay_ms"],
        metadata=saved["metadata"],
        remedy=saved.get("remedy", ""),
    )
