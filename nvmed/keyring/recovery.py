"""What became of changes to keyrings that a crash interrupted, by what the keyrings say now.

Each step says which key it was to make or revoke, and what was there before. A key that is there under a new serial was
made. One that was not, or that type user would have updated in place, may be made again: that is the same in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from nvmed.errors import NvmedError
from nvmed.keyring.calls import GONE
from nvmed.keyring.keyring import Keyring
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State, Step

PLANNED: Final = "planned"
"""In an operation's parameters: the answer as it was planned, to which only new serials are missing."""

_SERVICE: Final = "nvmed.v1.KeyService"
UPDATES: Final = tuple(f"{_SERVICE}/{method}" for method in ("UpdateKey", "InsertTlsKey", "ImportTlsKey"))
REVOKE: Final = f"{_SERVICE}/RevokeTlsKey"
LINK: Final = f"{_SERVICE}/LinkKeyring"


def reconcilers(keyring: Keyring) -> Mapping[str, Reconcile]:
    """How changes to keyrings are reconciled."""

    async def update(case: Interrupted) -> Verdict:
        planned: dict[str, Any] = deepcopy(dict(case.record.parameters[PLANNED]))
        answers: list[dict[str, Any]] = planned["keys"] if "keys" in planned else [planned.get("key", planned)]
        made = [await _serial_made(keyring, step) for step in case.steps]
        if len(made) < len(answers) or not all(made):
            count = sum(1 for serial in made if serial)
            return Verdict(State.SAFE_TO_RETRY, f"{count} of {len(answers)} keys were made for sure; make the rest")
        for answer, serial in zip(answers, made, strict=True):
            answer["serial"] = serial
        return Verdict(State.SUCCEEDED, result=planned)

    async def revoke(case: Interrupted) -> Verdict:
        serial = case.steps[0].detail["serial"]
        try:
            await keyring.describe_key(serial)
        except NvmedError as failure:
            if failure.reason not in GONE:
                raise
            return Verdict(State.SUCCEEDED, result={"serial": serial})
        return Verdict(State.SAFE_TO_RETRY, f"key {serial} was not revoked")

    async def link(case: Interrupted) -> Verdict:
        return Verdict(State.SAFE_TO_RETRY, "the session keyring went with the daemon")

    return {**dict.fromkeys(UPDATES, update), REVOKE: revoke, LINK: link}


async def _serial_made(keyring: Keyring, step: Step) -> int:
    """The serial of the key that a step made, 0 if it cannot be told that it did."""
    detail = step.detail
    try:
        serial = await keyring.lookup_key(detail["key_type"], detail["description"], detail["keyring"])
    except NvmedError as failure:
        if failure.reason not in GONE:
            raise
        return 0
    return 0 if serial == detail["previous_serial"] else serial
