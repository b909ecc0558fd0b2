"""What a drive answered, as a file: written by `nvmed simulator record`, answered from by `nvmed --simulate-from`.

The file is JSON of version 1:

    {"format": "nvmed-drive-recording", "version": 1, "masked": true, "answers": [ANSWER, ...]}

and an answer is what a command of the admin queue that reads got, the command named by `opcode`, `nsid`, `cdw10`,
`cdw11` and `cdw14`. Of Get Log Page these are without length, offset and Retain Asynchronous Event: a log is one
answer.

    {"opcode": 6, "nsid": 0, "cdw10": 1, "cdw11": 0, "cdw14": 0, "status": 0, "result": 0, "size": 4096, "data": TEXT}

`status` is raw, 15 bits without phase, and `result` dword 0 and 1 of the completion. `data` is base64 of zlib of the
`size` bytes without the zeros at their end. What is not there of an answer is 0 or empty.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from nvmed.nvme import identify
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.opcodes import IDENTIFY_BYTES, AdminOpcode
from nvmed.nvme.transport import Command
from nvmed.simulator.refusal import Sc
from nvmed.trusted import explained, invalid

FILE_BYTES_MAX: Final = 64 << 20
ANSWERS_MAX: Final = 16_384
DATA_BYTES_MAX: Final = 16 << 20
"""Of one answer."""

ALL_BYTES_MAX: Final = 128 << 20
"""Of all of them: what a drive that is answered from has in memory."""

Dword = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
Key = tuple[int, int, int, int, int]
"""A command, without what does not matter to its answer: opcode, nsid, cdw10, cdw11, cdw14."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One answer, as it stands in the file; `data` is compressed."""

    opcode: Annotated[int, Meta(ge=0, le=0xFF)]
    nsid: Dword = 0
    cdw10: Dword = 0
    cdw11: Dword = 0
    cdw14: Dword = 0
    status: Annotated[int, Meta(ge=0, le=0x7FFF)] = 0
    result: Annotated[int, Meta(ge=0, lt=1 << 62)] = 0
    size: Annotated[int, Meta(ge=0, le=DATA_BYTES_MAX)] = 0
    data: bytes = b""

    @property
    def key(self) -> Key:
        return self.opcode, self.nsid, self.cdw10, self.cdw11, self.cdw14


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    format: Literal["nvmed-drive-recording"] = "nvmed-drive-recording"
    version: Literal[1] = 1
    masked: bool = True
    answers: Annotated[tuple[Answer, ...], Meta(max_length=ANSWERS_MAX)] = ()


class Recording:
    """The answers of a drive by command: status, result and data."""

    def __init__(self, *, masked: bool = True) -> None:
        self.masked = masked
        self.answers: dict[Key, tuple[int, int, bytes]] = {}

    def add(self, command: Command, status: int, result: int, data: bytes) -> None:
        """What `command` got; the first time counts."""
        self.answers.setdefault(key_of(command), (status, result, data))

    @property
    def model(self) -> str:
        """The drive's, "" if it is not there."""
        data = self.data(identify.identify_controller())
        return IdentifyController.parse(data).mn if len(data) == IDENTIFY_BYTES else ""

    def find(self, command: Command) -> tuple[int, int, bytes] | None:
        """What `command` gets. A log that was asked for of one namespace identifier is that of none and of all, too."""
        opcode, nsid, *rest = key_of(command)
        found = self.answers.get(key_of(command))
        if found is None and opcode == AdminOpcode.GET_LOG_PAGE and nsid in (0, 0xFFFF_FFFF):
            found = self.answers.get((opcode, nsid ^ 0xFFFF_FFFF, rest[0], rest[1], rest[2]))
        return found

    def data(self, command: Command) -> bytes:
        """The data of a command that succeeded; b"" if it did not, or was not recorded."""
        status, _, data = self.find(command) or (Sc.INVALID_FIELD, 0, b"")
        return b"" if status else data


def key_of(command: Command) -> Key:
    """What of a command matters to its answer."""
    if command.opcode == AdminOpcode.GET_LOG_PAGE:
        return command.opcode, command.nsid, command.cdw10 & 0x7FFF, command.cdw11 & 0xFFFF_0000, command.cdw14
    return command.opcode, command.nsid, command.cdw10, command.cdw11, command.cdw14


def build(recording: Recording) -> bytes:
    """The file of a recording."""
    answers = tuple(
        Answer(
            opcode=key[0], nsid=key[1], cdw10=key[2], cdw11=key[3], cdw14=key[4], status=status, result=result,
            size=len(data), data=_packed(data),
        )
        for key, (status, result, data) in recording.answers.items()
    )  # fmt: skip
    whole = msgspec.json.encode(File(masked=recording.masked, answers=answers))
    return whole.replace(b'{"opcode"', b'\n{"opcode"') + b"\n"


def parse(content: bytes, source: str) -> Recording:
    """The recording of a file; raises CONFIG_INVALID, also for one that would become too much."""
    if len(content) > FILE_BYTES_MAX:
        raise invalid(source, "", f"is larger than {FILE_BYTES_MAX} bytes")
    try:
        file = msgspec.json.decode(content, type=File)
    except msgspec.ValidationError as exc:
        raise invalid(source, *explained(exc, {})) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise invalid(source, "", f"is no JSON: {exc}") from None
    if sum(answer.size for answer in file.answers) > ALL_BYTES_MAX:
        raise invalid(source, "answers", f"have more than {ALL_BYTES_MAX} bytes")
    recording = Recording(masked=file.masked)
    for index, answer in enumerate(file.answers):
        data = _unpacked(answer.data, answer.size)
        if data is None:
            raise invalid(source, f"answers[{index}].data", f"is no zlib of at most {answer.size} bytes")
        if answer.key in recording.answers:
            raise invalid(source, f"answers[{index}]", "is of a command that another one is of")
        recording.answers[answer.key] = (answer.status, answer.result, data)
    return recording


def _packed(data: bytes) -> bytes:
    used = data.rstrip(b"\0")
    return zlib.compress(used, 9) if used else b""


def _unpacked(packed: bytes, size: int) -> bytes | None:
    """The data, `size` bytes; None if they are not that."""
    if not packed:
        return bytes(size)
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, size + 1)
    except zlib.error:
        return None
    return data.ljust(size, b"\0") if unpacking.eof and len(data) <= size else None


def total_bytes(answers: Iterable[tuple[int, int, bytes]]) -> int:
    """What the data of answers take."""
    return sum(len(data) for _, _, data in answers)
