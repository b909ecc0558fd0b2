"""A drive is sanitized, or reverted, through real ioctls: by nvmed, over the kernel's NVMe/TCP, and read then."""

from __future__ import annotations

import json
from base64 import b64decode

from nvmedctl.operations import unpack, wait

from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec, TcgSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import erasure_pb2 as pb
from tests.vm import simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest


async def test_a_drive_is_erased_and_certified(guest: Guest, daemon: Daemon) -> None:
    spec = DriveSpec(serial="VMERASE1", namespaces=(NamespaceSpec(4 * MIB),), sanitize_s=2.0)
    subsystem = Subsystem(spec)
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        write = f"dd of=/dev/{node}n1 bs=1M oflag=direct iflag=fullblock status=none"
        guest.sh(write, stdin=b"secret! " * (MIB // 2))
        async with daemon.client() as client:
            request = pb.SanitizeDriveRequest(controller=node, acknowledge_data_loss=True)
            done = await wait(client.operations, await client.drives.SanitizeDrive(request))
            answer = unpack(done, pb.SanitizeDriveResponse)
            record = await client.drives.GetErasureRecord(pb.GetErasureRecordRequest(name=answer.erasure_record))
        assert answer.sample_finding == pb.SAMPLE_FINDING_AS_EXPECTED
        content = json.loads(b64decode(json.loads(record.envelope)["payload"]))
        assert content["drive"]["serial_number"] == "VMERASE1"
        assert (content["samples"]["samples"], content["samples"]["changed"]) == (32, 32)
        log = guest.json(f"nvme sanitize-log /dev/{node} -o json")
        assert next(iter(log.values()))["sprog"] == 65535
        assert guest.sh(f"head -c 1M /dev/{node}n1 | tr -d '\\0' | wc -c").strip() == "0"


async def test_a_drive_that_somebody_owns_is_reverted_by_its_psid(guest: Guest, daemon: Daemon) -> None:
    psid = "PLANTED9PSID8OF7THIS6LABEL5AAAA4"
    tcg = TcgSpec(locking_enabled=True, sid_owned=True, psid=psid)
    spec = DriveSpec(serial="VMREVERT1", namespaces=(NamespaceSpec(4 * MIB),), optional_admin_commands=0x21F, tcg=tcg)
    subsystem = Subsystem(spec)
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        write = f"dd of=/dev/{node}n1 bs=1M oflag=direct iflag=fullblock status=none"
        guest.sh(write, stdin=b"secret! " * (MIB // 2))
        async with daemon.client() as client:
            request = pb.RevertDriveRequest(controller=node, psid=psid, acknowledge_data_loss=True)
            done = await wait(client.operations, await client.drives.RevertDrive(request))
            answer = unpack(done, pb.RevertDriveResponse)
        assert (answer.outcome, answer.sample_finding) == (pb.ERASURE_OUTCOME_ERASED, pb.SAMPLE_FINDING_CHANGED)
        assert subsystem.tper is not None
        assert (subsystem.tper.reverts, subsystem.tper.sid_owned) == (1, False)
        assert guest.sh(f"head -c 1M /dev/{node}n1 | grep -c 'secret!' || true").strip() == "0"
