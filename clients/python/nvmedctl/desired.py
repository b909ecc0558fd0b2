"""What drives of a model should be: a file of rows in TOML, for `nvmedctl drive plan` and `apply` and for fleets.

    [[model]]
    name = "SAMSUNG MZQL23T8HCLS-00A07"      # as Identify has it, without padding
    revision = "GDC7602Q"
    image = "images/GDC7602Q.bin"            # relative to the file; for drives that have the revision in no slot
    activation = "controller-reset"          # or on-next-reset, subsystem-reset, immediate
    logical_block_bytes = 4096
    capacity_percent = 90

    [[model.feature]]
    name = "temperature-threshold"
    set = { threshold_kelvin = 340 }
    select = { side = 0 }
    save = true

Everything but the name may be left out; nothing is said of it then.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nvmed.nearest import nearest
from nvmed.reasons import invalid_field

if TYPE_CHECKING:
    from nvmed.v1.desired_pb2 import DesiredState

ACTIVATIONS: Final = ("on-next-reset", "controller-reset", "subsystem-reset", "immediate")
BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Feature:
    """Fields of a feature that should have these values; `nsid` 0 is every namespace, of a feature that is theirs."""

    name: str
    set: Mapping[str, int] = field(default_factory=dict)
    select: Mapping[str, int] = field(default_factory=dict)
    nsid: int = 0
    save: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """What every drive of a model should be. `image` is a whole path, or the name of an image that hosts have."""

    name: str
    revision: str = ""
    image: str = ""
    activation: str = "controller-reset"
    logical_block_bytes: int = 0
    capacity_percent: int = 0
    feature: tuple[Feature, ...] = ()

    @property
    def has_settings(self) -> bool:
        """Whether it says anything beside firmware."""
        return bool(self.logical_block_bytes or self.capacity_percent or self.feature)

    def message(self, *, firmware: bool = True) -> DesiredState:
        """As the contract has it; reads the image for its digest, where it is a path. `OSError`."""
        from nvmed.v1.desired_pb2 import DesiredState
        from nvmed.v1.feature_pb2 import FeatureFieldValue

        state = DesiredState()
        if firmware and self.revision:
            state.firmware.revision = self.revision
            state.firmware.image = image_name(self.image)
            mode = f"ACTIVATION_MODE_{self.activation.upper().replace('-', '_')}"
            state.firmware.MergeFrom(DesiredState.Firmware(activation_mode=mode))
        if self.logical_block_bytes or self.capacity_percent:
            state.namespaces.logical_block_bytes = self.logical_block_bytes
            state.namespaces.capacity_percent = self.capacity_percent
        for one in self.feature:
            state.features.add(
                feature=one.name,
                nsid=one.nsid or None,
                selectors=[FeatureFieldValue(name=name, value=value) for name, value in one.select.items()],
                fields=[FeatureFieldValue(name=name, value=value) for name, value in one.set.items()],
                save=one.save,
            )
        return state


def image_name(image: str) -> str:
    """The name of an image: itself, or by the digest of a file. `OSError`."""
    if not image or image.startswith("images/"):
        return image
    with Path(image).open("rb") as file:
        return f"images/{hashlib.file_digest(file, 'sha256').hexdigest()}"


def load(path: Path) -> dict[str, Model]:
    """The models of a file; INVALID_FIELD says where it is wrong, `OSError`."""
    try:
        found = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise invalid_field("desired", f"{path} is no TOML: {failure}.") from None
    _known(str(path), found, ("model",))
    rows = found.get("model") or []
    if not isinstance(rows, list) or not rows:
        raise invalid_field("desired", f"{path} names no model.")
    models: dict[str, Model] = {}
    for number, row in enumerate(rows, 1):
        model = _model(path, f"{path}: model {number}", row)
        if model.name in models:
            raise invalid_field("desired", f"{path}: model {number}: {model.name!r} is told twice.")
        models[model.name] = model
    return models


def _model(path: Path, where: str, row: Any) -> Model:
    values = _table(where, row, Model)
    parts = tuple(
        _feature(f"{where}, feature {number}", one) for number, one in enumerate(values.pop("feature", ()), 1)
    )
    model = Model(**values, feature=parts)
    if not 0 < len(model.name) <= 40 or model.name != model.name.strip():
        raise invalid_field("desired", f"{where}: name has 1 to 40 characters and no blanks around it.")
    if len(model.revision) > 8 or not model.revision.isascii() or (not model.revision and "revision" in values):
        raise invalid_field("desired", f"{where}: revision has 1 to 8 ASCII characters, not {model.revision!r}.")
    if not model.revision and not model.has_settings:
        raise invalid_field("desired", f"{where}: it says nothing; give a revision, or what else drives should be.")
    if model.activation not in ACTIVATIONS:
        meant = nearest(model.activation, ACTIVATIONS)
        raise invalid_field("desired", f"{where}: activation is one of {', '.join(ACTIVATIONS)}{meant}")
    image = model.image
    if image and not (image.startswith("images/") and len(image) == 71 and not (path.parent / image).exists()):
        values["image"] = str((path.parent / image).absolute())
    return Model(**values, feature=parts)


def _feature(where: str, row: Any) -> Feature:
    found = Feature(**_table(where, row, Feature))
    for name in ("set", "select"):
        values = getattr(found, name)
        if not all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in values.values()):
            raise invalid_field("desired", f"{where}: {name} has numbers, {{ threshold_kelvin = 340 }}.")
    if not found.set:
        raise invalid_field("desired", f"{where}: set is missing: say what {found.name} should be.")
    return found


_TYPES: Final[Mapping[str, tuple[type, str]]] = {
    "str": (str, "a text"),
    "int": (int, "a number"),
    "bool": (bool, "true or false"),
    "Mapping[str, int]": (dict, "a table"),
    "tuple[Feature, ...]": (list, "a list of tables"),
}


def _table(where: str, row: Any, kind: type[Model] | type[Feature]) -> dict[str, Any]:
    """The values of a table, by the fields of `kind`: none that it has not, and each of its type."""
    if not isinstance(row, dict):
        raise invalid_field("desired", f"{where} is no table.")
    types = {one.name: _TYPES[str(one.type)] for one in fields(kind)}
    _known(where, row, types)
    if "name" not in row:
        raise invalid_field("desired", f"{where}: name is missing.")
    for name, value in row.items():
        wanted, text = types[name]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise invalid_field("desired", f"{where}: {name} is {text}, not {value!r}.")
    return dict(row)


def _known(where: str, row: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise INVALID_FIELD for a field that there is not."""
    names = [*known]
    for name in row:
        if name not in names:
            raise invalid_field("desired", f"{where}: there is no field {name!r}{nearest(name, names)}")
