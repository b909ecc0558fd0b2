"""Desired state as a message, as what `nvmed.desired` takes."""

from __future__ import annotations

from nvmed.desired.state import Desired, DesiredFeature, DesiredFirmware, DesiredLayout
from nvmed.firmware.activation import Mode
from nvmed.reasons import invalid_field
from nvmed.rpc.convert.features import named, values_of
from nvmed.v1 import desired_pb2 as pb
from nvmed.v1 import firmware_pb2

IMAGES = "images/"


def desired(message: pb.DesiredState) -> Desired:
    """What a drive should be; INVALID_FIELD for what no drive can be."""
    return Desired(
        firmware=_firmware(message.firmware) if message.HasField("firmware") else None,
        layout=(
            DesiredLayout(message.namespaces.logical_block_bytes, message.namespaces.capacity_percent)
            if message.HasField("namespaces")
            else None
        ),
        features=tuple(_feature(number, one) for number, one in enumerate(message.features)),
    )


def _firmware(message: pb.DesiredState.Firmware) -> DesiredFirmware:
    mode = firmware_pb2.ActivationMode.Name(
        message.activation_mode or firmware_pb2.ACTIVATION_MODE_CONTROLLER_RESET
    ).removeprefix("ACTIVATION_MODE_")
    return DesiredFirmware(message.revision, message.image.removeprefix(IMAGES), Mode(mode))


def _feature(number: int, message: pb.DesiredState.Feature) -> DesiredFeature:
    field = f"desired.features[{number}]"
    _, row = named(message.feature)
    if row is None:
        raise invalid_field(f"{field}.feature", f"{message.feature} has no fields that nvmed knows; name another")
    if row.owner:
        raise invalid_field(f"{field}.feature", f"{row.name} is not set here: {row.owner}")
    if row.is_action or not row.keeps_value:
        raise invalid_field(f"{field}.feature", f"{row.name} has no value that stays as it is set")
    fields = values_of(f"{field}.fields", message.fields, row.fields)
    if not fields:
        raise invalid_field(f"{field}.fields", "are required: say what the feature should be")
    selection = values_of(f"{field}.selectors", message.selectors, row.selectors)
    return DesiredFeature(row, fields, selection, message.nsid, message.save)
