"""What a failed command prints and exits with."""

from __future__ import annotations

import errno
import functools
import json
from collections.abc import Sequence
from typing import Any, Final

import click

from nvmed.errors import GateViolation, NvmedError, OsFailure
from nvmed.reasons import Reason
from nvmed.reasons import error as make_error
from nvmedctl.address import Tls, resolve
from nvmedctl.cli import words
from nvmedctl.cli.exit_codes import EXIT_CODES
from nvmedctl.cli.text import printable
from nvmedctl.diagnosis import diagnose

_BY_STATUS = {status: code for code, (_, statuses) in EXIT_CODES.items() for status in statuses}


def exit_code(error: NvmedError) -> int:
    """The exit code of `error`."""
    return _BY_STATUS.get(error.code, 1)


def of_local_file(failure: OSError) -> NvmedError:
    """The error of a file of the caller that could not be read or written."""
    symbol = errno.errorcode.get(failure.errno or 0, "")
    where = f"{failure.filename}: " if failure.filename else ""
    os = OsFailure(failure.errno or 0, symbol, "", str(failure.filename or ""))
    advice = _LOCAL_REMEDIES.get(symbol, "")
    return NvmedError("LOCAL_FILE", f"{where}{failure.strerror or failure}", os=os, remedy=advice)


_LOCAL_REMEDIES: Final = {
    "ENOENT": "Name a file that is there, or one in a folder that is there (mkdir -p makes folders).",
    "ENOTDIR": "What the path goes through must be folders.",
    "EISDIR": "Name a file rather than a folder.",
    "EACCES": "Name a file that you may read, in a folder that you may write to for a result.",
    "EPERM": "Name a file that you may read, in a folder that you may write to for a result.",
    "EROFS": "Name a file on a file system that may be written to.",
    "ENOSPC": "Make room, or name a file on another file system.",
    "EDQUOT": "Make room, or name a file on another file system.",
}
"""What helps, by errno; what is not here has no remedy but to read it."""


def of_timeout(timeout_s: float) -> NvmedError:
    """The error of what took longer than --timeout allows."""
    return make_error(Reason.CALL_TIMEOUT, f"Not done after {timeout_s:g} s.")


def of_connection(failure: NvmedError, given: str | None, tls: Tls | None) -> NvmedError:
    """`failure`; where no connection came about, with its cause as far as that can be told from here."""
    if failure.reason != Reason.CONNECTION_FAILED.name:
        return failure
    address = resolve(given)
    found = diagnose(address, tls)
    if found is None:
        return failure
    return make_error(Reason.CONNECTION_FAILED, f"{address}: {found.cause}.", address=address, remedy=found.remedy)


def remedy(error: NvmedError) -> str:
    """What to do about `error`, as the daemon says, else by this version's table; "" if that has not its reason."""
    if error.remedy:
        return error.remedy
    known = Reason.__members__.get(error.reason)
    return known.remedy if known else ""


def _nvme(error: NvmedError) -> dict[str, Any]:
    status = error.nvme
    if status is None:
        return {}
    return {
        "nvme_status": {
            "status_code_type": status.status_code_type,
            "status_code": status.status_code,
            "do_not_retry": status.do_not_retry,
            "more": status.more,
            "command_retry_delay": status.command_retry_delay,
            "raw_status": status.raw,
            "result": status.result,
            "opcode": status.opcode,
            "nsid": status.nsid,
            "mnemonic": status.mnemonic,
        }
    }


def as_json(error: NvmedError) -> str:
    """`error` as one JSON object: details that it does not have are left out."""
    body: dict[str, Any] = {
        "exit_code": exit_code(error),
        "code": error.code,
        "reason": error.reason,
        "message": error.message,
        "remedy": remedy(error),
        "metadata": error.metadata,
        **_nvme(error),
    }
    if os := error.os:
        body["os_error"] = {"errno": os.errno, "symbol": os.symbol, "syscall": os.syscall, "path": os.path}
    if error.fields:
        body["field_violations"] = [{"field": f.field, "description": f.description} for f in error.fields]
    if error.gates:
        body["precondition_violations"] = [
            {"type": g.kind, "subject": g.subject, "description": g.description} for g in error.gates
        ]
    if error.retry_delay_ms is not None:
        body["retry_delay_ms"] = error.retry_delay_ms
    return json.dumps({"error": body})


def as_text(error: NvmedError, command: click.Command | None = None) -> str:
    """`error` for who has typed `command`, a fact a line: with its options where the daemon names fields."""
    said = functools.partial(words.for_reader, command=command)
    lines = [f"error: {_headline(error, command)}", f"  reason: {error.reason} ({error.code})"]
    if nvme := error.nvme:
        retry = ", do not retry" if nvme.do_not_retry else ""
        result = f", result {nvme.result:x}h" if nvme.result else ""
        lines.append(
            f"  NVMe status: {nvme.mnemonic} (type {nvme.status_code_type:x}h, code {nvme.status_code:02x}h{retry}) "
            f"of opcode {nvme.opcode:02x}h, namespace {nvme.nsid:x}h{result}"
        )
    if os := error.os:
        about = " ".join(part for part in (os.syscall, os.path) if part)
        lines.append(f"  system error: {os.symbol} ({os.errno})" + (f" from {about}" if about else ""))
    lines += [
        f"  {words.option(f.field, command) or f'field {f.field}'}: {said(f.description)}"
        for f in error.fields
        if f.description not in error.message
    ]
    lines += [f"  {words.gate(g.kind, command)} {g.subject}: {said(g.description)}" for g in _listed(error)]
    if error.retry_delay_ms is not None:
        lines.append(f"  try again in: {error.retry_delay_ms / 1000:g} s")
    if request_id := error.metadata.get("request_id"):
        lines.append(f"  request id: {request_id}")
    if advice := _advice(error):
        lines.append(f"  remedy: {said(advice)}")
    return "\n".join(printable(line) for line in lines)


def as_line(error: NvmedError, command: click.Command | None = None) -> tuple[str, str]:
    """`error` in few words, with the gates that do not hold, and what to do about it.

    Without the address: for those who know whose error it is.
    """
    said = functools.partial(words.for_reader, command=command)
    message = _headline(error, command).removeprefix(f"{error.metadata.get('address', '')}: ")
    gates = (f"{words.gate(g.kind, command)} {g.subject}: {said(g.description)}" for g in _listed(error))
    return " ".join([message, *gates]), said(_advice(error))


def _headline(error: NvmedError, command: click.Command | None) -> str:
    """What stands above all else: the message, but for one that says of several gates what is listed below it."""
    if len(error.gates) > 1 and error.gates[0].description in error.message:
        return f"{len(error.gates)} gates do not hold."
    return _message(error, command)


def _listed(error: NvmedError) -> Sequence[GateViolation]:
    """The gates that are not said by the headline."""
    return [gate for gate in error.gates if len(error.gates) > 1 or gate.description not in error.message]


def _advice(error: NvmedError) -> str:
    """The remedy for who reads: that of GATE_FAILED points at what is said above it, and at metadata."""
    if error.reason != Reason.GATE_FAILED.name or remedy(error) != Reason.GATE_FAILED.remedy:
        return remedy(error)
    passing = error.metadata.get("transient", "").replace("_", "-").lower()
    return f"Without your doing these will hold: {passing}." if passing else ""


def _message(error: NvmedError, command: click.Command | None) -> str:
    """The message; where it names a wrong field or a gate before a colon, with what is typed for that."""
    for wrong in error.fields:
        if wrong.field and error.message.startswith(f"{wrong.field}: "):
            rest = error.message.removeprefix(wrong.field)
            return (words.option(wrong.field, command) or wrong.field) + words.for_reader(rest, command)
    message = words.for_reader(error.message, command)
    for unmet in error.gates:
        message = message.replace(f" {unmet.kind}: ", f" {words.gate(unmet.kind, command)}: ")
    return message
