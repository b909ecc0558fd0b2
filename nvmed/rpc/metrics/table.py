"""What one metric of each controller is, and its lines in Prometheus' text format.

They are made when a controller was sampled or scanned anew, and only put together by a scrape: 64 drives have ten
thousand lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.utils import floatToGoString

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.rotation import Logs
from nvmed.devices.sampler import Sample
from nvmed.nvme.health import OcpSmartLog, SmartLog
from nvmed.nvme.host import ControllerNode
from nvmed.nvme.surroundings import Surroundings

Values = Iterable[tuple[tuple[str, ...], float]]
"""Labels after the controller's, and a value."""


@dataclass(frozen=True, slots=True)
class DriveMetric:
    """One metric of each controller: a gauge, or a counter if its name ends with `_total`.

    One that `is_live` is asked at each scrape; others change with a sample or a scan.
    """

    name: str
    meaning: str
    values: Callable[[Device, Sample], Values]
    labels: tuple[str, ...] = ()
    is_live: bool = False

    @property
    def kind(self) -> str:
        """Its type."""
        return "counter" if self.name.endswith("_total") else "gauge"

    def head(self) -> str:
        """The lines before its values."""
        return f"# HELP {self.name} {self.meaning}\n# TYPE {self.name} {self.kind}\n"

    def lines(self, device: Device, sample: Sample) -> str:
        """Its values of one controller."""
        names = ("controller", *self.labels)
        return "".join(
            f"{self.name}{{{labelled(names, (device.name, *labels))}}} {_number(value)}\n"
            for labels, value in self.values(device, sample)
        )


def labelled(names: Sequence[str], values: Sequence[str]) -> str:
    """What stands between the braces."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The lines of one controller, and what they were made of."""

    sample: Sample
    node: ControllerNode
    lines: tuple[str, ...]


class DriveLines:
    """The lines of all controllers."""

    def __init__(self, inventory: Inventory, samples: Mapping[str, Sample], table: Sequence[DriveMetric]) -> None:
        self._inventory = inventory
        self._samples = samples
        self._table = table
        self._drawn: dict[str, _Drawn] = {}

    def sampled(self, device: Device, _: Sample, sample: Sample) -> None:
        """Make the lines of a controller that was sampled: for `Sampler.subscribe`."""
        self._drawn[device.name] = self._current(device, sample)

    def exposition(self) -> str:
        """All of them, by metric."""
        found = [(device, self._sample(device)) for device in self._inventory.known]
        drawn = self._drawn = {device.name: self._current(device, sample) for device, sample in found}
        parts: list[str] = []
        for number, metric in enumerate(self._table):
            parts.append(metric.head())
            if metric.is_live:
                parts += [metric.lines(device, sample) for device, sample in found]
            else:
                parts += [one.lines[number] for one in drawn.values()]
        return "".join(parts)

    def _sample(self, device: Device) -> Sample:
        return self._samples.get(device.name) or Sample(device.resource_name)

    def _current(self, device: Device, sample: Sample) -> _Drawn:
        before, node = self._drawn.get(device.name), device.node
        if before is not None and before.sample is sample and before.node == node:
            return before
        return _Drawn(
            sample, node, tuple("" if metric.is_live else metric.lines(device, sample) for metric in self._table)
        )


# -- values of one part of what is known; none where that part is not


def of_smart(value: Callable[[SmartLog], float]) -> Callable[[Device, Sample], Values]:
    """A value of SMART data."""
    return lambda _, sample: one(value(sample.smart)) if sample.smart else ()


def of_ocp(value: Callable[[OcpSmartLog], float | None]) -> Callable[[Device, Sample], Values]:
    """A value of OCP's extension of SMART data; None for one that this drive does not have."""
    return lambda _, sample: one(value(sample.logs.ocp)) if sample.logs.ocp else ()


def of_logs(values: Callable[[Logs], Values]) -> Callable[[Device, Sample], Values]:
    """Values of the other logs."""
    return lambda _, sample: values(sample.logs)


def of_around(values: Callable[[Surroundings], Values]) -> Callable[[Device, Sample], Values]:
    """Values of what is around a controller."""
    return lambda _, sample: values(sample.around) if sample.around else ()


def one(value: float | None) -> Iterator[tuple[tuple[str, ...], float]]:
    """A value without labels; none for None."""
    if value is not None:
        yield (), float(value)


def ratio(percent: int | float | None) -> float | None:
    """A percentage as Prometheus has it."""
    return None if percent is None else percent / 100
