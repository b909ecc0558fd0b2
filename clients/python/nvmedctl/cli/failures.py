"""What a failed command prints and exits with."""

from __future__ import annotations

import errno
import json
from typing import Any

from nvmed.errors import NvmedError, OsFailure
from nvmed.reasons import Reason
from nvmed.reasons import error as make_error
from nvmedctl.address import Tls, resolve
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
    return NvmedError("LOCAL_FILE", f"{where}{failure.strerror or failure}", os=os)


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


def as_text(error: NvmedError) -> str:
    """`error` for people, a fact a line."""
    lines = [f"error: {error.message}", f"  reason: {error.reason} ({error.code})"]
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
    lines += [f"  field {f.field}: {f.description}" for f in error.fields if f.description not in error.message]
    lines += [f"  {g.kind} {g.subject}: {g.description}" for g in error.gates]
    if error.retry_delay_ms is not None:
        lines.append(f"  try again in: {error.retry_delay_ms / 1000:g} s")
    if request_id := error.metadata.get("request_id"):
        lines.append(f"  request id: {request_id}")
    if advice := remedy(error):
        lines.append(f"  remedy: {advice}")
    return "\n".join(printable(line) for line in lines)
