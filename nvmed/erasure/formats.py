"""Records of formats that erase: FormatNamespace is another trade's, which has its recorder from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nvmed import limits
from nvmed.devices.controller import Device
from nvmed.erasure import samples
from nvmed.erasure.certificate import Certificate, Outcome
from nvmed.erasure.evidence import Evidence
from nvmed.erasure.kit import Kit
from nvmed.erasure.methods import FORMATS, Method
from nvmed.erasure.samples import Findings
from nvmed.errors import NvmedError
from nvmed.nvme.namespace import Format
from nvmed.operations import failure
from nvmed.operations.records import Record

_METHODS: Final[Mapping[int, Method]] = {kind: method for method, kind in FORMATS.items()}


class FormatRecords:
    """What `nvmed.namespaces.recorder.Recorder` asks for."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def before(self, device: Device, settings: Format, nsids: Sequence[int]) -> Mapping[str, Any]:
        """The drive as it is, for the journal; nothing for a format that erases nothing."""
        method = _METHODS.get(settings.secure_erase)
        if method is None:
            return {}
        evidence = await self._kit.evidence(device, limits.ERASURE_SAMPLES_DEFAULT, nsids)
        return {
            "method": method.value,
            "evidence": evidence.dump(),
            "requested": {"nsids": [*nsids], "lba_format": settings.lba_format},
        }

    async def after(self, record: Record, kept: Mapping[str, Any], why: NvmedError | None = None) -> str:
        """Write how it ended: well, unless the drive refused it or nobody knows, which `why` says.

        Raises ERASURE_CONTRADICTED, with the record written, where blocks hold what they must not.
        """
        evidence, found = Evidence.load(kept["evidence"]), None
        if why is None:
            found = await self._kit.look(evidence, limits.ERASURE_SAMPLES_DEFAULT, is_deallocated=True)
            try:
                samples.require_erased(found)
            except NvmedError as exc:
                exc.metadata["erasure_record"] = await self._keep(record, kept, evidence, found, exc)
                raise
        return await self._keep(record, kept, evidence, found, why)

    async def _keep(
        self,
        record: Record,
        kept: Mapping[str, Any],
        evidence: Evidence,
        found: Findings | None,
        why: NvmedError | None,
    ) -> str:
        tried = {"method": kept["method"], "refused": why.message if why and why.nvme else ""}
        certificate = Certificate(
            record, evidence, kept["requested"], (tried,), Method(kept["method"]), _outcome_of(found, why),
            findings=found, why=failure.dump(why) if why else {}, nsids=evidence.nsids,
        )  # fmt: skip
        return await self._kit.keep(certificate)


def _outcome_of(found: Findings | None, why: NvmedError | None) -> Outcome:
    if why is None:
        return Outcome.ERASED
    if found is not None:
        return Outcome.CONTRADICTED
    return Outcome.FAILED if why.nvme else Outcome.UNCONFIRMED
