"""Stages a firmware image on every drive of a model, if nothing speaks against it. Nothing is activated.

python stage_firmware.py 3.0.0.bin 3.0.0 "NVMED SIM DC1 1.92TB"

Connects to NVMED_ADDRESS, with NVMED_CA, NVMED_CERT and NVMED_KEY for TLS. Exits with 1 and the gates that do not hold
if one does not; then nothing was written.
"""

from __future__ import annotations

import sys
import uuid

from nvmedctl.blocking import Client

from nvmed.errors import FailedPrecondition, NvmedError
from nvmed.v1.firmware_pb2 import FirmwareOutcome, FirmwarePreconditions, StageFirmwareRequest, StageFirmwareResponse
from nvmed.v1.operations_pb2 import OperationMetadata


def show(metadata: OperationMetadata) -> None:
    """How far it is, several times a second."""
    print(f"{metadata.phase}: {metadata.bytes_done} of {metadata.bytes_total} bytes", file=sys.stderr)


def stage(client: Client, path: str, revision: str, model: str) -> StageFirmwareResponse:
    controllers = [each.name for each in client.list_controllers(filter=f'model_number = "{model}"')]
    if not controllers:
        sys.exit(f"There is no {model} on {client.address}.")
    image = client.upload_image(path, firmware_revision=revision, model_number=model).image
    request = StageFirmwareRequest(
        controllers=controllers,
        image=image.name,
        preconditions=FirmwarePreconditions(model_number=model),
        validate_only=True,
    )
    client.firmware.StageFirmware(request)  # raises what would be refused, of all drives at once
    request.validate_only = False
    # Whoever asks again under this id, because the answer was lost, gets the operation that the first call began.
    request.request_id = str(uuid.uuid4())
    operation = client.firmware.StageFirmware(request)
    print(operation.name)
    return client.result(operation, StageFirmwareResponse, show, timeout=3600)


def main() -> None:
    try:
        with Client() as client:
            for drive in stage(client, *sys.argv[1:]).drives:
                outcome = FirmwareOutcome.Name(drive.outcome)
                print(f"{drive.controller}: {outcome}, slot {drive.slot} holds {drive.slot_revision}")
    except FailedPrecondition as failure:
        sys.exit(
            "\n".join([f"{failure}", *(f"  {gate.kind} {gate.subject}: {gate.description}" for gate in failure.gates)])
        )
    except NvmedError as failure:
        sys.exit(f"error: {failure} ({failure.reason})")


if __name__ == "__main__":
    main()
