"""Mutants made to hurt: each leaves out, or moves, one thing that a guarantee stands on (docs/guarantees.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

POWER = "tests/unit/test_power_cuts.py"


@dataclass(frozen=True)
class Mutant:
    """`old`, which is once in `file`, becomes `new`; one of `tests` has to fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


BY_HAND: Final = (
    # -- on disk before it is promised
    Mutant("an upload's bytes are not synced", "nvmed/firmware/spool_part.py",
           "            self._folder.disk.sync(self._part)\n", "", (POWER,)),
    Mutant("nor is how much of it is committed", "nvmed/firmware/spool_part.py",
           "            self._folder.disk.sync(self._sidecar)", "            pass", (POWER,)),
    Mutant("what is committed is written down before it is", "nvmed/firmware/spool_part.py",
           "            self._folder.disk.sync(self._part)\n"
           "            self._folder.disk.write(self._sidecar, committed_field(self.received_bytes), 0)\n",
           "            self._folder.disk.write(self._sidecar, committed_field(self.received_bytes), 0)\n"
           "            self._folder.disk.sync(self._sidecar)\n"
           "            self._folder.disk.sync(self._part)\n", (POWER,)),
    Mutant("an image's name is not synced", "nvmed/firmware/spool_part.py",
           "            folder.disk.sync_directory(folder.path)\n", "            pass\n", (POWER,)),
    Mutant("a sidecar's bytes are not synced", "nvmed/disk/files.py",
           "                self.disk.sync(descriptor)\n", "", (POWER,)),
    Mutant("a sidecar's name is not synced", "nvmed/disk/files.py",
           "        self.disk.sync_directory(self.path)\n", "", (POWER,)),
    Mutant("a capture's bytes are not synced", "nvmed/captures/files.py",
           "            self.disk.sync(descriptor)\n", "", (POWER,)),
    Mutant("a bundle's bytes are not synced", "nvmed/support/files.py",
           "            self.disk.sync(descriptor)\n", "", (POWER,)),
    Mutant("a directory's name is not synced", "nvmed/files.py",
           "    sync_directory(path.parent)  # it may have been made just before the daemon was killed\n", "",
           (POWER,)),
    Mutant("a file that is replaced is not synced", "nvmed/files.py",
           "        os.fsync(file.fileno())\n    temporary.replace(path)\n", "    temporary.replace(path)\n", (POWER,)),
    Mutant("an audit record is not synced", "nvmed/security/audit_file.py",
           "            os.fdatasync(end.fd)\n", "", (POWER,)),
    Mutant("the name of a new audit file is not synced", "nvmed/security/audit_file.py",
           "        sync_directory(self._directory)\n        return end\n", "        return end\n",
           ("tests/unit/security/test_audit_file.py",)),
    Mutant("nor is that of one that was found", "nvmed/security/audit_file.py",
           "        sync_directory(self._directory)  # whoever", "        # whoever",
           ("tests/unit/security/test_audit_file.py",)),
    Mutant("the journal does not wait for the disk", "nvmed/operations/journal_file.py",
           '"synchronous = FULL"', '"synchronous = NORMAL"', (POWER,)),
    Mutant("nor do names", "nvmed/devices/names.py",
           '"PRAGMA synchronous = EXTRA"', '"PRAGMA synchronous = NORMAL"', (POWER,)),
    # -- operations
    Mutant("a step is journalled after it was taken", "nvmed/operations/running.py",
           "        number = await self._keeper.intend(self.record.id, name, detail)\n", "        number = 0\n",
           ("tests/unit/operations/test_manager.py",)),
    Mutant("retention forgets what has not ended", "nvmed/operations/journal_reader.py",
           "FROM operations WHERE state NOT IN ('PENDING', 'RUNNING')\n", "FROM operations\n",
           ("tests/unit/operations/test_retention.py",)),
    Mutant("and the journal deletes it", "nvmed/operations/journal.py",
           '            " AND state NOT IN (\'PENDING\', \'RUNNING\')",\n', '            "",\n',
           ("tests/unit/operations",)),
    Mutant("retention forgets what may be repeated", "nvmed/operations/journal_reader.py",
           " AND NOT may_be_repeated", "", ("tests/unit/operations/test_retention.py",)),
    Mutant("a slot is written that will run after the next reset", "nvmed/preconditions/gates.py",
           "taken = (slots.active_slot, slots.next_slot, drive.running_slot)",
           "taken = (slots.active_slot, drive.running_slot)", ("tests/rpc/firmware/test_staging.py",)),
    Mutant("a slot is written that runs though the log names another", "nvmed/preconditions/gates.py",
           "taken = (slots.active_slot, slots.next_slot, drive.running_slot)",
           "taken = (slots.active_slot, slots.next_slot)", ("tests/rpc/firmware/test_staging.py",)),
    # -- telemetry
    Mutant("the first block is not looked at", "nvmed/devices/telemetry.py",
           "        if offset == 0:\n            _require_same(", "        if offset < 0:\n            _require_same(",
           ("tests/rpc/devices/test_telemetry.py", "tests/unit/devices")),
    Mutant("the end is not looked at", "nvmed/devices/telemetry.py",
           "        await log.require_same(session)\n", "", ("tests/rpc/devices/test_telemetry.py",)),
    Mutant("another generation is acknowledged", "nvmed/devices/telemetry.py",
           "        if header.generation != generation:\n", "        if header.generation < 0:\n",
           ("tests/rpc/devices/test_telemetry.py",)),
    # -- keys
    Mutant("a rotation does not keep others off the subsystem", "nvmed/keyring/rotation.py",
           "                held.enter_context(self._exclusion.hold(subsystem, f\"operations/{running.record.id}\"))\n",
           "                pass\n", ("tests/unit/keyring/test_rotation.py", "tests/rpc/keyring/test_rotation.py")),
    Mutant("a rotation can be stopped after its point of no return", "nvmed/keyring/rotation.py",
           "                running.no_return()\n", "", ("tests/unit/keyring",)),
    # -- events
    Mutant("what was missed is not told", "nvmed/events/events.py",
           "return Read(first - sequence, [", "return Read(0, [", ("tests/unit/events/test_events.py",)),
)  # fmt: skip
